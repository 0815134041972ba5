import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from './caller.js';
import { KeyAuthentication } from './key-authentication.js';
import { generateKey, type ParsedKey, type Role } from './key-format.js';
import type { ListPage } from './list-page.js';
import { findTeamId, unknownTeam } from './teams.js';

export interface ApiKey {
  readonly keyId: string;
  readonly name: string;
  readonly role: Role;
  readonly operator: boolean;
  readonly teamName: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** To the minute. */
  readonly lastUsedAt: Date | null;
}

export interface NewKey {
  readonly name: string;
  readonly role: Role;
  readonly operator: boolean;
  readonly team: string | null;
  readonly expiresAt: Date | null;
}

/** Where a key is in the list: names may repeat, the id decides among equals. */
export type KeyPosition = readonly [name: string, keyId: string];

interface KeyRow {
  key_id: string;
  name: string;
  role: Role;
  operator: boolean;
  team_name: string | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
}

/**
 * The keys of a tenant. A key is changed by replacing it: create a second one, hand it out, revoke the first; both
 * work meanwhile.
 */
@Injectable()
export class ApiKeys {
  constructor(
    private readonly db: Database,
    private readonly authentication: KeyAuthentication,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Makes a key. Its plain text is told here and never again.
   * @throws Problem `validation-failed` (team unknown, team on an admin key, operator without role admin, expiry in the
   *   past), `insufficient-scope` (only an operator makes operators)
   */
  async create(caller: Caller, wanted: NewKey): Promise<{ key: string; apiKey: ApiKey }> {
    requireConsistent(wanted, this.clock.now());
    if (wanted.operator && !caller.operator) {
      throw new Problem('insufficient-scope', 'Only an operator key can create another operator key.');
    }
    const key = generateKey(wanted.role);
    const createdAt = await this.db.withTenant(caller.tenantId, async (tx) => {
      const teamId = wanted.team === null ? null : await findTeamId(tx, caller.tenantId, wanted.team);
      if (wanted.team !== null && teamId === null) throw unknownTeam(wanted.team);
      return insertKey(tx, caller.tenantId, key, { ...wanted, teamId });
    });
    const apiKey = { ...wanted, keyId: key.id, teamName: wanted.team, createdAt, revokedAt: null, lastUsedAt: null };
    return { key: key.text, apiKey };
  }

  /** All keys of the tenant, revoked ones too, by name, from the one after `page.after` on. */
  async list(caller: Caller, page: ListPage<KeyPosition>): Promise<ApiKey[]> {
    const rows = await this.db.readTenant(caller.tenantId, (tx) =>
      tx.query<KeyRow[]>(
        `select k.key_id, k.name, k.role, k.operator, t.name as team_name,
                k.created_at, k.expires_at, k.revoked_at, k.last_used_at
           from api_key k left join team t on t.tenant_id = k.tenant_id and t.team_id = k.team_id
          where k.tenant_id = $1 and ($2::text is null or (k.name, k.key_id) > ($2, $3))
          order by k.name, k.key_id limit $4`,
        [caller.tenantId, page.after?.[0] ?? null, page.after?.[1] ?? null, page.limit],
      ),
    );
    return rows.map(fromRow);
  }

  /**
   * Ends a key: at once in this process, within five seconds in the others. Ending it again changes nothing.
   * @throws Problem `not-found`, also for another tenant's key and for an operator's if the caller is none
   */
  async revoke(caller: Caller, keyId: string): Promise<void> {
    const [revoked] = await this.db.withTenant(caller.tenantId, (tx) =>
      tx.query<[unknown[], number]>(
        `update api_key set revoked_at = coalesce(revoked_at, $3)
          where tenant_id = $1 and key_id = $2 and (not operator or $4) returning key_id`,
        [caller.tenantId, keyId, this.clock.now(), caller.operator],
      ),
    );
    if (revoked.length === 0) throw new Problem('not-found', 'There is no such key.');
    this.authentication.forget(keyId);
  }
}

/** Stores the hash of a key. Answers when it was created. */
export async function insertKey(
  tx: Tx,
  tenantId: TenantId,
  key: ParsedKey,
  described: { name: string; operator: boolean; teamId: string | null; expiresAt: Date | null },
): Promise<Date> {
  const [row] = await tx.query<{ created_at: Date }[]>(
    `insert into api_key (tenant_id, key_id, role, operator, team_id, name, secret_hash, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8) returning created_at`,
    [tenantId, key.id, key.role, described.operator, described.teamId, described.name, key.hash, described.expiresAt],
  );
  return row.created_at;
}

function requireConsistent({ role, operator, team, expiresAt }: NewKey, now: Date): void {
  const errors: { pointer: string; code: string; detail: string }[] = [];
  if (role === 'admin' && team !== null) {
    errors.push({
      pointer: '/team',
      code: 'not-for-role',
      detail: 'An admin key is for the whole tenant, not a team.',
    });
  }
  if (operator && role !== 'admin') {
    errors.push({
      pointer: '/operator',
      code: 'not-for-role',
      detail: 'Only a key with the role admin can be an operator.',
    });
  }
  if (expiresAt && expiresAt <= now) {
    errors.push({ pointer: '/expires_at', code: 'in-the-past', detail: 'A key cannot expire in the past.' });
  }
  if (errors.length > 0)
    throw new Problem('validation-failed', errors.map(({ detail }) => detail).join(' '), { errors });
}

function fromRow(row: KeyRow): ApiKey {
  return {
    keyId: row.key_id,
    name: row.name,
    role: row.role,
    operator: row.operator,
    teamName: row.team_name,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
  };
}
