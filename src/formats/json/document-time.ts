import { rfc3339Nanos } from '../rfc3339.js';
import type { JsonObject, JsonValue } from './reader.js';

/** What loggers and people call the time of a document, as far as its keys are not Go's own. */
const names = ['time', 'timestamp', 'ts', '@timestamp', 'Time', 'Timestamp'];

/** Unix seconds of 2001 and 2286: numbers between them, or 1e3, 1e6, 1e9 times as large, are times. */
const [earliestSeconds, latestSeconds] = [1e9, 1e10];

/**
 * When a document says that it was written, Unix nanoseconds; null if it does not. Go's own JSON has no such member:
 * whoever writes one document a line adds it. It is RFC 3339, or a number of Unix seconds, milliseconds, microseconds or
 * nanoseconds, which is told by its size.
 */
export function documentTime(document: JsonObject): bigint | null {
  for (const name of names) {
    const value = document.get(name);
    const nanos = value === undefined ? null : momentOf(value);
    if (nanos !== null) return nanos;
  }
  return null;
}

function momentOf(value: JsonValue): bigint | null {
  if (typeof value === 'string') return rfc3339Nanos(value);
  if (typeof value !== 'number' && typeof value !== 'bigint') return null;
  let nanosPerUnit = 1_000_000_000;
  for (let scale = 1; nanosPerUnit >= 1; scale *= 1e3, nanosPerUnit /= 1e3) {
    if (value < earliestSeconds * scale || value >= latestSeconds * scale) continue;
    if (typeof value === 'bigint' || Number.isInteger(value)) return BigInt(value) * BigInt(nanosPerUnit);
    // A fraction is a double, which holds about microseconds at this size.
    return BigInt(Math.round((value * nanosPerUnit) / 1e3)) * 1_000n;
  }
  return null;
}
