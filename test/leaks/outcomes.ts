import type { LeakRanking } from '../../src/analysis/leaks/suspect.js';
import { markForRanking } from '../../src/catalog/ranking-marks.js';
import type { WatchedBuild } from '../../src/leaks/life-cycle.js';
import { type RankingClaim, RankingWork } from '../../src/leaks/ranking-work.js';
import { recordRanking } from '../../src/leaks/record-ranking.js';
import type { Database, TenantId } from '../../src/platform/database.js';

export async function idOfService(db: Database, tenantId: TenantId, name: string): Promise<string> {
  const [row] = await db.readTenant(tenantId, (tx) =>
    tx.query<{ service_id: string }[]>('select service_id from service where tenant_id = $1 and name = $2', [
      tenantId,
      name,
    ]),
  );
  return row.service_id;
}

/** Marks a service and claims it, as a worker that has it alone would. */
export async function claimService(db: Database, tenantId: TenantId, serviceId: string): Promise<RankingClaim> {
  await db.withTenant(tenantId, async (tx) => {
    await markForRanking(tx, tenantId, [serviceId], 0);
    // Nothing else of the tenant is due, and this at once, however long a former ranking has it rest.
    await tx.query(
      `update leak_ranking set not_before = null,
              due_at = case when service_id = $2 then clock_timestamp() end where tenant_id = $1`,
      [tenantId, serviceId],
    );
  });
  const next = await new RankingWork(db, 60_000).next(tenantId);
  if (next === null || !('claim' in next)) throw new Error('nothing could be claimed');
  return next.claim;
}

/** Writes a ranking as if the query had just given it. */
export async function recordOutcome(
  db: Database,
  tenantId: TenantId,
  serviceId: string,
  ranking: LeakRanking,
  { nowMillis, youngest = null }: { nowMillis?: number; youngest?: WatchedBuild | null } = {},
): Promise<void> {
  const claim = await claimService(db, tenantId, serviceId);
  const toMillis = ranking.judged.lastAtMillis ?? Date.now();
  const window = { fromMillis: toMillis - 7 * 86_400_000, toMillis };
  const isOurs = await db.withTenant(tenantId, (tx) =>
    recordRanking(
      tx,
      { claim, window, ranking, youngest, tookMillis: 10 },
      { nowMillis: nowMillis ?? Date.now(), debounceMillis: 0 },
    ),
  );
  if (!isOurs) throw new Error('the claim was lost');
}

/** All that is stored of the suspects of a tenant but when it was written. */
export async function storedSuspects(db: Database, tenantId: TenantId): Promise<unknown[]> {
  return db.readTenant(tenantId, (tx) =>
    tx.query(
      `select to_jsonb(s) as suspect,
              (select jsonb_agg(to_jsonb(e) order by e.ordinal) from suspect_event e
                where e.tenant_id = s.tenant_id and e.suspect_id = s.suspect_id) as events,
              (select jsonb_agg(e.snapshot_id order by e.snapshot_id) from suspect_evidence e
                where e.tenant_id = s.tenant_id and e.suspect_id = s.suspect_id) as pins
         from suspect s where s.tenant_id = $1 order by s.fingerprint`,
      [tenantId],
    ),
  );
}
