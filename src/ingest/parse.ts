import type { Budget } from '../formats/budget.js';
import { describeSniffed, type Format, sniffHead } from '../formats/detect.js';
import { FormatError } from '../formats/format-error.js';
import { type Inflate, inflateHead, inflateWithin, isGzip, withoutEncoding } from '../formats/inflate.js';
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
  if (declaredKind !== null && !parts.some(({ kind }) => kind === declaredKind)) {
    const found = [...new Set(parts.map(({ kind }) => kind))].join(', ');
    throw new KindMismatch('malformed', `declared ${declaredKind} but is ${found}`);
  }
  return parts;
}

/** @param bytes an artefact, with one layer of gzip around it at most */
function partsIn(bytes: Uint8Array, declared: Declared, { budget, inflate }: ParseMeans): ParsedPart[] {
  // Inflated, a trace may be larger than anything else: it is never in memory as a whole.
  if (isTrace(bytes)) return traceParts(bytes, budget);
  const artefact = inflateWithin(bytes, budget, inflate);
  const format = sniffHead(artefact)?.format;
  if (format === 'empty') throw new FormatError('truncated', 'empty input file', { offset: 0 });
  const partsOf = format === undefined ? searchLog : readers[format];
  if (partsOf === undefined) throw unrecognized(artefact);
  return partsOf(artefact, declared, budget);
}

function isTrace(bytes: Uint8Array): boolean {
  const head = bytes.subarray(0, headBytes);
  return sniffHead(isGzip(head) ? inflateHead(head, magicBytes) : head)?.format === 'exectrace';
}

/** A log may say nothing of Go for a long while, so what is text and nothing else is read to its end. */
function searchLog(artefact: Uint8Array, declared: Declared, budget: Budget): ParsedPart[] {
  if (artefact.subarray(0, headBytes).includes(0)) throw unrecognized(artefact);
  try {
    return logParts(artefact, declared, budget);
  } catch (error) {
    throw error instanceof FormatError && error.fault === 'unrecognized' ? unrecognized(artefact) : error;
  }
}

const headBytes = 4096;
const magicBytes = 16;

function unrecognized(artefact: Uint8Array): FormatError {
  const sniffed = sniffHead(artefact);
  const what = sniffed === null ? '' : `: this is ${describeSniffed(sniffed)}`;
  const line = firstLine(artefact);
  return new FormatError(
    'unrecognized',
    `unrecognized profile format${what}${line === null ? '' : `; it begins with ${line}`}`,
  );
}

const quotedCharacters = 120;

/** The first line of something that reads like text, quoted so that it is harmless wherever it is shown; else null. */
function firstLine(bytes: Uint8Array): string | null {
  const [line] = new TextDecoder().decode(bytes.subarray(0, 1024)).split(/[\r\n]/, 1);
  const shown = [...line].slice(0, quotedCharacters);
  const odd = shown.filter((character) => /[\p{C}\ufffd]/u.test(character)).length;
  if (shown.length === 0 || odd * 4 > shown.length) return null;
  const text = shown
    .map((character) => (/\p{C}/u.test(character) ? `\\u{${character.codePointAt(0)!.toString(16)}}` : character))
    .join('');
  return `"${text}${line.length > text.length ? '…' : ''}"`;
}
