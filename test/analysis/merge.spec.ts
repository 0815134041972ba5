import fc from 'fast-check';
import { flameGraph } from '../../src/analysis/flame-graph.js';
import { IncompatibleProfilesError, mergeStacks } from '../../src/analysis/merge.js';
import { SampleTypeError, sampleTypeIndex } from '../../src/analysis/sample-type.js';
import { top } from '../../src/analysis/top.js';
import { byName, heapTypes, someStacks, stacksOf } from '../catalog/stacks.js';
import { one, rowsOf } from './some-stacks.js';

describe('merge', () => {
  test('sums by name, whatever the numbers', () => {
    fc.assert(
      fc.property(fc.array(someStacks, { minLength: 1, maxLength: 4 }), (profiles) => {
        const merged = mergeStacks(profiles.map((stacks) => ({ stacks })));
        expect(byName(merged)).toEqual(byName(stacksOf(profiles.flatMap(rowsOf))));
      }),
    );
  });

  test('no answer depends on the order of the inputs', () => {
    fc.assert(
      fc.property(fc.tuple(someStacks, someStacks, someStacks), ([a, b, c]) => {
        const forth = mergeStacks([{ stacks: a }, { stacks: b, weight: -2 }, { stacks: c }]);
        const back = mergeStacks([{ stacks: c }, { stacks: b, weight: -2 }, { stacks: a }]);
        const nested = mergeStacks([
          { stacks: mergeStacks([{ stacks: c }, { stacks: a }]) },
          { stacks: b, weight: -2 },
        ]);
        for (const other of [back, nested]) {
          expect(top(other, { sampleType: 3 })).toEqual(top(forth, { sampleType: 3 }));
          expect(flameGraph(other, 1, { maxNodes: 9 })).toEqual(flameGraph(forth, 1, { maxNodes: 9 }));
        }
      }),
    );
  });

  test('a profile minus itself is nothing', () => {
    fc.assert(
      fc.property(someStacks, (stacks) => {
        expect(mergeStacks([{ stacks }, { stacks, weight: -1 }]).nodes).toHaveLength(0);
      }),
    );
  });

  test('is exact where the values leave a double, and saturates where they leave 64 bits', () => {
    const large = stacksOf([[['main.a'], [2n ** 53n + 1n]]], one);
    expect(rowsOf(mergeStacks([{ stacks: large, weight: 3 }]))).toEqual([[['main.a'], [3n * (2n ** 53n + 1n)]]]);
    const safe = stacksOf(
      [
        [['main.a'], [2 ** 52]],
        [['main.b'], [1]],
      ],
      one,
    );
    const sum = mergeStacks([{ stacks: safe }, { stacks: safe }, { stacks: safe }]);
    expect(rowsOf(sum).map(([, [value]]) => value)).toEqual([3n * 2n ** 52n, 3n]);
    const huge = stacksOf([[['main.a'], [2n ** 63n - 1n]]], one);
    expect(rowsOf(mergeStacks([{ stacks: huge }, { stacks: huge }]))[0][1]).toEqual([2n ** 63n - 1n]);
  });

  test('weighs by fractions and rounds each value once', () => {
    const a = stacksOf(
      [
        [['main.a'], [3]],
        [['main.b'], [10]],
      ],
      one,
    );
    const b = stacksOf([[['main.b'], [5]]], one);
    const mean = mergeStacks([
      { stacks: a, weight: 0.5 },
      { stacks: b, weight: 0.5 },
    ]);
    expect(rowsOf(mean)).toEqual([
      [['main.a'], [2]],
      [['main.b'], [8]],
    ]);
  });

  test('keeps the sample types that all have, in the order of the first, in the finest unit', () => {
    const first = stacksOf(
      [[['main.a'], [1, 2, 3]]],
      [
        { type: 'contentions', unit: 'count' },
        { type: 'only', unit: 'count' },
        { type: 'delay', unit: 'milliseconds' },
      ],
    );
    const second = stacksOf(
      [[['main.a'], [5, 7]]],
      [
        { type: 'delay', unit: 'nanoseconds' },
        { type: 'contentions', unit: 'count' },
      ],
    );
    const merged = mergeStacks([{ stacks: first }, { stacks: second }]);
    expect(merged.sampleTypes).toEqual([
      { type: 'contentions', unit: 'count' },
      { type: 'delay', unit: 'nanoseconds' },
    ]);
    expect(rowsOf(merged)).toEqual([[['main.a'], [8, 3_000_005]]]);
  });

  test('refuses what cannot be added', () => {
    const heap = stacksOf([], heapTypes);
    const cpu = stacksOf([], [{ type: 'cpu', unit: 'nanoseconds' }]);
    const cpuInBytes = stacksOf([], [{ type: 'cpu', unit: 'bytes' }]);
    expect(() => mergeStacks([{ stacks: heap }, { stacks: cpu }])).toThrow(IncompatibleProfilesError);
    expect(() => mergeStacks([{ stacks: cpu }, { stacks: cpuInBytes }])).toThrow(
      '"cpu" is in nanoseconds here and in bytes there',
    );
    expect(() => mergeStacks([])).toThrow(IncompatibleProfilesError);
  });
});

describe('the sample type', () => {
  const old = [
    { type: 'objects', unit: 'count' },
    { type: 'space', unit: 'bytes' },
  ];

  test('is the named one, the default one, or the last', () => {
    expect(sampleTypeIndex(heapTypes, 'alloc_objects')).toBe(0);
    expect(sampleTypeIndex(heapTypes, '', 'alloc_space')).toBe(1);
    expect(sampleTypeIndex(heapTypes, '', 'unheard-of')).toBe(3);
    expect(sampleTypeIndex(heapTypes)).toBe(3);
    expect(sampleTypeIndex(old, 'inuse_objects')).toBe(0);
  });

  test('that is not there is answered with what is', () => {
    expect(() => sampleTypeIndex(old, 'cpu')).toThrow('there is no sample type "cpu"; there is: objects, space');
    expect(() => sampleTypeIndex([], '')).toThrow(SampleTypeError);
  });
});
