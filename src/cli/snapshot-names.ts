/** What the way to a file, from the folder that was asked for, says about the snapshot in it. */
export interface SnapshotName {
  /** The process that it is of: a folder for each, `local` where there is none. */
  readonly instance: string;
  /** The same for what was taken together: `000` of `000.heap.pb.gz` and `goroutine-000.txt`. */
  readonly moment: string;
  /** The time in the name, read as UTC where it has no zone, Unix milliseconds; null: there is none. */
  readonly namedMillis: number | null;
}

export const loneInstance = 'local';

/**
 * A folder stands for an instance, unless its name says a kind of snapshot (`heap/`, `goroutines/`) or a time
 * (`2026-01-31_03-00-00/`): what lies in such a folder is of the instance around it.
 *
 * @param way from the folder that was asked for, with `/` between folders
 */
export function snapshotName(way: string): SnapshotName {
  const folders = way.split('/');
  const file = folders.pop()!;
  const isInstance = (folder: string): boolean => withoutKind(folder) !== '' && timeIn(folder) === null;
  const instance = folders.filter(isInstance).join('/');
  const place = [...folders.filter((folder) => !isInstance(folder)), file];
  return {
    instance: instance === '' ? loneInstance : instance,
    moment: place
      .map(withoutKind)
      .filter((part) => part !== '')
      .join('/'),
    namedMillis: timeIn(file) ?? place.map(timeIn).findLast((time) => time !== null) ?? null,
  };
}

/** Words that say what a snapshot is of or how it is written, as tools and people put them into names. */
const words = [
  'goroutine[-_.]?leaks?',
  'goroutines?',
  'heaps?',
  'allocs?',
  'inuse',
  'space',
  'objects',
  'debug[-_.=]?[012](?!\\d)',
  'pprof',
  'profiles?',
  'prof',
  'memstats?',
  'metrics?',
  'prom(?:etheus)?',
  'expvars?',
  'gctrace',
  'schedtrace',
  'proc',
  'status',
  'smaps(?:[-_]?rollup)?',
  'memory\\.[a-z_.]+',
  'cgroup',
  'stacks?',
  'dumps?',
  'build[-_]?info',
  'pb',
  'gz',
  'txt',
  'text',
  'json',
  'ndjson',
  'logs?',
  'out',
];
const kindWords = new RegExp(`(?<![a-z])(?:${words.join('|')})(?![a-z])`, 'g');

function withoutKind(name: string): string {
  return name
    .toLowerCase()
    .replace(kindWords, '')
    .replace(/[^\p{L}\p{N}]+/gu, '.')
    .replace(/^\.|\.$/g, '');
}

/** `2026-01-31_03-00-00`, `20260131T0300`, `2026-01-31T03.00.00.123+0200`: the time of day may lack its seconds. */
const calendar =
  /(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_.T ]?(\d\d)[-_.:h]?(\d\d)(?:[-_.:m]?(\d\d)(?:[.,](\d{3})\d{0,6})?)?s?(?:Z|([+-])(\d\d):?(\d\d))?(?!\d)/i;
/** Since 1970, from 2001 to 2033: seconds, milli-, micro- or nanoseconds. Not within a hash. */
const epoch = /(?<![\da-f])(1\d{9})(\d{3})?(?:\d{3}){0,2}(?![\da-f])/i;

/** The time in a name, Unix milliseconds; null: it has none. A date alone is none. */
export function timeIn(name: string): number | null {
  const said = calendar.exec(name);
  if (said !== null) {
    const [year, month, day, hour, minute, second] = said.slice(1, 7).map((part) => Number(part ?? 0));
    const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second, Number(said[7] ?? 0)));
    const isDate = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
    if (isDate && hour < 24 && minute < 60 && second < 60) {
      const eastMinutes = (said[8] === '-' ? -1 : 1) * (Number(said[9] ?? 0) * 60 + Number(said[10] ?? 0));
      return date.getTime() - eastMinutes * 60_000;
    }
  }
  const since = epoch.exec(name);
  return since === null ? null : Number(since[1]) * 1000 + Number(since[2] ?? 0);
}
