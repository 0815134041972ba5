import { type Fold, MergingRows, type RowBudget } from '../log/merging-rows.js';
import { joinTime, timeFraction, timeSeconds } from '../log/row-times.js';
import type { GcCycles } from './gc-trace.js';
import type { GcLine } from './line.js';

/** What a line says of its cycle, in the order in which `factsOf` writes it. */
const facts = [
  ...[
    'one',
    'line',
    'number',
    'start',
    'end',
    'percent',
    'sweepTermination',
    'mark',
    'markTermination',
    'pause',
    'stop',
  ],
  ...['sweepTerminationCpu', 'assistCpu', 'backgroundCpu', 'idleCpu', 'markTerminationCpu'],
  ...['heapStart', 'heapEnd', 'live', 'goal', 'overGoal', 'stacks', 'globals', 'processors', 'forced', 'leakCheck'],
] as const;

type Fact = (typeof facts)[number];

/** Which fact each column of `GcCycles` holds, and how it is merged. Times take two more columns each. */
const columns = {
  count: ['sum', 'one'],
  firstNumber: ['first', 'number'],
  lastNumber: ['last', 'number'],
  firstLine: ['first', 'line'],
  lastLine: ['last', 'line'],
  firstStartNanos: ['first', 'start'],
  lastStartNanos: ['last', 'start'],
  lastEndNanos: ['last', 'end'],
  cpuPercentSinceStart: ['last', 'percent'],
  sweepTerminationNanos: ['sum', 'sweepTermination'],
  markNanos: ['sum', 'mark'],
  markTerminationNanos: ['sum', 'markTermination'],
  pauseMinNanos: ['min', 'pause'],
  pauseMaxNanos: ['max', 'pause'],
  stopMaxNanos: ['max', 'stop'],
  sweepTerminationCpuNanos: ['sum', 'sweepTerminationCpu'],
  assistCpuNanos: ['sum', 'assistCpu'],
  backgroundCpuNanos: ['sum', 'backgroundCpu'],
  idleCpuNanos: ['sum', 'idleCpu'],
  markTerminationCpuNanos: ['sum', 'markTerminationCpu'],
  heapStartBytes: ['sum', 'heapStart'],
  heapEndBytes: ['sum', 'heapEnd'],
  heapLiveBytes: ['sum', 'live'],
  goalBytes: ['sum', 'goal'],
  heapEndMaxBytes: ['max', 'heapEnd'],
  heapLiveFirstBytes: ['first', 'live'],
  heapLiveLastBytes: ['last', 'live'],
  heapLiveMinBytes: ['min', 'live'],
  heapLiveMaxBytes: ['max', 'live'],
  goalLastBytes: ['last', 'goal'],
  goalMaxBytes: ['max', 'goal'],
  overGoal: ['sum', 'overGoal'],
  stacksBytes: ['last', 'stacks'],
  globalsBytes: ['last', 'globals'],
  processors: ['last', 'processors'],
  processorsMin: ['min', 'processors'],
  processorsMax: ['max', 'processors'],
  forced: ['sum', 'forced'],
  leakChecks: ['sum', 'leakCheck'],
} as const satisfies Record<NumberColumn, readonly [Fold, Fact]>;

type NumberColumn = Exclude<keyof GcCycles, 'rows' | 'lifetime' | 'firstAtNanos' | 'lastAtNanos'>;

const names = Object.keys(columns) as NumberColumn[];
const factOf = Uint8Array.from(names, (name) => facts.indexOf(columns[name][1]));
const folds: Fold[] = [...names.map((name) => columns[name][0]), 'first', 'first', 'last', 'last'];
const timesAt = names.length;

const cycle = new Float64Array(facts.length);
const entry = new Float64Array(folds.length);

function factsOf(gc: GcLine, line: number): void {
  const pause = gc.sweepTerminationNanos + gc.markTerminationNanos;
  cycle[0] = 1;
  cycle[1] = line;
  cycle[2] = gc.number;
  cycle[3] = gc.startNanos;
  cycle[4] = endOf(gc);
  cycle[5] = gc.cpuPercent;
  cycle[6] = gc.sweepTerminationNanos;
  cycle[7] = gc.markNanos;
  cycle[8] = gc.markTerminationNanos;
  cycle[9] = pause;
  cycle[10] = Math.max(gc.sweepTerminationNanos, gc.markTerminationNanos);
  cycle[11] = gc.sweepTerminationCpuNanos;
  cycle[12] = gc.assistCpuNanos;
  cycle[13] = gc.backgroundCpuNanos;
  cycle[14] = gc.idleCpuNanos;
  cycle[15] = gc.markTerminationCpuNanos;
  cycle[16] = gc.heapStartBytes;
  cycle[17] = gc.heapEndBytes;
  cycle[18] = gc.heapLiveBytes;
  cycle[19] = gc.goalBytes;
  cycle[20] = gc.heapEndBytes > gc.goalBytes ? 1 : 0;
  cycle[21] = gc.stacksBytes;
  cycle[22] = gc.globalsBytes;
  cycle[23] = gc.processors;
  cycle[24] = gc.forced ? 1 : 0;
  cycle[25] = gc.leakCheck ? 1 : 0;
}

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
    factsOf(gc, line);
    for (let column = 0; column < timesAt; column++) entry[column] = cycle[factOf[column]];
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
