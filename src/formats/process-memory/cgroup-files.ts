import { kernelNumber, type ProcessReadings, type Tally } from './process-memory.js';

/**
 * From here on a limit of cgroup v1 is none: it is the largest int64 cut to whole pages, of up to a mebibyte
 * (9223372036854771712 with pages of 4 KiB).
 */
const noLimit = 2n ** 63n - 2n ** 20n;

/** Files of one value. `limit`: it may be `max`, or a number that means none. */
const singleValues: ReadonlyMap<string, 'gauge' | 'counter' | 'limit'> = new Map([
  ['memory.current', 'gauge'],
  ['memory.peak', 'gauge'],
  ['memory.min', 'limit'],
  ['memory.low', 'limit'],
  ['memory.high', 'limit'],
  ['memory.max', 'limit'],
  ['memory.swap.current', 'gauge'],
  ['memory.swap.peak', 'gauge'],
  ['memory.swap.high', 'limit'],
  ['memory.swap.max', 'limit'],
  ['memory.zswap.current', 'gauge'],
  ['memory.zswap.max', 'limit'],
  ['memory.failcnt', 'counter'],
  ['memory.memsw.failcnt', 'counter'],
  ['memory.kmem.failcnt', 'counter'],
  ['memory.kmem.tcp.failcnt', 'counter'],
]);

/** What a file of one value holds, by its name; undefined if it is none that is known. */
function singleValue(file: string): 'gauge' | 'counter' | 'limit' | undefined {
  const v1 = /^memory\.(?:memsw\.|kmem\.|kmem\.tcp\.)?(usage|max_usage|limit|soft_limit)_in_bytes$/.exec(file);
  if (v1 !== null) return v1[1].endsWith('limit') ? 'limit' : 'gauge';
  return singleValues.get(file);
}

/** Files of `key value` lines that only count. */
const eventFiles: ReadonlySet<string> = new Set([
  'memory.events',
  'memory.events.local',
  'memory.swap.events',
  'memory.oom_control',
]);

/** Which version of cgroups a file belongs to; null if that does not show. */
export function cgroupVersion(file: string, lines: readonly string[]): 'cgroup-v1' | 'cgroup-v2' | null {
  if (/_in_bytes$|\.failcnt$|\.oom_control$/.test(file)) return 'cgroup-v1';
  if (file === 'memory.stat')
    return lines.some((line) => /^(?:cache|rss|total_\w+) /.test(line)) ? 'cgroup-v1' : 'cgroup-v2';
  return isCgroupFile(file) ? 'cgroup-v2' : null;
}

/** Whether the file is one that is read here; `file` is its name without folders. */
export function isCgroupFile(file: string): boolean {
  return file === 'memory.stat' || eventFiles.has(file) || singleValue(file) !== undefined;
}

/**
 * Reads a file of the memory controller.
 *
 * Sources: Linux Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
 */
export function readCgroupFile(file: string, lines: readonly string[], process: ProcessReadings, tally: Tally): void {
  const single = singleValue(file);
  for (const line of lines) {
    const text = line.trim();
    if (text === '') continue;
    if (single !== undefined) readValue(file, single, text, process, tally);
    else readPair(file, text, process, tally);
  }
}

function readValue(
  name: string,
  type: 'gauge' | 'counter' | 'limit',
  text: string,
  process: ProcessReadings,
  tally: Tally,
): void {
  if (type === 'limit' && text === 'max') {
    process.unlimited.add(name);
    return;
  }
  const value = kernelNumber(text);
  if (value === null) tally.unreadableLines++;
  else if (type === 'counter') process.counter(name, 'count', value);
  else if (type === 'limit' && value >= noLimit) process.unlimited.add(name);
  else process.gauge(name, 'bytes', value);
}

function readPair(file: string, text: string, process: ProcessReadings, tally: Tally): void {
  const found = /^([a-z0-9_]{1,64}) (\d{1,20})$/.exec(text);
  const value = found === null ? null : kernelNumber(found[2]);
  if (found === null || value === null) {
    tally.unreadableLines++;
    return;
  }
  const key = found[1];
  if (file !== 'memory.stat') {
    // Two keys of oom_control say what is, the others how often something happened.
    if (key === 'oom_kill_disable' || key === 'under_oom') process.gauge(`${file}:${key}`, 'count', value);
    else process.counter(`${file}:${key}`, 'count', value);
  } else if (/^(?:total_)?hierarchical_\w+_limit$/.test(key)) {
    readValue(key, 'limit', found[2], process, tally);
  } else if (key === 'workingset_nodes') {
    process.gauge(key, 'count', value);
  } else if (/^(?:total_)?(?:pg|workingset_|thp_|zswpin|zswpout|zswpwb|numa_)/.test(key)) {
    process.counter(key, 'count', value);
  } else {
    process.gauge(key, 'bytes', value);
  }
}
