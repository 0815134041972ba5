/** Short sequences of small numbers: the bytes of a name, the frames of a stack. */
export type Sequence = Uint8Array | Int32Array;

export interface SequenceLimits {
  readonly entries: number;
  /** Elements of all entries together. */
  readonly elements: number;
}

/** So many slots are looked at before an entry goes to `overflow`. At a load of one half it never happens by chance. */
const probesMax = 64;

/**
 * Distinct sequences by number, compared by content. The hash is public, so whoever writes the input can make
 * sequences that collide: those go to a Map, whose hash is secret, and the time stays linear.
 */
export class SequenceTable<S extends Sequence> {
  count = 0;
  #arena: S;
  #start = new Uint32Array(257);
  #hash = new Int32Array(256);
  /** Number of the entry plus one; 0 is a free slot. */
  #slots = new Int32Array(1024);
  readonly #overflow = new Map<string, number>();

  constructor(
    private readonly make: (length: number) => S,
    private readonly limits: SequenceLimits,
  ) {
    this.#arena = make(4096);
  }

  /** Number of `items[start, end)`; -1 when it is new and there is no room for it. */
  intern(items: S, start: number, end: number, hash: number): number {
    const mixed = mix(hash ^ (end - start));
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = mixed & mask;
    for (let probe = 0; probe < probesMax; probe++, slot = (slot + 1) & mask) {
      const number = slots[slot] - 1;
      if (number < 0) return this.#add(items, start, end, mixed, slot);
      if (this.#hash[number] === mixed && this.#equals(number, items, start, end)) return number;
    }
    return this.#add(items, start, end, mixed, -1);
  }

  /** A view of entry `number`, good until the next call of `intern`. */
  at(number: number): S {
    return this.#arena.subarray(this.#start[number], this.#start[number + 1]) as S;
  }

  #equals(number: number, items: S, start: number, end: number): boolean {
    const arena = this.#arena;
    let at = this.#start[number];
    if (this.#start[number + 1] - at !== end - start) return false;
    for (let i = start; i < end; i++, at++) if (arena[at] !== items[i]) return false;
    return true;
  }

  #add(items: S, start: number, end: number, hash: number, slot: number): number {
    // An entry that once overflowed stays there, though slots may have become free when the table grew.
    let key = '';
    if (slot < 0 || this.#overflow.size > 0) {
      key = items.subarray(start, end).join();
      const known = this.#overflow.get(key);
      if (known !== undefined) return known;
    }
    const number = this.count;
    const used = this.#start[number];
    const needed = used + end - start;
    if (number >= this.limits.entries || needed > this.limits.elements) return -1;
    if (needed > this.#arena.length) {
      const larger = this.make(Math.max(needed, this.#arena.length * 2));
      larger.set(this.#arena.subarray(0, used));
      this.#arena = larger;
    }
    for (let i = start, at = used; i < end; i++, at++) this.#arena[at] = items[i];
    if (number === this.#hash.length) this.#growEntries();
    this.#start[number + 1] = needed;
    this.#hash[number] = hash;
    this.count++;
    if (slot < 0) this.#overflow.set(key, number);
    else {
      this.#slots[slot] = number + 1;
      if (this.count * 2 > this.#slots.length) this.#growSlots();
    }
    return number;
  }

  #growEntries(): void {
    const start = new Uint32Array(this.#hash.length * 2 + 1);
    start.set(this.#start);
    this.#start = start;
    const hash = new Int32Array(this.#hash.length * 2);
    hash.set(this.#hash);
    this.#hash = hash;
  }

  /** Entries whose place is taken too far go to `overflow`; those that are there already stay. */
  #growSlots(): void {
    const overflown = new Set(this.#overflow.values());
    const slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let number = 0; number < this.count; number++) {
      if (overflown.has(number)) continue;
      let slot = this.#hash[number] & mask;
      let probe = 0;
      while (probe < probesMax && slots[slot] !== 0) {
        slot = (slot + 1) & mask;
        probe++;
      }
      if (probe < probesMax) slots[slot] = number + 1;
      else this.#overflow.set(this.at(number).join(), number);
    }
    this.#slots = slots;
  }
}

/** One step of the hash that `intern` expects (FNV-1a), over bytes and larger numbers alike. */
export function hashStep(hash: number, item: number): number {
  return Math.imul(hash ^ item, 0x01000193);
}

export const hashSeed = 0x811c9dc5 | 0;

/** The finisher of MurmurHash3: the low bits come to depend on all. */
function mix(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
