import { escapeControl } from '../analysis/text-escape.js';
import type { BlockingEntry, Waker } from '../analysis/trace/blocking.js';
import { isSystemGoroutine } from '../analysis/trace/goroutine.js';
import type { GoroutineEntry } from '../analysis/trace/goroutine-groups.js';
import { placeOf } from '../analysis/trace/place.js';
import type { TraceSummary } from '../analysis/trace/summarizer.js';
import type { NamedFrame } from '../analysis/trace/trace-stacks.js';
import type { TraceWindowResult, WindowEvent } from '../analysis/trace/window.js';
import { label } from '../analysis/units.js';
import type { DurationSummary } from '../analysis/trace/duration-histogram.js';
import { table } from './terminal.js';

/** The summary of a trace for a terminal. */
export function summaryText(version: string, summary: TraceSummary, rows: number): string {
  const { gc, blocking, schedulerLatency, annotations } = summary;
  const sections = [
    headText(version, summary),
    titled('Goroutines by what they were started with', groupTable(summary, rows)),
    titled('Where goroutines were blocked', blockingTable(summary, rows)),
    remainderText(blockingEntries(summary).length - rows, blocking),
    titled(`Scheduler latency (runnable to running): ${distribution(schedulerLatency)}`, histogramText(summary)),
    titled('Garbage collection', gcText(summary)),
    gc.stopTheWorlds.length === 0 ? '' : titled('Longest stops of the world', stopTable(summary, Math.min(rows, 10))),
    titled('Processors', procTable(summary, rows)),
    annotations.tasks.length === 0 ? '' : titled('Tasks', taskTable(summary, rows)),
    annotations.slowestTasks.length === 0 ? '' : titled('Slowest tasks', slowTaskTable(summary, Math.min(rows, 5))),
    annotations.regions.length === 0 ? '' : titled('Regions', regionTable(summary, rows)),
    annotations.logs.length === 0 ? '' : titled('Last log messages', logText(summary, Math.min(rows, 10))),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

/** A stretch of a trace for a terminal, event by event. */
export function windowText(summary: TraceSummary, goroutine: GoroutineEntry | null, window: TraceWindowResult): string {
  const { from, to, events, leftOut, atStart } = window;
  const lines: string[] = [];
  if (goroutine !== null) lines.push(goroutineText(summary, goroutine), '');
  const wall = clockText(summary, to);
  lines.push(`From ${moment(summary, from)} to ${moment(summary, to)}${wall === '' ? '' : ` (${wall})`}:`);
  for (const { goroutine: id, name, state, since, reason } of atStart) {
    const why = reason === '' ? '' : ` (${escapeControl(reason)})`;
    const when = since === null ? 'since before the trace' : `since ${moment(summary, since)}`;
    lines.push(`  goroutine ${id} ${escapeControl(name)} was ${state}${why} ${when}`);
  }
  if (leftOut > 0) lines.push(`  (${leftOut} earlier events left out; --limit shows more)`);
  for (const event of events) lines.push(`  ${moment(summary, event.time).padStart(14)}  ${eventText(event)}`);
  if (events.length === 0) lines.push('  nothing happened');
  return lines.join('\n');
}

function headText(version: string, summary: TraceSummary): string {
  const { events, generations, start, end, goroutineCount } = summary;
  const wall = clockText(summary, start);
  const facts = [
    `Execution trace of format go ${version}: ${events} events in ${generations} generations over ${nanos(end - start)}`,
    `Started: ${wall === '' ? 'the trace does not say (Go 1.24 and older)' : wall}`,
    `Goroutines: ${goroutineCount}`,
  ];
  return facts.join('\n');
}

function groupTable({ groups }: TraceSummary, rows: number): string {
  return table(
    ['goroutines', 'exec', 'sched wait', 'blocked', 'syscall', 'started with'],
    groups
      .slice(0, rows)
      .map((group) => [
        String(group.count),
        nanos(group.execNanos),
        nanos(group.schedWaitNanos),
        nanos(group.blockNanos),
        nanos(group.syscallNanos + group.syscallBlockNanos),
        named(group.name),
      ]),
    [0, 1, 2, 3, 4],
  );
}

/** Goroutines of the runtime itself are idle most of the time; that says nothing about the program. */
function blockingEntries({ blocking }: TraceSummary): BlockingEntry[] {
  return blocking.entries.filter(({ goroutineName: name }) => name === '' || !isSystemGoroutine(name));
}

function blockingTable(summary: TraceSummary, rows: number): string {
  return table(
    ['total', 'count', 'max', 'still', 'reason', 'goroutine', 'where', 'mostly woken by'],
    blockingEntries(summary)
      .slice(0, rows)
      .map((entry) => [
        nanos(entry.totalNanos + entry.stillBlockedNanos),
        String(entry.count),
        nanos(entry.maxNanos),
        String(entry.stillBlocked),
        escapeControl(entry.reason) || '(before the trace)',
        named(entry.goroutineName),
        placeText(entry.stack),
        entry.wakers.length === 0 ? '' : wakerText(entry.wakers[0]),
      ]),
    [0, 1, 2, 3],
  );
}

function remainderText(hidden: number, { total }: TraceSummary['blocking']): string {
  const sum = `All blocks, the runtime's own included: ${total.count} that ended, ${nanos(total.totalNanos)}; ${total.stillBlocked} that did not.`;
  return hidden > 0 ? `${hidden} more places are not shown. ${sum}` : sum;
}

function wakerText({ name, stack, count }: Waker): string {
  const place = stack.length === 0 ? '' : ` at ${placeText(stack)}`;
  return `${named(name)}${place} (${count})`;
}

function histogramText({ schedulerLatency: { buckets, count } }: TraceSummary): string {
  const widest = Math.max(1, ...buckets.map((bucket) => bucket.count));
  return buckets
    .map((bucket) => {
      const bar = '#'.repeat(Math.ceil((bucket.count / widest) * 40));
      const share = `${((bucket.count / count) * 100).toFixed(1)}%`;
      return `  from ${nanos(bucket.fromNanos).padStart(9)} ${String(bucket.count).padStart(9)} ${share.padStart(6)}  ${bar}`;
    })
    .join('\n');
}

function gcText({ gc, end, start }: TraceSummary): string {
  const stopped = (gc.stopTheWorldTimes.totalNanos / Math.max(1, end - start)) * 100;
  const lines = [
    `Cycles: ${distribution(gc.cycleTimes)}`,
    `Stops of the world: ${distribution(gc.stopTheWorldTimes)}; ${stopped.toFixed(3)}% of the time`,
    `Mark assists: ${distribution(gc.markAssistTimes)}`,
    `Sweeps: ${distribution(gc.sweepTimes)}; ${label(gc.sweptBytes, 'bytes')} swept, ${label(gc.reclaimedBytes, 'bytes')} reclaimed`,
  ];
  const peak = gc.heap.reduce((max, { heapBytes }) => Math.max(max, heapBytes), 0);
  const last = gc.heap.at(-1);
  if (last !== undefined) {
    const goal = last.goalBytes === 0 ? '' : `, goal ${label(last.goalBytes, 'bytes')}`;
    lines.push(`Heap: at most ${label(peak, 'bytes')}, at the end ${label(last.heapBytes, 'bytes')}${goal}`);
  }
  return lines.join('\n');
}

function stopTable(summary: TraceSummary, rows: number): string {
  const longest = summary.gc.stopTheWorlds.toSorted((a, b) => b.nanos - a.nanos).slice(0, rows);
  return table(
    ['at', 'time', 'goroutine', 'what for'],
    longest.map(({ start, nanos: time, goroutine, kind }) => {
      return [moment(summary, start), nanos(time), String(goroutine), escapeControl(kind)];
    }),
    [0, 1, 2],
  );
}

function procTable({ utilisation, end, start }: TraceSummary, rows: number): string {
  const share = (time: number): string => `${((time / Math.max(1, end - start)) * 100).toFixed(1)}%`;
  return table(
    ['P', 'on a thread', 'running goroutines'],
    utilisation.procs
      .slice(0, rows)
      .map(({ proc, runningNanos, goroutineNanos }) => [String(proc), share(runningNanos), share(goroutineNanos)]),
    [0, 1, 2],
  );
}

function taskTable({ annotations }: TraceSummary, rows: number): string {
  return table(
    ['tasks', 'open', ...latencyHeader, 'name'],
    annotations.tasks
      .slice(0, rows)
      .map(({ begun, open, latency, name }) => [String(begun), String(open), ...latencyCells(latency), named(name)]),
    [0, 1, 2, 3, 4, 5],
  );
}

function slowTaskTable(summary: TraceSummary, rows: number): string {
  return table(
    ['at', 'time', 'task', 'goroutine', 'name'],
    summary.annotations.slowestTasks.slice(0, rows).map(({ start, nanos: time, id, goroutine, name }) => {
      return [moment(summary, start), nanos(time), String(id), String(goroutine), named(name)];
    }),
    [0, 1, 2, 3],
  );
}

function regionTable({ annotations }: TraceSummary, rows: number): string {
  return table(
    ['regions', ...latencyHeader, 'exec', 'sched wait', 'blocked', 'name'],
    annotations.regions
      .slice(0, rows)
      .map((region) => [
        String(region.latency.count),
        ...latencyCells(region.latency),
        nanos(region.execNanos),
        nanos(region.schedWaitNanos),
        nanos(region.blockNanos),
        named(region.name),
      ]),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
}

const latencyHeader = ['p50', 'p90', 'p99', 'max'];

function latencyCells({ p50Nanos, p90Nanos, p99Nanos, maxNanos }: DurationSummary): string[] {
  return [p50Nanos, p90Nanos, p99Nanos, maxNanos].map(nanos);
}

function logText(summary: TraceSummary, rows: number): string {
  return summary.annotations.logs
    .slice(-rows)
    .map(({ time, goroutine, category, message }) => {
      const text = category === '' ? message : `${category}: ${message}`;
      return `${moment(summary, time)}  goroutine ${goroutine}  ${escapeControl(text)}`;
    })
    .join('\n');
}

function goroutineText(summary: TraceSummary, goroutine: GoroutineEntry): string {
  const { id, name, creation, end, blockByReason, longestBlock } = goroutine;
  const life = `from ${moment(summary, creation)} to ${end === null ? 'the end of the trace' : moment(summary, end)}`;
  const lines = [
    `Goroutine ${id} ${named(name)}, ${life}`,
    `  exec ${nanos(goroutine.execNanos)}, sched wait ${nanos(goroutine.schedWaitNanos)}, syscall ${nanos(goroutine.syscallNanos + goroutine.syscallBlockNanos)}`,
  ];
  for (const { name: reason, nanos: time } of blockByReason) {
    lines.push(`  blocked ${nanos(time)}: ${escapeControl(reason) || '(before the trace)'}`);
  }
  if (longestBlock !== null) {
    lines.push(
      `  its longest block began at ${moment(summary, longestBlock.start)} and took ${nanos(longestBlock.nanos)}`,
    );
  }
  return lines.join('\n');
}

function eventText(event: WindowEvent): string {
  const isItself = event.kind === 'goroutine' && event.goroutine === event.subject;
  const context =
    event.goroutine < 0 || isItself ? '' : ` in goroutine ${event.goroutine} ${named(event.goroutineName)}`;
  const where = event.stack.length === 0 ? '' : ` at ${placeText(event.stack)}`;
  return `${eventWords(event)}${context}${where}`;
}

function eventWords({ kind, subject, subjectName, from, to, text, message, value }: WindowEvent): string {
  const words = escapeControl(text);
  switch (kind) {
    case 'goroutine':
      return `goroutine ${subject} ${named(subjectName)}: ${from} -> ${to}${words === '' ? '' : ` (${words})`}`;
    case 'proc':
      return `P ${subject}: ${from} -> ${to}`;
    case 'rangeBegin':
      return `${words} begins`;
    case 'rangeActive':
      return `${words} goes on`;
    case 'rangeEnd':
      return `${words} ends`;
    case 'metric':
      return `${words} = ${value}`;
    case 'log':
      return `log ${words}: ${escapeControl(message)}`;
    case 'taskBegin':
    case 'regionBegin':
      return `${kind === 'taskBegin' ? `task ${subject}` : 'region'} ${words} begins`;
    case 'taskEnd':
    case 'regionEnd':
      return `${kind === 'taskEnd' ? `task ${subject}` : 'region'} ${words} ends`;
    default:
      return words === '' ? kind : `${kind} ${words}`;
  }
}

function placeText(stack: readonly NamedFrame[]): string {
  const { callee, caller } = placeOf(stack);
  return [callee, caller].flatMap((frame) => (frame === null ? [] : [frameText(frame)])).join(' < ');
}

function frameText({ function: name, line }: NamedFrame): string {
  return line === 0 ? named(name) : `${named(name)}:${line}`;
}

function named(name: string): string {
  return escapeControl(name) || '(unknown)';
}

function distribution({ count, p50Nanos, p90Nanos, p99Nanos, maxNanos, totalNanos }: DurationSummary): string {
  if (count === 0) return 'none';
  const quantiles = `p50 ${nanos(p50Nanos)}, p90 ${nanos(p90Nanos)}, p99 ${nanos(p99Nanos)}, max ${nanos(maxNanos)}`;
  return `${count}, ${quantiles}, ${nanos(totalNanos)} in all`;
}

function nanos(value: number): string {
  return label(value, 'nanoseconds');
}

/** A time since the start of the trace. */
function moment({ start }: TraceSummary, time: number): string {
  const since = time - start;
  return `${since < 0 ? '-' : ''}${(Math.abs(since) / 1e6).toFixed(3)}ms`;
}

function clockText({ wallClock }: TraceSummary, time: number): string {
  const wall = wallClock.at(time);
  if (wall === null) return '';
  const date = new Date(Number(wall / 1_000_000n));
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

function titled(title: string, body: string): string {
  return body === '' ? title : `${title}\n${body}`;
}
