import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { type RuntimeSource, type RuntimeWindow, runtimeWindow } from '../analysis/runtime/runtime-window.js';
import { joinTables, type SeriesTable } from '../analysis/series-table.js';
import { escapeControl } from '../analysis/text-escape.js';
import { defaultBudget } from '../formats/budget.js';
import { FormatError } from '../formats/format-error.js';
import { inflateNatively } from '../ingest/native-inflate.js';
import { parse } from '../ingest/parse.js';
import type { ParsedPart } from '../ingest/parsed-part.js';
import { CliFailure } from './failure.js';
import { readBytes } from './local-file.js';
import type { Terminal } from './terminal.js';

/** Files of a folder that are read at most. */
const mostFiles = 10_000;

/**
 * What local files say of a process over time. What does not say when it was written is of the time when its file was
 * last changed. A folder is read with all below it; each folder inside it is an instance.
 *
 * @throws CliFailure if a file that was named cannot be read or holds no numbers, or there are none at all
 */
export function readRuntime(arguments_: readonly string[], out: Terminal): RuntimeWindow {
  const files = arguments_.flatMap(filesOf);
  const found = new Map<string, SeriesTable[]>();
  let withoutTime = 0;
  const unread: string[] = [];
  for (const { file, instance, named } of files) {
    const writtenAtNanos = BigInt(Math.round(file === '-' ? Date.now() : statSync(file).mtimeMs)) * 1_000_000n;
    const parts = partsOf(file, writtenAtNanos, named);
    const series = parts?.flatMap((part) => part.series) ?? [];
    if (series.length === 0) {
      if (named) throw new CliFailure('failed', `${escapeControl(file)} holds no numbers over time.`);
      unread.push(path.basename(file));
    }
    if (series.some(({ anchor }) => anchor === 'capture')) withoutTime++;
    for (const { source, anchor, table } of series) {
      const key = JSON.stringify([instance, source]);
      const anchored =
        anchor === 'time' ? table : { ...table, atNanos: table.atNanos.map((at) => at + writtenAtNanos) };
      const tables = found.get(key);
      if (tables === undefined) found.set(key, [anchored]);
      else tables.push(anchored);
    }
  }
  if (unread.length > 0) {
    const shown = unread.slice(0, 5).map(escapeControl).join(', ');
    out.remark(
      `${unread.length === 1 ? '1 file holds' : `${unread.length} files hold`} no numbers over time: ${shown}${unread.length > 5 ? ', …' : ''}`,
    );
  }
  if (withoutTime > 0) {
    const files_ = withoutTime === 1 ? '1 file does' : `${withoutTime} files do`;
    out.remark(`${files_} not say when it was: the time of the last change counts.`);
  }
  const sources = [...found].map(([key, tables]): RuntimeSource => {
    const [instance, source] = JSON.parse(key) as [string, string];
    return { instance, source, table: joinTables(tables) };
  });
  if (sources.length === 0) throw new CliFailure('failed', 'There are no numbers over time in these files.');
  return windowAround(sources);
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

interface LocalFile {
  readonly file: string;
  readonly instance: string;
  /** Whether it was asked for by its own name. */
  readonly named: boolean;
}

function filesOf(argument: string): LocalFile[] {
  if (argument === '-' || !isFolder(argument)) return [{ file: argument, instance: 'local', named: true }];
  const entries = readdirSync(argument, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  if (entries.length > mostFiles) {
    throw new CliFailure('usage', `${escapeControl(argument)} holds ${entries.length} files, more than ${mostFiles}.`);
  }
  return entries.map((file) => {
    const folder = path.relative(argument, path.dirname(file));
    return { file, instance: folder === '' ? 'local' : folder, named: false };
  });
}

function isFolder(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Null for a file of a folder that is something else. */
function partsOf(file: string, writtenAtNanos: bigint, named: boolean): readonly ParsedPart[] | null {
  const declared = { contentEncoding: 'identity', declaredKind: null, declaredDelta: null } as const;
  try {
    const request = { ...declared, aroundNanos: writtenAtNanos, name: file === '-' ? null : path.basename(file) };
    return parse(readBytes(file), request, { budget: defaultBudget, inflate: inflateNatively });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (!named && error.fault === 'unrecognized') return null;
    throw new CliFailure('failed', `${escapeControl(file)}: ${error.fault}: ${escapeControl(error.message)}`, {
      cause: error,
    });
  }
}
