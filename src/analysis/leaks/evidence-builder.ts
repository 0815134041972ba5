import type { Int64Column } from '../../formats/int64.js';
import { creatorOfMarker, markerNodes, stateOfMarker } from '../goroutine-markers.js';
import type { GoroutineFrame, GoroutineRows } from '../goroutine-rows.js';
import { goroutineState, hidesRuntime, refinedState } from '../goroutine-state.js';
import { StackTreeBuilder, SymbolTableBuilder } from '../stack-builder.js';
import type { StackProfile, StackTree, SymbolTable } from '../stack-profile.js';
import type {
  EvidenceFrame,
  EvidenceStack,
  GoroutineEvidence,
  GoroutineMembers,
  HeapEvidence,
  InstanceEvidence,
  LeakEvidence,
  MemoryEvidence,
  StackEvidence,
} from './evidence.js';
import { compare, compareMoments, compareSnapshots, reorderedMembers } from './evidence-order.js';

/** What is known of a snapshot besides its stacks. */
export interface EvidenceFacts {
  /** The id of a snapshot, or the name of a file. */
  readonly id: string;
  readonly atMillis: number;
  /** Empty: unknown. */
  readonly build: string;
  /** Unix milliseconds; null: unknown. */
  readonly processStartMillis: number | null;
  /** A dump is a `goroutine`. */
  readonly kind: StackEvidence['kind'];
}

/** runtime.MemProfileRate, where a program does not set it. */
const defaultSampleBytes = 512 * 1024;

/**
 * Gathers the stacks of many snapshots into evidence of which no number depends on the order in which it came: stacks
 * are interned by state, creator and frames (with file and line), and everything is sorted in the end. A stack that
 * many snapshots share with their tree, as those of the index do, is looked at once.
 */
export class EvidenceBuilder {
  readonly #stacks = new StackInterner();
  readonly #rowSums = new RowSums();
  readonly #trees = new WeakMap<StackTree, TreeStacks[]>();
  readonly #instances = new Map<string, { snapshots: StackEvidence[]; memory: MemoryEvidence[] }>();

  /**
   * Takes a snapshot. Rows that hold nothing are left out; goroutines that a parser has folded into `other` stay there.
   * A goroutineleak profile says of all its goroutines that they are leaked; another snapshot does where `rows` has
   * marks. Columns of a heap profile that it does not have are 0.
   *
   * The values have to be states, as of a moment. A profile over a duration (`?seconds=`) cannot be told from one here,
   * so whoever calls leaves it out.
   *
   * @param more.rows of a goroutine dump, one by one: who is marked as leaked, ids and waits. Goroutines whose stack the
   * profile has folded are passed over
   * @param more.sampleBytes of a heap profile: runtime.MemProfileRate; default 512 KiB
   */
  addStacks(
    instance: string,
    facts: EvidenceFacts,
    stacks: StackProfile,
    { rows, sampleBytes }: { rows?: GoroutineRows | null; sampleBytes?: number } = {},
  ): void {
    const { id, atMillis, build, processStartMillis, kind } = facts;
    const numbers = this.#stacksOf(stacks, kind !== 'heap').of(stacks.nodes);
    if (kind === 'heap') {
      const columns = ['inuse_objects', 'inuse_space', 'alloc_objects', 'alloc_space'].map((type) => {
        const column = stacks.sampleTypes.findIndex((sampleType) => sampleType.type === type);
        return column < 0 ? new Float64Array(stacks.nodes.length) : toNumbers(stacks.values[column]);
      });
      const summed = this.#rowSums.sum(numbers, columns, this.#stacks.count);
      const [inuseObjects, inuseBytes, allocObjects, allocBytes] = summed.columns;
      const heap: HeapEvidence = {
        ...{ id, atMillis, build, processStartMillis, kind, stacks: summed.stacks },
        ...{ inuseObjects, inuseBytes, allocObjects, allocBytes },
        sampleBytes: sampleBytes !== undefined && sampleBytes > 0 ? sampleBytes : defaultSampleBytes,
      };
      this.#instance(instance).snapshots.push(heap);
      return;
    }
    const summed = this.#rowSums.sum(numbers, [toNumbers(stacks.values[0])], this.#stacks.count);
    const [counts] = summed.columns;
    const listed = rows ? this.#listed(rows, summed.stacks) : null;
    const goroutines: GoroutineEvidence = {
      ...{ id, atMillis, build, processStartMillis, kind, stacks: summed.stacks, counts },
      leaked: kind === 'goroutineleak' ? counts.slice() : (listed?.leaked ?? null),
      members: listed?.members ?? null,
    };
    this.#instance(instance).snapshots.push(goroutines);
  }

  /** Takes what is known of an instance's memory, in any order. */
  addMemory(instance: string, moments: readonly MemoryEvidence[]): void {
    const { memory } = this.#instance(instance);
    for (const moment of moments) memory.push(moment);
  }

  /**
   * Everything that was added: instances by name, snapshots by time, kind and id, stacks by their contents, and the rows
   * of a snapshot by stack. The builder has nothing afterwards: to have it all twice would be a lot.
   */
  build(): LeakEvidence {
    const used = new Uint8Array(this.#stacks.count);
    for (const { snapshots } of this.#instances.values()) {
      for (const snapshot of snapshots) for (const stack of snapshot.stacks) used[stack] = 1;
    }
    const { stacks, placeOf } = this.#stacks.sorted(used);
    const renumbering = new Renumbering(placeOf, stacks.length);
    const instances = Array.from(this.#instances, ([name, { snapshots, memory }]): InstanceEvidence => {
      const renumbered: StackEvidence[] = [];
      for (let last = snapshots.pop(); last !== undefined; last = snapshots.pop())
        renumbered.push(renumbering.of(last));
      return {
        name,
        snapshots: renumbered.sort(compareSnapshots),
        memory: memory.sort(compareMoments),
      };
    });
    this.#instances.clear();
    return { stacks, instances: instances.sort((a, b) => compare(a.name, b.name)) };
  }

  #instance(name: string): { snapshots: StackEvidence[]; memory: MemoryEvidence[] } {
    let instance = this.#instances.get(name);
    if (instance === undefined) this.#instances.set(name, (instance = { snapshots: [], memory: [] }));
    return instance;
  }

  #stacksOf({ symbols, tree }: StackProfile, goroutines: boolean): TreeStacks {
    let known = this.#trees.get(tree);
    if (known === undefined) this.#trees.set(tree, (known = []));
    let found = known.find((stacks) => stacks.symbols === symbols && stacks.goroutines === goroutines);
    if (found === undefined) known.push((found = new TreeStacks(this.#stacks, symbols, tree, goroutines)));
    return found;
  }

  /** @param stacks those that the snapshot has, in the order of its rows */
  #listed(rows: GoroutineRows, stacks: Int32Array): { leaked: Float64Array | null; members: GoroutineMembers | null } {
    const rowOf = new Map<number, number>();
    stacks.forEach((stack, row) => rowOf.set(stack, row));
    const frames = rows.stacks.map((stack) => this.#stacks.placeFrames(stack.frames));
    const evidenceRow = Int32Array.from(rows.stack, (stack, row) => {
      const number = this.#stacks.intern(frames[stack], rows.state[row], rows.creator[row]);
      return rowOf.get(number) ?? -1;
    });
    let leaked: Float64Array | null = null;
    evidenceRow.forEach((row, goroutine) => {
      if (row < 0 || rows.leaked[goroutine] === 0) return;
      leaked ??= new Float64Array(stacks.length);
      leaked[row] += rows.leaked[goroutine];
    });
    return {
      leaked,
      members: rows.id === null ? null : membersOf(rows.id, rows.waitMinutes, evidenceRow, stacks.length),
    };
  }
}

function membersOf(
  id: BigUint64Array,
  waitMinutes: Int32Array,
  rowOfGoroutine: Int32Array,
  rows: number,
): GoroutineMembers {
  const ids = Float64Array.from(id, Number);
  const kept = Int32Array.from(ids.keys())
    .filter((goroutine) => rowOfGoroutine[goroutine] >= 0)
    .sort((a, b) => rowOfGoroutine[a] - rowOfGoroutine[b] || ids[a] - ids[b] || waitMinutes[a] - waitMinutes[b]);
  const start = new Int32Array(rows + 1);
  for (const goroutine of kept) start[rowOfGoroutine[goroutine] + 1]++;
  for (let row = 0; row < rows; row++) start[row + 1] += start[row];
  return {
    start,
    ids: Float64Array.from(kept, (goroutine) => ids[goroutine]),
    waitMinutes: kept.map((goroutine) => waitMinutes[goroutine]),
  };
}

/** Numbers stacks by state, creator and frames, whatever tree they come from. */
class StackInterner {
  readonly #symbols = new SymbolTableBuilder();
  readonly #tree = new StackTreeBuilder();
  readonly #states = new Names();
  readonly #creators = new Names();
  readonly #numbers = new Map<string, number>();
  /** Of each stack: node of its frames, state and creator, -1 for none. */
  readonly #entries: (readonly [number, number, number])[] = [];

  get count(): number {
    return this.#entries.length;
  }

  /** The node of a frame below that of its caller; 0 is the root. */
  child(above: number, functionName: string, file: string, line: number): number {
    return this.#tree.child(above, this.#symbols.frame(functionName, file, line));
  }

  /** @param leafFirst frames @returns their node */
  placeFrames(leafFirst: readonly GoroutineFrame[]): number {
    return leafFirst.reduceRight((above, frame) => this.child(above, frame.function, frame.file, frame.line), 0);
  }

  intern(frames: number, state: string | null, creator: string | null): number {
    const entry = [
      frames,
      state === null ? -1 : this.#states.of(state),
      creator === null ? -1 : this.#creators.of(creator),
    ] as const;
    const key = entry.join(' ');
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, (number = this.#entries.push(entry) - 1));
    return number;
  }

  /** Of the stacks those that are `used`, in an order of their own, and the place in it of each stack's number. */
  sorted(used: Uint8Array): { stacks: EvidenceStack[]; placeOf: Int32Array } {
    const symbols = this.#symbols.build();
    const { parent, frame } = this.#tree.build();
    const functions = ranksOf(symbols.functions);
    const files = ranksOf(symbols.files);
    const frames = Array.from(symbols.frameLine, (line, number): EvidenceFrame => {
      const functionName = symbols.functions[symbols.frameFunction[number]];
      return { function: functionName, file: symbols.files[symbols.frameFile[number]], line };
    });
    const framesInOrder = Int32Array.from(frames.keys()).sort(
      (a, b) =>
        functions[symbols.frameFunction[a]] - functions[symbols.frameFunction[b]] ||
        files[symbols.frameFile[a]] - files[symbols.frameFile[b]] ||
        symbols.frameLine[a] - symbols.frameLine[b],
    );
    const frameRanks = new Int32Array(frames.length);
    framesInOrder.forEach((number, rank) => (frameRanks[number] = rank));
    const states = ranksOf(this.#states.values);
    const creators = ranksOf(this.#creators.values);
    const rankOf = (ranks: Int32Array, number: number) => (number < 0 ? -1 : ranks[number]);
    const compareFrames = (a: number, b: number): number => {
      for (; a > 0 && b > 0 && a !== b; a = parent[a], b = parent[b]) {
        const difference = frameRanks[frame[a]] - frameRanks[frame[b]];
        if (difference !== 0) return difference;
      }
      return a === b ? 0 : a === 0 ? -1 : 1;
    };
    const numbers = Int32Array.from(used.keys()).filter((number) => used[number] === 1);
    const order = numbers.sort((a, b) => {
      const [framesA, stateA, creatorA] = this.#entries[a];
      const [framesB, stateB, creatorB] = this.#entries[b];
      return (
        rankOf(states, stateA) - rankOf(states, stateB) ||
        compareFrames(framesA, framesB) ||
        rankOf(creators, creatorA) - rankOf(creators, creatorB)
      );
    });
    const placeOf = new Int32Array(this.#entries.length);
    const stacks = Array.from(order, (number, place): EvidenceStack => {
      placeOf[number] = place;
      const [leaf, state, creator] = this.#entries[number];
      const leafFirst: EvidenceFrame[] = [];
      for (let node = leaf; node > 0; node = parent[node]) leafFirst.push(frames[frame[node]]);
      return {
        state: state < 0 ? null : this.#states.values[state],
        frames: leafFirst,
        createdBy: creator < 0 ? null : this.#creators.values[creator],
      };
    });
    return { stacks, placeOf };
  }
}

const unseen = -1;

/** The stacks of one tree, as goroutines (with the markers of state and creator taken off) or as allocations. */
class TreeStacks {
  readonly #numbers: Int32Array;
  readonly #places: Int32Array;
  readonly #markers: Uint8Array | null;
  readonly #hidesRuntime: boolean;
  readonly #path: number[] = [];

  constructor(
    private readonly interner: StackInterner,
    readonly symbols: SymbolTable,
    private readonly tree: StackTree,
    readonly goroutines: boolean,
  ) {
    this.#numbers = new Int32Array(tree.parent.length).fill(unseen);
    this.#places = new Int32Array(tree.parent.length).fill(unseen);
    this.#places[0] = 0;
    this.#markers = goroutines
      ? markerNodes({ symbols, tree, sampleTypes: [], nodes: new Int32Array(), values: [] })
      : null;
    this.#hidesRuntime = goroutines && hidesRuntime(symbols.functions);
  }

  /** The number of the stack that ends at each node. */
  of(nodes: Int32Array): Int32Array {
    const numbers = this.#numbers;
    const found = new Int32Array(nodes.length);
    for (let row = 0; row < nodes.length; row++) {
      const node = nodes[row];
      if (numbers[node] === unseen) numbers[node] = this.#intern(node);
      found[row] = numbers[node];
    }
    return found;
  }

  #intern(leaf: number): number {
    const place = this.#place(leaf);
    const markers = this.#markers;
    if (markers === null) return this.interner.intern(place, null, null);
    const { symbols, tree } = this;
    const frames: { function: string; line: number }[] = [];
    let said: string | null = null;
    let creator: string | null = null;
    for (let node = leaf; node > 0; node = tree.parent[node]) {
      const frame = tree.frame[node];
      const name = symbols.functions[symbols.frameFunction[frame]];
      if (markers[node] === 1) said = stateOfMarker(name);
      else if (markers[node] === 2) creator = creatorOfMarker(name);
      else frames.push({ function: name, line: symbols.frameLine[frame] });
    }
    const state = said === null ? goroutineState(frames, this.#hidesRuntime) : refinedState(said, frames);
    return this.interner.intern(place, state, creator);
  }

  /** Where the frames up to a node lie among all stacks; a marker lies where its parent does. */
  #place(leaf: number): number {
    const { symbols, tree } = this;
    const places = this.#places;
    let node = leaf;
    for (; places[node] === unseen; node = tree.parent[node]) this.#path.push(node);
    for (let child = this.#path.pop(); child !== undefined; child = this.#path.pop()) {
      const above = places[tree.parent[child]];
      const frame = tree.frame[child];
      places[child] =
        this.#markers !== null && this.#markers[child] !== 0
          ? above
          : this.interner.child(
              above,
              symbols.functions[symbols.frameFunction[frame]],
              symbols.files[symbols.frameFile[frame]],
              symbols.frameLine[frame],
            );
    }
    return places[leaf];
  }
}

interface SummedRows {
  /** Distinct. */
  readonly stacks: Int32Array;
  readonly columns: readonly Float64Array[];
}

/** Sums rows of one stack, and leaves out those that hold nothing at all. */
class RowSums {
  /** Of each stack the row that it has in the snapshot whose number stands beside it. */
  #rowOf = new Int32Array(1024);
  #snapshotOf = new Int32Array(1024);
  #snapshot = 0;

  /**
   * @param stackCount no stack has this number or a higher one
   * @returns what was given where there is nothing to sum or to leave out, as most often
   */
  sum(stacks: Int32Array, columns: readonly Float64Array[], stackCount: number): SummedRows {
    this.#reserve(stackCount);
    const snapshot = ++this.#snapshot;
    const isEmpty = (row: number): boolean => {
      for (const column of columns) if (column[row] !== 0) return false;
      return true;
    };
    let isSummed = true;
    for (let row = 0; row < stacks.length && isSummed; row++) {
      isSummed = this.#snapshotOf[stacks[row]] !== snapshot && !isEmpty(row);
      this.#snapshotOf[stacks[row]] = snapshot;
    }
    if (isSummed) return { stacks, columns };

    const again = ++this.#snapshot;
    const distinct = new Int32Array(stacks.length);
    const sums = columns.map(() => new Float64Array(stacks.length));
    let count = 0;
    for (let from = 0; from < stacks.length; from++) {
      if (isEmpty(from)) continue;
      const stack = stacks[from];
      if (this.#snapshotOf[stack] !== again) {
        this.#snapshotOf[stack] = again;
        this.#rowOf[stack] = count;
        distinct[count++] = stack;
      }
      const row = this.#rowOf[stack];
      for (let column = 0; column < sums.length; column++) sums[column][row] += columns[column][from];
    }
    return { stacks: distinct.slice(0, count), columns: sums.map((sum) => sum.slice(0, count)) };
  }

  #reserve(stackCount: number): void {
    if (stackCount <= this.#rowOf.length) return;
    const size = Math.max(stackCount, this.#rowOf.length * 2);
    this.#rowOf = new Int32Array(size);
    this.#snapshotOf = new Int32Array(size);
  }
}

/** Counts beyond 2^53 are rounded. */
function toNumbers(column: Int64Column): Float64Array {
  return column instanceof Float64Array ? column : Float64Array.from(column, Number);
}

/** Puts snapshots into the numbers of sorted stacks, their rows in that order. */
class Renumbering {
  /** Of each stack, by its place, the row of the snapshot at hand; -1: it has none. */
  readonly #rowAt: Int32Array;

  /** @param placeOf by the stack's number */
  constructor(
    private readonly placeOf: Int32Array,
    stackCount: number,
  ) {
    this.#rowAt = new Int32Array(stackCount).fill(-1);
  }

  of(snapshot: StackEvidence): StackEvidence {
    const { stacks, order } = this.#ordered(snapshot.stacks);
    const sorted = (column: Float64Array): Float64Array => {
      const moved = new Float64Array(order.length);
      for (let row = 0; row < order.length; row++) moved[row] = column[order[row]];
      return moved;
    };
    if (snapshot.kind === 'heap') {
      return {
        ...snapshot,
        stacks,
        inuseObjects: sorted(snapshot.inuseObjects),
        inuseBytes: sorted(snapshot.inuseBytes),
        allocObjects: sorted(snapshot.allocObjects),
        allocBytes: sorted(snapshot.allocBytes),
      };
    }
    return {
      ...snapshot,
      stacks,
      counts: sorted(snapshot.counts),
      leaked: snapshot.leaked && sorted(snapshot.leaked),
      members: snapshot.members && reorderedMembers(snapshot.members, order),
    };
  }

  /** A pass over all stacks there are: those of a service are few, and to sort would take ten times as long. */
  #ordered(numbers: Int32Array): { stacks: Int32Array; order: Int32Array } {
    const rowAt = this.#rowAt;
    for (let row = 0; row < numbers.length; row++) rowAt[this.placeOf[numbers[row]]] = row;
    const stacks = new Int32Array(numbers.length);
    const order = new Int32Array(numbers.length);
    for (let place = 0, next = 0; next < numbers.length; place++) {
      if (rowAt[place] < 0) continue;
      stacks[next] = place;
      order[next++] = rowAt[place];
      rowAt[place] = -1;
    }
    return { stacks, order };
  }
}

/** For each text its place among all of them. */
function ranksOf(texts: readonly string[]): Int32Array {
  const ranks = new Int32Array(texts.length);
  Int32Array.from(texts.keys())
    .sort((a, b) => compare(texts[a], texts[b]))
    .forEach((number, rank) => (ranks[number] = rank));
  return ranks;
}

/** Numbers texts in the order in which they come. */
class Names {
  readonly values: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(value: string): number {
    let number = this.#numbers.get(value);
    if (number === undefined) this.#numbers.set(value, (number = this.values.push(value) - 1));
    return number;
  }
}
