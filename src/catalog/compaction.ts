import { groupSums } from '../analysis/grouping.js';
import type { StackProfile } from '../analysis/stack-profile.js';
import { hourOf } from '../analysis/timeline.js';
import type { Clock } from '../platform/clock.js';
import { asTenantId, type Database, prepared, type TenantId, type Tx } from '../platform/database.js';
import { monthOf } from './captured-at.js';
import { sumUpHour, type HourRollup, type RollupSnapshot } from './rollup-hour.js';
import { writeRollups } from './rollups.js';
import type { StackStore } from './stack-store.js';
import { decodeVector } from './vector.js';

/*
 * How snapshots become roll-ups. Per service and kind there is a head with a watermark, always a full hour, and there are
 * dirty hours, each of one instance:
 *
 *                    a writer records a vector of before the watermark
 *                        │                       │
 *     (not rolled up) ── advance ──▶ dirty ── rebuild ──▶ clean
 *                                      ▲                    │
 *                                      └────────────────────┘
 *
 *   * advance: moves the watermark to the last full hour and marks every hour it passes over, in one short transaction;
 *   * rebuild: reads a batch of dirty hours and their vectors as of one moment, sums them up outside any transaction, then
 *     writes them and takes their marks away in a second one.
 *
 * Readers take what is before the watermark and not dirty from the roll-ups, the rest from the vectors, as of one moment;
 * each of the four transitions is one commit, so they never see a snapshot twice or miss one. What holds it together:
 *
 *   * A writer locks the head FOR KEY SHARE until it commits, advance locks it FOR UPDATE. So a vector is either committed
 *     when advance looks for hours to mark, or its writer sees the new watermark and marks its hour itself.
 *   * A mark carries the number of the transaction that set it last. A rebuild writes an hour only if its mark is still the
 *     one that stood there when the vectors were read; otherwise the hour stays dirty and is read again. The number of a
 *     transaction never returns, so a mark that was removed and set again is not mistaken for the old one.
 *   * A rebuild locks the head FOR NO KEY UPDATE while it writes: only one at a time exchanges hours inside the blocks of
 *     a day, and no writer waits for it. It passes over marks that somebody is just setting, so it never waits for one
 *     writer while another waits for it.
 *
 * An hour is always rebuilt whole, from whatever vectors it has; doing so twice, in any order, or in two processes at
 * once, changes nothing.
 */

/** Snapshots arrive some time after they were captured; an hour is not rolled up before most of its last ones are here. */
const settleMillis = 120_000;

/** Bounds of one batch: transactions stay short, and what is in memory stays small. */
const maxHoursPerBatch = 48;
const maxVectorsPerBatch = 2_000;

interface DirtyHour {
  readonly instanceId: string;
  readonly hourMillis: number;
  readonly markedBy: string;
}

type Stacks = Pick<StackProfile, 'symbols' | 'tree'>;

interface VectorRow {
  readonly instance_id: string;
  readonly snapshot_id: string;
  readonly at: number;
  readonly build_id: string | null;
  readonly delta: boolean;
  readonly duration: number;
  readonly sample_types: string[];
  readonly totals: string[];
  readonly data: Buffer;
}

export class Compaction {
  constructor(
    private readonly db: Database,
    private readonly stackStore: StackStore,
    private readonly clock: Clock,
  ) {}

  /**
   * Brings the roll-ups of every service that has anything to do up to date.
   *
   * @param tenantId of one tenant only
   * @returns the number of hours rebuilt
   * @throws AggregateError after all others were served, if some could not be: their hours stay dirty
   */
  async run(tenantId?: TenantId): Promise<number> {
    const tenants = tenantId === undefined ? await this.tenants() : [tenantId];
    const failures: Error[] = [];
    let hours = 0;
    for (const tenant of tenants) {
      const heads: { service_id: string; kind: string }[] = await this.db.readTenant(tenant, (tx) =>
        tx.query(
          `select service_id, kind from rollup_head h
            where compacted_until < $1 or exists (
                    select from rollup_dirty d
                     where d.tenant_id = h.tenant_id and d.service_id = h.service_id and d.kind = h.kind)
            order by service_id, kind`,
          [new Date(this.target())],
        ),
      );
      for (const { service_id, kind } of heads) {
        try {
          hours += await this.compactService(tenant, service_id, kind);
        } catch (cause) {
          failures.push(new Error(`service ${service_id} of tenant ${tenant}, kind ${kind}`, { cause }));
        }
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some services could not be rolled up');
    return hours;
  }

  /** Rolls up what there is of one service and kind. @returns the number of hours rebuilt */
  async compactService(tenantId: TenantId, serviceId: string, kind: string): Promise<number> {
    await this.advance(tenantId, serviceId, kind);
    let rebuilt = 0;
    for (;;) {
      const hours = await this.rebuildBatch(tenantId, serviceId, kind);
      // Hours that others keep marking are left to the next run.
      if (hours === 0) return rebuilt;
      rebuilt += hours;
    }
  }

  private target(): number {
    return hourOf(this.clock.now().getTime() - settleMillis);
  }

  private async tenants(): Promise<TenantId[]> {
    const rows: { tenant_id: string }[] = await this.db.acrossTenants((tx) =>
      tx.query('select tenant_id from tenant order by tenant_id'),
    );
    return rows.map((row) => asTenantId(row.tenant_id));
  }

  private async advance(tenantId: TenantId, serviceId: string, kind: string): Promise<void> {
    const until = new Date(this.target());
    await this.db.withTenant(tenantId, async (tx) => {
      const [head]: unknown[] = await tx.query(
        `select from rollup_head
          where tenant_id = $1 and service_id = $2 and kind = $3 and compacted_until < $4
            for update`,
        [tenantId, serviceId, kind, until],
      );
      if (head === undefined) return;
      await tx.query(
        `insert into rollup_dirty (tenant_id, service_id, kind, instance_id, hour, marked_by)
         select distinct v.tenant_id, v.service_id, v.kind, v.instance_id, date_trunc('hour', v.captured_at, 'UTC'),
                pg_current_xact_id()::text::bigint
           from rollup_head h
           join vector v on v.tenant_id = h.tenant_id and v.service_id = h.service_id and v.kind = h.kind
            and v.captured_at >= h.compacted_until and v.captured_at < $4
          where h.tenant_id = $1 and h.service_id = $2 and h.kind = $3
             on conflict (tenant_id, service_id, kind, instance_id, hour) do update set marked_by = excluded.marked_by`,
        [tenantId, serviceId, kind, until],
      );
      await tx.query(
        'update rollup_head set compacted_until = $4 where tenant_id = $1 and service_id = $2 and kind = $3',
        [tenantId, serviceId, kind, until],
      );
    });
  }

  /** @returns the number of hours rebuilt */
  private async rebuildBatch(tenantId: TenantId, serviceId: string, kind: string): Promise<number> {
    const batch = await this.db.readTenant(tenantId, async (tx) => {
      const dirty = await readDirty(tx, tenantId, serviceId, kind);
      const stacks = new Map<string, Stacks>();
      for (const month of new Set(dirty.map((hour) => monthOf(new Date(hour.hourMillis).toISOString())))) {
        stacks.set(month, await this.stackStore.load(tx, tenantId, serviceId, month));
      }
      return { dirty, stacks, vectors: await readVectors(tx, tenantId, serviceId, kind, dirty) };
    });
    if (batch.dirty.length === 0) return 0;
    const rollups: HourRollup[] = [];
    for (const { instanceId, hourMillis: hour } of batch.dirty) {
      const stacks = batch.stacks.get(monthOf(new Date(hour).toISOString()))!;
      const snapshots = batch.vectors
        .filter((row) => row.instance_id === instanceId && hourOf(row.at) === hour)
        .map((row) => snapshotOf(row, stacks));
      rollups.push(await sumUpHour(kind, instanceId, hour, snapshots, stacks.symbols.functions.length));
    }
    return this.db.withTenant(tenantId, (tx) => replaceHours(tx, tenantId, serviceId, kind, batch.dirty, rollups));
  }
}

/** A vector that was recorded, or taken away. */
export interface Arrival {
  readonly serviceId: string;
  readonly kind: string;
  readonly instanceId: string;
  /** RFC 3339 */
  readonly capturedAt: string;
}

/**
 * Tells the roll-ups of vectors that are recorded in this transaction, which has to commit or roll back both. Takes
 * locks on the heads that writers share. Safe against any other writer and against compaction.
 */
export async function markLateArrivals(tx: Tx, tenantId: TenantId, arrivals: readonly Arrival[]): Promise<void> {
  const kinds = new Set(arrivals.map(({ serviceId, kind }) => `${serviceId} ${kind}`));
  const columns = [
    arrivals.map(({ serviceId }) => serviceId),
    arrivals.map(({ kind }) => kind),
    arrivals.map(({ instanceId }) => instanceId),
    arrivals.map(({ capturedAt }) => capturedAt),
  ];
  for (;;) {
    const heads: unknown[] = await prepared(
      tx,

      `with arrival as (
         select * from unnest($2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[]) a (service_id, kind, instance_id, at)
       ), head as materialized (
         select service_id, kind, compacted_until from rollup_head
          where tenant_id = $1 and (service_id, kind) in (select service_id, kind from arrival)
          order by service_id, kind
            for key share
       ), mark as (
         insert into rollup_dirty (tenant_id, service_id, kind, instance_id, hour, marked_by)
         select $1, late.*, pg_current_xact_id()::text::bigint
           from (select distinct service_id, kind, instance_id, date_trunc('hour', at, 'UTC') as hour
                   from arrival join head using (service_id, kind)
                  where at < compacted_until
                  order by service_id, kind, instance_id, hour) late
             on conflict (tenant_id, service_id, kind, instance_id, hour) do update set marked_by = excluded.marked_by
       )
       select from head`,
      [tenantId, ...columns],
    );
    if (heads.length === kinds.size) return;
    // The first snapshot of its kind. Whoever else inserts the head is waited for, and then seen by the next round.
    await tx.query(
      `insert into rollup_head (tenant_id, service_id, kind)
       select distinct $1::uuid, service_id, kind from unnest($2::bigint[], $3::text[]) a (service_id, kind)
        order by service_id, kind
       on conflict do nothing`,
      [tenantId, columns[0], columns[1]],
    );
  }
}

/** A batch of dirty hours, days and instances together, so that the blocks of a day are written once. */
async function readDirty(tx: Tx, tenantId: TenantId, serviceId: string, kind: string): Promise<DirtyHour[]> {
  const rows: { instance_id: string; hour: Date; marked_by: string; vectors: number }[] = await tx.query(
    `select d.instance_id, d.hour, d.marked_by, v.vectors
       from (select * from rollup_dirty
              where tenant_id = $1 and service_id = $2 and kind = $3
              order by date_trunc('day', hour, 'UTC'), instance_id, hour
              limit $4) d,
            lateral (select count(*)::integer as vectors from vector v
                      where v.tenant_id = d.tenant_id and v.service_id = d.service_id and v.kind = d.kind
                        and v.instance_id = d.instance_id
                        and v.captured_at >= d.hour and v.captured_at < d.hour + interval '1 hour') v
      order by date_trunc('day', d.hour, 'UTC'), d.instance_id, d.hour`,
    [tenantId, serviceId, kind, maxHoursPerBatch],
  );
  let vectors = 0;
  return rows
    .filter((row, i) => (vectors += row.vectors) <= maxVectorsPerBatch || i === 0)
    .map((row) => ({ instanceId: row.instance_id, hourMillis: row.hour.getTime(), markedBy: row.marked_by }));
}

async function readVectors(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  kind: string,
  dirty: readonly DirtyHour[],
): Promise<VectorRow[]> {
  return tx.query(
    `select v.instance_id, v.snapshot_id, floor(extract(epoch from v.captured_at) * 1000)::float8 as at, v.build_id,
            v.delta, v.duration_nanos::float8 as duration, v.sample_types, v.totals::text[] as totals, v.data
       from unnest($4::bigint[], $5::timestamptz[]) wanted (instance_id, hour)
       join vector v on v.tenant_id = $1 and v.service_id = $2 and v.kind = $3 and v.instance_id = wanted.instance_id
        and v.captured_at >= wanted.hour and v.captured_at < wanted.hour + interval '1 hour'`,
    [tenantId, serviceId, kind, dirty.map((hour) => hour.instanceId), dirty.map((hour) => new Date(hour.hourMillis))],
  );
}

async function replaceHours(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  kind: string,
  dirty: readonly DirtyHour[],
  rollups: readonly HourRollup[],
): Promise<number> {
  await tx.query('select from rollup_head where tenant_id = $1 and service_id = $2 and kind = $3 for no key update', [
    tenantId,
    serviceId,
    kind,
  ]);
  const marks = [
    dirty.map((hour) => hour.instanceId),
    dirty.map((hour) => new Date(hour.hourMillis)),
    dirty.map((hour) => hour.markedBy),
  ];
  const unchanged: { instance_id: string; hour: Date }[] = await tx.query(
    `select d.instance_id, d.hour
       from rollup_dirty d join unnest($4::bigint[], $5::timestamptz[], $6::bigint[]) seen (instance_id, hour, marked_by)
         on d.instance_id = seen.instance_id and d.hour = seen.hour and d.marked_by = seen.marked_by
      where d.tenant_id = $1 and d.service_id = $2 and d.kind = $3
        for update of d skip locked`,
    [tenantId, serviceId, kind, ...marks],
  );
  const mine = new Set(unchanged.map((row) => `${row.instance_id} ${row.hour.getTime()}`));
  const valid = rollups.filter((rollup) => mine.has(`${rollup.instanceId} ${rollup.hourMillis}`));
  if (valid.length === 0) return 0;
  await writeRollups(tx, tenantId, serviceId, kind, valid);
  await tx.query(
    `delete from rollup_dirty d using unnest($4::bigint[], $5::timestamptz[]) done (instance_id, hour)
      where d.tenant_id = $1 and d.service_id = $2 and d.kind = $3
        and d.instance_id = done.instance_id and d.hour = done.hour`,
    [tenantId, serviceId, kind, valid.map((r) => r.instanceId), valid.map((r) => new Date(r.hourMillis))],
  );
  return valid.length;
}

function snapshotOf(row: VectorRow, { symbols, tree }: Stacks): RollupSnapshot {
  return {
    id: row.snapshot_id,
    atMillis: row.at,
    buildId: row.build_id,
    delta: row.delta,
    durationNanos: row.duration,
    sampleTypes: row.sample_types,
    totals: row.totals.map(BigInt),
    functionSums() {
      const { nodes, values } = decodeVector(row.data);
      const stacks = { symbols, tree, sampleTypes: [], nodes, values };
      return values.map((column) => groupSums(stacks, column, 'function'));
    },
  };
}
