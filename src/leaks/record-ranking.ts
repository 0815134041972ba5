import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { LeakRanking, LeakSuspect } from '../analysis/leaks/suspect.js';
import type { TenantId, Tx } from '../platform/database.js';
import { failpoint } from '../platform/failpoint.js';
import { advance, type RankingContext, type WatchedBuild } from './life-cycle.js';
import type { OwnerRules } from './owner-rules.js';
import { endClaim, holdClaim, type RankingClaim, type RankingWindow } from './ranking-work.js';
import { readOwnerRules, shareOwnerRules } from './suspect-owners.js';
import {
  type ChangedSuspect,
  lockSuspects,
  type OwnTeam,
  type SuspectEvent,
  type SuspectRecord,
  uuid,
  writeChanges,
} from './suspect-rows.js';

/** What came of ranking a service. */
export interface RankedService {
  readonly claim: RankingClaim;
  readonly window: RankingWindow;
  readonly ranking: LeakRanking;
  /** What its youngest build shows by itself, if that was asked. */
  readonly youngest: WatchedBuild | null;
  readonly tookMillis: number;
}

/**
 * Writes the outcome of a ranking in the transaction given: every suspect of the service goes its way, changes are noted in
 * the histories, evidence is pinned or let go, and the service is at rest. The same outcome again changes no suspect. Rows
 * are locked in one order: the service's ranking, the owner rules, the service, its suspects by id.
 *
 * @param nowMillis the clock, for rules that end at a date
 * @returns false: the service is ranked by another worker by now, and nothing was written
 */
export async function recordRanking(
  tx: Tx,
  { claim, window, ranking, youngest, tookMillis }: RankedService,
  { nowMillis, debounceMillis }: { nowMillis: number; debounceMillis: number },
): Promise<boolean> {
  const { tenantId, serviceId } = claim;
  if (!(await holdClaim(tx, claim))) return false;
  await shareOwnerRules(tx, tenantId);
  const owners = await readOwnerRules(tx, tenantId);
  const [{ team_id: serviceTeamId }] = await tx.query<{ team_id: string }[]>(
    'select team_id from service where tenant_id = $1 and service_id = $2 for key share',
    [tenantId, serviceId],
  );
  const known = new Map(
    (await lockSuspects(tx, tenantId, serviceId)).map((record) => [record.life.fingerprint, record]),
  );
  const seen = new Map(ranking.suspects.map((suspect) => [suspect.fingerprint, suspect]));
  const context: RankingContext = {
    nowMillis,
    dataUntilMillis: ranking.judged.lastAtMillis ?? window.toMillis,
    builds: await readBuilds(tx, tenantId, serviceId),
    buildOf: await buildsOfSnapshots(tx, tenantId, ranking.suspects),
    youngest,
  };

  const changed: ChangedSuspect[] = [];
  for (const fingerprint of new Set([...known.keys(), ...seen.keys()])) {
    const before = known.get(fingerprint) ?? null;
    const suspect = seen.get(fingerprint) ?? null;
    const change =
      before === null
        ? begun(suspect!, { serviceId, serviceTeamId }, context, owners)
        : continued(before, suspect, context, owners);
    if (change !== null) changed.push(change);
  }
  await writeChanges(tx, tenantId, changed, null);
  await endClaim(tx, claim, window, ranking, { tookMillis, debounceMillis });
  failpoint('after-outcome-before-commit');
  return true;
}

function begun(
  seen: LeakSuspect,
  service: Pick<SuspectRecord, 'serviceId' | 'serviceTeamId'>,
  context: RankingContext,
  owners: OwnerRules,
): ChangedSuspect {
  const { next, events } = advance(null, seen, context);
  const ownTeam = ruledTeam(owners, seen);
  return {
    record: { suspectId: randomUUID(), ...service, ownTeam, assignee: null, events: events.length, life: next },
    events,
  };
}

/** Null: nothing has changed. */
function continued(
  before: SuspectRecord,
  seen: LeakSuspect | null,
  context: RankingContext,
  owners: OwnerRules,
): ChangedSuspect | null {
  const { next, events: lived } = advance(before.life, seen, context);
  const ownTeam = before.ownTeam?.from === 'key' ? before.ownTeam : ruledTeam(owners, next.found);
  const events: SuspectEvent[] = [...lived];
  if (ownTeam?.teamId !== before.ownTeam?.teamId) {
    const teams = [before.ownTeam?.teamId ?? before.serviceTeamId, ownTeam?.teamId ?? before.serviceTeamId] as const;
    events.push({ what: 'team-changed', changes: { team_id: teams } });
  }
  if (events.length === 0 && isDeepStrictEqual(next, before.life)) return null;
  return { record: { ...before, ownTeam, events: before.events + events.length, life: next }, events };
}

/** The team that the rules give a suspect to; null: the service's. */
export function ruledTeam(owners: OwnerRules, { function: name, pivot }: LeakSuspect): OwnTeam | null {
  const teamId = owners.teamOf({ function: name, file: pivot.file });
  return teamId === null ? null : { teamId, from: 'rule' };
}

/** When each version of the service was first seen. */
export async function readBuilds(tx: Tx, tenantId: TenantId, serviceId: string): Promise<Map<string, number>> {
  const rows = await tx.query<{ version: string; first_seen: Date }[]>(
    `select version, min(first_seen) as first_seen from build
      where tenant_id = $1 and service_id = $2 and version <> '' group by version`,
    [tenantId, serviceId],
  );
  return new Map(rows.map(({ version, first_seen }) => [version, first_seen.getTime()]));
}

/** The builds of the snapshots that the suspects refer to. */
async function buildsOfSnapshots(
  tx: Tx,
  tenantId: TenantId,
  suspects: readonly LeakSuspect[],
): Promise<(snapshotId: string) => string | null> {
  // What grows outside of the Go heap names no snapshot.
  const ids = suspects.flatMap(({ instances }) => instances.map(({ after }) => after)).filter((id) => uuid.test(id));
  const rows = await tx.query<{ snapshot_id: string; version: string }[]>(
    `select s.snapshot_id, b.version
       from snapshot s
       join build b on b.tenant_id = s.tenant_id and b.service_id = s.service_id and b.build_id = s.build_id
      where s.tenant_id = $1 and s.snapshot_id = any($2::uuid[]) and b.version <> ''`,
    [tenantId, [...new Set(ids)]],
  );
  const versions = new Map(rows.map(({ snapshot_id, version }) => [snapshot_id, version]));
  return (snapshotId) => versions.get(snapshotId) ?? null;
}
