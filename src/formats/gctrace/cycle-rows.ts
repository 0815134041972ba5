import { type Fold, MergingRows, type RowBudget } from '../log/merging-rows.js';
import { joinTime, timeFraction, timeSeconds } from '../log/row-times.js';
import type { GcCycles } from './gc-trace.js';
import type { GcLine } from './line.js';

/** How each column of `GcCycles` is filled from a line and merged. Times take two columns each. */
const columns = {
  count: ['sum', () => 1],
  firstNumber: ['first', (gc) => gc.number],
  lastNumber: ['last', (gc) => gc.number],
  firstLine: ['first', (_, line) => line],
  lastLine: ['last', (_, line) => line],
  firstStartNanos: ['first', (gc) => gc.startNanos],
  lastStartNanos: ['last', (gc) => gc.startNanos],
  lastEndNanos: ['last', (gc) => endOf(gc)],
  cpuPercentSinceStart: ['last', (gc) => gc.cpuPercent],
  sweepTerminationNanos: ['sum', (gc) => gc.sweepTerminationNanos],
  markNanos: ['sum', (gc) => gc.markNanos],
  markTerminationNanos: ['sum', (gc) => gc.markTerminationNanos],
  pauseMinNanos: ['min', (gc) => gc.sweepTerminationNanos + gc.markTerminationNanos],
  pauseMaxNanos: ['max', (gc) => gc.sweepTerminationNanos + gc.markTerminationNanos],
  stopMaxNanos: ['max', (gc) => Math.max(gc.sweepTerminationNanos, gc.markTerminationNanos)],
  sweepTerminationCpuNanos: ['sum', (gc) => gc.sweepTerminationCpuNanos],
  assistCpuNanos: ['sum', (gc) => gc.assistCpuNanos],
  backgroundCpuNanos: ['sum', (gc) => gc.backgroundCpuNanos],
  idleCpuNanos: ['sum', (gc) => gc.idleCpuNanos],
  markTerminationCpuNanos: ['sum', (gc) => gc.markTerminationCpuNanos],
  heapStartBytes: ['sum', (gc) => gc.heapStartBytes],
  heapEndBytes: ['sum', (gc) => gc.heapEndBytes],
  heapLiveBytes: ['sum', (gc) => gc.heapLiveBytes],
  goalBytes: ['sum', (gc) => gc.goalBytes],
  heapEndMaxBytes: ['max', (gc) => gc.heapEndBytes],
  heapLiveFirstBytes: ['first', (gc) => gc.heapLiveBytes],
  heapLiveLastBytes: ['last', (gc) => gc.heapLiveBytes],
  heapLiveMinBytes: ['min', (gc) => gc.heapLiveBytes],
  heapLiveMaxBytes: ['max', (gc) => gc.heapLiveBytes],
  goalLastBytes: ['last', (gc) => gc.goalBytes],
  goalMaxBytes: ['max', (gc) => gc.goalBytes],
  overGoal: ['sum', (gc) => (gc.heapEndBytes > gc.goalBytes ? 1 : 0)],
  stacksBytes: ['last', (gc) => gc.stacksBytes],
  globalsBytes: ['last', (gc) => gc.globalsBytes],
  processors: ['last', (gc) => gc.processors],
  processorsMin: ['min', (gc) => gc.processors],
  processorsMax: ['max', (gc) => gc.processors],
  forced: ['sum', (gc) => (gc.forced ? 1 : 0)],
  leakChecks: ['sum', (gc) => (gc.leakCheck ? 1 : 0)],
} satisfies Record<NumberColumn, readonly [Fold, (gc: GcLine, line: number) => number]>;

type NumberColumn = Exclude<keyof GcCycles, 'rows' | 'lifetime' | 'firstAtNanos' | 'lastAtNanos'>;

const names = Object.keys(columns) as NumberColumn[];
const values = names.map((name) => columns[name][1]);
const folds: Fold[] = [...names.map((name) => columns[name][0]), 'first', 'first', 'last', 'last'];
const timesAt = names.length;

/** End of mark termination, since the runtime started. */
export function endOf(gc: GcLine): number {
  return gc.startNanos + gc.sweepTerminationNanos + gc.markNanos + gc.markTerminationNanos;
}

/** The cycles of one lifetime, bounded by a budget that all lifetimes share. */
export class CycleRows {
  private readonly rows: MergingRows;

  constructor(private readonly budget: RowBudget) {
    this.rows = new MergingRows(folds, budget);
  }

  get length(): number {
    return this.rows.length;
  }

  add(gc: GcLine, atNanos: bigint | null, line: number): void {
    for (let column = 0; column < timesAt; column++) entry[column] = values[column](gc, line);
    entry[timesAt] = entry[timesAt + 2] = timeSeconds(atNanos);
    entry[timesAt + 1] = entry[timesAt + 3] = timeFraction(atNanos);
    this.rows.add(entry);
    this.budget.settle();
  }

  static toColumns(lifetimes: readonly CycleRows[]): GcCycles {
    const rows = lifetimes.reduce((sum, { length }) => sum + length, 0);
    const lifetime = new Int32Array(rows);
    const firstAtNanos = new BigInt64Array(rows);
    const lastAtNanos = new BigInt64Array(rows);
    const filled = names.map((name) => [name, new Float64Array(rows)] as const);
    let row = 0;
    lifetimes.forEach(({ rows: table }, index) => {
      for (let i = 0; i < table.length; i++, row++) {
        lifetime[row] = index;
        filled.forEach(([, column], c) => void (column[row] = table.get(i, c)));
        firstAtNanos[row] = joinTime(table.get(i, timesAt), table.get(i, timesAt + 1));
        lastAtNanos[row] = joinTime(table.get(i, timesAt + 2), table.get(i, timesAt + 3));
      }
    });
    const numbers = Object.fromEntries(filled) as Record<NumberColumn, Float64Array>;
    return { rows, lifetime, firstAtNanos, lastAtNanos, ...numbers };
  }
}

const entry = new Float64Array(folds.length);
