const form = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d{0,9})?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

const millisToNanos = 1_000_000n;

/**
 * Unix nanoseconds of a time as RFC 3339 and Go's RFC3339Nano write it, exact; digits beyond nanoseconds are dropped.
 * Null if the text is no such time.
 */
export function rfc3339Nanos(text: string): bigint | null {
  const parts = text.length > 64 ? null : form.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number);
  // Second 60 is a leap second, which Unix time counts as the next second.
  if (hour > 23 || minute > 59 || second > 60) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const [zoneHour, zoneMinute] = [Number(parts[9] ?? 0), Number(parts[10] ?? 0)];
  if (zoneHour > 23 || zoneMinute > 59) return null;
  const eastMinutes = (parts[8] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute);
  const millis = date.getTime() + ((hour * 60 + minute - eastMinutes) * 60 + second) * 1_000;
  return BigInt(millis) * millisToNanos + BigInt((parts[7] ?? '').padEnd(9, '0'));
}
