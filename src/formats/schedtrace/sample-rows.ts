import { type Fold, MergingRows, type RowBudget } from '../log/merging-rows.js';
import { joinTime, timeFraction, timeSeconds } from '../log/row-times.js';
import type { SchedLine } from './line.js';
import { type Gauge, lopsidedLength, type SchedSamples } from './sched-trace.js';

/** What is made of a SCHED line before it is stored. */
interface Sample {
  readonly line: SchedLine;
  readonly lineNumber: number;
  readonly localQueued: number;
  readonly localLongest: number;
  readonly lopsided: boolean;
}

const orZero = (value: number): number => (Number.isNaN(value) ? 0 : value);

const gauges = {
  gomaxprocs: (s) => s.line.gomaxprocs,
  idleprocs: (s) => s.line.idleprocs,
  threads: (s) => s.line.threads,
  spinningthreads: (s) => orZero(s.line.spinningthreads),
  idlethreads: (s) => orZero(s.line.idlethreads),
  runqueue: (s) => s.line.runqueue,
  localQueued: (s) => s.localQueued,
  localLongest: (s) => s.localLongest,
} satisfies Partial<Record<keyof SchedSamples, (sample: Sample) => number>>;

const numbers = {
  count: ['sum', () => 1],
  firstLine: ['first', (s) => s.lineNumber],
  lastLine: ['last', (s) => s.lineNumber],
  firstNanos: ['first', (s) => s.line.nanos],
  lastNanos: ['last', (s) => s.line.nanos],
  threadsFirst: ['first', (s) => s.line.threads],
  threadsLast: ['last', (s) => s.line.threads],
  needspinning: ['sum', (s) => orZero(s.line.needspinning)],
  localCount: ['sum', (s) => (s.line.detail ? 0 : 1)],
  queuedWhileIdle: ['sum', (s) => (s.line.idleprocs > 0 && s.line.runqueue + s.localQueued > 0 ? 1 : 0)],
  lopsided: ['sum', (s) => (s.lopsided ? 1 : 0)],
  gcwaiting: ['sum', (s) => (s.line.gcwaiting > 0 ? 1 : 0)],
  sysmonwait: ['sum', (s) => (s.line.sysmonwait > 0 ? 1 : 0)],
  nmidlelocked: ['sum', (s) => orZero(s.line.nmidlelocked)],
  stopwait: ['sum', (s) => orZero(s.line.stopwait)],
} satisfies Partial<Record<keyof SchedSamples, readonly [Fold, (sample: Sample) => number]>>;

type NumberColumn = keyof typeof numbers;
type GaugeColumn = keyof typeof gauges;

const numberNames = Object.keys(numbers) as NumberColumn[];
const gaugeNames = Object.keys(gauges) as GaugeColumn[];
const numberValues = numberNames.map((name): ((sample: Sample) => number) => numbers[name][1]);
const gaugeValues = gaugeNames.map((name): ((sample: Sample) => number) => gauges[name]);
const gaugesAt = numberNames.length;
const timesAt = gaugesAt + 3 * gaugeNames.length;
const folds: Fold[] = [
  ...numberNames.map((name) => numbers[name][0]),
  ...gaugeNames.flatMap((): Fold[] => ['sum', 'min', 'max']),
  ...(['first', 'first', 'last', 'last'] as const),
];
const entry = new Float64Array(folds.length);
/** Of each P: sum of its queue's lengths, the longest, its scheduler calls. */
const cellsPerProcessor = 3;
const wrap = 2 ** 32;

/** The samples of one lifetime, bounded by budgets that all lifetimes share. */
export class SampleRows {
  private readonly rows: MergingRows;
  private cells = new Float64Array(0);
  private width = 0;
  private ticksBefore: Float64Array | null = null;

  constructor(
    private readonly budget: RowBudget,
    private readonly cellLimit: number,
  ) {
    this.rows = new MergingRows(
      folds,
      budget,
      (to, from) => this.mergeCells(to, from),
      (to, from) => this.moveCells(to, from),
    );
  }

  get length(): number {
    return this.rows.length;
  }

  add(line: SchedLine, atNanos: bigint | null, lineNumber: number): void {
    const sample = sampleOf(line, lineNumber);
    for (let i = 0; i < gaugesAt; i++) entry[i] = numberValues[i](sample);
    for (let at = gaugesAt, i = 0; at < timesAt; at += 3, i++) {
      entry[at] = entry[at + 1] = entry[at + 2] = gaugeValues[i](sample);
    }
    entry[timesAt] = entry[timesAt + 2] = timeSeconds(atNanos);
    entry[timesAt + 1] = entry[timesAt + 3] = timeFraction(atNanos);
    const before = this.rows.length;
    const row = this.rows.add(entry);
    this.addCells(row, row === before, line);
    if (this.budget.rows > 1 && this.budget.rows * this.width > this.cellLimit) this.budget.halve();
    this.budget.settle();
  }

  static toColumns(lifetimes: readonly SampleRows[]): SchedSamples {
    const rows = lifetimes.reduce((sum, { length }) => sum + length, 0);
    const cells = lifetimes.reduce((sum, { length, width }) => sum + length * width, 0);
    const lifetime = new Int32Array(rows);
    const firstAtNanos = new BigInt64Array(rows);
    const lastAtNanos = new BigInt64Array(rows);
    const perPStart = new Int32Array(rows + 1);
    const [perPQueueSum, perPQueueMax, perPTicks] = [0, 1, 2].map(() => new Float64Array(cells));
    const numberColumns = numberNames.map((name) => [name, new Float64Array(rows)] as const);
    const gaugeColumns = gaugeNames.map((name) => [name, emptyGauge(rows)] as const);
    let row = 0;
    lifetimes.forEach((samples, index) => {
      const { rows: table, width } = samples;
      for (let i = 0; i < table.length; i++, row++) {
        lifetime[row] = index;
        numberColumns.forEach(([, column], c) => void (column[row] = table.get(i, c)));
        gaugeColumns.forEach(([, { sum, min, max }], c) => {
          sum[row] = table.get(i, gaugesAt + 3 * c);
          min[row] = table.get(i, gaugesAt + 3 * c + 1);
          max[row] = table.get(i, gaugesAt + 3 * c + 2);
        });
        firstAtNanos[row] = joinTime(table.get(i, timesAt), table.get(i, timesAt + 1));
        lastAtNanos[row] = joinTime(table.get(i, timesAt + 2), table.get(i, timesAt + 3));
        perPStart[row + 1] = perPStart[row] + width;
        for (let p = 0; p < width; p++) {
          const from = (i * width + p) * cellsPerProcessor;
          perPQueueSum[perPStart[row] + p] = samples.cells[from];
          perPQueueMax[perPStart[row] + p] = samples.cells[from + 1];
          perPTicks[perPStart[row] + p] = samples.cells[from + 2];
        }
      }
    });
    return {
      rows,
      lifetime,
      firstAtNanos,
      lastAtNanos,
      perPStart,
      perPQueueSum,
      perPQueueMax,
      perPTicks,
      ...(Object.fromEntries(numberColumns) as Record<NumberColumn, Float64Array>),
      ...(Object.fromEntries(gaugeColumns) as Record<GaugeColumn, Gauge>),
    };
  }

  private addCells(row: number, fresh: boolean, line: SchedLine): void {
    if (line.queueCount > this.width) this.widen(line.queueCount);
    const { width } = this;
    const needed = (row + 1) * width * cellsPerProcessor;
    if (needed > this.cells.length) {
      const larger = new Float64Array(Math.max(needed, this.cells.length * 2));
      larger.set(this.cells);
      this.cells = larger;
    }
    const at = row * width * cellsPerProcessor;
    if (fresh) this.cells.fill(0, at, at + width * cellsPerProcessor);
    const before = this.ticksBefore;
    for (let p = 0; p < line.queueCount; p++) {
      const cell = at + p * cellsPerProcessor;
      this.cells[cell] += line.queues[p];
      this.cells[cell + 1] = Math.max(this.cells[cell + 1], line.queues[p]);
      if (before === null || p >= before.length || p >= line.tickCount) continue;
      const ticks = line.ticks[p] - before[p];
      this.cells[cell + 2] += ticks < 0 ? ticks + wrap : ticks;
    }
    if (line.tickCount === 0) return;
    if (before?.length !== line.tickCount) this.ticksBefore = line.ticks.slice(0, line.tickCount);
    else before.set(line.ticks.subarray(0, line.tickCount));
  }

  /** GOMAXPROCS grew: every row gets room for as many Ps. */
  private widen(width: number): void {
    const old = this.width * cellsPerProcessor;
    const cells = new Float64Array(Math.max(1, this.rows.length) * width * cellsPerProcessor);
    for (let row = 0; row < this.rows.length; row++) {
      cells.set(this.cells.subarray(row * old, (row + 1) * old), row * width * cellsPerProcessor);
    }
    this.cells = cells;
    this.width = width;
  }

  private mergeCells(to: number, from: number): void {
    const size = this.width * cellsPerProcessor;
    for (let i = 0; i < size; i += cellsPerProcessor) {
      const here = to * size + i;
      const there = from * size + i;
      this.cells[here] += this.cells[there];
      this.cells[here + 1] = Math.max(this.cells[here + 1], this.cells[there + 1]);
      this.cells[here + 2] += this.cells[there + 2];
    }
  }

  private moveCells(to: number, from: number): void {
    const size = this.width * cellsPerProcessor;
    this.cells.copyWithin(to * size, from * size, (from + 1) * size);
  }
}

function sampleOf(line: SchedLine, lineNumber: number): Sample {
  let localQueued = 0;
  let localLongest = 0;
  let empty = 0;
  for (let p = 0; p < line.queueCount; p++) {
    const length = line.queues[p];
    localQueued += length;
    if (length > localLongest) localLongest = length;
    if (length === 0) empty++;
  }
  const lopsided = localLongest >= lopsidedLength && empty * 2 >= line.queueCount;
  return { line, lineNumber, localQueued, localLongest, lopsided };
}

function emptyGauge(rows: number): { sum: Float64Array; min: Float64Array; max: Float64Array } {
  return { sum: new Float64Array(rows), min: new Float64Array(rows), max: new Float64Array(rows) };
}
