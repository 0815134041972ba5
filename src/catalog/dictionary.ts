import type { StackProfile } from '../analysis/stack-profile.js';
import { type Database, prepared, type TenantId, type Tx } from '../platform/database.js';
import { DamagedBlockError } from './block.js';
import { type DictionaryCapacity, type Placement, place } from './placement.js';
import type { SymbolCounts } from './service-symbols.js';
import { encodeStackBlock } from './stack-block.js';
import type { MonthDictionary, StackStore } from './stack-store.js';
import { encodeSymbolBlock } from './symbol-block.js';

/** Stacks by their numbers in the dictionary of a service and month. */
export interface ResolvedStacks {
  /** Dictionary node of each node of the profile's tree. */
  readonly nodes: Int32Array;
  /** So many nodes of the profile found the dictionary full and lie at the nearest node above them. */
  readonly folded: number;
  /** Which life of the month's dictionary the numbers belong to. */
  readonly incarnation: string;
}

const defaultCapacity: DictionaryCapacity = { frames: 2_000_000, nodes: 8_000_000 };

/** So many blocks at the end, each smaller than this, are merged into one. */
const mergedBlocks = 32;
const smallBlockEntries = 4096;

const noPartition = '23514';

/**
 * Gives stacks their numbers, and grows the dictionaries for those that are new.
 *
 * Stacks that are known in memory cost no statement. Otherwise one short transaction
 *
 *   1. locks the service's symbol head, then the month's stack head: always in this order, so growth of one service
 *      takes turns and cannot deadlock, whatever is new in whichever order;
 *   2. catches up with the blocks that others have added meanwhile;
 *   3. adds at most one block of symbols and one of stacks, however many profiles there are, or, when many small blocks
 *      have gathered at the end, puts one in place of them all, which changes no number;
 *   4. commits; only then does memory learn what is new.
 *
 * Readers lock nothing.
 */
export class Dictionary {
  private readonly months = new Set<string>();
  private readonly turns = new Map<string, Promise<void>>();

  constructor(
    private readonly db: Database,
    readonly store: StackStore,
    private readonly capacity: DictionaryCapacity = defaultCapacity,
  ) {}

  /**
   * @param month its first day, '2026-11-01'; afterwards it has its partitions
   * @param profiles of which all that is new is added at once
   * @returns as many as profiles, in their order
   * @throws DamagedBlockError
   */
  async resolve(
    tenantId: TenantId,
    serviceId: string,
    month: string,
    profiles: readonly StackProfile[],
  ): Promise<ResolvedStacks[]> {
    const known =
      this.store.cached(tenantId, serviceId, month) ??
      (await this.db.readTenant(tenantId, (tx) => this.store.open(tx, tenantId, serviceId, month)));
    const first = known && this.placeIn(known, profiles);
    if (first && addsNothing(first.placement)) return resolved(first);
    await this.ensureMonth(tenantId, month);
    return this.inTurn(`${tenantId}/${serviceId}`, async () => {
      // Whoever had the turn before may have added the same: snapshots of one service resemble each other.
      const cached = this.store.cached(tenantId, serviceId, month);
      const second = cached && (first && isCurrent(first, cached) ? first : this.placeIn(cached, profiles));
      if (second && addsNothing(second.placement)) return resolved(second);
      return this.grow(tenantId, serviceId, month, profiles, second);
    });
  }

  /** Drops what memory holds of a month, because its dictionary has been dropped. */
  forget(tenantId: TenantId, serviceId: string, month: string): void {
    this.months.delete(month);
    this.store.forget(tenantId, serviceId, month);
  }

  /** Makes the partitions of a month, in a transaction of its own: it takes locks on tables, which nobody should wait for. */
  async ensureMonth(tenantId: TenantId, month: string): Promise<void> {
    if (this.months.has(month)) return;
    await this.db.withTenant(tenantId, (tx) => tx.query('select ensure_month($1)', [`${month}T00:00:00Z`]));
    this.months.add(month);
  }

  private async grow(
    tenantId: TenantId,
    serviceId: string,
    month: string,
    profiles: readonly StackProfile[],
    attempt: PlacedStacks | null,
  ): Promise<ResolvedStacks[]> {
    const placed = await this.db
      .withTenant(tenantId, async (tx) => {
        await lockHeads(tx, tenantId, serviceId, month);
        const dictionary = await this.store.open(tx, tenantId, serviceId, month);
        if (dictionary === null) throw new DamagedBlockError('a head that was locked is gone');
        const placed = attempt && isCurrent(attempt, dictionary) ? attempt : this.placeIn(dictionary, profiles);
        await addSymbols(tx, tenantId, serviceId, dictionary, placed.placement);
        await addStacks(tx, tenantId, serviceId, month, dictionary, placed.placement);
        return placed;
      })
      .catch((error: unknown) => {
        if ((error as { code?: unknown }).code === noPartition) this.months.delete(month);
        throw error;
      });
    const { dictionary, placement, before } = placed;
    dictionary.symbols.append(before.symbols, placement.symbols);
    dictionary.tree.append(before.nodes, placement.tree);
    this.store.remeasure(tenantId, serviceId, month, dictionary);
    return resolved(placed);
  }

  private placeIn(dictionary: MonthDictionary, profiles: readonly StackProfile[]): PlacedStacks {
    const before = { symbols: dictionary.symbols.counts, nodes: dictionary.tree.size };
    return { dictionary, before, placement: place(dictionary.symbols, dictionary.tree, profiles, this.capacity) };
  }

  /** Growth of one service by this process, one at a time: to wait for the lock would take a connection from others. */
  private async inTurn<T>(service: string, work: () => Promise<T>): Promise<T> {
    const result = (this.turns.get(service) ?? Promise.resolve()).then(work);
    const turn = result.then(
      () => undefined,
      () => undefined,
    );
    this.turns.set(service, turn);
    try {
      return await result;
    } finally {
      if (this.turns.get(service) === turn) this.turns.delete(service);
    }
  }
}

/** A placement, and the size of the dictionary in which it was found. */
interface PlacedStacks {
  readonly dictionary: MonthDictionary;
  readonly before: { readonly symbols: SymbolCounts; readonly nodes: number };
  readonly placement: Placement;
}

/** Whether the dictionary is still as it was, so that placing the stacks again would give the same. */
function isCurrent({ dictionary, before }: PlacedStacks, now: MonthDictionary): boolean {
  return (
    now.symbols === dictionary.symbols &&
    now.tree === dictionary.tree &&
    now.incarnation === dictionary.incarnation &&
    now.tree.size === before.nodes &&
    now.symbols.counts.functions === before.symbols.functions &&
    now.symbols.counts.files === before.symbols.files &&
    now.symbols.counts.frames === before.symbols.frames
  );
}

function addsNothing({ symbols, tree }: Placement): boolean {
  return symbols.frameLine.length === 0 && tree.parent.length === 0;
}

function resolved({ placement, dictionary: { incarnation } }: PlacedStacks): ResolvedStacks[] {
  return placement.placed.map((profile) => ({ ...profile, incarnation }));
}

/** Each statement makes the head if there is none, and locks it in either case. */
async function lockHeads(tx: Tx, tenantId: TenantId, serviceId: string, month: string): Promise<void> {
  await prepared(
    tx,
    `insert into symbol_head (tenant_id, service_id) values ($1, $2)
     on conflict (tenant_id, service_id) do update set frames = symbol_head.frames`,
    [tenantId, serviceId],
  );
  await prepared(
    tx,
    `insert into stack_head (tenant_id, service_id, month) values ($1, $2, $3)
     on conflict (tenant_id, service_id, month) do update set nodes = stack_head.nodes`,
    [tenantId, serviceId, month],
  );
}

async function addSymbols(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  { symbols: known }: MonthDictionary,
  { symbols: added }: Placement,
): Promise<void> {
  if (added.frameLine.length === 0) return;
  const counts = known.counts;
  const after: SymbolCounts = {
    functions: counts.functions + added.functions.length,
    files: counts.files + added.files.length,
    frames: counts.frames + added.frameLine.length,
  };
  const tail = await prepared<{ first_function: number; first_file: number; first_frame: number; entries: number }[]>(
    tx,
    `select first_function, first_file, first_frame, functions + files + frames as entries
       from symbol_block where tenant_id = $1 and service_id = $2 order by first_frame desc limit $3`,
    [tenantId, serviceId, mergedBlocks - 1],
  );
  let first = counts;
  let block = added;
  if (isWorthMerging(tail)) {
    const { first_function, first_file, first_frame } = tail[tail.length - 1];
    first = { functions: first_function, files: first_file, frames: first_frame };
    const all = known.view();
    block = {
      functions: [...all.functions.slice(first.functions, counts.functions), ...added.functions],
      files: [...all.files.slice(first.files, counts.files), ...added.files],
      frameFunction: joined(all.frameFunction, first.frames, counts.frames, added.frameFunction),
      frameFile: joined(all.frameFile, first.frames, counts.frames, added.frameFile),
      frameLine: joined(all.frameLine, first.frames, counts.frames, added.frameLine),
    };
    await tx.query('delete from symbol_block where tenant_id = $1 and service_id = $2 and first_frame >= $3', [
      tenantId,
      serviceId,
      first.frames,
    ]);
  }
  await prepared(
    tx,
    `insert into symbol_block (tenant_id, service_id, first_function, first_file, first_frame, functions, files, frames, data)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      tenantId,
      serviceId,
      first.functions,
      first.files,
      first.frames,
      after.functions - first.functions,
      after.files - first.files,
      after.frames - first.frames,
      await encodeSymbolBlock(block),
    ],
  );
  await prepared(
    tx,
    'update symbol_head set functions = $3, files = $4, frames = $5 where tenant_id = $1 and service_id = $2',
    [tenantId, serviceId, after.functions, after.files, after.frames],
  );
}

async function addStacks(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  month: string,
  { tree: known }: MonthDictionary,
  { tree: added }: Placement,
): Promise<void> {
  if (added.parent.length === 0) return;
  const after = known.size + added.parent.length;
  const tail = await prepared<{ first_node: number; entries: number }[]>(
    tx,
    `select first_node, nodes as entries from stack_block
      where tenant_id = $1 and service_id = $2 and month = $3 order by first_node desc limit $4`,
    [tenantId, serviceId, month, mergedBlocks - 1],
  );
  let first = known.size;
  let { parent, frame } = added;
  if (isWorthMerging(tail)) {
    first = tail[tail.length - 1].first_node;
    const all = known.view();
    parent = joined(all.parent, first, known.size, added.parent);
    frame = joined(all.frame, first, known.size, added.frame);
    await tx.query(
      'delete from stack_block where tenant_id = $1 and service_id = $2 and month = $3 and first_node >= $4',
      [tenantId, serviceId, month, first],
    );
  }
  await prepared(
    tx,
    `insert into stack_block (tenant_id, service_id, month, first_node, nodes, data) values ($1, $2, $3, $4, $5, $6)`,
    [tenantId, serviceId, month, first, after - first, await encodeStackBlock(first, parent, frame)],
  );
  await prepared(tx, 'update stack_head set nodes = $4 where tenant_id = $1 and service_id = $2 and month = $3', [
    tenantId,
    serviceId,
    month,
    after,
  ]);
}

function isWorthMerging(tail: readonly { entries: number }[]): boolean {
  return tail.length === mergedBlocks - 1 && tail.every(({ entries }) => entries < smallBlockEntries);
}

function joined(values: Int32Array, from: number, to: number, added: Int32Array): Int32Array {
  const all = new Int32Array(to - from + added.length);
  all.set(values.subarray(from, to));
  all.set(added, to - from);
  return all;
}
