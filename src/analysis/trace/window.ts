import {
  eventKind,
  experimentalNames,
  goState,
  goStateNames,
  metricNames,
  none,
  procStateNames,
  type TraceEvent,
  type TraceGeneration,
  type TraceSink,
} from '../../formats/exectrace/events.js';
import { Names } from './names.js';
import { traceSummaryLimits } from './trace-limits.js';
import { type NamedFrame, TraceStacks } from './trace-stacks.js';

export interface WindowQuery {
  /** Both ends belong to the window. */
  readonly from: number;
  readonly to: number;
  /** Only events in or about these goroutines; null for all. */
  readonly goroutines: ReadonlySet<number> | null;
  /** At most so many events are kept, the last ones. */
  readonly limit: number;
}

export interface WindowEvent {
  readonly time: number;
  readonly kind: WindowEventKind;
  readonly thread: number;
  readonly proc: number;
  /** Goroutine in which it happened, and its name; -1 and "" where there was none. */
  readonly goroutine: number;
  readonly goroutineName: string;
  /** As TraceEvent has it: of a transition the goroutine or P that changes. */
  readonly subject: number;
  readonly subjectName: string;
  /** States of a transition, as `Running` and `Waiting`. */
  readonly from: string | null;
  readonly to: string | null;
  /** Reason, label, name of a range, task, region or metric, category of a log. */
  readonly text: string;
  readonly message: string;
  readonly value: number;
  readonly stack: readonly NamedFrame[];
}

export type WindowEventKind = keyof typeof eventKind;

export interface GoroutineAtStart {
  readonly goroutine: number;
  readonly name: string;
  readonly state: string;
  /** When it came into this state; null if before the trace. */
  readonly since: number | null;
  readonly reason: string;
}

export interface TraceWindowResult {
  readonly from: number;
  readonly to: number;
  readonly events: readonly WindowEvent[];
  /** Earlier events of the window that were left out. */
  readonly leftOut: number;
  /** What the asked goroutines were doing when the window opened. */
  readonly atStart: readonly GoroutineAtStart[];
}

interface KeptEvent extends Omit<WindowEvent, 'stack'> {
  readonly node: number;
}

interface State {
  name: number;
  state: number;
  since: number | null;
  reason: string;
}

const kindNames = Object.keys(eventKind) as WindowEventKind[];
const rangeNames = ['GC concurrent mark phase', 'GC incremental sweep', 'GC mark assist'] as const;

/** Collects what happened in a stretch of a trace. It needs a pass over the bytes of its own, up to the end of the stretch. */
export class TraceWindow implements TraceSink {
  /** Whether the end of the window has passed: nothing more will be collected. */
  isOver = false;
  readonly #stacks = new TraceStacks(traceSummaryLimits.stackNodes, traceSummaryLimits.symbolCharacters);
  readonly #names = new Names(traceSummaryLimits.goroutineNames);
  /** Goroutines that are alive. */
  readonly #states = new Map<number, State>();
  readonly #kept: KeptEvent[] = [];
  #matches = 0;
  #atStart: GoroutineAtStart[] | null = null;
  #generation: TraceGeneration | null = null;

  constructor(private readonly query: WindowQuery) {}

  generation(generation: TraceGeneration): void {
    this.#generation = generation;
    this.#stacks.begin(generation);
  }

  event(event: TraceEvent): void {
    if (this.isOver) return;
    const { from, to } = this.query;
    if (event.time > to) {
      this.isOver = true;
      return;
    }
    const isInside = event.time >= from;
    if (isInside) this.#atStart ??= this.#statesOfAsked();
    if (event.kind === eventKind.goroutine) this.#learnName(event);
    if (isInside && this.#matchesQuery(event)) this.#keep(event);
    if (event.kind === eventKind.goroutine) this.#follow(event);
  }

  result(): TraceWindowResult {
    const { limit, from, to } = this.query;
    const first = this.#matches > limit ? this.#matches % limit : 0;
    const kept = [...this.#kept.slice(first), ...this.#kept.slice(0, first)];
    return {
      from,
      to,
      events: kept.map(({ node, ...event }) => ({ ...event, stack: this.#stacks.frames(node) })),
      leftOut: this.#matches - kept.length,
      atStart: this.#atStart ?? this.#statesOfAsked(),
    };
  }

  #matchesQuery({ kind, goroutine, subject }: TraceEvent): boolean {
    const { goroutines } = this.query;
    if (goroutines === null) return true;
    return goroutines.has(goroutine) || (kind === eventKind.goroutine && goroutines.has(subject));
  }

  #keep(event: TraceEvent): void {
    const { kind, subject, goroutine } = event;
    const isTransition = kind === eventKind.goroutine || kind === eventKind.proc;
    const states: readonly string[] = kind === eventKind.goroutine ? goStateNames : procStateNames;
    const generation = this.#generation;
    this.#kept[this.#matches++ % this.query.limit] = {
      time: event.time,
      kind: kindNames[kind],
      thread: event.thread,
      proc: event.proc,
      goroutine,
      goroutineName: this.#nameOf(goroutine),
      subject,
      subjectName: kind === eventKind.goroutine ? this.#nameOf(subject) : '',
      from: isTransition ? states[event.from] : null,
      to: isTransition ? states[event.to] : null,
      text: generation === null ? '' : textOf(event, generation),
      message: generation === null || kind !== eventKind.log ? '' : generation.string(event.text2),
      value: event.value,
      node: event.stack === 0 ? 0 : this.#stacks.node(event.stack),
    };
  }

  #nameOf(goroutine: number): string {
    return goroutine === none ? '' : this.#names.values[this.#states.get(goroutine)?.name ?? 0];
  }

  #learnName({ subject, subjectStack, from, to }: TraceEvent): void {
    let state = this.#states.get(subject);
    if (state === undefined) {
      state = { name: 0, state: to, since: null, reason: '' };
      if (from !== goState.undetermined) state.state = from;
      this.#states.set(subject, state);
    }
    if (state.name === 0 && subjectStack !== 0) {
      state.name = this.#names.number(this.#stacks.rootFunction(subjectStack));
    }
  }

  #follow({ subject, from, to, time, text }: TraceEvent): void {
    if (to === goState.notExist) {
      this.#states.delete(subject);
    } else if (from !== to) {
      const state = this.#states.get(subject)!;
      state.state = to;
      state.since = from === goState.undetermined ? null : time;
      state.reason = to === goState.waiting ? this.#generation!.string(text) : '';
    }
  }

  #statesOfAsked(): GoroutineAtStart[] {
    const list: GoroutineAtStart[] = [];
    for (const goroutine of this.query.goroutines ?? []) {
      const state = this.#states.get(goroutine);
      if (state === undefined) continue;
      const { since, reason } = state;
      list.push({ goroutine, name: this.#nameOf(goroutine), state: goStateNames[state.state], since, reason });
    }
    return list;
  }
}

function textOf({ kind, what, text }: TraceEvent, generation: TraceGeneration): string {
  const string = generation.string(text);
  if (kind === eventKind.metric) return metricNames[what];
  if (kind === eventKind.experimental) return experimentalNames[what];
  if (kind >= eventKind.rangeBegin && kind <= eventKind.rangeEnd) {
    return what < rangeNames.length ? rangeNames[what] : `stop-the-world (${string})`;
  }
  return kind === eventKind.sync || kind === eventKind.cpuSample || kind === eventKind.proc ? '' : string;
}
