import type { LogLimits } from '../log/limits.js';
import type { LossLedger } from '../log/losses.js';
import { RowBudget } from '../log/merging-rows.js';
import { CycleRows, endOf } from './cycle-rows.js';
import type { GcCycles, GcLifetime } from './gc-trace.js';
import type { GcLine } from './line.js';

/** Two estimates of when a process started that lie further apart are of two processes. */
const sameStartNanos = 10_000_000_000n;

/** What is known of one process while its cycles come. */
export interface GcProcess {
  readonly rows: CycleRows;
  readonly index: number;
  readonly firstNumber: number;
  readonly firstLine: number;
  lastNumber: number;
  lastStartNanos: number;
  lastEndNanos: number;
  lastLiveBytes: number;
  lastLine: number;
  processors: number;
  cpuPercent: number;
  hasStacks: boolean;
  cycles: number;
  missing: number;
  /** The earliest start that the times of its own lines allow: a line is written after its cycle. */
  startByOwnTimes: bigint | null;
  /** The latest start that the times of lines before its own allow. */
  startByNearTimes: bigint | null;
}

/**
 * Which process each cycle belongs to. Numbers start at 1 and grow by 1, and times never go back; so a cycle goes to
 * the process whose next one it is, else to one of which lines are missing in between, else it begins a new process: a
 * restart, or one more that writes into the same log. Where several processes would do, those go first whose clock
 * agrees, then those that were seen since the newest began (the others probably ended), then the one that agrees in Ps,
 * then the one whose heap and GC share fit best.
 */
export class GcLifetimes {
  readonly processes: GcProcess[] = [];
  cycles = 0;
  missing = 0;
  private readonly open: GcProcess[] = [];
  private readonly budget: RowBudget;
  private newestSince = 0;

  constructor(
    private readonly limits: LogLimits,
    private readonly losses: LossLedger,
  ) {
    this.budget = new RowBudget(limits.gcRows);
  }

  /** Whether the cycle is the next one of a process that is known, or the first one of all. */
  expects(gc: GcLine): boolean {
    return this.open.length === 0
      ? gc.number === 1
      : this.open.some((process) => gc.number === process.lastNumber + 1 && gc.startNanos >= process.lastStartNanos);
  }

  /** `nearNanos` is the time of a line before this one, where this one has none of its own. */
  add(gc: GcLine, atNanos: bigint | null, line: number, nearNanos: bigint | null): void {
    const known = this.processOf(gc, atNanos);
    const process = known ?? this.begin(gc, line);
    if (process === null) {
      this.losses.add('lifetimes', line);
      return;
    }
    this.cycles++;
    if (known !== null) {
      const gap = gc.number - process.lastNumber - 1;
      process.missing += gap;
      this.missing += gap;
    }
    process.lastNumber = gc.number;
    process.lastStartNanos = gc.startNanos;
    process.lastEndNanos = endOf(gc);
    process.lastLiveBytes = gc.heapLiveBytes;
    process.lastLine = line;
    process.processors = gc.processors;
    process.cpuPercent = gc.cpuPercent;
    process.hasStacks = !Number.isNaN(gc.stacksBytes);
    process.cycles++;
    if (atNanos !== null) {
      const start = atNanos - BigInt(process.lastEndNanos);
      if (process.startByOwnTimes === null || start < process.startByOwnTimes) process.startByOwnTimes = start;
    } else if (nearNanos !== null) {
      const start = nearNanos - BigInt(process.lastEndNanos);
      if (process.startByNearTimes === null || start > process.startByNearTimes) process.startByNearTimes = start;
    }
    process.rows.add(gc, atNanos, line);
  }

  toColumns(startedAt: (lifetime: number, of: this) => bigint | null): {
    lifetimes: GcLifetime[];
    cycles: GcCycles;
    cyclesPerRow: number;
  } {
    let row = 0;
    const lifetimes = this.processes.map((process, index): GcLifetime => {
      const firstRow = row;
      row += process.rows.length;
      const { cycles, missing, firstNumber, lastNumber, firstLine, lastLine } = process;
      const startedAtNanos = startedAt(index, this);
      return { firstRow, endRow: row, cycles, missing, firstNumber, lastNumber, firstLine, lastLine, startedAtNanos };
    });
    return {
      lifetimes,
      cycles: CycleRows.toColumns(this.processes.map(({ rows }) => rows)),
      cyclesPerRow: this.budget.entriesPerRow,
    };
  }

  private processOf(gc: GcLine, atNanos: bigint | null): GcProcess | null {
    const { open } = this;
    // By far the most frequent.
    if (open.length === 1 && gc.number === open[0].lastNumber + 1 && gc.startNanos >= open[0].lastStartNanos) {
      return open[0];
    }
    let best: GcProcess | null = null;
    let bestScore = Infinity;
    for (const process of open) {
      const score = this.misfit(process, gc, atNanos);
      if (score < bestScore || (score === bestScore && best !== null && process.lastLine > best.lastLine)) {
        best = process;
        bestScore = score;
      }
    }
    return best;
  }

  /** Infinity if the cycle cannot be of this process; otherwise the smaller, the likelier. */
  private misfit(process: GcProcess, gc: GcLine, atNanos: bigint | null): number {
    const gap = gc.number - process.lastNumber - 1;
    if (gap < 0 || gc.startNanos < process.lastStartNanos) return Infinity;
    let misfit = 0;
    if (process.hasStacks === Number.isNaN(gc.stacksBytes)) return Infinity;
    if (atNanos !== null && process.startByOwnTimes !== null) {
      const start = atNanos - BigInt(endOf(gc));
      const apart = start > process.startByOwnTimes ? start - process.startByOwnTimes : process.startByOwnTimes - start;
      if (apart > sameStartNanos) {
        if (gap > 0) return Infinity;
        misfit += 5e8;
      }
    }
    if (gap > 0) {
      // A cycle takes time: more of them cannot have been missed.
      if (gap > (gc.startNanos - process.lastStartNanos) / 10_000) return Infinity;
      misfit += 1e9 + Math.min(gap, 1e9);
    }
    if (process.lastLine < this.newestSince) misfit += 1e8;
    if (process.processors !== gc.processors) misfit += 1e5;
    if (gc.heapStartBytes < process.lastLiveBytes) misfit += 1e3;
    misfit +=
      Math.abs(gc.cpuPercent - process.cpuPercent) + Math.min(1, (gc.startNanos - process.lastStartNanos) / 1e12);
    return misfit;
  }

  private begin(gc: GcLine, line: number): GcProcess | null {
    if (this.processes.length >= this.limits.lifetimes) return null;
    const process: GcProcess = {
      rows: new CycleRows(this.budget),
      index: this.processes.length,
      firstNumber: gc.number,
      firstLine: line,
      lastNumber: 0,
      lastStartNanos: 0,
      lastEndNanos: 0,
      lastLiveBytes: 0,
      lastLine: line,
      processors: 0,
      cpuPercent: 0,
      hasStacks: false,
      cycles: 0,
      missing: 0,
      startByOwnTimes: null,
      startByNearTimes: null,
    };
    this.processes.push(process);
    this.newestSince = line;
    if (this.open.length >= this.limits.openLifetimes) {
      const oldest = this.open.reduce((a, b) => (b.lastLine < a.lastLine ? b : a));
      this.open.splice(this.open.indexOf(oldest), 1);
    }
    this.open.push(process);
    return process;
  }
}
