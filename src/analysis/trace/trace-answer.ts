import { none } from '../../formats/exectrace/events.js';
import type { StoredTrace, TraceContent } from './trace-content.js';
import type { NamedFrame } from './trace-stacks.js';
import type { TraceWindowResult, WindowEvent, WindowEventKind } from './window.js';

/** A part of each ranked list: groups, goroutines, places where goroutines were blocked. */
export interface ListPart {
  readonly offset: number;
  /** Undefined: all. */
  readonly limit?: number;
}

export interface TraceAnswer extends TraceContent<readonly NamedFrame[]> {
  /** How long the lists are of which a part is answered. */
  readonly list_lengths: { readonly groups: number; readonly goroutines: number; readonly blocking: number };
}

/** The content of a trace with its stacks written out, and of the ranked lists the part that is asked for. */
export function traceAnswer(stored: StoredTrace, { offset, limit }: ListPart): TraceAnswer {
  const { frames, start: _start, ...content } = stored;
  const partOf = <T>(list: readonly T[]): readonly T[] =>
    list.slice(offset, limit === undefined ? undefined : offset + limit);
  const framesOf = (stack: readonly number[]): NamedFrame[] => stack.map((number) => frames[number]);
  const { groups, goroutines, blocking } = content;
  return {
    ...content,
    list_lengths: { groups: groups.length, goroutines: goroutines.length, blocking: blocking.entries.length },
    groups: partOf(groups),
    goroutines: partOf(goroutines),
    blocking: {
      ...blocking,
      entries: partOf(blocking.entries).map((entry) => ({
        ...entry,
        stack: framesOf(entry.stack),
        wakers: entry.wakers.map((waker) => ({ ...waker, stack: framesOf(waker.stack) })),
      })),
    },
  };
}

/** What happened in a stretch of a trace; moments and ids as in TraceContent. */
export interface TraceWindowAnswer {
  readonly from_nanos: number;
  readonly to_nanos: number;
  /** What the asked goroutine was doing when the stretch began. */
  readonly at_start: readonly {
    readonly goroutine: string;
    readonly name: string;
    readonly state: string;
    /** Null: since before the trace. */
    readonly since_nanos: number | null;
    readonly reason: string;
  }[];
  /** Earlier events of the stretch that were left out. */
  readonly left_out: number;
  readonly events: readonly WindowEventAnswer[];
}

export interface WindowEventAnswer {
  readonly at_nanos: number;
  readonly kind: WindowEventKind;
  readonly thread: string | null;
  readonly proc: string | null;
  readonly goroutine: string | null;
  readonly goroutine_name: string;
  /** The goroutine or P that changes, the task, the span: by the kind. */
  readonly subject: string | null;
  readonly subject_name: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly text: string;
  readonly message: string;
  readonly value: number;
  readonly stack: readonly NamedFrame[];
}

/**
 * @param start of the first event of the trace
 * @param exactId of the reader whose events these are
 */
export function windowAnswer(
  { from, to, atStart, leftOut, events }: TraceWindowResult,
  start: number,
  exactId: (id: number) => bigint,
): TraceWindowAnswer {
  const idOf = (id: number): string | null => (id === none ? null : exactId(id).toString());
  const eventAnswer = (event: WindowEvent): WindowEventAnswer => ({
    at_nanos: event.time - start,
    kind: event.kind,
    thread: idOf(event.thread),
    proc: idOf(event.proc),
    goroutine: idOf(event.goroutine),
    goroutine_name: event.goroutineName,
    subject: idOf(event.subject),
    subject_name: event.subjectName,
    from: event.from,
    to: event.to,
    text: event.text,
    message: event.message,
    value: event.value,
    stack: event.stack,
  });
  return {
    from_nanos: from - start,
    to_nanos: to - start,
    at_start: atStart.map(({ goroutine, name, state, since, reason }) => {
      const sinceNanos = since === null ? null : since - start;
      return { goroutine: exactId(goroutine).toString(), name, state, since_nanos: sinceNanos, reason };
    }),
    left_out: leftOut,
    events: events.map(eventAnswer),
  };
}
