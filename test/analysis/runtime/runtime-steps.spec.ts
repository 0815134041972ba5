import fc from 'fast-check';
import { findings } from '../../../src/analysis/runtime/findings.js';
import { runtimeLines, type StepOptions } from '../../../src/analysis/runtime/runtime-steps.js';
import { type RuntimeSource, type RuntimeWindow, runtimeWindow } from '../../../src/analysis/runtime/runtime-window.js';
import { applyThresholds } from '../../../src/analysis/runtime/thresholds.js';
import { runtimeTimeline } from '../../../src/analysis/runtime/timeline-answer.js';
import { verdictOf } from '../../../src/analysis/runtime/verdict.js';
import { sliceTable } from '../../../src/analysis/series-table.js';
import { bucketEdges } from '../../../src/analysis/timeline-buckets.js';
import { begin, hour, MiB, minute, sampled, windowOf } from './constructed.js';

const steps = (stepMillis = hour, stat: StepOptions['stat'] = 'mean'): StepOptions => ({
  edges: bucketEdges(begin, begin + 2 * hour, stepMillis),
  stat,
});
const line = (window: RuntimeWindow, name: string, options = steps()) =>
  runtimeLines(window, options).find((one) => one.name === name);
const numbers = (window: RuntimeWindow, name: string, options = steps()) =>
  line(window, name, options)?.points.map(({ value }) => Number(value));
const ratios = (window: RuntimeWindow, name: string, options = steps()) =>
  numbers(window, name, options)?.map((value) => value / 1e9);

const heap = (instance: string, bytes: number, range: object = {}) =>
  sampled({ instance, source: 'memstats', columns: { HeapAlloc: () => bytes }, ...range });

describe('sources of one number', () => {
  it('a second one does not double it, and it is said which one counts', () => {
    const window = windowOf(
      heap('a', 100 * MiB),
      sampled({ source: 'prometheus', columns: { go_memstats_heap_alloc_bytes: () => 101 * MiB } }),
    );
    expect(numbers(window, 'heap_alloc')).toEqual([100 * MiB, 100 * MiB]);
    expect(line(window, 'heap_alloc')?.sources).toEqual(['memstats']);
  });

  it('the one that speaks for clearly more of the window counts', () => {
    const window = windowOf(
      heap('a', 100 * MiB, { to: 20 }),
      sampled({ source: 'prometheus', columns: { go_memstats_heap_alloc_bytes: () => 101 * MiB } }),
    );
    expect(line(window, 'heap_alloc')?.sources).toEqual(['prometheus']);
  });

  it('each instance has its own', () => {
    const window = windowOf(
      heap('a', 100 * MiB),
      sampled({ instance: 'b', source: 'prometheus', columns: { go_memstats_heap_alloc_bytes: () => 50 * MiB } }),
    );
    expect(numbers(window, 'heap_alloc')).toEqual([150 * MiB, 150 * MiB]);
    expect(line(window, 'heap_alloc')?.sources).toEqual(['memstats', 'prometheus']);
  });

  it('a limit that is not set is no number', () => {
    const window = windowOf(sampled({ source: 'runtime-metrics', columns: { '/gc/gomemlimit:bytes': () => 2 ** 63 } }));
    expect(line(window, 'memory_limit')).toBeUndefined();
  });
});

it('the order of snapshots, sources and instances makes no difference', () => {
  const whole: RuntimeSource[] = [
    ...['a', 'b', 'c'].map((instance, i) =>
      sampled({
        instance,
        source: 'memstats',
        columns: {
          HeapAlloc: (m) => Math.round((100 + i + (m % 7)) * MiB),
          // b restarts in the middle.
          TotalAlloc: (m) => (instance === 'b' && m >= 60 ? m - 59 : m + 1) * MiB,
          NumGC: (m) => (instance === 'b' && m >= 60 ? m - 60 : m),
        },
      }),
    ),
    sampled({ source: 'goroutine-states', every: 5, columns: { total: () => 10, select: () => 4, running: () => 6 } }),
    sampled({ source: 'gctrace', columns: cycleColumns }),
  ];
  const options = { ...steps(10 * minute), byInstance: true };
  const expected = runtimeTimeline(windowOf(...whole), { ...options, stepSeconds: 600 });
  fc.assert(
    fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (order) => {
      const window = windowOf(...order.map((index) => whole[index]));
      expect(runtimeTimeline(window, { ...options, stepSeconds: 600 })).toEqual(expected);
    }),
    { numRuns: 20 },
  );
});

/** One collection a minute: stops of 1 ms, of 9 ms every fiftieth; 6 s of CPU a minute of 2 Ps, a third of it assists. */
const cycleColumns = {
  count: () => 1,
  lastNumber: (m: number) => m + 1,
  sweepTerminationNanos: () => 500_000,
  markTerminationNanos: (m: number) => (m % 50 === 49 ? 8_500_000 : 500_000),
  markNanos: () => 20_000_000,
  sweepTerminationCpuNanos: () => 500_000_000,
  assistCpuNanos: () => 2_000_000_000,
  backgroundCpuNanos: () => 3_000_000_000,
  markTerminationCpuNanos: () => 500_000_000,
  processors: () => 2,
  heapLiveBytes: () => 64 * MiB,
  goalBytes: () => 128 * MiB,
};

describe('counters', () => {
  it('a restart does not make them negative: what the new process counted is growth', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 118 }), fc.integer({ min: 1, max: 1000 }), (restart, perMinute) => {
        const window = windowOf(
          sampled({
            source: 'memstats',
            columns: { TotalAlloc: (m) => (m < restart ? 1_000_000 + m * perMinute : (m - restart + 1) * perMinute) },
          }),
        );
        const [instance] = window.instances;
        expect(instance.lifetimes.map(({ evidence }) => evidence)).toEqual([null, 'counter']);
        const values = numbers(window, 'alloc_bytes_total', steps(minute))!;
        expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
        expect(values.reduce((a, b) => a + b, 0)).toBe(119 * perMinute);
      }),
      { numRuns: 30 },
    );
  });

  it('a single snapshot says nothing about growth', () => {
    const window = windowOf(sampled({ source: 'memstats', to: 1, columns: { TotalAlloc: () => 5 * MiB } }));
    expect(line(window, 'alloc_bytes_total')).toBeUndefined();
  });

  it('are rates by the seconds in which they were counted', () => {
    const window = windowOf(sampled({ source: 'memstats', to: 31, columns: { TotalAlloc: (m) => m * 60 * MiB } }));
    const [point] = line(window, 'alloc_bytes_total')!.points;
    expect(point).toMatchObject({ coveredMillis: 30 * minute, perSecond: MiB });
  });
});

describe('gauges', () => {
  it('missing is never 0: a process that was silent holds nothing', () => {
    const window = windowOf(heap('a', 10, { to: 60 }), heap('b', 20));
    expect(numbers(window, 'heap_alloc', steps(hour, 'last'))).toEqual([30, 20]);
    const alone = windowOf(heap('a', 10, { to: 30 }));
    expect(line(alone, 'heap_alloc')!.points).toHaveLength(1);
  });

  it('a state that a dump does not name has no goroutines; a moment without a dump says nothing', () => {
    const window = windowOf(
      sampled({
        source: 'goroutine-states',
        to: 60,
        columns: { total: () => 4, 'chan receive': (m) => (m < 30 ? 4 : null), select: (m) => (m < 30 ? null : 4) },
      }),
    );
    const states = runtimeLines(window, steps(30 * minute)).filter(({ name }) => name === 'goroutine_state');
    const counts = Object.fromEntries(
      states.map(({ state, points }) => [state, points.slice(0, 2).map((p) => p.value)]),
    );
    expect(counts).toMatchObject({ 'chan receive': [4n, 0n], select: [0n, 4n] });
    expect(numbers(window, 'goroutines', steps(hour))?.[0]).toBe(4);
  });

  it('a state may have any name', () => {
    const columns = { total: () => 3, goroutines: () => 1, __proto__x: () => 2, ['__proto__']: () => 0 };
    const window = windowOf(sampled({ source: 'goroutine-states', columns }));
    expect([...window.instances[0].states.keys()]).toEqual(['goroutines', '__proto__x', '__proto__']);
    expect(numbers(window, 'goroutines')).toEqual([3, 3]);
  });
});

describe('the collector', () => {
  const traced = windowOf(sampled({ source: 'gctrace', columns: cycleColumns }));

  it('its share of the CPU is that of the cycles where a log has them', () => {
    expect(line(traced, 'gc_cpu_share')).toMatchObject({ basis: 'cycles', sources: ['gctrace'] });
    expect(ratios(traced, 'gc_cpu_share')).toEqual([0.05, 0.05]);
    expect(ratios(traced, 'gc_assist_share')?.map((value) => value.toFixed(6))).toEqual(['0.333333', '0.333333']);
  });

  it('its share is that of counters in the window, not since the start, where there are counters', () => {
    const window = windowOf(
      sampled({
        source: 'runtime-metrics',
        columns: {
          '/cpu/classes/gc/total:cpu-seconds': (m) => 5_000 + m * 3,
          '/cpu/classes/gc/mark/idle:cpu-seconds': (m) => 4_000 + m,
          '/cpu/classes/total:cpu-seconds': (m) => 10_000 + m * 8,
        },
      }),
    );
    expect(line(window, 'gc_cpu_share')).toMatchObject({ basis: 'counters', meaning: 'share' });
    expect(ratios(window, 'gc_cpu_share')).toEqual([0.25, 0.25]);
    const started = windowOf(sampled({ source: 'memstats', columns: { GCCPUFraction: () => 0.125 } }));
    expect(line(started, 'gc_cpu_share')).toMatchObject({ basis: 'since-start', meaning: 'average' });
    expect(ratios(started, 'gc_cpu_share')).toEqual([0.125, 0.125]);
  });

  it('pauses are those of the cycles in the step, else of the last 256 as the process said', () => {
    expect(line(traced, 'gc_pause_p50')).toMatchObject({ basis: 'cycles', unit: 'nanoseconds' });
    expect(numbers(traced, 'gc_pause_p50')).toEqual([1_000_000, 1_000_000]);
    expect(numbers(traced, 'gc_pause_p99')).toEqual([9_000_000, 9_000_000]);
    const ring = (instance: string, p99: number) =>
      sampled({ instance, source: 'memstats', columns: { 'PauseNs.p99': () => p99 } });
    const window = windowOf(ring('a', 3_000_000), ring('b', 7_000_000));
    expect(line(window, 'gc_pause_p99')).toMatchObject({ basis: 'last-256-pauses', sources: ['memstats'] });
    // The worst of both: quantiles do not add up.
    expect(numbers(window, 'gc_pause_p99')).toEqual([7_000_000, 7_000_000]);
  });

  it('cycles a minute come from any count of them', () => {
    expect(ratios(traced, 'gc_cycles_per_minute')).toEqual([1, 1]);
    const window = windowOf(sampled({ source: 'memstats', columns: { NumGC: (m) => m * 4 } }));
    expect(ratios(window, 'gc_cycles_per_minute')).toEqual([4, 4]);
  });
});

it('a window reads the same whether it is cut out of a long history or was all there is, where counters are concerned', () => {
  const long = sampled({ source: 'memstats', from: -60, to: 180, columns: { TotalAlloc: (m) => (m + 61) * MiB } });
  const window = runtimeWindow([long], begin, begin + hour);
  const inner = { ...long, table: sliceTable(long.table, 60, 121) };
  const edges = bucketEdges(begin, begin + hour, 10 * minute);
  const points = (w: RuntimeWindow) => line(w, 'alloc_bytes_total', { edges, stat: 'mean' })?.points;
  expect(points(runtimeWindow([inner], begin, begin + hour))).toEqual(points(window));
});

it('numbers that cannot be are not there; they make nothing fail', () => {
  const odd = [Infinity, -Infinity, NaN, 1e308, -1e308, 5e-324];
  const course = (m: number): number => odd[m % odd.length] ?? 0;
  const window = windowOf(
    sampled({
      source: 'prometheus',
      columns: {
        go_goroutines: course,
        process_start_time_seconds: course,
        go_memstats_gc_cpu_fraction: course,
        go_memstats_alloc_bytes_total: course,
        go_memstats_sys_bytes: course,
        process_resident_memory_bytes: () => 5 * MiB,
      },
    }),
    sampled({ source: 'goroutine-states', columns: { total: course, select: course } }),
    sampled({ source: 'gctrace', columns: { ...cycleColumns, processors: course, backgroundCpuNanos: course } }),
  );
  const timeline = runtimeTimeline(window, { ...steps(), stepSeconds: 3600 });
  expect(timeline.series.find(({ name }) => name === 'rss')?.points[0].value).toBe(String(5 * MiB));
  expect(JSON.stringify(timeline)).not.toMatch(/NaN|Infinity|null,"covered_seconds":null/);
  expect(() => findings(window, applyThresholds({}))).not.toThrow();
  expect(() => verdictOf(window, applyThresholds({}))).not.toThrow();
});
