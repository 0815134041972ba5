import { none } from '../../formats/exectrace/events.js';

export interface ProcUtilisation {
  readonly proc: number;
  /** Time in which a thread had it. */
  readonly runningNanos: number;
  /** Time in which a goroutine ran on it, system calls not included. */
  readonly goroutineNanos: number;
}

export interface ThreadUtilisation {
  readonly thread: number;
  /** Time in which a goroutine ran on it, system calls not included. */
  readonly goroutineNanos: number;
  readonly stretches: number;
}

export interface Utilisation {
  readonly procs: readonly ProcUtilisation[];
  /** Those with the most time first. */
  readonly threads: readonly ThreadUtilisation[];
  /** Of procs and threads beyond the limits. */
  readonly otherProcNanos: number;
  readonly otherThreadNanos: number;
}

class Proc {
  runningSince = -1;
  runningNanos = 0;
  goroutineNanos = 0;
}

class Thread {
  goroutineNanos = 0;
  stretches = 0;
}

/** How busy every P and every thread was. */
export class UtilisationTally {
  readonly #procs = new Map<number, Proc>();
  readonly #threads = new Map<number, Thread>();
  #otherProcNanos = 0;
  #otherThreadNanos = 0;

  constructor(private readonly limits: { readonly procs: number; readonly threads: number }) {}

  procRuns(id: number, time: number): void {
    const proc = this.#proc(id);
    if (proc !== null && proc.runningSince < 0) proc.runningSince = time;
  }

  procIdles(id: number, time: number): void {
    const proc = this.#proc(id);
    if (proc === null || proc.runningSince < 0) return;
    proc.runningNanos += time - proc.runningSince;
    proc.runningSince = -1;
  }

  /** A goroutine ran so long on a P and a thread. */
  ran(procId: number, threadId: number, nanos: number): void {
    const proc = this.#proc(procId);
    if (proc === null) this.#otherProcNanos += nanos;
    else proc.goroutineNanos += nanos;
    let thread = this.#threads.get(threadId);
    if (thread === undefined) {
      if (threadId === none || this.#threads.size >= this.limits.threads) {
        this.#otherThreadNanos += nanos;
        return;
      }
      thread = new Thread();
      this.#threads.set(threadId, thread);
    }
    thread.goroutineNanos += nanos;
    thread.stretches++;
  }

  summary(end: number): Utilisation {
    const procs = [...this.#procs].map(([proc, { runningSince, runningNanos, goroutineNanos }]) => {
      return { proc, runningNanos: runningNanos + (runningSince < 0 ? 0 : end - runningSince), goroutineNanos };
    });
    const threads = [...this.#threads].map(([thread, { goroutineNanos, stretches }]) => {
      return { thread, goroutineNanos, stretches };
    });
    return {
      procs: procs.sort((a, b) => a.proc - b.proc),
      threads: threads.sort((a, b) => b.goroutineNanos - a.goroutineNanos || a.thread - b.thread),
      otherProcNanos: this.#otherProcNanos,
      otherThreadNanos: this.#otherThreadNanos,
    };
  }

  #proc(id: number): Proc | null {
    let proc = this.#procs.get(id);
    if (proc === undefined) {
      if (id === none || this.#procs.size >= this.limits.procs) return null;
      proc = new Proc();
      this.#procs.set(id, proc);
    }
    return proc;
  }
}
