import { asTenantId, type Database, type TenantId, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';

export interface ReindexedService {
  readonly tenant: string;
  readonly service: string;
  /** Uploads that are on the work list again. */
  readonly uploads: number;
}

/**
 * Has the index rebuilt from the archive, service by service: drops what was derived from the uploads and puts them back
 * on the work list, in one transaction per service. Workers that run do the rest; a result that one of them is just about
 * to record is refused by its fencing number and computed anew.
 *
 * Functions and files keep their numbers (they are only ever added, and no answer depends on them); stacks, vectors and
 * roll-ups are made anew, and what was rejected or quarantined gets another chance.
 *
 * @param tenantName only this tenant; null: all
 * @throws Problem `not-found` if there is no tenant of that name
 */
export async function* reindex(db: Database, tenantName: string | null): AsyncGenerator<ReindexedService> {
  const tenants = await db.acrossTenants((tx) =>
    tx.query<{ tenant_id: string; name: string }[]>(
      'select tenant_id, name from tenant where $1::text is null or name = $1 order by name',
      [tenantName],
    ),
  );
  if (tenantName !== null && tenants.length === 0)
    throw new Problem('not-found', `There is no tenant ${JSON.stringify(tenantName)}.`);
  for (const { tenant_id, name } of tenants) {
    const tenantId = asTenantId(tenant_id);
    const services = await db.readTenant(tenantId, (tx) =>
      tx.query<{ service_id: string; name: string }[]>('select service_id, name from service order by name'),
    );
    for (const service of services) {
      const uploads = await db.withTenant(tenantId, (tx) => beginAnew(tx, tenantId, service.service_id));
      yield { tenant: name, service: service.name, uploads };
    }
  }
}

/** Everything of a service that can be computed again, in an order in which no foreign key stands in the way. */
const derivedTables = ['vector', 'rollup', 'rollup_dirty', 'rollup_head', 'stack_block', 'stack_head'] as const;

async function beginAnew(tx: Tx, tenantId: TenantId, serviceId: string): Promise<number> {
  // A service may have a million uploads, and nobody waits for this as for a request.
  await tx.query('set local statement_timeout = 0');
  // Before anything else: this waits for results that are being recorded, and fences off those still to come.
  const waiting = await tx.query<unknown[]>(
    `insert into work (tenant_id, upload_id, received_at)
     select tenant_id, upload_id, received_at from upload where tenant_id = $1 and service_id = $2
     order by upload_id
     on conflict (tenant_id, upload_id) do update
       set lease_until = null, fencing = nextval('work_fencing'), crashes = 0, lost_leases = 0
     returning upload_id`,
    [tenantId, serviceId],
  );
  for (const table of derivedTables) {
    await tx.query(`delete from ${table} where tenant_id = $1 and service_id = $2`, [tenantId, serviceId]);
  }
  await tx.query('delete from snapshot where tenant_id = $1 and service_id = $2 and part > 0', [tenantId, serviceId]);
  await tx.query(
    `update snapshot s
        set kind = u.declared ->> 'kind',
            captured_at = coalesce((u.declared ->> 'capturedAt')::timestamptz, u.received_at),
            captured_from = case when u.declared ? 'capturedAt' then 'given' else 'receipt' end,
            delta = coalesce((u.declared ->> 'delta')::boolean, false),
            build_id = null, duration_nanos = 0, sample_types = '[]', details = '{}'
       from upload u
      where s.tenant_id = $1 and s.service_id = $2 and u.tenant_id = s.tenant_id and u.upload_id = s.upload_id`,
    [tenantId, serviceId],
  );
  await tx.query(
    `update upload set state = 'stored', problem = null, finished_at = null, attempts = 0, crashes = 0
      where tenant_id = $1 and service_id = $2`,
    [tenantId, serviceId],
  );
  return waiting.length;
}
