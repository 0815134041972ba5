import { type Int64Column, maxExactSum } from '../formats/int64.js';

/**
 * Integers that are exact at any size: a Float64Array where every entry is an integer within ±2^53, else bigints.
 * Sums over 64-bit values may leave 64 bits; nothing here wraps.
 */
export type ExactColumn = Float64Array | readonly bigint[];

/** Bits of a limb: sums of up to 2^31 limbs stay exact in a double, and three limbs hold 64 bits. */
const limbBits = 21n;
const limbMask = (1n << limbBits) - 1n;

/** Entry `index` as an exact integer. */
export function exactAt(column: ExactColumn, index: number): bigint {
  return BigInt(column[index]);
}

/** How an exact integer is written in JSON: as a decimal string, since a JSON number loses what exceeds 2^53. */
export function decimal(value: bigint): string {
  return value.toString();
}

/**
 * Runs a pass that is linear in its input (each output is a sum of inputs) over 64-bit values, exactly. Values whose
 * partial sums all fit a double go through it as they are; others go through as three limbs of 21 bits, one after the
 * other, and are put together at the end: one code path for both, at the speed of doubles.
 */
export function linearPass(values: Int64Column, pass: (values: Float64Array) => Float64Array): ExactColumn {
  if (values instanceof Float64Array) return pass(values);
  const low = new Float64Array(values.length);
  const middle = new Float64Array(values.length);
  const high = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    low[i] = Number(value & limbMask);
    middle[i] = Number((value >> limbBits) & limbMask);
    // The arithmetic shift keeps the sign, so negative values come out right as well.
    high[i] = Number(value >> (2n * limbBits));
  }
  const sums = [pass(high), pass(middle), pass(low)];
  return Array.from(
    sums[0],
    (_, i) => (((BigInt(sums[0][i]) << limbBits) + BigInt(sums[1][i])) << limbBits) + BigInt(sums[2][i]),
  );
}

/** Sum of the absolute values: what google/pprof takes as 100 % (internal/report, computeTotal), without its wrap. */
export function absoluteSumOf(values: Int64Column): bigint {
  if (values instanceof Float64Array) {
    let total = 0;
    for (let i = 0; i < values.length; i++) total += Math.abs(values[i]);
    return BigInt(total);
  }
  let total = 0n;
  for (let i = 0; i < values.length; i++) total += values[i] < 0n ? -values[i] : values[i];
  return total;
}

/** `left - right`, entry by entry. */
export function differences(left: ExactColumn, right: ExactColumn): ExactColumn {
  if (left instanceof Float64Array && right instanceof Float64Array) {
    const result = new Float64Array(left.length);
    let safe = true;
    for (let i = 0; i < left.length; i++) {
      result[i] = left[i] - right[i];
      // A difference that lands on 2^53 may have been rounded to it.
      if (Math.abs(result[i]) >= maxExactSum) safe = false;
    }
    if (safe) return result;
  }
  return Array.from({ length: left.length }, (_, i) => BigInt(left[i]) - BigInt(right[i]));
}

/** Magnitudes, for ordering. */
export function magnitudes(column: ExactColumn): ExactColumn {
  if (column instanceof Float64Array) return column.map(Math.abs);
  return column.map((value) => (value < 0n ? -value : value));
}

/** The absolute values as a column of their own; |-2^63| saturates at 2^63 - 1. */
export function absoluteValues(values: Int64Column): Int64Column {
  if (values instanceof Float64Array) return values.map(Math.abs);
  return toInt64Column(Array.from(values, (value) => (value < 0n ? -value : value)));
}

/**
 * A column of a StackProfile out of exact sums. Sums that leave 64 bits saturate, as a stored value has to fit:
 * an honest profile never gets there, and a saturated figure misleads less than a wrapped one.
 */
export function toInt64Column(sums: ExactColumn): Int64Column {
  if (sums instanceof Float64Array) {
    let magnitude = 0;
    for (let i = 0; i < sums.length; i++) magnitude += Math.abs(sums[i]);
    if (magnitude <= maxExactSum) return sums;
  }
  const exact = Array.from(sums, (value: number | bigint) => BigInt(value));
  let magnitude = 0n;
  for (const value of exact) magnitude += value < 0n ? -value : value;
  if (magnitude <= BigInt(maxExactSum)) return Float64Array.from(exact, Number);
  return BigInt64Array.from(exact, saturate);
}

const int64Max = (1n << 63n) - 1n;
const int64Min = -(1n << 63n);

function saturate(value: bigint): bigint {
  if (value > int64Max) return int64Max;
  return value < int64Min ? int64Min : value;
}
