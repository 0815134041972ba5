import { FormatError, overBudget } from '../format-error.js';
import type { ThreadCursor } from './cursor.js';
import { eventKind, goState, metricKind, none, procState, rangeKind, TraceEvent } from './events.js';
import type { Generation } from './generation.js';
import type { TraceLimits } from './limits.js';
import type { WideIds } from './varint.js';
import { wire, wireName } from './wire.js';

/*
 * Which event may come next. Clocks of different processors may disagree; so the state of every goroutine, P and thread
 * is followed, and an event is let through only when it fits. Source of the rules: Go src/internal/trace/order.go.
 */

/** Statuses as the format numbers them. */
const goStatus = { dead: 0, runnable: 1, running: 2, syscall: 3, waiting: 4 } as const;
const procStatus = { running: 1, idle: 2, syscall: 3, abandoned: 4 } as const;

const stateOfGoStatus = [goState.notExist, goState.runnable, goState.running, goState.syscall, goState.waiting];
const stateOfProcStatus = [
  procState.undetermined,
  procState.running,
  procState.idle,
  procState.running,
  procState.idle,
];

interface OpenRange {
  readonly kind: number;
  readonly description: string;
}

/** A goroutine or a P. Its sequence number counts within one generation. */
class Sequenced {
  ranges: OpenRange[] | null = null;
  /** Of a P: the thread that has it. */
  thread: ThreadState | null = null;

  constructor(
    readonly id: number,
    public status: number,
    public generation: number,
    public sequence = 0,
  ) {}

  follows(generation: number, sequence: number): boolean {
    return this.generation === generation && this.sequence + 1 === sequence;
  }

  reset(generation: number): void {
    this.generation = generation;
    this.sequence = 0;
  }
}

/** What runs on a thread. A goroutine that is gone stays here with the status `dead`. */
export class ThreadState {
  goroutine: Sequenced | null = null;
  proc: Sequenced | null = null;

  constructor(readonly id: number) {}

  take(proc: Sequenced): void {
    this.drop();
    this.proc = proc;
    proc.thread = this;
  }

  drop(): void {
    if (this.proc?.thread === this) this.proc.thread = null;
    this.proc = null;
  }
}

export class Ordering {
  /** The events that the last successful `advance` gave: the first `count` of them. */
  readonly events: readonly [TraceEvent, TraceEvent, TraceEvent] = [
    new TraceEvent(),
    new TraceEvent(),
    new TraceEvent(),
  ];
  count = 0;
  readonly #goroutines = new Map<number, Sequenced>();
  readonly #procs = new Map<number, Sequenced>();
  readonly #threads = new Map<number, ThreadState>();
  readonly #tasks = new Map<number, { readonly name: string; readonly parent: number }>();
  readonly #noThread = new ThreadState(none);
  #initialGeneration = 0;
  #gcSequence = 0;
  #gc: 'undetermined' | 'running' | 'idle' = 'undetermined';
  #generation!: Generation;
  #cursor!: ThreadCursor;
  #thread: ThreadState = this.#noThread;

  constructor(
    private readonly limits: TraceLimits,
    private readonly wide: WideIds,
  ) {}

  begin(generation: Generation): void {
    if (this.#initialGeneration === 0) this.#initialGeneration = generation.number;
    this.#generation = generation;
  }

  /**
   * Tries the event on which the cursor stands. If it is its turn, takes it over into the state and into `events` and
   * returns true; false if others must come first.
   *
   * @throws FormatError `malformed` if it can never be its turn
   */
  advance(cursor: ThreadCursor): boolean {
    this.#cursor = cursor;
    this.#thread = cursor.state ??= this.#threadOf(cursor.thread);
    this.count = 0;
    switch (cursor.type) {
      case wire.goStart:
        return this.#goStart(cursor);
      case wire.goStop:
      case wire.goBlock:
      case wire.goDestroy:
        return this.#goLeave(cursor);
      case wire.goUnblock:
        return this.#goUnblock(cursor);
      case wire.goSyscallBegin:
        return this.#syscallBegin(cursor);
      case wire.goSyscallEnd:
        return this.#syscallEnd();
      case wire.goSyscallEndBlocked:
        return this.#syscallEndBlocked();
      case wire.procStart:
        return this.#procStart(cursor);
      case wire.procStop:
        return this.#procStop();
      case wire.procSteal:
        return this.#procSteal(cursor);
      case wire.procStatus:
        return this.#procStatus(cursor);
      case wire.goCreate:
      case wire.goCreateBlocked:
        return this.#goCreate(cursor);
      case wire.goCreateSyscall:
        return this.#goCreateSyscall(cursor);
      case wire.goDestroySyscall:
        return this.#goDestroySyscall();
      case wire.goStatus:
      case wire.goStatusStack:
        return this.#goStatus(cursor);
      case wire.goSwitch:
      case wire.goSwitchDestroy:
        return this.#goSwitch(cursor);
      case wire.heapAlloc:
      case wire.heapGoal:
        this.#need(false);
        return this.#metric(
          cursor,
          cursor.type === wire.heapAlloc ? metricKind.heapObjectsBytes : metricKind.heapGoalBytes,
        );
      case wire.procsChange:
        this.#need(true);
        this.#metric(cursor, metricKind.gomaxprocs);
        this.events[0].stack = this.#stack(cursor.argument1);
        return true;
      case wire.stwBegin:
      case wire.gcMarkAssistBegin:
        return this.#goRangeBegin(cursor);
      case wire.stwEnd:
      case wire.gcMarkAssistEnd:
        return this.#goRangeEnd(cursor);
      case wire.gcMarkAssistActive:
        return this.#rangeActive(cursor, rangeKind.markAssist, this.#goroutines.get(cursor.argument0));
      case wire.gcSweepActive:
        return this.#rangeActive(cursor, rangeKind.gcSweep, this.#procs.get(cursor.argument0));
      case wire.gcSweepBegin:
      case wire.gcSweepEnd:
        return this.#sweep(cursor);
      case wire.gcActive:
        return this.#gcActive(cursor);
      case wire.gcBegin:
        return this.#gcBegin(cursor);
      case wire.gcEnd:
        return this.#gcEnd(cursor);
      case wire.goLabel:
      case wire.userLog:
      case wire.userRegionBegin:
      case wire.userRegionEnd:
      case wire.userTaskBegin:
      case wire.userTaskEnd:
        return this.#annotation(cursor);
      default:
        return this.#experimental(cursor);
    }
  }

  // Goroutines.

  #goStart({ argument0: id, argument1: sequence }: ThreadCursor): boolean {
    const goroutine = this.#goroutines.get(id);
    if (goroutine === undefined || goroutine.status !== goStatus.runnable) return false;
    if (!goroutine.follows(this.#generation.number, sequence)) return false;
    this.#need(false);
    this.#needNoGoroutine();
    this.#goroutineEvent(id, goState.runnable, goState.running);
    goroutine.status = goStatus.running;
    goroutine.sequence = sequence;
    this.#thread.goroutine = goroutine;
    return true;
  }

  /** It stops, blocks or ends itself. */
  #goLeave({ type, argument0, argument1 }: ThreadCursor): boolean {
    const goroutine = this.#runningGoroutine();
    if (type === wire.goDestroy) {
      this.#goroutineEvent(goroutine.id, goState.running, goState.notExist);
      this.#bury(goroutine);
    } else {
      const state = type === wire.goStop ? goState.runnable : goState.waiting;
      const event = this.#goroutineEvent(goroutine.id, goState.running, state);
      event.text = this.#string(argument0);
      event.stack = event.subjectStack = this.#stack(argument1);
      goroutine.status = type === wire.goStop ? goStatus.runnable : goStatus.waiting;
    }
    this.#thread.goroutine = null;
    return true;
  }

  #goUnblock({ argument0: id, argument1: sequence, argument2: stack }: ThreadCursor): boolean {
    const goroutine = this.#goroutines.get(id);
    if (goroutine === undefined || goroutine.status !== goStatus.waiting) return false;
    if (!goroutine.follows(this.#generation.number, sequence)) return false;
    this.#goroutineEvent(id, goState.waiting, goState.runnable).stack = this.#stack(stack);
    goroutine.status = goStatus.runnable;
    goroutine.sequence = sequence;
    return true;
  }

  #goCreate({ type, argument0: id, argument1: start, argument2: stack }: ThreadCursor): boolean {
    this.#need(false);
    const creator = this.#thread.goroutine;
    if (creator !== null && creator.status !== goStatus.running && creator.status !== goStatus.dead) {
      throw this.#broken('happens in a goroutine that does not run');
    }
    if (this.#goroutines.has(id)) throw this.#broken(`creates goroutine ${this.wide.exact(id)}, which exists already`);
    const blocked = type === wire.goCreateBlocked;
    const event = this.#goroutineEvent(id, goState.notExist, blocked ? goState.waiting : goState.runnable);
    event.subjectStack = this.#stack(start);
    event.stack = this.#stack(stack);
    this.#addGoroutine(id, blocked ? goStatus.waiting : goStatus.runnable);
    return true;
  }

  /** A thread of C calls into Go. */
  #goCreateSyscall({ argument0: id }: ThreadCursor): boolean {
    this.#needThread();
    this.#needNoGoroutine();
    if (this.#goroutines.has(id)) throw this.#broken(`creates goroutine ${this.wide.exact(id)}, which exists already`);
    this.#goroutineEvent(id, goState.notExist, goState.syscall);
    this.#thread.goroutine = this.#addGoroutine(id, goStatus.syscall);
    return true;
  }

  /** The call from C is over. Its P, if there is one, is as good as lost: the thread's id may be used again. */
  #goDestroySyscall(): boolean {
    this.#needThread();
    const goroutine = this.#syscallingGoroutine();
    const { proc } = this.#thread;
    if (proc !== null) {
      if (proc.status !== procStatus.syscall) throw this.#broken('happens on a P that is not in a system call');
      this.#procEvent(proc.id, procState.running, procState.idle);
    }
    const event = this.#goroutineEvent(goroutine.id, goState.syscall, goState.notExist);
    if (proc !== null) {
      proc.status = procStatus.abandoned;
      event.proc = proc.id;
      this.#thread.drop();
    }
    this.#bury(goroutine);
    this.#thread.goroutine = null;
    return true;
  }

  #syscallBegin({ argument0: sequence, argument1: stack }: ThreadCursor): boolean {
    const goroutine = this.#runningGoroutine();
    const proc = this.#thread.proc!;
    if (!proc.follows(this.#generation.number, sequence)) throw this.#broken('does not continue the sequence of its P');
    const event = this.#goroutineEvent(goroutine.id, goState.running, goState.syscall);
    event.stack = event.subjectStack = this.#stack(stack);
    goroutine.status = goStatus.syscall;
    proc.status = procStatus.syscall;
    proc.sequence = sequence;
    return true;
  }

  #syscallEnd(): boolean {
    this.#need(true);
    const goroutine = this.#syscallingGoroutine();
    const proc = this.#thread.proc!;
    if (proc.status !== procStatus.syscall) throw this.#broken('happens on a P that is not in a system call');
    this.#goroutineEvent(goroutine.id, goState.syscall, goState.running);
    goroutine.status = goStatus.running;
    proc.status = procStatus.running;
    return true;
  }

  /** It comes back without the P that it had: so that P must have been lost first. */
  #syscallEndBlocked(): boolean {
    if (this.#thread.proc?.status === procStatus.syscall) return false;
    this.#needThread();
    const goroutine = this.#syscallingGoroutine();
    this.#goroutineEvent(goroutine.id, goState.syscall, goState.runnable);
    goroutine.status = goStatus.runnable;
    this.#thread.goroutine = null;
    return true;
  }

  #goStatus({ type, argument0: id, argument1: thread, argument2: status, argument3: stack }: ThreadCursor): boolean {
    if (status < goStatus.runnable || status > goStatus.waiting)
      throw this.#broken(`gives a goroutine status ${status}`);
    const state = stateOfGoStatus[status];
    let goroutine = this.#goroutines.get(id);
    let from: number = state;
    if (goroutine !== undefined) {
      if (goroutine.status !== status)
        throw this.#broken(`contradicts what is known of goroutine ${this.wide.exact(id)}`);
      goroutine.reset(this.#generation.number);
    } else if (this.#isInitial()) {
      goroutine = this.#addGoroutine(id, status);
      from = goState.undetermined;
    } else {
      throw this.#broken(`introduces goroutine ${this.wide.exact(id)} after the first generation`);
    }
    const event = this.#goroutineEvent(id, from, state);
    if (type === wire.goStatusStack) event.stack = event.subjectStack = this.#stack(stack);
    if (status === goStatus.running) this.#thread.goroutine = goroutine;
    if (status === goStatus.syscall) this.#statusInSyscall(goroutine, thread, event);
    return true;
  }

  #statusInSyscall(goroutine: Sequenced, thread: number, event: TraceEvent): void {
    if (thread === none) throw this.#broken('tells of a system call without a thread');
    if (thread === this.#thread.id) {
      if (!this.#isInitial() && this.#thread.goroutine !== goroutine)
        throw this.#broken('contradicts what its thread ran');
      this.#thread.goroutine = goroutine;
      return;
    }
    // It has been in this call on another thread during the whole generation.
    const other = this.#threads.get(thread);
    if (other === undefined) {
      this.#threadOf(thread).goroutine = goroutine;
    } else {
      if (other.goroutine !== goroutine) throw this.#broken('contradicts what another thread ran');
      event.goroutine = goroutine.id;
    }
    event.thread = thread;
  }

  /** A coroutine switch: the other wakes, this one waits or ends, the other runs. */
  #goSwitch({ type, argument0: id, argument1: sequence }: ThreadCursor): boolean {
    const current = this.#runningGoroutine();
    const next = this.#goroutines.get(id);
    if (next === undefined || next.status !== goStatus.waiting) return false;
    if (!next.follows(this.#generation.number, sequence)) return false;
    this.#goroutineEvent(id, goState.waiting, goState.runnable);
    const ends = type === wire.goSwitchDestroy;
    this.#goroutineEvent(current.id, goState.running, ends ? goState.notExist : goState.waiting);
    if (ends) this.#bury(current);
    else current.status = goStatus.waiting;
    this.#goroutineEvent(id, goState.runnable, goState.running).goroutine = none;
    next.status = goStatus.running;
    next.sequence = sequence;
    this.#thread.goroutine = next;
    return true;
  }

  // Ps.

  #procStart({ argument0: id, argument1: sequence }: ThreadCursor): boolean {
    const proc = this.#procs.get(id);
    if (proc === undefined || proc.status !== procStatus.idle || this.#thread.proc !== null) return false;
    if (!proc.follows(this.#generation.number, sequence)) return false;
    this.#needThread();
    this.#procEvent(id, procState.idle, procState.running);
    proc.status = procStatus.running;
    proc.sequence = sequence;
    this.#thread.take(proc);
    return true;
  }

  #procStop(): boolean {
    const { proc } = this.#thread;
    if (proc === null) throw this.#broken('stops a P where there is none');
    if (proc.status !== procStatus.running && proc.status !== procStatus.syscall) throw this.#broken('stops an idle P');
    this.#procEvent(proc.id, procState.running, procState.idle);
    proc.status = procStatus.idle;
    this.#thread.drop();
    return true;
  }

  #procSteal({ argument0: id, argument1: sequence, argument2: from }: ThreadCursor): boolean {
    const proc = this.#procs.get(id);
    if (proc === undefined) return false;
    const { status } = proc;
    if (status !== procStatus.syscall && status !== procStatus.abandoned) return false;
    if (!proc.follows(this.#generation.number, sequence)) return false;
    this.#needThread();
    const lost = status === procStatus.abandoned;
    this.#procEvent(id, lost ? procState.idle : procState.running, procState.idle);
    proc.status = procStatus.idle;
    proc.sequence = sequence;
    // Of an abandoned P nobody knows which thread had it.
    if (lost) return true;
    const thread = from === this.#thread.id ? this.#thread : this.#threads.get(from);
    if (thread?.proc !== proc) throw this.#broken('steals a P from a thread that does not have it');
    thread.drop();
    return true;
  }

  #procStatus({ argument0: id, argument1: status }: ThreadCursor): boolean {
    if (status < procStatus.running || status > procStatus.abandoned) throw this.#broken(`gives a P status ${status}`);
    let proc = this.#procs.get(id);
    let to: number = stateOfProcStatus[status];
    let from = to;
    let promoted = false;
    if (proc === undefined) {
      if (this.#procs.size >= this.limits.procs) throw this.#over('procs', this.#procs.size + 1);
      proc = new Sequenced(id, status, this.#generation.number);
      this.#procs.set(id, proc);
      from = this.#isInitial() ? procState.undetermined : procState.notExist;
    } else {
      if (status === procStatus.abandoned && proc.status === procStatus.syscall) {
        promoted = true;
        from = to = procState.running;
      } else if (proc.status !== status) {
        throw this.#broken(`contradicts what is known of P ${this.wide.exact(id)}`);
      }
      proc.reset(this.#generation.number);
    }
    const event = this.#procEvent(id, from, to);
    if (promoted) this.#inContextOf(proc, event);
    if (status === procStatus.running || status === procStatus.syscall) this.#thread.take(proc);
    return true;
  }

  /** The event is told from another thread than the one that has the P. */
  #inContextOf(proc: Sequenced, event: TraceEvent): void {
    const { thread } = proc;
    if (thread !== null) {
      event.thread = thread.id;
      event.proc = proc.id;
      event.goroutine = thread.goroutine?.id ?? none;
      return;
    }
    throw this.#broken('tells of a P in a system call that no thread has');
  }

  // Ranges.

  #goRangeBegin({ type, argument0, argument1 }: ThreadCursor): boolean {
    this.#need(true);
    const isStop = type === wire.stwBegin;
    const event = this.#event(eventKind.rangeBegin);
    event.what = isStop ? rangeKind.stopTheWorld : rangeKind.markAssist;
    event.text = isStop ? this.#string(argument0) : 0;
    event.stack = this.#stack(isStop ? argument1 : argument0);
    event.subject = event.goroutine;
    this.#open(this.#liveGoroutine(), event.what, isStop ? this.#generation.string(event.text) : '');
    return true;
  }

  #goRangeEnd({ type }: ThreadCursor): boolean {
    this.#need(true);
    const event = this.#event(eventKind.rangeEnd);
    event.what = type === wire.stwEnd ? rangeKind.stopTheWorld : rangeKind.markAssist;
    event.subject = event.goroutine;
    event.text = this.#generation.indexOf(this.#close(this.#liveGoroutine(), event.what));
    return true;
  }

  #sweep({ type, argument0, argument1 }: ThreadCursor): boolean {
    this.#need(false);
    const begins = type === wire.gcSweepBegin;
    const event = this.#event(begins ? eventKind.rangeBegin : eventKind.rangeEnd);
    event.what = rangeKind.gcSweep;
    event.subject = event.proc;
    const proc = this.#thread.proc!;
    if (begins) {
      event.stack = this.#stack(argument0);
      this.#open(proc, rangeKind.gcSweep, '');
    } else {
      event.value = this.wide.double(argument0);
      event.value2 = this.wide.double(argument1);
      this.#close(proc, rangeKind.gcSweep);
    }
    return true;
  }

  #rangeActive({ argument0: id }: ThreadCursor, kind: number, resource: Sequenced | undefined): boolean {
    if (resource === undefined) throw this.#broken(`tells of ${this.wide.exact(id)}, which is not known`);
    const isOpen = resource.ranges?.some((range) => range.kind === kind) ?? false;
    if (isOpen === this.#isInitial())
      throw this.#broken(isOpen ? 'repeats an open range' : 'tells of a range never begun');
    if (!isOpen) this.#open(resource, kind, '');
    const event = this.#event(eventKind.rangeActive);
    event.what = kind;
    event.subject = id;
    return true;
  }

  #open(resource: Sequenced, kind: number, description: string): void {
    resource.ranges ??= [];
    // A goroutine may stop the world for two reasons at a time; the same range twice is one too many.
    if (resource.ranges.some((range) => range.kind === kind && range.description === description)) {
      throw this.#broken('begins a range that is open already');
    }
    if (resource.ranges.length >= maxOpenRanges)
      throw this.#broken(`opens more than ${maxOpenRanges} ranges at a time`);
    resource.ranges.push({ kind, description });
  }

  #close(resource: Sequenced, kind: number): string {
    const { ranges } = resource;
    const index = ranges?.findIndex((range) => range.kind === kind) ?? -1;
    if (ranges === null || index < 0) throw this.#broken('ends a range that is not open');
    const { description } = ranges[index];
    const last = ranges.pop()!;
    if (index < ranges.length) ranges[index] = last;
    return description;
  }

  #gcActive({ argument0: sequence }: ThreadCursor): boolean {
    if (this.#isInitial()) {
      if (this.#gc !== 'undetermined') throw this.#broken('is not the first event of the collector');
    } else {
      if (sequence !== this.#gcSequence + 1) return false;
      if (this.#gc !== 'running') throw this.#broken('tells of a collection that does not run');
      this.#need(true);
    }
    return this.#gcEvent(eventKind.rangeActive, sequence, 'running');
  }

  #gcBegin({ argument0: sequence, argument1: stack }: ThreadCursor): boolean {
    if (this.#gc !== 'undetermined') {
      if (sequence !== this.#gcSequence + 1) return false;
      if (this.#gc === 'running') throw this.#broken('begins a collection while one runs');
      this.#need(true);
    }
    this.#gcEvent(eventKind.rangeBegin, sequence, 'running');
    this.events[0].stack = this.#stack(stack);
    return true;
  }

  #gcEnd({ argument0: sequence }: ThreadCursor): boolean {
    if (sequence !== this.#gcSequence + 1) return false;
    if (this.#gc !== 'running') throw this.#broken('ends a collection that does not run');
    this.#need(true);
    return this.#gcEvent(eventKind.rangeEnd, sequence, 'idle');
  }

  #gcEvent(kind: number, sequence: number, state: 'running' | 'idle'): boolean {
    const event = this.#event(kind);
    event.what = rangeKind.gcMark;
    event.subject = none;
    this.#gcSequence = sequence;
    this.#gc = state;
    return true;
  }

  // The rest.

  #metric({ argument0 }: ThreadCursor, metric: number): boolean {
    const event = this.#event(eventKind.metric);
    event.what = metric;
    event.value = this.wide.double(argument0);
    return true;
  }

  #annotation({ type, argument0, argument1, argument2, argument3 }: ThreadCursor): boolean {
    this.#need(true);
    const event = this.#event(eventKind.label);
    event.subject = argument0;
    switch (type) {
      case wire.goLabel:
        event.subject = event.goroutine;
        event.text = this.#string(argument0);
        break;
      case wire.userLog:
        event.kind = eventKind.log;
        event.text = this.#string(argument1);
        event.text2 = this.#string(argument2);
        event.stack = this.#stack(argument3);
        break;
      case wire.userRegionBegin:
      case wire.userRegionEnd:
        event.kind = type === wire.userRegionBegin ? eventKind.regionBegin : eventKind.regionEnd;
        event.text = this.#string(argument1);
        event.stack = this.#stack(argument2);
        break;
      case wire.userTaskBegin:
        event.kind = eventKind.taskBegin;
        // Here 0 is no parent, not the background task.
        event.value = argument1 === 0 ? none : argument1;
        event.text = this.#string(argument2);
        event.stack = this.#stack(argument3);
        this.#beginTask(argument0, event);
        break;
      case wire.userTaskEnd: {
        event.kind = eventKind.taskEnd;
        event.stack = this.#stack(argument1);
        // It may have begun generations ago, and may end more than once.
        const task = this.#tasks.get(argument0);
        event.value = task?.parent ?? none;
        event.text = this.#generation.indexOf(task?.name ?? '');
        this.#tasks.delete(argument0);
      }
    }
    return true;
  }

  #beginTask(id: number, { text, value }: TraceEvent): void {
    if (this.#tasks.has(id)) throw this.#broken(`begins task ${this.wide.exact(id)}, which has begun already`);
    if (this.#tasks.size >= this.limits.activeTasks) throw this.#over('activeTasks', this.#tasks.size + 1);
    this.#tasks.set(id, { name: this.#generation.string(text), parent: value });
  }

  #experimental({ type, argument0, argument1, argument2 }: ThreadCursor): boolean {
    this.#needThread();
    const event = this.#event(eventKind.experimental);
    event.what = type - wire.span;
    event.subject = argument0;
    if (type !== wire.span + 2 && type !== wire.span + 5 && type !== wire.span + 8) {
      event.value = this.wide.double(argument1);
      if (type <= wire.span + 1) event.value2 = this.wide.double(argument2);
    }
    return true;
  }

  // What events have in common.

  /** The next event of this step, in the context of the current thread. */
  #event(kind: number): TraceEvent {
    const event = this.events[this.count++];
    const { id, goroutine, proc } = this.#thread;
    event.begin(kind, this.#cursor.time, id, proc === null ? none : proc.id, goroutine === null ? none : goroutine.id);
    return event;
  }

  #goroutineEvent(id: number, from: number, to: number): TraceEvent {
    const event = this.#event(eventKind.goroutine);
    event.subject = id;
    event.from = from;
    event.to = to;
    return event;
  }

  #procEvent(id: number, from: number, to: number): TraceEvent {
    const event = this.#event(eventKind.proc);
    event.subject = id;
    event.from = from;
    event.to = to;
    return event;
  }

  #threadOf(id: number): ThreadState {
    if (id === none) return this.#noThread;
    let thread = this.#threads.get(id);
    if (thread === undefined) {
      if (this.#threads.size >= this.limits.allThreads) throw this.#over('allThreads', this.#threads.size + 1);
      thread = new ThreadState(id);
      this.#threads.set(id, thread);
    }
    return thread;
  }

  #addGoroutine(id: number, status: number): Sequenced {
    if (this.#goroutines.size >= this.limits.goroutines) throw this.#over('goroutines', this.#goroutines.size + 1);
    const goroutine = new Sequenced(id, status, this.#generation.number);
    this.#goroutines.set(id, goroutine);
    return goroutine;
  }

  #bury(goroutine: Sequenced): void {
    goroutine.status = goStatus.dead;
    this.#goroutines.delete(goroutine.id);
  }

  #isInitial(): boolean {
    return this.#generation.number === this.#initialGeneration;
  }

  /** Demands a thread with a P and, if said so, a goroutine. */
  #need(goroutine: boolean): void {
    this.#needThread();
    if (this.#thread.proc === null) throw this.#broken('happens without a P');
    if (goroutine && this.#thread.goroutine === null) throw this.#broken('happens without a goroutine');
  }

  #needThread(): void {
    if (this.#thread === this.#noThread) throw this.#broken('happens without a thread');
  }

  #needNoGoroutine(): void {
    if (this.#thread.goroutine !== null) throw this.#broken('happens while another goroutine is on the thread');
  }

  #liveGoroutine(): Sequenced {
    const { goroutine } = this.#thread;
    if (goroutine === null || goroutine.status === goStatus.dead) throw this.#broken('happens in no known goroutine');
    return goroutine;
  }

  #runningGoroutine(): Sequenced {
    this.#need(true);
    const { goroutine } = this.#thread;
    if (goroutine!.status !== goStatus.running) throw this.#broken('happens in a goroutine that does not run');
    return goroutine!;
  }

  #syscallingGoroutine(): Sequenced {
    const { goroutine } = this.#thread;
    if (goroutine?.status !== goStatus.syscall) throw this.#broken('ends a system call where there is none');
    return goroutine;
  }

  #string(id: number): number {
    const index = this.#generation.stringIndex(id);
    if (index < 0) throw this.#broken(`refers to string ${this.wide.exact(id)}, which its generation does not have`);
    return index;
  }

  #stack(id: number): number {
    const index = this.#generation.stackIndex(id);
    if (index < 0) throw this.#broken(`refers to stack ${this.wide.exact(id)}, which its generation does not have`);
    return index;
  }

  #broken(what: string): FormatError {
    const { offset, type } = this.#cursor;
    const message = `${wireName(type)} of thread ${this.wide.exact(this.#cursor.thread)} ${what} (byte ${offset})`;
    return new FormatError('malformed', message, { offset });
  }

  #over(limit: 'procs' | 'allThreads' | 'goroutines' | 'activeTasks', actual: number): FormatError {
    return overBudget(limit, actual, this.limits[limit], this.#cursor.offset);
  }
}

/** Ranges that may be open on one goroutine or P at a time; real ones have one or two. */
const maxOpenRanges = 64;
