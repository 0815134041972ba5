import fc from 'fast-check';
import { top } from '../../src/analysis/top.js';
import { granularities } from '../../src/analysis/grouping.js';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { packageOf } from '../../src/formats/go-names.js';
import { someStacks, stacksOf } from '../catalog/stacks.js';
import { hugeStacks, one, renumbered } from './some-stacks.js';

/** The definition, taken literally: a stack counts once for everything that occurs in it. */
function literally({ tree, nodes, values }: StackProfile, column: number, keyOf: (frame: number) => string) {
  const rows = new Map<string, { flat: bigint; cum: bigint }>();
  const rowOf = (key: string) => rows.get(key) ?? rows.set(key, { flat: 0n, cum: 0n }).get(key)!;
  nodes.forEach((leaf, row) => {
    const value = BigInt(values[column][row]);
    const seen = new Set<string>();
    for (let node = leaf; node > 0; node = tree.parent[node]) {
      const key = keyOf(tree.frame[node]);
      if (node === leaf) rowOf(key).flat += value;
      if (!seen.has(key)) rowOf(key).cum += value;
      seen.add(key);
    }
  });
  return new Map([...rows].filter(([, { flat, cum }]) => flat !== 0n || cum !== 0n));
}

describe('top', () => {
  test('a recursion counts once, whatever lies between its calls', () => {
    const stacks = stacksOf(
      [
        [['main.main', 'main.a', 'main.b', 'main.a', 'main.a'], [30]],
        [['main.main', 'main.b', 'main.a', 'main.b'], [7]],
      ],
      one,
    );
    const rows = top(stacks, { sampleType: 0 }).rows.map((row) => [row.function, row.flat, row.cum]);
    expect(rows).toEqual([
      ['main.a', 30n, 37n],
      ['main.b', 7n, 37n],
      ['main.main', 0n, 37n],
    ]);
  });

  test.each([
    ['values that fit a double', someStacks],
    ['values that do not', hugeStacks],
  ])('equals the definition by every granularity, for %s', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, fc.constantFrom(...granularities), (stacks, by) => {
        const { functions, files, frameFunction, frameFile, frameLine } = stacks.symbols;
        const keyOf = {
          function: (frame: number) => functions[frameFunction[frame]],
          line: (frame: number) => `${functions[frameFunction[frame]]} ${files[frameFile[frame]]} ${frameLine[frame]}`,
          file: (frame: number) => files[frameFile[frame]],
          package: (frame: number) => packageOf(functions[frameFunction[frame]]),
        }[by];
        const table = top(stacks, { sampleType: 0, by });
        const found = table.rows.map((row) => {
          const key = {
            function: row.function,
            line: `${row.function} ${row.file} ${row.line}`,
            file: row.file,
            package: row.package,
          }[by];
          return [key, { flat: row.flat, cum: row.cum }] as const;
        });
        expect(new Map(found)).toEqual(literally(stacks, 0, keyOf));
        expect(table.rowCount).toBe(found.length);
      }),
    );
  });

  test('no answer depends on how things are numbered', () => {
    fc.assert(
      fc.property(fc.oneof(someStacks, hugeStacks), fc.constantFrom(...granularities), (stacks, by) => {
        const answer = (profile: StackProfile) => top(profile, { sampleType: 3, by, sort: 'cum' });
        expect(answer(renumbered(stacks))).toEqual(answer(stacks));
      }),
    );
  });

  test('figures beyond 2^53 are exact, and beyond 2^63 as well', () => {
    const max = 2n ** 63n - 1n;
    const stacks = stacksOf(
      [
        [['main.main', 'main.a'], [max]],
        [['main.main', 'main.b'], [max]],
        [['main.main', 'main.c'], [1n]],
      ],
      one,
    );
    const table = top(stacks, { sampleType: 0, sort: 'cum' });
    expect(table.total).toBe(2n ** 64n - 1n);
    expect(table.rows[0]).toMatchObject({ function: 'main.main', cum: 2n ** 64n - 1n });
    expect(table.rows[1]).toMatchObject({ function: 'main.a', flat: max });
  });

  test('rows come by magnitude, then by name, a page at a time', () => {
    const stacks = stacksOf(
      [
        [['main.d'], [5]],
        [['main.b'], [-9]],
        [['main.c'], [5]],
        [['main.zero'], [0]],
        [['main.a'], [1]],
      ],
      one,
    );
    const names = (limit?: number, offset?: number) =>
      top(stacks, { sampleType: 0, limit, offset }).rows.map((row) => row.function);
    expect(names()).toEqual(['main.b', 'main.c', 'main.d', 'main.a']);
    expect(names(2)).toEqual(['main.b', 'main.c']);
    expect(names(2, 2)).toEqual(['main.d', 'main.a']);
    expect(top(stacks, { sampleType: 0, limit: 1 }).rowCount).toBe(4);
  });

  test('an empty stack counts in the total and has no row', () => {
    const stacks = stacksOf(
      [
        [[], [40]],
        [['main.main'], [10]],
      ],
      one,
    );
    const table = top(stacks, { sampleType: 0 });
    expect(table.total).toBe(50n);
    expect(table.rows).toEqual([expect.objectContaining({ function: 'main.main', flat: 10n, flatShare: 0.2 })]);
  });

  test('shares refer to a given total, and to nothing where there is none', () => {
    const stacks = stacksOf([[['main.main'], [10]]], one);
    expect(top(stacks, { sampleType: 0, total: 40n }).rows[0]).toMatchObject({ flatShare: 0.25, cumShare: 0.25 });
    expect(top(stacks, { sampleType: 0, total: 0n }).rows[0]).toMatchObject({ flatShare: 0, cumShare: 0 });
  });

  test('a function in several files is shown in the first of them by name', () => {
    const stacks = stacksOf(
      [
        [['main.f z.go:1'], [1]],
        [['main.f a.go:1'], [2]],
      ],
      one,
    );
    expect(top(stacks, { sampleType: 0 }).rows).toEqual([
      expect.objectContaining({ function: 'main.f', file: 'a.go', line: null, package: 'main', flat: 3n }),
    ]);
  });
});
