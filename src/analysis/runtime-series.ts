import { runtimeFamily } from '../formats/prometheus/go-families.js';
import type { Reading } from '../formats/reading.js';

/**
 * Where readings come from. What package expvar serves has the fields of MemStats; the names of `process-memory` are
 * those of /proc, of the memory controller and of ps; those of `gctrace` and `schedtrace` are the columns of GcCycles and
 * SchedSamples for rows of one line; an execution trace has two of the runtime metrics.
 */
export type ReadingSource =
  | 'memstats'
  | 'expvar'
  | 'gcstats'
  | 'runtime-metrics'
  | 'prometheus'
  | 'process-memory'
  | 'gctrace'
  | 'schedtrace'
  | 'exectrace';

/** (plus − minus) ÷ per, all of one snapshot. A value only where every one of them is there. */
export interface Formula {
  readonly plus: readonly string[];
  readonly minus: readonly string[];
  /** Empty: nothing is divided. */
  readonly per: readonly string[];
}

/** One number over time that means the same whatever it was read from. */
export interface RuntimeSeries {
  readonly name: string;
  readonly unit: 'bytes' | 'count' | 'ratio' | 'nanoseconds' | 'percent';
  readonly type: 'gauge' | 'counter';
  /** Per source the formulas that give it, the best first. */
  readonly from: Readonly<Partial<Record<ReadingSource, readonly Formula[]>>>;
}

type Words = string | Formula;
type Sources = Partial<Record<Exclude<ReadingSource, 'expvar'>, Words | readonly Words[]>>;

const sum = (...plus: string[]): Formula => ({ plus, minus: [], per: [] });

function series(
  name: string,
  unit: RuntimeSeries['unit'],
  type: RuntimeSeries['type'],
  sources: Sources,
): RuntimeSeries {
  const from = new Map<string, readonly Formula[]>();
  for (const [source, words] of Object.entries(sources)) {
    const formulas = (Array.isArray(words) ? words : [words]) as readonly Words[];
    from.set(
      source,
      formulas.map((formula) => (typeof formula === 'string' ? sum(formula) : formula)),
    );
  }
  const memStats = from.get('memstats');
  if (memStats !== undefined) from.set('expvar', memStats);
  return { name, unit, type, from: Object.fromEntries(from) };
}

const heapFree = '/memory/classes/heap/free:bytes';
const heapObjects = '/memory/classes/heap/objects:bytes';
const heapReleased = '/memory/classes/heap/released:bytes';
const heapStacks = '/memory/classes/heap/stacks:bytes';
const heapUnused = '/memory/classes/heap/unused:bytes';
const tinyAllocs = '/gc/heap/tiny/allocs:objects';

/** The name that client_golang gives a runtime metric (prometheus/internal/go_runtime_metrics.go). */
export function prometheusName(metric: string, counter = false): string {
  const [path, unit] = metric.slice(1).split(':');
  const name = `go_${path}_${unit.replaceAll('/', '_per_')}`.replace(/[/\-*]/g, '_');
  return counter ? `${name}_total` : name;
}

const inPrometheus = ({ plus, minus, per }: Formula, counter = false): Formula => {
  const named = (names: readonly string[]): string[] => names.map((name) => prometheusName(name, counter));
  return { plus: named(plus), minus: named(minus), per: named(per) };
};

/**
 * A gauge or counter that a MemStats field and runtime metrics both give: ReadMemStats computes the one from the same
 * figures as the other (Go runtime/mstats.go, readmemstats_m; runtime/metrics.go, initMetrics).
 */
function memStat(
  name: string,
  unit: RuntimeSeries['unit'],
  type: RuntimeSeries['type'],
  field: string,
  collector: string,
  metrics: Formula,
  others: Sources = {},
): RuntimeSeries {
  return series(name, unit, type, {
    memstats: field,
    'runtime-metrics': metrics,
    prometheus: [collector, inPrometheus(metrics, type === 'counter')],
    ...others,
  });
}

// The share of all CPU time since the start that the collector took; what it did on idle processors does not count.
const gcCpuFraction: Formula = {
  plus: ['/cpu/classes/gc/total:cpu-seconds'],
  minus: ['/cpu/classes/gc/mark/idle:cpu-seconds'],
  per: ['/cpu/classes/total:cpu-seconds'],
};
// What of the CPU time that the process could have had the collector took, as counters: they tell of any window.
const gcCpuTotal: Formula = { ...gcCpuFraction, per: [] };
const cpuAvailable = sum('/cpu/classes/total:cpu-seconds');
const assistCpu = sum('/cpu/classes/gc/mark/assist:cpu-seconds');
const heapLive = sum('/gc/heap/live:bytes');
const heapGoal = sum('/gc/heap/goal:bytes');

/** All series that sources are joined on, in the order in which they are shown. */
export const runtimeSeries: readonly RuntimeSeries[] = [
  memStat('heap_alloc', 'bytes', 'gauge', 'HeapAlloc', 'go_memstats_heap_alloc_bytes', sum(heapObjects), {
    exectrace: heapObjects,
  }),
  memStat('heap_in_use', 'bytes', 'gauge', 'HeapInuse', 'go_memstats_heap_inuse_bytes', sum(heapObjects, heapUnused)),
  memStat('heap_idle', 'bytes', 'gauge', 'HeapIdle', 'go_memstats_heap_idle_bytes', sum(heapFree, heapReleased)),
  memStat('heap_released', 'bytes', 'gauge', 'HeapReleased', 'go_memstats_heap_released_bytes', sum(heapReleased)),
  memStat(
    'heap_sys',
    'bytes',
    'gauge',
    'HeapSys',
    'go_memstats_heap_sys_bytes',
    sum(heapObjects, heapUnused, heapFree, heapReleased),
  ),
  // Objects that the last collection found alive.
  series('heap_live', 'bytes', 'gauge', {
    'runtime-metrics': heapLive,
    prometheus: inPrometheus(heapLive),
    gctrace: 'heapLiveBytes',
  }),
  memStat('heap_goal', 'bytes', 'gauge', 'NextGC', 'go_memstats_next_gc_bytes', heapGoal, {
    gctrace: 'goalBytes',
    exectrace: heapGoal,
  }),
  // The same but for gctrace, whose goal is that of the cycle that has just ended.
  memStat('next_gc', 'bytes', 'gauge', 'NextGC', 'go_memstats_next_gc_bytes', heapGoal),
  memStat('heap_objects', 'count', 'gauge', 'HeapObjects', 'go_memstats_heap_objects', sum('/gc/heap/objects:objects')),
  memStat('stack_in_use', 'bytes', 'gauge', 'StackInuse', 'go_memstats_stack_inuse_bytes', sum(heapStacks)),
  memStat(
    'stack_sys',
    'bytes',
    'gauge',
    'StackSys',
    'go_memstats_stack_sys_bytes',
    sum(heapStacks, '/memory/classes/os-stacks:bytes'),
  ),
  memStat('sys', 'bytes', 'gauge', 'Sys', 'go_memstats_sys_bytes', sum('/memory/classes/total:bytes')),
  // What the runtime holds of the system's memory.
  series('footprint', 'bytes', 'gauge', {
    memstats: { plus: ['Sys'], minus: ['HeapReleased'], per: [] },
    'runtime-metrics': { plus: ['/memory/classes/total:bytes'], minus: [heapReleased], per: [] },
    prometheus: [
      { plus: ['go_memstats_sys_bytes'], minus: ['go_memstats_heap_released_bytes'], per: [] },
      inPrometheus({ plus: ['/memory/classes/total:bytes'], minus: [heapReleased], per: [] }),
    ],
  }),
  series('rss', 'bytes', 'gauge', {
    prometheus: 'process_resident_memory_bytes',
    'process-memory': ['VmRSS', 'Rss', 'RSS', 'rss'],
  }),
  series('peak_rss', 'bytes', 'gauge', { memstats: 'MaxRSS', 'process-memory': 'VmHWM' }),
  // What the kernel counts against the limit of the control group; without page cache that it can drop where that shows.
  series('container_usage', 'bytes', 'gauge', {
    'process-memory': ['WorkingSet', 'memory.current', 'memory.usage_in_bytes'],
  }),
  series('container_limit', 'bytes', 'gauge', { 'process-memory': ['memory.max', 'memory.limit_in_bytes'] }),
  series('memory_limit', 'bytes', 'gauge', {
    'runtime-metrics': '/gc/gomemlimit:bytes',
    prometheus: 'go_gc_gomemlimit_bytes',
  }),
  series('gogc', 'percent', 'gauge', { 'runtime-metrics': '/gc/gogc:percent', prometheus: 'go_gc_gogc_percent' }),
  series('gomaxprocs', 'count', 'gauge', {
    'runtime-metrics': '/sched/gomaxprocs:threads',
    prometheus: 'go_sched_gomaxprocs_threads',
    gctrace: 'processors',
    schedtrace: 'gomaxprocs',
  }),
  series('goroutines', 'count', 'gauge', {
    'runtime-metrics': '/sched/goroutines:goroutines',
    prometheus: ['go_goroutines', 'go_sched_goroutines_goroutines'],
  }),
  series('threads', 'count', 'gauge', {
    'runtime-metrics': '/sched/threads/total:threads',
    // go_threads counts those that were ever created. The runtime keeps nearly all of them, but not every one.
    prometheus: ['go_sched_threads_total_threads', 'go_threads'],
    'process-memory': 'Threads',
    schedtrace: 'threads',
  }),
  memStat('gc_count', 'count', 'counter', 'NumGC', 'go_gc_duration_seconds_count', sum('/gc/cycles/total:gc-cycles'), {
    gcstats: 'NumGC',
    gctrace: 'lastNumber',
  }),
  series('gc_forced_count', 'count', 'counter', {
    memstats: 'NumForcedGC',
    'runtime-metrics': '/gc/cycles/forced:gc-cycles',
    prometheus: inPrometheus(sum('/gc/cycles/forced:gc-cycles'), true),
  }),
  series('gc_pause_total', 'nanoseconds', 'counter', {
    memstats: 'PauseTotalNs',
    gcstats: 'PauseTotal',
    prometheus: 'go_gc_duration_seconds_sum',
  }),
  series('gc_cpu_fraction', 'ratio', 'gauge', {
    memstats: 'GCCPUFraction',
    'runtime-metrics': gcCpuFraction,
    prometheus: ['go_memstats_gc_cpu_fraction', inPrometheus(gcCpuFraction, true)],
    gctrace: 'cpuPercentSinceStart',
  }),
  memStat(
    'alloc_bytes_total',
    'bytes',
    'counter',
    'TotalAlloc',
    'go_memstats_alloc_bytes_total',
    sum('/gc/heap/allocs:bytes'),
  ),
  memStat(
    'mallocs_total',
    'count',
    'counter',
    'Mallocs',
    'go_memstats_mallocs_total',
    sum('/gc/heap/allocs:objects', tinyAllocs),
  ),
  memStat(
    'frees_total',
    'count',
    'counter',
    'Frees',
    'go_memstats_frees_total',
    sum('/gc/heap/frees:objects', tinyAllocs),
  ),
  series('gc_cpu_total', 'nanoseconds', 'counter', {
    'runtime-metrics': gcCpuTotal,
    prometheus: inPrometheus(gcCpuTotal, true),
  }),
  series('gc_assist_cpu_total', 'nanoseconds', 'counter', {
    'runtime-metrics': assistCpu,
    prometheus: inPrometheus(assistCpu, true),
  }),
  series('cpu_available_total', 'nanoseconds', 'counter', {
    'runtime-metrics': cpuAvailable,
    prometheus: inPrometheus(cpuAvailable, true),
  }),
  // Goroutines that wait for a P: in the global queue, in those of all Ps together, in the longest of them.
  series('run_queue', 'count', 'gauge', { schedtrace: 'runqueue' }),
  series('local_run_queues', 'count', 'gauge', { schedtrace: 'localQueued' }),
  series('longest_local_run_queue', 'count', 'gauge', { schedtrace: 'localLongest' }),
  series('idle_processors', 'count', 'gauge', { schedtrace: 'idleprocs' }),
  series('cpu_total', 'nanoseconds', 'counter', { prometheus: 'process_cpu_seconds_total' }),
  series('open_fds', 'count', 'gauge', { prometheus: 'process_open_fds' }),
];

export interface SeriesValue {
  readonly name: string;
  /** In the unit of the series. bigint where all that it comes from is. */
  readonly value: bigint | number;
}

/**
 * What the readings of one snapshot say of each series; a series that they say nothing of is not in the answer, and
 * neither is a limit or a goal that is not set. Namespaces before the names of Prometheus make no difference.
 */
export function seriesOf(source: ReadingSource, readings: readonly Reading[]): SeriesValue[] {
  const byName = readingsByName(source, readings);
  const found: SeriesValue[] = [];
  for (const series of runtimeSeries) {
    const value = seriesValue(series, source, byName);
    if (value !== null) found.push({ name: series.name, value });
  }
  return found;
}

/** What the readings of one snapshot say of one series; null if nothing, or that there is no such limit or goal. */
export function seriesValue(
  { unit, type, from }: RuntimeSeries,
  source: ReadingSource,
  byName: ReadonlyMap<string, Reading>,
): bigint | number | null {
  for (const formula of from[source] ?? []) {
    const value = valueOf(formula, unit, byName);
    if (value === null) continue;
    return unit !== 'bytes' || type !== 'gauge' || value < beyondMemory ? value : null;
  }
  return null;
}

/**
 * No memory has 4 EiB: a gauge says so where there is none. The memory limit is math.MaxInt64 when it is not set, and the
 * goal of a heap with GOGC=off is 97 % of that, or all ones before Go 1.19.
 */
const beyondMemory = 2n ** 62n;

/** Readings by the names that formulas use: those of Prometheus without a namespace. The first of a name counts. */
export function readingsByName(source: ReadingSource, readings: readonly Reading[]): ReadonlyMap<string, Reading> {
  const byName = new Map<string, Reading>();
  for (const reading of readings) {
    const name = source === 'prometheus' ? (runtimeFamily(reading.name) ?? reading.name) : reading.name;
    if (!byName.has(name)) byName.set(name, reading);
  }
  return byName;
}

/** Null if a reading is missing, is not finite or has a unit that does not become `unit`. */
export function valueOf(
  { plus, minus, per }: Formula,
  unit: RuntimeSeries['unit'],
  readings: ReadonlyMap<string, Reading>,
): bigint | number | null {
  // What is divided may have any unit, as long as it is one.
  const common = per.length === 0 ? unit : readings.get(plus[0])?.unit;
  if (common === undefined) return null;
  const above = total(plus, common, readings);
  const below = total(minus, common, readings);
  if (above === null || below === null) return null;
  const difference = added(above, -below);
  if (per.length === 0) return difference;
  const divisor = total(per, common, readings);
  return divisor === null || Number(divisor) === 0 ? null : Number(difference) / Number(divisor);
}

function total(names: readonly string[], unit: string, readings: ReadonlyMap<string, Reading>): bigint | number | null {
  let result: bigint | number = 0n;
  for (const name of names) {
    const reading = readings.get(name);
    const value = reading === undefined ? null : converted(reading, unit);
    if (value === null) return null;
    result = added(result, value);
  }
  return result;
}

function added(a: bigint | number, b: bigint | number): bigint | number {
  return typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b);
}

/** Seconds become whole nanoseconds: all that is measured here counts in them. */
function converted({ value, unit }: Reading, wanted: string): bigint | number | null {
  if (typeof value === 'number' && !Number.isFinite(value)) return null;
  if (unit === wanted) return value;
  if (unit === 'seconds' && wanted === 'nanoseconds') {
    return typeof value === 'bigint' ? value * 1_000_000_000n : Math.round(value * 1e9);
  }
  if (unit === 'percent' && wanted === 'ratio') return Number(value) / 100;
  return null;
}
