import fc from 'fast-check';
import { Int64ColumnBuilder, int64Column, sumOf, sumOverflows } from '../../src/formats/int64.js';

const int64 = fc.oneof(
  fc.bigInt({ min: -100n, max: 100n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 53n, -(2n ** 53n), 2n ** 52n, 2n ** 53n - 1n, 2n ** 32n, -(2n ** 31n)),
);
const magnitude = (values: readonly bigint[]): bigint => values.reduce((sum, v) => sum + (v < 0n ? -v : v), 0n);

describe('a column of 64-bit integers', () => {
  it('holds every value exactly, as doubles exactly while their magnitudes stay within 2^53', () => {
    fc.assert(
      fc.property(fc.array(int64, { maxLength: 20 }), fc.nat({ max: 5 }), (values, spare) => {
        const builder = new Int64ColumnBuilder(1);
        values.forEach((value, row) => {
          if ((row & (row + 1)) === 0) builder.grow(2 * row + 2 + spare);
          builder.putHalves(row, Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
        });
        const column = builder.finish(values.length);
        expect(column).toEqual(int64Column(BigInt64Array.from(values)));
        expect(column instanceof Float64Array).toBe(magnitude(values) <= 2n ** 53n);
        expect(Array.from(column, BigInt)).toEqual(values);
        expect(sumOf(column)).toBe(values.reduce((sum, v) => sum + v, 0n));
      }),
      { numRuns: 1000 },
    );
  });

  it('knows when its sum does not fit 64 bits', () => {
    const max = 2n ** 63n - 1n;
    expect(sumOverflows(BigInt64Array.of(max, 1n))).toBe(true);
    expect(sumOverflows(BigInt64Array.of(max, 1n, -1n))).toBe(false);
    expect(sumOverflows(BigInt64Array.of(-max, -1n))).toBe(false);
    expect(sumOverflows(BigInt64Array.of(-max, -2n))).toBe(true);
    expect(sumOverflows(Float64Array.of(2 ** 53))).toBe(false);
  });
});
