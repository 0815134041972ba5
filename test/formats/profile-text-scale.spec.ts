import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { fma, goExp } from '../../src/formats/profile-text/go-exp.js';
import { delayNanos, HeapScale, int64, multiplied } from '../../src/formats/profile-text/scale.js';

const here = path.dirname(fileURLToPath(import.meta.url));
/** Printed by test/workloads/heapscale. */
const golden = readFileSync(path.join(here, '../fixtures/profile-text/scale.txt'), 'utf8').trim().split('\n');
const rows = (name: string): string[][] =>
  golden.filter((line) => line.startsWith(name)).map((line) => line.split(' ').slice(1));

function doubleOf(hex: string): number {
  return new Float64Array(BigUint64Array.of(BigInt(`0x${hex}`)).buffer)[0];
}

/** A double as an integer times 2^-1074, exactly. */
function exact(x: number): bigint {
  const bits = new BigUint64Array(Float64Array.of(x).buffer)[0];
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & ((1n << 52n) - 1n);
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return x < 0 ? -magnitude : magnitude;
}

describe('heap records are scaled as Go does on amd64', () => {
  test('e^x to the last bit', () => {
    const wrong = rows('exp').filter(([x, result]) => !Object.is(goExp(doubleOf(x)), doubleOf(result)));
    expect(wrong).toEqual([]);
  });

  test('objects and bytes to the last one', () => {
    const wrong = rows('heap').filter(([count, size, rate, objects, bytes]) => {
      const scaled = new HeapScale(Number(rate)).scale(int64(BigInt(count)), int64(BigInt(size)));
      return scaled.join(' ') !== `${objects} ${bytes}`;
    });
    expect(wrong).toEqual([]);
  });

  test('a fused multiply-add is the double that is nearest to the exact value', () => {
    const number = fc.double({ min: -1e60, max: 1e60, noNaN: true }).filter((x) => x === 0 || Math.abs(x) > 1e-60);
    fc.assert(
      fc.property(number, number, number, (a, b, c) => {
        const result = fma(a, b, c);
        const scale = 1074n;
        const wanted = exact(a) * exact(b) + (exact(c) << scale);
        const distance = (x: number): bigint => {
          const error = (exact(x) << scale) - wanted;
          return error < 0n ? -error : error;
        };
        const bits = new BigInt64Array(Float64Array.of(result).buffer)[0];
        for (const neighbour of [bits - 1n, bits + 1n]) {
          const other = new Float64Array(BigInt64Array.of(neighbour).buffer)[0];
          if (Number.isFinite(other)) expect(distance(result) <= distance(other)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('nothing is nothing, and what was not sampled stays', () => {
    expect(new HeapScale(524288).scale(0, 512)).toEqual([0, 0]);
    expect(new HeapScale(524288).scale(3, 0)).toEqual([0, 0]);
    expect(new HeapScale(1).scale(3, 512)).toEqual([3, 512]);
  });
});

describe('events of block and mutex profiles', () => {
  test('cycles become nanoseconds, cut towards zero, and stay cycles where no clock is known', () => {
    expect(delayNanos(6817907590, 2299997991, 1)).toBe(2964310237);
    expect(delayNanos(10, 3_000_000_000, 1)).toBe(3);
    expect(delayNanos(10, 0, 5)).toBe(10);
  });

  test('products wrap at 64 bits, as Go has it', () => {
    expect(multiplied(3, 5)).toBe(15);
    expect(multiplied(2n ** 62n, 3)).toBe(-(2n ** 62n));
    expect(multiplied(2 ** 52, 1000)).toBe(BigInt.asIntN(64, 2n ** 52n * 1000n));
  });
});
