import type { Histogram } from '../formats/histogram.js';

/** What a histogram can say about a quantile: it lies between these two, and nothing says where. */
export interface QuantileBounds {
  /** -Infinity where the bucket has no lower end. */
  readonly low: number;
  /** Infinity where the bucket has no upper end. */
  readonly high: number;
}

export function totalOf(histogram: Histogram): bigint {
  let total = 0n;
  for (const count of histogram.counts) total += count;
  return total;
}

/**
 * Bounds of the value of nearest rank ⌈q · n⌉ among the n values: those of its bucket. No value inside a bucket is made
 * up, as an interpolation would. Null for a histogram without values.
 *
 * @param q from 0 (the smallest value) to 1 (the largest)
 */
export function quantileBounds(histogram: Histogram, q: number): QuantileBounds | null {
  const total = totalOf(histogram);
  if (total === 0n) return null;
  const rank = rankOf(q, total);
  let below = 0n;
  for (let i = 0; i < histogram.counts.length; i++) {
    below += histogram.counts[i];
    if (below >= rank) return { low: histogram.bounds[i], high: histogram.bounds[i + 1] };
  }
  return null;
}

/** ⌈q · n⌉, from 1 to n, exact for any n: q is taken for the decimal fraction of up to six digits that it stands for. */
function rankOf(q: number, total: bigint): bigint {
  const scale = 1_000_000n;
  const product = BigInt(Math.round(Math.min(1, Math.max(0, q)) * Number(scale))) * total;
  const rank = (product + scale - 1n) / scale;
  return rank < 1n ? 1n : rank;
}

/**
 * What came into a cumulative histogram between two snapshots of one process. Null if they are not of one process or
 * one build: the bounds differ, or a bucket went back.
 */
export function growthOf(earlier: Histogram, later: Histogram): Histogram | null {
  if (!sameBounds(earlier, later)) return null;
  const counts = later.counts.map((count, i) => count - earlier.counts[i]);
  return counts.some((count) => count < 0n) ? null : { ...later, counts };
}

function sameBounds(a: Histogram, b: Histogram): boolean {
  return (
    a.closed === b.closed && a.bounds.length === b.bounds.length && a.bounds.every((bound, i) => bound === b.bounds[i])
  );
}
