import fc from 'fast-check';
import { joinTables, type SeriesColumn, type SeriesTable, sliceTable } from '../../src/analysis/series-table.js';
import { DamagedBlockError } from '../../src/catalog/block.js';
import { decodeSeries, encodeSeries } from '../../src/catalog/series-chunk.js';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

function columnOf(rows: number): fc.Arbitrary<SeriesColumn> {
  const shape = { minLength: rows, maxLength: rows };
  const values = fc.oneof(
    fc.array(int64, shape).map((all) => BigInt64Array.from(all)),
    fc.array(fc.bigInt({ min: -1000n, max: 1000n }), shape).map((all) => BigInt64Array.from(all)),
    fc.array(fc.double({ noNaN: true }), shape).map((all) => Float64Array.from(all)),
  );
  const present = fc.option(fc.array(fc.constantFrom(0, 1), shape).map((all) => Uint8Array.from(all)));
  return fc
    .record({
      name: fc.string(),
      unit: fc.constantFrom('bytes', 'nanoseconds', 'ratio'),
      type: fc.constantFrom('gauge' as const, 'counter' as const, 'event' as const),
      values,
      present,
    })
    .map((column) => {
      // What is missing has no value that could come back.
      column.present?.forEach((is, row) => {
        if (is === 0) column.values[row] = column.values instanceof BigInt64Array ? 0n : 0;
      });
      return column;
    });
}

const table: fc.Arbitrary<SeriesTable> = fc
  .array(fc.bigInt({ min: 0n, max: 10n ** 14n }), { maxLength: 40 })
  .chain((steps) => {
    let at = 1_790_000_000_000_000_000n;
    const atNanos = BigInt64Array.from(steps, (step) => (at += step));
    return fc.record({
      atNanos: fc.constant(atNanos),
      columns: fc.uniqueArray(columnOf(steps.length), { maxLength: 5, selector: ({ name }) => name }),
    });
  });

describe('a chunk of series', () => {
  it('comes back as it was: every moment, every 64-bit value, every gap', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (given) => {
        expect(decodeSeries(await encodeSeries(given))).toEqual(given);
      }),
    );
  });

  it('is refused, never misread, when a bit of it is not what was written', async () => {
    const data = await encodeSeries({
      atNanos: BigInt64Array.of(1n, 2n),
      columns: [
        {
          name: 'HeapInuse',
          unit: 'bytes',
          type: 'gauge',
          values: BigInt64Array.of(1n, 2n ** 63n - 1n),
          present: null,
        },
      ],
    });
    for (let bit = 0; bit < data.length * 8; bit++) {
      const damaged = Buffer.from(data);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeSeries(damaged)).toThrow(DamagedBlockError);
    }
  });

  it('cannot be written out of order', async () => {
    const backwards = { atNanos: BigInt64Array.of(2n, 1n), columns: [] };
    await expect(encodeSeries(backwards)).rejects.toThrow(RangeError);
  });
});

describe('tables of series', () => {
  it('cut anywhere and joined again say the same', () => {
    fc.assert(
      fc.property(table, fc.nat(40), (given, at) => {
        const cut = Math.min(at, given.atNanos.length);
        const joined = joinTables([sliceTable(given, 0, cut), sliceTable(given, cut, given.atNanos.length)]);
        expect(valuesOf(joined)).toEqual(valuesOf(given));
      }),
    );
  });

  it('that differ in their columns leave gaps, not zeros', () => {
    const one = (name: string, at: bigint, value: bigint): SeriesTable => ({
      atNanos: BigInt64Array.of(at),
      columns: [{ name, unit: 'bytes', type: 'gauge', values: BigInt64Array.of(value), present: null }],
    });
    const joined = joinTables([one('Sys', 5n, 50n), one('RSS', 3n, 30n)]);
    expect([...joined.atNanos]).toEqual([3n, 5n]);
    expect(valuesOf(joined)).toEqual([
      ['RSS', 3n, 30n],
      ['Sys', 5n, 50n],
    ]);
  });
});

function valuesOf({ atNanos, columns }: SeriesTable): unknown[] {
  return columns
    .flatMap(({ name, values, present }) =>
      [...atNanos].flatMap((at, row) => (present?.[row] === 0 ? [] : [[name, at, values[row]]])),
    )
    .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : String(a[0]) > String(b[0]) ? 1 : 0));
}
