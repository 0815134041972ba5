import { goExp } from './go-exp.js';

/** An integer of 64 bits: a number where a double holds it exactly, else a bigint. */
export type Int64 = number | bigint;

const int64Min = -(2n ** 63n);

/** The int64 as it is: a number within ±2^53, a bigint beyond. */
export function int64(value: bigint): Int64 {
  return value >= -0x20_0000_0000_0000n && value <= 0x20_0000_0000_0000n ? Number(value) : value;
}

/** Go's int64(x) on amd64: towards zero, and the smallest int64 for what has no place in one. */
function truncated(x: number): Int64 {
  if (!(x < 2 ** 63 && x >= -(2 ** 63))) return int64Min;
  const whole = Math.trunc(x) + 0;
  return Number.isSafeInteger(whole) ? whole : int64(BigInt(whole));
}

/**
 * What the records of a heap profile stand for. The profiler meets an allocation of `size` bytes with the probability
 * 1 - e^(-size/rate); each record counts as often as it was likely to be missed. A rate of 1 or less: nothing is scaled.
 *
 * Source: scaleHeapSample in Go's runtime/pprof/protomem.go and in google/pprof's profile/legacy_profile.go, which are
 * the same.
 */
export class HeapScale {
  // Records come sorted by bytes, and most sizes come again and again.
  private readonly scales = new Map<number, number>();

  constructor(private readonly rate: number) {}

  /** The scaled number of objects and of bytes. */
  scale(objects: Int64, bytes: Int64): readonly [Int64, Int64] {
    if (!objects || !bytes) return [0, 0];
    if (this.rate <= 1) return [objects, bytes];
    const count = Number(objects);
    const size = Number(bytes);
    const factor = this.factor(size / count);
    return [truncated(count * factor), truncated(size * factor)];
  }

  private factor(averageBytes: number): number {
    let factor = this.scales.get(averageBytes);
    if (factor === undefined) {
      factor = 1 / (1 - goExp(-averageBytes / this.rate));
      if (this.scales.size >= maxKeptScales) this.scales.clear();
      this.scales.set(averageBytes, factor);
    }
    return factor;
  }
}

const maxKeptScales = 4096;

/**
 * Cycles of a block or mutex profile in nanoseconds, multiplied by `period`. Cycles of an unknown clock (rate 0) stay
 * what they are.
 *
 * Source: google/pprof profile/legacy_profile.go, parseContentionSample; Go runtime/pprof, printCountCycleProfile.
 */
export function delayNanos(cycles: Int64, cyclesPerSecond: Int64, period: Int64): Int64 {
  if (Number(cyclesPerSecond) <= 0) return cycles;
  return truncated((Number(cycles) * Number(period)) / (Number(cyclesPerSecond) / 1e9));
}

/** The product in 64 bits, wrapping as Go's does. */
export function multiplied(value: Int64, factor: Int64): Int64 {
  const product = Number(value) * Number(factor);
  if (Number.isSafeInteger(product)) return product;
  return int64(BigInt.asIntN(64, BigInt(value) * BigInt(factor)));
}
