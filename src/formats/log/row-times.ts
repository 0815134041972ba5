/**
 * Wall times as two doubles each, for tables of doubles: whole seconds and the nanoseconds within. NaN stands for a time
 * that is not known.
 */
export const timeSeconds = (atNanos: bigint | null): number =>
  atNanos === null ? Number.NaN : Number(floorDivide(atNanos));

export const timeFraction = (atNanos: bigint | null): number =>
  atNanos === null ? Number.NaN : Number(atNanos - floorDivide(atNanos) * second);

/** Stands in a column of times for "the log does not say". */
export const noTime = -(2n ** 63n);

/** The time again; `noTime` where it is not known. */
export function joinTime(seconds: number, fraction: number): bigint {
  return Number.isNaN(seconds) ? noTime : BigInt(seconds) * second + BigInt(fraction);
}

const second = 1_000_000_000n;

function floorDivide(nanos: bigint): bigint {
  const quotient = nanos / second;
  return nanos < 0n && quotient * second !== nanos ? quotient - 1n : quotient;
}
