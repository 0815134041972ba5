import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { Clock } from '../../src/platform/clock.js';
import { asTenantId, type Database, type TenantId } from '../../src/platform/database.js';
import type { Caller } from '../../src/tenants/caller.js';
import { generateKey, type ParsedKey, type Role } from '../../src/tenants/key-format.js';
import { insertKey } from '../../src/tenants/keys.js';

/** A clock that stands still until it is told to move. */
export class SetClock implements Clock {
  constructor(private at = new Date('2026-11-23T12:00:00Z')) {}

  now(): Date {
    return this.at;
  }

  forward(millis: number): void {
    this.at = new Date(this.at.getTime() + millis);
  }
}

/** A tenant with the teams named, as rows. */
export async function insertTenant(
  db: Database,
  name: string,
  teams: readonly string[] = ['default'],
): Promise<{ tenantId: TenantId; teamIds: Record<string, string> }> {
  const tenantId = asTenantId(randomUUID());
  const rows = await db.withTenant(tenantId, async (tx) => {
    await tx.query('insert into tenant (tenant_id, name) values ($1, $2)', [tenantId, name]);
    return tx.query<{ name: string; team_id: string }[]>(
      'insert into team (tenant_id, name) select $1, unnest($2::text[]) returning name, team_id',
      [tenantId, teams],
    );
  });
  return { tenantId, teamIds: Object.fromEntries(rows.map((row) => [row.name, row.team_id])) };
}

/** A key as a row, and in plain text. */
export async function insertTestKey(
  db: Database,
  tenantId: TenantId,
  role: Role,
  options: { operator?: boolean; teamId?: string; expiresAt?: Date; name?: string } = {},
): Promise<ParsedKey & { text: string }> {
  const key = generateKey(role);
  await db.withTenant(tenantId, (tx) =>
    insertKey(tx, tenantId, key, {
      name: options.name ?? role,
      operator: options.operator ?? false,
      teamId: options.teamId ?? null,
      expiresAt: options.expiresAt ?? null,
    }),
  );
  return key;
}

/** Who a key of that tenant would be, for services that are called without HTTP. */
export function callerOf(tenantId: TenantId, options: Partial<Caller> = {}): Caller {
  return {
    tenantId,
    tenantName: 'acme',
    keyId: 'k'.repeat(12),
    role: 'admin',
    operator: false,
    teamId: null,
    teamName: null,
    ...options,
  };
}

/** How often a connection is taken from the pool while `work` runs: what it costs the database. */
export async function countConnections<T>(db: Database, work: () => Promise<T>): Promise<{ taken: number; result: T }> {
  const pool = (db.dataSource.driver as PostgresDriver).master as pg.Pool;
  let taken = 0;
  const count = () => taken++;
  pool.on('acquire', count);
  try {
    const result = await work();
    return { taken, result };
  } finally {
    pool.off('acquire', count);
  }
}
