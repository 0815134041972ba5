import { Injectable } from '@nestjs/common';
import { Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from './caller.js';
import type { ListPage } from './list-page.js';

export interface Team {
  readonly teamId: string;
  readonly name: string;
  readonly createdAt: Date;
}

interface TeamRow {
  team_id: string;
  name: string;
  created_at: Date;
}

/** The teams of a tenant. Who has a team-scoped key sees that team and no other. */
@Injectable()
export class Teams {
  constructor(private readonly db: Database) {}

  /** Throws Problem `conflict` if the name is taken. */
  async create(caller: Caller, name: string): Promise<Team> {
    const [row] = await this.db.withTenant(caller.tenantId, (tx) =>
      tx.query<TeamRow[]>(
        `insert into team (tenant_id, name) values ($1, $2)
         on conflict (tenant_id, name) do nothing returning team_id, name, created_at`,
        [caller.tenantId, name],
      ),
    );
    if (!row) throw new Problem('conflict', `There is a team named ${name} already.`);
    return fromRow(row);
  }

  /** By name, from the one after `page.after` on. */
  async list(caller: Caller, page: ListPage<string>): Promise<Team[]> {
    const rows = await this.db.readTenant(caller.tenantId, (tx) =>
      tx.query<TeamRow[]>(
        `select team_id, name, created_at from team
          where tenant_id = $1 and ($2::uuid is null or team_id = $2) and ($3::text is null or name > $3)
          order by name limit $4`,
        [caller.tenantId, caller.teamId, page.after, page.limit],
      ),
    );
    return rows.map(fromRow);
  }
}

/** The id of a team by name, or null. For those who may see every team of the tenant. */
export async function findTeamId(tx: Tx, tenantId: TenantId, name: string): Promise<string | null> {
  const [row] = await tx.query<{ team_id: string }[]>('select team_id from team where tenant_id = $1 and name = $2', [
    tenantId,
    name,
  ]);
  return row?.team_id ?? null;
}

/** The id of a team that the caller may see. @throws Problem `not-found` */
export async function getVisibleTeamId(tx: Tx, caller: Caller, name: string): Promise<string> {
  const teamId = await findTeamId(tx, caller.tenantId, name);
  if (teamId !== null && (caller.teamId === null || caller.teamId === teamId)) return teamId;
  throw new Problem('not-found', `This key sees no team named ${JSON.stringify(name)}.`);
}

/** The refusal of a request that names a team that does not exist. */
export function unknownTeam(name: string): Problem {
  const detail = `There is no team named ${name}. An admin key can create it: POST /api/v1/teams.`;
  return new Problem('validation-failed', detail, { errors: [{ pointer: '/team', code: 'unknown-team', detail }] });
}

function fromRow(row: TeamRow): Team {
  return { teamId: row.team_id, name: row.name, createdAt: row.created_at };
}
