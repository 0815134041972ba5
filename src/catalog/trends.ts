import {
  bucketEdges,
  gaugeBuckets,
  growthBuckets,
  growthSpans,
  heldSpans,
  type BucketValue,
  type GrowthSpan,
  type HeldSpan,
  type Stat,
} from '../analysis/timeline-buckets.js';
import {
  growthHourSpans,
  heldHourSpans,
  HourSums,
  modeOf,
  planHour,
  type SummedHour,
} from '../analysis/timeline-hours.js';
import { hourMillis, hourOf, longestHoldMillis, semanticsOf, type Semantics } from '../analysis/timeline.js';
import type { TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import { readFunctionValues } from './function-values.js';
import { counterTotals, onTimeLine, placeOn } from './rollup-hour.js';
import { readRollups } from './rollups.js';
import type { StackStore } from './stack-store.js';
import { readTimings, type Timing } from './timings.js';

/** Points of one series of a trend. */
export const maxTrendPoints = 10_000;
/** Series that `by` may give; what is left is summed up in one more. */
export const maxTrendSeries = 50;
/** Snapshots that a trend may read apart from the roll-ups: their totals, and their stacks. */
export const maxTrendSnapshots = 200_000;
export const maxTrendVectors = 20_000;

export interface TrendRange {
  readonly kind: string;
  /** `inuse_space`, or `inuse_space/bytes`. */
  readonly sampleType: string;
  readonly fromMillis: number;
  readonly toMillis: number;
  /** From an hour on a whole number of hours. */
  readonly stepSeconds: number;
  /** Of gauges and cores; default: mean. Counters and deltas are always read as what they grew by. */
  readonly stat?: Stat;
}

export interface TrendQuery extends TrendRange {
  readonly serviceId: string;
  /** One function instead of the total: what it holds itself (flat) or with all that it calls (cum, the default). */
  readonly functionName?: string;
  readonly value?: 'flat' | 'cum';
  readonly by?: 'instance' | 'build';
  readonly instanceId?: string;
  /** Builds of one version may differ in their commit and their build in CI. */
  readonly buildIds?: readonly string[];
}

export interface TeamTrendQuery extends TrendRange {
  readonly serviceIds: readonly string[];
  readonly by?: 'service';
}

export interface Trend {
  readonly semantics: Semantics;
  /** `cores` for CPU time. */
  readonly unit: string;
  /** Greatest mean (or growth) first, the rest last. */
  readonly series: readonly TrendSeries[];
}

export interface TrendSeries {
  /** Id of the instance, build or service; null for the whole, for snapshots without a build, and for the rest. */
  readonly key: string | null;
  /** Whether this sums up all series beyond the first fifty. */
  readonly isOther: boolean;
  /** In order of time; buckets for which there is nothing to say are left out. */
  readonly points: readonly TrendPoint[];
}

export interface TrendPoint {
  /** Left edge: a multiple of the step, but for the first. */
  readonly atMillis: number;
  /** An integer; of cores a decimal number with up to nine places. */
  readonly value: string;
  /** The time in the bucket in which any instance held a value, or was counted. */
  readonly coveredMillis: number;
}

/**
 * A total or one function of a service over time, gauge-true (see analysis/timeline.ts). Buckets are [from, to) cut at the
 * multiples of the step; at steps of an hour and more they begin and end with full hours, are read from the roll-ups where
 * those are up to date, and differ in three ways from what the snapshots one by one would say: a `max` takes each
 * instance's greatest value of an hour for all that it held in that hour, a delta counts where it begins, and CPU time is
 * rounded to nanocores before it is averaged (as at all steps). Everything else is exact; a mean is rounded to an integer.
 *
 * @param tx of `readTenant`: what it sees has to be of one moment
 * @throws Problem validation-failed, too-many-points, not-found (no such function in the service)
 */
export async function readTrend(tx: Tx, stackStore: StackStore, tenantId: TenantId, query: TrendQuery): Promise<Trend> {
  const { serviceId, functionName, value = 'cum', by, buildIds } = query;
  let source: SeriesSource = { value };
  if (functionName !== undefined) {
    const symbols = await stackStore.loadSymbols(tx, tenantId, serviceId);
    const functionId = symbols.functions.indexOf(functionName);
    if (functionId < 0) throw new Problem('not-found', 'The service has no function of this name.');
    source = { value, functionId, stackStore };
  }
  const selection = { ...query, serviceIds: [serviceId] };
  return trendOf(tx, tenantId, selection, source, (instance, span) => {
    if (buildIds !== undefined && (span.buildId === null || !buildIds.includes(span.buildId))) return undefined;
    return by === 'instance' ? instance.instanceId : by === 'build' ? span.buildId : null;
  });
}

/**
 * The total of several services over time: the sum over all their instances, as `readTrend` of each.
 *
 * @throws Problem validation-failed, too-many-points
 */
export async function readTeamTrend(tx: Tx, tenantId: TenantId, query: TeamTrendQuery): Promise<Trend> {
  return trendOf(tx, tenantId, query, { value: 'cum' }, (instance) => {
    return query.by === 'service' ? instance.serviceId : null;
  });
}

type Selection = TrendRange & { readonly serviceIds: readonly string[]; readonly instanceId?: string };

interface SeriesSource {
  readonly value: 'flat' | 'cum';
  readonly functionId?: number;
  readonly stackStore?: StackStore;
}

interface Instance {
  readonly serviceId: string;
  readonly instanceId: string;
}

type Span = HeldSpan | GrowthSpan;

/** @param keyOf the series that a span belongs to; undefined: none */
async function trendOf(
  tx: Tx,
  tenantId: TenantId,
  selection: Selection,
  source: SeriesSource,
  keyOf: (instance: Instance, span: Span) => string | null | undefined,
): Promise<Trend> {
  const edges = edgesOf(selection);
  const sampleType = await resolveSampleType(tx, tenantId, selection);
  const semantics = semanticsOf(selection.kind, sampleType, false);
  const unit = semantics === 'cpu' ? 'cores' : (sampleType.split('/')[1] ?? '');
  const reading = { ...selection, sampleType, semantics, fromMillis: edges[0], toMillis: edges[edges.length - 1] };

  const series = new Map<string | null, Span[]>();
  for (const { instance, spans } of await readSpans(tx, tenantId, reading, source)) {
    for (const span of spans) {
      const key = keyOf(instance, span);
      if (key === undefined) continue;
      const members = series.get(key);
      if (members === undefined) series.set(key, [span]);
      else members.push(span);
    }
  }
  const fold = (spans: readonly Span[], at: readonly number[], stat: Stat): BucketValue[] =>
    modeOf(semantics) === 'held'
      ? gaugeBuckets(spans as readonly HeldSpan[], at, stat)
      : growthBuckets(spans as readonly GrowthSpan[], at);
  const whole = [reading.fromMillis, reading.toMillis];
  const ranked = Array.from(series, ([key, spans]) => ({ key, spans, mean: fold(spans, whole, 'mean')[0]?.value }))
    .filter(({ mean }) => mean !== undefined)
    .sort((a, b) => (a.mean > b.mean ? -1 : a.mean < b.mean ? 1 : compareKeys(a.key, b.key)));
  const toSeries = (key: string | null, isOther: boolean, spans: readonly Span[]): TrendSeries => ({
    key,
    isOther,
    points: fold(spans, edges, selection.stat ?? 'mean').map((bucket) => ({
      atMillis: bucket.atMillis,
      value: semantics === 'cpu' ? cores(bucket.value) : bucket.value.toString(),
      coveredMillis: bucket.coveredMillis,
    })),
  });
  const first = ranked.slice(0, maxTrendSeries).map(({ key, spans }) => toSeries(key, false, spans));
  const rest = ranked.slice(maxTrendSeries).flatMap(({ spans }) => spans);
  return { semantics, unit, series: rest.length === 0 ? first : [...first, toSeries(null, true, rest)] };
}

function edgesOf({ fromMillis, toMillis, stepSeconds }: TrendRange): number[] {
  const stepMillis = stepSeconds * 1000;
  if (!Number.isInteger(stepSeconds) || stepSeconds < 1) {
    throw new Problem('validation-failed', 'The step has to be a whole number of seconds.');
  }
  if (isHourly(stepSeconds) && stepMillis % hourMillis !== 0) {
    throw new Problem('validation-failed', 'A step of more than an hour has to be a whole number of hours.');
  }
  if (!(fromMillis < toMillis)) throw new Problem('validation-failed', 'The range ends before it begins.');
  const points = Math.ceil((toMillis - fromMillis) / stepMillis) + 1;
  if (points > maxTrendPoints) {
    throw new Problem('too-many-points', 'Choose a longer step or a shorter range.', {
      limit: 'trend-points',
      actual: points,
      allowed: maxTrendPoints,
    });
  }
  if (!isHourly(stepSeconds)) return bucketEdges(fromMillis, toMillis, stepMillis);
  return bucketEdges(hourOf(fromMillis), hourOf(toMillis - 1) + hourMillis, stepMillis);
}

function isHourly(stepSeconds: number): boolean {
  return stepSeconds * 1000 >= hourMillis;
}

/** The name with its unit, as the newest snapshot before the end of the range has it, or the roll-ups have. */
async function resolveSampleType(tx: Tx, tenantId: TenantId, selection: Selection): Promise<string> {
  const { kind, serviceIds, sampleType, fromMillis, toMillis } = selection;
  const type = sampleType.split('/')[0];
  const latest: { name: string }[] = await tx.query(
    `select name
       from unnest($2::bigint[]) s (service_id)
      cross join lateral (
        select sample_types from vector v
         where v.tenant_id = $1 and v.service_id = s.service_id and v.kind = $3 and v.captured_at < $4
         order by captured_at desc limit 1) v
      cross join unnest(v.sample_types) name
      where split_part(name, '/', 1) = $5
      limit 1`,
    [tenantId, serviceIds, kind, new Date(toMillis), type],
  );
  if (latest.length > 0) return latest[0].name;
  const rolledUp: { name: string }[] = await tx.query(
    `select sample_type as name from rollup
      where tenant_id = $1 and service_id = any($2::bigint[]) and kind = $3 and bucket = -1
        and day between $4 and $5 and split_part(sample_type, '/', 1) = $6
      limit 1`,
    [tenantId, serviceIds, kind, new Date(fromMillis), new Date(toMillis), type],
  );
  return rolledUp[0]?.name ?? sampleType;
}

type Reading = Selection & { readonly semantics: Semantics };

async function readSpans(
  tx: Tx,
  tenantId: TenantId,
  reading: Reading,
  source: SeriesSource,
): Promise<{ instance: Instance; spans: Span[] }[]> {
  const { semantics, sampleType } = reading;
  const hourly = isHourly(reading.stepSeconds);
  const timings = await readTimings(tx, tenantId, {
    ...reading,
    exceptRolledUp: hourly,
    deltas: semantics === 'gauge' ? false : undefined,
    limit: maxTrendSnapshots + 1,
  });
  refuseBeyond(maxTrendSnapshots, timings.length, 'trend-snapshots');
  const placed = timings.filter(
    (timing) => timing.sampleTypes.includes(sampleType) && placeOn(semantics, timing) !== null,
  );
  const values = await readValues(tx, tenantId, reading, source, placed);
  const points = groupBy(
    placed,
    (timing) => `${timing.serviceId} ${timing.instanceId}`,
    (timing): Point => ({
      id: timing.snapshotId,
      atMillis: timing.atMillis,
      buildId: timing.buildId,
      delta: placeOn(semantics, timing) === 'delta',
      durationMillis: Math.round(timing.durationNanos / 1e6),
      counters: counterTotals(reading.kind, timing),
      // What is not asked for lies outside the range and only says when it was captured.
      value: values.get(timing.snapshotId) ?? 0n,
      serviceId: timing.serviceId,
      instanceId: timing.instanceId,
    }),
  );
  if (!hourly)
    return Array.from(points.values(), (group) => ({ instance: group[0], spans: spansOfPoints(semantics, group) }));
  return readHourlySpans(tx, tenantId, reading, source, points);
}

interface Point extends Instance {
  readonly id: string;
  readonly atMillis: number;
  readonly buildId: string | null;
  readonly delta: boolean;
  readonly durationMillis: number;
  readonly counters: readonly bigint[];
  readonly value: bigint;
}

function spansOfPoints(semantics: Semantics, points: readonly Point[]): Span[] {
  if (modeOf(semantics) === 'held') return heldSpans(points);
  const deltas = points.filter((point) => point.delta);
  return [
    ...growthSpans(points.filter((point) => !point.delta)),
    ...deltas.map(({ atMillis, durationMillis, value, buildId }) => {
      return { startMillis: atMillis, endMillis: atMillis + durationMillis, amount: value, buildId };
    }),
  ];
}

/** @param points what the roll-ups do not have, by instance */
async function readHourlySpans(
  tx: Tx,
  tenantId: TenantId,
  reading: Reading,
  { functionId, value }: SeriesSource,
  points: ReadonlyMap<string, readonly Point[]>,
): Promise<{ instance: Instance; spans: Span[] }[]> {
  const around = {
    fromMillis: reading.fromMillis - 2 * longestHoldMillis,
    toMillis: reading.toMillis + longestHoldMillis,
  };
  const dirty: { service_id: string; instance_id: string; hour: Date }[] = await tx.query(
    `select service_id, instance_id, hour from rollup_dirty
      where tenant_id = $1 and service_id = any($2::bigint[]) and kind = $3 and hour >= $4 and hour < $5`,
    [tenantId, reading.serviceIds, reading.kind, new Date(around.fromMillis), new Date(around.toMillis)],
  );
  const isDirty = new Set(dirty.map((row) => `${row.service_id} ${row.instance_id} ${row.hour.getTime()}`));
  const series = functionId === undefined ? undefined : { functionId, value };
  const rolledUp = await readRollups(tx, tenantId, { ...reading, ...around, series });

  const instances = new Map<string, { instance: Instance; hours: SummedHour[] }>();
  for (const { serviceId, instanceId, hours } of rolledUp) {
    const key = `${serviceId} ${instanceId}`;
    const clean = hours.filter(({ timing }) => !isDirty.has(`${key} ${timing.hourMillis}`));
    instances.set(key, { instance: { serviceId, instanceId }, hours: clean });
  }
  const mode = modeOf(reading.semantics);
  for (const [key, members] of points) {
    let entry = instances.get(key);
    if (entry === undefined) instances.set(key, (entry = { instance: members[0], hours: [] }));
    for (const [hour, inHour] of groupBy(
      members,
      (point) => hourOf(point.atMillis),
      (point) => point,
    )) {
      const plan = planHour(hour, inHour, mode);
      const sums = new HourSums(plan, 1);
      for (const step of plan.steps) sums.add(step, [step.point.value]);
      entry.hours.push({ timing: plan.timing, values: sums.valuesOf(0) });
    }
  }
  return Array.from(instances.values(), ({ instance, hours }) => {
    hours.sort((a, b) => a.timing.hourMillis - b.timing.hourMillis);
    return { instance, spans: mode === 'held' ? heldHourSpans(hours) : growthHourSpans(hours) };
  });
}

/** The value of each snapshot that counts in the range, in the unit of the time line, by snapshot id. */
async function readValues(
  tx: Tx,
  tenantId: TenantId,
  reading: Reading,
  { functionId, value, stackStore }: SeriesSource,
  timings: readonly Timing[],
): Promise<Map<string, bigint>> {
  const { semantics, sampleType } = reading;
  let found: Map<string, bigint>;
  if (functionId === undefined || stackStore === undefined) {
    found = new Map(timings.map((t) => [t.snapshotId, t.totals[t.sampleTypes.indexOf(sampleType)]]));
  } else {
    const wanted = timingsThatCount(timings, reading);
    refuseBeyond(maxTrendVectors, wanted.length, 'trend-vectors');
    found = await readFunctionValues(tx, stackStore, tenantId, reading.kind, wanted, { sampleType, functionId, value });
  }
  if (semantics !== 'cpu') return found;
  const durations = new Map(timings.map((timing) => [timing.snapshotId, timing.durationNanos]));
  return new Map(Array.from(found, ([id, v]) => [id, BigInt(onTimeLine(semantics, [v], durations.get(id)!)[0])]));
}

/** The snapshots inside the range, what reaches into it, and of every instance the last before and the first after. */
export function timingsThatCount(
  timings: readonly Timing[],
  { fromMillis, toMillis }: Pick<TrendRange, 'fromMillis' | 'toMillis'>,
): Timing[] {
  const counted: Timing[] = [];
  for (const group of groupBy(
    timings,
    (timing) => `${timing.serviceId} ${timing.instanceId}`,
    (timing) => timing,
  ).values()) {
    let before = -Infinity;
    let after = Infinity;
    for (const { atMillis } of group) {
      if (atMillis < fromMillis) before = Math.max(before, atMillis);
      if (atMillis >= toMillis) after = Math.min(after, atMillis);
    }
    for (const timing of group) {
      const { atMillis, delta, durationNanos } = timing;
      const reaches = delta && atMillis < fromMillis && atMillis + durationNanos / 1e6 > fromMillis;
      if ((atMillis >= before && atMillis <= after) || reaches) counted.push(timing);
    }
  }
  return counted;
}

/** @throws Problem `too-many-points` */
export function refuseBeyond(allowed: number, actual: number, limit: string): void {
  if (actual <= allowed) return;
  throw new Problem(
    'too-many-points',
    'This would read too many snapshots: choose a shorter range or a step of an hour.',
    {
      limit,
      actual,
      allowed,
    },
  );
}

function groupBy<T, K, V>(items: Iterable<T>, keyOf: (item: T) => K, valueOf: (item: T) => V): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [valueOf(item)]);
    else group.push(valueOf(item));
  }
  return groups;
}

function compareKeys(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** Nanocores as a decimal number of cores. */
function cores(nanocores: bigint): string {
  const sign = nanocores < 0n ? '-' : '';
  const digits = (nanocores < 0n ? -nanocores : nanocores).toString().padStart(10, '0');
  const fraction = digits.slice(-9).replace(/0+$/, '');
  return `${sign}${digits.slice(0, -9)}${fraction === '' ? '' : `.${fraction}`}`;
}
