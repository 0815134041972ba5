import fc from 'fast-check';
import { DamagedBlockError } from '../../src/catalog/block.js';
import { decodeVector, encodeVector } from '../../src/catalog/vector.js';
import type { Int64Column } from '../../src/formats/int64.js';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const double = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -300, max: 300 }),
  fc.maxSafeInteger(),
  fc.constantFrom(2 ** 52, -(2 ** 52), 2 ** 52 + 1, 2 ** 53, -(2 ** 53), 2 ** 31, -(2 ** 31)),
);

function columnOf(rows: number): fc.Arbitrary<Int64Column> {
  const shape = { minLength: rows, maxLength: rows };
  return fc.oneof(
    fc.array(double, shape).map((values) => Float64Array.from(values)),
    // Bytes as a multiple of objects, as heap profiles have them.
    fc.array(fc.nat(100), shape).map((values) => Float64Array.from(values, (v) => v * 48)),
    fc.array(fc.oneof(fc.constant(0n), int64), shape).map((values) => BigInt64Array.from(values)),
  );
}

const vector = fc.uniqueArray(fc.oneof(fc.nat(500), fc.nat(2 ** 31 - 1)), { maxLength: 60 }).chain((numbers) =>
  fc.record({
    nodes: fc.constant(Int32Array.from(numbers).sort()),
    values: fc.array(columnOf(numbers.length), { maxLength: 5 }),
  }),
);

describe('a vector', () => {
  it('comes back as it was, every 64-bit value and the type of every column', async () => {
    await fc.assert(
      fc.asyncProperty(vector, async ({ nodes, values }) => {
        expect(decodeVector(await encodeVector(nodes, values))).toEqual({ nodes, values });
      }),
    );
  });

  it('stays as it was read while others are read, however many rows they have', async () => {
    const rows = 70_000;
    const long = Float64Array.from({ length: rows }, (_, row) => (row % 7) * 48);
    const data = await encodeVector(
      Int32Array.from({ length: rows }, (_, row) => row * 2),
      [Float64Array.from({ length: rows }, (_, row) => row % 7), long],
    );
    await fc.assert(
      fc.asyncProperty(vector, vector, async (one, other) => {
        const read = decodeVector(await encodeVector(one.nodes, one.values));
        decodeVector(await encodeVector(other.nodes, other.values));
        expect(decodeVector(data, 1).values).toEqual([long]);
        expect(read).toEqual(one);
      }),
      { numRuns: 20 },
    );
  });

  it('gives one column alone that is the same as among the others', async () => {
    await fc.assert(
      fc.asyncProperty(vector, async ({ nodes, values }) => {
        const data = await encodeVector(nodes, values);
        values.forEach((column, index) => expect(decodeVector(data, index)).toEqual({ nodes, values: [column] }));
      }),
    );
  });

  it('is refused, never misread, when a bit of it is not what was written', async () => {
    const data = await encodeVector(Int32Array.of(1, 5, 900), [
      Float64Array.of(1, 0, 3),
      BigInt64Array.of(-1n, 2n ** 63n - 1n, 0n),
    ]);
    for (let bit = 0; bit < data.length * 8; bit++) {
      const damaged = Buffer.from(data);
      damaged[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeVector(damaged)).toThrow(DamagedBlockError);
    }
  });

  it('is refused when it is cut anywhere, or longer than it was', async () => {
    const data = await encodeVector(Int32Array.of(0, 1), [Float64Array.of(7, 8)]);
    for (let length = 0; length < data.length; length++) {
      expect(() => decodeVector(data.subarray(0, length))).toThrow(DamagedBlockError);
    }
    expect(() => decodeVector(Buffer.concat([data, Buffer.of(0)]))).toThrow(DamagedBlockError);
  });

  it('has no column beyond those that were written', async () => {
    const data = await encodeVector(Int32Array.of(1), [Float64Array.of(1)]);
    expect(() => decodeVector(data, 1)).toThrow(DamagedBlockError);
  });

  it.each([
    ['nodes that do not ascend', Int32Array.of(3, 3), [Float64Array.of(1, 2)]],
    ['a negative node', Int32Array.of(-1), [Float64Array.of(1)]],
    ['columns of another length', Int32Array.of(1, 2), [Float64Array.of(1)]],
    ['fractions', Int32Array.of(1), [Float64Array.of(0.5)]],
    ['NaN', Int32Array.of(1), [Float64Array.of(NaN)]],
    ['doubles that are not exact integers', Int32Array.of(1), [Float64Array.of(2 ** 54)]],
  ])('is not made of %s', async (_, nodes, values) => {
    await expect(encodeVector(nodes, values)).rejects.toThrow(RangeError);
  });

  it('takes little where most values are zero or a multiple of their neighbour', async () => {
    const nodes = Int32Array.from({ length: 12_000 }, (_, i) => i * 2);
    const objects = Float64Array.from(nodes, (n) => (n % 7) * 32);
    const zero = new Float64Array(nodes.length);
    const data = await encodeVector(nodes, [objects, objects.map((count) => count * 4096), zero, zero]);
    expect(data.length).toBeLessThan(1000);
  });
});
