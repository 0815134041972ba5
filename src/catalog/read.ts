import { sampleTypeIndex } from '../analysis/sample-type.js';
import type { SampleType, StackProfile } from '../analysis/stack-profile.js';
import { holdWeights, increaseWeights, type InstancePoints, semanticsOf } from '../analysis/timeline.js';
import type { TenantId, Tx } from '../platform/database.js';
import { DamagedBlockError } from './block.js';
import { monthOf } from './captured-at.js';
import type { StackStore } from './stack-store.js';
import { StackSum } from './stack-sum.js';
import { readTimings, type Timing } from './timings.js';
import { decodeVector } from './vector.js';

/** What a snapshot is found by. */
export interface SnapshotKey {
  readonly serviceId: string;
  readonly kind: string;
  /** RFC 3339, UTC, with microseconds. */
  readonly capturedAt: string;
  readonly snapshotId: string;
}

/** Snapshots of one service and kind. Who asks has made sure that the caller may see them. */
export interface StackSelection {
  readonly serviceId: string;
  readonly kind: string;
  /** Milliseconds since 1970, half open. */
  readonly from: number;
  readonly to: number;
  /** Name of one instance. */
  readonly instance?: string;
  /** Version of a build. */
  readonly build?: string;
  readonly env?: string;
  /** All of them. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface MergedSelection {
  readonly stacks: StackProfile;
  /** What the youngest profile itself says is to be shown first; empty: it says nothing. */
  readonly defaultSampleType: string;
  readonly coverage: Coverage;
}

/** What the answer to a range rests on. */
export interface Coverage {
  /** Snapshots whose values went into it. */
  readonly snapshots: number;
  readonly instances: number;
  /** Whether one of the instances is `default`, which holds all snapshots that were sent without an instance. */
  readonly hasDefaultInstance: boolean;
  /** Of the first and the last of these snapshots; the first may be of before the range and hold into it. */
  readonly firstAtMillis: number;
  readonly lastAtMillis: number;
  /** The time of the range in which any instance held a value: what a mean is divided by. Null if no column is a gauge. */
  readonly heldMillis: number | null;
}

/** A range with more snapshots than one answer may read. */
export class SelectionTooLargeError extends Error {
  override readonly name = 'SelectionTooLargeError';

  constructor(
    readonly limit: 'snapshots_per_range' | 'snapshots_per_merge',
    readonly actual: number,
    readonly allowed: number,
  ) {
    super(`${actual} snapshots or more, where ${limit} allows ${allowed}`);
  }
}

/** Looked at without their stacks: two weeks of one instance at one a minute. */
const snapshotsPerRange = 20_000;
/** Read with their stacks: some 0.6 ms each when they are large. */
const snapshotsPerMerge = 5_000;
/** Of vectors in memory at once, about. */
const batchBytes = 8 * 2 ** 20;
const largestBatch = 64;

/**
 * One snapshot, as it was indexed; null if there is none.
 * @throws DamagedBlockError
 */
export async function readSnapshot(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  { serviceId, kind, capturedAt, snapshotId }: SnapshotKey,
): Promise<StackProfile | null> {
  const [row] = await tx.query<{ sample_types: string[]; data: Buffer }[]>(
    `select sample_types, data from vector
      where tenant_id = $1 and service_id = $2 and kind = $3 and captured_at = $4 and snapshot_id = $5`,
    [tenantId, serviceId, kind, capturedAt, snapshotId],
  );
  if (!row) return null;
  const { symbols, tree } = await store.load(tx, tenantId, serviceId, monthOf(capturedAt));
  const { nodes, values } = decodeVector(row.data);
  const sum = new StackSum(row.sample_types.map(sampleTypeOf));
  const places = sum.place(tree, nodes);
  values.forEach((column, index) => sum.add(index, places, column, 1));
  return sum.finish(
    symbols,
    values.map(() => 1),
  );
}

/**
 * All snapshots of a selection as one profile, gauge-true (see analysis/timeline.ts):
 *
 *   * of a gauge, the mean over the time in which any instance held a value: each snapshot weighs as long as it held
 *     inside the range; the exact sum is divided once and rounded to an integer, halves away from zero;
 *   * of a counter, what it grew by, over all instances and their restarts; an instance with a single snapshot reads it;
 *   * deltas and CPU time are summed; deltas of a gauge count only where nothing else says what the gauge was.
 *
 * So a range in which one snapshot holds reads that snapshot. The columns are those of the youngest snapshot of the
 * range; others are left out. Null if the selection has no snapshot.
 *
 * @param tx of `readTenant`: what it sees has to be of one moment
 * @param sampleType merge this column alone; empty: the one to be shown first; undefined: all columns
 * @throws SelectionTooLargeError, SampleTypeError, DamagedBlockError
 */
export async function mergeSelection(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  selection: StackSelection,
  sampleType?: string,
): Promise<MergedSelection | null> {
  const timings = await readMatching(tx, tenantId, selection);
  const youngest = timings.filter(({ atMillis }) => atMillis < selection.to).at(-1);
  if (youngest === undefined) return null;
  const defaultSampleType = await readDefaultSampleType(tx, tenantId, youngest.snapshotId);
  let columns = youngest.sampleTypes.map((name) => ({ name, ...sampleTypeOf(name) }));
  if (sampleType !== undefined) columns = [columns[sampleTypeIndex(columns, sampleType, defaultSampleType)]];
  const plans = columns.map(({ name }) => planColumn(name, timings, selection));

  const used = timings.filter((_, index) => plans.some(({ weights }) => weights[index] !== 0));
  if (used.length === 0) return null;
  if (used.length > snapshotsPerMerge) {
    throw new SelectionTooLargeError('snapshots_per_merge', used.length, snapshotsPerMerge);
  }
  const indexOf = new Map(timings.map(({ snapshotId }, index) => [snapshotId, index]));
  const sum = new StackSum(columns.map(({ type, unit }) => ({ type, unit })));
  const months = new Map<string, Awaited<ReturnType<StackStore['load']>>>();
  for await (const { timing, data } of vectorsOf(tx, tenantId, selection, used)) {
    const index = indexOf.get(timing.snapshotId)!;
    const month = monthOf(new Date(timing.atMillis).toISOString());
    const dictionary = months.get(month) ?? (await store.load(tx, tenantId, selection.serviceId, month));
    months.set(month, dictionary);
    const wanted = columns.flatMap(({ name }, column) => {
      const at = timing.sampleTypes.indexOf(name);
      const weight = plans[column].weights[index];
      return at < 0 || weight === 0 ? [] : [{ column, at, weight }];
    });
    const only = wanted.length === 1 ? wanted[0].at : undefined;
    const { nodes, values } = decodeVector(data, only);
    const places = sum.place(dictionary.tree, nodes);
    for (const { column, at, weight } of wanted) sum.add(column, places, values[only === undefined ? at : 0], weight);
  }
  const stacks = sum.finish(
    // Symbols only ever grow: those that were loaded last contain all others.
    [...months.values()].at(-1)!.symbols,
    plans.map(({ divisor }) => divisor),
  );
  return { stacks, defaultSampleType, coverage: await coverageOf(tx, tenantId, selection, used, plans) };
}

interface ColumnPlan {
  /** By the index of the timing. */
  readonly weights: Float64Array;
  readonly divisor: number;
  readonly isHeld: boolean;
}

function planColumn(name: string, timings: readonly Timing[], { kind, from, to }: StackSelection): ColumnPlan {
  const having = timings.flatMap((timing, index) => (timing.sampleTypes.includes(name) ? [{ timing, index }] : []));
  const semantics = semanticsOf(kind, name, false);
  const states = having.filter(({ timing }) => !timing.delta);
  if (semantics === 'gauge' && states.length > 0) {
    const { weights, divisor } = holdWeights(instancesOf(states), from, to);
    return { weights: sized(weights, timings.length), divisor: Math.max(1, divisor), isHeld: true };
  }
  const weights =
    semantics === 'counter'
      ? sized(increaseWeights(instancesOf(states, kind), from, to).weights, timings.length)
      : new Float64Array(timings.length);
  for (const { timing, index } of having) {
    const isSummed = timing.delta || semantics === 'cpu' || semantics === 'delta';
    if (isSummed && timing.atMillis >= from && timing.atMillis < to) weights[index] = 1;
  }
  return { weights, divisor: 1, isHeld: false };
}

/** @param kind of counters: their totals tell where one process ends and the next begins */
function instancesOf(having: readonly { timing: Timing; index: number }[], kind?: string): InstancePoints[] {
  const instances = new Map<string, InstancePoints['points'][number][]>();
  for (const { timing, index } of having) {
    const points = instances.get(timing.instanceId) ?? [];
    instances.set(timing.instanceId, points);
    const counters =
      kind === undefined
        ? undefined
        : timing.totals.filter((_, column) => semanticsOf(kind, timing.sampleTypes[column], false) === 'counter');
    points.push({ atMillis: timing.atMillis, id: timing.snapshotId, index, ...(counters && { counters }) });
  }
  return [...instances.values()].map((points) => ({ points }));
}

function sized(weights: Float64Array, length: number): Float64Array {
  const all = new Float64Array(length);
  all.set(weights);
  return all;
}

/** What matches, and around the range what decides how long values hold, in order of time. */
async function readMatching(tx: Tx, tenantId: TenantId, selection: StackSelection): Promise<Timing[]> {
  const { serviceId, kind, from, to, instance, build, env, labels } = selection;
  let instanceId: string | undefined;
  if (instance !== undefined) {
    const [row] = await tx.query<{ instance_id: string }[]>(
      'select instance_id from instance where tenant_id = $1 and service_id = $2 and name = $3',
      [tenantId, serviceId, instance],
    );
    if (!row) return [];
    instanceId = row.instance_id;
  }
  let timings = await readTimings(tx, tenantId, {
    serviceIds: [serviceId],
    kind,
    fromMillis: from,
    toMillis: to,
    limit: snapshotsPerRange + 1,
    ...(instanceId !== undefined && { instanceId }),
  });
  if (timings.length > snapshotsPerRange) {
    throw new SelectionTooLargeError('snapshots_per_range', timings.length, snapshotsPerRange);
  }
  if (build !== undefined) {
    const rows = await tx.query<{ build_id: string }[]>(
      'select build_id from build where tenant_id = $1 and service_id = $2 and version = $3',
      [tenantId, serviceId, build],
    );
    const builds = new Set(rows.map((row) => row.build_id));
    timings = timings.filter(({ buildId }) => buildId !== null && builds.has(buildId));
  }
  if (env !== undefined || labels !== undefined) {
    const rows = await tx.query<{ snapshot_id: string }[]>(
      `select snapshot_id from snapshot
        where tenant_id = $1 and snapshot_id = any($2::uuid[]) and ($3::text is null or env = $3)
          and ($4::jsonb is null or labels @> $4)`,
      [tenantId, timings.map(({ snapshotId }) => snapshotId), env ?? null, labels ? JSON.stringify(labels) : null],
    );
    const matching = new Set(rows.map((row) => row.snapshot_id));
    timings = timings.filter(({ snapshotId }) => matching.has(snapshotId));
  }
  return timings.sort((a, b) => a.atMillis - b.atMillis || (a.snapshotId < b.snapshotId ? -1 : 1));
}

async function readDefaultSampleType(tx: Tx, tenantId: TenantId, snapshotId: string): Promise<string> {
  const [row] = await tx.query<{ name: string | null }[]>(
    `select details ->> 'defaultSampleType' as name from snapshot where tenant_id = $1 and snapshot_id = $2`,
    [tenantId, snapshotId],
  );
  return row?.name ?? '';
}

/** The vectors in order of time, a few at once: how many depends on the largest one so far. */
export async function* vectorsOf<Place extends Pick<Timing, 'snapshotId' | 'atMillis'>>(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, kind }: Pick<StackSelection, 'serviceId' | 'kind'>,
  timings: readonly Place[],
): AsyncGenerator<{ timing: Place; data: Buffer }> {
  let largest = batchBytes / 8;
  for (let start = 0; start < timings.length;) {
    const batch = timings.slice(start, start + Math.max(1, Math.min(largestBatch, Math.floor(batchBytes / largest))));
    const rows = await tx.query<{ snapshot_id: string; data: Buffer }[]>(
      `select v.snapshot_id, v.data
         from unnest($4::uuid[], $5::timestamptz[]) wanted (snapshot_id, at)
         join vector v on v.tenant_id = $1 and v.service_id = $2 and v.kind = $3 and v.snapshot_id = wanted.snapshot_id
          and v.captured_at >= wanted.at and v.captured_at < wanted.at + interval '1 millisecond'`,
      [
        tenantId,
        serviceId,
        kind,
        batch.map(({ snapshotId }) => snapshotId),
        batch.map(({ atMillis }) => new Date(atMillis)),
      ],
    );
    const found = new Map(rows.map((row) => [row.snapshot_id, row.data]));
    if (start === 0) largest = 1;
    for (const timing of batch) {
      const data = found.get(timing.snapshotId);
      if (data === undefined) throw new DamagedBlockError(`the vector of snapshot ${timing.snapshotId} is gone`);
      largest = Math.max(largest, data.length);
      yield { timing, data };
    }
    start += batch.length;
  }
}

async function coverageOf(
  tx: Tx,
  tenantId: TenantId,
  { serviceId }: StackSelection,
  used: readonly Timing[],
  plans: readonly ColumnPlan[],
): Promise<Coverage> {
  const instances = [...new Set(used.map(({ instanceId }) => instanceId))];
  const named = await tx.query<unknown[]>(
    `select from instance where tenant_id = $1 and service_id = $2 and name = 'default' and instance_id = any($3::bigint[])`,
    [tenantId, serviceId, instances],
  );
  return {
    snapshots: used.length,
    instances: instances.length,
    hasDefaultInstance: named.length > 0,
    firstAtMillis: used[0].atMillis,
    lastAtMillis: used[used.length - 1].atMillis,
    heldMillis: plans.find(({ isHeld }) => isHeld)?.divisor ?? null,
  };
}

/** `type/unit`; a type may contain a slash itself. */
function sampleTypeOf(name: string): SampleType {
  const slash = name.lastIndexOf('/');
  return { type: name.slice(0, slash), unit: name.slice(slash + 1) };
}
