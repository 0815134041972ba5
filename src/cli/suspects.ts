import type { LeakSuspect } from '../analysis/leaks/suspect.js';
import { bytes, rate } from '../analysis/runtime/words.js';
import { escapeControl } from '../analysis/text-escape.js';
import type { Api } from './api.js';
import { CliFailure } from './failure.js';
import { suspectText } from './leaks-text.js';
import { pageRows } from './remote-answers.js';
import { table, type Terminal } from './terminal.js';

export interface SuspectsOptions {
  readonly team?: string;
  readonly state?: string;
  readonly tier?: string;
  readonly kind?: string;
  readonly function?: string;
  readonly assignee?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

export interface SuspectOptions {
  readonly acknowledge?: boolean;
  /** True without a build. */
  readonly resolve?: string | true;
  /** True without an end. */
  readonly ignore?: string | true;
  readonly reopen?: boolean;
  readonly assign?: string;
  readonly team?: string;
  readonly comment?: string;
  readonly json?: boolean;
}

interface Row {
  readonly id: string;
  readonly service: string;
  readonly team: string;
  readonly assignee: string | null;
  readonly state: string;
  readonly phase: string | null;
  readonly tier: string;
  readonly kind: string;
  readonly function: string;
  readonly growth: LeakSuspect['growth'];
  readonly last_seen_at: string;
}

interface Ranking {
  readonly ranked_at: string | null;
  readonly notes: readonly string[];
  readonly pending: boolean;
  readonly fault: string | null;
}

interface Details extends Row {
  readonly suspect: LeakSuspect;
  readonly evidence: readonly { readonly instance: string; readonly diff: string | null }[];
  readonly history: readonly HistoryEvent[];
}

interface HistoryEvent {
  readonly at: string;
  readonly what: string;
  readonly by: { readonly name: string } | null;
  readonly comment: string | null;
}

/** `suspects [SERVICE]`: the list of a service, a team or the whole tenant. */
export async function listSuspects(
  api: Api,
  service: string | undefined,
  options: SuspectsOptions,
  out: Terminal,
): Promise<void> {
  const { team, state, tier, kind, function: name, assignee, json } = options;
  if (service !== undefined && team !== undefined) {
    throw new CliFailure('usage', 'A service or --team, not both: a service shows its suspects, whoever owns them.');
  }
  const limit = limitOf(options.limit);
  const of =
    service !== undefined
      ? `services/${encodeURIComponent(service)}/`
      : team
        ? `teams/${encodeURIComponent(team)}/`
        : '';
  const query = { state, tier, kind, function: name, assignee, limit: Math.min(limit, pageRows) };
  const rows: Row[] = [];
  let ranking: Ranking | undefined;
  let cursor: string | undefined;
  do {
    const page = await api.json<{ rows: Row[]; next: string | null; ranking?: Ranking }>(`/api/v1/${of}suspects`, {
      query: { ...query, cursor },
    });
    rows.push(...page.rows);
    ranking ??= page.ranking;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && rows.length < limit);
  rows.splice(limit);
  if (json) return out.print(JSON.stringify({ rows, ...(ranking === undefined ? {} : { ranking }) }, null, 2));
  for (const remark of remarksOn(ranking)) out.remark(remark);
  if (rows.length === 0) out.remark('No suspect.');
  else out.print(suspectTable(rows));
}

/** `suspect ID`: changes it if options say so, and shows what it is then. */
export async function showSuspect(api: Api, id: string, options: SuspectOptions, out: Terminal): Promise<void> {
  const path = `/api/v1/suspects/${encodeURIComponent(id)}`;
  const json = changesOf(options);
  const details =
    json === null ? await api.json<Details>(path) : await api.json<Details>(path, { method: 'PATCH', json });
  if (options.json) return out.print(JSON.stringify(details, null, 2));
  out.print(detailsText(details));
}

/** The body of the PATCH; null: there is nothing to change. */
function changesOf(options: SuspectOptions): object | null {
  const states = [
    ...(options.acknowledge ? [{ state: 'acknowledged' }] : []),
    ...(options.reopen ? [{ state: 'open' }] : []),
    ...(options.resolve === undefined
      ? []
      : [{ state: 'resolved', resolved_in: options.resolve === true ? 'now' : { build: options.resolve } }]),
    ...(options.ignore === undefined
      ? []
      : [{ state: 'ignored', ignore: { until: options.ignore === true ? 'forever' : options.ignore } }]),
  ];
  if (states.length > 1) {
    throw new CliFailure('usage', 'One of --acknowledge, --resolve, --ignore and --reopen: they are different states.');
  }
  const orNull = (text: string | undefined): string | null | undefined => (text === '' ? null : text);
  const changes = {
    ...states[0],
    assignee: orNull(options.assign),
    team: orNull(options.team),
    comment: options.comment,
  };
  return Object.values(changes).every((value) => value === undefined) ? null : changes;
}

function suspectTable(rows: readonly Row[]): string {
  return table(
    ['ID', 'TIER', 'STATE', 'SERVICE', 'KIND', 'PER HOUR', 'NOW', 'OWNER', 'FUNCTION'],
    rows.map((row) => [
      row.id,
      row.tier,
      stateText(row),
      escapeControl(row.service),
      row.kind,
      amount(row.growth.perHour, row.growth.unit),
      amount(row.growth.now, row.growth.unit),
      ownerText(row),
      escapeControl(row.function),
    ]),
    [5, 6],
  );
}

function detailsText(details: Details): string {
  const { suspect, evidence, history, service } = details;
  const facts = [stateText(details), escapeControl(service), ownerText(details), `last seen ${details.last_seen_at}`];
  const diffs = evidence.flatMap(({ instance, diff }) =>
    diff === null ? [] : [`   ${escapeControl(instance)}  ${diff}`],
  );
  const blocks = [
    facts.join(', '),
    suspectText(suspect, { found: [suspect], all: true, untimed: new Map() }),
    ...(diffs.length > 0 ? [['evidence', ...diffs].join('\n')] : []),
    ['history', ...history.map(eventText)].join('\n'),
  ];
  return blocks.join('\n\n');
}

function eventText({ at, what, by, comment }: HistoryEvent): string {
  const words = [at, what, by === null ? 'by the ranking' : `by ${escapeControl(by.name)}`];
  return `   ${words.join(' ')}${comment === null ? '' : `: ${escapeControl(comment)}`}`;
}

function stateText({ state, phase }: Row): string {
  return phase === null ? state : `${state}, ${phase}`;
}

function ownerText({ team, assignee }: Row): string {
  return assignee === null ? escapeControl(team) : `${escapeControl(team)}, ${escapeControl(assignee)}`;
}

function amount(value: number, unit: LeakSuspect['growth']['unit']): string {
  return unit === 'bytes' ? bytes(value) : Number.isInteger(value) ? String(value) : rate(value);
}

function remarksOn(ranking: Ranking | undefined): string[] {
  if (ranking === undefined) return [];
  const { ranked_at, notes, pending, fault } = ranking;
  return [
    ...(ranked_at === null ? [] : [`Ranked ${ranked_at}${pending ? '; newer snapshots are still to be ranked' : ''}.`]),
    ...(ranked_at === null && pending ? ['Its snapshots are still to be ranked.'] : []),
    ...(fault === null ? [] : [`The last ranking came to nothing: ${escapeControl(fault)}`]),
    ...notes.map(escapeControl),
  ];
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return Infinity;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit > 0) return limit;
  throw new CliFailure('usage', '--limit is a whole number from 1 on.');
}
