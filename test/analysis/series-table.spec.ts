import fc from 'fast-check';
import {
  joinTables,
  momentsTable,
  momentTable,
  type SeriesTable,
  sliceTable,
} from '../../src/analysis/series-table.js';
import type { Reading } from '../../src/formats/reading.js';

const reading = (name: string, value: bigint | number): Reading => ({ name, unit: 'bytes', type: 'gauge', value });

/** What a table says, moment by moment. */
function rowsOf({ atNanos, columns }: SeriesTable): [bigint, Record<string, bigint | number>][] {
  return Array.from(atNanos, (at, row) => [
    at,
    Object.fromEntries(
      columns.filter(({ present }) => present?.[row] !== 0).map(({ name, values }) => [name, values[row]]),
    ),
  ]);
}

describe('a table of one moment', () => {
  it('keeps integers exact, and makes doubles of what 64 bits do not hold', () => {
    const table = momentTable(7n, [reading('a', 2n ** 63n - 1n), reading('b', 2n ** 63n), reading('c', 0.5)]);
    expect(rowsOf(table)).toEqual([[7n, { a: 2n ** 63n - 1n, b: 2 ** 63, c: 0.5 }]]);
  });

  it('takes the first of two readings of one name, and any name', () => {
    const table = momentTable(0n, [reading('__proto__', 1n), reading('a', 2n), reading('a', 3n)]);
    expect(table.columns.map(({ name, values }) => [name, values[0]])).toEqual([
      ['__proto__', 1n],
      ['a', 2n],
    ]);
  });
});

describe('tables that are joined', () => {
  const tables = fc.array(
    fc.record({ at: fc.bigInt(0n, 9n), values: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.bigInt(-9n, 9n)) }),
    { minLength: 1, maxLength: 12 },
  );

  it('say at each moment what they said, in order of time, equal moments in the order of the tables', () => {
    fc.assert(
      fc.property(tables, (moments) => {
        const joined = joinTables(
          moments.map(({ at, values }) =>
            momentTable(
              at,
              Object.entries(values).map(([name, value]) => reading(name, value)),
            ),
          ),
        );
        const expected = moments.map(({ at, values }) => [at, { ...values }] as const);
        expected.sort(([a], [b]) => Number(a - b));
        expect(rowsOf(joined)).toEqual(expected);
      }),
    );
  });

  it('have doubles where one has a fraction', () => {
    const joined = joinTables([momentTable(1n, [reading('a', 1n)]), momentTable(2n, [reading('a', 0.5)])]);
    expect(rowsOf(joined)).toEqual([
      [1n, { a: 1 }],
      [2n, { a: 0.5 }],
    ]);
  });

  it('may be cut again', () => {
    const joined = joinTables([1n, 2n, 3n].map((at) => momentTable(at, at === 2n ? [] : [reading('a', at)])));
    expect(rowsOf(sliceTable(joined, 1, 3))).toEqual([
      [2n, {}],
      [3n, { a: 3n }],
    ]);
  });
});

it('a table of moments leaves out names for which it has no room, and counts them', () => {
  const moments = Array.from({ length: 10 }, (_, i) => ({
    atNanos: BigInt(i),
    readings: [reading('shared', BigInt(i)), reading(`own ${i}`, 1n)],
  }));
  const { table, namesLeftOut } = momentsTable(moments, 30);
  expect(table.columns.map(({ name }) => name)).toEqual(['shared', 'own 0', 'own 1']);
  expect(namesLeftOut).toBe(8);
  expect(momentsTable(moments).namesLeftOut).toBe(0);
});
