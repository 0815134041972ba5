import fc from 'fast-check';
import { growthOf, quantileBounds, totalOf } from '../../src/analysis/histogram.js';
import type { Histogram } from '../../src/formats/histogram.js';

const bounds = [-Infinity, 0, 1, 10, Infinity];

function histogramOf(values: readonly number[]): Histogram {
  const counts = [0n, 0n, 0n, 0n];
  for (const value of values) counts[bounds.findLastIndex((bound) => bound <= value)]++;
  return { bounds, counts, closed: 'lower' };
}

const value = fc.constantFrom(-3, -0.5, 0, 0.25, 1, 5, 10, 1e9);
const values = fc.array(value, { maxLength: 40 });

describe('quantiles of a histogram', () => {
  it('the value of that rank lies within the bounds, at every rank', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), fc.nat({ max: 100 }), (sample, percent) => {
        const sorted = [...sample].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil((sorted.length * percent) / 100)) - 1];
        const { low, high } = quantileBounds(histogramOf(sample), percent / 100)!;
        expect(low <= exact && exact < high).toBe(true);
        expect(bounds.indexOf(high)).toBe(bounds.indexOf(low) + 1);
      }),
    );
  });

  it('an open bucket has an open end, and no values have no quantile', () => {
    expect(quantileBounds(histogramOf([-1]), 0.5)).toEqual({ low: -Infinity, high: 0 });
    expect(quantileBounds(histogramOf([99]), 1)).toEqual({ low: 10, high: Infinity });
    expect(quantileBounds(histogramOf([]), 0.5)).toBeNull();
  });

  it('stays exact where counts are larger than doubles hold', () => {
    const huge: Histogram = { bounds: [0, 1, 2], counts: [2n ** 63n, 2n ** 63n + 2n], closed: 'lower' };
    expect(quantileBounds(huge, 0.5)).toEqual({ low: 1, high: 2 });
    expect(totalOf(huge)).toBe(2n ** 64n + 2n);
  });
});

describe('what came into a cumulative histogram', () => {
  it('is what was observed between the two snapshots', () => {
    fc.assert(
      fc.property(values, values, (earlier, later) => {
        expect(growthOf(histogramOf(earlier), histogramOf([...earlier, ...later]))).toEqual(histogramOf(later));
      }),
    );
  });

  it('is not known across a restart or other buckets', () => {
    expect(growthOf(histogramOf([1, 1]), histogramOf([1]))).toBeNull();
    expect(growthOf(histogramOf([1]), { ...histogramOf([1]), bounds: [-Infinity, 0, 2, 10, Infinity] })).toBeNull();
    expect(growthOf(histogramOf([1]), { ...histogramOf([1]), closed: 'upper' })).toBeNull();
  });
});
