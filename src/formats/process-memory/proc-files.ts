import { kernelNumber, type ProcessReadings, type Tally } from './process-memory.js';

/** Lines of /proc/PID/status that are counts, and whether they only grow. */
const statusCounts: ReadonlyMap<string, 'gauge' | 'counter'> = new Map([
  ['Threads', 'gauge'],
  ['FDSize', 'gauge'],
  ['voluntary_ctxt_switches', 'counter'],
  ['nonvoluntary_ctxt_switches', 'counter'],
]);

/** `VmRSS:\t   22900 kB` */
const keyed = /^([A-Za-z]\w{0,63}):[ \t]*(.*)$/;
const kibibytes = /^(\d{1,20}) kB$/;

/**
 * Reads the lines of /proc/PID/status: memory in bytes, threads and context switches. None is required; kernel threads
 * and zombies have no memory at all.
 *
 * Source: Linux Documentation/filesystems/proc.rst; fs/proc/array.c, proc_pid_status.
 */
export function readStatus(lines: readonly string[], process: ProcessReadings, tally: Tally): void {
  for (const line of lines) {
    if (line === '') continue;
    const found = keyed.exec(line);
    if (found === null) {
      tally.unreadableLines++;
      continue;
    }
    const [, key, value] = found;
    const memory = kibibytes.exec(value);
    const type = statusCounts.get(key);
    if (key === 'Name') process.name ??= tally.keptName(unescapedName(value));
    else if (key === 'Pid') process.pid ??= pidOf(value);
    else if (memory !== null) addKibibytes(process, key, memory[1], tally);
    else if (type !== undefined) {
      const count = kernelNumber(value);
      if (count === null) tally.unreadableLines++;
      else process.add({ name: key, unit: 'count', type, value: count });
    } else if (key.startsWith('Vm') || key.startsWith('Rss')) tally.unreadableLines++;
  }
}

export const rollupLine = /^[0-9a-f]{1,16}-[0-9a-f]{1,16} \S{4} [^\n]{0,200}\[rollup\][ \t]*$/;

/**
 * Reads /proc/PID/smaps_rollup: the sums over all mappings, in bytes.
 *
 * Source: Linux fs/proc/task_mmu.c, show_smaps_rollup.
 */
export function readSmapsRollup(lines: readonly string[], process: ProcessReadings, tally: Tally): void {
  for (const line of lines) {
    if (line === '' || rollupLine.test(line)) continue;
    const found = keyed.exec(line);
    const memory = found === null ? null : kibibytes.exec(found[2]);
    if (found === null || memory === null) tally.unreadableLines++;
    else addKibibytes(process, found[1], memory[1], tally);
  }
}

export function pidOf(text: string): number | null {
  return /^\d{1,10}$/.test(text.trim()) ? Number(text) : null;
}

function addKibibytes(process: ProcessReadings, key: string, digits: string, tally: Tally): void {
  const number = kernelNumber(digits);
  if (number === null) tally.unreadableLines++;
  else process.gauge(key, 'bytes', number * 1024n);
}

/** The kernel escapes what would break its line: `\n` and `\\`. */
function unescapedName(text: string): string {
  return text.replace(/\\([n\\])/g, (_, code: string) => (code === 'n' ? '\n' : '\\'));
}
