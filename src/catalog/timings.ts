import { hourMillis, hourOf, longestHoldMillis } from '../analysis/timeline.js';
import type { TenantId, Tx } from '../platform/database.js';

/** A snapshot on the time line, without its stacks. */
export interface Timing {
  readonly serviceId: string;
  readonly instanceId: string;
  readonly snapshotId: string;
  readonly atMillis: number;
  readonly buildId: string | null;
  readonly delta: boolean;
  readonly durationNanos: number;
  /** `type/unit`; totals stand in the same order. */
  readonly sampleTypes: readonly string[];
  readonly totals: readonly bigint[];
}

export interface TimingSelection {
  readonly serviceIds: readonly string[];
  readonly kind: string;
  readonly instanceId?: string;
  readonly fromMillis: number;
  readonly toMillis: number;
  /** Leave out what the roll-ups have: what was captured before their watermark, in hours that are not dirty. */
  readonly exceptRolledUp?: boolean;
  /** Leave out deltas, or all but them. */
  readonly deltas?: boolean;
  /** Stop after so many; default: none. */
  readonly limit?: number;
}

/**
 * The snapshots of a range, and around it those that decide what its values are: which snapshot still holds where the
 * range begins, for how long, and what counters are measured from. That is, for every instance, all of the hours that the
 * range touches and of two hours before, then the four latest before those and the first one after, both within reach of
 * the longest hold (see analysis/timeline.ts: four snapshots in an hour say what is typical there, and an hour with that
 * many does not reach two hours further). One query, in no particular order, that touches no vector's bytes.
 */
export async function readTimings(tx: Tx, tenantId: TenantId, selection: TimingSelection): Promise<Timing[]> {
  const inner = hourOf(selection.fromMillis) - 2 * hourMillis;
  const end = hourOf(selection.toMillis - 1) + hourMillis;
  const rows: TimingRow[] = await tx.query(timingsSql, [
    tenantId,
    selection.serviceIds,
    selection.kind,
    selection.instanceId ?? null,
    new Date(inner),
    new Date(end),
    new Date(inner - 2 * longestHoldMillis),
    new Date(end + longestHoldMillis),
    selection.exceptRolledUp ?? false,
    selection.deltas ?? null,
    selection.limit ?? null,
  ]);
  const namesOf = new Map<string, readonly string[]>();
  return rows.map((row) => {
    let sampleTypes = namesOf.get(row.types);
    if (sampleTypes === undefined) namesOf.set(row.types, (sampleTypes = row.types.split(separator)));
    return {
      serviceId: row.service_id,
      instanceId: row.instance_id,
      snapshotId: row.snapshot_id,
      atMillis: row.at,
      buildId: row.build_id,
      delta: row.delta,
      durationNanos: row.duration,
      sampleTypes,
      totals: row.totals.split(separator).map(BigInt),
    };
  });
}

interface TimingRow {
  readonly service_id: string;
  readonly instance_id: string;
  readonly snapshot_id: string;
  readonly at: number;
  readonly build_id: string | null;
  readonly delta: boolean;
  readonly duration: number;
  readonly types: string;
  readonly totals: string;
}

/** Arrays come as one string each: pg takes four times as long to parse an array, and reads numeric[] as doubles. */
const separator = '\u001f';

const matches = `v.tenant_id = $1 and v.kind = $3 and ($4::bigint is null or v.instance_id = $4)
             and ($10::boolean is null or v.delta = $10)`;

/** `instance.last_seen` lags behind the newest snapshot by up to a minute. */
const timingsSql = `
  with head as (
    select s.service_id,
           case when $9 then coalesce(h.compacted_until, '-infinity') else '-infinity' end as rolled_up_until
      from unnest($2::bigint[]) s (service_id)
      left join rollup_head h on h.tenant_id = $1 and h.service_id = s.service_id and h.kind = $3
  ), found as (
    select v.* from head join vector v on v.service_id = head.service_id
     where ${matches}
       and v.captured_at >= $5 and v.captured_at < $6 and v.captured_at >= head.rolled_up_until
    union all
    select v.* from head
      join rollup_dirty d on $9 and d.tenant_id = $1 and d.service_id = head.service_id and d.kind = $3
       and d.hour >= $7 and d.hour < $8 and d.hour < head.rolled_up_until
      join vector v on v.service_id = d.service_id and v.instance_id = d.instance_id
       and v.captured_at >= d.hour and v.captured_at < d.hour + interval '1 hour'
     where ${matches}
    union all
    select v.* from head
      join instance i on i.tenant_id = $1 and i.service_id = head.service_id and i.last_seen >= $7::timestamptz - interval '2 minutes'
     cross join lateral (
       select v.* from vector v
        where ${matches} and v.service_id = i.service_id and v.instance_id = i.instance_id
          and v.captured_at >= $7 and v.captured_at < $5 and v.captured_at >= head.rolled_up_until
        order by v.captured_at desc limit 4) v
    union all
    select v.* from head
      join instance i on i.tenant_id = $1 and i.service_id = head.service_id and i.last_seen >= $6::timestamptz - interval '2 minutes'
     cross join lateral (
       select v.* from vector v
        where ${matches} and v.service_id = i.service_id and v.instance_id = i.instance_id
          and v.captured_at >= $6 and v.captured_at < $8 and v.captured_at >= head.rolled_up_until
        order by v.captured_at limit 1) v
  )
  select service_id, instance_id, snapshot_id, floor(extract(epoch from captured_at) * 1000)::float8 as at, build_id,
         delta, duration_nanos::float8 as duration, array_to_string(sample_types, E'\\x1f') as types,
         array_to_string(totals, E'\\x1f') as totals
    from found
   limit $11`;
