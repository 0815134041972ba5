import { type RuntimeSource, type RuntimeWindow, runtimeWindow } from '../analysis/runtime/runtime-window.js';
import { joinTables, type SeriesTable } from '../analysis/series-table.js';
import { escapeControl } from '../analysis/text-escape.js';
import type { ParsedSeries } from '../ingest/parsed-part.js';
import { CliFailure } from './failure.js';
import { filesThat, localFiles, readFiles, remarkOnBroken, some, timeNotes, type UnreadFile } from './local-files.js';
import { snapshotTimes, type TimeClues } from './snapshot-times.js';
import type { Terminal } from './terminal.js';

/**
 * What local files say of a process over time, as of the times that `snapshotTimes` finds.
 *
 * @throws CliFailure if a file that was named cannot be read or holds no numbers, or there are none at all
 */
export function readRuntime(arguments_: readonly string[], out: Terminal): RuntimeWindow {
  const clues: TimeClues[] = [];
  const found: { readonly snapshot: number; readonly series: readonly ParsedSeries[] }[] = [];
  const unread: UnreadFile[] = [];
  const silent: { readonly path: string }[] = [];
  for (const { path, named, parts, clues: own } of readFiles(localFiles(arguments_), unread)) {
    const before = found.length;
    parts.forEach(({ series }, part) => {
      const snapshot = clues.push(own[part]) - 1;
      if (series.length > 0) found.push({ snapshot, series });
    });
    if (found.length > before) continue;
    if (named) throw new CliFailure('failed', `${escapeControl(path)} holds no numbers over time.`);
    silent.push({ path });
  }
  remarkOnBroken(unread, out);
  silent.push(...unread.filter(({ isUnknown }) => isUnknown));
  if (silent.length > 0) {
    out.remark(`${filesThat(silent.length, 'holds', 'hold')} no numbers over time: ${some(silent)}`);
  }
  if (found.length === 0) throw new CliFailure('failed', 'There are no numbers over time in these files.');
  const times = snapshotTimes(clues);
  const placed = found.filter(({ series }) => series.some(({ anchor }) => anchor === 'capture'));
  for (const note of timeNotes(placed.map(({ snapshot }) => times[snapshot]))) out.remark(note);
  return windowAround(
    runtimeSources(
      found.map(({ snapshot, series }) => ({
        instance: clues[snapshot].instance,
        atMillis: times[snapshot].atMillis,
        series,
      })),
    ),
  );
}

/** What one snapshot said over time, and when it was taken. */
export interface SnapshotSeries {
  readonly instance: string;
  readonly atMillis: number;
  readonly series: readonly ParsedSeries[];
}

/** One table of each instance and source. What only knows its distance to the capture gets its time from that. */
export function runtimeSources(snapshots: readonly SnapshotSeries[]): RuntimeSource[] {
  const found = new Map<string, { instance: string; source: string; tables: SeriesTable[] }>();
  for (const { instance, atMillis, series } of snapshots) {
    const captureNanos = BigInt(Math.round(atMillis)) * 1_000_000n;
    for (const { source, anchor, table } of series) {
      const placed = anchor === 'time' ? table : { ...table, atNanos: table.atNanos.map((at) => at + captureNanos) };
      const key = JSON.stringify([instance, source]);
      const known = found.get(key);
      if (known === undefined) found.set(key, { instance, source, tables: [placed] });
      else known.tables.push(placed);
    }
  }
  return [...found.values()].map(({ instance, source, tables }) => ({ instance, source, table: joinTables(tables) }));
}

/** From the first moment to just behind the last. */
export function windowAround(sources: readonly RuntimeSource[]): RuntimeWindow {
  let first = Infinity;
  let last = -Infinity;
  for (const { table } of sources) {
    first = Math.min(first, Number(table.atNanos[0] / 1_000_000n));
    last = Math.max(last, Number(table.atNanos[table.atNanos.length - 1] / 1_000_000n));
  }
  return runtimeWindow(sources, first, last + 1_000);
}
