import { type GoroutineGrouping, groupKey, groupNames } from '../analysis/goroutine-groups.js';
import { rowsOfStacks } from '../analysis/goroutine-rows.js';
import type { GroupCounts } from '../analysis/goroutine-trend.js';
import type { SeriesTable } from '../analysis/series-table.js';
import type { StackTree, SymbolTable } from '../analysis/stack-profile.js';
import { longestHoldMillis } from '../analysis/timeline.js';
import type { TenantId, Tx } from '../platform/database.js';
import { DamagedBlockError } from './block.js';
import { monthOf } from './captured-at.js';
import { vectorsOf } from './read.js';
import { readSeries } from './series.js';
import type { StackStore } from './stack-store.js';
import { readTimings } from './timings.js';
import { maxTrendSnapshots, maxTrendVectors, refuseBeyond, timingsThatCount } from './trends.js';
import { decodeVector } from './vector.js';

/** Groups in all snapshots of a range together, counted once per snapshot that has them: some 12 bytes each in memory. */
export const maxGroupCounts = 5_000_000;

/** Where the parsers write how many goroutines are in each state. */
const statesSource = 'goroutine-states';
const minuteMillis = 60_000;
/** What may hold into a range, and where it is cut off, of series. */
const seriesMarginMillis = 120 * minuteMillis;
/** Longer ranges of series are thinned to so many moments per instance. */
const wholeSeriesMillis = 360 * minuteMillis;
const thinnedMoments = 1_440;

export interface GoroutineRange {
  readonly serviceId: string;
  readonly kind: string;
  readonly fromMillis: number;
  readonly toMillis: number;
}

export interface CountedGoroutines {
  readonly captures: readonly GroupCounts[];
  /** State and name of each group, by its number. */
  readonly groups: readonly CountedGroup[];
  /** Whether they are of series, whose captures are no snapshots. */
  readonly fromSeries: boolean;
  /** Of series of long ranges only the last moment of each so many milliseconds counts; null: all do. */
  readonly thinnedToMillis: number | null;
}

export interface CountedGroup {
  readonly state: string;
  readonly name: string;
}

/**
 * How many goroutines of each group the snapshots hold that decide a range, from their vectors. Instances are ids.
 *
 * @param tx of `readTenant`: what it sees has to be of one moment
 * @throws Problem `too-many-points` (limits trend-snapshots, trend-vectors, goroutine-group-counts); DamagedBlockError
 */
export async function countByStacks(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  {
    serviceId,
    kind,
    fromMillis,
    toMillis,
    by,
    instanceId,
  }: GoroutineRange & { by: GoroutineGrouping; instanceId?: string },
): Promise<CountedGoroutines> {
  const timings = await readTimings(tx, tenantId, {
    serviceIds: [serviceId],
    kind,
    instanceId,
    fromMillis,
    toMillis,
    deltas: false,
    limit: maxTrendSnapshots + 1,
  });
  refuseBeyond(maxTrendSnapshots, timings.length, 'trend-snapshots');
  const wanted = timingsThatCount(timings, { fromMillis, toMillis });
  refuseBeyond(maxTrendVectors, wanted.length, 'trend-vectors');
  const inRange = new Set(wanted.map(({ snapshotId }) => snapshotId));
  // The others say when a value ends, and hold nothing inside the range themselves.
  const captures = timings
    .filter(({ snapshotId }) => !inRange.has(snapshotId))
    .map(({ instanceId: instance, snapshotId: id, atMillis, buildId }): GroupCounts => {
      return { instance, id, atMillis, buildId, groups: new Int32Array(), counts: new Float64Array() };
    });
  const numbers = new GroupNumbers();
  const months = new Map<string, MonthGroups>();
  const ordered = wanted.toSorted((a, b) => a.atMillis - b.atMillis || (a.snapshotId < b.snapshotId ? -1 : 1));
  let counted = 0;
  for await (const { timing, data } of vectorsOf(tx, tenantId, { serviceId, kind }, ordered)) {
    const month = monthOf(new Date(timing.atMillis).toISOString());
    let groupsOf = months.get(month);
    if (groupsOf === undefined) {
      const { symbols, tree } = await store.load(tx, tenantId, serviceId, month);
      months.set(month, (groupsOf = new MonthGroups(symbols, tree, by, numbers)));
    }
    const { nodes, values } = decodeVector(data, 0);
    const counts = new Map<number, number>();
    groupsOf.of(nodes).forEach((group, row) => counts.set(group, (counts.get(group) ?? 0) + Number(values[0][row])));
    counted += counts.size;
    refuseBeyond(maxGroupCounts, counted, 'goroutine-group-counts');
    captures.push({
      instance: timing.instanceId,
      id: timing.snapshotId,
      atMillis: timing.atMillis,
      buildId: timing.buildId,
      groups: Int32Array.from(counts.keys()),
      counts: Float64Array.from(counts.values()),
    });
  }
  return { captures, groups: numbers.groups, fromSeries: false, thinnedToMillis: null };
}

/**
 * The same by state, from the series that say how many goroutines each state has: of a long range at a fraction of the
 * work. Instances are names, and no snapshot is told by its id.
 *
 * @throws SeriesTooLargeError, DamagedBlockError
 */
export async function countByStateSeries(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, kind, fromMillis, toMillis, instance }: GoroutineRange & { instance?: string },
): Promise<CountedGoroutines> {
  const length = toMillis - fromMillis;
  const thinnedToMillis = length <= wholeSeriesMillis ? null : Math.ceil(length / thinnedMoments);
  const from = Math.max(0, fromMillis - seriesMarginMillis);
  const to = toMillis + seriesMarginMillis;
  const isShared = await hasOtherKinds(tx, tenantId, { serviceId, kind, fromMillis: from, toMillis: to });
  const series = await readSeries(tx, tenantId, {
    serviceId,
    sources: [statesSource],
    from,
    to,
    instance,
    ...(isShared ? { kind } : {}),
    ...(thinnedToMillis === null ? {} : { lastOfMillis: thinnedToMillis }),
  });
  const numbers = new GroupNumbers();
  const captures = series.flatMap(({ instance: name, table }) => countsInTable(name, table, numbers));
  return { captures, groups: numbers.groups, fromSeries: true, thinnedToMillis };
}

/** Whether snapshots of another kind say how many goroutines are in which state, too. */
async function hasOtherKinds(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, kind, fromMillis, toMillis }: GoroutineRange,
): Promise<boolean> {
  const others = ['goroutine', 'goroutine-dump'].filter((other) => other !== kind);
  const [{ found }] = await tx.query<{ found: boolean }[]>(
    `select exists (select from vector
                     where tenant_id = $1 and service_id = $2 and kind = any($3)
                       and captured_at >= $4 and captured_at < $5) as found`,
    // A log tells of dumps that it holds from before its own time.
    [
      tenantId,
      serviceId,
      others,
      new Date(Math.max(0, fromMillis - longestHoldMillis)),
      new Date(toMillis + longestHoldMillis),
    ],
  );
  return found;
}

function countsInTable(instance: string, { atNanos, columns }: SeriesTable, numbers: GroupNumbers): GroupCounts[] {
  const states = columns
    .filter(({ name }) => name !== 'total')
    .map((column) => ({ column, group: numbers.of({ state: column.name, name: column.name }) }));
  return Array.from(atNanos, (at, row): GroupCounts => {
    const present = states.filter(({ column }) => column.present?.[row] !== 0);
    return {
      instance,
      // Of two in one millisecond the later one in the table stands.
      id: String(row).padStart(9, '0'),
      atMillis: Number(at / 1_000_000n),
      buildId: null,
      groups: Int32Array.from(present, ({ group }) => group),
      counts: Float64Array.from(present, ({ column }) => Math.round(Number(column.values[row]))),
    };
  });
}

/** Numbers groups in the order in which they come. */
class GroupNumbers {
  readonly groups: CountedGroup[] = [];
  private readonly numbers = new Map<string, number>();

  of(group: CountedGroup): number {
    const key = groupKey(group);
    let number = this.numbers.get(key);
    if (number === undefined) this.numbers.set(key, (number = this.groups.push(group) - 1));
    return number;
  }
}

/** The groups of a month's stacks; each stack is looked at once, when a vector has it. */
class MonthGroups {
  private readonly groupOfNode: Int32Array;

  constructor(
    private readonly symbols: SymbolTable,
    private readonly tree: StackTree,
    private readonly by: GoroutineGrouping,
    private readonly numbers: GroupNumbers,
  ) {
    this.groupOfNode = new Int32Array(tree.parent.length).fill(-1);
  }

  /** @param nodes ascending. @throws DamagedBlockError */
  of(nodes: Int32Array): Int32Array {
    const { groupOfNode } = this;
    if (nodes.length > 0 && nodes[nodes.length - 1] >= groupOfNode.length) {
      throw new DamagedBlockError(`stack ${nodes[nodes.length - 1]} of ${groupOfNode.length}`);
    }
    const unseen = nodes.filter((node) => groupOfNode[node] < 0);
    if (unseen.length > 0) this.look(unseen);
    return nodes.map((node) => groupOfNode[node]);
  }

  private look(nodes: Int32Array): void {
    const { symbols, tree, by, numbers } = this;
    const sampleTypes = [{ type: 'goroutine', unit: 'count' }];
    const rows = rowsOfStacks({ symbols, tree, sampleTypes, nodes, values: [new Float64Array(nodes.length)] });
    const nameOf = groupNames(rows, { by });
    nodes.forEach((node, row) => {
      this.groupOfNode[node] = numbers.of({ state: rows.state[row], name: nameOf(row) });
    });
  }
}

/** A snapshot of a kind, as it is shown beside what was found in it. */
export interface NamedSnapshot {
  readonly snapshotId: string;
  readonly instance: string;
  /** RFC 3339, UTC, with microseconds. */
  readonly capturedAt: string;
}

/** Of the snapshots of a range those with these ids, in the order of time; without ids the youngest. */
export async function findGoroutineSnapshots(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, kind, fromMillis, toMillis }: GoroutineRange,
  { ids, instanceId }: { readonly ids?: readonly string[]; readonly instanceId?: string },
): Promise<NamedSnapshot[]> {
  const rows = await tx.query<{ snapshot_id: string; instance: string; captured_at: string }[]>(
    `select v.snapshot_id, i.name as instance,
            to_char(v.captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as captured_at
       from (select snapshot_id, instance_id, captured_at from vector
              where tenant_id = $1 and service_id = $2 and kind = $3 and not delta
                and captured_at >= $4 and captured_at < $5
                and ($6::uuid[] is null or snapshot_id = any($6)) and ($7::bigint is null or instance_id = $7)
              order by captured_at desc, snapshot_id desc limit $8) v
       join instance i on i.tenant_id = $1 and i.service_id = $2 and i.instance_id = v.instance_id
      order by v.captured_at, v.snapshot_id`,
    [
      tenantId,
      serviceId,
      kind,
      // What holds into the range may be of before it.
      new Date(Math.max(0, fromMillis - 3 * longestHoldMillis)),
      new Date(toMillis),
      ids ?? null,
      instanceId ?? null,
      ids?.length ?? 1,
    ],
  );
  return rows.map(({ snapshot_id, instance, captured_at }) => ({
    snapshotId: snapshot_id,
    instance,
    capturedAt: captured_at,
  }));
}
