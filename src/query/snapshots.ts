import { Injectable } from '@nestjs/common';
import type { Kind } from '../formats/kind.js';
import { Database, prepared, type TenantId, type Tx } from '../platform/database.js';
import { Problem, type ProblemBody } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import type { ListPage } from '../tenants/list-page.js';
import { youngest } from './youngest.js';

export const uploadStates = ['stored', 'parsing', 'indexed', 'rejected', 'quarantined'] as const;
export type UploadState = (typeof uploadStates)[number];

export interface SnapshotFilters {
  readonly serviceId?: string;
  readonly kind?: Kind;
  readonly instance?: string;
  readonly build?: string;
  readonly env?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly state?: UploadState;
  readonly from?: Date;
  readonly to?: Date;
}

/** Lists are ordered by time of capture, youngest first; the time is text because a Date has no microseconds. */
export interface SnapshotPosition {
  readonly capturedAt: string;
  readonly id: string;
}

interface SnapshotNote {
  readonly code: string;
  readonly count: number;
  readonly detail: string;
}

export interface SnapshotDetails {
  /** How the artefact was written; absent: pprof. */
  readonly format?: string;
  readonly period?: string;
  readonly periodType?: { readonly type: string; readonly unit: string };
  readonly defaultSampleType?: string;
  readonly counts?: Readonly<Record<string, number>>;
  readonly warnings?: readonly SnapshotNote[];
  readonly losses?: readonly SnapshotNote[];
}

/** A snapshot with its upload and the names of what it belongs to: a row as the database gives it. */
export interface SnapshotRow {
  readonly snapshot_id: string;
  readonly upload_id: string;
  readonly part: number;
  readonly capture_id: string | null;
  /** Of its file in that capture. */
  readonly name: string | null;
  readonly service_id: string;
  readonly service: string;
  readonly team: string;
  readonly instance_id: string;
  readonly instance: string;
  readonly kind: Kind | null;
  readonly state: UploadState;
  readonly problem: ProblemBody | null;
  /** RFC 3339 in UTC with microseconds. */
  readonly captured_at: string;
  readonly captured_from: 'given' | 'artefact' | 'receipt';
  readonly received_at: Date;
  readonly finished_at: Date | null;
  readonly capture_ms: number | null;
  readonly version: string | null;
  readonly git_sha: string | null;
  readonly ci_build: string | null;
  readonly env: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly delta: boolean;
  readonly duration_nanos: string;
  readonly sample_types: readonly { type: string; unit: string; total: string }[];
  /** Empty until it is indexed. */
  readonly details: SnapshotDetails;
  readonly sha256: Buffer;
  readonly size_bytes: string;
  readonly content_encoding: 'identity' | 'gzip';
}

export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Snapshots as a key may see them. */
@Injectable()
export class Snapshots {
  constructor(private readonly db: Database) {}

  /**
   * The snapshot of that id.
   * @throws Problem `not-found`, in the same words whether it never existed, is another tenant's or another team's
   */
  async getVisible(caller: Caller, id: string): Promise<SnapshotRow> {
    const row = await this.db.readTenant(caller.tenantId, (tx) => findVisibleSnapshot(tx, caller, id));
    return row ?? refuse();
  }

  /** One page, youngest capture first. */
  async list(caller: Caller, filters: SnapshotFilters, page: ListPage<SnapshotPosition>): Promise<SnapshotRow[]> {
    const { sql, parameters } = pageQuery(caller, filters, page);
    return this.db.readTenant(caller.tenantId, async (tx) => {
      const found = await tx.query<{ snapshot_id: string }[]>(sql, parameters);
      if (found.length === 0) return [];
      const ids = found.map(({ snapshot_id }) => snapshot_id);
      return describe(tx, caller, ids);
    });
  }

  /** Ids and kinds of all that was found in one upload, in order. */
  async partsOf(
    tenantId: TenantId,
    uploadId: string,
  ): Promise<{ snapshot_id: string; part: number; kind: Kind | null }[]> {
    return this.db.readTenant(tenantId, (tx) =>
      tx.query('select snapshot_id, part, kind from snapshot where tenant_id = $1 and upload_id = $2 order by part', [
        tenantId,
        uploadId,
      ]),
    );
  }
}

async function findVisibleSnapshot(tx: Tx, caller: Caller, id: string): Promise<SnapshotRow | null> {
  if (!uuid.test(id)) return null;
  const [row] = await describe(tx, caller, [id]);
  return row ?? null;
}

/**
 * The snapshots of these ids that the caller may see, youngest capture first. A statement of its own, always the same, so
 * that its plan is kept: to plan six tables under row-level security takes longer than to read a hundred rows of them.
 */
async function describe(tx: Tx, { tenantId, teamId }: Caller, ids: readonly string[]): Promise<SnapshotRow[]> {
  return prepared<SnapshotRow[]>(tx, describeSql, [tenantId, ids, teamId]);
}

function refuse(): never {
  throw new Problem('not-found', 'This key sees no snapshot with that id.');
}

/** SQL: what SnapshotRow has of the snapshots in `page`. */
export const describePage = `
  select p.snapshot_id, p.upload_id, p.part, p.service_id, v.name as service, t.name as team, p.instance_id,
         i.name as instance, p.kind, u.state, u.problem,
         to_char(p.captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as captured_at, p.captured_from,
         u.received_at, u.finished_at, p.capture_ms, b.version, b.git_sha, b.ci_build, p.env, p.labels, p.delta,
         p.duration_nanos, p.sample_types, p.details, u.sha256, u.size_bytes, u.content_encoding, u.capture_id, u.name
    from page p
    join upload u on u.tenant_id = p.tenant_id and u.upload_id = p.upload_id
    join service v on v.tenant_id = p.tenant_id and v.service_id = p.service_id
    join team t on t.tenant_id = v.tenant_id and t.team_id = v.team_id
    join instance i
      on i.tenant_id = p.tenant_id and i.service_id = p.service_id and i.instance_id = p.instance_id
    left join build b on b.tenant_id = p.tenant_id and b.service_id = p.service_id and b.build_id = p.build_id`;

const describeSql = `
  with page as (select * from snapshot where tenant_id = $1 and snapshot_id = any($2::uuid[]))
  ${describePage}
   where $3::uuid is null or v.team_id = $3
   order by p.captured_at desc, p.snapshot_id desc`;

/**
 * The ids of a page are found in `snapshot` alone, along one of its indexes; what describes them comes second.
 * Every index but the one by time begins with the service. A list that is narrowed by build, instance, kind or team
 * therefore asks each build (instance, service) that may have rows for its youngest, and merges those.
 */
function pageQuery(
  { tenantId, teamId }: Caller,
  filters: SnapshotFilters,
  page: ListPage<SnapshotPosition>,
): { sql: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const given = (value: unknown) => `$${parameters.push(value)}`;
  const tenant = given(tenantId);
  const { kind, instance, build, env, labels, state, from, to } = filters;
  const service = filters.serviceId === undefined ? null : given(filters.serviceId);
  const ofService = service === null ? '' : ` and service_id = ${service}`;
  const instances = (name: string) =>
    `select service_id, instance_id from instance where tenant_id = ${tenant}${ofService} and name = ${given(name)}`;
  const builds = (version: string) =>
    `select service_id, build_id from build where tenant_id = ${tenant}${ofService} and version = ${given(version)}`;

  const conditions = [`s.tenant_id = ${tenant}`];
  if (service !== null) conditions.push(`s.service_id = ${service}`);
  if (kind !== undefined) conditions.push(`s.kind = ${given(kind)}`);
  if (env !== undefined) conditions.push(`s.env = ${given(env)}`);
  if (labels !== undefined) conditions.push(`s.labels @> ${given(JSON.stringify(labels))}::jsonb`);
  if (from !== undefined) conditions.push(`s.captured_at >= ${given(from)}`);
  if (to !== undefined) conditions.push(`s.captured_at < ${given(to)}`);
  if (state !== undefined) {
    conditions.push(
      `exists (select from upload u
                where u.tenant_id = s.tenant_id and u.upload_id = s.upload_id and u.state = ${given(state)})`,
    );
  }
  if (page.after !== null) {
    const { capturedAt, id } = page.after;
    conditions.push(`(s.captured_at, s.snapshot_id) < (${given(capturedAt)}::timestamptz, ${given(id)}::uuid)`);
  }

  let branches: string | null = null;
  if (build !== undefined) {
    branches = builds(build);
    conditions.push('s.service_id = b.service_id and s.build_id = b.build_id');
    if (instance !== undefined) conditions.push(`(s.service_id, s.instance_id) in (${instances(instance)})`);
  } else if (instance !== undefined) {
    branches = instances(instance);
    conditions.push('s.service_id = b.service_id and s.instance_id = b.instance_id');
  } else if (service === null && (kind !== undefined || teamId !== null)) {
    branches = `select service_id from service where tenant_id = ${tenant}`;
    conditions.push('s.service_id = b.service_id');
  }
  const list = { table: 'snapshot', id: 'snapshot_id', conditions, limit: given(page.limit), branches } as const;
  const visibleTo = service === null && teamId !== null ? { tenant, team: given(teamId) } : null;
  return { sql: `select snapshot_id from (${youngest(list, visibleTo)}) page`, parameters };
}
