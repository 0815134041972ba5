import { LRUCache } from 'lru-cache';
import type { StackTree, SymbolTable } from '../analysis/stack-profile.js';
import { prepared, type TenantId, type Tx } from '../platform/database.js';
import { DamagedBlockError } from './block.js';
import { MonthTree, ServiceSymbols } from './service-symbols.js';
import { decodeStackBlock } from './stack-block.js';
import { decodeSymbolBlock } from './symbol-block.js';

/** The dictionary of one service and month: what numbers in the index stand for. */
export interface MonthDictionary {
  readonly symbols: ServiceSymbols;
  readonly tree: MonthTree;
  /** Which life of the month's dictionary it is: one that was dropped and begun anew gives its numbers anew. */
  readonly incarnation: string;
}

// The cache measures an entry when it is set, and a new object is what makes it measure again.
interface CachedSymbols {
  readonly symbols: ServiceSymbols;
}

interface CachedTree {
  readonly tree: MonthTree;
  readonly incarnation: string;
}

const defaultMaxBytes = 256 * 2 ** 20;

/**
 * The dictionaries, read from their blocks and kept in memory, the ones used longest ago dropped first. Blocks are only
 * ever added, and merged without changing what they say; so what is in memory never becomes wrong, only short, and a
 * load reads no more than the blocks that it does not know.
 *
 * Only what is committed may be loaded: a transaction that has added blocks itself does not come here again.
 */
export class StackStore {
  private readonly symbols: LRUCache<string, CachedSymbols>;
  private readonly trees: LRUCache<string, CachedTree>;

  constructor({ maxBytes = defaultMaxBytes }: { maxBytes?: number } = {}) {
    const maxSize = Math.max(1, maxBytes >> 1);
    this.symbols = new LRUCache({ maxSize, sizeCalculation: ({ symbols }) => Math.max(1, symbols.bytes) });
    this.trees = new LRUCache({ maxSize, sizeCalculation: ({ tree }) => Math.max(1, tree.bytes) });
  }

  /**
   * All symbols of a service and its stacks of a month, as the transaction sees them or newer.
   * @param month its first day, '2026-11-01'
   * @throws DamagedBlockError
   */
  async load(
    tx: Tx,
    tenantId: TenantId,
    serviceId: string,
    month: string,
  ): Promise<{ symbols: SymbolTable; tree: StackTree }> {
    const dictionary = await this.open(tx, tenantId, serviceId, month);
    if (dictionary === null) return { symbols: new ServiceSymbols().view(), tree: new MonthTree().view() };
    return { symbols: dictionary.symbols.view(), tree: dictionary.tree.view() };
  }

  /** All symbols of a service, as the transaction sees them or newer. @throws DamagedBlockError */
  async loadSymbols(tx: Tx, tenantId: TenantId, serviceId: string): Promise<SymbolTable> {
    const [head] = await tx.query<{ frames: number }[]>(
      'select frames from symbol_head where tenant_id = $1 and service_id = $2',
      [tenantId, serviceId],
    );
    const symbols = await this.symbolsUpTo(tx, tenantId, serviceId, head?.frames ?? 0);
    return symbols.view();
  }

  /** The dictionary as it grows, or null if the month has none. @throws DamagedBlockError */
  async open(tx: Tx, tenantId: TenantId, serviceId: string, month: string): Promise<MonthDictionary | null> {
    const [head] = await prepared<{ nodes: number; incarnation: string; frames: number }[]>(
      tx,
      `select t.nodes, t.incarnation, s.frames
         from stack_head t join symbol_head s on s.tenant_id = t.tenant_id and s.service_id = t.service_id
        where t.tenant_id = $1 and t.service_id = $2 and t.month = $3`,
      [tenantId, serviceId, month],
    );
    if (!head) return null;
    const tree = await this.treeUpTo(tx, tenantId, serviceId, month, head);
    const symbols = await this.symbolsUpTo(tx, tenantId, serviceId, Math.max(head.frames, tree.framesNeeded));
    return { symbols, tree, incarnation: head.incarnation };
  }

  /** What is in memory, if anything is; it may be short of what the database has. */
  cached(tenantId: TenantId, serviceId: string, month: string): MonthDictionary | null {
    const symbols = this.symbols.get(symbolsKey(tenantId, serviceId))?.symbols;
    const tree = this.trees.get(treeKey(tenantId, serviceId, month));
    return symbols && tree && tree.tree.framesNeeded <= symbols.counts.frames ? { symbols, ...tree } : null;
  }

  /** Tells that a dictionary has grown in place, so that it is counted with its new size. */
  remeasure(
    tenantId: TenantId,
    serviceId: string,
    month: string,
    { symbols, tree, incarnation }: MonthDictionary,
  ): void {
    this.symbols.set(symbolsKey(tenantId, serviceId), { symbols });
    this.trees.set(treeKey(tenantId, serviceId, month), { tree, incarnation });
  }

  /** Drops a month's stacks from memory. */
  forget(tenantId: TenantId, serviceId: string, month: string): void {
    this.trees.delete(treeKey(tenantId, serviceId, month));
  }

  private async treeUpTo(
    tx: Tx,
    tenantId: TenantId,
    serviceId: string,
    month: string,
    head: { nodes: number; incarnation: string },
  ): Promise<MonthTree> {
    const key = treeKey(tenantId, serviceId, month);
    const cached = this.trees.get(key);
    const tree = cached?.incarnation === head.incarnation ? cached.tree : new MonthTree();
    const sizeBefore = tree.size;
    if (tree.size < head.nodes) {
      const blocks = await tx.query<{ first_node: number; data: Buffer }[]>(
        `select first_node, data from stack_block
          where tenant_id = $1 and service_id = $2 and month = $3 and first_node + nodes > $4 order by first_node`,
        [tenantId, serviceId, month, tree.size],
      );
      for (const { first_node, data } of blocks) tree.append(first_node, decodeStackBlock(first_node, data));
      if (tree.size < head.nodes) throw new DamagedBlockError(`${tree.size} stacks of ${head.nodes}`);
    }
    if (cached?.tree !== tree || tree.size > sizeBefore) this.trees.set(key, { tree, incarnation: head.incarnation });
    return tree;
  }

  private async symbolsUpTo(tx: Tx, tenantId: TenantId, serviceId: string, frames: number): Promise<ServiceSymbols> {
    const key = symbolsKey(tenantId, serviceId);
    const symbols = this.symbols.get(key)?.symbols ?? new ServiceSymbols();
    const known = symbols.counts.frames;
    if (known < frames) {
      const blocks = await tx.query<
        { first_function: number; first_file: number; first_frame: number; data: Buffer }[]
      >(
        `select first_function, first_file, first_frame, data from symbol_block
          where tenant_id = $1 and service_id = $2 and first_frame + frames > $3 order by first_frame`,
        [tenantId, serviceId, known],
      );
      for (const { first_function, first_file, first_frame, data } of blocks) {
        const first = { functions: first_function, files: first_file, frames: first_frame };
        symbols.append(first, decodeSymbolBlock(data));
      }
      if (symbols.counts.frames < frames) {
        throw new DamagedBlockError(`${symbols.counts.frames} frames of ${frames}`);
      }
      this.symbols.set(key, { symbols });
    }
    return symbols;
  }
}

function symbolsKey(tenantId: TenantId, serviceId: string): string {
  return `${tenantId}/${serviceId}`;
}

function treeKey(tenantId: TenantId, serviceId: string, month: string): string {
  return `${tenantId}/${serviceId}/${month}`;
}
