import { eventKind, goState, metricKind, none, procState, rangeKind, TraceEvent } from '../events.js';
import type { EventReader } from './event-reader.js';
import type { OrderedEvents } from './merge.js';
import type { WholeTrace } from './tables.js';
import { stopReasons, stopReasonVersion, waitReasons, wireV1 } from './wire.js';

/**
 * Tells the events of a trace of Go 1.11 to 1.21 in the words of newer ones. What old traces do not say is concluded as
 * Go's reader does: what goroutines and Ps did before, on which thread a P is, and how long a system call took that did
 * not block (one nanosecond). Source: Go src/internal/trace/tracev1.go.
 *
 * @param blocks of each event, whether it begins a system call that blocks
 * @param emit takes an event; the object is used again. Times rise, but need not strictly
 * @returns how many stacks are not there: they come last in a file, and go first when it is cut off
 * @throws FormatError `malformed` for an event that Go 1.11 and later do not write
 */
export function convertEvents(
  trace: WholeTrace,
  events: OrderedEvents,
  blocks: Uint8Array,
  emit: (event: TraceEvent) => void,
): number {
  const conversion = new Conversion(trace, events, blocks, emit);
  conversion.run();
  return conversion.lostStacks.size;
}

class Conversion {
  readonly lostStacks = new Set<number>();
  readonly #event = new TraceEvent();
  readonly #reader: EventReader;
  /** The thread that a P is on. */
  readonly #threads = new Map<number, number>();
  readonly #knownProcs = new Set<number>();
  readonly #tasks = new Map<number, { readonly name: number; readonly parent: number }>();
  readonly #waitReasons: ReadonlyMap<number, number>;
  readonly #stopReasons: readonly number[];
  /** Goroutines that were there before the trace, while it still lists them, and of which it has told no more. */
  #listed: Set<number> | null = new Set();
  #stopReason = 0;
  #time = 0;
  #proc = 0;
  #goroutine = 0;

  constructor(
    private readonly trace: WholeTrace,
    private readonly events: OrderedEvents,
    private readonly blocks: Uint8Array,
    private readonly emit: (event: TraceEvent) => void,
  ) {
    this.#reader = trace.newReader();
    this.#waitReasons = new Map([...waitReasons].map(([type, reason]) => [type, trace.indexOf(reason)]));
    this.#stopReasons = stopReasons.map((reason) => trace.indexOf(reason));
  }

  run(): void {
    const { order, start, ticks, goroutine, proc, goroutines } = this.events;
    const nanosPerTick = 1e9 / this.trace.ticksPerSecond;
    const firstTicks = order.length === 0 ? 0 : ticks[order[0]];
    const firstNanos = -Number(this.trace.baseNanos);
    for (const event of order) {
      this.#time = Math.trunc((ticks[event] - firstTicks) * nanosPerTick) + firstNanos;
      this.#proc = proc[event];
      this.#goroutine = goroutines.ids[goroutine[event]] || none;
      this.#reader.at(start[event]);
      this.#convert(event);
    }
  }

  #convert(index: number): void {
    const { type, argument0, argument1 } = this.#reader;
    switch (type) {
      case wireV1.gomaxprocs:
        if (this.#listed !== null) return this.#endOfList(this.#listed);
        return this.#metric(metricKind.gomaxprocs);
      case wireV1.procStart:
        this.#threads.set(this.#proc, argument0);
        return this.#procChange(procState.idle, procState.running);
      case wireV1.procStop:
        this.#procChange(procState.running, procState.idle);
        this.#threads.delete(this.#proc);
        return;
      case wireV1.gcStart:
      case wireV1.gcDone:
        return this.#range(type === wireV1.gcStart, rangeKind.gcMark, none);
      case wireV1.stwStart:
      case wireV1.stwDone:
        return this.#stopTheWorld(type === wireV1.stwStart, argument0);
      case wireV1.gcSweepStart:
      case wireV1.gcSweepDone:
        return this.#range(type === wireV1.gcSweepStart, rangeKind.gcSweep, this.#proc);
      case wireV1.gcMarkAssistStart:
      case wireV1.gcMarkAssistDone:
        return this.#range(type === wireV1.gcMarkAssistStart, rangeKind.markAssist, this.#goroutine);
      case wireV1.goCreate:
        if (this.#listed !== null) this.#listed.add(argument0);
        else this.#created(argument0, argument1);
        return;
      case wireV1.goStart:
      case wireV1.goStartLocal:
        if (this.#listed !== null) return this.#statusOf(argument0, goState.running);
        return this.#goChange(argument0, goState.runnable, goState.running);
      case wireV1.goStartLabel:
        this.#goChange(argument0, goState.runnable, goState.running);
        return this.#label();
      case wireV1.goWaiting:
        return this.#statusOf(argument0, goState.waiting);
      case wireV1.goInSyscall:
        return this.#statusOf(argument0, goState.syscall);
      case wireV1.goEnd:
        return this.#goChange(this.#goroutine, goState.running, goState.notExist);
      case wireV1.goUnblock:
      case wireV1.goUnblockLocal:
        return this.#goChange(argument0, goState.waiting, goState.runnable);
      case wireV1.goSched:
      case wireV1.goPreempt:
        return this.#goLeaves(goState.runnable, this.#waitReasons.get(type)!);
      case wireV1.goSysCall:
        return this.#syscall(this.blocks[index] === 1);
      case wireV1.goSysExit:
      case wireV1.goSysExitLocal:
        return this.#goChange(this.#goroutine, goState.syscall, goState.runnable);
      case wireV1.heapAlloc:
        return this.#metric(metricKind.heapObjectsBytes);
      case wireV1.heapGoal:
        return this.#metric(metricKind.heapGoalBytes);
      case wireV1.cpuSample:
        return this.#cpuSample();
      case wireV1.userTaskCreate:
      case wireV1.userTaskEnd:
      case wireV1.userRegion:
      case wireV1.userLog:
        return this.#annotation(type);
      // The system call has told of it already.
      case wireV1.goSysBlock:
        return;
      case wireV1.futileWakeup:
        throw this.#reader.malformed('futileWakeup is an event of Go 1.10 and older');
      default:
        return this.#goLeaves(goState.waiting, this.#waitReasons.get(type)!);
    }
  }

  /** Goroutines that were listed, and neither ran nor waited, are runnable. */
  #endOfList(listed: ReadonlySet<number>): void {
    this.#listed = null;
    for (const goroutine of listed) {
      const event = this.#begin(eventKind.goroutine);
      event.thread = event.proc = event.goroutine = none;
      event.subject = goroutine;
      event.from = goState.undetermined;
      event.to = goState.runnable;
      this.emit(event);
    }
  }

  /** What a goroutine was doing when the trace began. */
  #statusOf(goroutine: number, to: number): void {
    this.#listed?.delete(goroutine);
    const event = this.#begin(eventKind.goroutine);
    event.subject = goroutine;
    event.from = goState.undetermined;
    event.to = to;
    this.emit(event);
  }

  #goChange(goroutine: number, from: number, to: number): void {
    const event = this.#begin(eventKind.goroutine);
    event.subject = goroutine;
    event.from = from;
    event.to = to;
    this.emit(event);
  }

  #created(goroutine: number, start: number): void {
    const event = this.#begin(eventKind.goroutine);
    event.subject = goroutine;
    event.from = goState.notExist;
    event.to = goState.runnable;
    event.subjectStack = this.#stack(start);
    this.emit(event);
  }

  #goLeaves(to: number, reason: number): void {
    const event = this.#begin(eventKind.goroutine);
    event.subject = this.#goroutine;
    event.from = goState.running;
    event.to = to;
    event.text = reason;
    event.subjectStack = event.stack;
    this.emit(event);
  }

  #syscall(blocks: boolean): void {
    const begin = this.#begin(eventKind.goroutine);
    begin.subject = this.#goroutine;
    begin.from = goState.running;
    begin.to = goState.syscall;
    begin.subjectStack = begin.stack;
    this.emit(begin);
    if (blocks) return;
    const end = this.#begin(eventKind.goroutine);
    end.time = this.#time + 1;
    end.subject = this.#goroutine;
    end.from = goState.syscall;
    end.to = goState.running;
    end.stack = 0;
    this.emit(end);
  }

  #procChange(from: number, to: number): void {
    const event = this.#begin(eventKind.proc);
    event.subject = this.#proc;
    event.from = this.#knownProcs.has(this.#proc) ? from : procState.undetermined;
    event.to = to;
    this.#knownProcs.add(this.#proc);
    this.emit(event);
  }

  #range(begins: boolean, what: number, subject: number): void {
    const event = this.#begin(begins ? eventKind.rangeBegin : eventKind.rangeEnd);
    event.what = what;
    event.subject = subject;
    if (!begins && what === rangeKind.gcSweep) {
      event.value = this.trace.wide.double(this.#reader.argument0);
      event.value2 = this.trace.wide.double(this.#reader.argument1);
    }
    this.emit(event);
  }

  #stopTheWorld(begins: boolean, kind: number): void {
    if (begins) {
      const known = this.trace.version >= stopReasonVersion ? stopReasons.length : 2;
      const reason = this.trace.version >= stopReasonVersion ? kind : kind + 1;
      this.#stopReason = kind >= 0 && kind < known ? this.#stopReasons[reason] : 0;
    }
    const event = this.#begin(begins ? eventKind.rangeBegin : eventKind.rangeEnd);
    event.what = rangeKind.stopTheWorld;
    event.subject = this.#goroutine;
    event.text = this.#stopReason;
    this.emit(event);
  }

  #metric(what: number): void {
    const event = this.#begin(eventKind.metric);
    event.what = what;
    event.value = this.trace.wide.double(this.#reader.argument0);
    this.emit(event);
  }

  #label(): void {
    const event = this.#begin(eventKind.label);
    event.subject = this.#goroutine;
    event.text = this.#string(this.#reader.argument2);
    this.emit(event);
  }

  #cpuSample(): void {
    const event = this.#begin(eventKind.cpuSample);
    event.subject = this.#goroutine;
    // Old samples know their P, but not the thread.
    event.thread = none;
    this.emit(event);
  }

  #annotation(type: number): void {
    const { argument0, argument1, argument2 } = this.#reader;
    const event = this.#begin(eventKind.log);
    event.subject = argument0;
    switch (type) {
      case wireV1.userTaskCreate:
        event.kind = eventKind.taskBegin;
        event.text = this.#string(argument2);
        // 0 is no parent here, and the background task at the end: so does Go's reader.
        event.value = argument1 === 0 ? none : argument1;
        this.#tasks.set(argument0, { name: event.text, parent: argument1 });
        break;
      case wireV1.userTaskEnd: {
        event.kind = eventKind.taskEnd;
        const task = this.#tasks.get(argument0);
        event.text = task?.name ?? 0;
        event.value = task?.parent ?? none;
        this.#tasks.delete(argument0);
        break;
      }
      case wireV1.userRegion:
        event.kind = argument1 === 0 ? eventKind.regionBegin : eventKind.regionEnd;
        event.text = this.#string(argument2);
        break;
      case wireV1.userLog:
        event.text = this.#string(argument1);
        event.text2 = this.trace.messageIndex(this.#reader);
    }
    this.emit(event);
  }

  #string(id: number): number {
    // `checkEvents` has seen that it is there.
    return this.trace.stringIndex(id);
  }

  #stack(id: number): number {
    const index = this.trace.stackIndex(id);
    if (index >= 0) return index;
    if (this.lostStacks.size < this.trace.limits.stacks) this.lostStacks.add(id);
    return 0;
  }

  /** An event in the context and with the stack of the one that is being converted. */
  #begin(kind: number): TraceEvent {
    const event = this.#event;
    event.begin(kind, this.#time, this.#threads.get(this.#proc) ?? none, this.#proc, this.#goroutine);
    event.stack = this.#stack(this.#reader.stack);
    return event;
  }
}
