import { type Dirent, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { escapeControl } from '../analysis/text-escape.js';
import { FormatError } from '../formats/format-error.js';
import type { ParsedPart } from '../ingest/parsed-part.js';
import { CliFailure } from './failure.js';
import { readBytes } from './local-file.js';
import { parseBytes } from './local-profile.js';
import { loneInstance, type SnapshotName, snapshotName } from './snapshot-names.js';
import type { SnapshotTime, TimeClues } from './snapshot-times.js';
import type { Terminal } from './terminal.js';

/** Files of a folder that are read at most. */
const mostFiles = 10_000;

/** One file of a service, and what its name says. */
export interface LocalFile extends SnapshotName {
  /** As it can be opened; `-` is standard input. */
  readonly path: string;
  /** Whether it was asked for by its own name. */
  readonly named: boolean;
}

/**
 * The files that were asked for, by instance and path, each once. A folder is read with all below it, and each folder in
 * it is an instance (see snapshotName); what lies in it directly is of the instance `local`, and so are files that were
 * named. Of several folders each is an instance.
 *
 * @throws CliFailure
 */
export function localFiles(arguments_: readonly string[]): LocalFile[] {
  const folders = new Map(arguments_.filter(isFolder).map((folder) => [resolve(folder), folder]));
  const named = arguments_.filter((argument) => !isFolder(argument));
  const files = new Map<string, LocalFile>();
  // What is in a folder in a folder is of the outer one, in whatever order they were named.
  for (const [whole, folder] of [...folders].sort(([a], [b]) => compareText(a, b))) {
    const above = folders.size === 1 ? whole : dirname(whole);
    for (const path of filesIn(folder)) {
      const key = resolve(path);
      if (!files.has(key)) files.set(key, { path, named: false, ...snapshotName(wayFrom(above, key)) });
      if (files.size > mostFiles) throw new CliFailure('usage', `These are more than ${mostFiles} files.`);
    }
  }
  const common = commonFolder(named.filter((path) => path !== '-').map((path) => resolve(path)));
  for (const path of named) {
    const key = path === '-' ? path : resolve(path);
    const name = files.get(key) ?? {
      ...snapshotName(path === '-' ? '' : wayFrom(common, key)),
      instance: loneInstance,
    };
    files.set(key, { ...name, path, named: true });
  }
  return [...files]
    .sort(([a, one], [b, other]) => compareText(one.instance, other.instance) || compareText(a, b))
    .map(([, file]) => file);
}

/** A file, its snapshots, and what there is to tell their times by. */
export interface ReadFile extends LocalFile {
  readonly parts: readonly ParsedPart[];
  /** One of each part. */
  readonly clues: readonly TimeClues[];
}

/** A file of a folder that could not be read, and why. */
export interface UnreadFile {
  readonly path: string;
  /** Nothing that is known here. Else it is known but broken, or the file cannot be opened. */
  readonly isUnknown: boolean;
  readonly message: string;
}

/**
 * Reads files one by one; only the one that was asked for last is in memory. Those of a folder that cannot be read are
 * put into `unread`.
 *
 * @throws CliFailure if one that was named cannot be read
 */
export function* readFiles(files: readonly LocalFile[], unread: UnreadFile[]): Generator<ReadFile> {
  for (const file of files) {
    const modifiedMillis = lastChange(file.path);
    let parts: readonly ParsedPart[];
    try {
      parts = parseBytes(readBytes(file.path), file.path, file.namedMillis ?? modifiedMillis);
    } catch (error) {
      if (file.named || !(error instanceof CliFailure)) throw error;
      const isUnknown = error.cause instanceof FormatError && error.cause.fault === 'unrecognized';
      unread.push({ path: file.path, isUnknown, message: error.message });
      continue;
    }
    yield { ...file, parts, clues: parts.map((_, index) => cluesOf(file, parts, index, modifiedMillis)) };
  }
}

function cluesOf(
  { instance, moment, namedMillis }: LocalFile,
  parts: readonly ParsedPart[],
  index: number,
  modifiedMillis: number,
): TimeClues {
  const { kind, capturedAtNanos } = parts[index];
  return {
    instance,
    moment,
    later: parts.slice(index + 1).filter((part) => part.kind === kind).length,
    ownMillis: capturedAtNanos === null || capturedAtNanos <= 0n ? null : Number(capturedAtNanos / 1_000_000n),
    namedMillis,
    modifiedMillis,
  };
}

/** Says which files of the folders are left out though it shows what they were meant to be. */
export function remarkOnBroken(unread: readonly UnreadFile[], out: Terminal): void {
  const broken = unread.filter(({ isUnknown }) => !isUnknown);
  for (const { message } of broken.slice(0, namesShown)) out.remark(`Left out: ${message}`);
  if (broken.length > namesShown) out.remark(`Left out: ${broken.length - namesShown} more files that cannot be read.`);
}

const namesShown = 5;

/** The first of many files by name. */
export function some(files: readonly { readonly path: string }[]): string {
  const shown = files.slice(0, namesShown).map(({ path }) => escapeControl(basename(path)));
  return `${shown.join(', ')}${files.length > namesShown ? ', …' : ''}`;
}

export function filesThat(count: number, verbOfOne: string, verbOfMany: string): string {
  return count === 1 ? `1 file ${verbOfOne}` : `${count} files ${verbOfMany}`;
}

/** What whoever reads figures has to know of the times that they are from. */
export function timeNotes(times: readonly SnapshotTime[]): string[] {
  const count = (source: SnapshotTime['from']): number => times.filter(({ from }) => from === source).length;
  const notes: string[] = [];
  const note = (source: SnapshotTime['from'], text: string): void => {
    const found = count(source);
    if (found > 0)
      notes.push(`${found === 1 ? '1 snapshot does' : `${found} snapshots do`} not say when it was: ${text}`);
  };
  note('file', 'the time of the last change counts.');
  note('between', 'evenly between the others, in the order of the names.');
  note('waits', 'they are as far apart as goroutines have waited longer, to some minutes.');
  note('order', 'neither names nor files tell. Equal steps in the order of the names: growth per hour is not known.');
  return notes;
}

function lastChange(path: string): number {
  return path === '-' ? Date.now() : (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
}

export function isFolder(path: string): boolean {
  return path !== '-' && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
}

/** All files in a folder and its folders, by name. Links to folders are not followed, as they may lead in a ring. */
export function* filesIn(folder: string): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new CliFailure('noInput', `Cannot read ${escapeControl(folder)}: ${code}.`, { cause });
  }
  for (const entry of entries.sort((a, b) => compareText(a.name, b.name))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile() || (entry.isSymbolicLink() && statSync(path, { throwIfNoEntry: false })?.isFile()))
      yield path;
  }
}

/** The deepest folder that all of these are in. */
function commonFolder(paths: readonly string[]): string {
  const folders = paths.map((path) => dirname(path).split(sep));
  const [first = []] = folders;
  const depth = first.findIndex((name, level) => folders.some((other) => other[level] !== name));
  return (depth < 0 ? first : first.slice(0, depth)).join(sep) || sep;
}

function wayFrom(folder: string, path: string): string {
  return relative(folder, path).split(sep).join('/');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
