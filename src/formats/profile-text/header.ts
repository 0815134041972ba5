import { FormatError } from '../format-error.js';
import type { ProfileKind } from '../pprof/kind.js';
import type { ValueType } from '../pprof/profile.js';
import { asciiText, byte } from './scan.js';
import { type Int64, int64 } from './scale.js';

/** The first lines of a text profile: what its records mean. */
export interface Header {
  readonly layout: 'heap' | 'count' | 'contention';
  readonly kind: ProfileKind;
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType;
  /** Heap: mean bytes between two samples. Contention: how many events one record stands for. Else 1. */
  readonly period: Int64;
  /** Heap: whether records are samples that have to be scaled up. */
  readonly sampled: boolean;
  /** Contention: 0 where the text does not say. */
  readonly cyclesPerSecond: Int64;
  readonly durationNanos: bigint;
  /** Sums that the header gives: of the objects in use and allocated, or of all counts. */
  readonly totals: readonly bigint[];
  /** Offset of the first line behind the header. */
  readonly end: number;
}

const headBytes = 4096;
const int64Max = 2n ** 63n - 1n;

const contentionTypes: readonly ValueType[] = [
  { type: 'contentions', unit: 'count' },
  { type: 'delay', unit: 'nanoseconds' },
];

const heapTypes: readonly ValueType[] = [
  { type: 'alloc_objects', unit: 'count' },
  { type: 'alloc_space', unit: 'bytes' },
  { type: 'inuse_objects', unit: 'count' },
  { type: 'inuse_space', unit: 'bytes' },
];

/** How each layout begins. Names of custom profiles may hold anything but a line break. */
const starts = {
  heap: /^heap profile: /,
  contention: /^--- (?:contention|mutex):|^--- contentionz /,
  count: /^(?![#\s])([^\n\r]{1,400}?) profile: total (\d{1,20})[ \t]*$/,
} as const;

const heapLine =
  /^heap profile: *(-?\d{1,20}): *(-?\d{1,20}) *\[ *(-?\d{1,20}): *(-?\d{1,20}) *\] *@ *(heap_v2|heapz_v2|heapprofile|heap)(?:\/(\d{1,20}))?[ \t]*$/;

/** Whether the text begins, blank lines and comments aside, as a profile with debug=1 does. `text` is the head, a character per byte, without BOM. */
export function sniffProfileText(_: Uint8Array, text: string): boolean {
  const line = firstLine(text.slice(commentsAhead(text)));
  return Object.values(starts).some((start) => start.test(line));
}

/**
 * Reads the header at `bytes[start..)`.
 *
 * Throws FormatError: `unrecognized`, `truncated` where the text ends inside the header, `malformed`.
 */
export function readHeader(bytes: Uint8Array, start: number): Header {
  const head = asciiText(bytes, start, Math.min(bytes.length, start + headBytes));
  const skipped = commentsAhead(head);
  const line = firstLine(head.slice(skipped));
  const end = start + skipped + lineLength(head.slice(skipped));
  const isWhole = start + skipped + line.length < bytes.length;
  if (starts.heap.test(line)) return heapHeader(line, end, isWhole);
  if (starts.contention.test(line)) return contentionHeader(line, bytes, end);
  const count = starts.count.exec(line);
  if (count !== null) {
    const utf8Name = new TextDecoder().decode(Uint8Array.from(count[1], (c) => c.charCodeAt(0)));
    return countHeader(utf8Name, BigInt(count[2]), end);
  }
  throw new FormatError('unrecognized', 'unrecognized profile format: not the text of a profile (debug=1)', {
    offset: start,
  });
}

function heapHeader(line: string, end: number, isWhole: boolean): Header {
  const found = heapLine.exec(line);
  if (found === null) {
    throw new FormatError(isWhole ? 'malformed' : 'truncated', `heap profile with a broken first line`, { offset: 0 });
  }
  const rate = int64Of(found[6] ?? '0');
  const flavour = found[5];
  return {
    layout: 'heap',
    kind: 'heap',
    sampleTypes: heapTypes,
    periodType: { type: 'space', unit: 'bytes' },
    // Go writes twice its MemProfileRate, as the first heap profilers did.
    period: flavour === 'heapprofile' ? 1 : int64(flavour === 'heap' ? rate / 2n : rate),
    sampled: flavour !== 'heapprofile',
    cyclesPerSecond: 0,
    durationNanos: 0n,
    totals: [BigInt(found[3]), BigInt(found[1])],
    end,
  };
}

function countHeader(name: string, total: bigint, end: number): Header {
  const type: ValueType = { type: name, unit: 'count' };
  const kind = (['goroutine', 'goroutineleak', 'threadcreate'] as const).find((known) => known === name) ?? 'custom';
  return {
    layout: 'count',
    kind,
    sampleTypes: [type],
    periodType: type,
    period: 1,
    sampled: false,
    cyclesPerSecond: 0,
    durationNanos: 0n,
    totals: [total],
    end,
  };
}

/** Lines `attribute=value` follow the first line: of the clock, and of how mutex events are sampled. */
function contentionHeader(line: string, bytes: Uint8Array, start: number): Header {
  let cyclesPerSecond: Int64 = 0;
  let period: Int64 = 1;
  let durationNanos = 0n;
  let position = start;
  while (position < bytes.length) {
    const feed = bytes.indexOf(byte.lineFeed, position);
    const end = feed < 0 ? bytes.length : feed;
    if (end - position > attributeBytes) break;
    const [name, value] = asciiText(bytes, position, end)
      .split('=')
      .map((part) => part.trim());
    if (value === undefined) break;
    if (name === 'cycles/second' || name === 'sampling period' || name === 'ms since reset') {
      if (!/^-?\d{1,20}$/.test(value)) {
        const cut = feed < 0;
        throw new FormatError(cut ? 'truncated' : 'malformed', `${name} is no number`, { offset: position });
      }
      const number = int64Of(value);
      if (name === 'cycles/second') cyclesPerSecond = int64(number);
      else if (name === 'sampling period') period = int64(number);
      else durationNanos = BigInt.asIntN(64, number * 1_000_000n);
    } else if (name === 'format' || name === 'resolution') {
      throw new FormatError('unrecognized', 'unrecognized profile format: a contention profile of Java', {
        offset: position,
      });
    }
    position = feed < 0 ? end : feed + 1;
  }
  return {
    layout: 'contention',
    kind: line.startsWith('--- mutex') ? 'mutex' : 'block',
    sampleTypes: contentionTypes,
    periodType: contentionTypes[0],
    period,
    sampled: false,
    cyclesPerSecond,
    durationNanos,
    totals: [],
    end: position,
  };
}

const attributeBytes = 256;

function int64Of(digits: string): bigint {
  const value = BigInt(digits);
  if (value > int64Max || value < -int64Max - 1n) {
    throw new FormatError('malformed', `a number of the header exceeds 64 bits: ${digits}`, { offset: 0 });
  }
  return value;
}

/** Characters of blank lines and comments before the header. */
function commentsAhead(head: string): number {
  let position = 0;
  while (position < head.length && /^[ \t]*(?:#|\r?\n)/.test(head.slice(position, position + 80))) {
    const feed = head.indexOf('\n', position);
    if (feed < 0) break;
    position = feed + 1;
  }
  return position;
}

/** The first line of `text`, without its end. */
function firstLine(text: string): string {
  const line = text.slice(0, lineLength(text));
  return line.replace(/\r?\n$/, '');
}

function lineLength(text: string): number {
  const feed = text.indexOf('\n');
  return feed < 0 ? text.length : feed + 1;
}
