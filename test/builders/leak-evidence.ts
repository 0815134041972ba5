import type {
  EvidenceFrame,
  EvidenceStack,
  GoroutineEvidence,
  GoroutineMembers,
  HeapEvidence,
  LeakEvidence,
  MemoryEvidence,
  StackEvidence,
} from '../../src/analysis/leaks/evidence.js';

/** Frames from the leaf, joined with ` < `; each `function` or `function file:line`. */
export function framesOf(text: string): EvidenceFrame[] {
  return text.split(' < ').map((each) => {
    const [name, place = ''] = each.split(' ');
    const colon = place.lastIndexOf(':');
    return { function: name, file: place.slice(0, Math.max(0, colon)), line: Number(place.slice(colon + 1)) };
  });
}

/** Goroutines of one stack: `goroutine('chan send', 'shop.send a.go:3 < shop.work a.go:9', 'shop.Start')`. */
export function goroutine(state: string, frames: string, createdBy: string | null = null): EvidenceStack {
  return { state, frames: framesOf(frames), createdBy };
}

export function allocation(frames: string): EvidenceStack {
  return { state: null, frames: framesOf(frames), createdBy: null };
}

/** What is known of a snapshot beside its rows; ids count up where none is given. */
export interface Facts {
  readonly id?: string;
  readonly build?: string;
  readonly processStartMillis?: number | null;
}

export interface GoroutineRow {
  readonly stack: EvidenceStack;
  readonly count: number;
  /** In place of a mere count. */
  readonly members?: readonly { readonly id: number; readonly waitMinutes: number }[];
  readonly leaked?: number;
}

export interface HeapRow {
  readonly stack: EvidenceStack;
  readonly bytes: number;
  /** Default: objects of 1 KiB. */
  readonly objects?: number;
  /** What was ever allocated; default: what is in use. */
  readonly allocBytes?: number;
}

/** Evidence as a test says it. */
export class EvidenceOf {
  readonly #stacks: EvidenceStack[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #instances = new Map<string, { snapshots: StackEvidence[]; memory: MemoryEvidence[] }>();
  #ids = 0;

  goroutines(instance: string, atMillis: number, rows: readonly GoroutineRow[], facts: Facts = {}): this {
    return this.#add(instance, { kind: 'goroutine', ...this.#facts(atMillis, facts), ...this.#goroutineRows(rows) });
  }

  /** What the runtime itself has found to leak. */
  goroutineleak(instance: string, atMillis: number, rows: readonly GoroutineRow[], facts: Facts = {}): this {
    const found = this.#goroutineRows(rows);
    return this.#add(instance, {
      kind: 'goroutineleak',
      ...this.#facts(atMillis, facts),
      ...found,
      leaked: found.counts.slice(),
    });
  }

  heap(
    instance: string,
    atMillis: number,
    rows: readonly HeapRow[],
    { sampleBytes = 512 * 1024, ...facts }: Facts & { readonly sampleBytes?: number } = {},
  ): this {
    const column = (value: (row: HeapRow) => number): Float64Array => Float64Array.from(rows, value);
    const objects = ({ bytes, objects: count = bytes / 1024 }: HeapRow): number => count;
    const heap: HeapEvidence = {
      kind: 'heap',
      ...this.#facts(atMillis, facts),
      stacks: this.#stacksOf(rows),
      inuseObjects: column(objects),
      inuseBytes: column(({ bytes }) => bytes),
      allocObjects: column((row) => ((row.allocBytes ?? row.bytes) / Math.max(1, row.bytes)) * objects(row)),
      allocBytes: column((row) => row.allocBytes ?? row.bytes),
      sampleBytes,
    };
    return this.#add(instance, heap);
  }

  memory(instance: string, moments: readonly MemoryEvidence[]): this {
    this.#instance(instance).memory.push(...moments);
    return this;
  }

  build(): LeakEvidence {
    return {
      stacks: this.#stacks,
      instances: Array.from(this.#instances, ([name, { snapshots, memory }]) => ({ name, snapshots, memory })),
    };
  }

  #facts(atMillis: number, { id = `s${this.#ids++}`, build = '', processStartMillis = null }: Facts) {
    return { id, atMillis, build, processStartMillis };
  }

  #goroutineRows(rows: readonly GoroutineRow[]): Pick<GoroutineEvidence, 'stacks' | 'counts' | 'leaked' | 'members'> {
    return {
      stacks: this.#stacksOf(rows),
      counts: Float64Array.from(rows, ({ count }) => count),
      leaked: rows.some(({ leaked }) => leaked !== undefined)
        ? Float64Array.from(rows, ({ leaked }) => leaked ?? 0)
        : null,
      members: rows.some(({ members }) => members !== undefined) ? membersOf(rows) : null,
    };
  }

  #stacksOf(rows: readonly { readonly stack: EvidenceStack }[]): Int32Array {
    return Int32Array.from(rows, ({ stack }) => {
      const key = JSON.stringify(stack);
      let number = this.#numbers.get(key);
      if (number === undefined) this.#numbers.set(key, (number = this.#stacks.push(stack) - 1));
      return number;
    });
  }

  #add(instance: string, snapshot: StackEvidence): this {
    this.#instance(instance).snapshots.push(snapshot);
    return this;
  }

  #instance(name: string): { snapshots: StackEvidence[]; memory: MemoryEvidence[] } {
    let instance = this.#instances.get(name);
    if (instance === undefined) this.#instances.set(name, (instance = { snapshots: [], memory: [] }));
    return instance;
  }
}

function membersOf(rows: readonly GoroutineRow[]): GoroutineMembers {
  const start = new Int32Array(rows.length + 1);
  rows.forEach(({ members = [] }, row) => (start[row + 1] = start[row] + members.length));
  const all = rows.flatMap(({ members = [] }) => members.toSorted((a, b) => a.id - b.id));
  return {
    start,
    ids: Float64Array.from(all, ({ id }) => id),
    waitMinutes: Int32Array.from(all, ({ waitMinutes }) => waitMinutes),
  };
}

/** Numbers from 0 to 1 that look random and are the same each time (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The same evidence with its stacks, instances, snapshots, rows and moments in another order. */
export function shuffled({ stacks, instances }: LeakEvidence, random: () => number): LeakEvidence {
  const order = mixed([...stacks.keys()], random);
  const numberOf = new Int32Array(order.length);
  order.forEach((stack, place) => (numberOf[stack] = place));
  return {
    stacks: order.map((stack) => stacks[stack]),
    instances: mixed(instances, random).map(({ name, snapshots, memory }) => ({
      name,
      snapshots: mixed(snapshots, random).map((snapshot) => withMixedRows(snapshot, numberOf, random)),
      memory: mixed(memory, random),
    })),
  };
}

function withMixedRows(snapshot: StackEvidence, numberOf: Int32Array, random: () => number): StackEvidence {
  const rows = mixed([...snapshot.stacks.keys()], random);
  const column = (values: Float64Array): Float64Array => Float64Array.from(rows, (row) => values[row]);
  const stacks = Int32Array.from(rows, (row) => numberOf[snapshot.stacks[row]]);
  if (snapshot.kind === 'heap') {
    return {
      ...snapshot,
      stacks,
      inuseObjects: column(snapshot.inuseObjects),
      inuseBytes: column(snapshot.inuseBytes),
      allocObjects: column(snapshot.allocObjects),
      allocBytes: column(snapshot.allocBytes),
    };
  }
  const { counts, leaked, members } = snapshot;
  return {
    ...snapshot,
    stacks,
    counts: column(counts),
    leaked: leaked && column(leaked),
    members: members && mixedMembers(members, rows),
  };
}

function mixedMembers({ start, ids, waitMinutes }: GoroutineMembers, rows: readonly number[]): GoroutineMembers {
  const of = <T extends Float64Array | Int32Array>(values: T): number[] =>
    rows.flatMap((row) => [...values.subarray(start[row], start[row + 1])]);
  const starts = new Int32Array(start.length);
  rows.forEach((row, place) => (starts[place + 1] = starts[place] + start[row + 1] - start[row]));
  return { start: starts, ids: Float64Array.from(of(ids)), waitMinutes: Int32Array.from(of(waitMinutes)) };
}

/** Fisher and Yates. */
function mixed<T>(values: readonly T[], random: () => number): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}
