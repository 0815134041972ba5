import type { InstanceRuntime, ProcessPoint, RuntimeWindow } from './runtime-window.js';
import { type Basis, type LinePoint, type RuntimeLine, runtimeLines } from './runtime-steps.js';
import { shown } from './scaled.js';
import { moment } from './timeline-answer.js';

/** What is compared, in the order in which it is shown. */
export const comparedSeries = [
  'gc_cycles_per_minute',
  'gc_cpu_share',
  'gc_assist_share',
  'gc_pause_p50',
  'gc_pause_p99',
  'gc_pause_max',
  'heap_live',
  'heap_goal',
  'heap_alloc',
  'heap_in_use',
  'heap_sys',
  'heap_objects',
  'footprint',
  'rss',
  'alloc_bytes_total',
  'mallocs_total',
  'goroutines',
  'gomaxprocs',
] as const;

/** Two ranges of time side by side. */
export interface GcComparison {
  base: { from: string; to: string };
  target: { from: string; to: string };
  rows: GcComparisonRow[];
}

export interface GcComparisonRow {
  /** `alloc_bytes_total` and `mallocs_total` are rates here, as the unit says. */
  name: string;
  unit: string;
  basis: Basis | null;
  sources: string[];
  /** Null where nobody said: that is not 0. */
  base: string | number | null;
  target: string | number | null;
  /** target − base. */
  delta: string | number | null;
  /** target ÷ base; null where base is 0. */
  ratio: number | null;
}

/** Means of gauges, rates of counters and the distribution of pauses in a base and a target; both read from one service. */
export function compareGc(base: RuntimeWindow, target: RuntimeWindow): GcComparison {
  const [before, after] = [linesByName(base), linesByName(target)];
  return {
    base: { from: moment(base.fromMillis), to: moment(base.toMillis) },
    target: { from: moment(target.fromMillis), to: moment(target.toMillis) },
    rows: comparedSeries.flatMap((name) => comparisonRow(name, before.get(name), after.get(name)) ?? []),
  };
}

function linesByName(window: RuntimeWindow): ReadonlyMap<string, RuntimeLine> {
  const edges = [window.fromMillis, window.toMillis];
  return new Map(runtimeLines(window, { edges, stat: 'mean' }).map((line) => [line.name, line]));
}

function comparisonRow(name: string, before?: RuntimeLine, after?: RuntimeLine): GcComparisonRow | null {
  const line = after ?? before;
  if (line === undefined) return null;
  const sources = [...new Set([...(before?.sources ?? []), ...(after?.sources ?? [])])].sort();
  const asRate = line.meaning === 'growth';
  const [left, right] = [before, after].map((one) => (one === undefined ? null : one.points[0]));
  const value = (point: LinePoint | null): string | number | null => {
    if (point === null) return null;
    return asRate ? point.perSecond : shown(point.value, line.unit);
  };
  const [base, target] = [value(left), value(right)];
  // A mean since the start and a share of the window are not the same number.
  const comparable = left !== null && right !== null && before!.basis === after!.basis;
  return {
    name,
    unit: asRate ? `${line.unit}_per_second` : line.unit,
    basis: line.basis,
    sources,
    base,
    target,
    delta: comparable ? (asRate ? Number(target) - Number(base) : shown(right.value - left.value, line.unit)) : null,
    ratio: comparable && Number(base) !== 0 ? Number(target) / Number(base) : null,
  };
}

/** One collection in its phases. What nobody said is null. */
export interface GcCyclePhases {
  instance: string;
  number: number;
  /** End of the cycle, where a log says so; else it lies between `before.at` and `after.at`. */
  at: string | null;
  forced: boolean | null;
  /** Stop-the-world sweep and mark termination, and the concurrent mark between them. */
  pause_nanos: string | null;
  mark_nanos: string | null;
  cpu_nanos: string | null;
  before: GcPhaseState;
  /** When marking had ended: what was allocated by then, and of it alive. */
  completion: { heap_alloc: string | null; heap_live: string | null; heap_goal: string | null };
  after: GcPhaseState;
}

/** What the process said of itself before or after the cycle. */
export interface GcPhaseState {
  at: string | null;
  /** Number of the last cycle at that moment. */
  gc_count: string | null;
  /** In bytes, as the collector itself saw it at the start of the cycle, or as a snapshot says. */
  heap_alloc: string | null;
  alloc_bytes_total: string | null;
  sys: string | null;
  heap_objects: string | null;
  next_gc: string | null;
}

/**
 * The cycle with this number, of each instance whose processes show one: the snapshots just before and after it, and its
 * line in the log if there is one. Processes of one instance that each have such a cycle are told apart by time.
 */
export function gcCycle({ instances }: RuntimeWindow, number: number): GcCyclePhases[] {
  return instances.flatMap((instance) =>
    instance.lifetimes.flatMap((_, lifetime) => cycleOf(instance, lifetime, number) ?? []),
  );
}

const stateSeries = ['heap_alloc', 'alloc_bytes_total', 'sys', 'heap_objects', 'next_gc'] as const;

function cycleOf(runtime: InstanceRuntime, lifetime: number, number: number): GcCyclePhases | null {
  const { instance, series, cycles, lifetimes } = runtime;
  const counts = (series.get('gc_count')?.points ?? []).filter((point) => point.lifetime === lifetime);
  const { firstAtMillis, lastAtMillis } = lifetimes[lifetime];
  const logged = cycles.find(
    (cycle) =>
      cycle.atMillis >= firstAtMillis &&
      cycle.atMillis <= lastAtMillis &&
      cycle.number !== null &&
      number <= cycle.number &&
      number > cycle.number - cycle.count,
  );
  // A row of several cycles is none of them.
  const cycle = logged?.count === 1 ? logged : undefined;
  const before = counts.findLast(({ value }) => value < BigInt(number));
  const after = counts.find(({ value }) => value >= BigInt(number));
  if (cycle === undefined && (before === undefined || after === undefined)) return null;
  const snapshots = series.get('heap_alloc')?.points ?? counts;
  const inLife = snapshots.filter((point) => point.lifetime === lifetime);
  const startMillis =
    cycle === undefined ? undefined : cycle.atMillis - (cycle.pauseNanos + (cycle.markNanos ?? 0)) / 1e6;
  const beforeAt =
    startMillis === undefined ? before?.atMillis : inLife.findLast((point) => point.atMillis <= startMillis)?.atMillis;
  const afterAt = cycle === undefined ? after?.atMillis : inLife.find((p) => p.atMillis >= cycle.atMillis)?.atMillis;
  const stateBefore = stateAt(runtime, beforeAt);
  return {
    instance,
    number,
    at: cycle === undefined ? null : moment(cycle.atMillis),
    forced: cycle === undefined ? null : cycle.forced > 0,
    pause_nanos: text(cycle?.pauseNanos),
    mark_nanos: text(cycle?.markNanos),
    cpu_nanos: text(cycle?.cpuNanos),
    before: { ...stateBefore, heap_alloc: text(cycle?.heapStartBytes) ?? stateBefore.heap_alloc },
    completion: {
      heap_alloc: text(cycle?.heapEndBytes),
      heap_live: text(cycle?.heapLiveBytes),
      heap_goal: text(cycle?.goalBytes),
    },
    after: stateAt(runtime, afterAt),
  };
}

function stateAt({ series }: InstanceRuntime, atMillis: number | undefined): GcPhaseState {
  const at = (name: string): ProcessPoint | undefined =>
    series.get(name)?.points.find((point) => point.atMillis === atMillis);
  const state = Object.fromEntries(stateSeries.map((name) => [name, text(at(name)?.value)])) as Record<
    (typeof stateSeries)[number],
    string | null
  >;
  return {
    at: atMillis === undefined ? null : moment(atMillis),
    gc_count: text(at('gc_count')?.value),
    ...state,
  };
}

function text(value: bigint | number | null | undefined): string | null {
  return value === null || value === undefined ? null : String(typeof value === 'bigint' ? value : Math.round(value));
}
