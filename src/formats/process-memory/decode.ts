import { FormatError, overBudget } from '../format-error.js';
import type { Reading } from '../reading.js';
import { cgroupVersion, isCgroupFile, readCgroupFile } from './cgroup-files.js';
import { processMemoryLimits, type ProcessMemoryLimits } from './limits.js';
import { pidOf, readSmapsRollup, readStatus, rollupLine } from './proc-files.js';
import {
  type MemoryOfProcess,
  type ProcessMemory,
  type ProcessMemorySource,
  type ProcessMemoryWarning,
  type ProcessReadings,
  Tally,
} from './process-memory.js';
import { isPsHeader, readPsTable } from './ps-table.js';
import { fileName, type Section, sectionsOf } from './sections.js';

/**
 * Decodes what Linux says about the memory of a process: /proc/PID/status, /proc/PID/smaps_rollup, the table of `ps`,
 * files of the memory controller of cgroup v1 and v2, or several of these in one text with their names.
 *
 * Lines that cannot be read are left out and counted.
 *
 * @param path name of the file, with or without folders. A file of one number, such as `memory.current`, can be read
 *   only with it
 * @throws FormatError `unrecognized`, `truncated` (an empty text), `malformed` (nothing in it can be read), or
 *   `over-budget` with the name of the limit
 */
export function decodeProcessMemory(
  bytes: Uint8Array,
  path = '',
  limits: ProcessMemoryLimits = processMemoryLimits,
): ProcessMemory {
  if (bytes.length > limits.textBytes) throw overBudget('textBytes', bytes.length, limits.textBytes);
  // The decoder takes off a byte order mark.
  const text = new TextDecoder().decode(bytes);
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  const open = lines.pop() ?? '';
  if (open !== '') lines.push(open);
  if (lines.every((line) => line.trim() === '')) throw new FormatError('truncated', 'empty input file', { offset: 0 });

  const tally = new Tally(limits);
  const { source, processes } = readText(lines, path, tally);
  if (processes.every(({ readings, unlimited }) => readings.size === 0 && unlimited.size === 0)) {
    throw new FormatError('malformed', 'nothing about the memory of a process can be read', { offset: 0 });
  }
  const warnings: ProcessMemoryWarning[] = [];
  const warn = (code: ProcessMemoryWarning['code'], count: number, detail: string): void => {
    if (count > 0) warnings.push({ code, count, detail });
  };
  warn('unreadable-lines', tally.unreadableLines, 'lines that cannot be read are left out');
  warn('unknown-files', tally.unknownFiles, 'files that say nothing about memory, or nothing known, are left out');
  warn('open-last-line', open === '' ? 0 : 1, 'the last line has no end: its value may be cut');
  return { source, processes: processes.map(memoryOf), warnings };
}

/** Whether the head of a text, a character per byte, is one of those that are read without a file name. */
export function sniffProcessMemory(_: Uint8Array, text: string): boolean {
  const lines = text
    .slice(0, 4096)
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .split('\n', 40)
    .map((line) => line.replace(/\r$/, ''));
  const sections = sectionsOf(lines);
  return sections === null ? kindOfFile(lines) !== null : sections.some((section) => kindOfSection(section) !== null);
}

/**
 * Whether the name of a file, with or without folders, says that it is one of those that are read here, also where its
 * content does not tell: a number alone, or chosen lines of /proc/PID/status.
 */
export function isProcessMemoryFile(path: string): boolean {
  return isCgroupFile(fileName(path)) || ofProcess.test(path);
}

type FileKind = 'proc-status' | 'smaps-rollup' | 'ps' | { readonly cgroupFile: string };

function readText(
  lines: readonly string[],
  path: string,
  tally: Tally,
): { source: ProcessMemorySource; processes: ProcessReadings[] } {
  const sections = sectionsOf(lines);
  if (sections !== null) return { source: 'files', processes: readSections(sections, tally) };
  const kind = kindOfSection({ path, lines: [...lines] }) ?? kindOfFile(lines);
  if (kind === null) {
    throw new FormatError('unrecognized', 'not about the memory of a process: no file of /proc, ps or cgroup', {
      offset: 0,
    });
  }
  if (kind === 'ps') return { source: 'ps', processes: readPs(lines, tally) };
  const process = tally.process();
  process.pid = pidOfPath(path);
  readFile(kind, lines, process, tally);
  const source = typeof kind === 'string' ? kind : (cgroupVersion(kind.cgroupFile, lines) ?? 'cgroup-v2');
  return { source, processes: [process] };
}

/** Files of one process, and of one control group, belong together. */
function readSections(sections: readonly Section[], tally: Tally): ProcessReadings[] {
  const processes = new Map<string, ProcessReadings>();
  const tables: ProcessReadings[] = [];
  for (const section of sections) {
    const kind = kindOfSection(section);
    if (kind === null) {
      tally.unknownFiles++;
      continue;
    }
    if (kind === 'ps') {
      tables.push(...readPs(section.lines, tally));
      continue;
    }
    const folder = section.path.slice(0, Math.max(0, section.path.lastIndexOf('/')));
    let process = processes.get(folder);
    if (process === undefined) {
      processes.set(folder, (process = tally.process()));
      process.pid = pidOfPath(section.path);
      if (typeof kind !== 'string' && folder !== '') process.name = tally.keptName(folder);
    }
    readFile(kind, section.lines, process, tally);
  }
  return [...processes.values(), ...tables];
}

function readFile(kind: FileKind, lines: readonly string[], process: ProcessReadings, tally: Tally): void {
  if (kind === 'proc-status') readStatus(lines, process, tally);
  else if (kind === 'smaps-rollup') readSmapsRollup(lines, process, tally);
  else if (typeof kind !== 'string') readCgroupFile(kind.cgroupFile, lines, process, tally);
}

function readPs(lines: readonly string[], tally: Tally): ProcessReadings[] {
  const header = lines.findIndex((line) => line.trim() !== '');
  return readPsTable(lines[header], lines.slice(header + 1), tally);
}

const ofProcess = /(?:^|\/)(?:\d{1,10}|self)\/(status|smaps_rollup)$/;

function kindOfSection({ path, lines }: Section): FileKind | null {
  const name = fileName(path);
  if (isCgroupFile(name)) return { cgroupFile: name };
  // Lines of it may have been chosen: `grep Vm /proc/1/status`.
  const file = ofProcess.exec(path);
  if (file !== null) return file[1] === 'status' ? 'proc-status' : 'smaps-rollup';
  return kindOfFile(lines);
}

const statLine = /^[a-z0-9_]{1,64} \d{1,20}[ \t]*$/;

/** What a file is, by its first lines; null for what cannot be told, such as a number alone. */
function kindOfFile(lines: readonly string[]): FileKind | null {
  const start = lines.findIndex((line) => line.trim() !== '');
  if (start < 0) return null;
  const [first, second = '', third = ''] = lines.slice(start, start + 3);
  if (/^Name:\t/.test(first) && /^(?:Umask|State|Tgid|Pid):\t/.test(second)) return 'proc-status';
  if (rollupLine.test(first)) return 'smaps-rollup';
  if (isPsHeader(first)) return 'ps';
  if (/^low \d{1,20}$/.test(first) && /^high \d{1,20}$/.test(second)) return { cgroupFile: 'memory.events' };
  if (/^oom_kill_disable \d$/.test(first)) return { cgroupFile: 'memory.oom_control' };
  const statKeys = /^(?:anon|file|kernel|kernel_stack|cache|rss|shmem|slab|inactive_anon) /;
  if (statKeys.test(first) && [first, second, third].every((line) => statLine.test(line))) {
    return { cgroupFile: 'memory.stat' };
  }
  return null;
}

/** The process of `/proc/29722/status`. */
function pidOfPath(path: string): number | null {
  const found = /(?:^|\/)(\d{1,10})\/(?:status|smaps_rollup)$/.exec(path);
  return found === null ? null : pidOf(found[1]);
}

function memoryOf({ pid, name, readings, unlimited }: ProcessReadings): MemoryOfProcess {
  return {
    pid,
    name,
    readings: [...readings.values()],
    unlimited: [...unlimited],
    derived: derivedReadings(readings),
  };
}

/**
 * What a process or a group really takes, where its files allow to say so:
 * - `RssWithoutLazyFree`: Rss - LazyFree. Go 1.12 to 1.15 gave memory back with MADV_FREE, which stays in the RSS until
 *   the kernel needs it.
 * - `WorkingSet`: what is in use without the inactive pages of files, by which Kubernetes evicts
 *   (memory.current - inactive_file; in v1 memory.usage_in_bytes - total_inactive_file). Never below 0.
 */
export function derivedReadings(readings: ReadonlyMap<string, Reading>): Reading[] {
  const difference = (name: string, whole: string, part: string): Reading[] => {
    const [from, less] = [readings.get(whole)?.value, readings.get(part)?.value];
    if (typeof from !== 'bigint' || typeof less !== 'bigint') return [];
    return [{ name, unit: 'bytes', type: 'gauge', value: from > less ? from - less : 0n }];
  };
  const v2 = difference('WorkingSet', 'memory.current', 'inactive_file');
  return [
    ...difference('RssWithoutLazyFree', 'Rss', 'LazyFree'),
    ...(v2.length > 0 ? v2 : difference('WorkingSet', 'memory.usage_in_bytes', 'total_inactive_file')),
  ];
}
