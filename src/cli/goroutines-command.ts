import type { GroupAnswer, GroupChangeAnswer, StateAnswer } from '../analysis/goroutine-answers.js';
import { escapeControl } from '../analysis/text-escape.js';
import type { Connect } from './connection.js';
import { CliFailure } from './failure.js';
import { captureText } from './goroutine-text.js';
import { filterOf, type GoroutinesOptions, groupingOf, groupLimit, printGoroutines } from './goroutines.js';
import { readBytes } from './local-file.js';
import { type RangeOptions, rangeQuery } from './options.js';
import { pageRows } from './remote-answers.js';
import { remotePath, targetOf } from './target.js';
import { table, type Terminal } from './terminal.js';
import { drawn } from './trends.js';

export interface GoroutinesCommandOptions extends GoroutinesOptions, RangeOptions {
  /** A file or an id, as the target is. */
  readonly base?: string;
  readonly step?: string;
}

/** The most groups that a trend shows apart. */
const trendGroups = 100;

/** `goroutines TARGET`: of a file, a snapshot or, over time, of a service. */
export async function printGoroutinesOf(
  connect: Connect,
  argument: string,
  options: GoroutinesCommandOptions,
  out: Terminal,
): Promise<void> {
  const target = targetOf(argument);
  if (target.is === 'service') return printTrend(connect, target.name, options, out);
  const base = options.base === undefined ? null : targetOf(options.base);
  if (base !== null && base.is !== target.is) {
    const what = target.is === 'file' ? 'a file' : 'the id of a snapshot';
    throw new CliFailure('usage', `${escapeControl(options.base!)} is not ${what}, as ${escapeControl(argument)} is.`);
  }
  if (target.is === 'file') {
    const before = base?.is === 'file' ? { bytes: readBytes(base.path), origin: base.path } : undefined;
    return printGoroutines(readBytes(target.path), target.path, options, out, before);
  }
  const limit = groupLimit(options.limit);
  const { state, category, minWaitMinutes, focus } = filterOf(options);
  const answer = await connect().json<RemoteGoroutines>(`${remotePath(target)}/goroutines`, {
    query: {
      by: groupingOf(options),
      label: options.label,
      state,
      category,
      min_wait: minWaitMinutes,
      focus,
      base: base?.is === 'snapshot' ? base.id : undefined,
      limit: limit === 0 ? pageRows : Math.min(limit, pageRows),
    },
  });
  if (options.json) return out.print(JSON.stringify(answer, null, 2));
  const { kind, goroutines, matched, crash, states, folded } = answer;
  const kept = goroutines - folded.reduce((sum, { count }) => sum + count, 0);
  out.print(
    captureText({
      title: kind === 'goroutine-dump' ? 'Dump' : 'Profile',
      kind,
      goroutines,
      matched: matched === kept ? null : matched,
      lines: null,
      at: answer.captured_at,
      crash,
      states,
      folded,
      groupCount: answer.row_count,
      groups: answer.rows,
    }),
  );
  for (const name of answer.unmatched) out.remark(`--${name} matched nothing`);
  for (const { count, detail } of answer.losses) out.remark(`Lost: ${detail} (${count})`);
}

interface RemoteGoroutines {
  readonly kind: string;
  readonly captured_at: string;
  readonly crash: { readonly text: string } | null;
  readonly goroutines: number;
  readonly matched: number;
  readonly states: readonly StateAnswer[];
  readonly folded: readonly { readonly state: string; readonly count: number }[];
  readonly losses: readonly { readonly count: number; readonly detail: string }[];
  readonly unmatched: readonly string[];
  readonly row_count: number;
  readonly rows: readonly GroupChangeAnswer[];
}

interface RemoteTrend {
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  readonly step_seconds: number;
  readonly thinned_to_seconds: number | null;
  readonly note: string | null;
  readonly total: RemoteLine;
  readonly group_count: number;
  readonly groups: readonly (RemoteLine & { state: string; name: string; youngest: GroupAnswer | null })[];
  readonly other: RemoteLine | null;
}

interface RemoteLine {
  readonly values: readonly number[];
  readonly first: number | null;
  readonly last: number | null;
  readonly max: number | null;
  readonly growth_per_hour: number | null;
}

/** What a snapshot or a file can be asked for, and a service cannot. */
const ofCaptures = ['label', 'state', 'category', 'minWait', 'focus', 'base'] as const;

async function printTrend(
  connect: Connect,
  service: string,
  options: GoroutinesCommandOptions,
  out: Terminal,
): Promise<void> {
  const strange = ofCaptures.find((name) => options[name] !== undefined);
  if (strange !== undefined) {
    const name = strange === 'minWait' ? 'min-wait' : strange;
    throw new CliFailure('usage', `--${name} goes with a file or a snapshot, not with a service.`);
  }
  const limit = groupLimit(options.limit);
  const path = `/api/v1/services/${encodeURIComponent(service)}/goroutines`;
  const shown = limit === 0 ? trendGroups : Math.min(limit, trendGroups);
  const query = { ...rangeQuery(options), by: options.by, step: options.step, limit: shown };
  const trend = await connect().json<RemoteTrend>(path, { query });
  if (options.json) return out.print(JSON.stringify(trend, null, 2));
  if (trend.note !== null) out.remark(trend.note);
  out.remark(`${trend.kind}, mean per ${trend.step_seconds} s, ${trend.from} to ${trend.to}`);
  if (trend.total.values.length === 0) {
    return out.remark('No snapshot in this range. --from reaches further back: --from -30d');
  }
  const row = (state: string, name: string, { values, first, max, last, growth_per_hour }: RemoteLine): string[] => [
    escapeControl(state),
    drawn(values),
    ...[first, max, last].map(String),
    growth_per_hour === null ? '-' : growthText(growth_per_hour),
    escapeControl(name),
  ];
  const rows = [
    row('all', '', trend.total),
    ...trend.groups.map((group) => row(group.state, group.name === group.state ? '' : group.name, group)),
    ...(trend.other === null ? [] : [row('other', `${trend.group_count - trend.groups.length} groups`, trend.other)]),
  ];
  out.print(table(['STATE', '', 'FIRST', 'MAX', 'LAST', 'PER HOUR', 'GROUP'], rows, [2, 3, 4, 5]));
}

function growthText(perHour: number): string {
  const text = perHour.toFixed(Math.abs(perHour) < 10 ? 1 : 0);
  return Number(text) === 0 ? '0' : perHour > 0 ? `+${text}` : text;
}
