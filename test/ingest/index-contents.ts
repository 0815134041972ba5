import { StackStore } from '../../src/catalog/stack-store.js';
import { decodeVector } from '../../src/catalog/vector.js';
import type { Database, TenantId } from '../../src/platform/database.js';

export interface IndexedSnapshot {
  readonly service: string;
  readonly kind: string;
  readonly capturedAt: string;
  readonly capturedFrom: string;
  readonly totals: Readonly<Record<string, string>>;
  /** `root;…;leaf value value …`, sorted. */
  readonly stacks: readonly string[];
}

/** All that the index holds of a tenant, in words that depend on no id and on no order of arrival. */
export async function indexOf(db: Database, tenantId: TenantId): Promise<IndexedSnapshot[]> {
  const store = new StackStore();
  const snapshots: IndexedSnapshot[] = [];
  await db.readTenant(tenantId, async (tx) => {
    const rows = await tx.query<
      {
        service: string;
        service_id: string;
        kind: string;
        captured_at: Date;
        captured_from: string;
        sample_types: { type: string; total: string }[];
        data: Buffer;
        month: string;
      }[]
    >(
      `select v.name as service, s.service_id, s.kind, s.captured_at, s.captured_from, s.sample_types, x.data,
              date_trunc('month', s.captured_at at time zone 'UTC')::date as month
         from snapshot s
         join service v on v.tenant_id = s.tenant_id and v.service_id = s.service_id
         join vector x on x.tenant_id = s.tenant_id and x.snapshot_id = s.snapshot_id`,
    );
    for (const row of rows) {
      const { symbols, tree } = await store.load(tx, tenantId, row.service_id, row.month);
      const { nodes, values } = decodeVector(row.data);
      const nameOf = (node: number): string[] =>
        node === 0 ? [] : [...nameOf(tree.parent[node]), symbols.functions[symbols.frameFunction[tree.frame[node]]]];
      snapshots.push({
        service: row.service,
        kind: row.kind,
        capturedAt: row.captured_at.toISOString(),
        capturedFrom: row.captured_from,
        totals: Object.fromEntries(row.sample_types.map(({ type, total }) => [type, total])),
        stacks: [...nodes]
          .map((node, i) => `${nameOf(node).join(';')} ${values.map((column) => column[i]).join(' ')}`)
          .sort(),
      });
    }
  });
  const key = (snapshot: IndexedSnapshot) => JSON.stringify(snapshot);
  return snapshots.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
