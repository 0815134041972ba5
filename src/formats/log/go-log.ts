import { FormatError } from '../format-error.js';
import type { GcProcess } from '../gctrace/gc-lifetimes.js';
import { GcReader } from '../gctrace/gc-reader.js';
import type { GcTrace } from '../gctrace/gc-trace.js';
import { type LineSink, LineSplitter } from '../lines.js';
import { type SchedProcess, SchedReader } from '../schedtrace/sched-reader.js';
import type { SchedTrace } from '../schedtrace/sched-trace.js';
import { beginsDump } from './dump-start.js';
import { findGlued } from './glued.js';
import { defaultLogLimits, type LogLimits } from './limits.js';
import { UnwrapLines } from './unwrap.js';
import type { WrapperName } from './wrappers.js';

/**
 * Gets every line that is not one of the garbage collector or the scheduler, without what wraps it: a reader of goroutine
 * dumps. `lineNumber` is that of the log, from 1.
 */
export interface OtherLines {
  line(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber: number): void;
  end(cut: boolean): void;
  /** Whether it has found a dump: then the log is of a Go process. */
  readonly found: boolean;
}

export interface GoLogOptions {
  readonly limits?: LogLimits;
  /** When the log was captured, Unix nanoseconds: gives times without a year theirs, and is the time of the last line
   * where nothing else is known. */
  readonly capturedAtNanos?: bigint;
  /** When the process started, Unix nanoseconds, where it is known from elsewhere. */
  readonly processStartNanos?: bigint;
  /** The zone of times in the log that do not name theirs, in minutes east of UTC. */
  readonly utcOffsetMinutes?: number;
  readonly others?: OtherLines;
}

/**
 * How times since the start of a process were turned into wall times:
 * - `line-times`: lines have times of their own, or lines next to them have;
 * - `process-start`: the caller knew when the process started; earlier processes in the same log stay without;
 * - `capture`: the last line was taken to be written when the log was captured; earlier processes stay without;
 * - `none`: not at all.
 */
export type LogClock = 'line-times' | 'process-start' | 'capture' | 'none';

/** What was found in a log; a part that is not there is null. */
export interface GoLog {
  readonly gctrace: GcTrace | null;
  readonly schedtrace: SchedTrace | null;
  /** Whether a dump of goroutines begins somewhere. */
  readonly dumpSeen: boolean;
  readonly clock: LogClock;
  /** What stood around the lines, from the outside to the inside. */
  readonly wrappers: readonly WrapperName[];
  readonly lines: number;
  /** Lines longer than `lineBytes`, of which only the beginning was seen. */
  readonly longLines: number;
  /** The log does not end with a whole line. */
  readonly cut: boolean;
  readonly firstAtNanos: bigint | null;
  readonly lastAtNanos: bigint | null;
}

/**
 * Reads the log of a Go process in one pass, in chunks of any size: takes off what wraps the lines, and finds what the
 * garbage collector and the scheduler print; all other lines are handed on. Memory is bounded by `LogLimits` whatever the
 * length; where chunks are cut makes no difference.
 */
export class GoLogReader {
  private readonly splitter: LineSplitter;
  private readonly outer: UnwrapLines;
  private readonly inner: UnwrapLines;
  private readonly gc: GcReader;
  private readonly sched: SchedReader;
  private dumpSeen = false;
  private firstAtNanos: bigint | null = null;
  private lastAtNanos: bigint | null = null;
  private timesSeen = false;
  private cut = false;

  constructor(private readonly options: GoLogOptions = {}) {
    const limits = options.limits ?? defaultLogLimits;
    const near = (): bigint | null => this.lastAtNanos;
    const behindGc = this.behindGc.bind(this);
    this.sched = new SchedReader(limits, this.behindSched.bind(this), near);
    this.gc = new GcReader(limits, behindGc, near);
    const unwrap = {
      ...limits,
      ...(options.capturedAtNanos === undefined ? {} : { referenceNanos: options.capturedAtNanos }),
      ...(options.utcOffsetMinutes === undefined ? {} : { utcOffsetMinutes: options.utcOffsetMinutes }),
    };
    const lines: LineSink = {
      line: (bytes, start, end, atNanos) => this.line(bytes, start, end, atNanos),
      end: (cut) => void (this.cut = cut),
    };
    const sink: LineSink = {
      line: (bytes, start, end, atNanos) => this.inner.line(bytes, start, end, atNanos),
      end: (cut) => this.inner.end(cut),
    };
    const numbers = {
      get lineNumber(): number {
        return splitter.lineNumber;
      },
    };
    this.outer = new UnwrapLines(sink, numbers, unwrap);
    this.inner = new UnwrapLines(lines, this.outer, unwrap);
    const splitter = (this.splitter = new LineSplitter(this.outer, limits.lineBytes));
  }

  push(chunk: Uint8Array): void {
    this.splitter.push(chunk);
  }

  /**
   * What the log holds.
   *
   * @throws {FormatError} `unrecognized` if no line is of a Go process; nothing else
   */
  end(): GoLog {
    this.splitter.end();
    this.gc.end(this.cut);
    this.sched.end(this.cut);
    this.options.others?.end(this.cut);
    const dumpFound = this.dumpSeen || this.options.others?.found === true;
    if (!this.gc.found && !this.sched.found && !dumpFound) {
      throw new FormatError(
        'unrecognized',
        `none of ${this.splitter.lineNumber} lines is a GC trace, a scheduler trace or a goroutine dump of a Go process`,
      );
    }
    const clock = this.clock();
    return {
      gctrace: this.gc.result((index, { processes }) => this.startOf(clock, processes, index)),
      schedtrace: this.sched.result((index) => this.startOf(clock, this.sched.processes, index)),
      dumpSeen: dumpFound,
      clock,
      wrappers: [this.outer.wrapper, this.inner.wrapper].filter((name) => name !== null),
      lines: this.splitter.lineNumber,
      longLines: this.splitter.longLines,
      cut: this.cut,
      firstAtNanos: this.firstAtNanos,
      lastAtNanos: this.lastAtNanos,
    };
  }

  private line(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null): void {
    if (atNanos !== null) {
      this.timesSeen = true;
      this.firstAtNanos ??= atNanos;
      this.lastAtNanos = atNanos;
    }
    this.gc.line(bytes, start, end, atNanos, this.inner.lineNumber);
  }

  private behindGc(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, line: number): void {
    if (!this.sched.line(bytes, start, end, atNanos, line)) this.behindSched(bytes, start, end, atNanos, line);
  }

  /** A line of neither. */
  private behindSched(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, line: number): void {
    const glued = findGlued(bytes, start, end);
    if (glued >= start) {
      if (glued > start) this.other(bytes, start, glued, atNanos, line);
      if (bytes[glued] === 103) this.gc.glued(bytes, glued, end, atNanos, line);
      else this.sched.line(bytes, glued, end, atNanos, line);
      return;
    }
    this.other(bytes, start, end, atNanos, line);
  }

  private other(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, line: number): void {
    this.dumpSeen ||= beginsDump(bytes, start, end);
    this.options.others?.line(bytes, start, end, atNanos, line);
  }

  private clock(): LogClock {
    if (this.timesSeen) return 'line-times';
    if (this.options.processStartNanos !== undefined) return 'process-start';
    return this.options.capturedAtNanos === undefined ? 'none' : 'capture';
  }

  /** How old the process was when the last line of its collector or its scheduler was written. */
  private newestNanos(): number {
    return Math.max(this.gc.processes.processes.at(-1)?.lastEndNanos ?? 0, this.sched.processes.at(-1)?.lastNanos ?? 0);
  }

  private startOf(clock: LogClock, processes: readonly (GcProcess | SchedProcess)[], index: number): bigint | null {
    const { processStartNanos, capturedAtNanos } = this.options;
    const newest = index === processes.length - 1;
    switch (clock) {
      case 'line-times':
        return processes[index].startByOwnTimes ?? processes[index].startByNearTimes;
      case 'process-start':
        return newest ? processStartNanos! : null;
      case 'capture':
        return newest ? capturedAtNanos! - BigInt(this.newestNanos()) : null;
      case 'none':
        return null;
    }
  }
}
