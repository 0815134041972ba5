/**
 * A column of 64-bit integers, exact. It is a Float64Array when the sum of the absolute values stays within 2^53, so
 * that every partial sum of any subset is exact in a double too; otherwise a BigInt64Array.
 */
export type Int64Column = Float64Array | BigInt64Array;
