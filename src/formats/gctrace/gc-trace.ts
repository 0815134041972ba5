import type { LogLoss } from '../log/losses.js';

/** What the gctrace lines of one log say. */
export interface GcTrace {
  /** In the order of their first lines. */
  readonly lifetimes: readonly GcLifetime[];
  readonly cycles: GcCycles;
  readonly scavenges: Scavenges;
  /** Most cycles that one row of `cycles` holds: 1 unless the log had more than the limit. */
  readonly cyclesPerRow: number;
  readonly counts: GcLineCounts;
  readonly losses: readonly LogLoss[];
  readonly firstLine: number;
  readonly lastLine: number;
  readonly firstAtNanos: bigint | null;
  readonly lastAtNanos: bigint | null;
}

export interface GcLineCounts {
  readonly cycles: number;
  /** Lines that other output had been written into, and that were put together again. */
  readonly repaired: number;
  /** Cycles whose lines are not there, by the gaps in their numbers. */
  readonly missing: number;
  /** `GC forced`: collections that began because the last one was two minutes ago. */
  readonly periodic: number;
  /** `pacer:`, `scan:` and `init` lines, which are recognised and not kept. */
  readonly skipped: number;
}

/** The cycles of one process: numbers and times only ever grow. */
export interface GcLifetime {
  /** Its rows in `cycles`. */
  readonly firstRow: number;
  readonly endRow: number;
  readonly cycles: number;
  /** Cycles whose lines are not there. */
  readonly missing: number;
  readonly firstNumber: number;
  readonly lastNumber: number;
  readonly firstLine: number;
  readonly lastLine: number;
  /** Unix nanoseconds when the runtime started, where the clock of the log allows to say. */
  readonly startedAtNanos: bigint | null;
}

/**
 * Cycles in columns: row i is one cycle, or a run of neighbouring cycles of one lifetime where the log had more than
 * the limit. Sums are over the cycles of the row. All nanoseconds are multiples of 1000 (Go prints microseconds), so
 * that doubles keep them and their sums exact up to 834 days. Bytes are multiples of MiB, rounded down by Go.
 */
export interface GcCycles {
  readonly rows: number;
  /** Index in `lifetimes`. */
  readonly lifetime: Int32Array;
  /** Cycles in the row. */
  readonly count: Float64Array;
  readonly firstNumber: Float64Array;
  readonly lastNumber: Float64Array;
  readonly firstLine: Float64Array;
  readonly lastLine: Float64Array;
  /** Start of sweep termination, since the runtime started. */
  readonly firstStartNanos: Float64Array;
  readonly lastStartNanos: Float64Array;
  /** End of mark termination of the last cycle, since the runtime started. */
  readonly lastEndNanos: Float64Array;
  /** When the line was written, Unix nanoseconds; `noTime` where the log does not say. */
  readonly firstAtNanos: BigInt64Array;
  readonly lastAtNanos: BigInt64Array;
  /** GC's share of all CPU since the process started, in percent, after the last cycle. Idle workers do not count. */
  readonly cpuPercentSinceStart: Float64Array;
  /** Sums of wall time: stop-the-world sweep termination, concurrent mark, stop-the-world mark termination. */
  readonly sweepTerminationNanos: Float64Array;
  readonly markNanos: Float64Array;
  readonly markTerminationNanos: Float64Array;
  /** Of the cycles in the row: sweep termination and mark termination together. */
  readonly pauseMinNanos: Float64Array;
  readonly pauseMaxNanos: Float64Array;
  /** The longest single stop. */
  readonly stopMaxNanos: Float64Array;
  /** Sums of CPU time. */
  readonly sweepTerminationCpuNanos: Float64Array;
  readonly assistCpuNanos: Float64Array;
  readonly backgroundCpuNanos: Float64Array;
  readonly idleCpuNanos: Float64Array;
  readonly markTerminationCpuNanos: Float64Array;
  /** Sums over the cycles of the row: heap at the start and at the end of the cycle, live heap, goal. */
  readonly heapStartBytes: Float64Array;
  readonly heapEndBytes: Float64Array;
  readonly heapLiveBytes: Float64Array;
  readonly goalBytes: Float64Array;
  readonly heapEndMaxBytes: Float64Array;
  readonly heapLiveFirstBytes: Float64Array;
  readonly heapLiveLastBytes: Float64Array;
  readonly heapLiveMinBytes: Float64Array;
  readonly heapLiveMaxBytes: Float64Array;
  readonly goalLastBytes: Float64Array;
  readonly goalMaxBytes: Float64Array;
  /** Cycles whose heap grew beyond the goal before they ended. */
  readonly overGoal: Float64Array;
  /** Of the last cycle; NaN before Go 1.18. */
  readonly stacksBytes: Float64Array;
  readonly globalsBytes: Float64Array;
  /** GOMAXPROCS: of the last cycle, smallest, largest. */
  readonly processors: Float64Array;
  readonly processorsMin: Float64Array;
  readonly processorsMax: Float64Array;
  /** Cycles by runtime.GC, debug.FreeOSMemory or a goroutine leak profile. */
  readonly forced: Float64Array;
  /** Cycles that looked for leaked goroutines. */
  readonly leakChecks: Float64Array;
}

/** What `scvg` (until 1.14) and `scav` lines (scavtrace=1, since 1.15) say, in columns like the cycles. */
export interface Scavenges {
  readonly rows: number;
  readonly count: Float64Array;
  readonly firstLine: Float64Array;
  readonly lastLine: Float64Array;
  readonly firstAtNanos: BigInt64Array;
  readonly lastAtNanos: BigInt64Array;
  /** Sum of the memory given back to the system, of the lines that say so. */
  readonly releasedBytes: Float64Array;
  /** Memory that is given back as of the last line; NaN where no line of the row says so. */
  readonly releasedNowBytes: Float64Array;
  /** Of the memory that is kept, the share in use, in percent; NaN likewise. */
  readonly inUsePercent: Float64Array;
}
