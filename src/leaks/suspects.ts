import { Inject, Injectable } from '@nestjs/common';
import type { EvidenceFrame } from '../analysis/leaks/evidence.js';
import type { LeakRanking, LeakSuspect, SuspectGrowth, SuspectKind, SuspectTier } from '../analysis/leaks/suspect.js';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import type { ListPage } from '../tenants/list-page.js';
import { findTeamId, unknownTeam } from '../tenants/teams.js';
import {
  decide,
  type IgnoreRule,
  type LifeCommand,
  type Resolution,
  type SuspectPhase,
  type SuspectState,
} from './life-cycle.js';
import { rankAgainAt } from './ranking-work.js';
import { ruledTeam } from './record-ranking.js';
import { readOwnerRules, shareOwnerRules } from './suspect-owners.js';
import {
  byCaller,
  evidenceOf,
  lockSuspect,
  type OwnTeam,
  type SuspectEvent,
  type SuspectRecord,
  uuid,
  writeChanges,
} from './suspect-rows.js';

export interface SuspectFilters {
  readonly state: readonly SuspectState[];
  readonly tier?: SuspectTier;
  readonly kind?: SuspectKind;
  readonly serviceId?: string;
  /** The owner. */
  readonly teamId?: string;
  readonly function?: string;
  readonly assignee?: string;
  readonly build?: string;
  readonly since?: Date;
}

export interface SuspectPosition {
  readonly standing: number;
  readonly id: string;
}

/** A suspect as lists show it: a row as the database gives it. */
export interface SuspectListRow {
  readonly suspect_id: string;
  readonly service: string;
  readonly team: string;
  readonly assignee: string | null;
  readonly state: SuspectState;
  readonly phase: SuspectPhase | null;
  readonly tier: SuspectTier;
  readonly score: number;
  readonly rank: number | null;
  readonly standing: number;
  readonly kind: SuspectKind;
  readonly fingerprint: string;
  readonly function: string;
  readonly pivot: EvidenceFrame;
  readonly site: EvidenceFrame;
  readonly wait_state: string | null;
  readonly why: string | null;
  readonly growth: SuspectGrowth;
  readonly instances_affected: number;
  readonly peak: number;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly since_build: string | null;
  readonly regressions: number;
}

export type SuspectRow = SuspectListRow & {
  readonly found: LeakSuspect;
  readonly resolution: Resolution | null;
  readonly ignore_rule: IgnoreRule | null;
};

export interface EventRow {
  readonly ordinal: number;
  readonly at: Date;
  readonly what: string;
  readonly key_id: string | null;
  readonly key_name: string | null;
  readonly changes: Readonly<Record<string, readonly unknown[]>>;
  readonly comment: string | null;
}

/** A snapshot that shows a suspect, as far as it is still kept. */
export interface EvidenceRow {
  readonly snapshot_id: string;
  readonly kind: string | null;
  readonly captured_at: Date;
  readonly build: string | null;
  readonly pinned: boolean;
}

export interface RankingRow {
  readonly ranked_at: Date | null;
  readonly window_from: Date | null;
  readonly window_to: Date | null;
  readonly notes: readonly string[];
  readonly judged: LeakRanking['judged'] | null;
  readonly pending: boolean;
  readonly fault: string | null;
}

/** What a person changes; what is absent stays. */
export interface SuspectPatch {
  readonly life?: LifeCommand;
  readonly assignee?: string | null;
  /** By name; null: as the owner rules say. */
  readonly team?: string | null;
  readonly comment?: string;
}

/**
 * Suspects as a key may see and change them. A key without a team sees all of its tenant. A key with a team sees those
 * that its team owns and those of its team's services, whoever owns them: an owner rule shows a team what is its code in
 * another team's service, which is what rules are for. All others are not found, in the same words as what never existed.
 */
@Injectable()
export class Suspects {
  constructor(
    private readonly db: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** One page, in the order of their standing. */
  async list(caller: Caller, filters: SuspectFilters, page: ListPage<SuspectPosition>): Promise<SuspectListRow[]> {
    const { sql, parameters } = pageQuery(caller, filters, page);
    return this.db.readTenant(caller.tenantId, (tx) => tx.query<SuspectListRow[]>(sql, parameters));
  }

  /** A suspect, the snapshots that show it, and the last of what happened to it. @throws Problem `not-found` */
  async getVisible(
    caller: Caller,
    id: string,
    events: number,
  ): Promise<{ suspect: SuspectRow; snapshots: EvidenceRow[]; history: EventRow[] }> {
    return this.db.readTenant(caller.tenantId, async (tx) => {
      await requireVisible(tx, caller, id);
      const [suspect] = await tx.query<SuspectRow[]>(
        `with page as (select * from suspect where tenant_id = $1 and suspect_id = $2) ${describe(
          'p.found, p.resolution, p.ignore_rule',
        )}`,
        [caller.tenantId, id],
      );
      const snapshots = await readEvidence(tx, caller.tenantId, suspect);
      return {
        suspect,
        snapshots,
        history: await readHistory(tx, caller.tenantId, id, { limit: events, after: null }),
      };
    });
  }

  /** One page of what happened to a suspect, the last first. @throws Problem `not-found` */
  async history(caller: Caller, id: string, page: ListPage<number>): Promise<EventRow[]> {
    return this.db.readTenant(caller.tenantId, async (tx) => {
      await requireVisible(tx, caller, id);
      return readHistory(tx, caller.tenantId, id, page);
    });
  }

  /** What the latest ranking of a service rests on. */
  async ranking(tenantId: TenantId, serviceId: string): Promise<RankingRow | null> {
    const [row] = await this.db.readTenant(tenantId, (tx) =>
      tx.query<RankingRow[]>(
        `select ranked_at, window_from, window_to, notes, judged, fault,
                coalesce(remarked or failures > 0 or lease_until is not null or due_at <= clock_timestamp(), false) as pending
           from leak_ranking where tenant_id = $1 and service_id = $2`,
        [tenantId, serviceId],
      ),
    );
    return row ?? null;
  }

  /**
   * Changes a suspect; of two that do so at once the later one wins, and the history has both. Saying what is so already
   * changes nothing, but a comment is always kept.
   * @throws Problem `not-found`, `validation-failed` (a team that does not exist, or is not the team of the key)
   */
  async change(caller: Caller, id: string, patch: SuspectPatch): Promise<void> {
    const { tenantId } = caller;
    const nowMillis = this.clock.now().getTime();
    await this.db.withTenant(tenantId, async (tx) => {
      const { service_id: serviceId } = await requireVisible(tx, caller, id);
      // In the order in which a ranking locks: its service, the rules, the suspect.
      const endMillis = endOfIgnoring(patch.life);
      if (endMillis !== null) await rankAgainAt(tx, tenantId, serviceId, endMillis);
      if (patch.team === null) await shareOwnerRules(tx, tenantId);
      const before = (await lockSuspect(tx, tenantId, id))!;
      const ownTeam = await chosenTeam(tx, caller, before, patch.team);
      const { record, events } = changed(before, { ...patch, ownTeam }, nowMillis);
      if (events.length > 0) await writeChanges(tx, tenantId, [{ record, events }], await byCaller(tx, caller));
    });
  }
}

function changed(
  before: SuspectRecord,
  { life: command, assignee, ownTeam, comment }: Omit<SuspectPatch, 'team'> & { ownTeam: OwnTeam | null },
  nowMillis: number,
): { record: SuspectRecord; events: SuspectEvent[] } {
  const lived = command === undefined ? { next: before.life, events: [] } : decide(before.life, command, nowMillis);
  const events: SuspectEvent[] = [...lived.events];
  if (assignee !== undefined && assignee !== before.assignee) {
    events.push({ what: 'assigned', changes: { assignee: [before.assignee, assignee] } });
  }
  if (ownTeam?.teamId !== before.ownTeam?.teamId || ownTeam?.from !== before.ownTeam?.from) {
    const teams = [before.ownTeam?.teamId ?? before.serviceTeamId, ownTeam?.teamId ?? before.serviceTeamId] as const;
    events.push({ what: 'team-changed', changes: { team_id: teams } });
  }
  if (comment !== undefined) {
    const [first, ...others] = events;
    const event: SuspectEvent = first ?? { what: 'commented', changes: {} };
    events.splice(0, events.length, { ...event, comment }, ...others);
  }
  const record = {
    ...before,
    life: lived.next,
    assignee: assignee === undefined ? before.assignee : assignee,
    ownTeam,
    events: before.events + events.length,
  };
  return { record, events };
}

/** A key with a team may give a suspect to its own team only: it knows of no other. */
async function chosenTeam(
  tx: Tx,
  caller: Caller,
  before: SuspectRecord,
  team: string | null | undefined,
): Promise<OwnTeam | null> {
  if (team === undefined) return before.ownTeam;
  if (team === null) return ruledTeam(await readOwnerRules(tx, caller.tenantId), before.life.found);
  const teamId = await findTeamId(tx, caller.tenantId, team);
  if (teamId === null || (caller.teamId !== null && caller.teamId !== teamId)) throw unknownTeam(team);
  return { teamId, from: 'key' };
}

function endOfIgnoring(command: LifeCommand | undefined): number | null {
  if (command?.state !== 'ignored' || typeof command.until !== 'object') return null;
  return command.until.millis;
}

/** @throws Problem `not-found` */
async function requireVisible(tx: Tx, caller: Caller, id: string): Promise<{ service_id: string }> {
  const rows = uuid.test(id)
    ? await tx.query<{ service_id: string }[]>(
        `select service_id from suspect
          where tenant_id = $1 and suspect_id = $2 and ($3::uuid is null or team_id = $3 or service_team_id = $3)`,
        [caller.tenantId, id, caller.teamId],
      )
    : [];
  if (rows.length === 0) throw new Problem('not-found', 'This key sees no suspect with that id.');
  return rows[0];
}

async function readHistory(tx: Tx, tenantId: TenantId, id: string, page: ListPage<number>): Promise<EventRow[]> {
  return tx.query<EventRow[]>(
    `select ordinal, at, what, key_id, key_name, changes, comment from suspect_event
      where tenant_id = $1 and suspect_id = $2 and ($3::integer is null or ordinal < $3)
      order by ordinal desc limit $4`,
    [tenantId, id, page.after, page.limit],
  );
}

async function readEvidence(tx: Tx, tenantId: TenantId, { suspect_id, found }: SuspectRow): Promise<EvidenceRow[]> {
  const ids = evidenceOf(found).flatMap(({ before, after }) => [before, after]);
  return tx.query<EvidenceRow[]>(
    `select s.snapshot_id, s.kind, s.captured_at, nullif(b.version, '') as build,
            exists (select from suspect_evidence e
                     where e.tenant_id = $1 and e.suspect_id = $2 and e.snapshot_id = s.snapshot_id) as pinned
       from snapshot s
       left join build b on b.tenant_id = s.tenant_id and b.service_id = s.service_id and b.build_id = s.build_id
      where s.tenant_id = $1 and s.snapshot_id = any($3::uuid[])`,
    [tenantId, suspect_id, [...new Set(ids.filter((snapshotId) => uuid.test(snapshotId)))]],
  );
}

function describe(more?: string): string {
  return `
  select p.suspect_id, v.name as service, t.name as team, p.assignee, p.state, p.phase, p.tier, p.score, p.rank,
         p.standing, p.kind, p.fingerprint, p.function, f.pivot, f.site, f.state as wait_state, f.why ->> 0 as why,
         f.growth, i.affected as instances_affected, p.peak, p.first_seen_at, p.last_seen_at, p.since_build,
         p.regressions${more === undefined ? '' : `, ${more}`}
    from page p
    join service v on v.tenant_id = p.tenant_id and v.service_id = p.service_id
    join team t on t.tenant_id = p.tenant_id and t.team_id = p.team_id
    cross join lateral jsonb_to_record(p.found)
                         f (pivot jsonb, site jsonb, state text, why jsonb, growth jsonb, instances jsonb)
    cross join lateral (
      select count(distinct each ->> 'name')::integer as affected
        from jsonb_array_elements(f.instances) each where (each ->> 'affected')::boolean) i`;
}

/** The page is found in `suspect` alone, along an index by standing, and only its rows are joined to what describes them. */
function pageQuery(
  { tenantId, teamId }: Caller,
  filters: SuspectFilters,
  page: ListPage<SuspectPosition>,
): { sql: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const given = (value: unknown) => `$${parameters.push(value)}`;
  const tenant = given(tenantId);
  const { state, tier, kind, serviceId, function: part, assignee, build, since } = filters;

  const conditions = [`s.tenant_id = ${tenant}`, `s.state = any(${given(state)})`];
  // What is closed stands below what is open.
  const isOpen = (each: SuspectState) => each === 'open' || each === 'acknowledged';
  if (state.every(isOpen)) conditions.push('s.standing >= 0');
  else if (!state.some(isOpen)) conditions.push('s.standing < 0');
  if (tier !== undefined) conditions.push(`s.tier = ${given(tier)}`);
  if (kind !== undefined) conditions.push(`s.kind = ${given(kind)}`);
  if (part !== undefined) conditions.push(`strpos(lower(s.function), lower(${given(part)})) > 0`);
  if (assignee !== undefined) conditions.push(`s.assignee = ${given(assignee)}`);
  if (build !== undefined) conditions.push(`s.since_build = ${given(build)}`);
  if (since !== undefined) conditions.push(`s.last_seen_at >= ${given(since)}`);
  if (page.after !== null) {
    const standing = `${given(page.after.standing)}::float8`;
    conditions.push(`s.standing <= ${standing}`);
    conditions.push(`(s.standing < ${standing} or s.suspect_id > ${given(page.after.id)}::uuid)`);
  }
  if (serviceId !== undefined) conditions.push(`s.service_id = ${given(serviceId)}`);
  if (filters.teamId !== undefined) conditions.push(`s.team_id = ${given(filters.teamId)}`);

  const limit = given(page.limit);
  const found = (where: readonly string[]) =>
    `select s.suspect_id, s.standing from suspect s where ${where.join(' and ')}
      order by s.standing desc, s.suspect_id limit ${limit}`;
  // A service or a team that the caller was found to see is a bound already.
  const isBound = serviceId !== undefined || filters.teamId !== undefined || teamId === null;
  const team = isBound ? '' : given(teamId);
  const ids = isBound
    ? found(conditions)
    : `(${found([...conditions, `s.team_id = ${team}`])})
       union
       (${found([...conditions, `s.service_team_id = ${team}`])})
       order by standing desc, suspect_id limit ${limit}`;
  return {
    sql: `with place as materialized (${ids}),
          page as (select s.* from place join suspect s on s.tenant_id = ${tenant} and s.suspect_id = place.suspect_id)
          ${describe()} order by p.standing desc, p.suspect_id`,
    parameters,
  };
}
