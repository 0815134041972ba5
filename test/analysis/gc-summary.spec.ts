import { cyclePhases, gcSummary, gcTimeline, rowOfCycle } from '../../src/analysis/gc-summary.js';
import { defaultLogLimits } from '../../src/formats/log/limits.js';
import { logFixture, readLog } from '../formats/log-fixtures.js';

const MiB = 1024 * 1024;

/** A cycle of 1 ms stops and 8 ms mark on 4 Ps. */
const cycle = (
  number: number,
  second: number,
  live: number,
  more: { a?: string; p?: number; forced?: boolean } = {},
): string =>
  `gc ${number} @${second}.000s 1%: ${more.a ?? '0.50'}+8.0+0.50 ms clock, 2.0+4.0/8.0/3.0+2.0 ms cpu, ${live + 1}->${live + 2}->${live} MB, ${live + 1} MB goal, ${more.p ?? 4} P${more.forced ? ' (forced)' : ''}`;

const trace = readLog(
  [
    cycle(1, 10, 100),
    cycle(2, 20, 110, { a: '4.5' }),
    cycle(3, 30, 120, { forced: true }),
    cycle(4, 40, 130, { p: 2 }),
  ].join('\n'),
).gctrace!;

describe('the summary of a process', () => {
  const summary = gcSummary(trace, 0)!;

  it('covers it from its start to the end of the last cycle', () => {
    expect(summary).toMatchObject({ fromNanos: 0, toNanos: 40_009_000_000, cycles: 4, missing: 0, approximate: false });
    expect(summary.cyclesPerMinute).toBeCloseTo((4 / 40.009) * 60, 10);
  });

  it('has pauses as the two stops of a cycle together', () => {
    expect(summary.pause).toMatchObject({
      p50Nanos: 1_000_000,
      p99Nanos: 5_000_000,
      maxNanos: 5_000_000,
      maxStopNanos: 4_500_000,
      totalNanos: 8_000_000,
    });
    expect(summary.pause.share).toBeCloseTo(0.008 / 40.009, 10);
  });

  it('has the CPU share by elapsed time x Ps, where a GOMAXPROCS holds until the next cycle', () => {
    const capacity = 40 * 4 + 0.009 * 2;
    expect(summary.cpuShare).toBeCloseTo((4 * 0.016) / capacity, 10);
    expect(summary.idleCpuShare).toBeCloseTo((4 * 0.003) / capacity, 10);
    expect(summary.assistShare).toBeCloseTo(4 / 16, 10);
    expect(summary.processors).toEqual({ last: 2, min: 2, max: 4 });
  });

  it('has the live heap with its slope, the goal and the forced share', () => {
    expect(summary.live).toMatchObject({
      firstBytes: 100 * MiB,
      lastBytes: 130 * MiB,
      minBytes: 100 * MiB,
      maxBytes: 130 * MiB,
    });
    expect(summary.live.slopeBytesPerHour).toBeCloseTo(3600 * MiB, 0);
    expect(summary.goalRatio).toBeCloseTo((102 + 112 + 122 + 132) / (101 + 111 + 121 + 131), 10);
    expect(summary).toMatchObject({ overGoalShare: 1, forcedShare: 0.25, stacksLastBytes: null });
  });
});

it('a window holds the cycles that start in it, and nothing else is an answer of 0', () => {
  const summary = gcSummary(trace, 0, { fromNanos: 20e9, toNanos: 40e9 })!;
  expect(summary).toMatchObject({ cycles: 2, forcedShare: 0.5, cyclesPerMinute: 6 });
  expect(summary.cpuShare).toBeCloseTo((2 * 0.016) / (20 * 4), 10);
  expect(gcSummary(trace, 0, { fromNanos: 21e9, toNanos: 22e9 })).toBeNull();
});

it('windows of a timeline hold every cycle once', () => {
  for (const windows of [1, 2, 3, 7, 50]) {
    const parts = gcTimeline(trace, 0, windows);
    expect(parts).toHaveLength(windows);
    expect(parts.reduce((sum, part) => sum + (part?.cycles ?? 0), 0)).toBe(4);
  }
});

it('the phases of a cycle follow each other', () => {
  const phases = cyclePhases(trace.cycles, rowOfCycle(trace, 0, 2));
  expect(phases).toEqual([
    { phase: 'sweep termination', stopTheWorld: true, startNanos: 0, durationNanos: 4.5e6, cpuNanos: 2e6 },
    {
      phase: 'concurrent mark',
      stopTheWorld: false,
      startNanos: 4.5e6,
      durationNanos: 8e6,
      cpuNanos: 15e6,
      cpu: { assistNanos: 4e6, backgroundNanos: 8e6, idleNanos: 3e6 },
    },
    { phase: 'mark termination', stopTheWorld: true, startNanos: 12.5e6, durationNanos: 0.5e6, cpuNanos: 2e6 },
  ]);
  expect(rowOfCycle(trace, 0, 5)).toBe(-1);
});

// Until Go 1.21 the runtime's own percentage is made of the same figures; later it does not count the time to stop.
it.each(['go1.15/gctrace.log', 'go1.21/gctrace.log'])('%s: the CPU share is what the runtime says itself', (name) => {
  const real = readLog(logFixture(name)).gctrace!;
  for (const part of [1, 0.5, 0.1]) {
    const toNanos = real.cycles.lastEndNanos.at(-1)! * part;
    const summary = gcSummary(real, 0, { fromNanos: 0, toNanos })!;
    expect(Math.abs(summary.cpuShare! * 100 - (summary.cpuPercentSinceStart + 0.5))).toBeLessThan(1.5);
  }
});

it('of merged cycles has the same totals and says that the rest is approximate', () => {
  const bytes = logFixture('go1.21/gctrace.log');
  const exact = gcSummary(readLog(bytes).gctrace!, 0)!;
  const merged = gcSummary(readLog(bytes, { limits: { ...defaultLogLimits, gcRows: 200 } }).gctrace!, 0)!;
  expect(merged.approximate).toBe(true);
  expect(merged.cycles).toBe(exact.cycles);
  expect(merged.cpuShare).toBeCloseTo(exact.cpuShare!, 12);
  expect(merged.pause.maxNanos).toBe(exact.pause.maxNanos);
  expect(merged.pause.totalNanos).toBe(exact.pause.totalNanos);
  expect(Math.abs(merged.pause.p99Nanos / exact.pause.p99Nanos - 1)).toBeLessThan(0.35);
  expect(merged.live).toMatchObject({ minBytes: exact.live.minBytes, lastBytes: exact.live.lastBytes });
});
