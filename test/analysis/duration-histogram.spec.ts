import fc from 'fast-check';
import { DurationHistogram } from '../../src/analysis/trace/duration-histogram.js';

const durations = fc.array(fc.oneof(fc.nat(40), fc.nat(1e6), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })), {
  minLength: 1,
  maxLength: 300,
});

describe('a histogram of durations', () => {
  it('gives quantiles that are never below the true one, and at most a sixteenth above', () => {
    fc.assert(
      fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (list, share) => {
        const histogram = new DurationHistogram();
        for (const nanos of list) histogram.add(nanos);
        const sorted = list.toSorted((a, b) => a - b);
        const truth = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
        const quantile = histogram.quantile(share);
        expect(quantile).toBeGreaterThanOrEqual(truth);
        expect(quantile).toBeLessThanOrEqual(Math.max(truth * (1 + 1 / 16), truth + 1));
      }),
    );
  });

  it('has the exact count, maximum and buckets that hold everything', () => {
    fc.assert(
      fc.property(durations, (list) => {
        const histogram = new DurationHistogram();
        for (const nanos of list) histogram.add(nanos);
        const { count, maxNanos } = histogram.summary();
        expect(count).toBe(list.length);
        expect(maxNanos).toBe(Math.max(...list));
        const buckets = histogram.doublings();
        expect(buckets.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(list.length);
        for (const [i, bucket] of buckets.entries()) {
          const next = buckets[i + 1]?.fromNanos ?? Infinity;
          const inside = list.filter((nanos) => nanos >= bucket.fromNanos && nanos < next).length;
          expect(bucket.count).toBe(inside);
        }
      }),
    );
  });

  it('of nothing is all zeros', () => {
    expect(new DurationHistogram().summary()).toEqual({
      count: 0,
      totalNanos: 0,
      p50Nanos: 0,
      p90Nanos: 0,
      p99Nanos: 0,
      maxNanos: 0,
    });
  });
});
