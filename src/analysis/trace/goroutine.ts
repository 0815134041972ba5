import { Amounts } from './names.js';

/** No such moment. */
export const unset = -1;

/** Where the time of a goroutine, or of a stretch of its life, went. */
export interface GoroutineTimes {
  readonly execNanos: number;
  readonly schedWaitNanos: number;
  readonly blockNanos: number;
  readonly syscallNanos: number;
  readonly syscallBlockNanos: number;
}

/** A region that is open on a goroutine. */
export interface OpenRegion {
  readonly task: number;
  readonly name: number;
  readonly start: number;
  /** The times of the goroutine when it began. */
  readonly before: GoroutineTimes;
}

/**
 * One goroutine while a trace is read. The rules are those of Go's internal/trace Summarizer (summary.go), its
 * peculiarities included: so the sums are those that `go tool trace` shows.
 */
export class Goroutine {
  /** Number of its name; 0 until a stack has told it. */
  name = 0;
  firstRun = unset;
  end = unset;
  exec = 0;
  schedWait = 0;
  syscall = 0;
  syscallBlock = 0;
  total = 0;
  readonly blocked = new Amounts();
  ranges: Amounts | null = null;
  isFinished = false;
  /** Since when it runs, waits for a P, and so on; `unset` where it does not. */
  runningSince = unset;
  runnableSince = unset;
  blockedSince = unset;
  syscallSince = unset;
  syscallBlockedSince = unset;
  /** Where it runs. */
  proc = unset;
  thread = unset;
  /** Since when it was made runnable, as far as the trace saw it. */
  readySince = unset;
  /** Since when it waits; at the earliest since the trace began. */
  waitingSince = unset;
  /** Numbers of the reason and of the stack node of the present block. */
  reason = 0;
  blockStack = 0;
  /** Pairs of a range's name and its beginning. */
  openRanges: number[] | null = null;
  regions: OpenRegion[] | null = null;
  /** The P on which it went into the present system call. */
  syscallProc = unset;
  /** What `go tool trace -pprof` would time now: a profile's number, since when, and the node of the stack. */
  profile = unset;
  profileSince = 0;
  profileStack = 0;
  /** A stretch that counts only if the goroutine never runs. */
  pendingProfile = unset;
  pendingStack = 0;
  pendingNanos = 0;
  longestBlock = 0;
  longestBlockStart = unset;

  constructor(
    readonly id: number,
    readonly creation: number,
  ) {}

  /** The times up to `now`, what is going on included. */
  times(now: number): GoroutineTimes {
    let { exec, schedWait, syscall } = this;
    let block = this.blocked.sum;
    if (this.runningSince !== unset) exec += now - this.runningSince;
    if (this.runnableSince !== unset) schedWait += now - this.runnableSince;
    if (this.blockedSince !== unset) block += now - this.blockedSince;
    if (this.syscallSince !== unset) syscall += now - this.syscallSince;
    if (this.syscallBlockedSince !== unset) schedWait += now - this.syscallBlockedSince;
    return {
      execNanos: exec,
      schedWaitNanos: schedWait,
      blockNanos: block,
      syscallNanos: syscall,
      syscallBlockNanos: this.syscallBlock,
    };
  }

  /** Closes the books at `now`. */
  finish(now: number): void {
    if (this.isFinished) return;
    this.isFinished = true;
    const { execNanos, schedWaitNanos, syscallNanos } = this.times(now);
    this.exec = execNanos;
    this.schedWait = schedWaitNanos;
    this.syscall = syscallNanos;
    if (this.blockedSince !== unset) this.blocked.add(this.reason, now - this.blockedSince);
    const open = this.openRanges ?? [];
    for (let i = 0; i < open.length; i += 2) this.#addRange(open[i], now - open[i + 1]);
    this.total = now - this.creation;
    this.openRanges = null;
    this.runningSince = this.runnableSince = this.blockedSince = unset;
    this.syscallSince = this.syscallBlockedSince = unset;
  }

  rangeBegin(name: number, time: number): void {
    const open = (this.openRanges ??= []);
    for (let i = 0; i < open.length; i += 2) {
      if (open[i] !== name) continue;
      open[i + 1] = time;
      return;
    }
    open.push(name, time);
  }

  /** The range goes on at the beginning of a generation: what was until then is booked. */
  rangeActive(name: number, time: number): void {
    const start = this.#closeRange(name);
    if (start !== unset) this.#addRange(name, time - start);
    this.rangeBegin(name, time);
  }

  rangeEnd(name: number, time: number): void {
    const start = this.#closeRange(name);
    if (start !== unset) this.#addRange(name, time - start);
  }

  #addRange(name: number, nanos: number): void {
    this.ranges ??= new Amounts();
    this.ranges.add(name, nanos);
  }

  #closeRange(name: number): number {
    const open = this.openRanges ?? [];
    for (let i = 0; i < open.length; i += 2) {
      if (open[i] === name) return open.splice(i, 2)[1];
    }
    return unset;
  }
}

export function difference(after: GoroutineTimes, before: GoroutineTimes): GoroutineTimes {
  return {
    execNanos: after.execNanos - before.execNanos,
    schedWaitNanos: after.schedWaitNanos - before.schedWaitNanos,
    blockNanos: after.blockNanos - before.blockNanos,
    syscallNanos: after.syscallNanos - before.syscallNanos,
    syscallBlockNanos: after.syscallBlockNanos - before.syscallBlockNanos,
  };
}

/** As runtime.isSystemGoroutine: one that the runtime started for itself. */
export function isSystemGoroutine(name: string): boolean {
  return name === '' || (name !== 'runtime.main' && name.startsWith('runtime.'));
}
