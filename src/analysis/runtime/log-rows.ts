import type { SeriesTable } from '../series-table.js';
import { isMeasurable } from './scaled.js';

/**
 * A collection as a line of gctrace tells it (Go runtime/mgc.go, gcMarkTermination), or the neighbouring ones that one row
 * of a long log holds together. Times and CPU times are sums over the `count` cycles, sizes are means and multiples of
 * MiB. What a log does not say is null.
 */
export interface GcCycle {
  /** End of the last cycle. */
  readonly atMillis: number;
  readonly count: number;
  /** Of the last cycle. */
  readonly number: number | null;
  /** Sweep termination and mark termination: the time in which nothing else ran. */
  readonly pauseNanos: number;
  readonly pauseMinNanos: number;
  readonly pauseMaxNanos: number;
  readonly markNanos: number | null;
  /** Of both stops, assists and background workers. Idle workers take only what nobody else wants. */
  readonly cpuNanos: number | null;
  readonly assistCpuNanos: number | null;
  readonly processors: number | null;
  readonly heapStartBytes: number | null;
  readonly heapEndBytes: number | null;
  readonly heapLiveBytes: number | null;
  readonly goalBytes: number | null;
  /** How many of them runtime.GC or debug.FreeOSMemory asked for. */
  readonly forced: number;
}

/** SCHED lines of schedtrace (Go runtime/proc.go, schedtrace), mostly one. */
export interface SchedulerSample {
  readonly atMillis: number;
  readonly count: number;
  /** Lines with one long local run queue while at least half of them are empty. */
  readonly lopsided: number;
  /** The longest local run queue; null where queues are not listed. */
  readonly longestLocalQueue: number | null;
}

type Cell = (row: number) => number | null;

/** The cycles in a table of source `gctrace`, in its order. A row without the time of its stops is none. */
export function gcCyclesOf(table: SeriesTable): GcCycle[] {
  const read = reader(table);
  const stops = ['sweepTerminationNanos', 'markTerminationNanos'].map(read);
  const cpu = ['sweepTerminationCpuNanos', 'assistCpuNanos', 'backgroundCpuNanos', 'markTerminationCpuNanos'].map(read);
  const [count, number, forced, processors] = ['count', 'lastNumber', 'forced', 'processors'].map(read);
  const [pauseMin, pauseMax, mark] = ['pauseMinNanos', 'pauseMaxNanos', 'markNanos'].map(read);
  const [heapStart, heapEnd, live, goal] = ['heapStartBytes', 'heapEndBytes', 'heapLiveBytes', 'goalBytes'].map(read);
  const cycles: GcCycle[] = [];
  table.atNanos.forEach((at, row) => {
    const pauseNanos = sumOf(stops, row);
    if (pauseNanos === null) return;
    const cyclesInRow = count(row) ?? 1;
    cycles.push({
      atMillis: Number(at / 1_000_000n),
      count: cyclesInRow,
      number: number(row),
      pauseNanos,
      pauseMinNanos: pauseMin(row) ?? pauseNanos / cyclesInRow,
      pauseMaxNanos: pauseMax(row) ?? pauseNanos / cyclesInRow,
      markNanos: mark(row),
      cpuNanos: sumOf(cpu, row),
      assistCpuNanos: cpu[1](row),
      processors: processors(row),
      heapStartBytes: heapStart(row),
      heapEndBytes: heapEnd(row),
      heapLiveBytes: live(row),
      goalBytes: goal(row),
      forced: forced(row) ?? 0,
    });
  });
  return cycles;
}

/** The samples in a table of source `schedtrace`, in its order. */
export function schedulerSamplesOf(table: SeriesTable): SchedulerSample[] {
  const [count, lopsided, longest] = ['count', 'lopsided', 'localLongestMax'].map(reader(table));
  return Array.from(table.atNanos, (at, row) => ({
    atMillis: Number(at / 1_000_000n),
    count: count(row) ?? 1,
    lopsided: lopsided(row) ?? 0,
    longestLocalQueue: longest(row),
  }));
}

/** The pauses of cycles with how often each counts: of a row with several the shortest, the longest, the mean of the rest. */
export function weightedPauses(cycles: readonly GcCycle[]): { value: number; weight: number }[] {
  return cycles.flatMap(({ count, pauseNanos, pauseMinNanos, pauseMaxNanos }) => {
    const pauses = [{ value: pauseMaxNanos, weight: 1 }];
    if (count > 1) pauses.push({ value: pauseMinNanos, weight: 1 });
    if (count > 2) {
      pauses.push({ value: (pauseNanos - pauseMinNanos - pauseMaxNanos) / (count - 2), weight: count - 2 });
    }
    return pauses;
  });
}

function reader({ columns }: SeriesTable): (name: string) => Cell {
  const byName = new Map(columns.map((column) => [column.name, column]));
  return (name) => {
    const column = byName.get(name);
    return (row) => {
      if (column === undefined || column.present?.[row] === 0) return null;
      const value = Number(column.values[row]);
      return isMeasurable(value) ? value : null;
    };
  };
}

function sumOf(parts: readonly Cell[], row: number): number | null {
  let total = 0;
  for (const part of parts) {
    const value = part(row);
    if (value === null) return null;
    total += value;
  }
  return total;
}
