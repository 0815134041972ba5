import fc from 'fast-check';
import { type GroupCounts, groupTrend } from '../../src/analysis/goroutine-trend.js';
import { theilSenPoints, theilSenSlope } from '../../src/analysis/theil-sen.js';
import { bucketEdges, gaugeBuckets, heldSpans } from '../../src/analysis/timeline-buckets.js';

const minute = 60_000;

describe('the Theil-Sen slope', () => {
  it('of points on a line is the slope of the line, of few points and of many', () => {
    const lines = fc.tuple(
      fc.integer({ min: -1000, max: 1000 }),
      fc.integer({ min: -1000, max: 1000 }),
      fc.integer({ min: 2, max: 3 * theilSenPoints }),
    );
    fc.assert(
      fc.property(lines, ([slope, offset, count]) => {
        const xs = Array.from({ length: count }, (_, i) => i * 10);
        const found = theilSenSlope(
          xs,
          xs.map((x) => slope * x + offset),
        );
        expect(found).toBeCloseTo(slope, 6);
      }),
    );
  });

  it('is not moved by a quarter of points that lie anywhere', () => {
    const xs = Array.from({ length: 100 }, (_, i) => i);
    const ys = xs.map((x) => (x % 4 === 1 ? (x * 7919) % 100_000 : 3 * x));
    expect(theilSenSlope(xs, ys)).toBeCloseTo(3, 0);
  });

  it('is not known of fewer than two moments', () => {
    expect(theilSenSlope([], [])).toBeNull();
    expect(theilSenSlope([1], [5])).toBeNull();
    expect(theilSenSlope([1, 1], [5, 6])).toBeNull();
  });
});

const captures = fc.uniqueArray(
  fc.record({
    instance: fc.constantFrom('a', 'b', 'c'),
    at: fc.integer({ min: -120, max: 300 }),
    counts: fc.uniqueArray(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 1_000_000 })), {
      selector: ([group]) => group,
    }),
  }),
  { selector: ({ instance, at }) => `${instance} ${at}`, maxLength: 60 },
);

describe('groups over time', () => {
  const keys = ['0', '1', '2', '3', '4', '5'];
  const edges = bucketEdges(0, 240 * minute, 30 * minute);
  const countsOf = (drawn: readonly { instance: string; at: number; counts: [number, number][] }[]) =>
    drawn.map(({ instance, at, counts }): GroupCounts => ({
      instance,
      id: `${at}`,
      atMillis: at * minute,
      buildId: null,
      groups: Int32Array.from(counts, ([group]) => group),
      counts: Float64Array.from(counts, ([, count]) => count),
    }));

  it('are, each and together, what the timeline of their counts is; whatever the limit, none is missing', () => {
    fc.assert(
      fc.property(captures, fc.integer({ min: 1, max: 7 }), (drawn, limit) => {
        const all = countsOf(drawn);
        const trend = groupTrend(all, keys, { edges, limit });
        const valueOf = (capture: GroupCounts, wanted: (group: number) => boolean) =>
          capture.groups.reduce((sum, group, i) => sum + (wanted(group) ? capture.counts[i] : 0), 0);
        const timeline = (wanted: (group: number) => boolean) =>
          gaugeBuckets(
            ['a', 'b', 'c'].flatMap((name) =>
              heldSpans(
                all
                  .filter(({ instance }) => instance === name)
                  .map((capture) => ({ ...capture, value: BigInt(valueOf(capture, wanted)) })),
              ),
            ),
            edges,
            'mean',
          );
        const whole = timeline(() => true);
        expect(trend.atMillis).toEqual(whole.map(({ atMillis }) => atMillis));
        expect(trend.coveredMillis).toEqual(whole.map(({ coveredMillis }) => coveredMillis));
        expect(trend.total.values).toEqual(whole.map(({ value }) => Number(value)));
        const alone = new Set(trend.groups.map(({ group }) => group));
        expect(alone.size).toBe(Math.min(limit, trend.groupCount));
        for (const { group, values } of trend.groups) {
          expect(values).toEqual(timeline((each) => each === group).map(({ value }) => Number(value)));
        }
        if (trend.groupCount > limit) {
          expect(trend.other?.values).toEqual(timeline((each) => !alone.has(each)).map(({ value }) => Number(value)));
        } else expect(trend.other).toBeNull();
      }),
    );
  });

  it('do not depend on the order of the captures', () => {
    fc.assert(
      fc.property(captures, (drawn) => {
        const options = { edges, limit: 3 };
        expect(groupTrend(countsOf(drawn.toReversed()), keys, options)).toEqual(
          groupTrend(countsOf(drawn), keys, options),
        );
      }),
    );
  });
});
