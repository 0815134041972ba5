import { isGoroutines, withoutGoroutineMarkers } from '../analysis/goroutine-markers.js';
import type { StackProfile } from '../analysis/stack-profile.js';
import { type Coverage, mergeSelection, readSnapshot } from '../catalog/read.js';
import type { StackStore } from '../catalog/stack-store.js';
import type { TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { SelectionSource, SnapshotSource, StacksSource } from './query-request.js';

export interface LoadedStacks {
  readonly stacks: StackProfile;
  /** What the profile itself, or the youngest of a merge, says is to be shown first; empty: it says nothing. */
  readonly defaultSampleType: string;
  /** Null for one snapshot. */
  readonly coverage: Coverage | null;
}

export interface LoadOptions {
  /**
   * What a merge may be restricted to: one column is a fraction of the work of all. Empty: the one to be shown first;
   * undefined: all.
   */
  readonly sampleType?: string;
  /** Whether stacks of goroutines keep their state and creator. */
  readonly states?: boolean;
}

/**
 * @throws Problem `not-found` when a range holds no snapshot, or the index no longer holds the snapshot's stacks
 */
export async function loadStacks(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  source: StacksSource,
  { sampleType, states = false }: LoadOptions = {},
): Promise<LoadedStacks> {
  const loaded =
    source.is === 'snapshot'
      ? await loadSnapshot(tx, store, tenantId, source)
      : await loadSelection(tx, store, tenantId, source, sampleType);
  // The index keeps the state and the creator of goroutines as frames; `go tool pprof` shows stacks without them.
  return isGoroutines(source.kind) && !states ? { ...loaded, stacks: withoutGoroutineMarkers(loaded.stacks) } : loaded;
}

async function loadSnapshot(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  source: SnapshotSource,
): Promise<LoadedStacks> {
  const stacks = await readSnapshot(tx, store, tenantId, source);
  if (!stacks) throw new Problem('not-found', 'The index does not hold the stacks of this snapshot.');
  return { stacks, defaultSampleType: source.defaultSampleType, coverage: null };
}

async function loadSelection(
  tx: Tx,
  store: StackStore,
  tenantId: TenantId,
  source: SelectionSource,
  sampleType: string | undefined,
): Promise<LoadedStacks> {
  const merged = await mergeSelection(tx, store, tenantId, source, sampleType);
  if (merged) return merged;
  const [from, to] = [source.from, source.to].map((millis) => new Date(millis).toISOString());
  throw new Problem(
    'not-found',
    `${source.service} has no snapshot of the kind ${source.kind} that matches from ${from} to ${to}.`,
  );
}
