/*
 * What a reader of execution traces tells its listener, whatever version of the format the bytes are in.
 *
 * The words and their meaning are those of Go's internal/trace (event.go, resources.go): an event happens in a context
 * (thread, proc, goroutine) and says what changed. Events come in an order in which every cause stands before its
 * effect, and their times strictly rise.
 */

/** Kinds of events. What the fields of TraceEvent hold for each is said there. */
export const eventKind = {
  /** A generation begins; also the last event of a trace, and the last before a fault. */
  sync: 0,
  goroutine: 1,
  proc: 2,
  rangeBegin: 3,
  rangeActive: 4,
  rangeEnd: 5,
  metric: 6,
  label: 7,
  taskBegin: 8,
  taskEnd: 9,
  regionBegin: 10,
  regionEnd: 11,
  log: 12,
  cpuSample: 13,
  experimental: 14,
} as const;

/** States of a goroutine. */
export const goState = { undetermined: 0, notExist: 1, runnable: 2, running: 3, waiting: 4, syscall: 5 } as const;
export const goStateNames = ['Undetermined', 'NotExist', 'Runnable', 'Running', 'Waiting', 'Syscall'] as const;

/** States of a P. */
export const procState = { undetermined: 0, notExist: 1, running: 2, idle: 3 } as const;
export const procStateNames = ['Undetermined', 'NotExist', 'Running', 'Idle'] as const;

/** Ranges: the collector's and the stops of the world. */
export const rangeKind = { gcMark: 0, gcSweep: 1, markAssist: 2, stopTheWorld: 3 } as const;

/** Metrics, by the names that they have in runtime/metrics. */
export const metricKind = { gomaxprocs: 0, heapObjectsBytes: 1, heapGoalBytes: 2 } as const;
export const metricNames = [
  '/sched/gomaxprocs:threads',
  '/memory/classes/heap/objects:bytes',
  '/gc/heap/goal:bytes',
] as const;

/** Events of GODEBUG=traceallocfree=1. */
export const experimentalNames = [
  'Span',
  'SpanAlloc',
  'SpanFree',
  'HeapObject',
  'HeapObjectAlloc',
  'HeapObjectFree',
  'GoroutineStack',
  'GoroutineStackAlloc',
  'GoroutineStackFree',
] as const;

/** No goroutine, proc, thread or task. */
export const none = -1;

/**
 * One event. The reader reuses one object for all: read it during the call, keep nothing of it.
 *
 * Ids are numbers. Those of 2^53 and more, which no real trace has, are other negative numbers than -1, distinct and
 * the same all over one trace. Strings and stacks are indices into the current generation; 0 is "" and no stack.
 */
export class TraceEvent {
  kind: number = eventKind.sync;
  /** Nanoseconds since `TraceGeneration.baseNanos`. */
  time = 0;
  /** The context, as it was before the event; `none` where there is none. */
  thread: number = none;
  proc: number = none;
  goroutine: number = none;
  /**
   * What the event is about.
   * - goroutine, proc: its id. The pair `from`, `to` are its states; equal ones only confirm what is known.
   * - range*: the goroutine (stopTheWorld, markAssist) or proc (gcSweep); `none` for gcMark.
   * - label, cpuSample: the goroutine. task*, region*, log: the id of the task (0 is the background task).
   * - experimental: id of the span, object or stack.
   */
  subject = 0;
  from = 0;
  to = 0;
  /** range*: a rangeKind. metric: a metricKind. experimental: index into experimentalNames. */
  what = 0;
  /**
   * A string. goroutine: the reason of a block or stop. range*: of what kind the stop of the world is. label: the label.
   * task*, region*: the name. log: the category.
   */
  text = 0;
  /** A string. log: the message. */
  text2 = 0;
  /** Stack of the context: for an unblocked goroutine that of its waker. */
  stack = 0;
  /** goroutine: stack of the goroutine that changes; of a created one its start. */
  subjectStack = 0;
  /** metric: the value. sweep end: bytes swept. task*: the parent. experimental: pages, type or order. */
  value = 0;
  /** sweep end: bytes reclaimed. experimental: kind and class of a span. */
  value2 = 0;

  /** Makes it an event that has a context and says nothing yet. */
  begin(kind: number, time: number, thread: number, proc: number, goroutine: number): void {
    this.kind = kind;
    this.time = time;
    this.thread = thread;
    this.proc = proc;
    this.goroutine = goroutine;
    this.subject = 0;
    this.from = 0;
    this.to = 0;
    this.what = 0;
    this.text = 0;
    this.text2 = 0;
    this.stack = 0;
    this.subjectStack = 0;
    this.value = 0;
    this.value2 = 0;
  }
}

/**
 * Strings and stacks of a generation (one of about a second since Go 1.22, one for the whole trace before). Ask for them
 * during the calls of the sink only: the reader uses the memory again.
 */
export interface TraceGeneration {
  /** As the file numbers it; 0 where it does not. */
  readonly number: number;
  /** What all times of this trace are relative to, on the clock of the trace (nanoseconds). */
  readonly baseNanos: bigint;
  /** Readings of several clocks at one moment; null before Go 1.25. */
  readonly clock: ClockSnapshot | null;
  readonly stacks: TraceStacks;
  /** String `index`; UTF-8, what is not appears as U+FFFD. */
  string(index: number): string;
}

export interface ClockSnapshot {
  /** Of the trace, as in TraceEvent. */
  readonly time: number;
  /** Unix time in nanoseconds. */
  readonly wallNanos: bigint;
  readonly monotonicNanos: bigint;
}

/**
 * The frames of stack s are those from `start[s]` up to `start[s + 1]`, the leaf first; inlined ones are frames of
 * their own. Functions and files are strings of the generation.
 */
export interface TraceStacks {
  readonly count: number;
  readonly start: Int32Array;
  readonly functions: Int32Array;
  readonly files: Int32Array;
  readonly lines: Int32Array;
}

/** Whoever listens to a trace. */
export interface TraceSink {
  /** What the strings and stacks of the events from here on refer to. */
  generation(generation: TraceGeneration): void;
  event(event: TraceEvent): void;
}
