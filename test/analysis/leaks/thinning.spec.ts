import fc from 'fast-check';
import { thinned } from '../../../src/analysis/leaks/thinning.js';

const times = fc
  .uniqueArray(fc.nat(1_000_000), { minLength: 1, maxLength: 300 })
  .map((all) => all.sort((a, b) => a - b));
const none = new Set<number>();

it('keeps everything where there is room', () => {
  expect(thinned([1, 5, 6], none, 3)).toEqual([0, 1, 2]);
  expect(thinned([], none, 3)).toEqual([]);
});

it('of many keeps as many as there is room for: distinct, ascending, the first and the last among them', () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 2, max: 60 }), fc.func(fc.boolean()), (given, most, isMarked) => {
      const marked = new Set([...given.keys()].filter((index) => isMarked(index)));
      const kept = thinned(given, marked, most);
      expect(kept).toHaveLength(Math.min(given.length, most));
      expect([kept[0], kept.at(-1)]).toEqual([0, given.length - 1]);
      expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
    }),
  );
});

it('lies evenly in time where times do', () => {
  const kept = thinned(
    Array.from({ length: 1001 }, (_, i) => i * 60),
    none,
    11,
  );
  expect(kept).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
});

it('fills the widest gaps where a stretch has no times', () => {
  const given = [...Array.from({ length: 50 }, (_, i) => i), ...Array.from({ length: 50 }, (_, i) => 10_000 + i)];
  const kept = thinned(given, none, 20);
  const early = kept.filter((index) => index < 50);
  expect(Math.abs(early.length - 10)).toBeLessThanOrEqual(2);
  const gaps = early.slice(1).map((index, i) => index - early[i]);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(13);
});

it('keeps the marked ones, of too many the latest up to half of the room', () => {
  const given = Array.from({ length: 100 }, (_, i) => i);
  expect(thinned(given, new Set([41, 42]), 12)).toEqual(expect.arrayContaining([0, 41, 42, 99]));
  const marked = new Set(Array.from({ length: 50 }, (_, i) => i + 10));
  const kept = thinned(given, marked, 12);
  // Six of the room: the ends, and four marked ones.
  expect(kept).toEqual(expect.arrayContaining([0, 56, 57, 58, 59, 99]));
  expect(kept.filter((index) => index > 60 && index < 99).length).toBeGreaterThanOrEqual(2);
});
