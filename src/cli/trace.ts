import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { escapeControl } from '../analysis/text-escape.js';
import { placeOf } from '../analysis/trace/place.js';
import { type TraceSummary, TraceSummarizer } from '../analysis/trace/summarizer.js';
import { traceSummaryLimits } from '../analysis/trace/trace-limits.js';
import type { NamedFrame } from '../analysis/trace/trace-stacks.js';
import { TraceWindow, type TraceWindowResult } from '../analysis/trace/window.js';
import { FormatError } from '../formats/format-error.js';
import type { TraceSink } from '../formats/exectrace/events.js';
import { TraceReader } from '../formats/exectrace/reader.js';
import { CliFailure } from './failure.js';
import type { Terminal } from './terminal.js';
import { summaryText, windowText } from './trace-text.js';

export interface TraceOptions {
  /** Id of a goroutine: what it did, and what happened before its longest block. */
  readonly goroutine?: string;
  /** End of a window: a time since the start of the trace (`1.5s`), or of day (RFC 3339). */
  readonly before?: string;
  /** Length of the window; 50ms by default. */
  readonly window?: string;
  /** At most so many rows in each table, and events in the window. */
  readonly limit?: string;
  readonly json?: boolean;
}

const defaultRows = 20;
const defaultEvents = 1_000;
const defaultWindow = '50ms';

/**
 * `trace FILE`: what an execution trace says about its goroutines, and, with `--goroutine` or `--before`, what happened
 * in a stretch of it. The file is streamed ("-" is standard input, for the summary only), gzip or not.
 *
 * Of a damaged file what could be read is shown, and then the command fails with what is wrong.
 */
export async function printTrace(path: string, options: TraceOptions, out: Terminal): Promise<void> {
  const goroutine = options.goroutine === undefined ? null : goroutineId(options.goroutine);
  const length = durationNanos(options.window ?? defaultWindow);
  if (length === null)
    throw new CliFailure('usage', `--window wants a duration such as 50ms, not "${options.window}".`);
  const limit = options.limit === undefined ? null : wholeNumber(options.limit);
  const wantsWindow = goroutine !== null || options.before !== undefined;
  if (path === '-' && wantsWindow) throw new CliFailure('usage', 'A window needs the file twice; "-" is read once.');

  const asked = new Set(goroutine === null ? [] : [goroutine]);
  const summarizer = new TraceSummarizer(traceSummaryLimits, asked);
  const { reader, fault } = await readTrace(path, summarizer);
  if (fault !== null && reader.generations === 0) throw failure(path, fault);
  const summary = summarizer.summary();
  const version = `1.${reader.version}`;
  let window: TraceWindowResult | null = null;
  if (wantsWindow) {
    const to = windowEnd(summary, goroutine, options.before);
    const query = { from: Math.max(0, to - length), to, goroutines: goroutine === null ? null : asked };
    const sink = new TraceWindow({ ...query, limit: limit ?? defaultEvents });
    await readTrace(path, sink, () => sink.isOver);
    window = sink.result();
  }
  if (options.json) {
    out.print(JSON.stringify(jsonAnswer(version, summary, window, fault, limit, reader), null, 2));
  } else {
    const goroutineEntry = summary.goroutines.find(({ id }) => id === goroutine) ?? null;
    if (window === null) out.print(summaryText(version, summary, limit ?? defaultRows));
    else out.print(windowText(summary, goroutineEntry, window));
  }
  if (fault !== null) throw failure(path, fault);
}

async function readTrace(
  path: string,
  sink: TraceSink,
  isEnough: () => boolean = () => false,
): Promise<{ reader: TraceReader; fault: FormatError | null }> {
  const reader = new TraceReader(sink);
  try {
    for await (const chunk of chunksOf(path)) {
      reader.push(chunk);
      if (isEnough()) return { reader, fault: null };
    }
    reader.end();
    return { reader, fault: null };
  } catch (error) {
    if (error instanceof FormatError) return { reader, fault: error };
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    if (code.startsWith('Z_')) {
      return {
        reader,
        fault: new FormatError('malformed', `the gzip around it is broken (${code})`, {}, { cause: error }),
      };
    }
    throw new CliFailure('noInput', `Cannot read ${escapeControl(path)}: ${code}.`, { cause: error });
  }
}

/** The bytes of a file, inflated if it is gzip. */
async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const file = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1 << 18 });
  try {
    const chunks = file[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    const first = await chunks.next();
    if (first.done) return;
    const all = async function* (): AsyncGenerator<Uint8Array> {
      yield first.value;
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
    };
    const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b;
    // Errors of either stream come out of the iteration, too.
    yield* isGzip ? (pipeline(Readable.from(all()), createGunzip(), () => {}) as AsyncIterable<Uint8Array>) : all();
  } finally {
    file.destroy();
  }
}

function failure(path: string, fault: FormatError): CliFailure {
  return new CliFailure('failed', `${escapeControl(path)}: ${fault.fault}: ${escapeControl(fault.message)}`, {
    cause: fault,
  });
}

/** Where a window ends: at the time that is asked for, or when the goroutine began its longest block. */
function windowEnd(summary: TraceSummary, goroutine: number | null, before: string | undefined): number {
  if (before !== undefined) return moment(summary, before);
  const entry = summary.goroutines.find(({ id }) => id === goroutine);
  if (entry === undefined) throw new CliFailure('failed', `The trace has no goroutine ${goroutine}.`);
  return entry.longestBlock?.start ?? entry.end ?? summary.end;
}

function moment(summary: TraceSummary, text: string): number {
  const sinceStart = durationNanos(text);
  if (sinceStart !== null) return summary.start + sinceStart;
  const millis = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(millis)) {
    throw new CliFailure(
      'usage',
      `--before wants a time since the start such as 1.5s, or of day (RFC 3339), not "${text}".`,
    );
  }
  const time = summary.wallClock.timeOf(BigInt(millis) * 1_000_000n + subMillisecondNanos(text));
  if (time === null) throw new CliFailure('failed', 'Traces of Go 1.24 and older hold no time of day.');
  return time;
}

/** What Date.parse drops of `…:05.123456789Z`. */
function subMillisecondNanos(text: string): bigint {
  const digits = /\.\d{3}(\d{1,6})/.exec(text)?.[1] ?? '';
  return BigInt(digits.padEnd(6, '0'));
}

const unitNanos = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
]);

function durationNanos(text: string): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m)$/.exec(text);
  return match === null ? null : Math.round(Number(match[1]) * unitNanos.get(match[2])!);
}

function goroutineId(text: string): number {
  const id = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(id))
    throw new CliFailure('usage', `--goroutine wants the id of a goroutine, not "${text}".`);
  return id;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new CliFailure('usage', `--limit wants a number from 1 to 999999, not "${text}".`);
  return Number(text);
}

function jsonAnswer(
  version: string,
  summary: TraceSummary,
  window: TraceWindowResult | null,
  fault: FormatError | null,
  limit: number | null,
  reader: TraceReader,
): unknown {
  const rows = <T>(list: readonly T[]): readonly T[] => (limit === null ? list : list.slice(0, limit));
  const { profiles: _profiles, cpuProfile: _cpuProfile, wallClock, blocking, ...rest } = summary;
  const wall = wallClock.at(summary.start);
  const answer = {
    format: version,
    startedAtUnixNanos: wall,
    ...rest,
    groups: rows(summary.groups),
    goroutines: rows(summary.goroutines),
    blocking: {
      ...blocking,
      entries: rows(blocking.entries).map((entry) => ({ ...entry, ...placeNames(entry.stack) })),
    },
    window,
    fault: fault === null ? null : { fault: fault.fault, message: fault.message, ...fault.at },
  };
  return JSON.parse(
    JSON.stringify(answer, (key, value: unknown) => {
      if (typeof value === 'bigint') return value.toString();
      return typeof value === 'number' && value < -1 && idKeys.has(key) ? reader.exactId(value).toString() : value;
    }),
  );
}

/** Fields whose numbers may stand for ids of more than 53 bits. */
const idKeys = new Set(['id', 'goroutine', 'task', 'thread', 'proc', 'subject']);

function placeNames(stack: readonly NamedFrame[]): { callee: string | null; caller: string | null } {
  const { callee, caller } = placeOf(stack);
  return { callee: callee?.function ?? null, caller: caller?.function ?? null };
}
