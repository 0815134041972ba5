import type { LeakRanking } from '../analysis/leaks/suspect.js';
import type { Database, TenantId, Tx } from '../platform/database.js';

/*
 * When a service is ranked. Postgres is the record: a row of `leak_ranking` per service; a job of the queue only wakes.
 *
 *                  mark: due after the debounce                claim: lease, next fencing number, mark taken off
 *      at rest ───────────────────────────────────▶ due ──────────────────────────────────────────────▶ being ranked
 *         ▲                                          ▲                                                      │ │ │
 *         ├───── outcome, no mark since the claim ───┼──────────────────────────────────────────────────────┘ │ │
 *         │                                          ├───── outcome, marked meanwhile ────────────────────────┘ │
 *         └─── an ignored suspect's date is ahead:   ├───── failed: noted, due later each time ─────────────────┘
 *              due then, without a mark              └───── the worker died: the lease runs out, due_at still stands
 *
 * What holds it together:
 *
 *   * Only an outcome takes `due_at` away, in the transaction that writes it. So a worker may die anywhere.
 *   * Who records evidence locks the row FOR KEY SHARE until its commit (`markForRanking`), a claim locks it FOR UPDATE. So
 *     evidence is either committed when the ranking begins to read, or its mark comes after the claim has taken the mark
 *     off, and the service stays due.
 *   * An outcome is written only under the fencing number of its claim: rankings of one service never overlap in it.
 *   * `not_before`: after a ranking a service rests three times as long as it took, so it has a quarter of a worker at most.
 *
 * Times are the database server's.
 */

/** Rest after a ranking, in times of how long it took. */
const restFactor = 3;
/** After a failure it is tried again after so long, doubled with every further one … */
const retryMillis = 30_000;
/** … up to this. */
const retryMillisMax = 3_600_000;

export interface RankingClaim {
  readonly tenantId: TenantId;
  readonly serviceId: string;
  readonly fencing: string;
}

export interface RankingWindow {
  readonly fromMillis: number;
  readonly toMillis: number;
}

/** A claim, or how long until there may be one; null: nothing is due. */
export type NextRanking = { readonly claim: RankingClaim } | { readonly inMillis: number } | null;

export class RankingWork {
  constructor(
    private readonly db: Database,
    /** How long a worker may be silent before another ranks its service. */
    readonly leaseMillis: number,
  ) {}

  /** Claims the service of the tenant that has been due for longest. */
  async next(tenantId: TenantId): Promise<NextRanking> {
    return this.db.withTenant(tenantId, async (tx) => {
      const [soonest] = await tx.query<{ service_id: string; fencing: string; in_millis: number }[]>(
        `select service_id, fencing,
                (extract(epoch from greatest(due_at, lease_until) - clock_timestamp()) * 1000)::float8 as in_millis
           from leak_ranking where tenant_id = $1 and due_at is not null
          order by greatest(due_at, lease_until), service_id limit 1`,
        [tenantId],
      );
      if (soonest === undefined) return null;
      if (soonest.in_millis > 0) return { inMillis: soonest.in_millis };
      const { service_id: serviceId } = soonest;
      // The number is asked for again, because another worker may have been faster.
      const held = await tx.query<unknown[]>(
        'select from leak_ranking where tenant_id = $1 and service_id = $2 and fencing = $3 for update',
        [tenantId, serviceId, soonest.fencing],
      );
      if (held.length === 0) return { inMillis: 0 };
      const [[{ fencing }]] = await tx.query<[{ fencing: string }[], number]>(
        `update leak_ranking
            set lease_until = clock_timestamp() + $3 * interval '1 millisecond', fencing = fencing + 1, remarked = false
          where tenant_id = $1 and service_id = $2 returning fencing`,
        [tenantId, serviceId, this.leaseMillis],
      );
      return { claim: { tenantId, serviceId, fencing } };
    });
  }

  /** Says that the worker still ranks the service. */
  async renew({ tenantId, serviceId, fencing }: RankingClaim): Promise<void> {
    await this.db.withTenant(tenantId, (tx) =>
      tx.query(
        `update leak_ranking set lease_until = clock_timestamp() + $4 * interval '1 millisecond'
          where tenant_id = $1 and service_id = $2 and fencing = $3 and lease_until is not null`,
        [tenantId, serviceId, fencing, this.leaseMillis],
      ),
    );
  }

  /** Notes why a ranking came to nothing, and has it tried again later, after each failure in a row twice as late. */
  async fail({ tenantId, serviceId, fencing }: RankingClaim, fault: string): Promise<void> {
    await this.db.withTenant(tenantId, (tx) =>
      tx.query(
        `update leak_ranking r
            set lease_until = null, failures = failures + 1, fault = $4, due_at = retry.at, not_before = retry.at
           from (select clock_timestamp() + least($5 * 2 ^ least(failures, 12), $6) * interval '1 millisecond' as at
                   from leak_ranking where tenant_id = $1 and service_id = $2) retry
          where tenant_id = $1 and service_id = $2 and fencing = $3`,
        [tenantId, serviceId, fencing, fault, retryMillis, retryMillisMax],
      ),
    );
  }

  /** Gives a claim back, so that nobody has to wait for the lease. */
  async release({ tenantId, serviceId, fencing }: RankingClaim): Promise<void> {
    await this.db.withTenant(tenantId, (tx) =>
      tx.query('update leak_ranking set lease_until = null where tenant_id = $1 and service_id = $2 and fencing = $3', [
        tenantId,
        serviceId,
        fencing,
      ]),
    );
  }
}

/** Locks the row of a claim until the end of the transaction. @returns false: it is another worker's by now */
export async function holdClaim(tx: Tx, { tenantId, serviceId, fencing }: RankingClaim): Promise<boolean> {
  const held = await tx.query<unknown[]>(
    'select from leak_ranking where tenant_id = $1 and service_id = $2 and fencing = $3 for no key update',
    [tenantId, serviceId, fencing],
  );
  return held.length > 0;
}

/** Writes what a ranking rests on, and puts the service to rest, unless it was marked meanwhile. */
export async function endClaim(
  tx: Tx,
  { tenantId, serviceId }: RankingClaim,
  { fromMillis, toMillis }: RankingWindow,
  { notes, judged }: Pick<LeakRanking, 'notes' | 'judged'>,
  { tookMillis, debounceMillis }: { tookMillis: number; debounceMillis: number },
): Promise<void> {
  await tx.query(
    `update leak_ranking r
        set lease_until = null, failures = 0, fault = null, ranked_at = clock_timestamp(), took_millis = $3,
            window_from = $4, window_to = $5, notes = $6, judged = $7, not_before = rest.until,
            due_at = least(case when r.remarked then rest.until end, ${endOfIgnoring})
       from (select clock_timestamp() + $8 * interval '1 millisecond' as until) rest
      where r.tenant_id = $1 and r.service_id = $2`,
    [
      tenantId,
      serviceId,
      Math.round(tookMillis),
      new Date(fromMillis),
      new Date(toMillis),
      JSON.stringify(notes),
      JSON.stringify(judged),
      Math.max(debounceMillis, tookMillis * restFactor),
    ],
  );
}

/** SQL: when the next date is over until which a suspect of the service `r` is ignored, and which is still ahead. */
const endOfIgnoring = `
  (select min(to_timestamp((s.ignore_rule ->> 'untilMillis')::float8 / 1000)) from suspect s
    where s.tenant_id = r.tenant_id and s.service_id = r.service_id and s.state = 'ignored'
      and (s.ignore_rule ->> 'untilMillis')::float8 > extract(epoch from clock_timestamp()) * 1000)`;

/** Has a service looked at when a date is over, without a mark: there is no new evidence. */
export async function rankAgainAt(tx: Tx, tenantId: TenantId, serviceId: string, atMillis: number): Promise<void> {
  await tx.query('update leak_ranking set due_at = least(due_at, $3) where tenant_id = $1 and service_id = $2', [
    tenantId,
    serviceId,
    new Date(atMillis),
  ]);
}
