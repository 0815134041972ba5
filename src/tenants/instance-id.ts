import type { TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';

/** @throws Problem `not-found` */
export async function getInstanceId(tx: Tx, tenantId: TenantId, serviceId: string, name: string): Promise<string> {
  const [row] = await tx.query<{ instance_id: string }[]>(
    'select instance_id from instance where tenant_id = $1 and service_id = $2 and name = $3',
    [tenantId, serviceId, name],
  );
  if (!row) throw new Problem('not-found', 'The service has no instance of this name.');
  return row.instance_id;
}
