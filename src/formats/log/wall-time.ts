import { digits, isDigit } from './ascii.js';

export interface WallTimeOptions {
  /** About when the log was written or captured, Unix nanoseconds: gives times without a year theirs. */
  readonly referenceNanos?: bigint;
  /** The zone of times that do not name theirs, in minutes east of UTC. */
  readonly utcOffsetMinutes?: number;
}

const months = new Map(
  ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'].map((name, month) => [
    (name.charCodeAt(0) << 16) | (name.charCodeAt(1) << 8) | name.charCodeAt(2),
    month,
  ]),
);

const secondNanos = 1_000_000_000n;
const secondsPerDay = 86_400;
/** A time without a year may lie this far behind the reference time and still be of its year. */
const aheadSeconds = secondsPerDay;

/**
 * Reads the timestamps of logs where they stand. Each method returns the position behind the timestamp, or -1 if there
 * is none, and leaves the time in `nanos` (null where the year is not known).
 */
export class WallTime {
  nanos: bigint | null = null;
  private readonly offsetSeconds: number;
  private readonly referenceSeconds: number | null;
  private seconds = Number.NaN;
  private secondsAsNanos = 0n;
  private days = 0;
  private dayKey = -1;

  constructor({ referenceNanos, utcOffsetMinutes = 0 }: WallTimeOptions = {}) {
    this.offsetSeconds = utcOffsetMinutes * 60;
    this.referenceSeconds = referenceNanos === undefined ? null : Number(referenceNanos / secondNanos);
  }

  /** `2026-11-23T15:20:00[.frac](Z|+00:00|+0000)`, RFC 3339 and what journald makes of it. */
  rfc3339(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 20 || bytes[at + 4] !== 45 || bytes[at + 7] !== 45) return -1;
    if (bytes[at + 10] !== 84 && bytes[at + 10] !== 116) return -1;
    const day = this.date(digits(bytes, at, at + 4), digits(bytes, at + 5, at + 7), digits(bytes, at + 8, at + 10));
    const time = timeOfDay(bytes, at + 11, end);
    if (day === null || time < 0) return -1;
    const zone = this.fraction(bytes, at + 19, end);
    const sign = bytes[zone];
    if (zone >= end) return -1;
    if (sign === 90 || sign === 122) {
      this.set(day * secondsPerDay + time);
      return zone + 1;
    }
    if (sign !== 43 && sign !== 45) return -1;
    const colon = bytes[zone + 3] === 58 ? 1 : 0;
    const behind = zone + 5 + colon;
    if (behind > end) return -1;
    const hours = digits(bytes, zone + 1, zone + 3);
    const minutes = digits(bytes, zone + 3 + colon, behind);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return -1;
    this.set(day * secondsPerDay + time - (sign === 43 ? 1 : -1) * (hours * 3600 + minutes * 60));
    return behind;
  }

  /** `2009/11/10 23:00:00[.micros]`, the prefix of Go's log package. */
  goLog(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 19 || bytes[at + 4] !== 47 || bytes[at + 7] !== 47 || bytes[at + 10] !== 32) return -1;
    const day = this.date(digits(bytes, at, at + 4), digits(bytes, at + 5, at + 7), digits(bytes, at + 8, at + 10));
    const time = timeOfDay(bytes, at + 11, end);
    if (day === null || time < 0) return -1;
    const behind = this.fraction(bytes, at + 19, end);
    this.set(day * secondsPerDay + time - this.offsetSeconds);
    return behind;
  }

  /** `Nov 23 13:00:00[.micros]`, of syslog and journald: no year. */
  syslog(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 15 || bytes[at + 3] !== 32 || bytes[at + 6] !== 32) return -1;
    const month = months.get((bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2]);
    const day = bytes[at + 4] === 32 ? digits(bytes, at + 5, at + 6) : digits(bytes, at + 4, at + 6);
    const time = timeOfDay(bytes, at + 7, end);
    if (month === undefined || day < 1 || day > 31 || time < 0) return -1;
    const behind = this.fraction(bytes, at + 15, end);
    this.setWithoutYear(month, day, time);
    return behind;
  }

  /** `1123 15:20:31.123456`, of klog, behind its letter: no year. */
  klog(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < 13 || bytes[at + 4] !== 32) return -1;
    const month = digits(bytes, at, at + 2) - 1;
    const day = digits(bytes, at + 2, at + 4);
    const time = timeOfDay(bytes, at + 5, end);
    if (month < 0 || month > 11 || day < 1 || day > 31 || time < 0) return -1;
    const behind = this.fraction(bytes, at + 13, end);
    this.setWithoutYear(month, day, time);
    return behind;
  }

  /** `1700745600.123456`, seconds since 1970. */
  unix(bytes: Uint8Array, at: number, end: number): number {
    let behind = at;
    while (behind < end && isDigit(bytes[behind])) behind++;
    if (behind - at < 9 || behind - at > 11 || bytes[behind] !== 46) return -1;
    const seconds = digits(bytes, at, behind);
    behind = this.fraction(bytes, behind, end);
    this.set(seconds);
    return behind;
  }

  private fractionNanos = 0;

  /** Reads `.ddd`, or `,ddd`, where it stands; returns the position behind it. */
  private fraction(bytes: Uint8Array, at: number, end: number): number {
    this.fractionNanos = 0;
    if (at + 1 >= end || (bytes[at] !== 46 && bytes[at] !== 44) || !isDigit(bytes[at + 1])) return at;
    let weight = 100_000_000;
    let behind = at + 1;
    for (; behind < end && isDigit(bytes[behind]); behind++) {
      this.fractionNanos += (bytes[behind] - 48) * weight;
      weight = Math.floor(weight / 10);
    }
    return behind;
  }

  private date(year: number, month: number, day: number): number | null {
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31) return null;
    const key = (year * 16 + month) * 32 + day;
    if (key !== this.dayKey) {
      this.dayKey = key;
      this.days = Date.UTC(year, month - 1, day) / 86_400_000;
    }
    return this.days;
  }

  private setWithoutYear(month: number, day: number, time: number): void {
    if (this.referenceSeconds === null) {
      this.nanos = null;
      return;
    }
    const year = new Date(this.referenceSeconds * 1000).getUTCFullYear();
    const secondsIn = (y: number): number => Date.UTC(y, month, day) / 1000 + time - this.offsetSeconds;
    // A log of December that is read in January is of last year; the clocks may differ by a little.
    const thisYear = secondsIn(year);
    if (thisYear <= this.referenceSeconds + aheadSeconds) {
      const nextYear = secondsIn(year + 1);
      this.set(nextYear <= this.referenceSeconds + aheadSeconds ? nextYear : thisYear);
    } else {
      this.set(secondsIn(year - 1));
    }
  }

  private set(seconds: number): void {
    if (!Number.isSafeInteger(seconds)) {
      this.nanos = null;
      return;
    }
    if (seconds !== this.seconds) {
      this.seconds = seconds;
      this.secondsAsNanos = BigInt(seconds) * secondNanos;
    }
    this.nanos = this.fractionNanos === 0 ? this.secondsAsNanos : this.secondsAsNanos + BigInt(this.fractionNanos);
  }
}

/** Seconds of `hh:mm:ss`, or -1. A leap second counts as the next second. */
function timeOfDay(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 8 || bytes[at + 2] !== 58 || bytes[at + 5] !== 58) return -1;
  const hours = digits(bytes, at, at + 2);
  const minutes = digits(bytes, at + 3, at + 5);
  const seconds = digits(bytes, at + 6, at + 8);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 60) return -1;
  return hours * 3600 + minutes * 60 + seconds;
}
