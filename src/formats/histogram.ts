import { FormatError } from './format-error.js';

/** How many values fell into which bucket, as runtime/metrics.Float64Histogram. */
export interface Histogram {
  /** Bucket i lies between `bounds[i]` and `bounds[i + 1]`. Ascending; the ends may be infinite. */
  readonly bounds: readonly number[];
  /** One fewer than bounds. */
  readonly counts: readonly bigint[];
  /**
   * Which bound belongs to a bucket: the lower one in runtime/metrics, the upper one (`le`) in Prometheus. Its Go client
   * moves the bounds of the first by one unit in the last place to make them the second.
   */
  readonly closed: 'lower' | 'upper';
}

/** A histogram that a process gives under a name. */
export interface NamedHistogram {
  readonly name: string;
  readonly unit: string;
  /** A counter's buckets only grow during the life of the process. */
  readonly type: 'gauge' | 'counter';
  readonly histogram: Histogram;
}

/** @throws FormatError `malformed` where the bounds do not ascend or do not fit the counts */
export function checkedHistogram(histogram: Histogram, name: string): Histogram {
  const { bounds, counts } = histogram;
  if (bounds.length !== counts.length + 1) {
    throw new FormatError('malformed', `${name}: ${counts.length} buckets have ${bounds.length} bounds`);
  }
  for (let i = 1; i < bounds.length; i++) {
    if (!(bounds[i] > bounds[i - 1])) throw new FormatError('malformed', `${name}: the bounds do not ascend`);
  }
  return histogram;
}
