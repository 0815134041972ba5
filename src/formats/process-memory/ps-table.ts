import { pidOf } from './proc-files.js';
import type { ProcessReadings, Tally } from './process-memory.js';

type Column = 'pid' | 'size' | 'percent' | 'count' | 'command' | 'other';

const columns: ReadonlyMap<string, Column> = new Map([
  ['PID', 'pid'],
  ['RSS', 'size'],
  ['RSZ', 'size'],
  ['VSZ', 'size'],
  ['VSIZE', 'size'],
  ['%CPU', 'percent'],
  ['%MEM', 'percent'],
  ['NLWP', 'count'],
  ['THCNT', 'count'],
  ['COMMAND', 'command'],
  ['CMD', 'command'],
  ['COMM', 'command'],
]);

/** Whether a line is the first one of a table with process ids and at least one size. */
export function isPsHeader(line: string): boolean {
  if (line.length > 400) return false;
  const names = line.trim().split(/[ \t]+/);
  return names.includes('PID') && names.some((name) => columns.get(name) === 'size');
}

/**
 * Reads the table of `ps -o pid,rss,vsize,comm`, of `ps aux`, and of busybox: columns by their titles, sizes in KiB or
 * with busybox's suffix (`1.2m`). The command is the rest of its line if it stands last, as it may hold spaces. A cell
 * that does not belong to the title above it makes its row unreadable.
 */
export function readPsTable(header: string, lines: readonly string[], tally: Tally): ProcessReadings[] {
  const titles = header.trim().split(/[ \t]+/);
  const kinds = titles.map((title) => columns.get(title) ?? 'other');
  const lastIsCommand = kinds.at(-1) === 'command';
  const processes: ProcessReadings[] = [];
  for (const line of lines) {
    if (line.trim() === '') continue;
    const cells = cellsOf(line, titles.length, lastIsCommand);
    const process = cells === null ? null : readRow(titles, kinds, cells, tally);
    if (process === null) tally.unreadableLines++;
    else processes.push(process);
  }
  return processes;
}

function readRow(
  titles: readonly string[],
  kinds: readonly Column[],
  cells: readonly string[],
  tally: Tally,
): ProcessReadings | null {
  const pid = pidOf(cells[kinds.indexOf('pid')]);
  if (pid === null) return null;
  const values = cells.map((cell, i) => valueOf(kinds[i], cell));
  if (values.some((value, i) => value === null && isNumeric(kinds[i]))) return null;
  const process = tally.process();
  process.pid = pid;
  const command = kinds.indexOf('command');
  if (command >= 0) process.name = tally.keptName(cells[command]);
  values.forEach((value, i) => {
    if (value === null || !isNumeric(kinds[i])) return;
    const unit = kinds[i] === 'size' ? 'bytes' : kinds[i];
    process.gauge(titles[i], unit, value);
  });
  return process;
}

function isNumeric(kind: Column): boolean {
  return kind === 'size' || kind === 'percent' || kind === 'count';
}

function valueOf(kind: Column, cell: string): bigint | number | null {
  switch (kind) {
    case 'size':
      return sizeOf(cell);
    case 'percent':
      return /^\d{1,9}(?:\.\d{1,9})?$/.test(cell) ? Number(cell) : null;
    case 'count':
      return /^\d{1,15}$/.test(cell) ? BigInt(cell) : null;
    default:
      return null;
  }
}

const KiB = 1024;
const suffixes: ReadonlyMap<string, number> = new Map([
  ['', KiB],
  ['k', KiB],
  ['m', KiB ** 2],
  ['g', KiB ** 3],
  ['t', KiB ** 4],
]);

/** Bytes of `16056` (KiB) or of `1.2m`, which busybox has rounded. */
function sizeOf(cell: string): bigint | null {
  const found = /^(\d{1,15})(?:\.(\d{1,3}))?([kmgt]?)$/i.exec(cell);
  if (found === null) return null;
  const unit = suffixes.get(found[3].toLowerCase())!;
  const fraction = found[2] === undefined ? 0 : Math.round(Number(`0.${found[2]}`) * unit);
  return BigInt(found[1]) * BigInt(unit) + BigInt(fraction);
}

/** The cells of a row: `count` of them, the last one with the spaces in it if it is a command. */
function cellsOf(line: string, count: number, lastIsCommand: boolean): string[] | null {
  const cells: string[] = [];
  let position = 0;
  const blank = (at: number): boolean => line[at] === ' ' || line[at] === '\t';
  while (cells.length < count) {
    while (position < line.length && blank(position)) position++;
    if (position === line.length) break;
    let end = position;
    if (lastIsCommand && cells.length === count - 1) end = line.length;
    else while (end < line.length && !blank(end)) end++;
    cells.push(line.slice(position, end).trimEnd());
    position = end;
  }
  return cells.length === count ? cells : null;
}
