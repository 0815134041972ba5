import { gcSummary } from '../../analysis/gc-summary.js';
import { gcSeries, type LogSeries, schedSeries } from '../../analysis/log-series.js';
import { schedSummary } from '../../analysis/sched-summary.js';
import type { SeriesTable } from '../../analysis/series-table.js';
import type { Budget } from '../../formats/budget.js';
import { GoroutineDumpReader } from '../../formats/goroutine-dump/decode.js';
import { FormatError } from '../../formats/format-error.js';
import { type GoLog, GoLogReader, type LogClock } from '../../formats/log/go-log.js';
import type { LogLoss } from '../../formats/log/losses.js';
import type { Kind } from '../../formats/kind.js';
import type { ParsedPart, PartNote } from '../parsed-part.js';
import type { Declared } from './declared.js';
import { dumpParts } from './goroutines.js';

/**
 * What the log of a Go process holds: its GC cycles, its scheduler samples, and each goroutine dump, a part each.
 *
 * Where lines have no time of their own and nobody says when the process started, the last one was written at the capture;
 * what is known then are distances to it.
 */
export function logParts(text: Uint8Array, { aroundNanos, processStartNanos }: Declared, budget: Budget): ParsedPart[] {
  const dumps = new GoroutineDumpReader();
  const reader = new GoLogReader({
    others: dumps,
    capturedAtNanos: aroundNanos,
    ...(processStartNanos === undefined ? {} : { processStartNanos }),
  });
  reader.push(text.subarray(startsWithMark(text) ? 3 : 0));
  const log = reader.end();
  const parts: ParsedPart[] = [];
  if (log.gctrace !== null) {
    const trace = log.gctrace;
    const content = { clock: log.clock, summaries: trace.lifetimes.map((_, lifetime) => gcSummary(trace, lifetime)) };
    const { cycles, repaired, missing } = trace.counts;
    const counts = { cycles, repaired, missing, processes: trace.lifetimes.length };
    parts.push(seriesPart('gctrace', log, aroundNanos, gcSeries(trace), { content, counts, losses: trace.losses }));
  }
  if (log.schedtrace !== null) {
    const trace = log.schedtrace;
    const content = {
      clock: log.clock,
      summaries: trace.lifetimes.map((_, lifetime) => schedSummary(trace, lifetime)),
      detail: trace.detail === null ? null : plain(trace.detail),
    };
    const { samples, processorLines, threadLines, goroutineLines, repaired } = trace.counts;
    const counts = {
      samples,
      processorLines,
      threadLines,
      goroutineLines,
      repaired,
      processes: trace.lifetimes.length,
    };
    parts.push(
      seriesPart('schedtrace', log, aroundNanos, schedSeries(trace), { content, counts, losses: trace.losses }),
    );
  }
  const found = dumps.result();
  parts.push(...dumpParts(found, 'log', budget));
  if (parts.length === 0) {
    throw new FormatError('truncated', 'the log ends where a goroutine dump begins: no goroutine can be read');
  }
  return parts;
}

/** How the moments of a log came by their times, where that is not plain to see. */
const clockNotes: Readonly<Record<LogClock, readonly string[]>> = {
  'line-times': [],
  'process-start': ['no line says when it was written: times count from the start of the process, as it was given'],
  capture: ['no line says when it was written: the last is taken to be of the capture'],
  none: [],
};

function seriesPart(
  kind: Extract<Kind, 'gctrace' | 'schedtrace'>,
  log: GoLog,
  aroundNanos: bigint,
  { table, rowsWithoutTime }: LogSeries,
  found: { content: object; counts: Readonly<Record<string, number>>; losses: readonly LogLoss[] },
): ParsedPart {
  const isTimed = log.clock !== 'capture';
  const lastMoment = table === null ? null : (table.atNanos[table.atNanos.length - 1] ?? null);
  const losses: PartNote[] = found.losses.map(({ code, count, lines }) => ({
    code,
    count,
    detail: `first in line ${lines.join(', ')}`,
  }));
  if (rowsWithoutTime > 0) {
    const detail = 'rows of processes of which nothing says when they started are in the summary alone';
    losses.push({ code: 'unknown-time', count: rowsWithoutTime, detail });
  }
  const anchored: SeriesTable | null =
    table === null || isTimed ? table : { ...table, atNanos: table.atNanos.map((at) => at - aroundNanos) };
  return {
    kind,
    capturedAtNanos: isTimed ? (log.lastAtNanos ?? lastMoment) : null,
    delta: false,
    durationNanos: 0n,
    stacks: null,
    totals: [],
    series: anchored === null ? [] : [{ source: kind, anchor: isTimed ? 'time' : 'capture', table: anchored }],
    content: found.content,
    details: {
      format: 'log',
      counts: { lines: log.lines, ...found.counts },
      warnings: clockNotes[log.clock].map((detail) => ({ code: 'clock', count: 1, detail })),
      losses,
    },
  };
}

/** Whether a byte order mark stands before the text, where it would hide what its first line is. */
function startsWithMark(text: Uint8Array): boolean {
  return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf;
}

/** Columns and maps as JSON has them. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, (each) => each);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, inner]) => [String(key), plain(inner)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  }
  return value;
}
