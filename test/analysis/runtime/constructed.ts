import { type RuntimeSource, type RuntimeWindow, runtimeWindow } from '../../../src/analysis/runtime/runtime-window.js';
import type { SeriesColumn } from '../../../src/analysis/series-table.js';

export const MiB = 2 ** 20;
export const minute = 60_000;
export const hour = 60 * minute;
/** The first moment of a full hour. */
export const begin = Date.UTC(2026, 10, 23, 12);

/** What a column is at minute m; null where it says nothing. */
export type Course = (minutes: number) => number | null;

interface Sampled {
  readonly instance?: string;
  readonly source: string;
  /** In minutes since `begin`. */
  readonly every?: number;
  readonly from?: number;
  readonly to?: number;
  readonly columns: Readonly<Record<string, Course>>;
}

const counters = new Set(['TotalAlloc', 'NumGC', 'NumForcedGC', 'PauseTotalNs', 'Mallocs', 'Frees', 'lastNumber']);
const seconds = /seconds/;

/** Numbers of one source as an agent would send them, by default one a minute for two hours. */
export function sampled({ instance = 'a', source, every = 1, from = 0, to = 120, columns }: Sampled): RuntimeSource {
  const minutes = Array.from({ length: Math.ceil((to - from) / every) }, (_, i) => from + i * every);
  return {
    instance,
    source,
    table: {
      atNanos: BigInt64Array.from(minutes, (m) => BigInt(begin + Math.round(m * minute)) * 1_000_000n),
      columns: Object.entries(columns).map(([name, course]): SeriesColumn => {
        const values = minutes.map(course);
        const isWhole = values.every((value) => Number.isSafeInteger(value ?? 0));
        return {
          name,
          unit: unitOf(name),
          type: counters.has(name) || seconds.test(name) ? 'counter' : 'gauge',
          values: isWhole
            ? BigInt64Array.from(values, (value) => BigInt(value ?? 0))
            : Float64Array.from(values, (value) => value ?? 0),
          present: values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : null,
        };
      }),
    },
  };
}

function unitOf(name: string): string {
  if (seconds.test(name)) return 'seconds';
  if (/Nanos$|^Pause/.test(name)) return 'nanoseconds';
  if (/Fraction/.test(name)) return 'ratio';
  if (/percent|Percent/.test(name)) return 'percent';
  if (/^(?:Heap(?!Objects)|Sys|NextGC|Stack|TotalAlloc|VmRSS)|[bB]ytes|memory\./.test(name)) return 'bytes';
  return 'count';
}

/** The two hours of `sampled`. */
export function windowOf(...sources: readonly RuntimeSource[]): RuntimeWindow {
  return runtimeWindow(sources, begin, begin + 2 * hour);
}

/** HeapAlloc between collections: from what lives up to twice of it, again and again, at no whole number of samples. */
export function sawtooth(live: Course): Course {
  return (m) => Math.round((live(m) ?? 0) * (1 + ((m * 0.37) % 1)));
}
