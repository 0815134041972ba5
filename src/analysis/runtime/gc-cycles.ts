import type { SeriesTable } from '../series-table.js';

/**
 * One collection as a line of gctrace tells it (Go runtime/mgc.go, gcMarkTermination). Sizes are multiples of MiB. What a
 * log does not say is null.
 */
export interface GcCycle {
  /** When its line was written: at the end of the cycle. */
  readonly atMillis: number;
  readonly number: number | null;
  /** Sweep termination and mark termination together: the time in which nothing else ran. */
  readonly pauseNanos: number;
  /** From the start of sweep termination to the end of mark termination. */
  readonly wallNanos: number;
  /** Of both stops, assists and background workers. Idle workers take only what nobody else wants. */
  readonly cpuNanos: number | null;
  readonly assistCpuNanos: number | null;
  readonly processors: number | null;
  readonly heapStartBytes: number | null;
  readonly heapEndBytes: number | null;
  readonly heapLiveBytes: number | null;
  readonly goalBytes: number | null;
  readonly forced: boolean;
}

/** The cycles in a table of source `gctrace`, in its order. A row without the time of its stops is none. */
export function gcCyclesOf({ atNanos, columns }: SeriesTable): GcCycle[] {
  const byName = new Map(columns.map((column) => [column.name, column]));
  const read = (name: string): ((row: number) => number | null) => {
    const column = byName.get(name);
    return (row) => {
      if (column === undefined || column.present?.[row] === 0) return null;
      const value = Number(column.values[row]);
      return Number.isFinite(value) ? value : null;
    };
  };
  const stops = [read('sweepTerminationNanos'), read('markTerminationNanos')];
  const mark = read('markNanos');
  const cpu = ['sweepTerminationCpuNanos', 'assistCpuNanos', 'backgroundCpuNanos', 'markTerminationCpuNanos'].map(read);
  const number = read('lastNumber');
  const [heapStart, heapEnd, live, goal] = ['heapStartBytes', 'heapEndBytes', 'heapLiveBytes', 'goalBytes'].map(read);
  const processors = read('processors');
  const forced = read('forced');
  const cycles: GcCycle[] = [];
  atNanos.forEach((at, row) => {
    const pauseNanos = sumOf(stops, row);
    if (pauseNanos === null) return;
    cycles.push({
      atMillis: Number(at / 1_000_000n),
      number: number(row),
      pauseNanos,
      wallNanos: pauseNanos + (mark(row) ?? 0),
      cpuNanos: sumOf(cpu, row),
      assistCpuNanos: cpu[1](row),
      processors: processors(row),
      heapStartBytes: heapStart(row),
      heapEndBytes: heapEnd(row),
      heapLiveBytes: live(row),
      goalBytes: goal(row),
      forced: (forced(row) ?? 0) > 0,
    });
  });
  return cycles;
}

function sumOf(parts: readonly ((row: number) => number | null)[], row: number): number | null {
  let total = 0;
  for (const part of parts) {
    const value = part(row);
    if (value === null) return null;
    total += value;
  }
  return total;
}
