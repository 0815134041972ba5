import { overBudget } from '../../format-error.js';
import { Frontier } from '../cursor.js';
import type { WideIds } from '../varint.js';
import type { EventReader } from './event-reader.js';
import { GoroutineNumbers } from './goroutine-numbers.js';
import type { ProcBatch, WholeTrace } from './tables.js';
import { wireV1, wireV1Name } from './wire.js';

/*
 * Brings the events of all Ps into one order. Each P wrote its own in order; between Ps, sequence numbers on what
 * happens to one goroutine say what came first, whatever the clocks say. Of the events whose turn it may be the earliest
 * is taken. Source: Go src/internal/trace/internal/tracev1 (parseEventBatches, order.go).
 */

/** The events of a trace in order. Event i of them is number `order[i]` in the columns. */
export interface OrderedEvents {
  readonly order: Uint32Array;
  /** Where each begins in the bytes of the trace. */
  readonly start: Uint32Array;
  /** Since the first batch. */
  readonly ticks: Float64Array;
  /** In whose context it happened: a number of `goroutines`. */
  readonly goroutine: Int32Array;
  /** On which P: a real one, -1, or a pseudoProc. */
  readonly proc: Int32Array;
  readonly goroutines: GoroutineNumbers;
}

/** Ticks beyond this distance from the first batch are no times. */
const maxRelativeTicks = 2 ** 52;

const status = { dead: 0, runnable: 1, running: 2, waiting: 3 } as const;

/** What an event changes: a goroutine by its number, the collector, or nothing that others wait for. */
const nothing = -1;
const collector = 0;
/** In place of a sequence number: the P that wrote the event also wrote the one before it, so any number will do. */
const any = -1;
const plusOne = -2;

/** @throws FormatError `malformed` if no order is possible, or clocks contradict it; `over-budget` */
export function mergeEvents(trace: WholeTrace): OrderedEvents {
  const merge = new Merge(trace);
  merge.run();
  return merge.result();
}

/** What must be before an event, and what is then. Goroutine 0 takes no steps; in its place stands the collector. */
class Step {
  subject = nothing;
  fromSequence = 0;
  fromStatus: number = status.dead;
  toSequence = 0;
  toStatus: number = status.dead;

  set(subject: number, fromSequence: number, fromStatus: number, toSequence: number, toStatus: number): void {
    this.subject = subject;
    this.fromSequence = fromSequence;
    this.fromStatus = fromStatus;
    this.toSequence = toSequence;
    this.toStatus = toStatus;
  }
}

/** What a source of events stands on. */
interface Cursor {
  /** Ticks since the first batch. */
  readonly time: number;
  readonly event: EventReader;
  /** In whose context the event happens. */
  readonly goroutine: number;
  readonly proc: number;
  readonly step: Step;
  /** Goes to the next event; false after the last one. */
  next(): boolean;
}

/** Walks over the events of one P. The event it stands on is in the fields. */
class ProcCursor implements Cursor {
  time = 0;
  goroutine = 0;
  readonly step = new Step();
  #running = 0;
  #next = 0;
  #end = 0;

  constructor(
    readonly proc: number,
    private readonly batches: readonly ProcBatch[],
    readonly event: EventReader,
    private readonly clock: TickClock,
    private readonly goroutines: GoroutineNumbers,
  ) {
    event.bytes.position = 0;
  }

  /** Goes to the next event with a time that is no sample; false after the last one. */
  next(): boolean {
    const { event } = this;
    const { bytes } = event;
    for (;;) {
      while (bytes.position >= this.#end) {
        if (this.#next === this.batches.length) return false;
        const batch = this.batches[this.#next++];
        bytes.position = batch.start;
        this.#end = batch.end;
        this.time = this.clock.since(batch.time);
      }
      event.next();
      switch (event.type) {
        case wireV1.stack:
        case wireV1.string:
        case wireV1.frequency:
        case wireV1.timerGoroutine:
        case wireV1.cpuSample:
          continue;
        default:
          this.#enter();
          return true;
      }
    }
  }

  #enter(): void {
    const { event, goroutines } = this;
    this.time += this.clock.double(event.delta);
    if (!(Math.abs(this.time) <= maxRelativeTicks)) throw event.malformed('an event is far away from the rest');
    this.goroutine = this.#running;
    switch (event.type) {
      case wireV1.goStart:
      case wireV1.goStartLocal:
      case wireV1.goStartLabel:
        this.goroutine = this.#running = goroutines.numberOf(event.argument0);
        break;
      case wireV1.goSysExit:
      case wireV1.goWaiting:
      case wireV1.goInSyscall:
        this.goroutine = goroutines.numberOf(event.argument0);
        break;
      case wireV1.goEnd:
      case wireV1.goStop:
      case wireV1.goSched:
      case wireV1.goPreempt:
      case wireV1.goSysBlock:
        this.#running = 0;
        break;
      default:
        if (isBlock(event.type)) this.#running = 0;
    }
    this.#setStep();
  }

  #setStep(): void {
    const { event, goroutine, goroutines, step } = this;
    const { type, argument0, argument1 } = event;
    switch (type) {
      case wireV1.goCreate:
        return step.set(goroutines.numberOf(argument0), 0, status.dead, 1, status.runnable);
      case wireV1.goWaiting:
      case wireV1.goInSyscall:
        return step.set(goroutine, 1, status.runnable, 2, status.waiting);
      case wireV1.goStart:
      case wireV1.goStartLabel:
        return step.set(goroutine, exactly(argument1), status.runnable, argument1 + 1, status.running);
      case wireV1.goStartLocal:
        return step.set(goroutine, any, status.runnable, plusOne, status.running);
      case wireV1.goUnblock:
      case wireV1.goSysExit:
        return step.set(
          goroutines.numberOf(argument0),
          exactly(argument1),
          status.waiting,
          argument1 + 1,
          status.runnable,
        );
      case wireV1.goUnblockLocal:
      case wireV1.goSysExitLocal:
        return step.set(goroutines.numberOf(argument0), any, status.waiting, plusOne, status.runnable);
      case wireV1.goSched:
      case wireV1.goPreempt:
        return step.set(goroutine, any, status.running, any, status.runnable);
      case wireV1.gcStart:
        return step.set(collector, exactly(argument0), status.dead, argument0 + 1, status.dead);
      default:
        if (type === wireV1.goSysBlock || isBlock(type)) step.set(goroutine, any, status.running, any, status.waiting);
        else step.subject = nothing;
    }
  }
}

/** A sequence number that no counter reaches is none, and no wildcard. */
function exactly(sequence: number): number {
  return sequence < 0 ? NaN : sequence;
}

/** Turns times of the file, which may take 64 bits, into differences, which are exact doubles. */
class TickClock {
  readonly #exactBase: bigint;

  /** @param base as a number or a handle of WideIds */
  constructor(
    private readonly base: number,
    private readonly wide: WideIds,
  ) {
    this.#exactBase = wide.exact(base);
  }

  since(ticks: number): number {
    if (ticks >= 0 && this.base >= 0) return ticks - this.base;
    return Number(this.wide.exact(ticks) - this.#exactBase);
  }

  double(delta: number): number {
    return this.wide.double(delta);
  }
}

export function isBlock(type: number): boolean {
  return (
    type === wireV1.goSleep ||
    type === wireV1.goBlock ||
    (type >= wireV1.goBlockSend && type <= wireV1.goBlockNet) ||
    type === wireV1.goBlockGc
  );
}

/** Walks over the samples of the CPU profiler in order of time: they were written later than they were taken. */
class SampleCursor implements Cursor {
  time = 0;
  goroutine = 0;
  proc = 0;
  readonly step = new Step();
  readonly #sorted: { readonly time: number; readonly start: number }[];
  #next = 0;

  constructor(
    starts: readonly number[],
    readonly event: EventReader,
    clock: TickClock,
    private readonly goroutines: GoroutineNumbers,
  ) {
    this.#sorted = starts.map((start) => {
      const time = clock.since(event.at(start).argument0);
      if (!(Math.abs(time) <= maxRelativeTicks)) throw event.malformed('a CPU sample is far away from the rest');
      return { time, start };
    });
    this.#sorted.sort((a, b) => a.time - b.time);
  }

  next(): boolean {
    if (this.#next === this.#sorted.length) return false;
    const { time, start } = this.#sorted[this.#next++];
    const { argument1, argument2 } = this.event.at(start);
    this.time = time;
    this.proc = argument1;
    this.goroutine = this.goroutines.numberOf(argument2);
    return true;
  }
}

class Merge {
  readonly #goroutines: GoroutineNumbers;
  readonly #clock: TickClock;
  /** Those that stand on an event whose turn it may be. */
  readonly #frontier = new Frontier<Cursor>();
  /** The others. */
  readonly #waiting: Cursor[] = [];
  readonly #columns: Omit<OrderedEvents, 'order' | 'goroutines'>;
  /** By subject. */
  readonly #sequence: number[] = [];
  readonly #status: number[] = [];
  /** When a goroutine was last known to be in a system call. */
  readonly #syscallSince: number[] = [];
  /** Events that got another time than that at which they were written, and that time. */
  readonly #moved: number[] = [];
  readonly #movedTo: number[] = [];
  #attempts = 0;
  #count = 0;
  #last = -Infinity;

  constructor(private readonly trace: WholeTrace) {
    const { limits, procs, wide, eventCount } = trace;
    this.#goroutines = new GoroutineNumbers(limits.wholeTraceGoroutines);
    const [firstBatches] = procs.values();
    this.#clock = new TickClock(firstBatches?.[0].time ?? 0, wide);
    this.#columns = {
      start: new Uint32Array(eventCount),
      ticks: new Float64Array(eventCount),
      goroutine: new Int32Array(eventCount),
      proc: new Int32Array(eventCount),
    };
  }

  run(): void {
    const frontier = this.#frontier;
    for (const cursor of this.#cursors()) if (cursor.next()) this.#waiting.push(cursor);
    for (this.#offerAll(); frontier.size > 0; this.#offerAll()) {
      const cursor = frontier.first;
      const { step, event, time, goroutine } = cursor;
      this.#append(cursor);
      // It was ready when it was offered, but another P may since have told the same of the goroutine.
      if (!this.#isReady(step)) throw event.malformed(`${wireV1Name(event.type)} contradicts another event`);
      if (step.subject !== nothing) this.#take(step);
      if (event.type === wireV1.goSysExit) this.#moveSyscallExit(event, goroutine);
      else if (event.type === wireV1.goSysBlock || event.type === wireV1.goInSyscall)
        this.#syscallSince[goroutine] = time;
      frontier.remove(0);
      if (cursor.next()) this.#waiting.push(cursor);
    }
    if (this.#waiting.length > 0) {
      const { event } = this.#waiting[0];
      throw event.malformed(`no order of the events is possible: ${wireV1Name(event.type)} can never come next`);
    }
  }

  #cursors(): Cursor[] {
    const { procs, samples } = this.trace;
    const cursors: Cursor[] = [...procs].map(([proc, batches]) => {
      return new ProcCursor(proc, batches, this.trace.newReader(), this.#clock, this.#goroutines);
    });
    cursors.push(new SampleCursor(samples, this.trace.newReader(), this.#clock, this.#goroutines));
    return cursors;
  }

  /**
   * Moves to the frontier whoever's turn it may be. Go's reader goes over them in this very order, on which it depends
   * which of two events of one time comes first.
   */
  #offerAll(): void {
    const waiting = this.#waiting;
    this.#attempts += waiting.length;
    const { advanceAttempts } = this.trace.limits;
    if (this.#attempts > advanceAttempts) throw overBudget('advanceAttempts', this.#attempts, advanceAttempts);
    for (let i = 0; i < waiting.length;) {
      if (!this.#isReady(waiting[i].step)) {
        i++;
        continue;
      }
      this.#frontier.add(waiting[i]);
      const last = waiting.pop()!;
      if (i < waiting.length) waiting[i] = last;
    }
  }

  result(): OrderedEvents {
    return { ...this.#columns, order: this.#order(), goroutines: this.#goroutines };
  }

  #isReady({ subject, fromSequence, fromStatus }: Step): boolean {
    if (subject === nothing) return true;
    if (fromStatus !== (this.#status[subject] ?? status.dead)) return false;
    return fromSequence === any || fromSequence === (this.#sequence[subject] ?? 0);
  }

  #take({ subject, toSequence, toStatus }: Step): void {
    this.#status[subject] = toStatus;
    if (toSequence === any) return;
    this.#sequence[subject] = toSequence === plusOne ? (this.#sequence[subject] ?? 0) + 1 : toSequence;
  }

  #append({ time, event, goroutine, proc }: Cursor): void {
    if (time < this.#last) throw event.malformed('the clocks of processors contradict the order of events');
    const columns = this.#columns;
    const i = this.#count++;
    this.#last = time;
    columns.start[i] = event.start;
    columns.ticks[i] = time;
    columns.goroutine[i] = goroutine;
    columns.proc[i] = proc;
  }

  /** The end of a system call is written when the goroutine has a P again; when it was is in an argument. */
  #moveSyscallExit(event: EventReader, goroutine: number): void {
    if (event.argument2 === 0) return;
    const time = this.#clock.since(event.argument2);
    const since = this.#syscallSince[goroutine];
    if (since === undefined) throw event.malformed('a system call ends that never began');
    if (!(time >= since && time <= maxRelativeTicks)) throw event.malformed('a system call ends before it began');
    this.#moved.push(this.#count - 1);
    this.#movedTo.push(time);
  }

  /** Puts the events with another time where they belong; those of one time stay in order. */
  #order(): Uint32Array {
    const { ticks } = this.#columns;
    const order = new Uint32Array(this.#count);
    const moved = this.#moved;
    moved.forEach((event, i) => (ticks[event] = this.#movedTo[i]));
    const sorted = Uint32Array.from(moved).sort((a, b) => ticks[a] - ticks[b] || a - b);
    let [next, skip] = [0, 0];
    let size = 0;
    for (let event = 0; event < this.#count; event++) {
      if (event === moved[skip]) {
        skip++;
        continue;
      }
      while (next < sorted.length && isBefore(ticks, sorted[next], event)) order[size++] = sorted[next++];
      order[size++] = event;
    }
    while (next < sorted.length) order[size++] = sorted[next++];
    return order;
  }
}

function isBefore(ticks: Float64Array, a: number, b: number): boolean {
  return ticks[a] === ticks[b] ? a < b : ticks[a] < ticks[b];
}
