import type { LeakRanking } from '../analysis/leaks/suspect.js';
import type { Database, TenantId, Tx } from '../platform/database.js';
import type { QueryThreads } from '../platform/query-threads.js';
import { storableText } from '../platform/storable-text.js';
import type { LeaksRequest } from './leaks-request.js';
import { goneSnapshots, type WatchedBuild } from './life-cycle.js';
import type { RankingWindow } from './ranking-work.js';
import { readBuilds } from './record-ranking.js';

/** Clocks of pods run ahead; evidence further in the future than this does not move the window. */
const aheadMillis = 3_600_000;
/** Builds that are asked for enough snapshots, from the youngest on. */
const buildsAsked = 20;

const goroutineKinds = ['goroutine', 'goroutine-dump'];
const evidenceKinds = [
  ...goroutineKinds,
  'goroutineleak',
  'heap',
  'memstats',
  'gctrace',
  'runtime-metrics',
  'process-memory',
];

export interface ServiceRanking {
  readonly window: RankingWindow;
  readonly ranking: LeakRanking;
  readonly youngest: WatchedBuild | null;
}

/**
 * Ranks a service over the window that ends at its youngest evidence, so that the same evidence gives the same ranking
 * whenever it is asked. If a suspect that is open grew in an older build only, the youngest build that has enough snapshots is
 * ranked by itself, too. Computes in a query thread.
 *
 * @throws Problem what the query found wrong, `query-timeout`, `query-failed`
 */
export async function rankService(
  db: Database,
  threads: QueryThreads,
  tenantId: TenantId,
  serviceId: string,
  { nowMillis, windowMillis }: { nowMillis: number; windowMillis: number },
): Promise<ServiceRanking> {
  const window = await db.readTenant(tenantId, (tx) => findWindow(tx, tenantId, serviceId, nowMillis, windowMillis));
  const ranking = await ask(threads, tenantId, { op: 'leaks', serviceId, ...window });
  const build = await db.readTenant(tenantId, (tx) => findYoungestBuild(tx, tenantId, serviceId, window));
  if (build === null) return { window, ranking, youngest: null };
  const alone = await ask(threads, tenantId, { op: 'leaks', serviceId, ...window, build });
  return { window, ranking, youngest: watchedBuild(build, alone) };
}

async function ask(threads: QueryThreads, tenantId: TenantId, request: LeaksRequest): Promise<LeakRanking> {
  const { body } = await threads.run<LeaksRequest>(tenantId, request);
  // Names in stacks are whatever a program has written into its profile.
  return JSON.parse(new TextDecoder().decode(body), (_name, value: unknown) =>
    typeof value === 'string' ? storableText(value) : value,
  ) as LeakRanking;
}

function watchedBuild(build: string, { suspects, judged }: LeakRanking): WatchedBuild | null {
  if (judged.firstAtMillis === null || judged.lastAtMillis === null) return null;
  return {
    build,
    goroutineSnapshots: judged.goroutineSnapshots,
    heapSnapshots: judged.heapSnapshots,
    fromMillis: judged.firstAtMillis,
    toMillis: judged.lastAtMillis,
    fingerprints: new Set(suspects.map(({ fingerprint }) => fingerprint)),
  };
}

async function findWindow(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  nowMillis: number,
  windowMillis: number,
): Promise<RankingWindow> {
  const [{ youngest }] = await tx.query<{ youngest: Date | null }[]>(
    `select max(s.captured_at) as youngest
       from unnest($3::text[]) k (kind)
      cross join lateral (
        select captured_at from snapshot
         where tenant_id = $1 and service_id = $2 and kind = k.kind and captured_at <= $4
         order by captured_at desc, snapshot_id desc limit 1) s`,
    [tenantId, serviceId, evidenceKinds, new Date(nowMillis + aheadMillis)],
  );
  // The window is half open, and a moment has microseconds.
  const toMillis = (youngest?.getTime() ?? nowMillis) + 1;
  return { fromMillis: toMillis - windowMillis, toMillis };
}

/**
 * The youngest build with enough snapshots of a kind in the window, if something that is open grew only in builds that
 * were first seen before it.
 */
async function findYoungestBuild(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  { fromMillis, toMillis }: RankingWindow,
): Promise<string | null> {
  const builds = await readBuilds(tx, tenantId, serviceId);
  const open = await tx.query<{ last_build: string }[]>(
    `select distinct last_build from suspect
      where tenant_id = $1 and service_id = $2 and state in ('open', 'acknowledged') and last_build is not null`,
    [tenantId, serviceId],
  );
  const oldest = open.reduce((first, { last_build }) => Math.min(first, builds.get(last_build) ?? Infinity), Infinity);
  const younger = [...builds]
    .filter(([, firstSeen]) => firstSeen > oldest)
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, buildsAsked);
  const [found] = await tx.query<{ version: string }[]>(
    `select v.version
       from unnest($3::text[]) with ordinality v (version, place)
      where exists (
        select from (values ($4::text[]), (array['heap'])) k (kinds)
         where (select count(*) from (
                  select from build b
                    join snapshot s on s.tenant_id = b.tenant_id and s.service_id = b.service_id and s.build_id = b.build_id
                   where b.tenant_id = $1 and b.service_id = $2 and b.version = v.version
                     and s.captured_at >= $5 and s.captured_at < $6 and s.kind = any(k.kinds)
                   limit $7) enough) = $7)
      order by v.place limit 1`,
    [
      tenantId,
      serviceId,
      younger.map(([version]) => version),
      goroutineKinds,
      new Date(fromMillis),
      new Date(toMillis),
      goneSnapshots,
    ],
  );
  return found?.version ?? null;
}
