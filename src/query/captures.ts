import { Injectable } from '@nestjs/common';
import { Database, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import type { ListPage } from '../tenants/list-page.js';
import { describePage, type SnapshotPosition, type SnapshotRow, type UploadState, uuid } from './snapshots.js';
import { youngest } from './youngest.js';

export interface CaptureFilters {
  readonly serviceId?: string;
  readonly instance?: string;
  readonly build?: string;
  readonly env?: string;
  readonly from?: Date;
  readonly to?: Date;
}

/** A capture and the names of what it belongs to: a row as the database gives it. */
export interface CaptureRow {
  readonly capture_id: string;
  readonly service: string;
  readonly team: string;
  readonly instance: string;
  /** RFC 3339 in UTC with microseconds. */
  readonly captured_at: string;
  readonly captured_from: 'given' | 'receipt';
  readonly received_at: Date;
  readonly capture_ms: number | null;
  readonly build: string;
  readonly git_sha: string;
  readonly ci_build: string;
  readonly env: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly skipped: readonly { name: string; reason: 'empty' | 'metadata' }[];
  /** How many files it has in each state. */
  readonly states: Readonly<Partial<Record<UploadState, number>>>;
}

/** A file of a capture: part 0 of its upload, under the name that it has in this capture. */
export type CaptureFileRow = SnapshotRow & { readonly file_name: string };

/** Something that was found in an upload. */
export interface FoundPart {
  readonly upload_id: string;
  readonly snapshot_id: string;
  readonly part: number;
  readonly kind: string | null;
}

/** Captures as a key may see them. */
@Injectable()
export class Captures {
  constructor(private readonly db: Database) {}

  /**
   * The capture of that id, its files in the order in which they were sent, and all that was found in each.
   * @throws Problem `not-found`, in the same words whether it never existed, is another tenant's or another team's
   */
  async getVisible(
    caller: Caller,
    id: string,
  ): Promise<{ capture: CaptureRow; files: CaptureFileRow[]; parts: FoundPart[] }> {
    const found = await this.db.readTenant(caller.tenantId, async (tx) => {
      const capture = await findVisibleCapture(tx, caller, id);
      if (capture === null) return null;
      const files = await tx.query<CaptureFileRow[]>(
        `with file as (
           select * from capture_part where tenant_id = $1 and capture_id = $2
         ), page as (
           select * from snapshot where tenant_id = $1 and part = 0 and upload_id in (select upload_id from file)
         ), described as (${describePage})
         select d.*, f.name as file_name from file f join described d on d.upload_id = f.upload_id order by f.ordinal`,
        [caller.tenantId, id],
      );
      const parts = await tx.query<FoundPart[]>(
        `select upload_id, snapshot_id, part, kind from snapshot
          where tenant_id = $1 and upload_id = any ($2::uuid[]) order by upload_id, part`,
        [caller.tenantId, files.map((file) => file.upload_id)],
      );
      return { capture, files, parts };
    });
    if (found === null) throw new Problem('not-found', 'This key sees no capture with that id.');
    return found;
  }

  /** One page, youngest first. */
  async list(caller: Caller, filters: CaptureFilters, page: ListPage<SnapshotPosition>): Promise<CaptureRow[]> {
    const { sql, parameters } = pageQuery(caller, filters, page);
    return this.db.readTenant(caller.tenantId, (tx) => tx.query<CaptureRow[]>(sql, parameters));
  }
}

async function findVisibleCapture(tx: Tx, caller: Caller, id: string): Promise<CaptureRow | null> {
  if (!uuid.test(id)) return null;
  const [row] = await tx.query<CaptureRow[]>(
    `with page as (select * from capture where tenant_id = $1 and capture_id = $2)
     ${describeCaptures} where $3::uuid is null or v.team_id = $3`,
    [caller.tenantId, id, caller.teamId],
  );
  return row ?? null;
}

const describeCaptures = `
  select p.capture_id, v.name as service, t.name as team, i.name as instance,
         to_char(p.captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as captured_at, p.captured_from,
         p.received_at, p.capture_ms, p.build, p.git_sha, p.ci_build, p.env, p.labels, p.skipped, c.states
    from page p
    join service v on v.tenant_id = p.tenant_id and v.service_id = p.service_id
    join team t on t.tenant_id = v.tenant_id and t.team_id = v.team_id
    join instance i
      on i.tenant_id = p.tenant_id and i.service_id = p.service_id and i.instance_id = p.instance_id
    cross join lateral (
      select coalesce(jsonb_object_agg(s.state, s.files), '{}') as states
        from (select u.state, count(*)::int as files
                from capture_part f join upload u on u.tenant_id = f.tenant_id and u.upload_id = f.upload_id
               where f.tenant_id = p.tenant_id and f.capture_id = p.capture_id
               group by u.state) s) c`;

/**
 * The page is found in `capture` alone, along one of its indexes, and only its rows are joined to what describes them.
 * A list that is narrowed by instance or team asks each instance (service) that may have rows for its youngest, and
 * merges those; see the same of snapshots.
 */
function pageQuery(
  { tenantId, teamId }: Caller,
  filters: CaptureFilters,
  page: ListPage<SnapshotPosition>,
): { sql: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const given = (value: unknown) => `$${parameters.push(value)}`;
  const tenant = given(tenantId);
  const { instance, build, env, from, to } = filters;
  const service = filters.serviceId === undefined ? null : given(filters.serviceId);

  const conditions = [`s.tenant_id = ${tenant}`];
  if (service !== null) conditions.push(`s.service_id = ${service}`);
  if (build !== undefined) conditions.push(`s.build = ${given(build)}`);
  if (env !== undefined) conditions.push(`s.env = ${given(env)}`);
  if (from !== undefined) conditions.push(`s.captured_at >= ${given(from)}`);
  if (to !== undefined) conditions.push(`s.captured_at < ${given(to)}`);
  if (page.after !== null) {
    const { capturedAt, id } = page.after;
    conditions.push(`(s.captured_at, s.capture_id) < (${given(capturedAt)}::timestamptz, ${given(id)}::uuid)`);
  }

  let branches: string | null = null;
  if (instance !== undefined) {
    const ofService = service === null ? '' : ` and service_id = ${service}`;
    branches = `select service_id, instance_id from instance
                 where tenant_id = ${tenant}${ofService} and name = ${given(instance)}`;
    conditions.push('s.service_id = b.service_id and s.instance_id = b.instance_id');
  } else if (service === null && teamId !== null) {
    branches = `select service_id from service where tenant_id = ${tenant}`;
    conditions.push('s.service_id = b.service_id');
  }
  const list = { table: 'capture', id: 'capture_id', conditions, limit: given(page.limit), branches } as const;
  const visibleTo = service === null && teamId !== null ? { tenant, team: given(teamId) } : null;
  return {
    sql: `with page as materialized (${youngest(list, visibleTo)}) ${describeCaptures}
          order by p.captured_at desc, p.capture_id desc`,
    parameters,
  };
}
