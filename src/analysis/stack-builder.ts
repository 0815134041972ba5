import type { StackProfile, StackTree, SymbolTable } from './stack-profile.js';

/** Grows a symbol table: every name, file and frame gets one number, whatever the order in which they arrive. */
export class SymbolTableBuilder {
  readonly #functions = new Interned();
  readonly #files = new Interned();
  readonly #frames = new TripleTable();

  frame(functionName: string, file: string, line: number): number {
    return this.#frames.intern(this.#functions.intern(functionName), this.#files.intern(file), line);
  }

  build(): SymbolTable {
    const [frameFunction, frameFile, frameLine] = this.#frames.columns();
    return { functions: this.#functions.values, files: this.#files.values, frameFunction, frameFile, frameLine };
  }
}

/** Grows a prefix tree. Node 0, the root, is there from the start. */
export class StackTreeBuilder {
  #parent: Int32Array;
  #frame: Int32Array;
  #size = 1;
  /** Open addressing over (parent, frame): the node's number, or 0 for a free slot, since nobody is the root's parent. */
  #slots: Int32Array;
  #mask: number;

  constructor(expectedNodes = 1024) {
    let capacity = 1024;
    while (capacity < expectedNodes) capacity *= 2;
    this.#parent = new Int32Array(capacity);
    this.#frame = new Int32Array(capacity);
    this.#parent[0] = -1;
    this.#frame[0] = -1;
    this.#slots = new Int32Array(capacity * 2);
    this.#mask = this.#slots.length - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** The child of `parent` with this frame, made if it is not there yet. */
  child(parent: number, frame: number): number {
    // Most often the first child is the very next node: a stack that was new once was added from root to leaf.
    const next = parent + 1;
    if (next < this.#size && this.#parent[next] === parent && this.#frame[next] === frame) return next;
    let slot = hashPair(parent, frame) & this.#mask;
    for (;;) {
      const node = this.#slots[slot];
      if (node === 0) return this.#append(parent, frame, slot);
      if (this.#parent[node] === parent && this.#frame[node] === frame) return node;
      slot = (slot + 1) & this.#mask;
    }
  }

  build(): StackTree {
    return { parent: this.#parent.slice(0, this.#size), frame: this.#frame.slice(0, this.#size) };
  }

  #append(parent: number, frame: number, slot: number): number {
    const node = this.#size++;
    this.#slots[slot] = node;
    this.#parent[node] = parent;
    this.#frame[node] = frame;
    if (this.#size === this.#parent.length) this.#grow();
    return node;
  }

  #grow(): void {
    this.#parent = doubled(this.#parent);
    this.#frame = doubled(this.#frame);
    const slots = new Int32Array(this.#slots.length * 2);
    this.#mask = slots.length - 1;
    for (let node = 1; node < this.#size; node++) {
      let slot = hashPair(this.#parent[node], this.#frame[node]) & this.#mask;
      while (slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      slots[slot] = node;
    }
    this.#slots = slots;
  }
}

/**
 * Copies the stacks of other profiles, whose numbers mean something else, into one symbol table and one tree. Only
 * what a row reaches is copied: a profile read from an index carries the tree of a whole month.
 */
export class StackJoin {
  readonly symbols = new SymbolTableBuilder();
  readonly tree = new StackTreeBuilder();
  readonly #frames = new Map<SymbolTable, Int32Array>();
  readonly #nodes = new Map<StackTree, { symbols: SymbolTable; nodes: Int32Array }>();

  /** The node here of each row there. */
  add(stacks: StackProfile): Int32Array {
    const nodes = this.#nodesOf(stacks);
    markUnmapped(stacks, nodes);
    this.#copyMarked(stacks, nodes);
    return stacks.nodes.map((node) => nodes[node]);
  }

  #nodesOf(stacks: StackProfile): Int32Array {
    const known = this.#nodes.get(stacks.tree);
    if (known?.symbols === stacks.symbols) return known.nodes;
    const nodes = new Int32Array(stacks.tree.parent.length).fill(unmapped);
    nodes[0] = 0;
    this.#nodes.set(stacks.tree, { symbols: stacks.symbols, nodes });
    return nodes;
  }

  #copyMarked({ symbols, tree }: StackProfile, nodes: Int32Array): void {
    const frames = this.#framesOf(symbols);
    for (let node = 1; node < nodes.length; node++) {
      if (nodes[node] !== wanted) continue;
      const frame = tree.frame[node];
      if (frames[frame] === unmapped) {
        frames[frame] = this.symbols.frame(
          symbols.functions[symbols.frameFunction[frame]],
          symbols.files[symbols.frameFile[frame]],
          symbols.frameLine[frame],
        );
      }
      nodes[node] = this.tree.child(nodes[tree.parent[node]], frames[frame]);
    }
  }

  #framesOf(symbols: SymbolTable): Int32Array {
    let frames = this.#frames.get(symbols);
    if (frames === undefined) {
      frames = new Int32Array(symbols.frameFunction.length).fill(unmapped);
      this.#frames.set(symbols, frames);
    }
    return frames;
  }
}

const unmapped = -1;
const wanted = -2;

function markUnmapped({ tree, nodes: rows }: StackProfile, nodes: Int32Array): void {
  for (let row = 0; row < rows.length; row++) {
    for (let node = rows[row]; nodes[node] === unmapped; node = tree.parent[node]) nodes[node] = wanted;
  }
}

/**
 * Walks every stack from the root to its leaf, each shared part once, and returns where each row's leaf ended up.
 *
 * @param step gives the place of a frame below `above`; the root's place is 0
 */
export function retrace({ tree, nodes }: StackProfile, step: (above: number, frame: number) => number): Int32Array {
  const places = new Int32Array(tree.parent.length).fill(unmapped);
  places[0] = 0;
  const path: number[] = [];
  return nodes.map((leaf) => {
    for (let node = leaf; places[node] === unmapped; node = tree.parent[node]) path.push(node);
    for (let node = path.pop(); node !== undefined; node = path.pop()) {
      places[node] = step(places[tree.parent[node]], tree.frame[node]);
    }
    return places[leaf];
  });
}

class Interned {
  readonly values: string[] = [];
  readonly #numbers = new Map<string, number>();

  intern(value: string): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.values.push(value) - 1;
      this.#numbers.set(value, number);
    }
    return number;
  }
}

/** Distinct triples of numbers, by number. */
class TripleTable {
  #a: Int32Array = new Int32Array(256);
  #b: Int32Array = new Int32Array(256);
  #c: Int32Array = new Int32Array(256);
  #size = 0;
  /** Number of the triple plus one; 0 is a free slot. */
  #slots = new Int32Array(512);

  intern(a: number, b: number, c: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashPair(hashPair(a, b), c) & mask;
    for (; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const number = this.#slots[slot] - 1;
      if (this.#a[number] === a && this.#b[number] === b && this.#c[number] === c) return number;
    }
    const number = this.#size++;
    this.#slots[slot] = number + 1;
    this.#a[number] = a;
    this.#b[number] = b;
    this.#c[number] = c;
    if (this.#size === this.#a.length) this.#grow();
    return number;
  }

  columns(): [Int32Array, Int32Array, Int32Array] {
    return [this.#a.slice(0, this.#size), this.#b.slice(0, this.#size), this.#c.slice(0, this.#size)];
  }

  #grow(): void {
    this.#a = doubled(this.#a);
    this.#b = doubled(this.#b);
    this.#c = doubled(this.#c);
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#size; number++) {
      let slot = hashPair(hashPair(this.#a[number], this.#b[number]), this.#c[number]) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = number + 1;
    }
    this.#slots = slots;
  }
}

function doubled(values: Int32Array): Int32Array {
  const larger = new Int32Array(values.length * 2);
  larger.set(values);
  return larger;
}

/** Mixes two numbers so that the low bits of the result depend on all bits of both (the finisher of MurmurHash3). */
function hashPair(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return h ^ (h >>> 13);
}
