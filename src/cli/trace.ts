import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { escapeControl } from '../analysis/text-escape.js';
import { traceDuration, unixNanos } from '../analysis/trace/moment.js';
import { type TraceSummary, TraceSummarizer } from '../analysis/trace/summarizer.js';
import { traceSummaryLimits } from '../analysis/trace/trace-limits.js';
import { traceAnswer, windowAnswer } from '../analysis/trace/trace-answer.js';
import { traceContent } from '../analysis/trace/trace-content.js';
import { TraceWindow, type TraceWindowResult } from '../analysis/trace/window.js';
import { FormatError } from '../formats/format-error.js';
import type { TraceSink } from '../formats/exectrace/events.js';
import { TraceReader } from '../formats/exectrace/reader.js';
import type { Connect } from './connection.js';
import { CliFailure } from './failure.js';
import { remotePath, targetOf } from './target.js';
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
 * `trace FILE|ID`: what an execution trace says about its goroutines, and, with `--goroutine` or `--before`, what
 * happened in a stretch of it. A file is streamed ("-" is standard input, for the summary only), gzip or not; a snapshot
 * is fetched as it was received, and read here.
 *
 * Of a damaged trace what could be read is shown, and then the command fails with what is wrong.
 */
export async function printTrace(
  connect: Connect,
  argument: string,
  options: TraceOptions,
  out: Terminal,
): Promise<void> {
  const goroutine = options.goroutine === undefined ? null : goroutineId(options.goroutine);
  const length = traceDuration(options.window ?? defaultWindow);
  if (length === null)
    throw new CliFailure('usage', `--window wants a duration such as 50ms, not "${options.window}".`);
  const limit = options.limit === undefined ? null : wholeNumber(options.limit);
  const wantsWindow = goroutine !== null || options.before !== undefined;
  if (argument === '-' && wantsWindow) {
    throw new CliFailure('usage', 'A window needs the file twice; "-" is read once.');
  }
  const source = await sourceOf(connect, argument);

  const asked = new Set(goroutine === null ? [] : [goroutine]);
  const summarizer = new TraceSummarizer(traceSummaryLimits, asked);
  const { reader, fault } = await readTrace(source, summarizer);
  if (fault !== null && reader.generations === 0) throw failure(argument, fault);
  const summary = summarizer.summary();
  let window: TraceWindowResult | null = null;
  if (wantsWindow) {
    const to = windowEnd(summary, goroutine, options.before);
    const query = { from: Math.max(0, to - length), to, goroutines: goroutine === null ? null : asked };
    const sink = new TraceWindow({ ...query, limit: limit ?? defaultEvents });
    await readTrace(source, sink, () => sink.isOver);
    window = sink.result();
  }
  if (options.json) {
    const exactId = (id: number): bigint => reader.exactId(id);
    const answer = {
      ...traceAnswer(traceContent(reader.version!, summary, exactId), { offset: 0, limit: limit ?? undefined }),
      window: window === null ? null : windowAnswer(window, summary.start, exactId),
      fault: fault === null ? null : { fault: fault.fault, message: fault.message, ...fault.at },
    };
    out.print(JSON.stringify(answer, null, 2));
  } else {
    const goroutineEntry = summary.goroutines.find(({ id }) => id === goroutine) ?? null;
    if (window === null) out.print(summaryText(`1.${reader.version}`, summary, limit ?? defaultRows));
    else out.print(windowText(summary, goroutineEntry, window));
  }
  if (fault !== null) throw failure(argument, fault);
}

/** The path of a file, or what the server keeps. */
type Source = string | Uint8Array;

async function sourceOf(connect: Connect, argument: string): Promise<Source> {
  const target = targetOf(argument);
  if (target.is === 'service') throw new CliFailure('usage', 'trace wants a file or the id of a snapshot.');
  return target.is === 'file' ? target.path : connect().bytes(`${remotePath(target)}/raw`);
}

async function readTrace(
  source: Source,
  sink: TraceSink,
  isEnough: () => boolean = () => false,
): Promise<{ reader: TraceReader; fault: FormatError | null }> {
  const reader = new TraceReader(sink);
  try {
    for await (const chunk of chunksOf(source)) {
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
    throw new CliFailure('noInput', `Cannot read ${escapeControl(String(source))}: ${code}.`, { cause: error });
  }
}

/** The bytes of a trace, inflated if it is gzip. */
async function* chunksOf(source: Source): AsyncGenerator<Uint8Array> {
  const file =
    source === '-'
      ? process.stdin
      : typeof source === 'string'
        ? createReadStream(source, { highWaterMark: 1 << 18 })
        : Readable.from([source]);
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

function failure(origin: string, fault: FormatError): CliFailure {
  return new CliFailure('failed', `${escapeControl(origin)}: ${fault.fault}: ${escapeControl(fault.message)}`, {
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
  const sinceStart = traceDuration(text);
  if (sinceStart !== null) return summary.start + sinceStart;
  const wall = unixNanos(text);
  if (wall === null) {
    throw new CliFailure(
      'usage',
      `--before wants a time since the start such as 1.5s, or of day (RFC 3339), not "${text}".`,
    );
  }
  const time = summary.wallClock.timeOf(wall);
  if (time === null) throw new CliFailure('failed', 'Traces of Go 1.24 and older hold no time of day.');
  return time;
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
