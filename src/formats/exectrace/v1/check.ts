import { type FormatError, overBudget } from '../../format-error.js';
import type { EventReader } from './event-reader.js';
import { isBlock, type OrderedEvents } from './merge.js';
import type { WholeTrace } from './tables.js';
import { pseudoProc, wireV1, wireV1Name } from './wire.js';

const state = { dead: 0, runnable: 1, running: 2, waiting: 3 } as const;

interface ProcState {
  isRunning: boolean;
  /** Number of the goroutine on it; 0 is none. */
  goroutine: number;
  isSweeping: boolean;
}

/**
 * Checks that the events of a trace fit together: a P runs one goroutine at a time, a goroutine blocks before it is
 * unblocked, and so on; and that their strings are there. Puts events of the netpoller, of timers, system calls and the
 * collector on Ps of their own, as Go's reader does.
 *
 * Unlike Go's reader it lets regions pass that end in the wrong order, a common slip of programs.
 * Source: Go src/internal/trace/internal/tracev1/parser.go (postProcessTrace).
 *
 * @returns for each event of the columns, whether it begins a system call that blocks
 * @throws FormatError `malformed`, `over-budget`
 */
export function checkEvents(trace: WholeTrace, events: OrderedEvents): Uint8Array {
  const check = new Check(trace, events);
  check.run();
  return check.blocks;
}

class Check {
  readonly blocks: Uint8Array;
  readonly #reader: EventReader;
  readonly #procs = new Map<number, ProcState>();
  /** By the number of a goroutine; 0, in whose place the runtime acts, always runs. */
  readonly #states: Uint8Array;
  readonly #exists: Uint8Array;
  readonly #isInNetpoll: Uint8Array;
  readonly #isAssisting: Uint8Array;
  readonly #isTimer: Uint8Array;
  /** The system call that was the last event of a goroutine, plus one. */
  readonly #lastSyscall: Uint32Array;
  readonly #tasks = new Set<number>();
  #isCollecting = false;
  #isStopped = false;

  constructor(
    private readonly trace: WholeTrace,
    private readonly events: OrderedEvents,
  ) {
    this.blocks = new Uint8Array(events.order.length);
    this.#reader = trace.newReader();
    const { ids } = events.goroutines;
    this.#states = new Uint8Array(ids.length);
    this.#exists = new Uint8Array(ids.length);
    this.#isInNetpoll = new Uint8Array(ids.length);
    this.#isAssisting = new Uint8Array(ids.length);
    this.#isTimer = new Uint8Array(ids.length);
    this.#lastSyscall = new Uint32Array(ids.length);
    this.#states[0] = state.running;
    this.#exists[0] = 1;
    ids.forEach((id, number) => (this.#isTimer[number] = trace.timerGoroutines.has(id) ? 1 : 0));
  }

  run(): void {
    const { order, start, goroutine, proc } = this.events;
    for (const event of order) {
      this.#reader.at(start[event]);
      this.#noteSyscall(event, goroutine[event]);
      this.#event(event, goroutine[event], proc[event]);
    }
  }

  /** Only the next event of a goroutine tells whether its system call blocked. */
  #noteSyscall(event: number, goroutine: number): void {
    const { type } = this.#reader;
    const last = this.#lastSyscall[goroutine];
    if (last > 0) {
      if (type === wireV1.goSysBlock) this.blocks[last - 1] = 1;
      this.#lastSyscall[goroutine] = 0;
    }
    if (type === wireV1.goSysCall) this.#lastSyscall[goroutine] = event + 1;
  }

  #event(event: number, goroutine: number, proc: number): void {
    const { type } = this.#reader;
    switch (type) {
      case wireV1.procStart:
      case wireV1.procStop:
        return this.#startOrStop(this.#proc(proc), type === wireV1.procStart);
      case wireV1.gcStart:
        if (this.#isCollecting) throw this.#broken('begins a collection while one runs');
        this.#isCollecting = true;
        this.events.proc[event] = pseudoProc.gc;
        return;
      case wireV1.gcDone:
        if (!this.#isCollecting) throw this.#broken('ends a collection that does not run');
        this.#isCollecting = false;
        return;
      case wireV1.stwStart:
      case wireV1.stwDone:
        if (this.#isStopped === (type === wireV1.stwStart)) throw this.#broken('does not alternate');
        this.#isStopped = !this.#isStopped;
        return;
      case wireV1.gcSweepStart:
      case wireV1.gcSweepDone:
        return this.#sweep(this.#proc(proc), type === wireV1.gcSweepStart);
      case wireV1.gcMarkAssistStart:
        if (this.#isAssisting[goroutine] === 1) throw this.#broken('begins an assist within another one');
        this.#isAssisting[goroutine] = this.#exists[goroutine] = 1;
        return;
      case wireV1.gcMarkAssistDone:
        // It may have begun before the trace.
        this.#isAssisting[goroutine] = 0;
        this.#exists[goroutine] = 1;
        return;
      case wireV1.goCreate:
        return this.#create(goroutine, proc);
      case wireV1.goWaiting:
      case wireV1.goInSyscall:
        this.#need(goroutine, state.runnable);
        this.#isInNetpoll[goroutine] = 0;
        return this.#becomes(goroutine, state.waiting);
      case wireV1.goStart:
      case wireV1.goStartLocal:
      case wireV1.goStartLabel:
        return this.#start(goroutine, proc);
      case wireV1.goUnblock:
      case wireV1.goUnblockLocal:
        return this.#unblock(event, goroutine, proc);
      case wireV1.goSysCall:
        this.#needOn(proc, goroutine, false);
        this.#isInNetpoll[goroutine] = 0;
        return;
      case wireV1.goSysExit:
      case wireV1.goSysExitLocal:
        this.#need(goroutine, state.waiting);
        this.events.proc[event] = pseudoProc.syscall;
        this.#isInNetpoll[goroutine] = 0;
        return this.#becomes(goroutine, state.runnable);
      case wireV1.goEnd:
      case wireV1.goStop:
        return this.#leaves(goroutine, proc, state.dead);
      case wireV1.goSched:
      case wireV1.goPreempt:
        this.#isInNetpoll[goroutine] = 0;
        return this.#leaves(goroutine, proc, state.runnable);
      case wireV1.goSysBlock:
        return this.#leaves(goroutine, proc, state.waiting);
      default:
        if (!isBlock(type)) return this.#annotation();
        this.#isInNetpoll[goroutine] = type === wireV1.goBlockNet ? 1 : 0;
        return this.#leaves(goroutine, proc, state.waiting);
    }
  }

  #annotation(): void {
    const { type, argument0, argument1, argument2 } = this.#reader;
    switch (type) {
      case wireV1.userTaskCreate:
        if (this.#tasks.has(argument0)) throw this.#broken('begins a task that has begun already');
        this.#tasks.add(argument0);
        if (this.#tasks.size > this.trace.limits.activeTasks) {
          throw overBudget('activeTasks', this.#tasks.size, this.trace.limits.activeTasks);
        }
        return this.#needString(argument2);
      case wireV1.userTaskEnd:
        this.#tasks.delete(argument0);
        return;
      case wireV1.userRegion:
        if (argument1 !== 0 && argument1 !== 1) throw this.#broken('neither begins nor ends a region');
        return this.#needString(argument2);
      case wireV1.userLog:
        this.trace.messageIndex(this.#reader);
        return this.#needString(argument1);
    }
  }

  #startOrStop(proc: ProcState, starts: boolean): void {
    if (proc.isRunning === starts) throw this.#broken(starts ? 'starts a P that runs' : 'stops a P that does not run');
    if (!starts && proc.goroutine !== 0) throw this.#broken('stops a P that a goroutine is on');
    proc.isRunning = starts;
  }

  #sweep(proc: ProcState, begins: boolean): void {
    if (proc.isSweeping === begins) throw this.#broken(begins ? 'begins within another one' : 'ends what never began');
    proc.isSweeping = begins;
  }

  #create(goroutine: number, proc: number): void {
    this.#needOn(proc, goroutine, true);
    const created = this.events.goroutines.numberOf(this.#reader.argument0);
    if (this.#exists[created] === 1) throw this.#broken('creates a goroutine that exists already');
    this.#isInNetpoll[created] = 0;
    this.#becomes(created, state.runnable);
  }

  #start(goroutine: number, proc: number): void {
    this.#need(goroutine, state.runnable);
    const on = this.#proc(proc);
    if (on.goroutine !== 0) throw this.#broken('happens while another goroutine is on the P');
    on.goroutine = goroutine;
    this.#isInNetpoll[goroutine] = 0;
    this.#becomes(goroutine, state.running);
    if (this.#reader.type === wireV1.goStartLabel) this.#needString(this.#reader.argument2);
  }

  #leaves(goroutine: number, proc: number, to: number): void {
    this.#needOn(proc, goroutine, false);
    this.#proc(proc).goroutine = 0;
    this.#becomes(goroutine, to);
  }

  #unblock(event: number, goroutine: number, proc: number): void {
    const isTimer = this.#isTimer[goroutine] === 1;
    this.#need(goroutine, state.running);
    if (isTimer) this.events.proc[event] = pseudoProc.timer;
    else if (this.#proc(proc).goroutine !== goroutine)
      throw this.#broken('happens in a goroutine that is not on its P');
    const unblocked = this.events.goroutines.numberOf(this.#reader.argument0);
    this.#need(unblocked, state.waiting);
    if (this.#isInNetpoll[unblocked] === 1) this.events.proc[event] = pseudoProc.netpoll;
    this.#isInNetpoll[unblocked] = 0;
    this.#becomes(unblocked, state.runnable);
  }

  #becomes(goroutine: number, to: number): void {
    this.#states[goroutine] = to;
    this.#exists[goroutine] = 1;
  }

  #proc(proc: number): ProcState {
    let found = this.#procs.get(proc);
    if (found === undefined) this.#procs.set(proc, (found = { isRunning: false, goroutine: 0, isSweeping: false }));
    return found;
  }

  #need(goroutine: number, wanted: number): void {
    if (this.#states[goroutine] !== wanted) throw this.#broken('does not fit the state of its goroutine');
  }

  /** Demands that the goroutine runs on the P. */
  #needOn(proc: number, goroutine: number, orNone: boolean): void {
    this.#need(goroutine, state.running);
    if (this.#proc(proc).goroutine !== goroutine) throw this.#broken('happens in a goroutine that is not on its P');
    if (goroutine === 0 && !orNone) throw this.#broken('happens in no goroutine');
  }

  #needString(id: number): void {
    if (this.trace.stringIndex(id) < 0) throw this.#broken('refers to a string that the trace does not have');
  }

  #broken(what: string): FormatError {
    const reader = this.#reader;
    return reader.malformed(`${wireV1Name(reader.type)} ${what}`);
  }
}
