import { type FoldedGoroutines, type GoroutineContent, rowsOfContent } from '../analysis/goroutine-content.js';
import { type GoroutineRows, rowsOfStacks } from '../analysis/goroutine-rows.js';
import { readContent } from '../catalog/part-content.js';
import { readSnapshot, type SnapshotKey } from '../catalog/read.js';
import type { StackStore } from '../catalog/stack-store.js';
import type { TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';

/** The goroutines of one snapshot. */
export interface LoadedGoroutines {
  /** Whether each goroutine is known, with its id, wait and labels, or only how many there are of each stack. */
  readonly basis: 'goroutines' | 'stacks';
  readonly rows: GoroutineRows;
  /** Beyond the decoder's limits; they are no rows. */
  readonly folded: readonly FoldedGoroutines[];
  readonly crash: GoroutineContent['crash'];
}

/** @throws Problem `not-found` when the index no longer holds the snapshot; DamagedBlockError */
export async function loadGoroutines(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  key: SnapshotKey,
): Promise<LoadedGoroutines> {
  if (key.kind === 'goroutine-dump') {
    const content = (await readContent(tx, tenantId, key)) as GoroutineContent | null;
    if (content !== null) {
      const { folded, crash } = content;
      return { basis: 'goroutines', rows: rowsOfContent(content), folded, crash };
    }
  }
  return { basis: 'stacks', rows: await loadStackRows(tx, store, tenantId, key), folded: [], crash: null };
}

/** The goroutines by stack, whatever else is kept of them. @throws Problem `not-found`; DamagedBlockError */
export async function loadStackRows(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  key: SnapshotKey,
): Promise<GoroutineRows> {
  const stacks = await readSnapshot(tx, store, tenantId, key);
  if (stacks === null) throw new Problem('not-found', 'The index does not hold the stacks of this snapshot.');
  return rowsOfStacks(stacks, 0, key.kind === 'goroutineleak');
}
