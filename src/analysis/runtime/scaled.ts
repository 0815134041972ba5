/**
 * Everything that is summed or averaged over time is an integer, so that sums are exact: bytes, counts and nanoseconds
 * as they are, ratios and percentages in billionths.
 */
const billion = 1_000_000_000;

function isFraction(unit: string): boolean {
  return unit === 'ratio' || unit === 'percent' || unit === 'per_minute';
}

/** Larger than anything that a process can count or hold: whoever says so is not believed. */
const beyondMeasure = 2 ** 80;

export function isMeasurable(value: bigint | number): boolean {
  return value < beyondMeasure && value > -beyondMeasure;
}

/** The integer that a value is kept as, which is measurable. */
export function scaled(value: bigint | number, unit: string): bigint {
  if (isFraction(unit)) return BigInt(Math.round(Number(value) * billion));
  return typeof value === 'bigint' ? value : BigInt(Math.round(value));
}

/** As it is shown: a decimal string where 2^53 may be exceeded, a number where it is a fraction. */
export function shown(value: bigint, unit: string): string | number {
  return isFraction(unit) ? Number(value) / billion : String(value);
}

/** For arithmetic that need not be exact: comparisons with a threshold, slopes. */
export function asNumber(value: bigint, unit: string): number {
  return isFraction(unit) ? Number(value) / billion : Number(value);
}
