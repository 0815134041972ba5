import { FormatError } from '../format-error.js';
import { unsigned64 } from './wire.js';

/**
 * Row number by uint64 id, exact for every id. Writers number their rows 1, 2, 3 …, so nearly all ids live in a plain
 * array; the others (addresses used as ids, hostile ones) in a Map.
 */
export class IdIndex {
  /** Row + 1 by id; 0: none. Read directly by the loop over stacks, which cannot afford a call per entry. */
  readonly dense: Int32Array;
  // Ids from 2^53 are kept as BigInt: no id has two representations, so one Map serves both.
  #sparse: Map<number | bigint, number> | null = null;

  constructor(
    rows: number,
    private readonly noun: 'mapping' | 'location' | 'function',
  ) {
    this.dense = new Int32Array(rows * 2 + 16);
  }

  /** Throws FormatError `malformed` for id 0 and for an id that is already there. */
  add(low: number, high: number, row: number): void {
    const id = high * 2 ** 32 + low;
    if (id === 0) throw new FormatError('malformed', `found ${this.noun} with reserved ID=0`);
    if (id < this.dense.length) {
      if (this.dense[id] !== 0) throw this.#duplicate(low, high);
      this.dense[id] = row + 1;
      return;
    }
    const key = mapKey(low, high);
    this.#sparse ??= new Map();
    if (this.#sparse.has(key)) throw this.#duplicate(low, high);
    this.#sparse.set(key, row);
  }

  /** The row, or -1. */
  find(low: number, high: number): number {
    if (high === 0 && low < this.dense.length) return this.dense[low] - 1;
    return this.#sparse?.get(mapKey(low, high)) ?? -1;
  }

  #duplicate(low: number, high: number): FormatError {
    return new FormatError('malformed', `multiple ${this.noun}s with same id: ${unsigned64(low, high)}`);
  }
}

function mapKey(low: number, high: number): number | bigint {
  return high < 2 ** 21 ? high * 2 ** 32 + low : unsigned64(low, high);
}
