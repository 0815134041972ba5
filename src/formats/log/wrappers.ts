import { ascii, isDigit, startsWith } from './ascii.js';
import { DockerJsonLine } from './docker-json.js';
import type { WallTime } from './wall-time.js';

/** What was found under a wrapper. */
export interface Peeled {
  bytes: Uint8Array;
  start: number;
  end: number;
  atNanos: bigint | null;
  /** The text goes on in the next line of the same stream. */
  partial: boolean;
  /** Texts of different streams are not joined: 0 is stdout, 1 is stderr. */
  stream: 0 | 1;
}

/** Fills `into` and says true if the line is wrapped this way. Total: no bytes make it throw. */
export type Peel = (bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled) => boolean;

export interface Wrapper {
  readonly name: string;
  readonly peel: Peel;
  /** Puts itself around every line; otherwise it is a logger's own prefix, which lines of the runtime do not have. */
  readonly everyLine: boolean;
}

/** From the most specific to the least: a line that fits an earlier one may fit a later one too. */
export const wrappers = [
  { name: 'docker-json', peel: dockerJson(), everyLine: true },
  { name: 'cri', peel: cri, everyLine: true },
  { name: 'rfc5424', peel: rfc5424, everyLine: true },
  { name: 'journald-iso', peel: journaldIso, everyLine: true },
  { name: 'journald', peel: journald, everyLine: true },
  { name: 'journald-unix', peel: journaldUnix, everyLine: true },
  { name: 'rfc3339', peel: rfc3339, everyLine: false },
  { name: 'compose', peel: compose, everyLine: true },
  { name: 'klog', peel: klog, everyLine: false },
  { name: 'go-log', peel: goLog, everyLine: false },
] as const satisfies readonly Wrapper[];

export type WrapperName = (typeof wrappers)[number]['name'];

const stdoutWord = ascii('stdout ');
const stderrWord = ascii('stderr ');
const byteOrderMark = Uint8Array.of(0xef, 0xbb, 0xbf);

function found(into: Peeled, bytes: Uint8Array, start: number, end: number, atNanos: bigint | null): true {
  into.bytes = bytes;
  into.start = start;
  into.end = end;
  into.atNanos = atNanos;
  into.partial = false;
  into.stream = 0;
  return true;
}

function dockerJson(): Peel {
  const line = new DockerJsonLine();
  return (bytes, start, end, time, into) => {
    if (!line.read(bytes, start, end)) return false;
    const dated = time.rfc3339(bytes, line.timeStart, line.timeEnd) >= 0;
    found(into, line.text, line.textStart, line.textEnd, dated ? time.nanos : null);
    into.partial = !line.whole;
    into.stream = line.stderr ? 1 : 0;
    return true;
  };
}

/** `2026-11-23T15:20:00.000000000Z stderr F text`, of containerd and CRI-O. Tags may follow the letter, with colons. */
function cri(bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled): boolean {
  let at = time.rfc3339(bytes, start, end);
  if (at < 0 || bytes[at] !== 32 || end - at < 9) return false;
  const stderr = startsWith(bytes, at + 1, end, stderrWord);
  if (!stderr && !startsWith(bytes, at + 1, end, stdoutWord)) return false;
  at += 8;
  const partial = bytes[at] === 80;
  if (!partial && bytes[at] !== 70) return false;
  at++;
  if (at < end && bytes[at] === 58) while (at < end && bytes[at] !== 32) at++;
  if (at < end && bytes[at] !== 32) return false;
  found(into, bytes, Math.min(at + 1, end), end, time.nanos);
  into.partial = partial;
  into.stream = stderr ? 1 : 0;
  return true;
}

/** `<34>1 2003-10-11T22:14:15.003Z host app procid msgid [id key="value"] text`, RFC 5424. */
function rfc5424(bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled): boolean {
  let at = priority(bytes, start, end);
  if (at === start || bytes[at] !== 49 || bytes[at + 1] !== 32) return false;
  at += 2;
  let atNanos: bigint | null = null;
  if (bytes[at] === 45) {
    at++;
  } else {
    at = time.rfc3339(bytes, at, end);
    if (at < 0) return false;
    atNanos = time.nanos;
  }
  // host, app, procid, msgid
  for (let word = 0; word < 4; word++) {
    if (at >= end || bytes[at] !== 32) return false;
    const from = ++at;
    while (at < end && bytes[at] !== 32) at++;
    if (at === from) return false;
  }
  if (at + 1 >= end || bytes[at] !== 32) return false;
  at++;
  if (bytes[at] === 45) {
    at++;
  } else {
    if (bytes[at] !== 91) return false;
    while (at < end && bytes[at] === 91) {
      at = structuredDataEnd(bytes, at, end);
      if (at < 0) return false;
    }
  }
  if (at < end && bytes[at] !== 32) return false;
  at = Math.min(at + 1, end);
  if (startsWith(bytes, at, end, byteOrderMark)) at += 3;
  return found(into, bytes, at, end, atNanos);
}

function structuredDataEnd(bytes: Uint8Array, at: number, end: number): number {
  let quoted = false;
  for (; at < end; at++) {
    if (bytes[at] === 92 && quoted) at++;
    else if (bytes[at] === 34) quoted = !quoted;
    else if (bytes[at] === 93 && !quoted) return at + 1;
  }
  return -1;
}

/** `2026-11-23T15:20:00[.micros]+0000 host unit[pid]: text`, journalctl -o short-iso and short-iso-precise. */
function journaldIso(bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled): boolean {
  return hostAndUnit(bytes, time.rfc3339(bytes, start, end), end, time, into);
}

/** `Nov 23 13:00:00[.micros] host unit[pid]: text`, journalctl -o short and short-precise, and RFC 3164 syslog. */
function journald(bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled): boolean {
  return hostAndUnit(bytes, time.syslog(bytes, priority(bytes, start, end), end), end, time, into);
}

/** `1700745600.123456 host unit[pid]: text`, journalctl -o short-unix. */
function journaldUnix(bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled): boolean {
  return hostAndUnit(bytes, time.unix(bytes, start, end), end, time, into);
}

function hostAndUnit(bytes: Uint8Array, at: number, end: number, time: WallTime, into: Peeled): boolean {
  if (at < 0 || at >= end || bytes[at] !== 32) return false;
  const host = ++at;
  while (at < end && bytes[at] !== 32) at++;
  if (at === host || at >= end) return false;
  const unit = ++at;
  while (at < end && bytes[at] !== 32) at++;
  // The blank behind the colon is all that is left of an empty line, and editors take it off.
  if (at - unit < 2 || bytes[at - 1] !== 58) return false;
  return found(into, bytes, Math.min(at + 1, end), end, time.nanos);
}

/** Position behind `<34>`, or `at`. */
function priority(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] !== 60) return at;
  let close = at + 1;
  while (close < end && close < at + 4 && isDigit(bytes[close])) close++;
  return close > at + 1 && bytes[close] === 62 && close < end ? close + 1 : at;
}

/** `2026-11-23T15:20:00.000000000Z text`, kubectl logs --timestamps and docker logs -t. */
function rfc3339(bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled): boolean {
  const at = time.rfc3339(bytes, start, end);
  if (at < 0 || (at < end && bytes[at] !== 32)) return false;
  return found(into, bytes, Math.min(at + 1, end), end, time.nanos);
}

/** `service  | text`, docker compose, with or without its colours. */
function compose(bytes: Uint8Array, start: number, end: number, _: WallTime, into: Peeled): boolean {
  let at = skipColour(bytes, start, end);
  const name = at;
  while (at < end && isNameByte(bytes[at])) at++;
  if (at === name) return false;
  while (at < end && bytes[at] === 32) at++;
  if (at >= end || bytes[at] !== 124) return false;
  at = skipColour(bytes, at + 1, end);
  if (at < end && bytes[at] !== 32) return false;
  at = skipColour(bytes, Math.min(at + 1, end), end);
  return found(into, bytes, at, end, null);
}

/** `ESC [ … m`. */
function skipColour(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 >= end || bytes[at] !== 27 || bytes[at + 1] !== 91) return at;
  let behind = at + 2;
  while (behind < end && (isDigit(bytes[behind]) || bytes[behind] === 59)) behind++;
  return behind < end && bytes[behind] === 109 ? behind + 1 : at;
}

function isNameByte(byte: number): boolean {
  const letter = byte | 32;
  return (letter >= 97 && letter <= 122) || isDigit(byte) || byte === 45 || byte === 46 || byte === 95;
}

/** `I1123 15:20:31.123456   12345 file.go:123] text`. */
function klog(bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled): boolean {
  const letter = bytes[start];
  if (end - start < 20 || (letter !== 73 && letter !== 87 && letter !== 69 && letter !== 70)) return false;
  let at = time.klog(bytes, start + 1, end);
  if (at < 0 || bytes[at] !== 32) return false;
  const limit = Math.min(end, at + 512);
  while (at < limit && bytes[at] !== 93) at++;
  if (at >= limit) return false;
  return found(into, bytes, at + 1 < end && bytes[at + 1] === 32 ? at + 2 : at + 1, end, time.nanos);
}

/** `2009/11/10 23:00:00[.micros] text`, the default of Go's log package. */
function goLog(bytes: Uint8Array, start: number, end: number, time: WallTime, into: Peeled): boolean {
  const at = time.goLog(bytes, start, end);
  if (at < 0 || (at < end && bytes[at] !== 32)) return false;
  return found(into, bytes, Math.min(at + 1, end), end, time.nanos);
}
