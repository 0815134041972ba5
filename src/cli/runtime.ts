import { existsSync } from 'node:fs';
import { type Finding, findings } from '../analysis/runtime/findings.js';
import { applyThresholds } from '../analysis/runtime/thresholds.js';
import {
  type RuntimeTimelineAnswer,
  type RuntimeSeriesAnswer,
  runtimeTimeline,
} from '../analysis/runtime/timeline-answer.js';
import { type Verdict, verdictOf } from '../analysis/runtime/verdict.js';
import { escapeControl } from '../analysis/text-escape.js';
import { bucketEdges, type Stat } from '../analysis/timeline-buckets.js';
import { label } from '../analysis/units.js';
import type { Connect } from './connection.js';
import { CliFailure } from './failure.js';
import { readRuntime } from './local-runtime.js';
import { remotePath, targetOf } from './target.js';
import { table, type Terminal } from './terminal.js';
import { drawn } from './trends.js';

/** Which part of a service; local files are read whole. */
export interface RuntimeOptions {
  readonly from?: string;
  readonly to?: string;
  readonly instance?: string;
  readonly json?: boolean;
}

export interface RuntimeTimelineOptions extends RuntimeOptions {
  readonly stat?: Stat;
  readonly by?: 'instance';
  readonly step?: string;
}

/** What a server says in addition: local files have no such note. */
type Noted<T> = T & { readonly note?: string | null };

/** `runtime SERVICE|FILE…`: a line per number, drawn and in figures. */
export async function printRuntime(
  connect: Connect,
  targets: readonly string[],
  options: RuntimeTimelineOptions,
  out: Terminal,
): Promise<void> {
  const { stat, by, step } = options;
  const path = servicePath(targets);
  const timeline =
    path === null
      ? localTimeline(targets, options, out)
      : await connect().json<Noted<RuntimeTimelineAnswer>>(`${path}/runtime`, {
          query: { ...rangeOf(options), stat, by, step },
        });
  if (options.json) return out.print(JSON.stringify(timeline, null, 2));
  remarkOn(timeline, out);
  out.remark(`${timeline.stat} per ${timeline.step_seconds} s, ${timeline.from} to ${timeline.to}`);
  for (const { at, type, instance, detail } of timeline.markers) {
    out.remark(`${at} ${type}${instance === null ? '' : ` of ${escapeControl(instance)}`}: ${escapeControl(detail)}`);
  }
  if (timeline.series.length === 0)
    return out.remark('No numbers in this range. --from reaches further back: --from -7d');
  const rows = timeline.series.map((series) => {
    const values = series.points.map(({ value }) => Number(value));
    const format = (value: number): string => shownIn(series, value);
    return [
      escapeControl(nameOf(series)),
      drawn(values),
      ...[values[0], Math.min(...values), Math.max(...values), values[values.length - 1]].map(format),
      series.sources.join(','),
    ];
  });
  out.print(table(['SERIES', '', 'FIRST', 'MIN', 'MAX', 'LAST', 'SOURCE'], rows, [2, 3, 4, 5]));
}

function localTimeline(targets: readonly string[], options: RuntimeTimelineOptions, out: Terminal) {
  const window = readRuntime(targets, out);
  const { fromMillis, toMillis } = window;
  // As many steps as the drawing has columns.
  const stepSeconds = Math.max(1, Math.ceil((toMillis - fromMillis) / 40_000));
  const edges = bucketEdges(fromMillis, toMillis, stepSeconds * 1000);
  const { stat = 'mean', by } = options;
  return { ...runtimeTimeline(window, { edges, stepSeconds, stat, byInstance: by === 'instance' }), note: null };
}

function nameOf({ name, state, instance, other }: RuntimeSeriesAnswer): string {
  const whole = state === null ? name : `${name} ${state}`;
  return other ? `${whole} (other)` : instance === null ? whole : `${whole} (${instance})`;
}

function shownIn({ unit, meaning }: RuntimeSeriesAnswer, value: number): string {
  if (unit === 'bytes' || unit === 'nanoseconds') return label(value, unit);
  if (unit === 'ratio') return `${(value * 100).toFixed(2)}%`;
  return String(Number(value.toFixed(meaning === 'rate' ? 2 : 0)));
}

interface FindingsAnswer {
  readonly from: string;
  readonly to: string;
  readonly instances: number;
  readonly findings: readonly Finding[];
}

/** `findings SERVICE|FILE…`: a sentence each, the most severe first. */
export async function printFindings(
  connect: Connect,
  targets: readonly string[],
  options: RuntimeOptions,
  out: Terminal,
): Promise<void> {
  const path = servicePath(targets);
  const answer =
    path === null
      ? localFindings(targets, out)
      : await connect().json<Noted<FindingsAnswer>>(`${path}/runtime/findings`, { query: rangeOf(options) });
  if (options.json) return out.print(JSON.stringify(answer, null, 2));
  remarkOn(answer, out);
  if (answer.findings.length === 0) {
    return out.print(answer.instances === 0 ? 'No numbers in this range.' : 'Nothing exceeds a threshold.');
  }
  out.print(answer.findings.map(({ severity, sentence }) => `${severity.padEnd(8)}  ${sentence}`).join('\n'));
}

function localFindings(targets: readonly string[], out: Terminal): Noted<FindingsAnswer> {
  const window = readRuntime(targets, out);
  return {
    from: new Date(window.fromMillis).toISOString(),
    to: new Date(window.toMillis).toISOString(),
    instances: window.instances.length,
    findings: findings(window, applyThresholds({})),
  };
}

/** `verdict SERVICE|FILE|DIR`: why memory grows, what speaks for it and against it, what is missing. */
export async function printVerdict(
  connect: Connect,
  targets: readonly string[],
  options: RuntimeOptions,
  out: Terminal,
): Promise<void> {
  const path = servicePath(targets);
  const verdict: Noted<Verdict> =
    path === null
      ? verdictOf(readRuntime(targets, out), applyThresholds({}))
      : await connect().json<Noted<Verdict>>(`${path}/verdict`, { query: rangeOf(options) });
  if (options.json) return out.print(JSON.stringify(verdict, null, 2));
  remarkOn(verdict, out);
  const lines = [`${verdict.verdict}: ${verdict.sentence}`];
  for (const { cause, share, evidence, counter_evidence } of verdict.candidates) {
    lines.push('', `${cause}${share === null ? '' : ` (${(share * 100).toFixed(0)} % of the growth)`}`);
    lines.push(...evidence.map((text) => `  + ${text}`), ...counter_evidence.map((text) => `  - ${text}`));
  }
  const list = (head: string, texts: readonly string[]): void => {
    if (texts.length > 0) lines.push('', head, ...texts.map((text) => `  ${text}`));
  };
  list('What speaks for stable memory, or bounds what is known:', verdict.counter_evidence);
  list('What would make it surer:', verdict.missing);
  out.print(lines.join('\n'));
}

/** Where the API has the service; null for files. */
function servicePath(targets: readonly string[]): string | null {
  if (targets.some((argument) => argument === '-' || existsSync(argument))) {
    const absent = targets.find((argument) => argument !== '-' && !existsSync(argument));
    if (absent === undefined) return null;
    throw new CliFailure('noInput', `There is no file ${escapeControl(absent)}.`);
  }
  if (targets.length > 1) throw new CliFailure('usage', 'One service, or files.');
  const target = targetOf(targets[0]);
  if (target.is !== 'service') throw new CliFailure('usage', 'A snapshot is one moment: name its service.');
  return remotePath(target);
}

function rangeOf({ from, to, instance }: RuntimeOptions) {
  return { from, to, instance };
}

function remarkOn({ note }: { readonly note?: string | null }, out: Terminal): void {
  if (note !== undefined && note !== null) out.remark(note);
}
