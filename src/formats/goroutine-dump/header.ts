import { goroutineFlags, type LabelSet } from './dump.js';
import { closingQuote, readLabels } from './label-text.js';
import { hashSeed, hashStep, SequenceTable } from './sequence-table.js';
import { ascii, decimalAt, isDigit, startsWith } from './text-bytes.js';

/** What a goroutine header says behind the id. */
export interface HeaderStatus {
  readonly state: string;
  /** -1: not said. */
  readonly waitMinutes: number;
  /** Bits of `goroutineFlags`. */
  readonly flags: number;
  /** 0: none. */
  readonly bubble: bigint;
  readonly labels: LabelSet;
}

const space = 0x20;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const closeBrace = 0x7d;

const word = ascii('goroutine ');
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Statuses up to this long are remembered, and so many of them: dumps repeat a few hundred. */
const remembered = { bytes: 128, statuses: 4_096 };

/** A header stands at most so far behind the beginning of its line. */
const prefixBytes = 256;

/**
 * Reads the headers of all Go versions:
 *
 * ```
 * goroutine 7 [chan receive, 3 minutes, locked to thread]:
 * goroutine 9 gp=0xc000003a40 m=nil [select (no cases)]:
 * goroutine 12 [chan receive (durable), synctest bubble 1]:
 * goroutine 43 [chan receive labels:{"tenant": "acme"}]:
 * goroutine 44 [chan receive] {tenant: acme}:
 * ```
 *
 * Source: Go runtime/traceback.go, goroutineheader.
 */
export class HeaderReader {
  /** Of the header that was read last: its goroutine's id, and what follows it. */
  id: number | bigint = 0;
  status: HeaderStatus = noStatus;
  readonly #known = new SequenceTable<Uint8Array>((length) => new Uint8Array(length), {
    entries: remembered.statuses,
    elements: remembered.bytes * remembered.statuses,
  });
  readonly #statuses: (HeaderStatus | null)[] = [];

  /** Whether the line is a header. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    if (!endsLikeHeader(bytes, start, end) || !startsWith(bytes, start, end, word)) return false;
    let at = start + word.length;
    const digits = at;
    while (at < end && isDigit(bytes[at])) at++;
    if (at === digits || at - digits > 20) return false;
    const id = decimalAt(bytes, digits, at);
    // gp=0x… m=… mp=0x…
    while (bytes[at] === space && bytes[at + 1] !== openBracket) {
      at++;
      const token = at;
      while (at < end && bytes[at] !== space) at++;
      if (bytes[token] !== 0x67 && bytes[token] !== 0x6d) return false;
    }
    if (at + 2 >= end || bytes[at] !== space) return false;
    const status = this.#status(bytes, at + 2, end - 1);
    if (status === null) return false;
    this.id = id;
    this.status = status;
    return true;
  }

  /** Where in the line a header begins that stands behind something else, such as the time of a logger; -1: nowhere. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (!endsLikeHeader(bytes, start, end)) return -1;
    const last = Math.min(end - word.length, start + prefixBytes);
    for (let at = start; at < last; at++) {
      if (bytes[at] === word[0] && this.read(bytes, at, end)) return at;
    }
    return -1;
  }

  /** From behind the bracket to before the colon that ends the line. */
  #status(bytes: Uint8Array, start: number, end: number): HeaderStatus | null {
    if (end - start > remembered.bytes) return parseStatus(decoder.decode(bytes.subarray(start, end)));
    let hash = hashSeed;
    for (let i = start; i < end; i++) hash = hashStep(hash, bytes[i]);
    const number = this.#known.intern(bytes, start, end, hash);
    if (number < 0) return parseStatus(decoder.decode(bytes.subarray(start, end)));
    if (number === this.#statuses.length) {
      this.#statuses.push(parseStatus(decoder.decode(bytes.subarray(start, end))));
    }
    return this.#statuses[number];
  }
}

const noStatus: HeaderStatus = { state: '', waitMinutes: -1, flags: 0, bubble: 0n, labels: [] };

/** `]:`, or `}:` behind labels. */
function endsLikeHeader(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 14 || bytes[end - 1] !== colon) return false;
  return bytes[end - 2] === closeBracket || bytes[end - 2] === closeBrace;
}

/** Longer than any state of Go with all that it may say about the wait. */
const statusLength = 512;

/** `chan receive, 3 minutes] {tenant: acme}` */
function parseStatus(text: string): HeaderStatus | null {
  const labelled = text.indexOf(' labels:{');
  let close = text.indexOf(']');
  let labels: LabelSet | null = [];
  if (labelled >= 0 && (close < 0 || labelled < close)) {
    if (!text.endsWith('}]') || quotedEnd(text, labelled + 9) !== text.length - 2) return null;
    labels = readLabels(text.slice(labelled + 9, -2));
    close = labelled;
  } else if (close < 0) {
    return null;
  } else if (close < text.length - 1) {
    if (!text.startsWith(' {', close + 1) || !text.endsWith('}')) return null;
    labels = readLabels(text.slice(close + 3, -1));
  }
  if (labels === null || close > statusLength || close === 0) return null;
  return { ...parseWait(text.slice(0, close)), labels };
}

/** Where the closing brace of `{"k": "v", …}` stands, given the index behind the opening one; -1: nowhere. */
function quotedEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== '}') {
    if (text[at] === '"') {
      const close = closingQuote(text, at);
      if (close < 0) return -1;
      at = close;
    }
    at++;
  }
  return at < text.length ? at : -1;
}

/** `chan receive (leaked), 3 minutes, locked to thread, synctest bubble 1` */
function parseWait(text: string): Omit<HeaderStatus, 'labels'> {
  const [first, ...parts] = text.split(', ');
  let state = first;
  let flags = 0;
  let waitMinutes = -1;
  let bubble = 0n;
  for (const part of parts) {
    const minutes = /^(\d{1,12}) minutes$/.exec(part);
    const group = /^synctest (?:bubble|group) (\d{1,19})$/.exec(part);
    if (part === 'locked to thread') flags |= goroutineFlags.locked;
    else if (minutes) waitMinutes = Math.min(Number(minutes[1]), 0x7fff_ffff);
    else if (group) bubble = BigInt(group[1]);
    // Something that a later Go says: part of the state, rather than lost.
    else state += `, ${part}`;
  }
  for (let stripped = true; stripped;) {
    stripped = false;
    for (const [suffix, flag] of suffixes) {
      if (!state.endsWith(suffix) || state.length === suffix.length) continue;
      state = state.slice(0, -suffix.length);
      flags |= flag;
      stripped = true;
    }
  }
  return { state, waitMinutes, flags, bubble };
}

const suffixes = [
  [' (durable)', goroutineFlags.durable],
  [' (scan)', goroutineFlags.scan],
  [' (leaked)', goroutineFlags.leaked],
] as const;
