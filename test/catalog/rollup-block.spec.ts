import fc from 'fast-check';
import type { Exact, HourTiming } from '../../src/analysis/timeline-hours.js';
import { hourMillis } from '../../src/analysis/timeline.js';
import { DamagedBlockError } from '../../src/catalog/block.js';
import { decodeRollup, encodeRollup, type RollupBlock } from '../../src/catalog/rollup-block.js';

const day = Date.UTC(2026, 10, 23);

/** Any integer, mostly small, some far beyond 64 bits. */
const integer = fc.oneof(
  { weight: 6, arbitrary: fc.integer() },
  { weight: 2, arbitrary: fc.maxSafeInteger() },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }) },
  {
    weight: 1,
    arbitrary: fc
      .record({ bit: fc.integer({ min: 45, max: 64 }), off: fc.integer({ min: -2, max: 2 }), sign: fc.boolean() })
      .map(({ bit, off, sign }) => (sign ? -1n : 1n) * (2n ** BigInt(bit) + BigInt(off))),
  },
);

function normal(value: Exact): Exact {
  return typeof value === 'bigint' && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
    ? Number(value)
    : value;
}

const blockArbitrary: fc.Arbitrary<RollupBlock> = fc
  .record({
    mode: fc.constantFrom('held' as const, 'counted' as const),
    timed: fc.boolean(),
    hours: fc.uniqueArray(
      fc.record({ hour: fc.nat(23), deltas: fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }) }),
      {
        selector: ({ hour }) => hour,
        maxLength: 24,
      },
    ),
    functions: fc.uniqueArray(fc.nat(100_000), { maxLength: 6 }),
    offsets: fc.array(fc.nat(800_000), { minLength: 8, maxLength: 8 }),
    numbers: fc.infiniteStream(integer),
    nulls: fc.infiniteStream(fc.boolean()),
  })
  .map(({ mode, timed, hours, functions, offsets, numbers, nulls }): RollupBlock => {
    const number = (): Exact => normal(numbers.next().value);
    const isCounted = mode === 'counted';
    const layouts = hours
      .sort((a, b) => a.hour - b.hour)
      .map(({ hour, deltas }) => ({ hour, segments: deltas.map((delta) => ({ delta: delta && isCounted })) }));
    const row = () =>
      layouts.map(({ segments }) => {
        if (nulls.next().value) return null;
        return segments.flatMap(({ delta }) => Array.from({ length: delta ? 1 : isCounted ? 3 : 4 }, number));
      });
    return {
      mode,
      hours: layouts.map(({ hour, segments }, i) => ({
        hour,
        segments,
        timing: timed ? timing(day + hour * hourMillis, segments, offsets, i) : null,
      })),
      functions: new Map(functions.sort((a, b) => a - b).map((id) => [id, { flat: row(), cum: row() }])),
    };
  });

function timing(start: number, segments: { delta: boolean }[], offsets: number[], i: number): HourTiming {
  const [a, b, c, d] = offsets;
  return {
    hourMillis: start,
    spacing: i % 5 === 4 ? null : { firstAtMillis: start + a, lastAtMillis: start + a + b, count: c + 1, gapMillis: d },
    countersFirst: i % 2 === 0 ? [BigInt(c), 2n ** 70n] : [],
    countersLast: i % 2 === 0 ? [BigInt(a), 3n] : [],
    segments: segments.map(({ delta }, s) => ({
      buildId: s % 2 === 0 ? null : '123456789',
      delta,
      runs: s === 0 ? [start + a, start + a + b, start + a + b + c, start + a + b + c + d] : [],
    })),
  };
}

describe('a block of roll-ups', () => {
  it('comes back as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(blockArbitrary, async (block) => {
        const data = await encodeRollup(block, day);
        const decoded = decodeRollup(data, day);
        const timed = block.hours.every(({ timing }) => timing !== null);
        expect(decoded.hours).toEqual(timed ? block.hours : block.hours.map((hour) => ({ ...hour, timing: null })));
        expect(decoded.functions).toEqual(block.functions);
        for (const [id, rows] of block.functions) {
          expect(decodeRollup(data, day, id).functions).toEqual(new Map([[id, rows]]));
        }
      }),
    );
  });

  it('costs next to nothing for what stands still', async () => {
    const hours = Array.from({ length: 24 }, (_, hour) => ({ hour, segments: [{ delta: false }], timing: null }));
    const functions = new Map(
      Array.from({ length: 64 }, (_, i) => {
        const row = hours.map(() => [i * 524_288, i * 524_288, 0, i * 524_288]);
        return [i, { flat: row, cum: row }] as const;
      }),
    );
    expect((await encodeRollup({ mode: 'held', hours, functions }, day)).length).toBeLessThan(1_000);
  });

  it('is refused when a byte of it has changed, or when it is cut', async () => {
    const hours = [{ hour: 3, segments: [{ delta: false }], timing: null }];
    const row = [[1, 2, 3, 4]];
    const data = await encodeRollup({ mode: 'held', hours, functions: new Map([[7, { flat: row, cum: row }]]) }, day);
    for (let at = 0; at < data.length; at++) {
      const damaged = Buffer.from(data);
      damaged[at] ^= 0x55;
      expect(() => decodeRollup(damaged, day)).toThrow(DamagedBlockError);
      expect(() => decodeRollup(data.subarray(0, at), day)).toThrow(DamagedBlockError);
    }
  });
});
