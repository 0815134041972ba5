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
 * Reads one dump of goroutines. It gets the line that begins it and then every line that is not one of the garbage
 * collector or the scheduler. When a line is none of its own any more, it sets `ended` during that call: the line is
 * then taken for an ordinary one, and the next dump gets a reader of its own. `end` is called once, also after `ended`.
 */
export interface DumpReader<Dump> extends LineSink {
  readonly ended: boolean;
  /** Asked after `end`. Null if it was no dump after all. */
  result(): Dump | null;
}

/** `line` is the number of the line that begins the dump, from 1. */
export type DumpReaderFactory<Dump> = (line: number, atNanos: bigint | null) => DumpReader<Dump>;

export interface GoLogOptions<Dump> {
  readonly limits?: LogLimits;
  /** When the log was captured, Unix nanoseconds: gives times without a year theirs, and is the time of the last line
   * where nothing else is known. */
  readonly capturedAtNanos?: bigint;
  /** When the process started, Unix nanoseconds, where it is known from elsewhere. */
  readonly processStartNanos?: bigint;
  /** The zone of times in the log that do not name theirs, in minutes east of UTC. */
  readonly utcOffsetMinutes?: number;
  readonly dumps?: DumpReaderFactory<Dump>;
}

/**
 * How times since the start of a process were turned into wall times:
 * - `line-times`: lines have times of their own, or lines next to them have;
 * - `process-start`: the caller knew when the process started; earlier processes in the same log stay without;
 * - `capture`: the last line was taken to be written when the log was captured; earlier processes stay without;
 * - `none`: not at all.
 */
export type LogClock = 'line-times' | 'process-start' | 'capture' | 'none';

export interface FoundDump<Dump> {
  readonly dump: Dump;
  readonly firstLine: number;
  readonly lastLine: number;
  readonly firstAtNanos: bigint | null;
  readonly lastAtNanos: bigint | null;
}

/** What was found in a log; a part that is not there is null. */
export interface GoLog<Dump> {
  readonly gctrace: GcTrace | null;
  readonly schedtrace: SchedTrace | null;
  readonly dumps: readonly FoundDump<Dump>[];
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
  /** Dumps that were not read because there were too many, with the line numbers of the first. */
  readonly skippedDumps: number;
}

/**
 * Reads the log of a Go process in one pass, in chunks of any size: takes off what wraps the lines, and finds what the
 * garbage collector and the scheduler print, and dumps of goroutines. Memory is bounded by `LogLimits` whatever the
 * length; where chunks are cut makes no difference.
 */
export class GoLogReader<Dump = never> {
  private readonly limits: LogLimits;
  private readonly splitter: LineSplitter;
  private readonly outer: UnwrapLines;
  private readonly inner: UnwrapLines;
  private readonly gc: GcReader;
  private readonly sched: SchedReader;
  private readonly dumps: FoundDump<Dump>[] = [];
  private open: OpenDump<Dump> | null = null;
  private skippedDumps = 0;
  private dumpSeen = false;
  private firstAtNanos: bigint | null = null;
  private lastAtNanos: bigint | null = null;
  private timesSeen = false;
  private cut = false;

  constructor(private readonly options: GoLogOptions<Dump> = {}) {
    const limits = (this.limits = options.limits ?? defaultLogLimits);
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
  end(): GoLog<Dump> {
    this.splitter.end();
    this.gc.end(this.cut);
    this.sched.end(this.cut);
    this.closeDump(this.cut);
    if (!this.gc.found && !this.sched.found && !this.dumpSeen) {
      throw new FormatError(
        'unrecognized',
        `none of ${this.splitter.lineNumber} lines is a GC trace, a scheduler trace or a goroutine dump of a Go process`,
      );
    }
    const clock = this.clock();
    return {
      gctrace: this.gc.result((index, { processes }) =>
        this.startOf(clock, processes, index, processes[index].lastEndNanos),
      ),
      schedtrace: this.sched.result((index) => {
        const { processes } = this.sched;
        return this.startOf(clock, processes, index, processes[index].lastNanos);
      }),
      dumps: this.dumps,
      clock,
      wrappers: [this.outer.wrapper, this.inner.wrapper].filter((name) => name !== null),
      lines: this.splitter.lineNumber,
      longLines: this.splitter.longLines,
      cut: this.cut,
      firstAtNanos: this.firstAtNanos,
      lastAtNanos: this.lastAtNanos,
      skippedDumps: this.skippedDumps,
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
    if (this.open !== null) {
      const { reader } = this.open;
      reader.line(bytes, start, end, atNanos);
      if (!reader.ended) {
        this.open.lastLine = line;
        this.open.lastAtNanos = atNanos ?? this.open.lastAtNanos;
        return;
      }
      this.closeDump(false);
    }
    if (!beginsDump(bytes, start, end)) return;
    this.dumpSeen = true;
    if (this.options.dumps === undefined) return;
    if (this.dumps.length >= this.limits.dumps) {
      this.skippedDumps++;
      return;
    }
    const reader = this.options.dumps(line, atNanos);
    this.open = { reader, firstLine: line, lastLine: line, firstAtNanos: atNanos, lastAtNanos: atNanos };
    reader.line(bytes, start, end, atNanos);
    if (reader.ended) this.closeDump(false);
  }

  private closeDump(cut: boolean): void {
    if (this.open === null) return;
    const { reader, ...where } = this.open;
    this.open = null;
    reader.end(cut);
    const dump = reader.result();
    if (dump !== null) this.dumps.push({ dump, ...where });
  }

  private clock(): LogClock {
    if (this.timesSeen) return 'line-times';
    if (this.options.processStartNanos !== undefined) return 'process-start';
    return this.options.capturedAtNanos === undefined ? 'none' : 'capture';
  }

  private startOf(
    clock: LogClock,
    processes: readonly (GcProcess | SchedProcess)[],
    index: number,
    lastNanos: number,
  ): bigint | null {
    const { processStartNanos, capturedAtNanos } = this.options;
    const newest = index === processes.length - 1;
    switch (clock) {
      case 'line-times':
        return processes[index].startByOwnTimes ?? processes[index].startByNearTimes;
      case 'process-start':
        return newest ? processStartNanos! : null;
      case 'capture':
        return newest ? capturedAtNanos! - BigInt(lastNanos) : null;
      case 'none':
        return null;
    }
  }
}

interface OpenDump<Dump> {
  readonly reader: DumpReader<Dump>;
  readonly firstLine: number;
  lastLine: number;
  readonly firstAtNanos: bigint | null;
  lastAtNanos: bigint | null;
}
