import type { TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';

/**
 * Builds of one version may differ in their commit and their build in CI.
 * @throws Problem `not-found`
 */
export async function getBuildIds(tx: Tx, tenantId: TenantId, serviceId: string, version: string): Promise<string[]> {
  const rows = await tx.query<{ build_id: string }[]>(
    'select build_id from build where tenant_id = $1 and service_id = $2 and version = $3',
    [tenantId, serviceId, version],
  );
  if (rows.length === 0) throw new Problem('not-found', 'The service has no build of this version.');
  return rows.map(({ build_id }) => build_id);
}
