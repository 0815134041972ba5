import fc from 'fast-check';
import {
  bucketEdges,
  gaugeBuckets,
  growthBuckets,
  growthSpans,
  heldSpans,
} from '../../src/analysis/timeline-buckets.js';
import {
  growthHourSpans,
  heldHourSpans,
  HourSums,
  planHour,
  type HourMode,
  type HourPoint,
  type SummedHour,
} from '../../src/analysis/timeline-hours.js';
import { hourMillis, hourOf, type TimelinePoint } from '../../src/analysis/timeline.js';

const start = Date.UTC(2026, 10, 2);

interface Point extends HourPoint {
  readonly value: bigint;
}

/** Snapshots of one instance over half a day: sparse or dense, restarts, builds that change, small or huge values. */
const pointsArbitrary = fc
  .record({
    spread: fc.constantFrom(40, 12 * 60),
    largest: fc.constantFrom(1000n, 2n ** 62n),
    points: fc.array(
      fc.record({
        minute: fc.nat(),
        millis: fc.nat(3),
        value: fc.bigInt({ min: 0n, max: 2n ** 62n }),
        build: fc.constantFrom(null, '1', '2'),
      }),
      { minLength: 1, maxLength: 60 },
    ),
  })
  .map(({ spread, largest, points }) =>
    points.map(({ minute, millis, value, build }, i): Point => {
      const scaled = value % largest;
      return {
        atMillis: start + (minute % spread) * 60_000 + millis,
        id: `${i}`,
        value: scaled,
        counters: [scaled],
        buildId: build,
        delta: false,
        durationMillis: 0,
      };
    }),
  );

function byHour(points: readonly Point[], mode: HourMode): SummedHour[] {
  const hours = [...new Set(points.map((point) => hourOf(point.atMillis)))].sort((a, b) => a - b);
  return hours.map((hour) => {
    const plan = planHour(
      hour,
      points.filter((point) => hourOf(point.atMillis) === hour),
      mode,
    );
    const sums = new HourSums(plan, 1);
    for (const step of plan.steps) sums.add(step, [step.point.value]);
    return { timing: plan.timing, values: sums.valuesOf(0) };
  });
}

const edges = bucketEdges(start, start + 24 * hourMillis, 3 * hourMillis);

describe('hours summed up one by one', () => {
  it('say the same mean, last and covered time as the snapshots, exactly, and for one instance the same max', () => {
    fc.assert(
      fc.property(
        pointsArbitrary,
        fc.constantFrom('mean' as const, 'last' as const, 'max' as const),
        (points, stat) => {
          const hourly = gaugeBuckets(heldHourSpans(byHour(points, 'held')), edges, stat);
          expect(hourly).toEqual(gaugeBuckets(heldSpans(points), edges, stat));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('do so for several instances; their max lies between the true one and the sum of their own', () => {
    fc.assert(
      fc.property(fc.array(pointsArbitrary, { minLength: 2, maxLength: 4 }), (instances) => {
        const hourly = instances.flatMap((points) => heldHourSpans(byHour(points, 'held')));
        const single = instances.flatMap((points) => heldSpans(points));
        expect(gaugeBuckets(hourly, edges, 'mean')).toEqual(gaugeBuckets(single, edges, 'mean'));
        expect(gaugeBuckets(hourly, edges, 'last')).toEqual(gaugeBuckets(single, edges, 'last'));
        const upper = gaugeBuckets(hourly, edges, 'max');
        gaugeBuckets(single, edges, 'max').forEach(({ atMillis, value }, i) => {
          const own = instances.flatMap((points) => gaugeBuckets(heldSpans(points), edges, 'max'));
          const sum = own.filter((b) => b.atMillis === atMillis).reduce((total, b) => total + b.value, 0n);
          expect(upper[i].value >= value && upper[i].value <= sum).toBe(true);
        });
      }),
      { numRuns: 100 },
    );
  });

  it('keep builds apart as the snapshots do', () => {
    fc.assert(
      fc.property(pointsArbitrary, fc.constantFrom(null, '1', '2'), (points, build) => {
        const ofBuild = <S extends { buildId: string | null }>(spans: S[]) => spans.filter((s) => s.buildId === build);
        expect(gaugeBuckets(ofBuild(heldHourSpans(byHour(points, 'held'))), edges, 'mean')).toEqual(
          gaugeBuckets(ofBuild(heldSpans(points)), edges, 'mean'),
        );
        const sum = (spans: { amount: bigint }[]) => spans.reduce((total, span) => total + span.amount, 0n);
        expect(sum(ofBuild(growthHourSpans(byHour(points, 'counted'))))).toBe(sum(ofBuild(growthSpans(points))));
      }),
      { numRuns: 200 },
    );
  });

  it('say the same growth and counted time as the snapshots, exactly', () => {
    fc.assert(
      fc.property(pointsArbitrary, (points) => {
        const hourly = growthBuckets(growthHourSpans(byHour(points, 'counted')), edges);
        expect(hourly).toEqual(growthBuckets(growthSpans(points), edges));
      }),
      { numRuns: 300 },
    );
  });

  it('sum deltas where they begin, beside the snapshots of the same counter', () => {
    const delta = (minute: number, value: bigint): Point => {
      const atMillis = start + minute * 60_000;
      return { atMillis, id: `${minute}`, value, counters: [], buildId: null, delta: true, durationMillis: 30_000 };
    };
    const counter = (minute: number, value: bigint): Point => {
      return { ...delta(minute, value), id: `c${minute}`, delta: false, durationMillis: 0, counters: [value] };
    };
    const points = [delta(1, 10n), delta(2, -3n), delta(59.75, 5n), counter(10, 100n), counter(20, 130n)];
    const spans = growthHourSpans(byHour(points, 'counted'));
    expect(growthBuckets(spans, [start, start + hourMillis, start + 2 * hourMillis])).toEqual([
      { atMillis: start, value: 42n, coveredMillis: 11 * 60_000 + 15_000 },
      { atMillis: start + hourMillis, value: 0n, coveredMillis: 15_000 },
    ]);
  });

  it('add up many series at once, whether numbers or bigints, as one by one', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<HourMode>('held', 'counted'),
        fc.array(
          fc.record({
            build: fc.constantFrom('1', '2'),
            isWide: fc.boolean(),
            values: fc.array(fc.maxSafeInteger(), { minLength: 3, maxLength: 3 }),
          }),
          { minLength: 1, maxLength: 12 },
        ),
        (mode, snapshots) => {
          const points = snapshots.map(({ build, values }, i): HourPoint & { values: number[] } => {
            return {
              atMillis: start + i * 60_000,
              id: `${i}`,
              buildId: build,
              delta: false,
              durationMillis: 0,
              counters: [BigInt(values[0])],
              values,
            };
          });
          const plan = planHour(start, points, mode);
          const together = new HourSums(plan, 3);
          const alone = [0, 1, 2].map(() => new HourSums(plan, 1));
          plan.steps.forEach((step, i) => {
            const { values } = step.point;
            together.add(step, snapshots[i].isWide ? values.map(BigInt) : Float64Array.from(values));
            values.forEach((value, series) => alone[series].add(step, [BigInt(value)]));
          });
          for (const series of [0, 1, 2]) expect(together.valuesOf(series)).toEqual(alone[series].valuesOf(0));
        },
      ),
      {
        // The difference of two safe integers need not be one, though the sum it is added to is.
        examples: [
          [
            'counted',
            [
              { build: '1', isWide: false, values: [0, 0, 0] },
              { build: '1', isWide: false, values: [-6_250_477_361_456_241, 0, 7_318_349_394_477_037] },
              { build: '1', isWide: false, values: [0, 0, -1_699_353_014_079_348] },
              { build: '1', isWide: false, values: [0, 0, 0] },
            ],
          ],
        ],
      },
    );
  });

  it('leave the hold of the last snapshot to the reader, who knows the next hour', () => {
    const inHour = (times: number[]): TimelinePoint[] => times.map((at) => ({ atMillis: start + at, id: `${at}` }));
    const full = inHour([60_000, 120_000, 180_000, 240_000]).map((p) => ({
      ...p,
      buildId: null,
      delta: false,
      durationMillis: 0,
      counters: [1n],
    }));
    const plan = planHour(start, full, 'held');
    expect(plan.timing.segments).toEqual([{ buildId: null, delta: false, runs: [start + 60_000, start + 240_000] }]);
    expect(plan.steps.map((step) => step.weightMillis)).toEqual([60_000, 60_000, 60_000, 0]);
  });
});
