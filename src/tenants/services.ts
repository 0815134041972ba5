import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from './caller.js';
import { limitProblem, TenantLimits } from './limits.js';
import { defaultTeamName, instanceNamePattern, serviceNamePattern } from './names.js';
import { findTeamId, unknownTeam } from './teams.js';

export interface ServiceRef {
  readonly serviceId: string;
  readonly name: string;
  readonly teamId: string;
  readonly teamName: string;
}

interface ServiceRow {
  service_id: string;
  name: string;
  team_id: string;
  team_name: string;
  uncommitted: boolean;
}

interface CachedService {
  readonly readAt: number;
  readonly service: ServiceRef;
}

/** A change of owner is effective in every process after this. */
const serviceCacheMillis = 5_000;
const cachedServices = 20_000;
const cachedInstances = 100_000;

/**
 * Services and instances by name. Names are unique in a tenant, whatever the team.
 *
 * What a key with a team may know: its team's services, nothing else. Another team's service is *not found*, in the
 * same words as one that does not exist. There is one thing it can find out: an upload to a free name makes a service,
 * an upload to a name that another team has is refused. As long as names are unique and uploads create services, no
 * answer hides that; to accept such an upload silently would let any team falsify another's numbers. So it learns
 * that the name is taken, and neither by whom nor since when.
 *
 * The caches hold committed rows only. A row that the asking transaction has inserted itself may yet be rolled back,
 * and its id must not outlive that.
 */
@Injectable()
export class ServiceRegistry {
  private readonly services = new LRUCache<string, CachedService>({ max: cachedServices });
  private readonly instances = new LRUCache<string, string>({ max: cachedInstances });

  constructor(
    private readonly db: Database,
    private readonly limits: TenantLimits,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The service of that name if the caller may see it, else null. */
  async findVisible(tx: Tx, caller: Caller, name: string): Promise<ServiceRef | null> {
    const service = await this.find(tx, caller.tenantId, name);
    return service && sees(caller, service) ? service : null;
  }

  /** Throws Problem `not-found`, whether there is no such service or another team has it. */
  async getVisible(tx: Tx, caller: Caller, name: string): Promise<ServiceRef> {
    return (await this.findVisible(tx, caller, name)) ?? refuse(name);
  }

  /**
   * The service of an upload; made if there is none. The owner of a new one is the key's team, else `team`, else the
   * team `default`. One that exists keeps its owner, whatever `team` says.
   * @throws Problem `invalid-name`, `not-found` (another team's), `validation-failed` (a new service for a team that
   *   does not exist), `quota-exceeded` (limit `services`)
   */
  async ensure(tx: Tx, caller: Caller, name: string, { team }: { team?: string } = {}): Promise<ServiceRef> {
    requireServiceName(name);
    const known = await this.find(tx, caller.tenantId, name);
    if (known) return sees(caller, known) ? known : refuse(name);

    const teamId = caller.teamId ?? (await getTeamId(tx, caller.tenantId, team ?? defaultTeamName));
    const limits = await this.limits.getWithin(tx, caller.tenantId);
    // Waits for a transaction that is inserting the same name, and then leaves it to that one.
    await tx.query(
      `insert into service (tenant_id, name, team_id)
       select $1, $2, $3 where (select count(*) from service where tenant_id = $1) < $4
       on conflict (tenant_id, name) do nothing`,
      [caller.tenantId, name, teamId, limits.services],
    );
    const made = await this.find(tx, caller.tenantId, name);
    if (!made) throw limitProblem(limits, 'services', limits.services + 1);
    return sees(caller, made) ? made : refuse(name);
  }

  /**
   * The id of an instance of a service; made if there is none.
   * @param seenAt first and last sight of a new one; one that exists is left as it is
   * @throws Problem `invalid-name`, `quota-exceeded` (limit `instances_per_service`)
   */
  async ensureInstance(tx: Tx, tenantId: TenantId, serviceId: string, name: string, seenAt: Date): Promise<string> {
    requireInstanceName(name);
    const cacheKey = `${tenantId}/${serviceId}/${name}`;
    const cached = this.instances.get(cacheKey);
    if (cached !== undefined) return cached;

    let row = await findInstance(tx, tenantId, serviceId, name);
    if (!row) {
      const limits = await this.limits.getWithin(tx, tenantId);
      const allowed = limits.instances_per_service;
      await tx.query(
        `insert into instance (tenant_id, service_id, name, first_seen, last_seen)
         select $1, $2, $3, $4, $4
          where (select count(*) from (
                   select from instance
                    where tenant_id = $1 and service_id = $2 and last_seen > $4::timestamptz - interval '1 day'
                    limit $5) seen) < $5
         on conflict (tenant_id, service_id, name) do nothing`,
        [tenantId, serviceId, name, seenAt, allowed],
      );
      row = await findInstance(tx, tenantId, serviceId, name);
      if (!row) throw limitProblem(limits, 'instances_per_service', allowed + 1);
    }
    if (!row.uncommitted) this.instances.set(cacheKey, row.instance_id);
    return row.instance_id;
  }

  /**
   * Gives a service to a team. Its snapshots, trends and instances go along.
   * @throws Problem `not-found` (service), `validation-failed` (team)
   */
  async setOwner(caller: Caller, name: string, team: string): Promise<ServiceRef> {
    const moved = await this.db.withTenant(caller.tenantId, async (tx) => {
      const service = await this.getVisible(tx, caller, name);
      const teamId = await getTeamId(tx, caller.tenantId, team);
      await tx.query('update service set team_id = $3 where tenant_id = $1 and service_id = $2', [
        caller.tenantId,
        service.serviceId,
        teamId,
      ]);
      return { ...service, teamId, teamName: team };
    });
    this.services.delete(`${caller.tenantId}/${name}`);
    return moved;
  }

  private async find(tx: Tx, tenantId: TenantId, name: string): Promise<ServiceRef | null> {
    const cacheKey = `${tenantId}/${name}`;
    const now = this.clock.now().getTime();
    const cached = this.services.get(cacheKey);
    if (cached && now >= cached.readAt && now - cached.readAt < serviceCacheMillis) return cached.service;

    const [row] = await tx.query<ServiceRow[]>(
      `select s.service_id, s.name, s.team_id, t.name as team_name, ${insertedHere('s')} as uncommitted
         from service s join team t on t.tenant_id = s.tenant_id and t.team_id = s.team_id
        where s.tenant_id = $1 and s.name = $2`,
      [tenantId, name],
    );
    if (!row) return null;
    const service = { serviceId: row.service_id, name: row.name, teamId: row.team_id, teamName: row.team_name };
    if (!row.uncommitted) this.services.set(cacheKey, { readAt: now, service });
    return service;
  }
}

/** Whether this caller may know of the service: anyone without a team, else only the owning team. */
function sees(caller: Caller, service: ServiceRef): boolean {
  return caller.teamId === null || caller.teamId === service.teamId;
}

function refuse(name: string): never {
  throw new Problem('not-found', `This key sees no service named ${JSON.stringify(name)}.`);
}

async function getTeamId(tx: Tx, tenantId: TenantId, team: string): Promise<string> {
  const teamId = await findTeamId(tx, tenantId, team);
  if (teamId === null) throw unknownTeam(team);
  return teamId;
}

async function findInstance(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  name: string,
): Promise<{ instance_id: string; uncommitted: boolean } | undefined> {
  const [row] = await tx.query<{ instance_id: string; uncommitted: boolean }[]>(
    `select i.instance_id, ${insertedHere('i')} as uncommitted
       from instance i where i.tenant_id = $1 and i.service_id = $2 and i.name = $3`,
    [tenantId, serviceId, name],
  );
  return row;
}

/** SQL: the row was written by the asking transaction itself, so that its fate is still open. */
function insertedHere(alias: string): string {
  return `coalesce(${alias}.xmin = pg_current_xact_id_if_assigned()::xid, false)`;
}

/** Throws Problem `invalid-name`. */
export function requireServiceName(name: string): void {
  if (serviceNamePattern.test(name)) return;
  throw new Problem(
    'invalid-name',
    'A service name has up to 128 letters, digits, ".", "_" and "-", in parts divided by "/" or ":"; ' +
      'each part begins with a letter or digit, and ".." occurs nowhere.',
    { errors: [{ pointer: '?service', code: 'invalid-name' }] },
  );
}

/** Throws Problem `invalid-name`. */
export function requireInstanceName(name: string): void {
  if (instanceNamePattern.test(name)) return;
  throw new Problem('invalid-name', 'An instance name has 1 to 256 printable characters and no space at either end.', {
    errors: [{ pointer: '?instance', code: 'invalid-name' }],
  });
}
