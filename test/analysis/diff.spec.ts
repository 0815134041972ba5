import fc from 'fast-check';
import { diffFlameGraph, diffStacks, diffTable, filterDiff } from '../../src/analysis/diff.js';
import { compileFilter } from '../../src/analysis/filter.js';
import { flameGraph } from '../../src/analysis/flame-graph.js';
import { mergeStacks } from '../../src/analysis/merge.js';
import { top } from '../../src/analysis/top.js';
import { someStacks, stacksOf } from '../catalog/stacks.js';
import { hugeStacks, one, renumbered } from './some-stacks.js';

const anyStacks = fc.oneof(someStacks, hugeStacks);
const [cpuInMillis, cpuInNanos] = ['milliseconds', 'nanoseconds'].map((unit) => [{ type: 'cpu', unit }]);

describe('diff', () => {
  const base = stacksOf(
    [
      [['main.main', 'main.gone'], [10]],
      [['main.main', 'main.same'], [20]],
      [['main.main', 'main.shrunk'], [30]],
      [['main.main', 'main.grown'], [40]],
    ],
    one,
  );
  const target = stacksOf(
    [
      [['main.main', 'main.grown'], [75]],
      [['main.main', 'main.new'], [25]],
      [['main.main', 'main.shrunk'], [5]],
      [['main.main', 'main.same'], [20]],
    ],
    one,
  );

  test('says what is new, gone, grown and shrunk, the largest change first', () => {
    const table = diffTable(diffStacks(base, target));
    expect(table.rows.map((row) => [row.function, row.change, row.base.flat, row.target.flat, row.delta.flat])).toEqual(
      [
        ['main.grown', 'grown', 40n, 75n, 35n],
        ['main.new', 'new', 0n, 25n, 25n],
        ['main.shrunk', 'shrunk', 30n, 5n, -25n],
        ['main.gone', 'gone', 10n, 0n, -10n],
        ['main.main', 'same', 0n, 0n, 0n],
        ['main.same', 'same', 20n, 20n, 0n],
      ],
    );
    expect(table).toMatchObject({ total: 100n, baseTotal: 100n, targetTotal: 125n, rowCount: 6 });
    expect(table.rows[0].flatShare).toBe(0.35);
    const byCum = diffTable(diffStacks(base, target), { sort: 'cum', limit: 2, offset: 1 });
    expect(byCum.rows.map((row) => [row.function, row.change, row.delta.cum])).toEqual([
      ['main.main', 'grown', 25n],
      ['main.new', 'new', 25n],
    ]);
  });

  test('of a profile with itself is zero everywhere', () => {
    fc.assert(
      fc.property(anyStacks, (stacks) => {
        for (const row of diffTable(diffStacks(stacks, renumbered(stacks), 'inuse_space')).rows) {
          expect(row).toMatchObject({ delta: { flat: 0n, cum: 0n }, change: 'same' });
        }
      }),
    );
  });

  test('has the two tops as its sides, and the top of the signed merge as its delta', () => {
    fc.assert(
      fc.property(someStacks, someStacks, (a, b) => {
        const rows = diffTable(diffStacks(a, b)).rows;
        const side = (of: 'base' | 'target' | 'delta') =>
          new Map(rows.filter((row) => row[of].flat || row[of].cum).map((row) => [row.function, row[of]]));
        const topOf = (stacks: typeof a) =>
          new Map(top(stacks, { sampleType: 3 }).rows.map(({ function: name, flat, cum }) => [name, { flat, cum }]));
        expect(side('base')).toEqual(topOf(a));
        expect(side('target')).toEqual(topOf(b));
        expect(side('delta')).toEqual(topOf(mergeStacks([{ stacks: b }, { stacks: a, weight: -1 }])));
      }),
    );
  });

  test('is exact where the difference leaves 64 bits', () => {
    const low = stacksOf([[['main.a'], [-(2n ** 63n)]]], one);
    const high = stacksOf([[['main.a'], [2n ** 63n - 1n]]], one);
    expect(diffTable(diffStacks(low, high)).rows[0].delta.flat).toBe(2n ** 64n - 1n);
    const odd = stacksOf([[['main.a'], [-(2 ** 52) - 1]]], one);
    const even = stacksOf([[['main.a'], [2 ** 52]]], one);
    expect(diffTable(diffStacks(odd, even)).rows[0].delta.flat).toBe(2n ** 53n + 1n);
  });

  test('compares only what both have, in the finer unit', () => {
    const diff = diffStacks(stacksOf([[['main.a'], [3]]], cpuInMillis), stacksOf([[['main.a'], [5]]], cpuInNanos));
    expect(diff.sampleType).toEqual({ type: 'cpu', unit: 'nanoseconds' });
    expect(diffTable(diff).rows[0]).toMatchObject({ base: { flat: 3_000_000n }, target: { flat: 5n } });
  });

  test('refers to the target where the base is empty', () => {
    expect(diffStacks(stacksOf([], one), target).total).toBe(125n);
  });

  test('filters both sides, and still refers to the whole base', () => {
    const { diff, unmatched } = filterDiff(
      diffStacks(base, target),
      compileFilter({ focus: 'new|gone', hide: 'main.main' }),
    );
    const table = diffTable(diff);
    expect(table.rows.map((row) => [row.function, row.delta.cum])).toEqual([
      ['main.new', 25n],
      ['main.gone', -10n],
    ]);
    expect(table.total).toBe(100n);
    expect(unmatched).toEqual([]);
  });

  test('as a flame graph has each side on one tree', () => {
    fc.assert(
      fc.property(anyStacks, anyStacks, (a, b) => {
        const graph = diffFlameGraph(diffStacks(a, b, 'inuse_space'), { maxNodes: 15 });
        expect(graph.base.total[0]).toBe(flameGraph(a, 3).total[0]);
        expect(graph.target.total[0]).toBe(flameGraph(b, 3).total[0]);
        for (const { self, total } of [graph.base, graph.target]) {
          const sums = [...self];
          for (let node = sums.length - 1; node > 0; node--) sums[graph.parent[node]] += sums[node];
          expect(sums).toEqual(total);
        }
      }),
    );
  });
});
