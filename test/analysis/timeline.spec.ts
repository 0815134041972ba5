import fc from 'fast-check';
import {
  bucketEdges,
  gaugeBuckets,
  growthBuckets,
  growthSpans,
  heldSpans,
  roundedQuotient,
  type Stat,
} from '../../src/analysis/timeline-buckets.js';
import {
  holdEnds,
  holdWeights,
  hourMillis,
  increaseWeights,
  lifetimesOf,
  loneHoldMillis,
  longestHoldMillis,
  nanocores,
  semanticsOf,
} from '../../src/analysis/timeline.js';

const minute = 60_000;
const day = 24 * hourMillis;
const start = Date.UTC(2026, 10, 2);
const gib = 2n ** 30n;

interface Point {
  atMillis: number;
  id: string;
  value: bigint;
  buildId: string | null;
  counters: bigint[];
}

function point(atMillis: number, value: bigint, id = String(atMillis)): Point {
  return { atMillis, id, value, buildId: null, counters: [value] };
}

function every(step: number, from: number, to: number, value: (at: number) => bigint): Point[] {
  const points: Point[] = [];
  for (let at = from; at < to; at += step) points.push(point(at, value(at)));
  return points;
}

function gauge(instances: Point[][], edges: number[], stat: Stat = 'mean') {
  return gaugeBuckets(instances.flatMap(heldSpans), edges, stat);
}

function indexed(instances: Point[][]) {
  let index = 0;
  return instances.map((points) => ({ points: points.map((p) => ({ ...p, index: index++ })) }));
}

/** Instances with snapshots here and there over four days, some on the same millisecond. */
const instancesArbitrary = (maxInstances = 4) =>
  fc.array(
    fc
      .array(
        fc.record({
          at: fc.integer({ min: 0, max: 4 * 24 * 12 }),
          late: fc.integer({ min: 0, max: 3 }),
          value: fc.bigInt({ min: 0n, max: 2n ** 62n }),
        }),
        { maxLength: 40 },
      )
      .map((points) => points.map(({ at, late, value }, i) => point(start + at * 5 * minute + late, value, `${i}`))),
    { minLength: 1, maxLength: maxInstances },
  );

describe('semantics', () => {
  it.each([
    ['heap', 'inuse_space', false, 'gauge'],
    ['heap', 'inuse_objects/count', false, 'gauge'],
    ['heap', 'alloc_space/bytes', false, 'counter'],
    ['allocs', 'alloc_objects', false, 'counter'],
    ['goroutine', 'goroutine/count', false, 'gauge'],
    ['goroutineleak', 'goroutineleak', false, 'gauge'],
    ['threadcreate', 'threadcreate', false, 'gauge'],
    ['block', 'contentions/count', false, 'counter'],
    ['mutex', 'delay/nanoseconds', false, 'counter'],
    ['heap', 'alloc_space', true, 'delta'],
    ['heap', 'inuse_space', true, 'delta'],
    ['cpu', 'cpu/nanoseconds', false, 'cpu'],
    ['cpu', 'cpu', false, 'cpu'],
    ['cpu', 'samples/count', false, 'delta'],
  ] as const)('%s %s (delta %s) is a %s', (kind, type, delta, semantics) => {
    expect(semanticsOf(kind, type, delta)).toBe(semantics);
  });
});

describe('how long a value holds', () => {
  it('holds until the next snapshot while they come regularly', () => {
    const times = every(minute, start, start + 3 * hourMillis, () => 0n).map((p) => p.atMillis);
    expect(holdEnds(times).slice(0, -1)).toEqual(times.slice(1));
  });

  it('ends after 1.5 median gaps when a process goes silent, inside an hour and at its end', () => {
    const times = [0, 1, 2, 3, 40, 41, 42].map((m) => start + m * minute);
    expect(holdEnds(times)[3]).toBe(times[3] + 1.5 * minute);
    expect(holdEnds(times)[6]).toBe(times[6] + 1.5 * minute);
  });

  it('bridges sparse but regular snapshots: every two hours, and every day', () => {
    for (const step of [2 * hourMillis, day]) {
      const times = [0, 1, 2, 3].map((k) => start + k * step);
      expect(holdEnds(times)).toEqual([...times.slice(1), times[3] + 1.5 * step]);
    }
  });

  it('is not misled by two snapshots in a row among hourly ones', () => {
    const times = [0, 60, 60.1, 120, 180].map((m) => start + m * minute);
    expect(holdEnds(times).slice(0, -1)).toEqual(times.slice(1));
  });

  it('is five minutes for a snapshot without neighbours, and never more than 36 hours', () => {
    expect(holdEnds([start])).toEqual([start + loneHoldMillis]);
    expect(holdEnds([start, start + 40 * hourMillis])[0]).toBe(start + loneHoldMillis);
    expect(holdEnds([start, start + 30 * hourMillis])[1]).toBe(start + 30 * hourMillis + longestHoldMillis);
  });

  it('does not depend on snapshots that are far away', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 4 * day }), { minLength: 1, maxLength: 60 }), (offsets) => {
        const times = offsets.map((offset) => start + offset).sort((a, b) => a - b);
        const all = holdEnds(times);
        // The rule of readTimings: the last snapshot before some moment, whole hours from two hours before that on,
        // four more, and the next one after its hour.
        const at = times[times.length >> 1] + 1;
        const inner = Math.floor(at / hourMillis) * hourMillis - 2 * hourMillis;
        const end = Math.floor(at / hourMillis) * hourMillis + hourMillis;
        const before = times.filter((t) => t < inner).slice(-4);
        const after = times.filter((t) => t >= end).slice(0, 1);
        const seen = [...before, ...times.filter((t) => t >= inner && t < end), ...after];
        const holder = times.filter((t) => t < at).at(-1)!;
        const inView = holdEnds(seen)[seen.indexOf(holder)];
        expect(Math.max(inView, at)).toBe(Math.max(all[times.indexOf(holder)], at));
      }),
      { numRuns: 500 },
    );
  });
});

describe('gauges', () => {
  it('reads three pods of 1 GiB, replaced daily, as about 3 GiB over an hour and over 30 days', () => {
    const pods: Point[][] = [];
    for (let d = 0; d < 30; d++) {
      for (let slot = 0; slot < 3; slot++) {
        const from = start + d * day + slot * 7 * minute + 20_000;
        pods.push(every(minute, from, from + day - 30_000, () => gib));
      }
    }
    const hour = [start + 9 * day + 6 * hourMillis, start + 9 * day + 7 * hourMillis];
    expect(gauge(pods, hour)).toEqual([{ atMillis: hour[0], value: 3n * gib, coveredMillis: hourMillis }]);
    expect(gauge(pods, hour, 'max')[0].value).toBe(3n * gib);
    const [month] = gauge(pods, [start, start + 30 * day]);
    expect(Number(month.value) / Number(3n * gib)).toBeCloseTo(1, 2);
  });

  it('adds a pod to the one it replaces in max only while both hold', () => {
    const old = every(minute, start, start + 20 * minute, () => gib);
    const next = every(minute, start + 30 * minute, start + 50 * minute, () => gib);
    expect(gauge([old, next], [start, start + hourMillis], 'max')[0].value).toBe(gib);
  });

  it('reads what was held last when everything went silent before the end', () => {
    const a = every(minute, start, start + 20 * minute, () => 5n);
    const b = every(minute, start, start + 30 * minute, () => 7n);
    expect(gauge([a, b], [start, start + hourMillis], 'last')[0].value).toBe(7n);
    expect(gauge([a, b], [start, start + 15 * minute], 'last')[0].value).toBe(12n);
  });

  it('leaves out what nobody knows instead of reading 0', () => {
    const points = [
      ...every(minute, start, start + 10 * minute, () => 3n),
      ...every(minute, start + 40 * minute, start + 50 * minute, () => 3n),
    ];
    const buckets = gauge([points], bucketEdges(start, start + hourMillis, 10 * minute));
    expect(buckets.map((b) => (b.atMillis - start) / minute)).toEqual([0, 10, 40, 50]);
    expect(buckets.every((b) => b.value === 3n)).toBe(true);
  });

  it('reads a constant as itself, over any range, at any step and by any statistic', () => {
    fc.assert(
      fc.property(
        instancesArbitrary(1),
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        fc.integer({ min: 1, max: 3000 }),
        fc.constantFrom<Stat>('mean', 'last', 'max'),
        (instances, value, steps, stat) => {
          const points = instances[0].map((p) => ({ ...p, value }));
          for (const bucket of gauge([points], bucketEdges(start + 7, start + 4 * day, steps * 60_001), stat)) {
            expect(bucket.value).toBe(value);
          }
        },
      ),
    );
  });

  it('does not depend on the order of snapshots and instances, and duplicates change nothing', () => {
    fc.assert(
      fc.property(
        instancesArbitrary(),
        fc.constantFrom<Stat>('mean', 'last', 'max'),
        fc.infiniteStream(fc.nat()),
        (instances, stat, random) => {
          const edges = bucketEdges(start, start + 4 * day, 5 * hourMillis);
          const calm = gauge(instances, edges, stat);
          const shuffle = <T>(items: T[]): T[] =>
            items
              .map((item) => ({ item, key: random.next().value }))
              .sort((a, b) => a.key - b.key)
              .map(({ item }) => item);
          const twice = instances.map((points) => shuffle([...points, ...points]));
          expect(gauge(shuffle(twice), edges, stat)).toEqual(calm);
        },
      ),
    );
  });

  it('is the sum of its weights: a merge over a range says what the trend says', () => {
    fc.assert(
      fc.property(
        instancesArbitrary(),
        fc.integer({ min: 0, max: 4 * day }),
        fc.integer({ min: 1, max: 4 * day }),
        (instances, offset, length) => {
          const from = start + offset;
          const { weights, divisor } = holdWeights(indexed(instances), from, from + length);
          const sum = instances.flat().reduce((total, p, i) => total + p.value * BigInt(weights[i]), 0n);
          const buckets = gauge(instances, [from, from + length]);
          if (divisor === 0) expect(buckets).toEqual([]);
          else
            expect(buckets).toEqual([
              { atMillis: from, value: roundedQuotient(sum, BigInt(divisor)), coveredMillis: divisor },
            ]);
        },
      ),
    );
  });

  it('splits without loss: weights and divisor of a range are those of its parts added up', () => {
    fc.assert(
      fc.property(
        instancesArbitrary(),
        fc.integer({ min: 1, max: 4 * day }),
        fc.integer({ min: 1, max: 4 * day }),
        (instances, a, b) => {
          const view = indexed(instances);
          const left = holdWeights(view, start, start + a);
          const right = holdWeights(view, start + a, start + a + b);
          const whole = holdWeights(view, start, start + a + b);
          expect(left.divisor + right.divisor).toBe(whole.divisor);
          expect(left.weights.map((w, i) => w + right.weights[i])).toEqual(whole.weights);
        },
      ),
    );
  });

  it('gives a lone snapshot all the weight there is, so that a merge of it is itself', () => {
    const { weights, divisor } = holdWeights(indexed([[point(start, 5n)]]), start - hourMillis, start + 1000);
    expect([...weights]).toEqual([divisor]);
    expect(divisor).toBe(1000);
  });
});

describe('counters', () => {
  const grow = (instances: Point[][], edges: number[]) => growthBuckets(instances.flatMap(growthSpans), edges);

  it('reads what instances grew by, apportioned where an edge lies between two snapshots', () => {
    const points = every(
      10 * minute,
      start + 5 * minute,
      start + 2 * hourMillis,
      (at) => BigInt((at - start) / minute) * 6n,
    );
    const buckets = grow([points], bucketEdges(start, start + 2 * hourMillis, hourMillis));
    expect(buckets).toEqual([
      { atMillis: start, value: 55n * 6n, coveredMillis: 55 * minute },
      { atMillis: start + hourMillis, value: 55n * 6n, coveredMillis: 55 * minute },
    ]);
  });

  it('counts a new process from 0', () => {
    const points = [
      point(start, 100n),
      point(start + minute, 150n),
      point(start + 2 * minute, 30n),
      point(start + 3 * minute, 40n),
    ];
    expect(grow([points], [start, start + hourMillis])[0].value).toBe(50n + 30n + 10n);
    expect(lifetimesOf(points)).toEqual([0, 0, 1, 1]);
  });

  it('knows a new process by all counters going back, not by one', () => {
    const counters = [
      [5n, 50n],
      [4n, 60n],
      [1n, 10n],
      [0n, 20n],
    ].map((c) => ({ counters: c }));
    expect(lifetimesOf(counters)).toEqual([0, 0, 1, 1]);
    expect(lifetimesOf([{ counters: [] }, { counters: [] }])).toEqual([0, 0]);
    expect(lifetimesOf([{ counters: [0n, 9n] }, { counters: [0n, 2n] }])).toEqual([0, 1]);
  });

  it('takes the first snapshot of an instance as a mark, and a lone one as its reading', () => {
    expect(grow([[point(start, 1000n)]], [start, start + hourMillis])).toEqual([
      { atMillis: start, value: 1000n, coveredMillis: 0 },
    ]);
    expect(grow([[point(start, 1000n), point(start + minute, 1001n)]], [start, start + hourMillis])[0].value).toBe(1n);
  });

  it('loses nothing between buckets, whatever the step, the order and the duplicates', () => {
    fc.assert(
      fc.property(instancesArbitrary(), fc.integer({ min: 1, max: 3000 }), (instances, steps) => {
        const total = grow(instances, [start, start + 6 * day])[0]?.value ?? 0n;
        const shuffled = instances.map((points) => [...points, ...points].reverse());
        const parts = grow(shuffled, bucketEdges(start, start + 6 * day, steps * 60_001));
        expect(parts.reduce((sum, b) => sum + b.value, 0n)).toBe(total);
      }),
    );
  });

  it('has weights of -1, 0 and 1 that give the growth between the last snapshots before both ends', () => {
    const points = every(minute, start, start + hourMillis, (at) => BigInt(at - start));
    const view = indexed([points]);
    const { weights, divisor } = increaseWeights(view, start + 10.5 * minute, start + 20.5 * minute);
    expect(divisor).toBe(1);
    expect(points.reduce((sum, p, i) => sum + p.value * BigInt(weights[i]), 0n)).toBe(BigInt(10 * minute));
    expect([...weights].filter((w) => w !== 0)).toEqual([-1, 1]);
    expect([...increaseWeights(indexed([[point(start, 9n)]]), start, start + 1).weights]).toEqual([1]);
  });

  it('telescopes: the weights of a range are those of its parts added up, once there is a snapshot before', () => {
    fc.assert(
      fc.property(
        instancesArbitrary(),
        fc.integer({ min: 1, max: day }),
        fc.integer({ min: 1, max: day }),
        (instances, a, b) => {
          const from = start + 3 * minute;
          const view = indexed(
            instances.map((points) => [point(start - minute, 0n, 'mark'), ...points.filter((p) => p.atMillis >= from)]),
          );
          const left = increaseWeights(view, from, from + a);
          const right = increaseWeights(view, from + a, from + a + b);
          const dense = view.every(({ points }) => {
            const times = points.map((p) => p.atMillis).sort((x, y) => x - y);
            return times.every((t, i) => i === 0 || t - times[i - 1] <= longestHoldMillis);
          });
          fc.pre(dense);
          expect(left.weights.map((w, i) => w + right.weights[i])).toEqual(
            increaseWeights(view, from, from + a + b).weights,
          );
        },
      ),
    );
  });
});

describe('cores', () => {
  it('are CPU time over the time it was measured in', () => {
    expect(nanocores(25_000_000_000, 10_000_000_000)).toBe(2_500_000_000);
  });
});
