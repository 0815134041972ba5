import { none } from '../../formats/exectrace/events.js';
import type { Names } from './names.js';
import type { TraceSummaryLimits } from './trace-limits.js';
import type { NamedFrame, TraceStacks } from './trace-stacks.js';

/** Who made goroutines runnable again, and from where. */
export interface Waker {
  /** Start function of the goroutine; for what is none `(netpoll)`, `(timer)`, `(scheduler)` or `(sysmon)`. */
  readonly name: string;
  readonly stack: readonly NamedFrame[];
  readonly count: number;
  readonly totalNanos: number;
}

/** All blocks of goroutines of one name, for one reason, at one place. */
export interface BlockingEntry {
  /** As the trace says it; empty for goroutines that were blocked before the trace began. */
  readonly reason: string;
  readonly stack: readonly NamedFrame[];
  readonly goroutineName: string;
  /** Blocks that ended. */
  readonly count: number;
  readonly totalNanos: number;
  readonly maxNanos: number;
  /** When the longest one began. */
  readonly maxStart: number;
  /** Goroutines that still waited when the trace ended, and for how long. */
  readonly stillBlocked: number;
  readonly stillBlockedNanos: number;
  readonly wakers: readonly Waker[];
  /** Wake-ups by others than `wakers`. */
  readonly otherWakers: { readonly count: number; readonly totalNanos: number };
}

export interface BlockingTable {
  /** Those with the most time first, the time of goroutines that are still blocked included. */
  readonly entries: readonly BlockingEntry[];
  /** What `entries` does not hold, exactly. */
  readonly remainder: { readonly count: number; readonly totalNanos: number; readonly stillBlocked: number };
  readonly total: { readonly count: number; readonly totalNanos: number; readonly stillBlocked: number };
}

export type BlockingLimits = Pick<
  TraceSummaryLimits,
  'blockingEntries' | 'blockingListed' | 'wakersPerEntry' | 'wakersListed'
>;

class WakerEntry {
  count = 0;
  totalNanos = 0;

  constructor(
    readonly name: number,
    readonly stack: number,
  ) {}
}

class Entry {
  count = 0;
  totalNanos = 0;
  maxNanos = 0;
  maxStart = 0;
  stillBlocked = 0;
  stillBlockedNanos = 0;
  readonly wakers: WakerEntry[] = [];
  otherCount = 0;
  otherNanos = 0;

  constructor(
    readonly reason: number,
    readonly name: number,
    readonly stack: number,
  ) {}

  get weight(): number {
    return this.totalNanos + this.stillBlockedNanos;
  }

  wokenBy(name: number, stack: number, nanos: number, limit: number): void {
    let waker: WakerEntry | undefined;
    for (const known of this.wakers) {
      if (known.name === name && known.stack === stack) {
        waker = known;
        break;
      }
    }
    if (waker === undefined) {
      if (this.wakers.length >= limit) {
        this.otherCount++;
        this.otherNanos += nanos;
        return;
      }
      waker = new WakerEntry(name, stack);
      this.wakers.push(waker);
    }
    waker.count++;
    waker.totalNanos += nanos;
  }
}

/** Adds up blocks by reason, place and kind of goroutine. Beyond its limit it forgets the smaller half, not their sums. */
export class Blocking {
  #entries = new Map<number, Entry>();
  /** Numbers pairs of a reason and a name. */
  readonly #pairs = new Map<number, number>();
  readonly #total = { count: 0, totalNanos: 0, stillBlocked: 0 };
  #last: Entry | null = null;

  constructor(
    private readonly reasons: Names,
    private readonly names: Names,
    private readonly limits: BlockingLimits,
  ) {}

  /** A block ended; `wakerName` and `wakerStack` say who ended it. */
  add(
    reason: number,
    name: number,
    stack: number,
    start: number,
    nanos: number,
    wakerName: number,
    wakerStack: number,
  ): void {
    const entry = this.#entry(reason, name, stack);
    entry.count++;
    entry.totalNanos += nanos;
    if (nanos > entry.maxNanos || entry.count === 1) {
      entry.maxNanos = nanos;
      entry.maxStart = start;
    }
    entry.wokenBy(wakerName, wakerStack, nanos, this.limits.wakersPerEntry);
    this.#total.count++;
    this.#total.totalNanos += nanos;
  }

  addOpen(reason: number, name: number, stack: number, nanos: number): void {
    const entry = this.#entry(reason, name, stack);
    entry.stillBlocked++;
    entry.stillBlockedNanos += nanos;
    this.#total.stillBlocked++;
  }

  table(stacks: TraceStacks): BlockingTable {
    const sorted = [...this.#entries.values()].sort((a, b) => b.weight - a.weight || b.count - a.count);
    const kept = sorted.slice(0, this.limits.blockingListed);
    const remainder = { ...this.#total };
    for (const { count, totalNanos, stillBlocked } of kept) {
      remainder.count -= count;
      remainder.totalNanos -= totalNanos;
      remainder.stillBlocked -= stillBlocked;
    }
    return { entries: kept.map((entry) => this.#describe(entry, stacks)), remainder, total: { ...this.#total } };
  }

  #describe(entry: Entry, stacks: TraceStacks): BlockingEntry {
    const sorted = entry.wakers.toSorted((a, b) => b.count - a.count || b.totalNanos - a.totalNanos);
    const wakers = sorted.slice(0, this.limits.wakersListed).map(({ name, stack, count, totalNanos }) => {
      return { name: this.names.values[name], stack: stacks.frames(stack), count, totalNanos };
    });
    const otherWakers = { count: entry.otherCount, totalNanos: entry.otherNanos };
    for (const { count, totalNanos } of sorted.slice(this.limits.wakersListed)) {
      otherWakers.count += count;
      otherWakers.totalNanos += totalNanos;
    }
    return {
      reason: this.reasons.values[entry.reason],
      stack: stacks.frames(entry.stack),
      goroutineName: this.names.values[entry.name],
      count: entry.count,
      totalNanos: entry.totalNanos,
      maxNanos: entry.maxNanos,
      maxStart: entry.maxStart,
      stillBlocked: entry.stillBlocked,
      stillBlockedNanos: entry.stillBlockedNanos,
      wakers,
      otherWakers,
    };
  }

  #entry(reason: number, name: number, stack: number): Entry {
    const last = this.#last;
    if (last !== null && last.stack === stack && last.reason === reason && last.name === name) return last;
    // Both factors stay below 2^26: there are few reasons, names and nodes.
    const pairKey = reason * 2 ** 26 + name;
    let pair = this.#pairs.get(pairKey);
    if (pair === undefined) {
      pair = this.#pairs.size;
      this.#pairs.set(pairKey, pair);
    }
    const key = pair * 2 ** 26 + stack;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size >= 2 * this.limits.blockingEntries) this.#prune();
      entry = new Entry(reason, name, stack);
      this.#entries.set(key, entry);
    }
    this.#last = entry;
    return entry;
  }

  #prune(): void {
    const sorted = [...this.#entries].sort(([, a], [, b]) => b.weight - a.weight);
    this.#entries = new Map(sorted.slice(0, this.limits.blockingEntries));
    this.#last = null;
    // Pairs whose entries are gone would pile up.
    if (this.#pairs.size > 4 * this.limits.blockingEntries) this.#renumber();
  }

  #renumber(): void {
    const entries = [...this.#entries.values()];
    this.#entries = new Map();
    this.#pairs.clear();
    for (const entry of entries) {
      const pairKey = entry.reason * 2 ** 26 + entry.name;
      let pair = this.#pairs.get(pairKey);
      if (pair === undefined) {
        pair = this.#pairs.size;
        this.#pairs.set(pairKey, pair);
      }
      this.#entries.set(pair * 2 ** 26 + entry.stack, entry);
    }
  }
}

/** Numbers of the names for wakers that are no goroutines. */
export class RuntimeWakers {
  readonly #netpoll: number;
  readonly #timer: number;
  readonly #scheduler: number;
  readonly #sysmon: number;

  constructor(
    names: Names,
    private readonly reasons: Names,
  ) {
    this.#netpoll = names.number('(netpoll)');
    this.#timer = names.number('(timer)');
    this.#scheduler = names.number('(scheduler)');
    this.#sysmon = names.number('(sysmon)');
  }

  /**
   * What woke a goroutine where no goroutine did. The trace does not say it, so it is concluded: waits for the network end
   * by the network poller, sleeps by timers, and so do waits on channels that end on a P without a goroutine. Else it is
   * the scheduler if there is a P, and the monitor thread if there is none.
   */
  nameFor(reason: number, proc: number): number {
    const text = this.reasons.values[reason];
    if (text === 'network') return this.#netpoll;
    if (text === 'sleep') return this.#timer;
    if (proc === none) return this.#sysmon;
    return text.startsWith('chan') || text === 'select' ? this.#timer : this.#scheduler;
  }
}
