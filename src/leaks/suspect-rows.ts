import type { LeakSuspect, SuspectInstance } from '../analysis/leaks/suspect.js';
import type { TenantId, Tx } from '../platform/database.js';
import type { Caller } from '../tenants/caller.js';
import type {
  Basis,
  IgnoreRule,
  LifeEvent,
  Resolution,
  StoredSuspect,
  SuspectPhase,
  SuspectState,
} from './life-cycle.js';
import { standingOf } from './standing.js';

/** A suspect with what people have given it. */
export interface SuspectRecord {
  readonly suspectId: string;
  readonly serviceId: string;
  readonly serviceTeamId: string;
  /** The team that it belongs to instead of the service's. */
  readonly ownTeam: OwnTeam | null;
  readonly assignee: string | null;
  /** The ordinal of its last event. */
  readonly events: number;
  readonly life: StoredSuspect;
}

export interface OwnTeam {
  readonly teamId: string;
  /** By an owner rule, or as a person has said, which no rule changes. */
  readonly from: 'rule' | 'key';
}

export interface SuspectEvent {
  readonly what: LifeEvent['what'] | 'assigned' | 'team-changed' | 'commented';
  readonly changes: LifeEvent['changes'];
  readonly comment?: string;
}

/** Who did it; null: the ranking. */
export interface EventBy {
  readonly keyId: string;
  readonly keyName: string;
}

/** Who a key is, for a history that outlives it. */
export async function byCaller(tx: Tx, { tenantId, keyId }: Caller): Promise<EventBy> {
  const [key] = await tx.query<{ name: string }[]>('select name from api_key where tenant_id = $1 and key_id = $2', [
    tenantId,
    keyId,
  ]);
  return { keyId, keyName: key?.name ?? '' };
}

interface Row {
  readonly suspect_id: string;
  readonly service_id: string;
  readonly service_team_id: string;
  readonly own_team_id: string | null;
  readonly own_team_from: OwnTeam['from'] | null;
  readonly assignee: string | null;
  readonly fingerprint: string;
  readonly state: SuspectState;
  readonly phase: SuspectPhase | null;
  readonly phase_since: Date;
  readonly rank: number | null;
  readonly found: LeakSuspect;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly since_build: string | null;
  readonly last_build: string | null;
  readonly peak: number;
  readonly basis: Basis;
  readonly resolution: Resolution | null;
  readonly ignore_rule: IgnoreRule | null;
  readonly overruled_build: string | null;
  readonly regressions: number;
  readonly events: number;
}

const columns = `
  suspect_id, service_id, service_team_id, own_team_id, own_team_from, assignee, fingerprint, state, phase, phase_since,
  rank, found, first_seen_at, last_seen_at, since_build, last_build, peak, basis, resolution, ignore_rule,
  overruled_build, regressions, events`;

/** All suspects of a service, locked until the end of the transaction. */
export async function lockSuspects(tx: Tx, tenantId: TenantId, serviceId: string): Promise<SuspectRecord[]> {
  const rows = await tx.query<Row[]>(
    `select ${columns} from suspect where tenant_id = $1 and service_id = $2 order by suspect_id for no key update`,
    [tenantId, serviceId],
  );
  return rows.map(fromRow);
}

/** One suspect, locked until the end of the transaction. */
export async function lockSuspect(tx: Tx, tenantId: TenantId, suspectId: string): Promise<SuspectRecord | null> {
  const [row] = await tx.query<Row[]>(
    `select ${columns} from suspect where tenant_id = $1 and suspect_id = $2 for no key update`,
    [tenantId, suspectId],
  );
  return row === undefined ? null : fromRow(row);
}

/** A suspect as it is to be, and what has happened to it: the last events of its history. */
export interface ChangedSuspect {
  readonly record: SuspectRecord;
  readonly events: readonly SuspectEvent[];
}

/** Writes suspects and their histories, and pins what shows them. */
export async function writeChanges(
  tx: Tx,
  tenantId: TenantId,
  changed: readonly ChangedSuspect[],
  by: EventBy | null,
): Promise<void> {
  await writeSuspects(
    tx,
    tenantId,
    changed.map(({ record }) => record),
  );
  const happened = changed.flatMap(({ record: { suspectId, events: last }, events }) =>
    events.map((event, i) => ({ suspectId, ordinal: last - events.length + i + 1, event })),
  );
  await writeEvents(tx, tenantId, happened, by);
  await writePins(
    tx,
    tenantId,
    changed.map(({ record: { suspectId, life } }) => ({ suspectId, snapshotIds: pinsOf(life) })),
  );
}

/** In one statement, new and known ones. */
async function writeSuspects(tx: Tx, tenantId: TenantId, records: readonly SuspectRecord[]): Promise<void> {
  if (records.length === 0) return;
  const updated = [
    'own_team_id, own_team_from, assignee, kind, function, state, phase, phase_since, tier, score, rank, standing',
    'found, first_seen_at, last_seen_at, since_build, last_build, peak, basis, resolution, ignore_rule',
    'overruled_build, regressions, events',
  ].join(', ');
  await tx.query(
    `insert into suspect (tenant_id, suspect_id, service_id, service_team_id, fingerprint, ${updated})
     select $1, suspect_id, service_id, service_team_id, fingerprint, ${updated}
       from jsonb_to_recordset($2::jsonb) r (
              suspect_id uuid, service_id bigint, service_team_id uuid, fingerprint text, own_team_id uuid,
              own_team_from text, assignee text, kind text, function text, state text, phase text,
              phase_since timestamptz, tier text, score float8, rank integer, standing float8, found jsonb,
              first_seen_at timestamptz, last_seen_at timestamptz, since_build text, last_build text, peak float8,
              basis jsonb, resolution jsonb, ignore_rule jsonb, overruled_build text, regressions integer,
              events integer)
      order by suspect_id
     on conflict (tenant_id, suspect_id) do update
        set (${updated}, changed_at) = (${updated.replace(/\w+/g, 'excluded.$&')}, clock_timestamp())`,
    [tenantId, JSON.stringify(records.map(toRow))],
  );
}

/** Appends to histories. */
export async function writeEvents(
  tx: Tx,
  tenantId: TenantId,
  happened: readonly { readonly suspectId: string; readonly ordinal: number; readonly event: SuspectEvent }[],
  by: EventBy | null,
): Promise<void> {
  if (happened.length === 0) return;
  await tx.query(
    `insert into suspect_event (tenant_id, suspect_id, ordinal, at, what, key_id, key_name, changes, comment)
     select $1, e.suspect_id, e.ordinal, clock_timestamp(), e.what, $2, $3, e.changes, e.comment
       from unnest($4::uuid[], $5::integer[], $6::text[], $7::jsonb[], $8::text[])
              e (suspect_id, ordinal, what, changes, comment)`,
    [
      tenantId,
      by?.keyId ?? null,
      by?.keyName ?? null,
      happened.map(({ suspectId }) => suspectId),
      happened.map(({ ordinal }) => ordinal),
      happened.map(({ event }) => event.what),
      happened.map(({ event }) => JSON.stringify(event.changes)),
      happened.map(({ event }) => event.comment ?? null),
    ],
  );
}

/** Of so many instances at most the snapshots are shown and kept. */
const evidenceInstances = 5;

function pinsOf({ state, found }: StoredSuspect): string[] {
  if (state !== 'open' && state !== 'acknowledged') return [];
  const ids = evidenceOf(found).flatMap(({ before, after }) => [before, after]);
  return [...new Set(ids.filter((id) => uuid.test(id)))];
}

/** The instances that show a suspect grow: those on which there is most of it. */
export function evidenceOf({ instances }: LeakSuspect): SuspectInstance[] {
  return instances
    .filter(({ affected }) => affected)
    .sort((a, b) => b.now - a.now || (a.after < b.after ? -1 : 1))
    .slice(0, evidenceInstances);
}

/** Pins exactly these snapshots for each of the suspects, as far as they are still there. */
async function writePins(
  tx: Tx,
  tenantId: TenantId,
  pins: readonly { readonly suspectId: string; readonly snapshotIds: readonly string[] }[],
): Promise<void> {
  if (pins.length === 0) return;
  const wanted = pins.flatMap(({ suspectId, snapshotIds }) => snapshotIds.map((id) => [suspectId, id] as const));
  const pairs = [wanted.map(([suspectId]) => suspectId), wanted.map(([, snapshotId]) => snapshotId)];
  await tx.query(
    `delete from suspect_evidence e
      where e.tenant_id = $1 and e.suspect_id = any($2::uuid[])
        and (e.suspect_id, e.snapshot_id) not in (select * from unnest($3::uuid[], $4::uuid[]))`,
    [tenantId, pins.map(({ suspectId }) => suspectId), ...pairs],
  );
  await tx.query(
    `with wanted as materialized (
       select w.suspect_id, s.snapshot_id, s.upload_id
         from unnest($2::uuid[], $3::uuid[]) w (suspect_id, snapshot_id)
         join snapshot s on s.tenant_id = $1 and s.snapshot_id = w.snapshot_id
         join upload u on u.tenant_id = s.tenant_id and u.upload_id = s.upload_id
        order by u.upload_id for key share of u
     )
     insert into suspect_evidence (tenant_id, suspect_id, snapshot_id, upload_id)
     select $1, suspect_id, snapshot_id, upload_id from wanted
     on conflict (tenant_id, suspect_id, snapshot_id) do nothing`,
    [tenantId, ...pairs],
  );
}

export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function fromRow(row: Row): SuspectRecord {
  return {
    suspectId: row.suspect_id,
    serviceId: row.service_id,
    serviceTeamId: row.service_team_id,
    ownTeam: row.own_team_id === null ? null : { teamId: row.own_team_id, from: row.own_team_from! },
    assignee: row.assignee,
    events: row.events,
    life: {
      fingerprint: row.fingerprint,
      state: row.state,
      phase: row.phase,
      phaseSinceMillis: row.phase_since.getTime(),
      rank: row.rank,
      found: row.found,
      firstSeenMillis: row.first_seen_at.getTime(),
      lastSeenMillis: row.last_seen_at.getTime(),
      sinceBuild: row.since_build,
      lastBuild: row.last_build,
      peak: row.peak,
      basis: row.basis,
      resolution: row.resolution,
      ignore: row.ignore_rule,
      overruledBuild: row.overruled_build,
      regressions: row.regressions,
    },
  };
}

function toRow({ suspectId, serviceId, serviceTeamId, ownTeam, assignee, events, life }: SuspectRecord) {
  const { found } = life;
  return {
    suspect_id: suspectId,
    service_id: serviceId,
    service_team_id: serviceTeamId,
    own_team_id: ownTeam?.teamId ?? null,
    own_team_from: ownTeam?.from ?? null,
    assignee,
    fingerprint: life.fingerprint,
    kind: found.kind,
    function: found.function,
    state: life.state,
    phase: life.phase,
    phase_since: new Date(life.phaseSinceMillis),
    tier: found.tier,
    score: found.score,
    rank: life.rank,
    standing: standingOf(found, life.state, life.rank),
    found,
    first_seen_at: new Date(life.firstSeenMillis),
    last_seen_at: new Date(life.lastSeenMillis),
    since_build: life.sinceBuild,
    last_build: life.lastBuild,
    peak: life.peak,
    basis: life.basis,
    resolution: life.resolution,
    ignore_rule: life.ignore,
    overruled_build: life.overruledBuild,
    regressions: life.regressions,
    events,
  };
}
