import type { LogLoss } from '../log/losses.js';

/** What the SCHED lines of one log say (GODEBUG=schedtrace=N, with scheddetail=1 also the blocks behind them). */
export interface SchedTrace {
  /** In the order of their first lines. */
  readonly lifetimes: readonly SchedLifetime[];
  readonly samples: SchedSamples;
  readonly detail: SchedDetail | null;
  /** Most SCHED lines that one row of `samples` holds: 1 unless the log had more than the limit. */
  readonly samplesPerRow: number;
  readonly counts: SchedLineCounts;
  readonly losses: readonly LogLoss[];
  readonly firstLine: number;
  readonly lastLine: number;
  readonly firstAtNanos: bigint | null;
  readonly lastAtNanos: bigint | null;
}

export interface SchedLineCounts {
  /** SCHED lines. */
  readonly samples: number;
  /** Lines of the tables behind SCHED lines. */
  readonly processorLines: number;
  readonly threadLines: number;
  readonly goroutineLines: number;
  /** SCHED lines that other output had been written into, and that were put together again. */
  readonly repaired: number;
}

/** The samples of one process. */
export interface SchedLifetime {
  /** Its rows in `samples`. */
  readonly firstRow: number;
  readonly endRow: number;
  readonly samples: number;
  readonly firstLine: number;
  readonly lastLine: number;
  /** Unix nanoseconds of its `0ms`, which is near its start, where the clock of the log allows to say. */
  readonly startedAtNanos: bigint | null;
}

/** One number of each SCHED line: over the samples of a row its sum, smallest and largest. */
export interface Gauge {
  readonly sum: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
}

/**
 * SCHED lines in columns: row i is one line, or a run of neighbouring lines of one lifetime where the log had more than
 * the limit. Times count from the first SCHED line of the process.
 */
export interface SchedSamples {
  readonly rows: number;
  /** Index in `lifetimes`. */
  readonly lifetime: Int32Array;
  /** SCHED lines in the row. */
  readonly count: Float64Array;
  readonly firstLine: Float64Array;
  readonly lastLine: Float64Array;
  readonly firstNanos: Float64Array;
  readonly lastNanos: Float64Array;
  /** When the line was written, Unix nanoseconds; `noTime` where the log does not say. */
  readonly firstAtNanos: BigInt64Array;
  readonly lastAtNanos: BigInt64Array;
  readonly gomaxprocs: Gauge;
  readonly idleprocs: Gauge;
  readonly threads: Gauge;
  readonly threadsFirst: Float64Array;
  readonly threadsLast: Float64Array;
  readonly spinningthreads: Gauge;
  /** Lines with needspinning=1 (since Go 1.20). */
  readonly needspinning: Float64Array;
  readonly idlethreads: Gauge;
  /** Length of the global run queue. */
  readonly runqueue: Gauge;
  /** Goroutines in all local run queues together, and in the longest; sums over `localCount` lines that list them. */
  readonly localQueued: Gauge;
  readonly localLongest: Gauge;
  /** Lines with local run queues: all but those with scheddetail=1. */
  readonly localCount: Float64Array;
  /** Lines in which goroutines wait in a queue although a P is idle. */
  readonly queuedWhileIdle: Float64Array;
  /** Lines in which one local queue has `lopsidedLength` or more while at least half of the local queues are empty. */
  readonly lopsided: Float64Array;
  /** With scheddetail=1: lines with gcwaiting and sysmonwait set; sums of nmidlelocked and stopwait. */
  readonly gcwaiting: Float64Array;
  readonly sysmonwait: Float64Array;
  readonly nmidlelocked: Float64Array;
  readonly stopwait: Float64Array;
  /** Values per P of row i are at `perP*[perPStart[i] + p]`. */
  readonly perPStart: Int32Array;
  /** Sums and largest lengths of the local run queue of the P. */
  readonly perPQueueSum: Float64Array;
  readonly perPQueueMax: Float64Array;
  /** Scheduler calls of the P since the sample before the row (schedticks, since Go 1.25); the counter's wrap is undone. */
  readonly perPTicks: Float64Array;
}

export const lopsidedLength = 8;

/** What the blocks behind SCHED lines say. */
export interface SchedDetail {
  readonly blocks: number;
  /** The first block and the last ones. */
  readonly kept: readonly SchedBlock[];
  /** Over all blocks, goroutines by status. */
  readonly goroutinesByStatus: ReadonlyMap<number, { readonly sum: number; readonly max: number }>;
  /** Over all blocks, waiting goroutines by wait reason. */
  readonly waiting: ReadonlyMap<string, { readonly sum: number; readonly max: number }>;
}

/** The tables of one moment. It is no atomic snapshot: Ps, Ms and Gs may disagree. -1 stands for none. */
export interface SchedBlock {
  readonly line: number;
  readonly nanos: number;
  readonly lifetime: number;
  readonly atNanos: bigint | null;
  readonly processors: {
    readonly rows: number;
    readonly id: Float64Array;
    readonly status: Float64Array;
    readonly schedtick: Float64Array;
    readonly syscalltick: Float64Array;
    readonly m: Float64Array;
    readonly runqsize: Float64Array;
    readonly gfreecnt: Float64Array;
    /** -1 before Go 1.14. */
    readonly timerslen: Float64Array;
  };
  readonly threads: {
    readonly rows: number;
    readonly id: Float64Array;
    readonly p: Float64Array;
    readonly curg: Float64Array;
    readonly mallocing: Float64Array;
    readonly throwing: Float64Array;
    readonly preemptoff: readonly string[];
    readonly locks: Float64Array;
    readonly dying: Float64Array;
    /** 0 or 1. */
    readonly spinning: Float64Array;
    readonly blocked: Float64Array;
    readonly lockedg: Float64Array;
  };
  readonly goroutines: {
    readonly rows: number;
    readonly id: Float64Array;
    readonly status: Float64Array;
    /** What it waits for; null where it does not wait: what is printed then is what it waited for last. */
    readonly waitReason: readonly (string | null)[];
    readonly m: Float64Array;
    readonly lockedm: Float64Array;
  };
}

const goroutineStatuses = [
  'idle',
  'runnable',
  'running',
  'syscall',
  'waiting',
  'moribund',
  'dead',
  'enqueue',
  'copystack',
  'preempted',
  'leaked',
  'deadextra',
];
const scanBit = 0x1000;
const waitingStatus = 4;
const leakedStatus = 10;

/** `waiting`, `running (scan)`: the name of a G's status (runtime/runtime2.go). */
export function goroutineStatus(status: number): string {
  const scan = status >= scanBit;
  const name = goroutineStatuses[scan ? status - scanBit : status] ?? `status ${status}`;
  return scan && !name.startsWith('status') ? `${name} (scan)` : name;
}

/** Whether a G in this status waits, so that its wait reason holds: waiting or leaked, also while its stack is scanned. */
export function isWaiting(status: number): boolean {
  const base = status >= scanBit ? status - scanBit : status;
  return base === waitingStatus || base === leakedStatus;
}

/** `idle`, `running`, `syscall` (unused since Go 1.26), `gcstop`, `dead`: the name of a P's status. */
export function processorStatus(status: number): string {
  return ['idle', 'running', 'syscall', 'gcstop', 'dead'][status] ?? `status ${status}`;
}
