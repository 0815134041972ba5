import fc from 'fast-check';
import { joinPauses, pauseDistribution } from '../../src/analysis/pauses.js';
import type { Pause } from '../../src/formats/memstats/pause.js';

/** One process: its collections end at rising times. */
const collections = (count: number, bornAt: number): Pause[] =>
  Array.from({ length: count }, (_, i) => ({
    gc: i + 1,
    endUnixNanos: BigInt(bornAt + (i + 1) * 10),
    pauseNanos: BigInt((i * 7919) % 1_000),
  }));

/** What a snapshot after `count` collections shows. */
const windowAt = (all: readonly Pause[], count: number): Pause[] => all.slice(Math.max(0, count - 256), count);

describe('joining the pauses of snapshots', () => {
  it('counts each collection once and reports exactly those that no snapshot shows', () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.nat({ max: 2_000 }), { minLength: 1, maxLength: 12 })
          .chain((counts) => fc.tuple(fc.constant(counts), fc.shuffledSubarray(counts, { minLength: counts.length }))),
        ([counts, shuffled]) => {
          const all = collections(2_000, 0);
          const shown = new Set(counts.flatMap((count) => windowAt(all, count).map(({ gc }) => gc)));
          const histories = joinPauses(shuffled.map((count) => windowAt(all, count)));
          if (shown.size === 0) return expect(histories).toEqual([]);
          expect(histories).toHaveLength(1);
          const [{ pauses, gaps }] = histories;
          expect(pauses).toEqual(all.filter(({ gc }) => shown.has(gc)));
          const missing = gaps.flatMap(({ firstGc, lastGc }) =>
            Array.from({ length: lastGc - firstGc + 1 }, (_, i) => firstGc + i),
          );
          const [first, last] = [Math.min(...shown), Math.max(...shown)];
          expect(missing).toEqual(all.map(({ gc }) => gc).filter((gc) => gc > first && gc < last && !shown.has(gc)));
        },
      ),
    );
  });

  it('a restart begins a history of its own, whether numbers fall, stay or have overtaken the old ones', () => {
    for (const after of [3, 100, 120, 300]) {
      const [before, restarted] = [collections(100, 0), collections(after, 1_000_000)];
      const histories = joinPauses([windowAt(restarted, after), windowAt(before, 60), windowAt(before, 100)]);
      expect(histories.map(({ pauses }) => pauses.length)).toEqual([100, Math.min(after, 256)]);
      expect(histories.flatMap(({ gaps }) => gaps)).toEqual([]);
    }
  });

  it('a snapshot that shows less of the past than a later one loses nothing', () => {
    const all = collections(12, 0);
    expect(joinPauses([all.slice(9, 10), all])).toEqual([{ pauses: all, gaps: [] }]);
  });
});

describe('the distribution of pauses', () => {
  it('gives the pauses of nearest rank', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 300 }), (nanos) => {
        const sorted = [...nanos].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        const ranked = (percent: number): bigint => sorted.find((_, i) => (i + 1) * 100 >= percent * sorted.length)!;
        expect(pauseDistribution(nanos.map((pauseNanos, i) => ({ gc: i + 1, endUnixNanos: 0n, pauseNanos })))).toEqual({
          count: nanos.length,
          totalNanos: nanos.reduce((sum, value) => sum + value, 0n),
          p50Nanos: ranked(50),
          p95Nanos: ranked(95),
          p99Nanos: ranked(99),
          maxNanos: sorted.at(-1),
        });
      }),
    );
  });

  it('of no pauses is none', () => {
    expect(pauseDistribution([])).toBeNull();
  });
});
