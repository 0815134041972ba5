import { ascii, indexOf, isDigit, startsWith } from '../log/ascii.js';
import { Extent } from '../log/extent.js';
import type { LogLimits } from '../log/limits.js';
import { LossLedger } from '../log/losses.js';
import { findGlued } from '../log/glued.js';
import { TornLine } from '../log/torn-line.js';
import type { GcTrace } from './gc-trace.js';
import { GcLifetimes } from './gc-lifetimes.js';
import { GcLine, gcLineBytes, isOldGcLine } from './line.js';
import { ScavengeRows } from './scavenge.js';

const gc = ascii('gc ');
const at = ascii(' @');
const gcForced = ascii('GC forced');
const pacer = ascii('pacer: ');
const scan = ascii('scan: ');
const init = ascii('init ');
const initClock = ascii(' ms clock, ');
const goal = ascii(' MB goal, ');
const forcedSuffix = ascii(' (forced)');
const letterP = 80;

/** Takes what was no line of the garbage collector, also what had been written into the middle of one. */
export type ForeignLine = (
  bytes: Uint8Array,
  start: number,
  end: number,
  atNanos: bigint | null,
  lineNumber: number,
) => void;

/** Reads gctrace lines out of the lines of a log. Lines come in order; what is none goes to `foreign`. */
export class GcReader {
  private readonly grammar = new GcLine();
  private readonly lifetimes: GcLifetimes;
  private readonly scavenges: ScavengeRows;
  private readonly losses: LossLedger;
  private readonly torn: TornLine;
  private repaired = 0;
  private periodic = 0;
  private skipped = 0;
  private readonly extent = new Extent();

  /** `nearNanos` gives the time of a neighbouring line, not later, for lines that have none of their own. */
  constructor(
    limits: LogLimits,
    private readonly foreign: ForeignLine,
    private readonly nearNanos: () => bigint | null = () => null,
  ) {
    this.losses = new LossLedger(limits.lossLines);
    this.lifetimes = new GcLifetimes(limits, this.losses);
    this.scavenges = new ScavengeRows(limits.scavengeRows);
    this.torn = new TornLine(
      this.grammar,
      {
        isNext: () => this.lifetimes.expects(this.grammar),
        mayEnd: (bytes, start, end) => end === start || endsLikeCycle(bytes, start, end),
        repaired: (atNanos, lineNumber) => {
          this.repaired++;
          this.record(atNanos, lineNumber);
        },
        foreign,
      },
      gcLineBytes,
    );
  }

  line(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber: number): void {
    if (startsWith(bytes, start, end, gc)) {
      const { grammar } = this;
      if (grammar.match(bytes, start, end)) {
        if (this.torn.holds) this.giveUp('torn');
        // The attempt to end the held line used the same object.
        grammar.match(bytes, start, end);
        this.record(atNanos, lineNumber);
        return;
      }
      if (this.torn.holds) {
        if (this.torn.tryRest(bytes, start, end)) return;
        this.giveUp('torn');
      }
      this.takeTorn(bytes, start, end, atNanos, lineNumber);
      return;
    }
    if (this.torn.holds) {
      if (this.torn.tryRest(bytes, start, end)) return;
      if (!this.torn.wait()) this.giveUp('torn');
    }
    if (this.other(bytes, start, end, atNanos, lineNumber)) return;
    this.foreign(bytes, start, end, atNanos, lineNumber);
  }

  /** A line that begins behind other output which did not end its own: `handled requestgc 5 @0.1s …`. */
  glued(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber: number): void {
    if (this.torn.holds) this.giveUp('torn');
    if (this.grammar.match(bytes, start, end)) {
      this.repaired++;
      this.record(atNanos, lineNumber);
    } else {
      this.takeTorn(bytes, start, end, atNanos, lineNumber);
    }
  }

  /** `cut` says that the log did not end with a whole line. */
  end(cut: boolean): void {
    if (this.torn.holds) this.giveUp(cut ? 'cut' : 'torn');
  }

  /** Whether anything was seen that only a Go runtime prints. */
  get found(): boolean {
    return this.extent.firstLine > 0;
  }

  /** What was found; null if nothing was. `startedAt` says when the runtime of a lifetime started. */
  result(startedAt: (lifetime: number, of: GcLifetimes) => bigint | null): GcTrace | null {
    if (!this.found) return null;
    const { lifetimes, repaired, periodic, skipped } = this;
    const { firstLine, lastLine, firstAtNanos, lastAtNanos } = this.extent;
    const { cycles, missing } = lifetimes;
    return {
      ...lifetimes.toColumns(startedAt),
      scavenges: this.scavenges.toColumns(),
      counts: { cycles, repaired, missing, periodic, skipped },
      losses: this.losses.list(),
      firstLine,
      lastLine,
      firstAtNanos,
      lastAtNanos,
    };
  }

  /** The lifetimes as they are, to find out when they began. */
  get processes(): GcLifetimes {
    return this.lifetimes;
  }

  private record(atNanos: bigint | null, lineNumber: number): void {
    this.extent.add(atNanos, lineNumber);
    this.lifetimes.add(this.grammar, atNanos, lineNumber, atNanos === null ? this.nearNanos() : null);
  }

  private takeTorn(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber: number): void {
    const { reached } = this.grammar;
    // Two processes: the line of the second stands whole within that of the first.
    for (let from = start + 1; (from = indexOf(bytes, from, end, gc)) >= 0; from++) {
      if (!this.grammar.match(bytes, from, end)) continue;
      this.repaired++;
      this.record(atNanos, lineNumber);
      this.torn.hold(bytes, start, from, Math.min(reached, from), Math.min(reached, from) - start, atNanos, lineNumber);
      return;
    }
    this.torn.hold(bytes, start, end, reached, gc.length, atNanos, lineNumber);
  }

  /** What could not be put together: whole with something behind it, or lost if it was a cycle, or no cycle at all. */
  private giveUp(reason: 'torn' | 'cut'): void {
    const { torn, grammar } = this;
    const bytes = torn.bytes.slice();
    const { atNanos, lineNumber } = torn;
    torn.drop();
    grammar.match(bytes, 0, bytes.length);
    const { complete } = grammar;
    if (complete > 0 && grammar.match(bytes, 0, complete)) {
      this.repaired++;
      this.record(atNanos, lineNumber);
      if (complete < bytes.length) this.foreign(bytes, complete, bytes.length, atNanos, lineNumber);
    } else if (numberAndTime(bytes)) {
      this.extent.add(atNanos, lineNumber);
      this.losses.add(reason, lineNumber);
    } else {
      this.foreign(bytes, 0, bytes.length, atNanos, lineNumber);
    }
  }

  private other(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber: number): boolean {
    switch (bytes[start]) {
      case 103: // gc1(1): …
        if (!isOldGcLine(bytes, start, end)) break;
        this.losses.add('old-format', lineNumber);
        this.extent.add(atNanos, lineNumber);
        return true;
      case 71: // GC forced
        if (end - start !== gcForced.length || !startsWith(bytes, start, end, gcForced)) break;
        this.periodic++;
        this.extent.add(atNanos, lineNumber);
        return true;
      case 112: // pacer: …
        if (!startsWith(bytes, start, end, pacer)) break;
        this.skipped++;
        this.extent.add(atNanos, lineNumber);
        return true;
      case 115: // scav …, scvg…, scan: …
        if (this.scavenges.line(bytes, start, end, atNanos, lineNumber)) {
          this.extent.add(atNanos, lineNumber);
          return true;
        }
        if (!startsWith(bytes, start, end, scan) || !this.found) break;
        this.skipped++;
        this.extent.add(atNanos, lineNumber);
        return true;
      case 105: // init package @0.1 ms, 0.006 ms clock, …
        if (!startsWith(bytes, start, end, init) || indexOf(bytes, start, end, initClock) < 0) break;
        this.skipped++;
        this.extent.add(atNanos, lineNumber);
        return true;
    }
    if (bytes[end - 1] !== letterP && bytes[end - 1] !== 41) return false;
    if (!endsLikeCycle(bytes, start, end) || indexOf(bytes, start, end, goal) < 0) return false;
    // The line may begin behind other output; then it will come again, without that.
    if (findGlued(bytes, start, end) >= 0) return false;
    // The rest of a line whose beginning is nowhere.
    this.losses.add('torn', lineNumber);
    this.extent.add(atNanos, lineNumber);
    return true;
  }
}

/** ` 2 P` or ` 2 P (forced)`, or the end of either. */
function endsLikeCycle(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[end - 1] === letterP && end > start) return true;
  const from = end - forcedSuffix.length;
  return from >= start && startsWith(bytes, from, end, forcedSuffix);
}

/** Whether it begins as `gc 12 @`: then it was a line of the garbage collector. */
function numberAndTime(bytes: Uint8Array): boolean {
  let here = gc.length;
  while (here < bytes.length && isDigit(bytes[here])) here++;
  if (here === gc.length) return false;
  return startsWith(bytes, here, bytes.length, at) || here === bytes.length;
}
