import { Injectable } from '@nestjs/common';
import { applyThresholds, type Thresholds } from '../analysis/runtime/thresholds.js';
import { Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';

/** From where on each tenant wants to hear of a number. */
@Injectable()
export class TenantThresholds {
  constructor(private readonly db: Database) {}

  /** The tenant's own values only. @throws Problem `not-found` */
  async readOwn(tenantId: TenantId): Promise<Partial<Thresholds>> {
    return this.db.acrossTenants((tx) => getOwn(tx, tenantId));
  }

  /** Replaces the tenant's own values: what is not named has its default again. @throws Problem `not-found` */
  async writeOwn(tenantId: TenantId, own: Partial<Thresholds>): Promise<void> {
    const [updated] = await this.db.acrossTenants<[unknown[], number]>((tx) =>
      tx.query('update tenant set thresholds = $2 where tenant_id = $1 returning tenant_id', [tenantId, own]),
    );
    if (updated.length === 0) throw noSuchTenant();
  }
}

/** What holds for a tenant: the defaults with its own values over them. @throws Problem `not-found` */
export async function readThresholds(tx: Tx, tenantId: TenantId): Promise<Thresholds> {
  return applyThresholds(await getOwn(tx, tenantId));
}

async function getOwn(tx: Tx, tenantId: TenantId): Promise<Partial<Thresholds>> {
  const [tenant] = await tx.query<{ thresholds: Partial<Thresholds> }[]>(
    'select thresholds from tenant where tenant_id = $1',
    [tenantId],
  );
  if (!tenant) throw noSuchTenant();
  return tenant.thresholds;
}

function noSuchTenant(): Problem {
  return new Problem('not-found', 'There is no such tenant.');
}
