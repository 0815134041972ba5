import { ascii, startsWith } from '../log/ascii.js';
import { Extent } from '../log/extent.js';
import type { LogLimits } from '../log/limits.js';
import { LossLedger } from '../log/losses.js';
import { RowBudget } from '../log/merging-rows.js';
import { TornLine } from '../log/torn-line.js';
import { DetailReader } from './detail-reader.js';
import { SchedLine } from './line.js';
import { SampleRows } from './sample-rows.js';
import type { SchedLifetime, SchedTrace } from './sched-trace.js';

const sched = ascii('SCHED ');
const millis = ascii('ms: gomaxprocs=');

/** What is known of one process while its samples come. */
export interface SchedProcess {
  readonly rows: SampleRows;
  readonly index: number;
  readonly firstLine: number;
  lastLine: number;
  lastNanos: number;
  /** From the sample before to the last one. */
  periodNanos: number;
  samples: number;
  processors: number;
  /** The number of its last sample, counted over all processes. */
  lastSample: number;
  /** As for cycles: bounds of the time of `0ms`, by times of its own lines and of lines before them. */
  startByOwnTimes: bigint | null;
  startByNearTimes: bigint | null;
}

/** A process that was not seen while others printed so many samples has ended. */
const samplesUntilEnded = 16;

/**
 * Reads SCHED lines, and the tables behind them, out of the lines of a log. Lines come in order. What had been written
 * into the middle of a SCHED line goes to `foreign`.
 *
 * Times of one process never go back: what does begins a new one. Of several processes that write into one log, a
 * sample goes to the one whose period it fits; one that was not seen since the newest began has probably ended.
 */
export class SchedReader {
  readonly processes: SchedProcess[] = [];
  private readonly grammar: SchedLine;
  private readonly torn: TornLine;
  private readonly detail: DetailReader;
  private readonly losses: LossLedger;
  private readonly budget: RowBudget;
  private open: SchedProcess[] = [];
  private samples = 0;
  private repaired = 0;
  private readonly extent = new Extent();

  constructor(
    private readonly limits: LogLimits,
    private readonly foreign: (b: Uint8Array, start: number, end: number, at: bigint | null, line: number) => void,
    private readonly nearNanos: () => bigint | null = () => null,
  ) {
    this.grammar = new SchedLine(limits.processors);
    this.losses = new LossLedger(limits.lossLines);
    this.detail = new DetailReader(limits, this.losses);
    this.budget = new RowBudget(limits.schedRows);
    this.torn = new TornLine(
      this.grammar,
      {
        isNext: () => this.open.some(({ lastNanos }) => lastNanos <= this.grammar.nanos),
        mayEnd: (bytes, start, end) => end > start && endsLikeSample(bytes[end - 1]),
        repaired: (atNanos, lineNumber) => {
          this.repaired++;
          this.record(atNanos, lineNumber);
        },
        foreign,
      },
      // Two lists with up to 11 bytes per P.
      256 + 22 * Math.min(limits.processors, 512),
    );
  }

  get found(): boolean {
    return this.extent.firstLine > 0;
  }

  /** Takes the line if it is its own, or what may be part of one. */
  line(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber: number): boolean {
    if (startsWith(bytes, start, end, sched)) {
      if (this.torn.holds) this.giveUp('torn');
      if (this.grammar.match(bytes, start, end)) this.record(atNanos, lineNumber);
      else this.torn.hold(bytes, start, end, this.grammar.reached, sched.length, atNanos, lineNumber);
      return true;
    }
    if (this.torn.holds) {
      if (this.torn.tryRest(bytes, start, end)) return true;
      if (!this.torn.wait()) this.giveUp('torn');
    }
    if (!this.detail.line(bytes, start, end, lineNumber)) return false;
    this.extent.add(atNanos, lineNumber);
    return true;
  }

  end(cut: boolean): void {
    if (this.torn.holds) this.giveUp(cut ? 'cut' : 'torn');
  }

  /** What was found; null if nothing was. `startedAt` says when the `0ms` of a lifetime was. */
  result(startedAt: (lifetime: number) => bigint | null): SchedTrace | null {
    if (!this.found) return null;
    let row = 0;
    const lifetimes = this.processes.map(({ rows, samples, firstLine, lastLine }, index): SchedLifetime => {
      const firstRow = row;
      row += rows.length;
      return { firstRow, endRow: row, samples, firstLine, lastLine, startedAtNanos: startedAt(index) };
    });
    const { samples, repaired, detail } = this;
    const { firstLine, lastLine, firstAtNanos, lastAtNanos } = this.extent;
    const { processorLines, threadLines, goroutineLines } = detail;
    return {
      lifetimes,
      samples: SampleRows.toColumns(this.processes.map(({ rows }) => rows)),
      detail: detail.result(),
      samplesPerRow: this.budget.entriesPerRow,
      counts: { samples, processorLines, threadLines, goroutineLines, repaired },
      losses: this.losses.list(),
      firstLine,
      lastLine,
      firstAtNanos,
      lastAtNanos,
    };
  }

  private giveUp(reason: 'torn' | 'cut'): void {
    const { torn } = this;
    const bytes = torn.bytes.slice();
    const { atNanos, lineNumber } = torn;
    torn.drop();
    let at = sched.length;
    while (at < bytes.length && bytes[at] >= 48 && bytes[at] <= 57) at++;
    if (at > sched.length && (at === bytes.length || startsWith(bytes, at, bytes.length, millis))) {
      this.extent.add(atNanos, lineNumber);
      this.losses.add(reason, lineNumber);
      // Its tables are of a moment that is not known.
      this.detail.begin(false, lineNumber, 0, 0, null);
    } else {
      this.foreign(bytes, 0, bytes.length, atNanos, lineNumber);
    }
  }

  private record(atNanos: bigint | null, lineNumber: number): void {
    this.extent.add(atNanos, lineNumber);
    const { grammar } = this;
    const process = this.processOf(grammar) ?? this.begin(lineNumber);
    if (process === null) {
      this.losses.add('lifetimes', lineNumber);
      this.detail.begin(false, lineNumber, 0, 0, null);
      return;
    }
    process.periodNanos = process.samples === 0 ? 0 : grammar.nanos - process.lastNanos;
    process.lastNanos = grammar.nanos;
    process.lastLine = lineNumber;
    process.processors = grammar.gomaxprocs;
    process.samples++;
    process.lastSample = ++this.samples;
    if (atNanos !== null) {
      const start = atNanos - BigInt(grammar.nanos);
      if (process.startByOwnTimes === null || start < process.startByOwnTimes) process.startByOwnTimes = start;
    } else {
      const near = this.nearNanos();
      const start = near === null ? null : near - BigInt(grammar.nanos);
      if (start !== null && (process.startByNearTimes === null || start > process.startByNearTimes)) {
        process.startByNearTimes = start;
      }
    }
    process.rows.add(grammar, atNanos, lineNumber);
    this.detail.begin(grammar.detail, lineNumber, grammar.nanos, process.index, atNanos);
  }

  private processOf(line: SchedLine): SchedProcess | null {
    if (this.open.length > 1) {
      this.open = this.open.filter(({ lastSample }) => this.samples - lastSample < samplesUntilEnded);
    }
    const newest = this.processes[this.processes.length - 1];
    let best: SchedProcess | null = null;
    let bestMisfit = Infinity;
    for (const process of this.open) {
      const gap = line.nanos - process.lastNanos;
      // The period is at least a millisecond.
      if (gap <= 0) continue;
      const misfit =
        Math.abs(gap - process.periodNanos) +
        (process.processors === line.gomaxprocs ? 0 : 1e18) +
        (process.lastLine < newest.firstLine ? 1e16 : 0);
      if (misfit < bestMisfit) {
        best = process;
        bestMisfit = misfit;
      }
    }
    return best;
  }

  private begin(line: number): SchedProcess | null {
    if (this.processes.length >= this.limits.lifetimes) return null;
    const process: SchedProcess = {
      rows: new SampleRows(this.budget, this.limits.schedCells),
      index: this.processes.length,
      firstLine: line,
      lastLine: line,
      lastNanos: 0,
      periodNanos: 0,
      samples: 0,
      processors: 0,
      lastSample: this.samples,
      startByOwnTimes: null,
      startByNearTimes: null,
    };
    this.processes.push(process);
    if (this.open.length >= this.limits.openLifetimes) this.open.shift();
    this.open.push(process);
    return process;
  }
}

/** `]` of a list, or the last letter or digit of `sysmonwait=false`. */
function endsLikeSample(byte: number): boolean {
  return byte === 93 || byte === 101 || (byte >= 48 && byte <= 57);
}
