import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { traceDuration, unixNanos } from '../analysis/trace/moment.js';
import { readTrace, type TraceReading } from '../analysis/trace/read-trace.js';
import { TraceSummarizer } from '../analysis/trace/summarizer.js';
import { type TraceAnswer, traceAnswer, type TraceWindowAnswer, windowAnswer } from '../analysis/trace/trace-answer.js';
import {
  contentSummaryLimits,
  goroutineContent,
  type GoroutineContent,
  type StoredTrace,
} from '../analysis/trace/trace-content.js';
import { TraceWindow } from '../analysis/trace/window.js';
import { readContent } from '../catalog/part-content.js';
import { defaultBudget } from '../formats/budget.js';
import type { TraceSink } from '../formats/exectrace/events.js';
import { inflateGzip, withoutEncoding } from '../formats/inflate.js';
import type { Database, TenantId } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { TraceEventsRequest, TraceSource, TraceSummaryRequest } from './trace-request.js';

export interface TraceEventsAnswer extends TraceWindowAnswer {
  /** The one that was asked for. */
  readonly goroutine: GoroutineContent | null;
  /** What is wrong with the bytes, where they end before the stretch does. */
  readonly fault: string | null;
}

/**
 * Answers questions about execution traces: what the summary holds from the index, anything else by another pass over the
 * archived bytes, whose hash is verified first (it takes a fraction of the time of the pass). Runs in a query thread.
 */
export class TraceQueries {
  constructor(private readonly db: Database) {}

  /** @throws Problem `not-found` (a goroutine), `archive-corrupt` */
  async summary(tenantId: TenantId, request: TraceSummaryRequest): Promise<TraceAnswer> {
    const { source, goroutine, offset, limit } = request;
    const stored = await this.stored(tenantId, source);
    const answer = traceAnswer(stored, { offset, limit });
    if (goroutine === undefined) return answer;
    return { ...answer, goroutines: [await findGoroutine(stored, source, goroutine)] };
  }

  /** @throws Problem `not-found` (a goroutine), `validation-failed` (a time of day where there is none), `archive-corrupt` */
  async events(tenantId: TenantId, request: TraceEventsRequest): Promise<TraceEventsAnswer> {
    const { source, goroutine, before, windowNanos, limit } = request;
    const stored = await this.stored(tenantId, source);
    const entry = goroutine === undefined ? null : await findGoroutine(stored, source, goroutine);
    const endNanos = before === undefined ? endFor(stored, entry) : momentOf(stored, before);
    const to = stored.start + endNanos;
    const from = Math.max(stored.start, to - windowNanos);
    const goroutines = goroutine === undefined ? null : new Set([goroutine]);
    const window = new TraceWindow({ from, to, goroutines, limit });
    const { reader, fault } = await pass(source, window, () => window.isOver);
    const answer = windowAnswer(window.result(), stored.start, (id) => reader.exactId(id));
    return { ...answer, goroutine: entry, fault: fault?.message ?? null };
  }

  private async stored(tenantId: TenantId, { capturedAt, snapshotId }: TraceSource): Promise<StoredTrace> {
    const content = await this.db.readTenant(tenantId, (tx) => readContent(tx, tenantId, { capturedAt, snapshotId }));
    if (content === null) throw new Problem('not-found', 'The index does not hold the summary of this trace.');
    return content as StoredTrace;
  }
}

/** When its longest block began, or what else ends it; without a goroutine the end of the trace. */
function endFor({ duration_nanos }: StoredTrace, entry: GoroutineContent | null): number {
  return entry?.longest_block?.at_nanos ?? entry?.ended_nanos ?? duration_nanos;
}

/** Nanoseconds since the start of the trace. */
function momentOf({ started_at_nanos }: StoredTrace, before: string): number {
  const sinceStart = traceDuration(before);
  if (sinceStart !== null) return sinceStart;
  const wall = unixNanos(before);
  if (wall !== null && started_at_nanos !== null) return Number(wall - BigInt(started_at_nanos));
  const detail =
    wall === null
      ? 'before must be a time since the start such as 1.5s, or a time of day (RFC 3339)'
      : 'this trace holds no time of day (Go 1.24 and older): before must be a time since its start such as 1.5s';
  throw new Problem('validation-failed', detail, { errors: [{ pointer: '?before', code: 'is-trace-moment', detail }] });
}

/** One goroutine, from the summary if it lists it; else the trace is read for it. */
async function findGoroutine(stored: StoredTrace, source: TraceSource, goroutine: number): Promise<GoroutineContent> {
  const id = String(goroutine);
  let found = stored.goroutines.find((entry) => entry.id === id);
  if (found === undefined && stored.goroutines.length < stored.goroutine_count) {
    const summarizer = new TraceSummarizer(contentSummaryLimits, new Set([goroutine]));
    const { reader } = await pass(source, summarizer);
    const summary = summarizer.summary();
    const entry = summary.goroutines.find((each) => each.id === goroutine);
    if (entry !== undefined) found = goroutineContent(entry, summary, (each) => reader.exactId(each));
  }
  if (found === undefined) throw new Problem('not-found', `The trace has no goroutine ${goroutine}.`);
  return found;
}

/**
 * Reads the archived trace. Of one that was damaged when it was received, `fault` says how, as when it was indexed.
 * @throws Problem `archive-corrupt`
 */
async function pass(source: TraceSource, sink: TraceSink, isEnough?: () => boolean): Promise<TraceReading> {
  const bytes = await readArchived(source);
  const trace = source.contentEncoding === 'gzip' ? withoutEncoding(bytes, defaultBudget, inflateGzip) : bytes;
  return readTrace(trace, sink, defaultBudget, isEnough);
}

async function readArchived({ path, sha256 }: TraceSource): Promise<Buffer> {
  const detail = 'The archive no longer holds the bytes that were received.';
  let bytes: Buffer;
  try {
    bytes = await readFile(path, { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ELOOP') throw cause;
    throw new Problem('archive-corrupt', detail, { cause });
  }
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new Problem('archive-corrupt', detail);
  return bytes;
}
