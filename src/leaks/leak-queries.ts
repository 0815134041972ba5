import { rankLeaks } from '../analysis/leaks/rank.js';
import type { LeakRanking } from '../analysis/leaks/suspect.js';
import { readLeakEvidence } from '../catalog/leak-evidence.js';
import type { StackStore } from '../catalog/stack-store.js';
import type { Database, TenantId } from '../platform/database.js';
import { getBuildIds } from '../tenants/build-ids.js';
import { onlyDefaultInstance } from '../tenants/coverage-note.js';
import { getInstanceId } from '../tenants/instance-id.js';
import type { LeaksRequest } from './leaks-request.js';

/** Ranks what leaks. The evidence is read in one transaction, and ranked when that has ended. Runs in a query thread. */
export class LeakQueries {
  constructor(
    private readonly db: Database,
    private readonly store: StackStore,
  ) {}

  /** @throws Problem `not-found` (instance, build), and what `refusalOf` knows of `catalog/` */
  async ranking(tenantId: TenantId, { limit, ...request }: LeaksRequest): Promise<LeakRanking> {
    const { evidence, notes } = await this.db.readTenant(tenantId, async (tx) => {
      const { serviceId, fromMillis, toMillis, instance, build } = request;
      if (instance !== undefined) await getInstanceId(tx, tenantId, serviceId, instance);
      const buildIds = build === undefined ? undefined : await getBuildIds(tx, tenantId, serviceId, build);
      const window = { serviceId, fromMillis, toMillis, instance, buildIds };
      const found = await readLeakEvidence(tx, this.store, tenantId, window);
      const note = await onlyDefaultInstance(tx, tenantId, [serviceId], request);
      return { evidence: found.evidence, notes: note === null ? found.notes : [note, ...found.notes] };
    });
    const ranking = rankLeaks(evidence, { limit });
    return { ...ranking, notes: [...notes, ...ranking.notes] };
  }
}
