import type { Reading } from '../../formats/reading.js';
import { type ProcessObservation, processLifetimes, type RestartEvidence } from '../process-lifetimes.js';
import {
  readingsByName,
  type ReadingSource,
  type RuntimeSeries,
  runtimeSeries,
  seriesValue,
} from '../runtime-series.js';
import type { SeriesColumn, SeriesTable } from '../series-table.js';
import { holdEnds } from '../timeline.js';
import { type GcCycle, gcCyclesOf, type SchedulerSample, schedulerSamplesOf } from './log-rows.js';
import { isMeasurable, scaled } from './scaled.js';

/** What one instance said through one source: a row of what the catalogue's `readSeries` gives. */
export interface RuntimeSource {
  readonly instance: string;
  readonly source: string;
  readonly table: SeriesTable;
}

/** What the processes of a service said about themselves around a range of time, joined over all sources. */
export interface RuntimeWindow {
  /** Half open. Points may lie outside of it: those before hold into it, counters grow from them. */
  readonly fromMillis: number;
  readonly toMillis: number;
  /** By name. */
  readonly instances: readonly InstanceRuntime[];
}

export interface InstanceRuntime {
  readonly instance: string;
  readonly sources: readonly string[];
  /** In the order of time; at least one. */
  readonly lifetimes: readonly LifetimeSpan[];
  /** By canonical name (`runtimeSeries`, and `gc_pause_p50`, `gc_pause_p99`, `gc_pause_max` of the last 256 pauses). */
  readonly series: ReadonlyMap<string, ProcessSeries>;
  /** Goroutines by state. */
  readonly states: ReadonlyMap<string, ProcessSeries>;
  readonly cycles: readonly GcCycle[];
  readonly schedulerSamples: readonly SchedulerSample[];
}

/** A process, as far as it was heard of. */
export interface LifetimeSpan {
  readonly firstAtMillis: number;
  readonly lastAtMillis: number;
  /** What shows that it is not the process before it; null for the first. */
  readonly evidence: RestartEvidence | null;
}

export interface ProcessSeries {
  readonly name: string;
  readonly unit: string;
  readonly type: 'gauge' | 'counter';
  readonly source: string;
  /** Distinct times, ascending. */
  readonly points: readonly ProcessPoint[];
}

export interface ProcessPoint {
  readonly atMillis: number;
  /** See `scaled`. */
  readonly value: bigint;
  /** Index in the instance's lifetimes. */
  readonly lifetime: number;
}

/**
 * Which source counts where several say the same: the first, unless another speaks for clearly more of the window. One
 * that rounds to MiB comes last.
 */
const preference = [
  'runtime-metrics',
  'memstats',
  'expvar',
  'prometheus',
  'goroutine-states',
  'process-memory',
  'gcstats',
  'schedtrace',
  'exectrace',
  'gctrace',
];
/** A source that covers this share of what the best one covers is not worse than it. */
const asGood = 0.9;

/** Their fall shows a restart. Differences of counters are left out: each part is brought up to date on its own. */
const restartCounters = [
  'alloc_bytes_total',
  'mallocs_total',
  'frees_total',
  'gc_count',
  'gc_pause_total',
  'cpu_total',
];

const pauseGauges = ['p50', 'p99', 'max'].map((rank): RuntimeSeries => {
  const formula = { plus: [`PauseNs.${rank}`], minus: [], per: [] };
  const from = { memstats: [formula], expvar: [formula], gcstats: [formula] };
  return { name: `gc_pause_${rank}`, unit: 'nanoseconds', type: 'gauge', from };
});
const allSeries: readonly RuntimeSeries[] = [...runtimeSeries, ...pauseGauges];

const goroutineStates = 'goroutine-states';

/**
 * Joins what the sources of each instance say into one series per number, and cuts instances into processes. The order
 * of the sources, instances and tables makes no difference.
 */
export function runtimeWindow(sources: readonly RuntimeSource[], fromMillis: number, toMillis: number): RuntimeWindow {
  const byInstance = new Map<string, RuntimeSource[]>();
  for (const source of sources) {
    const tables = byInstance.get(source.instance);
    if (tables === undefined) byInstance.set(source.instance, [source]);
    else tables.push(source);
  }
  const instances = [...byInstance].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return {
    fromMillis,
    toMillis,
    instances: instances.map(([instance, tables]) => instanceOf(instance, tables, fromMillis, toMillis)),
  };
}

function instanceOf(
  instance: string,
  tables: readonly RuntimeSource[],
  fromMillis: number,
  toMillis: number,
): InstanceRuntime {
  const ordered = tables.toSorted((a, b) => (a.source < b.source ? -1 : a.source > b.source ? 1 : 0));
  const read = ordered.map(({ source, table }) => readTable(source, table));
  const { lifetimes, lifetimeOf } = cutIntoLifetimes(read);
  const candidates = new Map<string, ProcessSeries[]>();
  const states = new Map<string, ProcessSeries>();
  for (const [index, { source, columns, states: counted }] of read.entries()) {
    const seriesOf = (name: string, column: ReadColumn): ProcessSeries => {
      const points = distinct(
        column.rows.map((row, i) => ({
          atMillis: read[index].atMillis[row],
          value: column.values[i],
          lifetime: lifetimeOf[index][row],
        })),
      );
      return { name, unit: column.unit, type: column.type, source, points };
    };
    for (const [state, column] of counted) states.set(state, seriesOf(state, column));
    for (const [name, column] of columns) {
      candidates.set(name, [...(candidates.get(name) ?? []), seriesOf(name, column)]);
    }
  }
  const series = new Map<string, ProcessSeries>();
  for (const [name, found] of candidates) {
    const best = bestOf(found, fromMillis, toMillis);
    if (best !== null) series.set(name, best);
  }
  const cycles = ordered.flatMap(({ source, table }) => (source === 'gctrace' ? gcCyclesOf(table) : []));
  const samples = ordered.flatMap(({ source, table }) => (source === 'schedtrace' ? schedulerSamplesOf(table) : []));
  return {
    instance,
    sources: ordered.map(({ source }) => source),
    lifetimes,
    series,
    states,
    cycles: cycles.sort((a, b) => a.atMillis - b.atMillis),
    schedulerSamples: samples.sort((a, b) => a.atMillis - b.atMillis),
  };
}

interface ReadTable {
  readonly source: string;
  readonly atMillis: Float64Array;
  readonly columns: ReadonlyMap<string, ReadColumn>;
  /** Of a source of goroutine states. */
  readonly states: ReadonlyMap<string, ReadColumn>;
  readonly startNanos: readonly (bigint | null)[] | null;
}

interface ReadColumn {
  readonly unit: string;
  readonly type: 'gauge' | 'counter';
  /** The rows that have a value, and the value of each. */
  readonly rows: number[];
  readonly values: bigint[];
}

interface Cell {
  readonly column: SeriesColumn;
  readonly reading: { -readonly [Key in keyof Reading]: Reading[Key] };
}

const startTime = 'process_start_time_seconds';

function readTable(source: string, table: SeriesTable): ReadTable {
  const atMillis = Float64Array.from(table.atNanos, (at) => Number(at / 1_000_000n));
  if (source === goroutineStates) return { source, atMillis, ...readStates(table), startNanos: null };
  const known = source as ReadingSource;
  // One object per column, whose value is that of the row which is being read: NaN, which is no number, where it has none.
  const cells = table.columns.map((column): Cell => {
    const type = column.type === 'counter' ? 'counter' : 'gauge';
    return { column, reading: { name: column.name, unit: column.unit, type, value: NaN } };
  });
  const byName: ReadonlyMap<string, Reading> = readingsByName(
    known,
    cells.map(({ reading }) => reading),
  );
  const wanted = allSeries.filter(({ from }) => from[known] !== undefined);
  const columns = new Map<string, ReadColumn>();
  const start = byName.get(startTime);
  const startNanos: (bigint | null)[] = [];
  for (let row = 0; row < atMillis.length; row++) {
    for (const { column, reading } of cells) {
      reading.value = column.present?.[row] === 0 ? NaN : column.values[row];
    }
    startNanos.push(nanosOf(start));
    for (const series of wanted) {
      const value = seriesValue(series, known, byName);
      if (value === null || !isMeasurable(value)) continue;
      let column = columns.get(series.name);
      if (column === undefined) {
        columns.set(series.name, (column = { unit: series.unit, type: series.type, rows: [], values: [] }));
      }
      column.rows.push(row);
      column.values.push(scaled(value, series.unit));
    }
  }
  return { source, atMillis, columns, states: new Map(), startNanos: start === undefined ? null : startNanos };
}

function nanosOf(start: Reading | undefined): bigint | null {
  const seconds = Number(start?.value ?? NaN);
  return isMeasurable(seconds) ? BigInt(Math.round(seconds * 1000)) * 1_000_000n : null;
}

/** A dump counts the goroutines of each state; in the moment of another dump a state without any is 0, not missing. */
function readStates({ atNanos, columns }: SeriesTable): Pick<ReadTable, 'columns' | 'states'> {
  const rows = Array.from(atNanos, (_, row) => row);
  const states = new Map(
    columns.map(({ name, values, present }): [string, ReadColumn] => [
      name,
      {
        unit: 'count',
        type: 'gauge',
        rows,
        values: rows.map((row) =>
          present?.[row] === 0 || !isMeasurable(values[row]) ? 0n : scaled(values[row], 'count'),
        ),
      },
    ]),
  );
  const total = states.get('total');
  states.delete('total');
  return { columns: new Map(total === undefined ? [] : [['goroutines', total]]), states };
}

function cutIntoLifetimes(tables: readonly ReadTable[]): {
  lifetimes: LifetimeSpan[];
  lifetimeOf: Int32Array[];
} {
  const observations: ProcessObservation[] = [];
  const origin: { table: number; row: number }[] = [];
  for (const [index, { source, atMillis, columns, startNanos }] of tables.entries()) {
    // Sources look at different moments, so each is compared with itself alone.
    const counters = atMillis.length === 0 ? [] : Array.from(atMillis, () => new Map<string, bigint>());
    for (const name of restartCounters) {
      const column = columns.get(name);
      column?.rows.forEach((row, i) => counters[row].set(`${source} ${name}`, column.values[i]));
    }
    counters.forEach((values, row) => {
      observations.push({
        atNanos: BigInt(atMillis[row]) * 1_000_000n,
        startNanos: startNanos?.[row] ?? null,
        counters: values,
      });
      origin.push({ table: index, row });
    });
  }
  const lifetimeOf = tables.map(({ atMillis }) => new Int32Array(atMillis.length));
  const lifetimes = processLifetimes(observations).map((lifetime, number): LifetimeSpan => {
    for (const index of lifetime.observations) lifetimeOf[origin[index].table][origin[index].row] = number;
    return {
      firstAtMillis: Number(lifetime.firstAtNanos / 1_000_000n),
      lastAtMillis: Number(lifetime.lastAtNanos / 1_000_000n),
      evidence: lifetime.evidence,
    };
  });
  return { lifetimes, lifetimeOf };
}

/** One point per millisecond. Of two the larger stands: that is so in whatever order they came. */
function distinct(points: ProcessPoint[]): ProcessPoint[] {
  points.sort((a, b) => a.atMillis - b.atMillis || (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  return points.filter(({ atMillis }, i) => points[i + 1]?.atMillis !== atMillis);
}

/** Null if none of them has anything to say about the window. */
function bestOf(candidates: readonly ProcessSeries[], fromMillis: number, toMillis: number): ProcessSeries | null {
  const rated = candidates.map((series) => ({ series, covered: coveredMillis(series.points, fromMillis, toMillis) }));
  const most = Math.max(...rated.map(({ covered }) => covered));
  if (most === 0) return null;
  return rated
    .filter(({ covered }) => covered >= most * asGood)
    .map(({ series }) => series)
    .sort((a, b) => preference.indexOf(a.source) - preference.indexOf(b.source))[0];
}

/** In how much of [from, to) the values hold. */
export function coveredMillis(points: readonly ProcessPoint[], fromMillis: number, toMillis: number): number {
  const ends = holdEnds(points.map(({ atMillis }) => atMillis));
  let covered = 0;
  points.forEach(({ atMillis }, i) => {
    covered += Math.max(0, Math.min(ends[i], toMillis) - Math.max(atMillis, fromMillis));
  });
  return covered;
}
