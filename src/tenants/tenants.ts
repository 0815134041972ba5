import { Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { asTenantId, Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import { generateKey } from './key-format.js';
import { insertKey } from './keys.js';
import { defaultTeamName } from './names.js';
import type { ListPage } from './list-page.js';

export interface Tenant {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly createdAt: Date;
}

interface TenantRow {
  tenant_id: string;
  name: string;
  created_at: Date;
}

/** The organisations of this installation; for operators, who see their names and nothing inside them. */
@Injectable()
export class Tenants {
  constructor(private readonly db: Database) {}

  /**
   * Makes a tenant with its team `default` and a first admin key, all or nothing. The key is told here and never again.
   * @throws Problem `conflict` if the name is taken
   */
  async create(name: string): Promise<{ tenant: Tenant; adminKey: string }> {
    const tenantId = asTenantId(randomUUID());
    const adminKey = generateKey('admin');
    const tenant = await this.db.withTenant(tenantId, async (tx) => {
      const [row] = await tx.query<TenantRow[]>(
        `insert into tenant (tenant_id, name) values ($1, $2)
         on conflict (name) do nothing returning tenant_id, name, created_at`,
        [tenantId, name],
      );
      if (!row) throw new Problem('conflict', `There is a tenant named ${name} already.`);
      await insertDefaultTeam(tx, tenantId);
      await insertKey(tx, tenantId, adminKey, {
        name: 'first admin key',
        operator: false,
        teamId: null,
        expiresAt: null,
      });
      return fromRow(row);
    });
    return { tenant, adminKey: adminKey.text };
  }

  /** Throws Problem `not-found`. */
  async get(name: string): Promise<Tenant> {
    const [row] = await this.db.acrossTenants<TenantRow[]>((tx) =>
      tx.query('select tenant_id, name, created_at from tenant where name = $1', [name]),
    );
    if (!row) throw new Problem('not-found', 'There is no such tenant.');
    return fromRow(row);
  }

  /** By name, from the one after `page.after` on. */
  async list(page: ListPage<string>): Promise<Tenant[]> {
    const rows = await this.db.acrossTenants<TenantRow[]>((tx) =>
      tx.query(
        `select tenant_id, name, created_at from tenant
          where $1::text is null or name > $1 order by name limit $2`,
        [page.after, page.limit],
      ),
    );
    return rows.map(fromRow);
  }
}

/** The team of services that nobody claimed. */
export async function insertDefaultTeam(tx: Tx, tenantId: TenantId): Promise<void> {
  await tx.query('insert into team (tenant_id, name) values ($1, $2) on conflict (tenant_id, name) do nothing', [
    tenantId,
    defaultTeamName,
  ]);
}

function fromRow(row: TenantRow): Tenant {
  return { tenantId: asTenantId(row.tenant_id), name: row.name, createdAt: row.created_at };
}
