import {
  widthOf,
  exact,
  type Exact,
  type HourMode,
  type HourSegment,
  type HourTiming,
} from '../analysis/timeline-hours.js';
import { hourMillis } from '../analysis/timeline.js';
import { ByteReader, ByteWriter, DamagedBlockError, openBlock, sealBlock, unzigzag, zigzag } from './block.js';

/**
 * A day of hours, summed up: of one instance, kind and sample type, for the totals (bucket -1) or for up to 64 functions.
 *
 *     mode                    byte: held or counted
 *     hours                   varint, then per hour, ascending
 *         hour of the day     byte
 *         segments            varint, then per segment: 1 if it is of deltas, else 0
 *     timings                 byte: 1 if they follow (bucket -1), else 0; per hour
 *         snapshots           varint; if any: offset of the first in the hour, span, median gap
 *         counters            varint; per counter: first, last − first
 *         per segment         build id (0: none); runs; per run: start since the end of the run before, length
 *     functions               varint, then per function, ascending
 *         number              distance to the one before
 *         bytes               of what follows for this function, so that a reader can pass over the others
 *         flat, cum           rows
 *
 * A row is the numbers of one series: a byte for its layout, a bit per hour in which any of them is not 0, then those
 * hours' numbers as differences that are 0 in a quiet service: first to the last one before, last to first, max to first,
 * increase to last − first. They are zigzag varints, or, when one of them lies beyond 2^51, varints of any length.
 */
export interface RollupBlock {
  readonly mode: HourMode;
  /** Ascending; each with the day's hour of its number. */
  readonly hours: BlockHour[];
  /** By number, ascending: the function's id, or 0 for the totals. */
  readonly functions: Map<number, FunctionHours>;
}

export interface BlockHour {
  readonly hour: number;
  readonly segments: readonly { readonly delta: boolean }[];
  /** In blocks of totals only. */
  readonly timing: HourTiming | null;
}

/** One entry per hour of the block, null where all is 0. See `widthOf` for the numbers. */
export interface FunctionHours {
  readonly flat: readonly (readonly Exact[] | null)[];
  readonly cum: readonly (readonly Exact[] | null)[];
}

export const functionsPerBucket = 64;
export const totalsBucket = -1;

const version = 1;
const Row = { zero: 0, numbers: 1, wide: 2 } as const;
const widest = 2 ** 51;

export async function encodeRollup(block: RollupBlock, dayMillis: number): Promise<Buffer> {
  const out = new ByteWriter(8192);
  out.byte(block.mode === 'held' ? 0 : 1);
  out.uint(block.hours.length);
  for (const { hour, segments } of block.hours) {
    out.byte(hour);
    out.uint(segments.length);
    for (const { delta } of segments) out.byte(delta ? 1 : 0);
  }
  const timings = block.hours.map(({ timing }) => timing);
  const timed = timings.every((timing) => timing !== null);
  out.byte(timed ? 1 : 0);
  if (timed) for (const timing of timings) writeTiming(out, timing, dayMillis);
  out.uint(block.functions.size);
  let before = -1;
  for (const [number, { flat, cum }] of block.functions) {
    const rows = new ByteWriter(256);
    writeRow(rows, block, flat);
    writeRow(rows, block, cum);
    out.uint(number - before - 1);
    out.uint(rows.bytes().length);
    out.raw(rows.bytes());
    before = number;
  }
  return sealBlock(version, out.bytes());
}

/**
 * @param only decode this function alone, if it is there
 * @throws DamagedBlockError
 */
export function decodeRollup(data: Uint8Array, dayMillis: number, only?: number): RollupBlock {
  const reader = openBlock(version, data);
  const mode = reader.byte() === 0 ? 'held' : 'counted';
  const layouts: { hour: number; segments: { delta: boolean }[] }[] = [];
  for (let count = reader.count(2); count > 0; count--) {
    const hour = reader.byte();
    const segments: { delta: boolean }[] = [];
    for (let left = reader.count(1); left > 0; left--) segments.push({ delta: reader.byte() === 1 });
    layouts.push({ hour, segments });
  }
  const timed = reader.byte() === 1;
  const hours = layouts.map(({ hour, segments }): BlockHour => {
    return { hour, segments, timing: timed ? readTiming(reader, dayMillis + hour * hourMillis, segments) : null };
  });
  const functions = new Map<number, FunctionHours>();
  let number = -1;
  for (let count = reader.count(2); count > 0; count--) {
    number += reader.uint() + 1;
    const rows = reader.raw(reader.uint());
    if (only !== undefined && only !== number) continue;
    const row = new ByteReader(rows);
    functions.set(number, { flat: readRow(row, mode, hours), cum: readRow(row, mode, hours) });
    row.end();
  }
  reader.end();
  return { mode, hours, functions };
}

function writeTiming(out: ByteWriter, timing: HourTiming, dayMillis: number): void {
  const { hourMillis: start, spacing } = timing;
  if (start < dayMillis || start >= dayMillis + 24 * hourMillis) throw new RangeError('an hour of another day');
  out.uint(spacing === null ? 0 : spacing.count);
  if (spacing !== null) {
    out.uint(spacing.firstAtMillis - start);
    out.uint(spacing.lastAtMillis - spacing.firstAtMillis);
    out.uint(spacing.gapMillis);
  }
  out.uint(timing.countersFirst.length);
  timing.countersFirst.forEach((first, i) => {
    writeWide(out, first);
    writeWide(out, timing.countersLast[i] - first);
  });
  for (const { buildId, runs } of timing.segments) {
    writeWide(out, buildId === null ? 0n : BigInt(buildId));
    out.uint(runs.length / 2);
    let at = start;
    for (let run = 0; run < runs.length; run += 2) {
      out.uint(runs[run] - at);
      out.uint(runs[run + 1] - runs[run]);
      at = runs[run + 1];
    }
  }
}

function readTiming(reader: ByteReader, start: number, layout: readonly { delta: boolean }[]): HourTiming {
  const count = reader.uint();
  let spacing: HourTiming['spacing'] = null;
  if (count > 0) {
    const firstAtMillis = start + reader.uint();
    const lastAtMillis = firstAtMillis + reader.uint();
    spacing = { firstAtMillis, lastAtMillis, count, gapMillis: reader.uint() };
  }
  const countersFirst: bigint[] = [];
  const countersLast: bigint[] = [];
  for (let counters = reader.count(2); counters > 0; counters--) {
    const first = readWide(reader);
    countersFirst.push(first);
    countersLast.push(first + readWide(reader));
  }
  const segments = layout.map(({ delta }): HourSegment => {
    const build = readWide(reader);
    const runs: number[] = [];
    let at = start;
    for (let count = reader.count(2); count > 0; count--) {
      const from = at + reader.uint();
      at = from + reader.uint();
      runs.push(from, at);
    }
    return { buildId: build === 0n ? null : String(build), delta, runs };
  });
  return { hourMillis: start, spacing, countersFirst, countersLast, segments };
}

function writeRow(out: ByteWriter, block: RollupBlock, row: FunctionHours['flat']): void {
  const present = new Uint8Array((row.length + 7) >> 3);
  const differences: Exact[] = [];
  let last: Exact = 0;
  row.forEach((values, i) => {
    if (values === null) return;
    present[i >> 3] |= 1 << (i & 7);
    let at = 0;
    for (const segment of block.hours[i].segments) {
      const width = widthOf(block.mode, segment);
      const first = values[at];
      if (width === 1) {
        differences.push(first);
      } else {
        const step = minus(values[at + 1], first);
        differences.push(minus(first, last), step);
        if (width === 4) differences.push(values[at + 2], minus(values[at + 3], first));
        else differences.push(minus(values[at + 2], step));
        last = values[at + 1];
      }
      at += width;
    }
  });
  if (differences.length === 0) return out.byte(Row.zero);
  const wide = differences.some((value) => typeof value === 'bigint' || value > widest || value < -widest);
  out.byte(wide ? Row.wide : Row.numbers);
  out.raw(present);
  for (const value of differences) {
    if (wide) writeWide(out, BigInt(value));
    else out.uint(zigzag(value as number));
  }
}

function readRow(reader: ByteReader, mode: HourMode, hours: readonly BlockHour[]): (Exact[] | null)[] {
  const layout = reader.byte();
  if (layout === Row.zero) return hours.map(() => null);
  if (layout > Row.wide) throw new DamagedBlockError(`row layout ${layout}`);
  const next = layout === Row.wide ? () => exact(readWide(reader)) : () => unzigzag(reader.uint());
  const present = reader.raw((hours.length + 7) >> 3);
  let last: Exact = 0;
  return hours.map(({ segments }, i) => {
    if (((present[i >> 3] >> (i & 7)) & 1) === 0) return null;
    const values: Exact[] = [];
    for (const segment of segments) {
      const width = widthOf(mode, segment);
      if (width === 1) {
        values.push(next());
        continue;
      }
      const first = plus(last, next());
      const step = next();
      last = plus(first, step);
      values.push(first, last);
      if (width === 4) values.push(next(), plus(first, next()));
      else values.push(plus(step, next()));
    }
    return values;
  });
}

function plus(a: Exact, b: Exact): Exact {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return exact(BigInt(a) + BigInt(b));
}

function minus(a: Exact, b: Exact): Exact {
  return plus(a, -b);
}

/** A signed integer of any size: zigzag, base 128, low groups first. */
function writeWide(out: ByteWriter, value: bigint): void {
  let rest = value < 0n ? -value * 2n - 1n : value * 2n;
  if (rest < 2n ** 53n) return out.uint(Number(rest));
  for (; rest > 127n; rest >>= 7n) out.byte(Number(rest & 127n) | 128);
  out.byte(Number(rest));
}

function readWide(reader: ByteReader): bigint {
  // Nearly all are short, and a bigint per byte would take most of the time.
  let low = 0;
  for (let scale = 1; scale < 2 ** 49; scale *= 128) {
    const byte = reader.byte();
    low += (byte & 127) * scale;
    if (byte < 128) return BigInt(low % 2 === 0 ? low / 2 : (low + 1) / -2);
  }
  let value = BigInt(low);
  for (let shift = 49n; shift < 2048n; shift += 7n) {
    const byte = reader.byte();
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n;
  }
  throw new DamagedBlockError('a number is too long');
}
