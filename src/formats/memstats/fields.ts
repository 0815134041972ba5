import type { Reading } from '../reading.js';

/** What a scalar field of runtime.MemStats means: the parts of a Reading that are the same in every artefact. */
export interface MemStatsField extends Pick<Reading, 'name' | 'unit' | 'type'> {
  /** How its source writes the number. Every one is an integer but GCCPUFraction. */
  readonly number: 'integer' | 'float';
}

const bytes = (name: string): MemStatsField => ({ name, unit: 'bytes', type: 'gauge', number: 'integer' });
const total = (name: string, unit: string): MemStatsField => ({ name, unit, type: 'counter', number: 'integer' });

/**
 * The scalar fields of runtime.MemStats in the order of the struct, the same from Go 1.10 to 1.27, and MaxRSS, which
 * only the trailer of a heap profile in text form has (Go 1.13 on, Unix). What is left out is no number of the
 * process: PauseNs, PauseEnd and BySize are lists, EnableGC is always true and DebugGC is not used.
 *
 * Sources: Go runtime/mstats.go, type MemStats; runtime/pprof/pprof.go, writeHeapInternal; pprof_rusage.go.
 */
export const memStatsFields: readonly MemStatsField[] = [
  bytes('Alloc'),
  total('TotalAlloc', 'bytes'),
  bytes('Sys'),
  total('Lookups', 'count'),
  total('Mallocs', 'count'),
  total('Frees', 'count'),
  bytes('HeapAlloc'),
  bytes('HeapSys'),
  bytes('HeapIdle'),
  bytes('HeapInuse'),
  bytes('HeapReleased'),
  { name: 'HeapObjects', unit: 'count', type: 'gauge', number: 'integer' },
  bytes('StackInuse'),
  bytes('StackSys'),
  bytes('MSpanInuse'),
  bytes('MSpanSys'),
  bytes('MCacheInuse'),
  bytes('MCacheSys'),
  bytes('BuckHashSys'),
  bytes('GCSys'),
  bytes('OtherSys'),
  bytes('NextGC'),
  // A moment, not a duration: nanoseconds since 1970, beyond what a double holds.
  { name: 'LastGC', unit: 'unix-nanoseconds', type: 'gauge', number: 'integer' },
  total('PauseTotalNs', 'nanoseconds'),
  total('NumGC', 'count'),
  total('NumForcedGC', 'count'),
  // Averaged over the life of the process, so it falls as well as rises.
  { name: 'GCCPUFraction', unit: 'ratio', type: 'gauge', number: 'float' },
  // The peak so far: it never falls, but its growth per second means nothing, so it is read as a gauge.
  bytes('MaxRSS'),
];

const byName: ReadonlyMap<string, MemStatsField> = new Map(memStatsFields.map((field) => [field.name, field]));

/** The scalar field of that name, or undefined. */
export function memStatsField(name: string): MemStatsField | undefined {
  return byName.get(name);
}

/** Lines of the text trailer that hold two fields, `# Stack = 557056 / 557056`: in use, then obtained from the system. */
const pairs: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['Stack', ['StackInuse', 'StackSys']],
  ['MSpan', ['MSpanInuse', 'MSpanSys']],
  ['MCache', ['MCacheInuse', 'MCacheSys']],
]);

/**
 * The fields that a line of the `# runtime.MemStats` trailer holds, in the order of its values; empty for lines that
 * are no scalars (`PauseNs`, `PauseEnd`, `BySize`, `DebugGC`) and for names that no version of Go writes.
 */
export function trailerFields(name: string): readonly MemStatsField[] {
  return (pairs.get(name) ?? [name]).flatMap((fieldName) => byName.get(fieldName) ?? []);
}
