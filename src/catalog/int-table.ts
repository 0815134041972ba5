import { randomInt } from 'node:crypto';

/**
 * Integers that only ever grow in number. A view of the first n stays what it is while more are added: it shares the
 * memory, and when the memory is exchanged for a larger piece, the view keeps the old one.
 */
export class GrowingColumn {
  private values = new Int32Array(64);
  private count = 0;

  get length(): number {
    return this.count;
  }

  get bytes(): number {
    return this.values.byteLength;
  }

  at(index: number): number {
    return this.values[index];
  }

  append(values: Int32Array): void {
    this.reserve(this.count + values.length);
    this.values.set(values, this.count);
    this.count += values.length;
  }

  push(value: number): void {
    this.reserve(this.count + 1);
    this.values[this.count++] = value;
  }

  view(): Int32Array {
    return this.values.subarray(0, this.count);
  }

  private reserve(length: number): void {
    if (length <= this.values.length) return;
    const larger = new Int32Array(Math.max(length, this.values.length * 2));
    larger.set(this.values.subarray(0, this.count));
    this.values = larger;
  }
}

const empty = -1;

/**
 * Finds the row that has certain values in two or three columns. It holds row numbers only, in open addressing with
 * linear probing, at most half full; rows are distinct, and those added to the columns are indexed on the next search.
 *
 * Profiles come from outside and could be made to collide, so the hash is seeded per table.
 */
export class IntTable {
  private slots = new Int32Array(128).fill(empty);
  private indexed: number;
  private readonly seed = randomInt(2 ** 32);

  /** @param skip so many first rows are not to be found */
  constructor(
    private readonly a: GrowingColumn,
    private readonly b: GrowingColumn,
    private readonly c: GrowingColumn | null = null,
    skip = 0,
  ) {
    this.indexed = skip;
  }

  get bytes(): number {
    return this.slots.byteLength;
  }

  /** The row, or -1. */
  find(a: number, b: number, c = 0): number {
    while (this.indexed < this.a.length) this.add(this.indexed++);
    const mask = this.slots.length - 1;
    for (let slot = this.hash(a, b, c) & mask; ; slot = (slot + 1) & mask) {
      const row = this.slots[slot];
      if (row === empty) return -1;
      if (this.a.at(row) === a && this.b.at(row) === b && (this.c === null || this.c.at(row) === c)) return row;
    }
  }

  private add(row: number): void {
    if (row * 2 >= this.slots.length) {
      const old = this.slots;
      this.slots = new Int32Array(Math.max(old.length * 2, 2 ** Math.ceil(Math.log2(this.a.length * 2 + 1)))).fill(
        empty,
      );
      for (const placed of old) if (placed !== empty) this.place(placed);
    }
    this.place(row);
  }

  private place(row: number): void {
    const mask = this.slots.length - 1;
    let slot = this.hash(this.a.at(row), this.b.at(row), this.c?.at(row) ?? 0) & mask;
    while (this.slots[slot] !== empty) slot = (slot + 1) & mask;
    this.slots[slot] = row;
  }

  /** The mixer of MurmurHash3 over all values, so that every bit of each reaches the low bits that choose a slot. */
  private hash(a: number, b: number, c: number): number {
    let h = Math.imul(a ^ this.seed, 0x9e3779b1);
    h = Math.imul((h ^ (h >>> 15)) + b, 0x85ebca6b);
    h = Math.imul((h ^ (h >>> 13)) + c, 0xc2b2ae35);
    return h ^ (h >>> 16);
  }
}
