/** How runtime/metrics counts a metric. */
export type MetricKind = 'uint64' | 'float64' | 'histogram';

export interface RuntimeMetric {
  readonly name: string;
  readonly kind: MetricKind;
  /** A counter only grows during the life of the process. */
  readonly type: 'gauge' | 'counter';
  readonly unit: string;
}

const counters = [
  '/cgo/go-to-c-calls:calls',
  '/gc/cleanups/executed:cleanups',
  '/gc/cleanups/queued:cleanups',
  '/gc/cycles/automatic:gc-cycles',
  '/gc/cycles/forced:gc-cycles',
  '/gc/cycles/total:gc-cycles',
  '/gc/finalizers/executed:finalizers',
  '/gc/finalizers/queued:finalizers',
  '/gc/heap/allocs:bytes',
  '/gc/heap/allocs:objects',
  '/gc/heap/frees:bytes',
  '/gc/heap/frees:objects',
  '/gc/heap/tiny/allocs:objects',
  '/sched/goroutines-created:goroutines',
];

const secondsCounters = [
  '/cpu/classes/gc/mark/assist:cpu-seconds',
  '/cpu/classes/gc/mark/dedicated:cpu-seconds',
  '/cpu/classes/gc/mark/idle:cpu-seconds',
  '/cpu/classes/gc/pause:cpu-seconds',
  '/cpu/classes/gc/total:cpu-seconds',
  '/cpu/classes/idle:cpu-seconds',
  '/cpu/classes/scavenge/assist:cpu-seconds',
  '/cpu/classes/scavenge/background:cpu-seconds',
  '/cpu/classes/scavenge/total:cpu-seconds',
  '/cpu/classes/total:cpu-seconds',
  '/cpu/classes/user:cpu-seconds',
  '/sync/mutex/wait/total:seconds',
];

const gauges = [
  '/gc/gogc:percent',
  '/gc/gomemlimit:bytes',
  '/gc/heap/goal:bytes',
  '/gc/heap/live:bytes',
  '/gc/heap/objects:objects',
  '/gc/limiter/last-enabled:gc-cycle',
  '/gc/scan/globals:bytes',
  '/gc/scan/heap:bytes',
  '/gc/scan/stack:bytes',
  '/gc/scan/total:bytes',
  '/gc/stack/starting-size:bytes',
  '/memory/classes/heap/free:bytes',
  '/memory/classes/heap/objects:bytes',
  '/memory/classes/heap/released:bytes',
  '/memory/classes/heap/stacks:bytes',
  '/memory/classes/heap/unused:bytes',
  '/memory/classes/metadata/mcache/free:bytes',
  '/memory/classes/metadata/mcache/inuse:bytes',
  '/memory/classes/metadata/mspan/free:bytes',
  '/memory/classes/metadata/mspan/inuse:bytes',
  '/memory/classes/metadata/other:bytes',
  '/memory/classes/os-stacks:bytes',
  '/memory/classes/other:bytes',
  '/memory/classes/profiling/buckets:bytes',
  '/memory/classes/total:bytes',
  '/sched/gomaxprocs:threads',
  '/sched/goroutines/not-in-go:goroutines',
  '/sched/goroutines/runnable:goroutines',
  '/sched/goroutines/running:goroutines',
  '/sched/goroutines/waiting:goroutines',
  '/sched/goroutines:goroutines',
  '/sched/threads/total:threads',
];

const histograms = [
  '/gc/heap/allocs-by-size:bytes',
  '/gc/heap/frees-by-size:bytes',
  '/gc/pauses:seconds',
  '/sched/latencies:seconds',
  '/sched/pauses/stopping/gc:seconds',
  '/sched/pauses/stopping/other:seconds',
  '/sched/pauses/total/gc:seconds',
  '/sched/pauses/total/other:seconds',
];

/** Every name that Go 1.19 to 1.27 knows, but for the `/godebug/non-default-behavior/…:events`, of which each has others. */
const known: ReadonlyMap<string, RuntimeMetric> = new Map([
  ...rowsOf(counters, 'uint64', 'counter'),
  ...rowsOf(secondsCounters, 'float64', 'counter'),
  ...rowsOf(gauges, 'uint64', 'gauge'),
  // All of them count since the start of the process; up to Go 1.19 runtime/metrics said otherwise of one.
  ...rowsOf(histograms, 'histogram', 'counter'),
]);

/** All metrics that are known by name. */
export const runtimeMetrics: readonly RuntimeMetric[] = [...known.values()];

function rowsOf(
  names: readonly string[],
  kind: MetricKind,
  type: RuntimeMetric['type'],
): (readonly [string, RuntimeMetric])[] {
  return names.map((name) => [name, { name, kind, type, unit: metricUnit(name) }] as const);
}

/**
 * What a metric of that name is; undefined for one that no version of Go up to 1.27 has.
 */
export function runtimeMetric(name: string): RuntimeMetric | undefined {
  const metric = known.get(name);
  if (metric !== undefined || !name.startsWith('/godebug/non-default-behavior/')) return metric;
  return { name, kind: 'uint64', type: 'counter', unit: metricUnit(name) };
}

/**
 * The unit that follows the colon, in the words of a Reading: bytes, seconds and percent are what they are, CPU seconds
 * are seconds, and whatever is counted (objects, goroutines, gc-cycles, …) is a count.
 */
export function metricUnit(name: string): string {
  const unit = name.slice(name.lastIndexOf(':') + 1);
  if (unit === 'cpu-seconds') return 'seconds';
  return unit === 'bytes' || unit === 'seconds' || unit === 'percent' ? unit : 'count';
}

/** Whether a text is a name of the form `/path/of-metric:unit` (Go runtime/metrics, Description.Name). */
export function isMetricName(text: string, longest: number): boolean {
  return text.length <= longest && /^(?:\/[A-Za-z0-9_.-]+)+:[A-Za-z*][A-Za-z0-9*/_-]*$/.test(text);
}
