import type { DiffTable } from './diff.js';
import { type FilterOption, filterOptions } from './filter-options.js';
import { type FlameGraph, lineName } from './flame-graph.js';
import { escapeControl } from './text-escape.js';
import type { Site, TopTable } from './top.js';
import { columnUnit, label, percentage, scale } from './units.js';

/** Lines above a table that come from the profile, not from its values; absent ones are left out. */
export interface ReportHeader {
  readonly file?: string;
  readonly buildId?: string;
  readonly comments?: readonly string[];
  readonly docUrl?: string;
  readonly timeNanos?: bigint;
  readonly durationNanos?: bigint;
  /** What the stacks were filtered with. */
  readonly filters?: Partial<Record<FilterOption, string>>;
}

export interface TopTextOptions {
  /** At most so many rows; 0, the default of `pprof -top`, shows all that are large enough. */
  readonly nodeCount?: number;
  /** Rows whose cumulative value is below this share of all flat values are dropped; 0.005 by default, as in pprof. */
  readonly nodeFraction?: number;
  /** Unit of all values; by default one is chosen that fits them. */
  readonly unit?: string;
}

interface TextRow extends Site {
  readonly flat: bigint;
  readonly cum: bigint;
}

interface TextTable {
  readonly sampleType: { readonly type: string; readonly unit: string };
  readonly total: bigint;
  readonly rows: readonly TextRow[];
}

/**
 * A table as `go tool pprof -top` prints it, with the same rows, numbers, units and header lines (google/pprof
 * internal/report, printText); times are in UTC, and `(inline)` is not said.
 *
 * @param table all rows: what to leave out is decided here
 */
export function topText(table: TopTable, header: ReportHeader = {}, options: TopTextOptions = {}): string {
  return tableText(table, header, options);
}

/** The deltas of a diff as `go tool pprof -top -diff_base` prints them. */
export function diffText(table: DiffTable, header: ReportHeader = {}, options: TopTextOptions = {}): string {
  const rows = table.rows
    .filter(({ delta }) => delta.flat !== 0n || delta.cum !== 0n)
    .map((row) => ({ ...row, flat: row.delta.flat, cum: row.delta.cum }));
  return tableText({ ...table, rows }, header, options);
}

function tableText(table: TextTable, header: ReportHeader, options: TopTextOptions): string {
  const { nodeCount = 0, nodeFraction = 0.005 } = options;
  const { sampleType, total } = table;
  const flatSum = table.rows.reduce((sum, { flat }) => sum + flat, 0n);
  const cutoff = magnitude(truncated(Number(flatSum) * nodeFraction));
  const large = table.rows.filter(({ cum }) => magnitude(cum) >= cutoff);
  const shown = nodeCount > 0 ? large.slice(0, nodeCount) : large;
  const unit = options.unit ?? unitFor(shown, total, sampleType.unit);
  const format = (value: bigint): string => label(value, sampleType.unit, unit);

  const lines = [...headerLines(header, sampleType, total, format), ...filterLines(header.filters ?? {})];
  const shownSum = shown.reduce((sum, { flat }) => sum + flat, 0n);
  const shownShare = percentage(shownSum, total).trim();
  lines.push(`Showing nodes accounting for ${format(shownSum)}, ${shownShare} of ${format(total)} total`);
  const dropped = table.rows.length - large.length;
  if (total !== 0n && dropped > 0) {
    const least = format(magnitude(truncated(Number(total) * nodeFraction)));
    lines.push(`Dropped ${dropped} node${dropped > 1 ? 's' : ''} (cum <= ${least})`);
  }
  if (total !== 0n && shown.length > 0 && shown.length < large.length) {
    lines.push(`Showing top ${shown.length} nodes out of ${large.length}`);
  }
  lines.push('      flat  flat%   sum%        cum   cum%');
  let running = 0n;
  for (const row of shown) {
    running += row.flat;
    const flat = `${format(row.flat).padStart(10)} ${percentage(row.flat, total)} ${percentage(running, total)}`;
    lines.push(`${flat} ${format(row.cum).padStart(10)} ${percentage(row.cum, total)}  ${siteName(row)}`);
  }
  return `${lines.join('\n')}\n`;
}

function headerLines(
  { file, buildId, comments = [], docUrl, timeNanos, durationNanos }: ReportHeader,
  sampleType: TextTable['sampleType'],
  total: bigint,
  format: (value: bigint) => string,
): string[] {
  const lines: string[] = [];
  if (file) lines.push(`File: ${escapeControl(file.slice(file.lastIndexOf('/') + 1))}`);
  if (buildId) lines.push(`Build ID: ${escapeControl(buildId)}`);
  // A comment that starts with # is meant for tools.
  lines.push(...comments.filter((comment) => !comment.startsWith('#')).map(escapeControl));
  if (sampleType.type) lines.push(`Type: ${escapeControl(sampleType.type)}`);
  if (docUrl) lines.push(`Doc: ${escapeControl(docUrl)}`);
  if (timeNanos) {
    const time = new Date(Number(timeNanos / 1_000_000n));
    if (!Number.isNaN(time.getTime())) lines.push(`Time: ${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`);
  }
  if (durationNanos) {
    const time = scale(total, sampleType.unit, 'nanoseconds');
    const isTime = time.unit === 'ns' && time.value !== 0;
    const ratio = isTime ? `(${percentage(truncated(time.value), durationNanos)})` : '';
    lines.push(`Duration: ${label(durationNanos, 'nanoseconds')}, Total samples = ${format(total)} ${ratio}`);
  }
  return lines;
}

function filterLines(filters: Partial<Record<FilterOption, string>>): string[] {
  const lines = filterOptions.flatMap((option) => {
    const pattern = filters[option];
    if (!pattern) return [];
    const text = `${option}=${pattern}`;
    return [`   ${escapeControl(text.length > 80 ? `${text.slice(0, 80)}…` : text)}`];
  });
  return lines.length === 0 ? [] : ['Active filters:', ...lines];
}

function unitFor(rows: readonly TextRow[], total: bigint, unit: string): string {
  if (rows.length === 0) return 'auto';
  let smallest = 0n;
  for (const { flat, cum } of rows) {
    const size = magnitude(flat) || magnitude(cum);
    if (size > 0n && (smallest === 0n || size < smallest)) smallest = size;
  }
  return columnUnit(smallest, total, unit);
}

/** What a row is called, as pprof prints its nodes, safe for a terminal. */
export function siteName(site: Site): string {
  if (site.function === null) return escapeControl(site.package || site.file || '<unknown>');
  return escapeControl(site.line === null ? site.function : lineName(site.function, site.file ?? '', site.line));
}

export interface FlameTextOptions {
  /** Branches below this share of everything are left out; 0.005 by default. */
  readonly minShare?: number;
  readonly unit?: string;
}

/**
 * A flame graph as an indented tree for a terminal: total, share, own value and name of each node, the largest branch
 * first. A chain of single children stays on one level, as its shape says nothing.
 */
export function flameText(graph: FlameGraph, options: FlameTextOptions = {}): string {
  const { minShare = 0.005 } = options;
  const { absoluteTotal, sampleType } = graph;
  const unit = options.unit ?? columnUnit(0n, absoluteTotal, sampleType.unit);
  const format = (value: bigint): string => label(value, sampleType.unit, unit);
  const children = childrenOf(graph);
  const least = Number(absoluteTotal) * minShare;
  const lines = [`Type: ${escapeControl(sampleType.type)}`, '     total            self'];
  const line = (total: bigint, self: bigint, indent: string, name: string): void => {
    const own = self === 0n ? '' : format(self);
    lines.push(
      `${format(total).padStart(10)} ${percentage(total, absoluteTotal)} ${own.padStart(10)}  ${indent}${name}`,
    );
  };
  const open: { node: number; depth: number }[] = [{ node: 0, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    const name = node === 0 ? 'all' : escapeControl(graph.names[graph.name[node]]);
    line(graph.total[node], graph.self[node], '  '.repeat(depth), name);
    const sorted = children[node].toSorted((a, b) => compareMagnitude(graph.total[b], graph.total[a]) || a - b);
    const shown = sorted.filter((child) => Number(magnitude(graph.total[child])) >= least);
    const isChain = node !== 0 && sorted.length === 1 && graph.self[node] === 0n;
    for (const child of shown.toReversed()) open.push({ node: child, depth: isChain ? depth : depth + 1 });
  }
  return `${lines.join('\n')}\n`;
}

function childrenOf(graph: FlameGraph): number[][] {
  const children = graph.parent.map((): number[] => []);
  for (let node = 1; node < graph.parent.length; node++) children[graph.parent[node]].push(node);
  return children;
}

function compareMagnitude(a: bigint, b: bigint): number {
  const [left, right] = [magnitude(a), magnitude(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function truncated(value: number): bigint {
  return BigInt(Math.trunc(value));
}
