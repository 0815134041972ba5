import type { LogLimits } from '../log/limits.js';
import type { LossLedger } from '../log/losses.js';
import { DetailLine, goroutineKeys, processorKeys, threadKeys } from './detail-line.js';
import { isWaiting, type SchedBlock, type SchedDetail } from './sched-trace.js';

interface Tally {
  sum: number;
  max: number;
  /** In the block that is read now. */
  here: number;
}

/** Reads the P, M and G tables behind SCHED lines, and keeps the first block and the last ones. */
export class DetailReader {
  processorLines = 0;
  threadLines = 0;
  goroutineLines = 0;
  private readonly parsed = new DetailLine();
  private readonly reasons: Reasons;
  private readonly byStatus = new Map<number, Tally>();
  private readonly byReason = new Map<string, Tally>();
  private readonly kept: OpenBlock[] = [];
  private blocks = 0;
  private open: OpenBlock | null = null;

  constructor(
    private readonly limits: LogLimits,
    private readonly losses: LossLedger,
  ) {
    this.reasons = new Reasons(limits.waitReasons, limits.reasonBytes);
  }

  /** A SCHED line came: its tables follow if it has scheddetail. */
  begin(detail: boolean, line: number, nanos: number, lifetime: number, atNanos: bigint | null): void {
    this.close();
    if (detail) this.open = new OpenBlock(line, nanos, lifetime, atNanos);
  }

  /** Takes the line if it is one of a table. */
  line(bytes: Uint8Array, start: number, end: number, lineNumber: number): boolean {
    if (this.open === null || !DetailLine.begins(bytes, start, end)) return false;
    const { parsed, open, reasons } = this;
    if (!parsed.read(bytes, start, end)) {
      this.losses.add('torn', lineNumber);
      return true;
    }
    const table = parsed.table === 'P' ? open.processors : parsed.table === 'M' ? open.threads : open.goroutines;
    if (table.rows >= this.limits.blockRows) {
      this.losses.add('rows', lineNumber);
      return true;
    }
    let reason = -1;
    if (parsed.table === 'M' || (parsed.table === 'G' && isWaiting(parsed.values[0]))) {
      reason = reasons.intern(bytes, parsed.reasonStart, parsed.reasonEnd);
      if (reason < 0) this.losses.add('reasons', lineNumber);
    }
    table.add(parsed.id, parsed.values, reason);
    if (parsed.table === 'P') this.processorLines++;
    else if (parsed.table === 'M') this.threadLines++;
    else this.tallyGoroutine(parsed.values[0], reason);
    return true;
  }

  result(): SchedDetail | null {
    this.close();
    if (this.blocks === 0) return null;
    const plain = <Key>(tallies: Map<Key, Tally>): Map<Key, { sum: number; max: number }> =>
      new Map([...tallies].map(([key, { sum, max }]) => [key, { sum, max }]));
    return {
      blocks: this.blocks,
      kept: this.kept.map((block) => block.finish(this.reasons.list)),
      goroutinesByStatus: plain(this.byStatus),
      waiting: plain(this.byReason),
    };
  }

  private tallyGoroutine(status: number, reason: number): void {
    this.goroutineLines++;
    // Real statuses are few; made-up ones must not fill the memory.
    if (this.byStatus.has(status) || this.byStatus.size < 64) tally(this.byStatus, status);
    if (reason >= 0) tally(this.byReason, this.reasons.list[reason]);
  }

  private close(): void {
    const { open } = this;
    if (open === null) return;
    this.open = null;
    for (const tallies of [this.byStatus.values(), this.byReason.values()]) {
      for (const entry of tallies) {
        entry.max = Math.max(entry.max, entry.here);
        entry.here = 0;
      }
    }
    if (open.processors.rows + open.threads.rows + open.goroutines.rows === 0) return;
    this.blocks++;
    if (this.kept.length >= this.limits.keptBlocks) this.kept.splice(1, 1);
    this.kept.push(open);
  }
}

function tally<Key>(tallies: Map<Key, Tally>, key: Key): void {
  let entry = tallies.get(key);
  if (entry === undefined) tallies.set(key, (entry = { sum: 0, max: 0, here: 0 }));
  entry.sum++;
  entry.here++;
}

class OpenBlock {
  readonly processors = new Table(processorKeys.length);
  readonly threads = new Table(threadKeys.length);
  readonly goroutines = new Table(goroutineKeys.length);

  constructor(
    private readonly line: number,
    private readonly nanos: number,
    private readonly lifetime: number,
    private readonly atNanos: bigint | null,
  ) {}

  finish(reasons: readonly string[]): SchedBlock {
    const { line, nanos, lifetime, atNanos, processors: p, threads: m, goroutines: g } = this;
    const [status, schedtick, syscalltick, onM, runqsize, gfreecnt, timers] = processorKeys.map((_, i) => p.column(i));
    const [onP, curg, mallocing, throwing, , locks, dying, spinning, blocked, lockedg] = threadKeys.map((_, i) =>
      m.column(i),
    );
    return {
      line,
      nanos,
      lifetime,
      atNanos,
      processors: {
        rows: p.rows,
        id: p.ids(),
        status,
        schedtick,
        syscalltick,
        m: onM,
        runqsize,
        gfreecnt,
        timerslen: timers.map((value) => (Number.isNaN(value) ? -1 : value)),
      },
      threads: {
        ...{ rows: m.rows, id: m.ids(), p: onP, curg, mallocing, throwing, locks, dying, spinning, blocked, lockedg },
        preemptoff: m.reasons(reasons).map((reason) => reason ?? ''),
      },
      goroutines: {
        rows: g.rows,
        id: g.ids(),
        status: g.column(0),
        waitReason: g.reasons(reasons),
        m: g.column(1),
        lockedm: g.column(2),
      },
    };
  }
}

/** Rows of numbers: the id, the values, and the index of a reason. */
class Table {
  rows = 0;
  private values = new Float64Array(0);

  constructor(private readonly keys: number) {}

  add(id: number, values: Float64Array, reason: number): void {
    const width = this.keys + 2;
    const at = this.rows * width;
    if (at + width > this.values.length) {
      const larger = new Float64Array(Math.max(16 * width, this.values.length * 2));
      larger.set(this.values);
      this.values = larger;
    }
    this.values[at] = id;
    for (let i = 0; i < this.keys; i++) this.values[at + 1 + i] = values[i];
    this.values[at + 1 + this.keys] = reason;
    this.rows++;
  }

  ids(): Float64Array {
    return this.column(-1);
  }

  column(key: number): Float64Array {
    return Float64Array.from({ length: this.rows }, (_, row) => this.values[row * (this.keys + 2) + 1 + key]);
  }

  reasons(list: readonly string[]): (string | null)[] {
    return Array.from(this.column(this.keys), (reason) => (reason < 0 ? null : list[reason]));
  }
}

/** Reasons by their bytes, each one string. */
class Reasons {
  readonly list: string[] = [];
  private readonly byText = new Map<string, number>();
  private readonly byHash = new Map<number, number>();

  constructor(
    private readonly limit: number,
    private readonly longest: number,
  ) {}

  /** The index in `list`, or -1 if there are too many different ones. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    const last = Math.min(end, start + this.longest);
    let hash = last - start;
    for (let at = start; at < last; at++) hash = Math.imul(hash ^ bytes[at], 0x01000193);
    // Nearly all are known: then no string is made.
    const seen = this.byHash.get(hash);
    if (seen !== undefined && this.isAt(seen, bytes, start, last)) return seen;
    let text = '';
    for (let at = start; at < last; at++) text += String.fromCharCode(bytes[at]);
    const index = this.index(text);
    if (index >= 0) this.byHash.set(hash, index);
    return index;
  }

  private isAt(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const text = this.list[index];
    if (text.length !== end - start) return false;
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
    return true;
  }

  private index(text: string): number {
    const known = this.byText.get(text);
    if (known !== undefined) return known;
    if (this.list.length >= this.limit) return -1;
    this.byText.set(text, this.list.length);
    return this.list.push(text) - 1;
  }
}
