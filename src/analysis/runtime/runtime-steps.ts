import { runtimeSeries } from '../runtime-series.js';
import {
  type BucketValue,
  gaugeBuckets,
  type GrowthSpan,
  growthBuckets,
  growthSpans,
  type HeldSpan,
  heldSpans,
  roundedQuotient,
  type Stat,
} from '../timeline-buckets.js';
import { longestHoldMillis } from '../timeline.js';
import { nearestRank } from '../weighted.js';
import { type GcCycle, weightedPauses } from './log-rows.js';
import type { InstanceRuntime, ProcessSeries, RuntimeWindow } from './runtime-window.js';
import { asNumber, scaled } from './scaled.js';

/**
 * What the number of each step is:
 *   - `gauge`: what the instances held together, by `stat`;
 *   - `growth`: what a counter grew by, over all instances and their processes;
 *   - `average`: a ratio or a setting of each process: the mean over the instances (their greatest with `max`);
 *   - `share`: what one counter grew by, divided by what another did;
 *   - `rate`: growth by time;
 *   - `quantile`: of the pauses in the step; the worst of the instances where only their gauges are known.
 */
export type Meaning = 'gauge' | 'growth' | 'average' | 'share' | 'rate' | 'quantile';

/** What a derived number was computed from, where that makes a difference to what it says. */
export type Basis = 'cycles' | 'counters' | 'since-start' | 'last-256-pauses';

export interface RuntimeLine {
  readonly name: string;
  /** `bytes`, `count`, `nanoseconds`, `ratio`, `percent`, `per_minute`. */
  readonly unit: string;
  readonly meaning: Meaning;
  /** Of `goroutine_state`: the state. */
  readonly state: string | null;
  /** Null: all of them, or the rest of them. */
  readonly instance: string | null;
  /** Whether it sums up all instances beyond the first 50. */
  readonly other: boolean;
  readonly sources: readonly string[];
  readonly basis: Basis | null;
  /** In how much of the whole range there is a value. */
  readonly coveredMillis: number;
  /** Steps without a value are left out. Values are scaled (`scaled`). */
  readonly points: readonly LinePoint[];
}

export interface LinePoint extends BucketValue {
  /** Of a growth: by the seconds that it was counted in. */
  readonly perSecond: number | null;
}

export interface StepOptions {
  /** Step k is [edges[k], edges[k + 1]). */
  readonly edges: readonly number[];
  readonly stat: Stat;
  /** A line per instance. */
  readonly byInstance?: boolean;
}

export const maxRuntimeInstances = 50;
/** Goroutine states apart; the rest is summed up under `other`. */
export const maxGoroutineStates = 20;

/** All that can be said about each step; a number that nobody gave has no line. */
export function runtimeLines(window: RuntimeWindow, options: StepOptions): RuntimeLine[] {
  const all = window.instances;
  if (options.byInstance !== true) return linesOf(all, options).map((line) => ({ ...line, instance: null }));
  const ranked = all.toSorted((a, b) => weightOf(b) - weightOf(a) || (a.instance < b.instance ? -1 : 1));
  const rest = ranked.slice(maxRuntimeInstances);
  const apart = ranked
    .slice(0, maxRuntimeInstances)
    .flatMap((instance) => linesOf([instance], options).map((line) => ({ ...line, instance: instance.instance })));
  const together = rest.length === 0 ? [] : linesOf(rest, options);
  return [...apart, ...together.map((line) => ({ ...line, instance: null, other: true }))].sort(
    (a, b) => lineOrder(a) - lineOrder(b),
  );
}

/** The largest process is shown first. */
function weightOf({ series }: InstanceRuntime): number {
  const points = (series.get('footprint') ?? series.get('rss') ?? series.get('goroutines'))?.points ?? [];
  return Number(points.at(-1)?.value ?? 0n);
}

const derivedNames = [
  'gc_cycles_per_minute',
  'gc_cpu_share',
  'gc_assist_share',
  'gc_pause_p50',
  'gc_pause_p99',
  'gc_pause_max',
  'goroutine_state',
];
const shownNames = new Map([...runtimeSeries.map(({ name }) => name), ...derivedNames].map((name, i) => [name, i]));

function lineOrder({ name }: RuntimeLine): number {
  return shownNames.get(name) ?? Infinity;
}

type Line = Omit<RuntimeLine, 'instance' | 'coveredMillis' | 'state' | 'other' | 'basis'> &
  Partial<Pick<RuntimeLine, 'state' | 'basis'>>;

function linesOf(instances: readonly InstanceRuntime[], options: StepOptions): RuntimeLine[] {
  const lines: Line[] = [];
  for (const { name, unit, type } of runtimeSeries) {
    const found = seriesNamed(instances, name);
    if (found.length === 0) continue;
    if (type === 'counter') lines.push(growthLine(name, unit, found, options));
    else if (unit === 'ratio' || unit === 'percent') lines.push(averageLine(name, unit, found, options));
    else lines.push(gaugeLine(name, unit, found, options));
  }
  lines.push(
    ...frequencyLine(instances, options),
    ...gcCpuLine(instances, options),
    ...assistLine(instances, options),
    ...pauseLines(instances, options),
    ...stateLines(instances, options),
  );
  return lines
    .filter(({ points }) => points.length > 0)
    .map((line) => ({
      state: null,
      basis: null,
      ...line,
      instance: null,
      other: false,
      coveredMillis: line.points.reduce((sum, point) => sum + point.coveredMillis, 0),
    }));
}

function seriesNamed(instances: readonly InstanceRuntime[], name: string): ProcessSeries[] {
  return instances.flatMap(({ series }) => series.get(name) ?? []);
}

function sourcesOf(series: readonly ProcessSeries[]): string[] {
  return [...new Set(series.map(({ source }) => source))].sort();
}

function held({ points }: ProcessSeries): HeldSpan[] {
  return heldSpans(points.map(({ atMillis, value }) => ({ atMillis, value, id: '', buildId: null })));
}

const plain = (points: readonly BucketValue[]): LinePoint[] => points.map((point) => ({ ...point, perSecond: null }));

function gaugeLine(name: string, unit: string, series: readonly ProcessSeries[], { edges, stat }: StepOptions): Line {
  const points = plain(gaugeBuckets(series.flatMap(held), edges, stat));
  return { name, unit, meaning: 'gauge', sources: sourcesOf(series), points };
}

/** Ratios do not add up: each instance counts by the time in which it had one. */
function averageLine(name: string, unit: string, series: readonly ProcessSeries[], options: StepOptions): Line {
  return { name, unit, meaning: 'average', sources: sourcesOf(series), points: averagePoints(series, options) };
}

function averagePoints(series: readonly ProcessSeries[], { edges, stat }: StepOptions): LinePoint[] {
  return combined(
    series.map((one) => gaugeBuckets(held(one), edges, stat)),
    (values) => {
      if (stat === 'max') return greatest(values);
      const total = values.reduce((sum, { coveredMillis }) => sum + BigInt(coveredMillis), 0n);
      const area = values.reduce((sum, { value, coveredMillis }) => sum + value * BigInt(coveredMillis), 0n);
      return roundedQuotient(area, total);
    },
  );
}

function greatest(values: readonly BucketValue[]): bigint {
  return values.reduce((max, { value }) => (value > max ? value : max), values[0].value);
}

/** One value of those that several have for a step. What is covered is what the one that covers most does. */
function combined(
  each: readonly (readonly BucketValue[])[],
  combine: (values: readonly BucketValue[]) => bigint,
): LinePoint[] {
  const steps = new Map<number, BucketValue[]>();
  for (const point of each.flat()) {
    const values = steps.get(point.atMillis);
    if (values === undefined) steps.set(point.atMillis, [point]);
    else values.push(point);
  }
  return [...steps]
    .sort(([a], [b]) => a - b)
    .map(([atMillis, values]) => ({
      atMillis,
      value: combine(values),
      coveredMillis: values.reduce((most, { coveredMillis }) => Math.max(most, coveredMillis), 0),
      perSecond: null,
    }));
}

/** Differences within a process; where a new one began its first value is all growth. A lone value says nothing. */
export function growthOf({ points }: Pick<ProcessSeries, 'points'>): GrowthSpan[] {
  return growthSpans(
    points.map(({ atMillis, value, lifetime }) => ({
      atMillis,
      value,
      id: '',
      buildId: null,
      // What tells the algebra where a process ends is that a counter goes back: one that counts lifetimes downwards.
      counters: [-1n - BigInt(lifetime)],
    })),
  ).filter(({ startMillis, endMillis }) => endMillis > startMillis);
}

function growthLine(name: string, unit: string, series: readonly ProcessSeries[], { edges }: StepOptions): Line {
  const points = growthBuckets(series.flatMap(growthOf), edges).map((point): LinePoint => ({
    ...point,
    perSecond: point.coveredMillis > 0 ? (asNumber(point.value, unit) * 1000) / point.coveredMillis : null,
  }));
  return { name, unit, meaning: 'growth', sources: sourcesOf(series), points };
}

/** Collections a minute, of all instances together: each by the time in which its own were counted. */
function frequencyLine(instances: readonly InstanceRuntime[], { edges }: StepOptions): Line[] {
  const series = seriesNamed(instances, 'gc_count');
  const each = series.map((one) =>
    growthBuckets(growthOf(one), edges)
      .filter(({ coveredMillis }) => coveredMillis > 0)
      .map((point) => ({
        ...point,
        value: scaled((Number(point.value) * 60_000) / point.coveredMillis, 'per_minute'),
      })),
  );
  const points = combined(each, (values) => values.reduce((sum, { value }) => sum + value, 0n));
  return [{ name: 'gc_cycles_per_minute', unit: 'per_minute', meaning: 'rate', sources: sourcesOf(series), points }];
}

/** What grew, and what there was to take from, in the same spans. */
interface Shared {
  readonly source: string;
  readonly basis: Basis;
  readonly part: readonly GrowthSpan[];
  readonly whole: readonly GrowthSpan[];
}

function gcCpuLine(instances: readonly InstanceRuntime[], options: StepOptions): Line[] {
  const shared = instances.flatMap(({ series, cycles }): Shared[] => {
    const counted = countedShare(series, 'gc_cpu_total', 'cpu_available_total');
    if (counted !== null) return [counted];
    const spans = cycleSpans(cycles);
    if (spans === null) return [];
    return [{ source: 'gctrace', basis: 'cycles', part: spans.cpu, whole: spans.capacity }];
  });
  if (shared.length > 0) return [shareLine('gc_cpu_share', shared, options)];
  const series = seriesNamed(instances, 'gc_cpu_fraction');
  const points = averagePoints(series, options);
  const sources = sourcesOf(series);
  return [{ name: 'gc_cpu_share', unit: 'ratio', meaning: 'average', sources, basis: 'since-start', points }];
}

/** How much of the collector's CPU time goroutines had to give that wanted to allocate. */
function assistLine(instances: readonly InstanceRuntime[], options: StepOptions): Line[] {
  const shared = instances.flatMap(({ series, cycles }): Shared[] => {
    const counted = countedShare(series, 'gc_assist_cpu_total', 'gc_cpu_total');
    if (counted !== null) return [counted];
    const spans = cycleSpans(cycles);
    return spans === null ? [] : [{ source: 'gctrace', basis: 'cycles', part: spans.assist, whole: spans.cpu }];
  });
  return shared.length === 0 ? [] : [shareLine('gc_assist_share', shared, options)];
}

function countedShare(series: InstanceRuntime['series'], partName: string, wholeName: string): Shared | null {
  const [part, whole] = [series.get(partName), series.get(wholeName)];
  if (part === undefined || whole === undefined || part.source !== whole.source) return null;
  const [partSpans, wholeSpans] = [growthOf(part), growthOf(whole)];
  // Two moments at least; whoever sent only one is asked for the mean since the start.
  if (wholeSpans.length === 0) return null;
  return { source: whole.source, basis: 'counters', part: partSpans, whole: wholeSpans };
}

/** What each cycle took from the end of the one before it on, and the CPU time there was: elapsed time × Ps. */
function cycleSpans(
  cycles: readonly GcCycle[],
): { cpu: GrowthSpan[]; assist: GrowthSpan[]; capacity: GrowthSpan[] } | null {
  const spans = { cpu: [] as GrowthSpan[], assist: [] as GrowthSpan[], capacity: [] as GrowthSpan[] };
  for (let i = 1; i < cycles.length; i++) {
    const { atMillis, number, count, cpuNanos, assistCpuNanos, processors } = cycles[i];
    const before = cycles[i - 1];
    const elapsed = atMillis - before.atMillis;
    if (elapsed <= 0 || elapsed > longestHoldMillis || cpuNanos === null || processors === null) continue;
    // A lower number is another process; what lies between two numbers is not in the log.
    if (number !== null && before.number !== null && number !== before.number + count) continue;
    const span = (amount: number): GrowthSpan => ({
      startMillis: before.atMillis,
      endMillis: atMillis,
      amount: BigInt(Math.round(amount)),
      buildId: null,
    });
    spans.cpu.push(span(cpuNanos));
    spans.assist.push(span(assistCpuNanos ?? 0));
    spans.capacity.push(span(elapsed * 1e6 * processors));
  }
  return spans.cpu.length === 0 ? null : spans;
}

function shareLine(name: string, shared: readonly Shared[], { edges }: StepOptions): Line {
  const parts = new Map(
    growthBuckets(
      shared.flatMap(({ part }) => part),
      edges,
    ).map((point) => [point.atMillis, point.value]),
  );
  const points = growthBuckets(
    shared.flatMap(({ whole }) => whole),
    edges,
  )
    .filter(({ value }) => value > 0n)
    .map(({ atMillis, value, coveredMillis }): LinePoint => {
      const ratio = Number(parts.get(atMillis) ?? 0n) / Number(value);
      return { atMillis, value: scaled(ratio, 'ratio'), coveredMillis, perSecond: null };
    });
  const basis = shared.some((one) => one.basis === 'counters') ? 'counters' : 'cycles';
  const sources = [...new Set(shared.map(({ source }) => source))].sort();
  return { name, unit: 'ratio', meaning: 'share', sources, basis, points };
}

const pauseRanks = [
  ['gc_pause_p50', 0.5],
  ['gc_pause_p99', 0.99],
  ['gc_pause_max', 1],
] as const;

/** Of the cycles that ended in each step; where no log shows any, of what the processes said of their last 256. */
function pauseLines(instances: readonly InstanceRuntime[], { edges }: StepOptions): Line[] {
  const cycles = instances.flatMap((instance) => instance.cycles).sort((a, b) => a.atMillis - b.atMillis);
  const steps = pausesByStep(cycles, edges);
  if (steps.length > 0) {
    return pauseRanks.map(([name, q]) => ({
      name,
      unit: 'nanoseconds',
      meaning: 'quantile',
      sources: ['gctrace'],
      basis: 'cycles',
      points: steps.map(({ step, pauses }) => ({
        atMillis: edges[step],
        value: BigInt(Math.round(nearestRank(pauses, q))),
        coveredMillis: edges[step + 1] - edges[step],
        perSecond: null,
      })),
    }));
  }
  return pauseRanks.flatMap(([name]): Line[] => {
    const series = seriesNamed(instances, name);
    if (series.length === 0) return [];
    const points = combined(
      series.map((one) => gaugeBuckets(held(one), edges, 'max')),
      greatest,
    );
    const sources = sourcesOf(series);
    return [{ name, unit: 'nanoseconds', meaning: 'quantile', sources, basis: 'last-256-pauses', points }];
  });
}

/** Steps with cycles in them, and their pauses. */
function pausesByStep(
  cycles: readonly GcCycle[],
  edges: readonly number[],
): { readonly step: number; readonly pauses: ReturnType<typeof weightedPauses> }[] {
  const steps: { readonly step: number; readonly cycles: GcCycle[] }[] = [];
  let step = 0;
  for (const cycle of cycles) {
    if (cycle.atMillis < edges[0]) continue;
    while (step < edges.length - 1 && cycle.atMillis >= edges[step + 1]) step++;
    if (step >= edges.length - 1) break;
    const current = steps.at(-1);
    if (current?.step === step) current.cycles.push(cycle);
    else steps.push({ step, cycles: [cycle] });
  }
  return steps.map((one) => ({ step: one.step, pauses: weightedPauses(one.cycles) }));
}

function stateLines(instances: readonly InstanceRuntime[], options: StepOptions): Line[] {
  const byState = new Map<string, ProcessSeries[]>();
  for (const { states } of instances) {
    for (const [state, series] of states) {
      const known = byState.get(state);
      if (known === undefined) byState.set(state, [series]);
      else known.push(series);
    }
  }
  const size = (series: readonly ProcessSeries[]): bigint =>
    series.reduce((sum, { points }) => sum + (points.at(-1)?.value ?? 0n), 0n);
  const ranked = [...byState].sort(([a, left], [b, right]) => {
    const difference = size(right) - size(left);
    return difference > 0n ? 1 : difference < 0n ? -1 : a < b ? -1 : 1;
  });
  const rest = ranked.slice(maxGoroutineStates).flatMap(([, series]) => series);
  const apart = rest.length === 0 ? ranked : [...ranked.slice(0, maxGoroutineStates), ['other', rest] as const];
  return apart.map(([state, series]) => ({ ...gaugeLine('goroutine_state', 'count', series, options), state }));
}
