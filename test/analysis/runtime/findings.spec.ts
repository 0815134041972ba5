import { type FindingCode, findingCodes, findings } from '../../../src/analysis/runtime/findings.js';
import type { RuntimeSource } from '../../../src/analysis/runtime/runtime-window.js';
import {
  applyThresholds,
  thresholdNames,
  thresholdTable,
  type ThresholdName,
} from '../../../src/analysis/runtime/thresholds.js';
import { type Course, MiB, sampled, sawtooth, windowOf } from './constructed.js';

const defaults = applyThresholds({});
const memStats = (columns: Record<string, Course>) => sampled({ source: 'memstats', columns });
const metrics = (columns: Record<string, Course>) => sampled({ source: 'runtime-metrics', columns });
const gctrace = (columns: Record<string, Course>) =>
  sampled({
    source: 'gctrace',
    columns: {
      count: () => 1,
      lastNumber: (m) => m + 1,
      sweepTerminationNanos: () => 0,
      sweepTerminationCpuNanos: () => 0,
      assistCpuNanos: () => 0,
      backgroundCpuNanos: () => 0,
      markTerminationCpuNanos: () => 0,
      markTerminationNanos: () => 1,
      processors: () => 1,
      ...columns,
    },
  });

/** Sources in which the number that a rule looks at has exactly this value. */
const cases: readonly [FindingCode, ThresholdName, step: number, (measure: number) => RuntimeSource[]][] = [
  ['gc-cpu', 'gc_cpu_share', 0.001, (x) => [memStats({ GCCPUFraction: () => x })]],
  ['gc-pauses', 'gc_pause_p99_ms', 0.01, (x) => [memStats({ 'PauseNs.p99': () => Math.round(x * 1e6) })]],
  ['gc-pauses', 'gc_pause_p99_ms', 0.01, (x) => [gctrace({ markTerminationNanos: () => Math.round(x * 1e6) })]],
  ['gc-frequency', 'gc_cycles_per_minute', 1, (x) => [memStats({ NumGC: (m) => m * x })]],
  [
    'gc-assists',
    'gc_assist_share',
    0.01,
    (x) => [
      gctrace({ assistCpuNanos: () => Math.round(x * 1e9), backgroundCpuNanos: () => Math.round((1 - x) * 1e9) }),
    ],
  ],
  [
    'gc-forced',
    'forced_gcs_per_hour',
    1,
    (x) => [memStats({ NumForcedGC: (m) => Math.round(((m * x) / 60) * 1e6) / 1e6 })],
  ],
  [
    'heap-nearly-full',
    'heap_alloc_share',
    0.01,
    (x) => [memStats({ HeapAlloc: () => Math.round(x * 1e6), HeapSys: () => 1e6 })],
  ],
  [
    'near-memory-limit',
    'memory_limit_share',
    0.01,
    (x) => [
      metrics({
        '/memory/classes/total:bytes': () => Math.round(x * 1e6),
        '/memory/classes/heap/released:bytes': () => 0,
        '/gc/gomemlimit:bytes': () => 1e6,
      }),
    ],
  ],
  [
    'near-container-limit',
    'container_limit_share',
    0.01,
    (x) => [
      sampled({ source: 'process-memory', columns: { VmRSS: () => Math.round(x * 1e6), 'memory.max': () => 1e6 } }),
    ],
  ],
  [
    'memory-not-returned',
    'idle_unreturned_bytes',
    MiB,
    (x) => [memStats({ HeapIdle: () => x + MiB, HeapReleased: () => MiB })],
  ],
  ['memory-returned', 'returned_bytes', MiB, (x) => [memStats({ HeapReleased: () => x, HeapSys: () => 2 * x })]],
  [
    'off-heap-memory',
    'off_heap_bytes',
    MiB,
    (x) => [
      memStats({ Sys: () => 50 * MiB, HeapReleased: () => 0 }),
      sampled({ source: 'process-memory', columns: { VmRSS: () => 50 * MiB + x } }),
    ],
  ],
  [
    'run-queue-lopsided',
    'lopsided_share',
    0.01,
    (x) => [
      sampled({
        source: 'schedtrace',
        columns: { count: () => 100, lopsided: () => Math.round(100 * x), localLongestMax: () => 57 },
      }),
    ],
  ],
  [
    'threads-growing',
    'threads_per_hour',
    1,
    (x) => [sampled({ source: 'process-memory', columns: { Threads: (m) => (m * x) / 60 } })],
  ],
  [
    'goroutines-growing',
    'goroutines_per_hour',
    10,
    (x) => [metrics({ '/sched/goroutines:goroutines': (m) => 10 + Math.round(m * x) / 60 })],
  ],
  [
    'goroutine-state-growing',
    'goroutine_state_per_hour',
    10,
    (x) => [sampled({ source: 'goroutine-states', columns: { 'chan receive': (m) => 10 + (m * x) / 60 } })],
  ],
  [
    'goroutine-state-dominating',
    'goroutine_state_share',
    0.01,
    (x) => [
      sampled({
        source: 'goroutine-states',
        columns: { select: () => Math.round(x * 10_000), running: () => Math.round((1 - x) * 10_000) },
      }),
    ],
  ],
  [
    'live-heap-growing',
    'live_heap_bytes_per_hour',
    MiB,
    (x) => [gctrace({ heapLiveBytes: (m) => 10 * MiB + (m * x) / 60 })],
  ],
];

test('every rule has a case here', () => {
  expect(new Set(cases.map(([code]) => code))).toEqual(new Set(findingCodes));
});

describe.each(cases)('%s', (code, name, step, sources) => {
  const codesAt = (measure: number, own = {}) =>
    findings(windowOf(...sources(measure)), applyThresholds(own)).filter((finding) => finding.code === code);
  const bound: number = thresholdTable[name].byDefault;

  it('is found just above its threshold and not just below', () => {
    expect(codesAt(bound - step)).toEqual([]);
    const [finding, ...others] = codesAt(bound + step);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ code, threshold: { name, value: bound }, instances: 1 });
    expect(finding.sentence).toMatch(/^a: .*\d.*\.$/);
    expect(finding.evidence.length).toBeGreaterThan(0);
    for (const { series, instance, unit } of finding.evidence) {
      expect([series, instance, unit].every((text) => text.length > 0)).toBe(true);
    }
  });

  it('follows the threshold that a tenant sets', () => {
    // Twice the bound of a share may be more than all there is.
    const own = Math.min(bound * 2, (bound + Math.min(thresholdTable[name].most, bound * 3)) / 2);
    expect(codesAt(bound + step, { [name]: own })).toEqual([]);
    expect(codesAt(own + step, { [name]: own })).toHaveLength(1);
  });
});

it('a saw over a flat live heap is no growth', () => {
  const window = windowOf(memStats({ HeapAlloc: sawtooth(() => 500 * MiB) }));
  expect(findings(window, defaults).map(({ code }) => code)).not.toContain('live-heap-growing');
});

it('one finding speaks for all instances that it is true of, the worst first', () => {
  const at = (instance: string, share: number) =>
    sampled({ instance, source: 'memstats', columns: { GCCPUFraction: () => share } });
  const found = findings(windowOf(at('a', 0.2), at('b', 0.5), at('c', 0.1), at('d', 0.2)), defaults);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ code: 'gc-cpu', severity: 'critical', instances: 3 });
  expect(found[0].sentence).toBe(
    'b: the garbage collector takes 50 % of the CPU time since the process started, more than 15 %; the same on 2 other instances.',
  );
  expect(found[0].evidence.map(({ instance, value }) => [instance, value])).toEqual([
    ['b', 0.5],
    ['a', 0.2],
    ['d', 0.2],
  ]);
});

it('names from outside cannot write on a terminal', () => {
  const state = 'chan\u001b[2Jreceive';
  const window = windowOf(sampled({ source: 'goroutine-states', columns: { [state]: () => 5_000 } }));
  const [finding] = findings(window, defaults);
  expect(finding.code).toBe('goroutine-state-dominating');
  expect(finding.sentence).not.toContain('\u001b');
});

it('nothing is found in nothing', () => {
  expect(findings(windowOf(), defaults)).toEqual([]);
  expect(findings(windowOf(memStats({})), defaults)).toEqual([]);
});

describe('thresholds', () => {
  it('are the defaults with own values over them; unknown names, other types and values out of range have no effect', () => {
    expect(applyThresholds({ gc_cpu_share: 0.5 })).toEqual({ ...defaults, gc_cpu_share: 0.5 });
    expect(applyThresholds({ gc_cpu_share: 2, bogus: 1, off_heap_bytes: 'many', ['__proto__']: 1 })).toEqual(defaults);
    for (const name of thresholdNames) {
      const { byDefault, least, most } = thresholdTable[name];
      expect(byDefault).toBeGreaterThanOrEqual(least);
      expect(byDefault).toBeLessThanOrEqual(most);
    }
  });
});
