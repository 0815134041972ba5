/**
 * A column of 64-bit integers, exact. It is a Float64Array when the sum of the absolute values stays within 2^53, so
 * that every partial sum of any subset is exact in a double too; otherwise a BigInt64Array.
 */
export type Int64Column = Float64Array | BigInt64Array;

/** Largest sum of absolute values that a Float64Array column may have. */
export const maxExactSum = 2 ** 53;

const maxInt64 = 2n ** 63n - 1n;

// Which half of a 64-bit element a Uint32Array over the same memory meets first.
const lowHalf = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;
const highHalf = 1 - lowHalf;

/** Writes element `index` of a BigInt64Array or BigUint64Array through `halves`, a Uint32Array over its memory. */
export function putHalves(halves: Uint32Array, index: number, low: number, high: number): void {
  halves[2 * index + lowHalf] = low;
  halves[2 * index + highHalf] = high;
}

/** The column of these values, in the narrower form if their absolute values allow it. */
export function int64Column(values: BigInt64Array): Int64Column {
  return sumOfMagnitudes(values) > BigInt(maxExactSum) ? values : Float64Array.from(values, Number);
}

function sumOfMagnitudes(values: BigInt64Array): bigint {
  let sum = 0n;
  for (const value of values) sum += value < 0n ? -value : value;
  return sum;
}

/**
 * Builds an Int64Column row by row without a BigInt per value. It holds doubles until their magnitudes add up to more
 * than doubles can; from then on it keeps the 64 bits beside them.
 */
export class Int64ColumnBuilder {
  #narrow: Float64Array;
  #wide: BigInt64Array | null = null;
  #halves: Uint32Array | null = null;
  #magnitude = 0;

  constructor(capacity: number) {
    this.#narrow = new Float64Array(capacity);
  }

  /** `value` is an integer within ±2^53. */
  put(row: number, value: number): void {
    this.#narrow[row] = value;
    this.#magnitude += value < 0 ? -value : value;
    // The running sum is exact below 2^53; at it and above, only the exact one may decide.
    if (this.#magnitude >= maxExactSum) this.#putWide(row, value >>> 0, Math.floor(value / 2 ** 32) >>> 0);
  }

  /** The int64 whose two's complement has these unsigned halves. */
  putHalves(row: number, low: number, high: number): void {
    const signedHigh = high | 0;
    if (signedHigh >= -0x20_0000 && signedHigh < 0x20_0000) {
      this.put(row, signedHigh * 2 ** 32 + low);
    } else {
      this.#magnitude = Infinity;
      this.#putWide(row, low, high);
    }
  }

  /** Makes room for at least `capacity` rows. */
  grow(capacity: number): void {
    const narrow = new Float64Array(capacity);
    narrow.set(this.#narrow);
    this.#narrow = narrow;
    if (this.#wide !== null) {
      const wide = new BigInt64Array(capacity);
      wide.set(this.#wide);
      this.#widen(wide);
    }
  }

  /** The first `count` rows. */
  finish(count: number): Int64Column {
    if (this.#wide === null) return count === this.#narrow.length ? this.#narrow : this.#narrow.slice(0, count);
    return int64Column(this.#wide.slice(0, count));
  }

  #putWide(row: number, low: number, high: number): void {
    if (this.#halves === null) {
      const wide = new BigInt64Array(this.#narrow.length);
      for (let i = 0; i < row; i++) wide[i] = BigInt(this.#narrow[i]);
      this.#widen(wide);
    }
    putHalves(this.#halves!, row, low, high);
  }

  #widen(wide: BigInt64Array): void {
    this.#wide = wide;
    this.#halves = new Uint32Array(wide.buffer);
  }
}

/** Exact sum of a column. It may lie beyond int64, where Go's own sum would wrap around. */
export function sumOf(column: Int64Column): bigint {
  if (column instanceof BigInt64Array) {
    let sum = 0n;
    for (const value of column) sum += value;
    return sum;
  }
  let sum = 0;
  for (let i = 0; i < column.length; i++) sum += column[i];
  return BigInt(sum);
}

/** Whether the sum of the column does not fit an int64. */
export function sumOverflows(column: Int64Column): boolean {
  if (column instanceof Float64Array) return false;
  const sum = sumOf(column);
  return sum > maxInt64 || sum < -maxInt64 - 1n;
}
