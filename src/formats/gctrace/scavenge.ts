import { ascii, digits, indexOf, isDigit, startsWith } from '../log/ascii.js';
import { type Fold, MergingRows, RowBudget } from '../log/merging-rows.js';
import { joinTime, timeFraction, timeSeconds } from '../log/row-times.js';
import type { Scavenges } from './gc-trace.js';

const scvg = ascii('scvg');
const scav = ascii('scav ');
const released = ascii(' released');
const inUse = ascii('inuse: ');
const releasedNow = ascii('released: ');
const work = ascii(' KiB work');
const total = ascii(' KiB total');
const now = ascii(' KiB now');
const util = ascii('% util');
const megabytes = ascii(' MB released');

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

const folds: Fold[] = ['sum', 'first', 'last', 'sum', 'last', 'last', 'first', 'first', 'last', 'last'];

/**
 * The lines of the scavenger, which gives memory back to the system:
 *
 *     scvg1: 12 MB released                                                          until 1.12, with gctrace=1
 *     scvg: inuse: 4, idle: 59, sys: 63, released: 59, consumed: 4 (MB)              until 1.14; numbered until 1.12
 *     scvg: 8 KB released                                                            1.14
 *     scav 0 8 KiB work, 59424 KiB total, 97% util                                   1.15 to 1.18, scavtrace=1
 *     scav 8 KiB work, 1488 KiB total, 100% util                                     1.19, 1.20
 *     scav 8 KiB work (bg), 0 KiB work (eager), 5384 KiB now, 100% util              since 1.21
 *
 * Source: runtime/mheap.go until 1.14, runtime/mgcscavenge.go, printScavTrace.
 */
export class ScavengeRows {
  private readonly budget: RowBudget;
  private readonly rows: MergingRows;
  private readonly entry = new Float64Array(folds.length);

  constructor(rowLimit: number) {
    this.budget = new RowBudget(rowLimit);
    this.rows = new MergingRows(folds, this.budget);
  }

  /** Keeps the line if it is one; says whether it was. */
  line(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, line: number): boolean {
    let known = false;
    if (startsWith(bytes, start, end, scav)) known = this.readScav(bytes, start, end);
    else if (startsWith(bytes, start, end, scvg)) known = this.readScvg(bytes, start, end);
    if (!known) return false;
    const { entry } = this;
    entry[0] = 1;
    entry[1] = entry[2] = line;
    entry[6] = entry[8] = timeSeconds(atNanos);
    entry[7] = entry[9] = timeFraction(atNanos);
    this.rows.add(entry);
    this.budget.settle();
    return true;
  }

  toColumns(): Scavenges {
    const { rows } = this;
    const column = (index: number): Float64Array =>
      Float64Array.from({ length: rows.length }, (_, i) => rows.get(i, index));
    const times = (index: number): BigInt64Array =>
      BigInt64Array.from({ length: rows.length }, (_, i) => joinTime(rows.get(i, index), rows.get(i, index + 1)));
    return {
      rows: rows.length,
      count: column(0),
      firstLine: column(1),
      lastLine: column(2),
      releasedBytes: column(3),
      releasedNowBytes: column(4),
      inUsePercent: column(5),
      firstAtNanos: times(6),
      lastAtNanos: times(8),
    };
  }

  private readScav(bytes: Uint8Array, start: number, end: number): boolean {
    const given = numberBefore(bytes, start, end, work);
    if (given < 0) return false;
    const first = indexOf(bytes, start, end, work) + work.length;
    const second = numberBefore(bytes, first, end, work);
    const kept = numberBefore(bytes, start, end, now);
    const sum = kept < 0 ? numberBefore(bytes, start, end, total) : kept;
    const percent = numberBefore(bytes, start, end, util);
    if (sum < 0 || percent < 0) return false;
    return this.set((given + Math.max(second, 0)) * kibibyte, sum * kibibyte, percent);
  }

  private readScvg(bytes: Uint8Array, start: number, end: number): boolean {
    let at = start + scvg.length;
    while (at < end && isDigit(bytes[at])) at++;
    if (bytes[at] !== 58 || bytes[at + 1] !== 32 || at + 2 >= end) return false;
    at += 2;
    if (startsWith(bytes, at, end, inUse)) {
      const used = numberBehind(bytes, at, end, inUse);
      const given = numberBehind(bytes, at, end, releasedNow);
      const system = numberBehind(bytes, at, end, systemKey);
      if (used < 0 || given < 0 || system < 0) return false;
      const kept = system - given;
      return this.set(0, given * mebibyte, kept > 0 ? (used / kept) * 100 : Number.NaN);
    }
    if (indexOf(bytes, at, end, released) < 0) return false;
    let behind = at;
    while (behind < end && isDigit(bytes[behind])) behind++;
    const amount = digits(bytes, at, behind);
    const unit = startsWith(bytes, behind, end, megabytes) ? mebibyte : kibibyte;
    return amount >= 0 && this.set(amount * unit, Number.NaN, Number.NaN);
  }

  private set(releasedBytes: number, releasedNowBytes: number, inUsePercent: number): true {
    this.entry[3] = releasedBytes;
    this.entry[4] = releasedNowBytes;
    this.entry[5] = inUsePercent;
    return true;
  }
}

const systemKey = ascii('sys: ');

/** The number that stands before `text`, or -1. */
function numberBefore(bytes: Uint8Array, start: number, end: number, text: Uint8Array): number {
  const at = indexOf(bytes, start, end, text);
  let from = at;
  while (from > start && isDigit(bytes[from - 1])) from--;
  return at < 0 ? -1 : digits(bytes, from, at);
}

/** The number that stands behind `text`, or -1. */
function numberBehind(bytes: Uint8Array, start: number, end: number, text: Uint8Array): number {
  const at = indexOf(bytes, start, end, text);
  if (at < 0) return -1;
  let behind = at + text.length;
  while (behind < end && isDigit(bytes[behind])) behind++;
  return digits(bytes, at + text.length, behind);
}
