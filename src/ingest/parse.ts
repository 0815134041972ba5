import type { Budget } from '../formats/budget.js';
import { describeSniffed, type Format, sniffHead } from '../formats/detect.js';
import { FormatError } from '../formats/format-error.js';
import { type Inflate, inflateHead, inflateWithin, isGzip, withoutEncoding } from '../formats/inflate.js';
import type { Kind } from '../formats/kind.js';
import { isProcessMemoryFile } from '../formats/process-memory/decode.js';
import type { ParsedPart } from './parsed-part.js';
import { type Declared, KindMismatch } from './parts/declared.js';
import { traceParts } from './parts/exectrace.js';
import { logParts } from './parts/log.js';
import {
  buildInfoParts,
  expvarParts,
  gcStatsParts,
  memStatsParts,
  prometheusParts,
  runtimeMetricsJsonParts,
  runtimeMetricsTextParts,
} from './parts/numbers.js';
import { pprofParts } from './parts/pprof.js';
import { processMemoryParts } from './parts/process-memory.js';
import { profileTextParts } from './parts/profile-text.js';

export interface ParseMeans {
  readonly budget: Budget;
  readonly inflate: Inflate;
}

/** All snapshots in an artefact that is not compressed (any more). @throws FormatError, KindMismatch */
type PartsOf = (artefact: Uint8Array, declared: Declared, budget: Budget) => ParsedPart[];

/** Who reads what was recognized; what nobody reads is refused with the words that describe it. */
const readers: Partial<Record<Format, PartsOf>> = {
  pprof: pprofParts,
  'profile-text': profileTextParts,
  memstats: memStatsParts,
  expvar: expvarParts,
  gcstats: gcStatsParts,
  'build-info': buildInfoParts,
  'runtime-metrics': runtimeMetricsJsonParts,
  'runtime-metrics-text': runtimeMetricsTextParts,
  prometheus: prometheusParts,
  'process-memory': processMemoryParts,
  log: logParts,
};

/**
 * All snapshots in the bytes of an upload: the whole way from bytes to values, the same for the service and the command
 * line.
 *
 * @throws FormatError, its message fit for the sender; KindMismatch
 */
export function parse(bytes: Uint8Array, declared: Declared, means: ParseMeans): ParsedPart[] {
  const { contentEncoding } = declared;
  const received = contentEncoding === 'gzip' ? withoutEncoding(bytes, means.budget, means.inflate) : bytes;
  const parts = partsIn(received, declared, means);
  const { declaredKind } = declared;
  if (declaredKind !== null && !parts.some(({ kind }) => isMeantBy(declaredKind, kind))) {
    const kinds = [...new Set(parts.map(({ kind }) => kind))].join(', ');
    throw new KindMismatch('malformed', `declared ${declaredKind} but is ${kinds}`);
  }
  return parts;
}

/** @param bytes an artefact, with one layer of gzip around it at most */
function partsIn(bytes: Uint8Array, declared: Declared, { budget, inflate }: ParseMeans): ParsedPart[] {
  // Inflated, a trace may be larger than anything else: it is never in memory as a whole.
  if (isTrace(bytes)) return traceParts(bytes, budget);
  const artefact = inflateWithin(bytes, budget, inflate);
  const format = sniffHead(artefact)?.format ?? formatByName(artefact, declared.name);
  if (format === 'empty') throw new FormatError('truncated', 'empty input file', { offset: 0 });
  const partsOf = format === undefined ? searchLog : readers[format];
  if (partsOf === undefined) throw unrecognized(artefact);
  const parts = partsOf(artefact, declared, budget);
  return format !== 'log' && parts.some(leavesOut) ? [...parts, ...logBehind(artefact, declared, budget)] : parts;
}

function isTrace(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, headBytes);
  return sniffHead(isGzip(head) ? inflateHead(head, magicBytes) : head)?.format === 'exectrace';
}

/** A number alone says what it is by the name of its file only. */
function formatByName(artefact: Uint8Array, name: string | null): Format | undefined {
  if (name === null || artefact.includes(0) || !isProcessMemoryFile(name)) return undefined;
  return 'process-memory';
}

/** Whether some of the text is none of what was read. */
function leavesOut({ details: { format, warnings, losses } }: ParsedPart): boolean {
  if (format === 'pprof') return false;
  return [...warnings, ...losses].some(({ code }) => leftOutCodes.has(code));
}

const leftOutCodes: ReadonlySet<string> = new Set(['unreadable-lines', 'malformed', 'truncated', 'unrecognized']);

/** What a log holds that follows something else in one file, as when a process prints its MemStats and is then killed. */
function logBehind(artefact: Uint8Array, declared: Declared, budget: Budget): ParsedPart[] {
  try {
    return logParts(artefact, declared, budget);
  } catch (error) {
    // What was read is read, and says what it leaves out.
    if (error instanceof FormatError) return [];
    throw error;
  }
}

/** A dump (debug=2) is what the goroutine profile of net/http/pprof gives as text, so whoever says `goroutine` means it too. */
function isMeantBy(declared: Kind, found: Kind): boolean {
  return declared === found || (declared === 'goroutine' && found === 'goroutine-dump');
}

/** A log may say nothing of Go for a long while, so what is text and nothing else is read to its end. */
function searchLog(artefact: Uint8Array, declared: Declared, budget: Budget): ParsedPart[] {
  // A log that was truncated while its writer went on begins with a hole.
  const text = artefact.subarray(
    Math.max(
      0,
      artefact.findIndex((byte) => byte !== 0),
    ),
  );
  if (text.subarray(0, headBytes).includes(0)) throw unrecognized(artefact);
  if (isBlank(text)) throw new FormatError('truncated', 'nothing but blank lines', { offset: 0 });
  try {
    return logParts(text, declared, budget);
  } catch (error) {
    throw error instanceof FormatError && error.fault === 'unrecognized' ? unrecognized(artefact) : error;
  }
}

const headBytes = 4096;
const magicBytes = 16;

function isBlank(text: Uint8Array): boolean {
  const start = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? 3 : 0;
  // Space, tab, line feed, carriage return, NUL.
  return text.subarray(start).every((byte) => byte === 32 || byte === 9 || byte === 10 || byte === 13 || byte === 0);
}

function unrecognized(artefact: Uint8Array): FormatError {
  const sniffed = sniffHead(artefact);
  const what = sniffed === null ? '' : `: this is ${describeSniffed(sniffed)}`;
  const line = firstLine(artefact);
  const begins = line === null ? '' : `; it begins with ${line}`;
  const hint = isValueAlone(artefact)
    ? ': what a number means shows in the name of its file alone (memory.current)'
    : '';
  return new FormatError('unrecognized', `unrecognized profile format${what}${hint}${begins}`);
}

/** A file of one value, as control groups have them. */
function isValueAlone(bytes: Uint8Array): boolean {
  return bytes.length <= 32 && /^\s*(?:\d+|max)\s*$/.test(new TextDecoder().decode(bytes));
}

const quotedCharacters = 120;

/**
 * The first line that is not blank of something that reads like text, quoted so that it is harmless wherever it is shown,
 * a terminal or a page; else null.
 */
function firstLine(bytes: Uint8Array): string | null {
  const [line] = new TextDecoder()
    .decode(bytes.subarray(0, 1024))
    .trimStart()
    .split(/[\r\n]/, 1);
  const characters = [...line];
  const shown = characters.slice(0, quotedCharacters);
  const odd = shown.filter((character) => /[\p{C}\ufffd]/u.test(character)).length;
  if (shown.length === 0 || odd * 4 > shown.length) return null;
  const text = shown
    .map((character) =>
      /[\p{C}\u2028\u2029<]/u.test(character) ? `\\u{${character.codePointAt(0)!.toString(16)}}` : character,
    )
    .join('');
  return `"${text}${characters.length > shown.length ? '…' : ''}"`;
}
