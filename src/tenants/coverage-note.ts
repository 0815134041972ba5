import type { TenantId, Tx } from '../platform/database.js';
import { defaultInstanceName } from './names.js';

export const defaultInstanceNote =
  'All snapshots were sent without an instance and count as one process: several that send so look like one that jumps.';

/** The note for ranges in which no instance but `default` was seen, else null. */
export async function onlyDefaultInstance(
  tx: Tx,
  tenantId: TenantId,
  serviceIds: readonly string[],
  { fromMillis, toMillis }: { fromMillis: number; toMillis: number },
): Promise<string | null> {
  const [row] = await tx.query<{ nameless: boolean | null }[]>(
    `select bool_and(name = $5) as nameless from instance
      where tenant_id = $1 and service_id = any ($2::bigint[]) and last_seen >= $3 and first_seen < $4`,
    [tenantId, serviceIds, new Date(fromMillis), new Date(toMillis), defaultInstanceName],
  );
  return row?.nameless ? defaultInstanceNote : null;
}
