import { Injectable } from '@nestjs/common';
import type { Kind } from '../formats/kind.js';
import { Database, type Tx } from '../platform/database.js';
import type { Caller } from '../tenants/caller.js';
import type { ListPage } from '../tenants/list-page.js';
import type { ServiceRef } from '../tenants/services.js';

export interface ServiceRow {
  readonly service_id: string;
  readonly name: string;
  readonly team: string;
  readonly created_at: Date;
  readonly last_captured_at: Date | null;
}

/** The youngest indexed snapshot of a service by kind: what can be asked about it. */
export interface KindRow {
  readonly kind: Kind;
  readonly last_captured_at: Date;
  readonly sample_types: readonly { type: string; unit: string; total: string }[];
}

export interface BuildRow {
  readonly build_id: string;
  readonly version: string;
  readonly git_sha: string;
  readonly ci_build: string;
  readonly first_seen: Date;
  readonly last_seen: Date;
}

export interface InstanceRow {
  readonly instance_id: string;
  readonly name: string;
  readonly first_seen: Date;
  readonly last_seen: Date;
}

const selectServices = `
  select v.service_id, v.name, t.name as team, v.created_at,
         (select s.captured_at from snapshot s
           where s.tenant_id = v.tenant_id and s.service_id = v.service_id
           order by s.captured_at desc, s.snapshot_id desc limit 1) as last_captured_at
    from service v join team t on t.tenant_id = v.tenant_id and t.team_id = v.team_id`;

/**
 * What there is to ask about: services, their kinds, builds and instances, as a key may see them. Lists are ordered by
 * what never changes (a name, the order of appearance), so that a row that is seen again while somebody pages through
 * does not jump over a page.
 */
@Injectable()
export class ServiceDirectory {
  constructor(private readonly db: Database) {}

  /** Services by name, of one team if given. */
  async list(caller: Caller, teamId: string | null, page: ListPage<string>): Promise<ServiceRow[]> {
    return this.db.readTenant(caller.tenantId, (tx) =>
      tx.query<ServiceRow[]>(
        `${selectServices}
          where v.tenant_id = $1 and ($2::uuid is null or v.team_id = $2) and ($3::uuid is null or v.team_id = $3)
            and ($4::text is null or v.name > $4)
          order by v.name limit $5`,
        [caller.tenantId, caller.teamId, teamId, page.after, page.limit],
      ),
    );
  }

  async get(tx: Tx, caller: Caller, service: ServiceRef): Promise<ServiceRow> {
    const [row] = await tx.query<ServiceRow[]>(`${selectServices} where v.tenant_id = $1 and v.service_id = $2`, [
      caller.tenantId,
      service.serviceId,
    ]);
    return row;
  }

  /** The kinds of a service, found by stepping from one to the next along the index instead of reading all snapshots. */
  async kinds(tx: Tx, caller: Caller, service: ServiceRef): Promise<KindRow[]> {
    return tx.query<KindRow[]>(
      `with recursive kinds as (
         (select kind from snapshot where tenant_id = $1 and service_id = $2 and kind is not null order by kind limit 1)
         union all
         select (select s.kind from snapshot s
                  where s.tenant_id = $1 and s.service_id = $2 and s.kind > k.kind order by s.kind limit 1)
           from kinds k where k.kind is not null)
       select k.kind, s.captured_at as last_captured_at, s.sample_types
         from kinds k
        cross join lateral (
          select s.captured_at, s.sample_types
            from snapshot s join upload u on u.tenant_id = s.tenant_id and u.upload_id = s.upload_id
           where s.tenant_id = $1 and s.service_id = $2 and s.kind = k.kind and u.state = 'indexed'
           order by s.captured_at desc, s.snapshot_id desc limit 1) s
        order by k.kind`,
      [caller.tenantId, service.serviceId],
    );
  }

  /** Builds, the one that appeared last first. */
  async builds(tx: Tx, caller: Caller, service: ServiceRef, page: ListPage<string>): Promise<BuildRow[]> {
    return tx.query<BuildRow[]>(
      `select build_id, version, git_sha, ci_build, first_seen, last_seen from build
        where tenant_id = $1 and service_id = $2 and ($3::bigint is null or build_id < $3)
        order by build_id desc limit $4`,
      [caller.tenantId, service.serviceId, page.after, page.limit],
    );
  }

  /** Instances, the one that appeared last first; of those seen since `from` if given. */
  async instances(
    tx: Tx,
    caller: Caller,
    service: ServiceRef,
    from: Date | null,
    page: ListPage<string>,
  ): Promise<InstanceRow[]> {
    return tx.query<InstanceRow[]>(
      `select instance_id, name, first_seen, last_seen from instance
        where tenant_id = $1 and service_id = $2 and ($3::bigint is null or instance_id < $3)
          and ($4::timestamptz is null or last_seen >= $4)
        order by instance_id desc limit $5`,
      [caller.tenantId, service.serviceId, page.after, from, page.limit],
    );
  }
}
