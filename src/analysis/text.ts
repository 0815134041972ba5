import type { DiffTable } from './diff.js';
import type { FlameGraph } from './flame-graph.js';
import { lineName } from './flame-graph.js';
import { escapeControl } from './text-escape.js';
import type { Site, TopTable } from './top.js';
import { columnUnit, label, percentage } from './units.js';

/** Lines above a table that come from the profile, not from its values; absent ones are left out. */
export interface ReportHeader {
  readonly file?: string;
  readonly buildId?: string;
  readonly timeNanos?: bigint;
  readonly durationNanos?: bigint;
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

  const lines = headerLines(header, sampleType, total, format);
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
  { file, buildId, timeNanos, durationNanos }: ReportHeader,
  sampleType: TextTable['sampleType'],
  total: bigint,
  format: (value: bigint) => string,
): string[] {
  const lines: string[] = [];
  if (file) lines.push(`File: ${escapeControl(file.slice(file.lastIndexOf('/') + 1))}`);
  if (buildId) lines.push(`Build ID: ${escapeControl(buildId)}`);
  if (sampleType.type) lines.push(`Type: ${escapeControl(sampleType.type)}`);
  if (timeNanos) {
    const time = new Date(Number(timeNanos / 1_000_000n));
    if (!Number.isNaN(time.getTime())) lines.push(`Time: ${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`);
  }
  if (durationNanos) {
    const ofTime = /^(n|nano|μ|u|micro|m|milli)?s(ec|ec?onds?)?$/i.test(sampleType.unit);
    const ratio = ofTime && total !== 0n ? `(${percentage(inNanos(total, sampleType.unit), durationNanos)})` : '';
    lines.push(`Duration: ${label(durationNanos, 'nanoseconds')}, Total samples = ${format(total)} ${ratio}`);
  }
  return lines;
}

function unitFor(rows: readonly TextRow[], total: bigint, unit: string): string {
  if (rows.length === 0) return unit;
  let smallest = 0n;
  for (const { flat, cum } of rows) {
    const size = magnitude(flat) || magnitude(cum);
    if (size > 0n && (smallest === 0n || size < smallest)) smallest = size;
  }
  return columnUnit(smallest, total, unit);
}

/** What a row is called, as pprof prints its nodes, safe for a terminal. */
export function siteName(site: Site): string {
  const name = site.package ?? site.file ?? '';
  if (site.function === null) return escapeControl(name);
  return escapeControl(site.line === null ? site.function : lineName(site.function, site.file ?? '', site.line));
}
