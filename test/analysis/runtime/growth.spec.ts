import fc from 'fast-check';
import { growthTrend, type LevelPoint, lowerEnvelope } from '../../../src/analysis/runtime/growth.js';
import { begin, hour, minute, sawtooth, type Course } from './constructed.js';

const course = (values: Course, lifetime: (m: number) => number = () => 0): LevelPoint[] =>
  Array.from({ length: 120 }, (_, m) => ({ atMillis: begin + m * minute, value: values(m)!, lifetime: lifetime(m) }));
const trend = (points: readonly LevelPoint[]) => growthTrend(points, begin, begin + 2 * hour);

describe('growth', () => {
  it('of a line is its slope by the hour, whatever the noise of a few outliers', () => {
    const line = trend(course((m) => 100 + 2 * m + (m % 17 === 0 ? 500 : 0)));
    expect(line?.perHour).toBeCloseTo(120, 0);
    expect(line?.steady).toBe(true);
  });

  it('a level, noise, a step at the start and a level that was reached are none', () => {
    expect(trend(course(() => 100))?.steady).toBe(false);
    expect(trend(course((m) => (m < 10 ? 0 : 100)))?.steady).toBe(false);
    expect(trend(course((m) => 100 * (1 - Math.exp(-m / 8))))?.steady).toBe(false);
    expect(trend(course((m) => -m))?.steady).toBe(false);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 120, maxLength: 120 }), (noise) => {
        expect(trend(course((m) => noise[m]))?.steady).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  it('a saw over a level that does not move is no growth by its lower envelope; over one that moves it is', () => {
    const flat = trend(lowerEnvelope(course(sawtooth(() => 1_000))));
    expect(flat === null || !flat.steady || Math.abs(flat.perHour) < 50).toBe(true);
    const rising = trend(lowerEnvelope(course(sawtooth((m) => 1_000 + 10 * m))));
    expect(rising?.steady).toBe(true);
    expect(rising!.perHour).toBeGreaterThan(500);
    expect(rising!.perHour).toBeLessThan(700);
  });

  it('counts within processes: a restart is no fall, and a fleet of short ones that each grow does grow', () => {
    const crashing = trend(
      course(
        (m) => 100 + (m % 40) * 5,
        (m) => Math.floor(m / 40),
      ),
    );
    expect(crashing).toMatchObject({ steady: true });
    expect(crashing?.perHour).toBeCloseTo(300);
  });

  it('a few points say nothing', () => {
    expect(trend(course((m) => m).slice(0, 3))).toBeNull();
  });

  it('does not depend on when the day began', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1_000, max: 1_000 }), fc.integer({ min: 1, max: 50 }), (start, slope) => {
        const a = trend(course((m) => start + slope * m));
        expect(a?.perHour).toBeCloseTo(slope * 60);
        expect(a?.steady).toBe(true);
      }),
    );
  });
});
