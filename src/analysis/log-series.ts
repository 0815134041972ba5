import type { GcCycles, GcTrace } from '../formats/gctrace/gc-trace.js';
import type { Gauge, SchedSamples, SchedTrace } from '../formats/schedtrace/sched-trace.js';
import { joinTables, type SeriesColumn, type SeriesTable } from './series-table.js';

/** The rows of a log as a table over time; those of processes whose start nobody knows have no time and are only counted. */
export interface LogSeries {
  readonly table: SeriesTable | null;
  readonly rowsWithoutTime: number;
}

type Type = SeriesColumn['type'];
type Values = (row: number) => number;

/**
 * GC cycles over time, each at its end. Columns are called as in GcCycles. A row that holds several cycles (of a log
 * longer than the limit) has sums where cycles add up, the mean of heap and goal, and its `count`.
 */
export function gcSeries({ lifetimes, cycles }: GcTrace): LogSeries {
  const mean =
    (values: Float64Array): Values =>
    (row) =>
      values[row] / cycles.count[row];
  const sums = (...names: (keyof GcCycles)[]): [string, string, Type, Values][] =>
    names.map((name) => [name, 'nanoseconds', 'event', (row) => (cycles[name] as Float64Array)[row]]);
  const columns: [string, string, Type, Values][] = [
    ['count', 'count', 'event', (row) => cycles.count[row]],
    ['lastNumber', 'count', 'counter', (row) => cycles.lastNumber[row]],
    ['forced', 'count', 'event', (row) => cycles.forced[row]],
    ['cpuPercentSinceStart', 'percent', 'gauge', (row) => cycles.cpuPercentSinceStart[row]],
    ...sums(
      'sweepTerminationNanos',
      'markNanos',
      'markTerminationNanos',
      'pauseMinNanos',
      'pauseMaxNanos',
      'stopMaxNanos',
    ),
    ...sums(
      'sweepTerminationCpuNanos',
      'assistCpuNanos',
      'backgroundCpuNanos',
      'idleCpuNanos',
      'markTerminationCpuNanos',
    ),
    ['lastStartNanos', 'nanoseconds', 'counter', (row) => cycles.lastStartNanos[row]],
    ['heapStartBytes', 'bytes', 'gauge', mean(cycles.heapStartBytes)],
    ['heapEndBytes', 'bytes', 'gauge', mean(cycles.heapEndBytes)],
    ['heapLiveBytes', 'bytes', 'gauge', mean(cycles.heapLiveBytes)],
    ['goalBytes', 'bytes', 'gauge', mean(cycles.goalBytes)],
    ['stacksBytes', 'bytes', 'gauge', (row) => cycles.stacksBytes[row]],
    ['globalsBytes', 'bytes', 'gauge', (row) => cycles.globalsBytes[row]],
    ['processors', 'count', 'gauge', (row) => cycles.processors[row]],
  ];
  return tablesOf(lifetimes, cycles.lastEndNanos, columns);
}

/** SCHED lines over time. Columns are called as in the lines; a row that holds several has the means and its `count`. */
export function schedSeries({ lifetimes, samples }: SchedTrace): LogSeries {
  const mean = (name: keyof SchedSamples): Values => {
    const { sum } = samples[name] as Gauge;
    return (row) => sum[row] / samples.count[row];
  };
  const local =
    ({ sum }: Gauge): Values =>
    (row) =>
      samples.localCount[row] === 0 ? Number.NaN : sum[row] / samples.localCount[row];
  const gauges = (...names: (keyof SchedSamples)[]): [string, string, Type, Values][] =>
    names.map((name) => [name, 'count', 'gauge', mean(name)]);
  const columns: [string, string, Type, Values][] = [
    ['count', 'count', 'event', (row) => samples.count[row]],
    ...gauges('gomaxprocs', 'idleprocs', 'threads', 'spinningthreads', 'idlethreads', 'runqueue'),
    ['runqueueMax', 'count', 'gauge', (row) => samples.runqueue.max[row]],
    ['localQueued', 'count', 'gauge', local(samples.localQueued)],
    ['localLongest', 'count', 'gauge', local(samples.localLongest)],
    [
      'localLongestMax',
      'count',
      'gauge',
      (row) => (samples.localCount[row] === 0 ? NaN : samples.localLongest.max[row]),
    ],
    ['queuedWhileIdle', 'count', 'event', (row) => samples.queuedWhileIdle[row]],
    ['lopsided', 'count', 'event', (row) => samples.lopsided[row]],
  ];
  return tablesOf(lifetimes, samples.lastNanos, columns);
}

function tablesOf(
  lifetimes: readonly { readonly firstRow: number; readonly endRow: number; readonly startedAtNanos: bigint | null }[],
  sinceStart: Float64Array,
  columns: readonly [string, string, Type, Values][],
): LogSeries {
  const tables: SeriesTable[] = [];
  let rowsWithoutTime = 0;
  for (const { firstRow, endRow, startedAtNanos } of lifetimes) {
    if (startedAtNanos === null) rowsWithoutTime += endRow - firstRow;
    else {
      const rows = Array.from({ length: endRow - firstRow }, (_, index) => firstRow + index);
      tables.push({
        atNanos: BigInt64Array.from(rows, (row) => startedAtNanos + BigInt(Math.round(sinceStart[row]))),
        columns: columns.map(([name, unit, type, valueOf]) => column(name, unit, type, rows.map(valueOf))),
      });
    }
  }
  return { table: tables.length === 0 ? null : joinTables(tables.map(ascending)), rowsWithoutTime };
}

/** NaN is a value that is not there. Whole numbers are kept as integers. */
function column(name: string, unit: string, type: Type, values: readonly number[]): SeriesColumn {
  const present = values.some(Number.isNaN) ? Uint8Array.from(values, (value) => (Number.isNaN(value) ? 0 : 1)) : null;
  const known = values.map((value) => (Number.isNaN(value) ? 0 : value));
  const isWhole = known.every(Number.isSafeInteger);
  return { name, unit, type, present, values: isWhole ? BigInt64Array.from(known, BigInt) : Float64Array.from(known) };
}

/** Rows of one process are in order but for the rounding of their times. */
function ascending(table: SeriesTable): SeriesTable {
  const atNanos = table.atNanos.slice();
  for (let row = 1; row < atNanos.length; row++) if (atNanos[row] < atNanos[row - 1]) atNanos[row] = atNanos[row - 1];
  return { ...table, atNanos };
}
