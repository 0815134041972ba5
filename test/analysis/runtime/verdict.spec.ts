import type { RuntimeSource } from '../../../src/analysis/runtime/runtime-window.js';
import { applyThresholds } from '../../../src/analysis/runtime/thresholds.js';
import { verdictOf } from '../../../src/analysis/runtime/verdict.js';
import { type Course, MiB, sampled, sawtooth, windowOf } from './constructed.js';

const judge = (...sources: RuntimeSource[]) => verdictOf(windowOf(...sources), applyThresholds({}));
const flat =
  (mib: number): Course =>
  () =>
    mib * MiB;
const rising =
  (mib: number, perHour: number): Course =>
  (m) =>
    Math.round((mib + (perHour * m) / 60) * MiB);

interface Memory {
  live?: Course;
  inUse?: Course;
  idle?: Course;
  released?: Course;
  stacks?: Course;
  goroutines?: Course;
  goal?: Course;
  rssAbove?: Course;
  gogc?: Course;
}

/** A process that sends runtime metrics, MemStats and /proc/PID/status; what is not given is flat. */
function process(memory: Memory, instance = 'a'): RuntimeSource[] {
  const live = memory.live ?? flat(100);
  const inUse = memory.inUse ?? ((m) => Math.round(1.8 * live(m)!));
  const idle = memory.idle ?? flat(40);
  const released = memory.released ?? flat(20);
  const stacks = memory.stacks ?? flat(4);
  const sys: Course = (m) => inUse(m)! + idle(m)! + stacks(m)! + 10 * MiB;
  return [
    sampled({
      instance,
      source: 'memstats',
      columns: {
        HeapAlloc: (m) => Math.round(inUse(m)! * 0.95),
        HeapInuse: inUse,
        HeapIdle: idle,
        HeapReleased: released,
        StackInuse: stacks,
        Sys: sys,
        NextGC: memory.goal ?? ((m) => 2 * live(m)!),
        TotalAlloc: (m) => (m + 1) * MiB,
      },
    }),
    sampled({
      instance,
      source: 'runtime-metrics',
      columns: {
        '/gc/heap/live:bytes': live,
        '/sched/goroutines:goroutines': memory.goroutines ?? (() => 50),
        '/gc/gogc:percent': memory.gogc ?? (() => 100),
        '/gc/gomemlimit:bytes': () => 2 ** 63,
      },
    }),
    sampled({
      instance,
      source: 'process-memory',
      columns: { VmRSS: (m) => sys(m)! - released(m)! + (memory.rssAbove ?? flat(15))(m)! },
    }),
  ];
}

describe('why memory grows', () => {
  it('objects that stay alive', () => {
    const verdict = judge(...process({ live: rising(100, 60) }));
    expect(verdict).toMatchObject({ verdict: 'live-heap', growth: { series: 'rss', steady: true } });
    const [first, ...others] = verdict.candidates;
    expect(first.share).toBeGreaterThan(0.9);
    expect(first.bytes_per_hour / MiB).toBeCloseTo(60, 0);
    expect(others.map(({ cause }) => cause)).toEqual([]);
    expect(verdict.sentence).toMatch(/^rss grows by \+1\d\dMB\/h|^rss grows by \+1\d\d\.\d+MB\/h/);
    expect(verdict.counter_evidence).toContain('The number of goroutines does not grow.');
    expect(verdict.missing).toEqual([]);
  });

  it('goroutines that do not end, with their stacks and what they hold', () => {
    const verdict = judge(
      ...process({ goroutines: (m) => 50 + m * 100, stacks: rising(4, 48), live: rising(100, 20) }),
    );
    expect(verdict.verdict).toBe('goroutines');
    expect(verdict.candidates[0].evidence[0]).toMatch(/^Goroutines grow by 6000 an hour, from \d+ to \d+/);
    expect(verdict.candidates[0].evidence[1]).toMatch(/8\.19kB for each/);
    expect(verdict.candidates[0].share).toBeGreaterThan(0.9);
  });

  it('the collector lets the heap grow above what lives in it', () => {
    const verdict = judge(
      ...process({
        inUse: rising(180, 120),
        goal: rising(200, 130),
        gogc: (m) => (m < 40 ? 100 : m < 80 ? 200 : 400),
      }),
    );
    expect(verdict.verdict).toBe('gc-pacing');
    expect(verdict.counter_evidence).toContain('The live heap does not grow.');
    expect(verdict.candidates[0].evidence.join(' ')).toMatch(
      /goal grows by \+130MB\/h.*GOGC was raised from 100 to 400/,
    );
  });

  it('memory that the heap does not need any more and has not returned', () => {
    const verdict = judge(...process({ idle: rising(40, 90) }));
    expect(verdict.verdict).toBe('unreturned-memory');
    expect(verdict.candidates[0].share).toBeCloseTo(1, 1);
    expect(verdict.candidates[0].evidence[0]).toContain('HeapIdle − HeapReleased');
  });

  it('memory outside of the Go heap', () => {
    const verdict = judge(...process({ rssAbove: rising(15, 80) }));
    expect(verdict.verdict).toBe('off-heap');
    expect(verdict.candidates.map(({ cause }) => cause)).toEqual(['off-heap']);
    expect(verdict.candidates[0].bytes_per_hour / MiB).toBeCloseTo(80, 0);
  });

  it('it does not', () => {
    const verdict = judge(...process({}));
    expect(verdict).toMatchObject({ verdict: 'none', candidates: [] });
    expect(verdict.counter_evidence).toEqual([
      'The live heap does not grow.',
      'The number of goroutines does not grow.',
      'The RSS does not grow beyond what the Go runtime holds.',
    ]);
  });
});

describe('what is not growth', () => {
  it('the saw of the collector over a flat live heap, though nobody sent the live heap', () => {
    const alloc = sawtooth(flat(200));
    const source = sampled({
      source: 'memstats',
      columns: { HeapAlloc: alloc, HeapInuse: alloc, Sys: flat(500), HeapReleased: flat(0) },
    });
    expect(judge(source).verdict).toBe('none');
  });

  it('a process that starts and reaches its level', () => {
    const level: Course = (m) => Math.round(100 * MiB * (1 - Math.exp(-m / 8)));
    expect(judge(...process({ live: level })).verdict).toBe('none');
  });

  it('a process after the other, each from small to the same size', () => {
    // Restarts every half an hour, at a level that does not move while it runs.
    const sources = [0, 1, 2, 3].map((life) =>
      sampled({
        source: 'memstats',
        from: life * 30,
        to: life * 30 + 30,
        columns: { Sys: flat(100 + life), HeapReleased: flat(0), TotalAlloc: (m) => (m - life * 30 + 1) * MiB },
      }),
    );
    expect(judge(...sources).verdict).toBe('none');
  });
});

it('a leak that restarts hide is judged within the processes', () => {
  const sources = [0, 1, 2].map((life) =>
    sampled({
      source: 'memstats',
      from: life * 40,
      to: life * 40 + 40,
      columns: {
        Sys: (m) => Math.round((100 + (m - life * 40) * 4) * MiB),
        HeapReleased: flat(0),
        HeapAlloc: (m) => Math.round((50 + (m - life * 40) * 3) * MiB),
        TotalAlloc: (m) => (m - life * 40 + 1) * MiB,
      },
    }),
  );
  const verdict = judge(...sources);
  expect(verdict).toMatchObject({ verdict: 'live-heap', growth: { series: 'footprint' } });
  expect(verdict.growth!.bytes_per_hour / MiB).toBeCloseTo(240, 0);
  expect(verdict.counter_evidence).toContain('There were 2 restarts: growth is that within the processes.');
});

it('rates add up over the instances, and each is told', () => {
  const one = judge(...process({ live: rising(100, 60) }));
  const two = judge(...process({ live: rising(100, 60) }), ...process({ live: rising(100, 60) }, 'b'));
  expect(two.growth!.bytes_per_hour).toBeCloseTo(2 * one.growth!.bytes_per_hour, -2);
  expect(two.instances.map(({ instance }) => instance)).toEqual(['a', 'b']);
  expect(two.candidates[0].share).toBeCloseTo(one.candidates[0].share!);
  const mixed = judge(...process({ live: rising(100, 60) }), ...process({}, 'b'));
  expect(mixed.verdict).toBe('live-heap');
  expect(mixed.instances[0].instance).toBe('a');
});

it('says what is missing to be sure, and how to send it', () => {
  const verdict = judge(
    sampled({ source: 'memstats', columns: { HeapAlloc: rising(50, 60), HeapInuse: rising(60, 60) } }),
  );
  expect(verdict.growth?.series).toBe('heap_in_use');
  expect(verdict.missing.join('\n')).toMatch(/No RSS was sent: send \/proc\/PID\/status/);
  expect(verdict.missing.join('\n')).toMatch(/gctrace=1/);
  expect(verdict.missing.join('\n')).toMatch(/GOGC/);
  expect(verdict.candidates[0]).toMatchObject({ cause: 'live-heap' });
  expect(verdict.candidates[0].counter_evidence.join()).toContain('HeapAlloc comes down to');
});

it('little is not enough for a verdict', () => {
  const short = sampled({ source: 'memstats', to: 3, columns: { HeapInuse: rising(60, 6000) } });
  expect(judge(short)).toMatchObject({ verdict: 'unknown', growth: null, candidates: [] });
  expect(judge()).toMatchObject({ verdict: 'unknown' });
});

it('growth that nothing explains is called unknown, not guessed at', () => {
  const verdict = judge(sampled({ source: 'process-memory', columns: { VmRSS: rising(100, 60) } }));
  expect(verdict).toMatchObject({ verdict: 'unknown', growth: { series: 'rss', steady: true }, candidates: [] });
  expect(verdict.sentence).toMatch(/nothing that was sent explains it/);
});
