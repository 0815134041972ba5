/** Sixteen buckets for each power of two: a quantile is at most 1/16 too high. */
const bucketsPerDoubling = 16;

export interface DurationSummary {
  readonly count: number;
  readonly totalNanos: number;
  readonly p50Nanos: number;
  readonly p90Nanos: number;
  readonly p99Nanos: number;
  readonly maxNanos: number;
}

export interface HistogramBucket {
  /** Durations from this one up to the next bucket's. */
  readonly fromNanos: number;
  readonly count: number;
}

/** Counts durations on a logarithmic scale. Count, total and maximum are exact. */
export class DurationHistogram {
  count = 0;
  totalNanos = 0;
  maxNanos = 0;
  #buckets: Float64Array = new Float64Array(64);

  add(nanos: number): void {
    this.count++;
    this.totalNanos += nanos;
    if (nanos > this.maxNanos) this.maxNanos = nanos;
    const bucket = bucketOf(nanos);
    if (bucket >= this.#buckets.length) {
      const larger = new Float64Array(Math.max(bucket + 1, this.#buckets.length * 2));
      larger.set(this.#buckets);
      this.#buckets = larger;
    }
    this.#buckets[bucket]++;
  }

  /** The duration below or at which this share of all lie, rounded up to the end of its bucket. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      seen += this.#buckets[bucket];
      if (seen >= rank) return Math.min(this.maxNanos, startOf(bucket + 1));
    }
    return this.maxNanos;
  }

  summary(): DurationSummary {
    return {
      count: this.count,
      totalNanos: this.totalNanos,
      p50Nanos: this.quantile(0.5),
      p90Nanos: this.quantile(0.9),
      p99Nanos: this.quantile(0.99),
      maxNanos: this.maxNanos,
    };
  }

  /** One bucket for each power of two that holds anything. */
  doublings(): HistogramBucket[] {
    const list: HistogramBucket[] = [];
    for (let first = 0; first < this.#buckets.length; first += bucketsPerDoubling) {
      let count = 0;
      for (const n of this.#buckets.subarray(first, first + bucketsPerDoubling)) count += n;
      if (count > 0) list.push({ fromNanos: startOf(first), count });
    }
    return list;
  }
}

/** Bucket 0 to 15 are the durations 0 to 15 ns; from there on each doubling is cut into 16 equal parts. */
function bucketOf(nanos: number): number {
  if (nanos < bucketsPerDoubling) return Math.max(0, Math.floor(nanos));
  if (nanos < 2 ** 31) {
    const shift = 27 - Math.clz32(nanos);
    return bucketsPerDoubling * shift + (nanos >>> shift);
  }
  const doubling = exponentOf(nanos) - 4;
  return bucketsPerDoubling * doubling + Math.floor(nanos / 2 ** doubling);
}

function startOf(bucket: number): number {
  if (bucket < bucketsPerDoubling) return bucket;
  const doubling = Math.floor(bucket / bucketsPerDoubling) - 1;
  return (bucketsPerDoubling + (bucket % bucketsPerDoubling)) * 2 ** doubling;
}

/** Floor of the binary logarithm of an integer below 2^53, exactly. */
function exponentOf(value: number): number {
  if (value < 2 ** 32) return 31 - Math.clz32(value);
  return 63 - Math.clz32(Math.floor(value / 2 ** 32));
}
