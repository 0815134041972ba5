import type { GcSummary } from '../analysis/gc-summary.js';
import type { SchedSummary } from '../analysis/sched-summary.js';
import type { SeriesColumn } from '../analysis/series-table.js';
import { escapeControl } from '../analysis/text-escape.js';
import { isSystemGoroutine } from '../analysis/trace/goroutine.js';
import type { StoredTrace } from '../analysis/trace/trace-content.js';
import { label } from '../analysis/units.js';
import type { ParsedPart, ParsedSeries } from '../ingest/parsed-part.js';
import { bytes, nanos, number, share } from './log-text.js';
import { table } from './terminal.js';

/** Columns of one series that are shown; a metrics page of a large program has thousands. */
const shownColumns = 100;
const shownRows = 5;

/** The numbers over time that a part holds: names, units, last values. */
export function seriesText({ source, anchor, table: { atNanos, columns } }: ParsedSeries): string {
  const moments = atNanos.length === 1 ? 'one moment' : `${atNanos.length} moments`;
  const clock = anchor === 'time' ? '' : ', placed by the time of the capture';
  const rows = columns.slice(0, shownColumns).map((column) => {
    const last = lastValue(column);
    return [escapeControl(column.name), last === null ? '-' : valueText(last, column.unit), escapeControl(column.unit)];
  });
  const lines = [
    `Series from ${source} (${moments}${clock}), last values:`,
    indented(table(['name', 'last', 'unit'], rows, [1])),
  ];
  if (columns.length > shownColumns) lines.push(`  … ${columns.length - shownColumns} more; --json has them all`);
  return lines.join('\n');
}

/** The last value that there is; null if there is none. */
export function lastValue({ values, present }: SeriesColumn): bigint | number | null {
  for (let row = values.length - 1; row >= 0; row--) {
    if (present === null || present[row] === 1) return values[row];
  }
  return null;
}

/** The same as pprof writes sizes and times; any other number as it is. */
function valueText(value: bigint | number, unit: string): string {
  if (unit === 'bytes' || unit === 'nanoseconds') return label(value, unit);
  return typeof value === 'bigint' ? String(value) : number(value);
}

/** What a part holds to be shown as it was found, in a few lines; none where nothing is left to say. */
export function contentText({ kind, content }: ParsedPart): string[] {
  if (content === null) return [];
  switch (kind) {
    case 'exectrace':
      return traceText(content as StoredTrace);
    case 'gctrace':
      return lifetimes((content as { summaries: readonly (GcSummary | null)[] }).summaries, gcText);
    case 'schedtrace':
      return lifetimes((content as { summaries: readonly (SchedSummary | null)[] }).summaries, schedText);
    case 'goroutine-dump':
      return crashText(content as { crash: { text: string } | null });
    case 'build-info':
      return buildText(content as BuildContent);
    case 'memstats':
    case 'gcstats':
      return pausesText(content);
    case 'runtime-metrics':
      return histogramsText(content);
    case 'process-memory':
      return processesText(content as ProcessesContent);
    default:
      return [];
  }
}

function traceText(trace: StoredTrace): string[] {
  const { version, events, generations, duration_nanos, goroutine_count, groups, blocking, gc } = trace;
  const latency = trace.scheduler_latency;
  const stops = gc.stop_the_world_times;
  const lines = [
    `Format go ${version}: ${events} events in ${generations} generations over ${nanos(duration_nanos)}`,
    `Goroutines: ${goroutine_count}, started with ${groups.length + trace.other_groups.groups} functions`,
    ...groups.slice(0, shownRows).map(({ name, count, exec_nanos, block_nanos }) => {
      return `  ${count} ${escapeControl(name) || '(unknown)'}: running ${nanos(exec_nanos)}, blocked ${nanos(block_nanos)}`;
    }),
    `Blocked: ${blocking.total.count} times, ${nanos(blocking.total.total_nanos)}; ${blocking.total.still_blocked} goroutines still were at the end`,
    ...ownBlocks(blocking.entries).map((entry) => {
      const place = [entry.callee, entry.caller].flatMap((name) => (name === null ? [] : [escapeControl(name)]));
      const waker = entry.wakers.length === 0 ? '' : `, mostly woken by ${escapeControl(entry.wakers[0].name)}`;
      const time = nanos(entry.total_nanos + entry.still_blocked_nanos);
      return `  ${time} ${escapeControl(entry.reason) || '(before the trace)'} in ${place.join(' < ') || '(unknown)'}${waker}`;
    }),
    `Scheduler latency: ${latency.count} times, p50 ${nanos(latency.p50_nanos)}, p99 ${nanos(latency.p99_nanos)}, max ${nanos(latency.max_nanos)}`,
    `Collections: ${gc.cycle_times.count}; stops of the world: ${stops.count}, ${nanos(stops.total_nanos)}, longest ${nanos(stops.max_nanos)}`,
    `Processors: ${trace.utilisation.procs.length}`,
  ];
  const { tasks, regions, log_counts } = trace.annotations;
  if (tasks.length + regions.length + log_counts.length > 0) {
    const logs = log_counts.reduce((sum, { count }) => sum + count, 0);
    lines.push(`Annotations: ${trace.annotations.task_count} tasks, ${regions.length} kinds of regions, ${logs} logs`);
  }
  return lines;
}

/** Goroutines of the runtime itself are idle most of the time; that says nothing about the program. */
function ownBlocks(entries: StoredTrace['blocking']['entries']): StoredTrace['blocking']['entries'] {
  return entries.filter(({ goroutine_name: name }) => name === '' || !isSystemGoroutine(name)).slice(0, shownRows);
}

/** One line per process; a crash loop has thousands. */
function lifetimes<T>(summaries: readonly (T | null)[], text: (summary: T) => string): string[] {
  const known = summaries.filter((summary) => summary !== null);
  const lines = known.slice(-shownRows).map((summary) => text(summary));
  return known.length > shownRows ? [`${known.length - shownRows} earlier processes are not shown`, ...lines] : lines;
}

function gcText({ lifetime, cycles, pause, cpuShare, live, goalLastBytes }: GcSummary): string {
  const pauses = `pause p50 ${nanos(pause.p50Nanos)}, max ${nanos(pause.maxNanos)}`;
  const heap = `live heap ${bytes(live.firstBytes)} to ${bytes(live.lastBytes)}, goal ${bytes(goalLastBytes)}`;
  return `Process ${lifetime + 1}: ${cycles} cycles, ${pauses}, GC CPU ${share(cpuShare)}, ${heap}`;
}

function schedText({ lifetime, samples, gomaxprocs, idleShare, queuedMean, threads }: SchedSummary): string {
  const queued = `${number(queuedMean)} goroutines waiting for one on average`;
  return `Process ${lifetime + 1}: ${samples} samples, ${gomaxprocs.max} Ps, ${share(idleShare)} idle, ${queued}, ${threads.max} threads at most`;
}

function crashText({ crash }: { crash: { text: string } | null }): string[] {
  return crash === null ? [] : crash.text.split('\n').map((line) => escapeControl(line));
}

interface BuildContent {
  readonly goVersion?: string;
  readonly main: { readonly path: string; readonly version: string };
  readonly vcsRevision: string;
  readonly settings: Readonly<Record<string, string>>;
}

function buildText({ goVersion, main, vcsRevision, settings }: BuildContent): string[] {
  const lines = [`Module: ${escapeControl(main.path)} ${escapeControl(main.version)}`];
  if (goVersion) lines.push(`Built with: ${escapeControl(goVersion)}`);
  if (vcsRevision !== '') lines.push(`Commit: ${escapeControl(vcsRevision)}`);
  lines.push(`Settings: ${Object.keys(settings).length}`);
  return lines;
}

function pausesText({ pauses = [] }: { pauses?: readonly unknown[] }): string[] {
  return pauses.length === 0 ? [] : [`Pauses: the last ${pauses.length}`];
}

function histogramsText({ histograms = [] }: { histograms?: readonly { name: string }[] }): string[] {
  if (histograms.length === 0) return [];
  return [`Histograms: ${histograms.map(({ name }) => escapeControl(name)).join(', ')}`];
}

interface ProcessContent {
  readonly pid: number | null;
  readonly name: string | null;
}

interface ProcessesContent {
  readonly source: string;
  readonly processes: readonly ProcessContent[];
}

/** Several processes have no series: nothing says which of them is the service. */
function processesText({ source, processes }: ProcessesContent): string[] {
  const names = processes
    .slice(0, shownRows)
    .map(({ pid, name }) => escapeControl(`${name ?? '(unnamed)'} ${pid ?? ''}`.trim()));
  const more = processes.length > shownRows ? `, and ${processes.length - shownRows} more` : '';
  return [`Processes (from ${escapeControl(source)}): ${names.join(', ')}${more}`];
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
