const unitMillis: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

const dateTime =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(?:[Zz]|([+\- ])(\d\d):?(\d\d))?)?$/;

/**
 * A moment as people and programs write it: RFC 3339 (`2026-11-23T15:04:05.5Z`; without a zone it is UTC; a date alone
 * is its first moment), Unix seconds (up to 11 digits) or milliseconds (12 or more), `now`, or relative to now: `-1h`,
 * `now-30d`, with the units s, m, h, d, w. Null when it is none of these. Finer than a millisecond is cut off.
 */
export function findMoment(text: string, now: Date): Date | null {
  if (text === 'now') return now;
  const relative = /^(?:now)?-(\d{1,9})([smhdw])$/.exec(text);
  if (relative) return valid(now.getTime() - Number(relative[1]) * unitMillis[relative[2]]);
  if (/^\d{1,15}$/.test(text)) return valid(Number(text) * (text.length <= 11 ? 1000 : 1));
  const m = dateTime.exec(text);
  if (!m) return null;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map((part) => Number(part ?? 0));
  const millis = Date.UTC(year, month - 1, day, hour, minute, second, Math.floor(Number(m[7] ?? 0) * 1000));
  const written = new Date(millis);
  // Date.UTC carries over (31 February becomes 3 March); what was written must be what is understood.
  if (written.getUTCMonth() !== month - 1 || written.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59)
    return null;
  // A "+" that was not percent-encoded arrives as a space.
  const zone = m[8] === undefined ? 0 : (m[8] === '-' ? 1 : -1) * (Number(m[9]) * 60 + Number(m[10]));
  return valid(millis + zone * 60_000);
}

function valid(millis: number): Date | null {
  const date = new Date(millis);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9999 ? null : date;
}

const durationUnits: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A duration as `90`, `90s`, `5m`, `1h` or `1d` in seconds, or null. */
export function findSeconds(text: string): number | null {
  const m = /^(\d{1,8})([smhd]?)$/.exec(text);
  return m ? Number(m[1]) * (m[2] === '' ? 1 : durationUnits[m[2]]) : null;
}
