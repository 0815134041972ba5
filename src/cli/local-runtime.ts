import { type RuntimeSource, type RuntimeWindow, runtimeWindow } from '../analysis/runtime/runtime-window.js';
import { joinTables, type SeriesTable } from '../analysis/series-table.js';
import { escapeControl } from '../analysis/text-escape.js';
import type { ParsedSeries } from '../ingest/parsed-part.js';
import { CliFailure } from './failure.js';
import { filesThat, localFiles, readFiles, remarkOnUnread, some, timeNotes, type UnreadFile } from './local-files.js';
import { snapshotTimes, type TimeClues } from './snapshot-times.js';
import type { Terminal } from './terminal.js';

/**
 * What local files say of a process over time, as of the times that `snapshotTimes` finds.
 *
 * @throws CliFailure if a file that was named cannot be read or holds no numbers, or there are none at all
 */
export function readRuntime(arguments_: readonly string[], out: Terminal): RuntimeWindow {
  const found: { readonly clues: TimeClues; readonly series: readonly ParsedSeries[] }[] = [];
  const unread: UnreadFile[] = [];
  const silent: { readonly path: string }[] = [];
  for (const { path, named, parts, clues } of readFiles(localFiles(arguments_), unread)) {
    const before = found.length;
    parts.forEach(({ series }, part) => {
      if (series.length > 0) found.push({ clues: clues[part], series });
    });
    if (found.length > before) continue;
    if (named) throw new CliFailure('failed', `${escapeControl(path)} holds no numbers over time.`);
    silent.push({ path });
  }
  remarkOnUnread(unread, out);
  if (silent.length > 0)
    out.remark(`${filesThat(silent.length, 'holds', 'hold')} no numbers over time: ${some(silent)}`);
  if (found.length === 0) throw new CliFailure('failed', 'There are no numbers over time in these files.');
  const times = snapshotTimes(found.map(({ clues }) => clues));
  const isPlaced = found.map(({ series }) => series.some(({ anchor }) => anchor === 'capture'));
  for (const note of timeNotes(times.filter((_, index) => isPlaced[index]))) out.remark(note);
  const tables = new Map<string, SeriesTable[]>();
  found.forEach(({ clues: { instance }, series }, index) => {
    for (const { source, anchor, table } of series) {
      const key = JSON.stringify([instance, source]);
      const placed = anchor === 'time' ? table : placedTable(table, times[index].atMillis);
      const known = tables.get(key);
      if (known === undefined) tables.set(key, [placed]);
      else known.push(placed);
    }
  });
  return windowAround(
    [...tables].map(([key, own]): RuntimeSource => {
      const [instance, source] = JSON.parse(key) as [string, string];
      return { instance, source, table: joinTables(own) };
    }),
  );
}

/** A table whose moments are distances to its capture, with their times. */
export function placedTable(table: SeriesTable, atMillis: number): SeriesTable {
  const captureNanos = BigInt(Math.round(atMillis)) * 1_000_000n;
  return { ...table, atNanos: table.atNanos.map((at) => at + captureNanos) };
}

/** From the first moment to just behind the last. */
function windowAround(sources: readonly RuntimeSource[]): RuntimeWindow {
  let first = Infinity;
  let last = -Infinity;
  for (const { table } of sources) {
    first = Math.min(first, Number(table.atNanos[0] / 1_000_000n));
    last = Math.max(last, Number(table.atNanos[table.atNanos.length - 1] / 1_000_000n));
  }
  return runtimeWindow(sources, first, last + 1_000);
}
