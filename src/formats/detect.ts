import { isGzip, inflateHead } from './inflate.js';
import { sniffGoLog } from './log/sniff.js';
import { sniffBuildInfo } from './memstats/build-info.js';
import { sniffExpvar } from './memstats/expvar.js';
import { sniffGcStats } from './memstats/gc-stats.js';
import { sniffMemStats } from './memstats/memstats-json.js';
import { profileWireTypes } from './pprof/outline.js';
import { sniffProcessMemory } from './process-memory/decode.js';
import { sniffProfileText } from './profile-text/header.js';
import { sniffPrometheus } from './prometheus/prometheus.js';
import { sniffRuntimeMetricsJson } from './runtime-metrics/runtime-metrics-json.js';
import { sniffRuntimeMetricsText } from './runtime-metrics/runtime-metrics-text.js';

/** What the first bytes of an artefact say. */
export interface Sniffed {
  readonly format: Format;
  /**
   * Whether it holds readings of a clock, so that no two captures have the same bytes: then the same bytes are the same
   * capture. A profile says by it when it was made, where it was made in Go; an execution trace of Go 1.24 or older has
   * only a clock that counts from an unknown moment, and is placed by the time of receipt.
   */
  readonly ownClock: boolean;
  /** Whether it was found inside a layer of gzip. */
  readonly gzip: boolean;
}

export type Format = (typeof recognizers)[number]['name'];

interface Recognizer {
  readonly name: string;
  readonly describe: string;
  readonly ownClock: boolean;
  /**
   * Whether it is text or not; both if it is not said. Control characters tell, so that most are not asked: text has
   * none but those of white space, and a profile has some, as the numbers of its fields are such.
   */
  readonly isText?: boolean;
  readonly sniff: (head: Uint8Array, text: string) => boolean;
}

/** In the order in which they are asked; what is most specific comes first. */
const recognizers = [
  {
    name: 'empty',
    describe: 'nothing: the file is empty',
    ownClock: false,
    sniff: (head) => head.length === 0,
  },
  {
    name: 'nested-gzip',
    describe: 'a gzip file inside a gzip file',
    ownClock: false,
    sniff: isGzip,
  },
  {
    name: 'exectrace',
    describe: 'a Go execution trace',
    ownClock: true,
    // src/internal/trace: "go 1.26 trace" padded with NUL to 16 bytes.
    sniff: (_, text) => /^go 1\.\d{1,4} trace\0+/.test(text.slice(0, 16)),
  },
  {
    name: 'html-error',
    describe: 'an HTML page, not a profile: the URL probably answered with an error or a login page',
    ownClock: false,
    isText: true,
    sniff: (_, text) => /^\s{0,64}<(?:!doctype html|html|head|body|\?xml)/i.test(text),
  },
  {
    name: 'http-error',
    describe: 'the text of an HTTP error, not a profile: the server refused the request for it',
    ownClock: false,
    isText: true,
    // net/http and net/http/pprof write these bodies.
    sniff: (_, text) =>
      /^(?:404 page not found|Unknown profile|Could not enable (?:CPU profiling|tracing)|(?:401|403|429|50[0234]) [A-Z]|Client sent an HTTP request to an HTTPS server|failed to get profile|profile duration exceeds|(?:upstream connect error|no healthy upstream))/i.test(
        text,
      ),
  },
  {
    name: 'profile-text',
    describe: 'a profile in text form (debug=1)',
    ownClock: false,
    isText: true,
    sniff: sniffProfileText,
  },
  {
    name: 'log',
    describe: 'the log of a Go process, with GC cycles, scheduler samples or goroutine dumps in it',
    ownClock: false,
    isText: true,
    sniff: sniffGoLog,
  },
  {
    name: 'expvar',
    describe: 'what package expvar serves at /debug/vars',
    ownClock: false,
    isText: true,
    sniff: sniffExpvar,
  },
  {
    name: 'memstats',
    describe: 'the JSON of runtime.MemStats',
    ownClock: false,
    isText: true,
    sniff: sniffMemStats,
  },
  {
    name: 'gcstats',
    describe: 'the JSON of debug.GCStats',
    ownClock: false,
    isText: true,
    sniff: sniffGcStats,
  },
  {
    name: 'build-info',
    describe: 'the JSON of debug.BuildInfo',
    ownClock: false,
    isText: true,
    sniff: sniffBuildInfo,
  },
  {
    name: 'runtime-metrics',
    describe: 'a dump of runtime/metrics',
    ownClock: false,
    isText: true,
    sniff: sniffRuntimeMetricsJson,
  },
  {
    name: 'process-memory',
    describe: 'what Linux says about the memory of a process',
    ownClock: false,
    isText: true,
    sniff: sniffProcessMemory,
  },
  {
    name: 'prometheus',
    describe: 'a page of metrics',
    ownClock: false,
    isText: true,
    sniff: sniffPrometheus,
  },
  {
    name: 'runtime-metrics-text',
    describe: 'a dump of runtime/metrics in text form',
    ownClock: false,
    isText: true,
    sniff: sniffRuntimeMetricsText,
  },
  {
    name: 'zlib',
    describe: 'zlib data without the gzip header that profiles have',
    ownClock: false,
    // RFC 1950: method 8, and the first two bytes are a multiple of 31.
    sniff: (head) => head.length > 2 && head[0] === 0x78 && ((head[0] << 8) | head[1]) % 31 === 0,
  },
  {
    name: 'pprof',
    describe: 'a pprof profile',
    ownClock: true,
    isText: false,
    sniff: (head) => looksLikeProfile(head),
  },
] as const satisfies readonly Recognizer[];

const headBytes = 4096;
const tab = 9;

/**
 * What the first bytes say, looking through one layer of gzip: 512 compressed bytes are usually enough, a few
 * kilobytes always. Null if nothing is recognised. Total: it never throws, whatever the bytes are.
 */
export function sniff(head: Uint8Array): Sniffed | null {
  if (!isGzip(head)) return sniffHead(head);
  const inside = inflateHead(head, headBytes);
  // Nothing comes out of a broken head, of one that is too short, and of an empty file: it says no more than gzip.
  if (inside.length === 0) return null;
  const sniffed = sniffHead(inside);
  return sniffed === null ? null : { ...sniffed, gzip: true };
}

/** The same for bytes that are not compressed. */
export function sniffHead(bytes: Uint8Array): Sniffed | null {
  const bom = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const head = bytes.subarray(bom ? 3 : 0, headBytes);
  const text = String.fromCharCode(...head);
  const mayBeText = !head.some((byte) => byte < tab);
  for (const { name, ownClock, isText, sniff: matches } of recognizers as readonly (Recognizer & { name: Format })[]) {
    if (isText !== undefined && isText !== mayBeText) continue;
    if (matches(head, text)) return { format: name, ownClock, gzip: false };
  }
  return null;
}

/** "an HTML page, not a profile: …": what was found, in words that fit behind "this is". */
export function describeSniffed(sniffed: Sniffed): string {
  return recognizers.find(({ name }) => name === sniffed.format)!.describe;
}

/**
 * Whether the bytes read as fields of a Profile message with the right wire types: either all of them, or enough that
 * whatever comes then is a broken profile and not something else.
 */
function looksLikeProfile(head: Uint8Array): boolean {
  let position = 0;
  let messages = 0;
  while (position < head.length) {
    const tag = head[position];
    const field = tag >>> 3;
    // All fields of Profile have one-byte tags; unknown ones are rare enough to be no evidence either way.
    if (tag > 127 || field === 0 || field >= profileWireTypes.length) break;
    const type = tag & 7;
    if (type !== profileWireTypes[field] && !(field === 13 && type === 0)) break;
    const value = smallVarint(head, position + 1);
    if (value === null) break;
    if (type === 2 && field !== 6 && value.number > 0 && !looksLikeTag(head[value.end])) break;
    if (type === 2 && value.end + value.number > head.length) return true;
    position = type === 2 ? value.end + value.number : value.end;
    messages++;
  }
  return messages >= 3 || (messages > 0 && position >= head.length);
}

/** Sub-messages of Profile hold fields 1 to 10, all of them varints or delimited. The head may end before this byte. */
function looksLikeTag(byte: number | undefined): boolean {
  return byte === undefined || (byte >= 0x08 && byte <= 0x52 && ((byte & 7) === 0 || (byte & 7) === 2));
}

function smallVarint(bytes: Uint8Array, start: number): { number: number; end: number } | null {
  let number = 0;
  for (let i = 0; i < 10 && start + i < bytes.length; i++) {
    number += (bytes[start + i] & 127) * 2 ** (7 * i);
    if (bytes[start + i] < 128) return { number, end: start + i + 1 };
  }
  return null;
}
