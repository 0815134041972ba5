const unitNanos = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
]);

/** Nanoseconds of a duration such as `50ms`, `1.5s` or `20µs`; null for anything else. */
export function traceDuration(text: string): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m)$/.exec(text);
  return match === null ? null : Math.round(Number(match[1]) * unitNanos.get(match[2])!);
}

/** Unix nanoseconds of an RFC 3339 time with up to nine decimals; null for anything else. */
export function unixNanos(text: string): bigint | null {
  const match = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)$/.exec(text);
  const millis = match === null ? NaN : Date.parse(text);
  if (match === null || Number.isNaN(millis)) return null;
  const fraction = BigInt((match[1] ?? '').padEnd(9, '0'));
  return (BigInt(millis) / 1000n) * 1_000_000_000n + fraction;
}
