import { goldenLines, logFixtures, readLog } from './log-fixtures.js';

const fixtures = new Map(logFixtures().map(({ name, bytes }) => [name, bytes]));
const gctraces = goldenLines('logs-gctrace.txt').filter(([name]) => fixtures.has(name));
const schedtraces = goldenLines('logs-sched.txt').filter(([name]) => fixtures.has(name));

it('there are logs of all formats', () => {
  expect(gctraces.length).toBeGreaterThanOrEqual(10);
  expect(schedtraces.length).toBeGreaterThanOrEqual(10);
});

it.each(gctraces)('%s: every cycle is found, torn lines are repaired, numbers have no gap', (name, golden) => {
  const [, cycles, last, repaired] = /^gc (\d+) last (\d+) repaired (\d+) gaps 0 /.exec(golden)!.map(Number);
  const { gctrace } = readLog(fixtures.get(name)!);
  expect(gctrace!.counts).toMatchObject({ cycles, repaired, missing: 0 });
  expect(gctrace!.losses).toEqual([]);
  expect(gctrace!.lifetimes).toHaveLength(1);
  expect(gctrace!.lifetimes[0]).toMatchObject({ firstNumber: 1, lastNumber: last });
  expect(Array.from(gctrace!.cycles.firstNumber)).toEqual(Array.from({ length: cycles }, (_, i) => i + 1));
});

it.each(schedtraces)('%s: every SCHED, P, M and G line is understood', (name, golden) => {
  const lines = JSON.parse(/^\{.*?\}/.exec(golden)![0]) as Record<'S' | 'P' | 'M' | 'G', number>;
  const { schedtrace } = readLog(fixtures.get(name)!);
  expect(schedtrace!.counts).toEqual({
    samples: lines.S,
    processorLines: lines.P,
    threadLines: lines.M,
    goroutineLines: lines.G,
    repaired: 0,
  });
  expect(schedtrace!.losses).toEqual([]);
  expect(schedtrace!.detail?.blocks ?? 0).toBe(lines.P > 0 ? lines.S : 0);
});

describe('a damaged log', () => {
  it('of a process that was restarted has two lifetimes, each contiguous', () => {
    const { lifetimes, counts } = readLog(fixtures.get('malformed/gctrace-restart.log')!).gctrace!;
    expect(lifetimes.map(({ firstNumber, cycles, lastNumber }) => [firstNumber, cycles, lastNumber])).toEqual([
      [1, 97, 97],
      [1, 81, 81],
    ]);
    expect(counts.missing).toBe(0);
  });

  it('of two processes at once has both, each contiguous', () => {
    const { lifetimes, cycles, counts } = readLog(fixtures.get('malformed/gctrace-two-processes.log')!).gctrace!;
    expect(lifetimes.map(({ cycles: count, lastNumber }) => [count, lastNumber])).toEqual([
      [85, 85],
      [93, 93],
    ]);
    expect(counts.missing).toBe(0);
    for (const { firstRow, endRow } of lifetimes) {
      const starts = Array.from(cycles.firstStartNanos.subarray(firstRow, endRow));
      expect(starts).toEqual([...starts].sort((a, b) => a - b));
    }
  });

  it('that ends within a line says so, and in which', () => {
    const { gctrace, cut } = readLog(fixtures.get('malformed/gctrace-truncated-tail.log')!);
    expect(cut).toBe(true);
    expect(gctrace!.counts.cycles).toBe(42);
    expect(gctrace!.losses).toEqual([{ code: 'cut', count: 1, lines: [53] }]);
  });

  it('behind the prefix of docker compose reads as without it', () => {
    const { gctrace, wrappers } = readLog(fixtures.get('malformed/gctrace-prefixed.log')!);
    expect(wrappers).toEqual(['compose', 'go-log']);
    expect(gctrace!.counts).toMatchObject({ cycles: 163, missing: 0 });
    expect(gctrace!.losses).toEqual([]);
  });
});
