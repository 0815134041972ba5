import { none } from '../../formats/exectrace/events.js';
import type { BlockingEntry, Waker } from './blocking.js';
import type { DurationSummary } from './duration-histogram.js';
import type { GcSummary, HeapSample } from './gc-timeline.js';
import type { GoroutineEntry, GoroutineGroup } from './goroutine-groups.js';
import type { GoroutineTimes } from './goroutine.js';
import type { NamedNanos } from './names.js';
import { placeOf } from './place.js';
import type { NamedCount, TraceSummary } from './summarizer.js';
import { traceSummaryLimits, type TraceSummaryLimits } from './trace-limits.js';
import type { NamedFrame } from './trace-stacks.js';
import type { Utilisation } from './utilisation.js';

/*
 * The summary of a trace as it is kept and answered: JSON, whose names are those of the API.
 *
 * A moment (`at_nanos`, `created_nanos`, …) is nanoseconds since the first event of the trace. Durations and sums of
 * them are numbers of nanoseconds. Ids are decimal strings, because they have 64 bits; null is no goroutine, P or thread.
 */

/** How much of the summary is kept for each trace; the sums over everything are exact all the same. */
export const traceContentLimits = {
  groups: 1_000,
  /** One by one; of any other the bytes tell. */
  goroutines: 200,
  /** The series has more. */
  heapSamples: 500,
} as const;

/** Limits for a summary that becomes content. */
export const contentSummaryLimits: TraceSummaryLimits = {
  ...traceSummaryLimits,
  goroutines: traceContentLimits.goroutines,
};

/** @typeParam Stack how a stack is written: as frames, or as numbers of the frames in `frames` */
export interface TraceContent<Stack = readonly number[]> {
  /** Of the format, as Go's: `1.26` is that of Go 1.26 and 1.27. */
  readonly version: string;
  /** Unix nanoseconds of the first event; null where the trace has no time of day (Go 1.24 and older). */
  readonly started_at_nanos: string | null;
  /** Of the first event, on the clock of the trace. */
  readonly base_nanos: string;
  readonly duration_nanos: number;
  readonly events: number;
  readonly generations: number;
  readonly cpu_samples: number;
  readonly events_by_kind: readonly NamedCount[];
  readonly transitions: readonly NamedCount[];
  readonly block_reasons: readonly NamedCount[];
  readonly metrics: TraceSummary['metrics'];
  readonly goroutine_count: number;
  readonly groups: readonly GroupContent[];
  /** Goroutines of groups beyond those in `groups`. */
  readonly other_groups: { readonly groups: number; readonly goroutines: number };
  /** One by one: all, or those that did the most, these first. */
  readonly goroutines: readonly GoroutineContent[];
  readonly blocking: BlockingContent<Stack>;
  readonly scheduler_latency: DurationContent & {
    readonly buckets: readonly { readonly from_nanos: number; readonly count: number }[];
  };
  readonly gc: GcContent;
  readonly utilisation: UtilisationContent;
  readonly annotations: AnnotationContent;
}

/** Content as it is kept: each frame stands once. */
export interface StoredTrace extends TraceContent {
  /** What all moments are relative to, as the reader gives times. */
  readonly start: number;
  readonly frames: readonly NamedFrame[];
}

export interface TimesContent {
  readonly exec_nanos: number;
  readonly sched_wait_nanos: number;
  readonly block_nanos: number;
  readonly syscall_nanos: number;
  readonly syscall_block_nanos: number;
}

export interface GroupContent extends TimesContent {
  readonly name: string;
  readonly count: number;
  readonly ended: number;
  readonly total_nanos: number;
  readonly block_by_reason: readonly NamedNanos[];
  readonly ranges: readonly NamedNanos[];
}

export interface GoroutineContent extends TimesContent {
  readonly id: string;
  readonly name: string;
  readonly created_nanos: number;
  readonly first_run_nanos: number | null;
  readonly ended_nanos: number | null;
  readonly total_nanos: number;
  readonly block_by_reason: readonly NamedNanos[];
  readonly ranges: readonly NamedNanos[];
  readonly longest_block: SpanContent | null;
}

export interface SpanContent {
  readonly at_nanos: number;
  readonly nanos: number;
}

export interface BlockingContent<Stack> {
  readonly entries: readonly BlockingEntryContent<Stack>[];
  readonly remainder: BlockedTotals;
  readonly total: BlockedTotals;
}

export interface BlockedTotals {
  readonly count: number;
  readonly total_nanos: number;
  readonly still_blocked: number;
}

export interface BlockingEntryContent<Stack> extends BlockedTotals {
  readonly reason: string;
  readonly goroutine_name: string;
  /** What it waited in, and the function outside the standard library that called it; null where there is none. */
  readonly callee: string | null;
  readonly caller: string | null;
  readonly stack: Stack;
  readonly max_nanos: number;
  readonly max_at_nanos: number;
  readonly still_blocked_nanos: number;
  readonly wakers: readonly {
    readonly name: string;
    readonly stack: Stack;
    readonly count: number;
    readonly total_nanos: number;
  }[];
  readonly other_wakers: { readonly count: number; readonly total_nanos: number };
}

export interface DurationContent {
  readonly count: number;
  readonly total_nanos: number;
  readonly p50_nanos: number;
  readonly p90_nanos: number;
  readonly p99_nanos: number;
  readonly max_nanos: number;
}

export interface GcContent {
  readonly cycles: readonly SpanContent[];
  readonly stop_the_worlds: readonly (SpanContent & { readonly kind: string; readonly goroutine: string | null })[];
  readonly cycle_times: DurationContent;
  readonly stop_the_world_times: DurationContent;
  readonly mark_assist_times: DurationContent;
  readonly sweep_times: DurationContent;
  readonly swept_bytes: number;
  readonly reclaimed_bytes: number;
  readonly heap: readonly HeapContent[];
}

export interface HeapContent {
  readonly at_nanos: number;
  readonly heap_bytes: number;
  /** Null before the goal is known, and while it is off. */
  readonly goal_bytes: number | null;
}

export interface UtilisationContent {
  readonly procs: readonly {
    readonly proc: string;
    readonly running_nanos: number;
    readonly goroutine_nanos: number;
  }[];
  readonly threads: readonly {
    readonly thread: string;
    readonly goroutine_nanos: number;
    readonly stretches: number;
  }[];
  readonly other_proc_nanos: number;
  readonly other_thread_nanos: number;
}

export interface AnnotationContent {
  readonly task_count: number;
  readonly tasks: readonly {
    readonly name: string;
    readonly begun: number;
    readonly open: number;
    readonly end_only: number;
    readonly latency: DurationContent;
  }[];
  readonly slowest_tasks: readonly (SpanContent & {
    readonly id: string;
    readonly name: string;
    readonly goroutine: string | null;
  })[];
  readonly regions: readonly (TimesContent & { readonly name: string; readonly latency: DurationContent })[];
  readonly logs: readonly {
    readonly at_nanos: number;
    readonly goroutine: string | null;
    readonly task: string;
    readonly category: string;
    readonly message: string;
  }[];
  readonly log_counts: readonly { readonly category: string; readonly count: number }[];
  readonly not_followed: number;
}

/**
 * The content of a summary.
 *
 * @param exactId of the reader whose events were summed up
 */
export function traceContent(version: number, summary: TraceSummary, exactId: (id: number) => bigint): StoredTrace {
  const writer = new ContentWriter(summary.start, exactId);
  const { start, end, wallClock, groups, schedulerLatency } = summary;
  const beyond = groups.slice(traceContentLimits.groups);
  const content: TraceContent = {
    version: `1.${version}`,
    started_at_nanos: wallClock.at(start)?.toString() ?? null,
    base_nanos: (summary.baseNanos + BigInt(Math.trunc(start))).toString(),
    duration_nanos: end - start,
    events: summary.events,
    generations: summary.generations,
    cpu_samples: summary.cpuSamples,
    events_by_kind: summary.eventsByKind,
    transitions: summary.transitions,
    block_reasons: summary.blockReasons,
    metrics: summary.metrics,
    goroutine_count: summary.goroutineCount,
    groups: groups.slice(0, traceContentLimits.groups).map(groupContent),
    other_groups: { groups: beyond.length, goroutines: beyond.reduce((sum, { count }) => sum + count, 0) },
    goroutines: summary.goroutines
      .map((entry) => writer.goroutine(entry))
      .sort((a, b) => activeNanos(b) - activeNanos(a)),
    blocking: writer.blocking(summary.blocking),
    scheduler_latency: {
      ...durations(schedulerLatency),
      buckets: schedulerLatency.buckets.map(({ fromNanos, count }) => ({ from_nanos: fromNanos, count })),
    },
    gc: writer.gc(summary.gc),
    utilisation: writer.utilisation(summary.utilisation),
    annotations: writer.annotations(summary.annotations),
  };
  return { ...content, start, frames: writer.frames };
}

/** One goroutine of a summary, as the content lists it. */
export function goroutineContent(
  entry: GoroutineEntry,
  { start }: Pick<TraceSummary, 'start'>,
  exactId: (id: number) => bigint,
): GoroutineContent {
  return new ContentWriter(start, exactId).goroutine(entry);
}

/** What decides which goroutines are listed: the time in which one did something, or wanted to. */
function activeNanos({ exec_nanos, sched_wait_nanos, syscall_nanos }: TimesContent): number {
  return exec_nanos + sched_wait_nanos + syscall_nanos;
}

class ContentWriter {
  readonly frames: NamedFrame[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(
    private readonly start: number,
    private readonly exactId: (id: number) => bigint,
  ) {}

  goroutine(entry: GoroutineEntry): GoroutineContent {
    const { id, name, creation, firstRun, end, longestBlock } = entry;
    return {
      id: this.exactId(id).toString(),
      name,
      created_nanos: this.#at(creation),
      first_run_nanos: firstRun === null ? null : this.#at(firstRun),
      ended_nanos: end === null ? null : this.#at(end),
      ...times(entry),
      total_nanos: entry.totalNanos,
      block_by_reason: entry.blockByReason,
      ranges: entry.ranges,
      longest_block: longestBlock === null ? null : this.#span(longestBlock),
    };
  }

  blocking({ entries, remainder, total }: TraceSummary['blocking']): BlockingContent<readonly number[]> {
    return {
      entries: entries.map((entry) => this.#blockingEntry(entry)),
      remainder: blockedTotals(remainder),
      total: blockedTotals(total),
    };
  }

  gc(gc: GcSummary): GcContent {
    return {
      cycles: gc.cycles.map((cycle) => this.#span(cycle)),
      stop_the_worlds: gc.stopTheWorlds.map((stop) => ({
        ...this.#span(stop),
        kind: stop.kind,
        goroutine: this.#id(stop.goroutine),
      })),
      cycle_times: durations(gc.cycleTimes),
      stop_the_world_times: durations(gc.stopTheWorldTimes),
      mark_assist_times: durations(gc.markAssistTimes),
      sweep_times: durations(gc.sweepTimes),
      swept_bytes: gc.sweptBytes,
      reclaimed_bytes: gc.reclaimedBytes,
      heap: peaks(gc.heap, traceContentLimits.heapSamples).map(({ time, heapBytes, goalBytes }) => {
        return { at_nanos: this.#at(time), heap_bytes: heapBytes, goal_bytes: goalBytes === 0 ? null : goalBytes };
      }),
    };
  }

  utilisation({ procs, threads, otherProcNanos, otherThreadNanos }: Utilisation): UtilisationContent {
    return {
      procs: procs.map(({ proc, runningNanos, goroutineNanos }) => {
        return {
          proc: this.exactId(proc).toString(),
          running_nanos: runningNanos,
          goroutine_nanos: goroutineNanos,
        };
      }),
      threads: threads.map(({ thread, goroutineNanos, stretches }) => {
        return { thread: this.exactId(thread).toString(), goroutine_nanos: goroutineNanos, stretches };
      }),
      other_proc_nanos: otherProcNanos,
      other_thread_nanos: otherThreadNanos,
    };
  }

  annotations(annotations: TraceSummary['annotations']): AnnotationContent {
    return {
      task_count: annotations.taskCount,
      tasks: annotations.tasks.map(({ name, begun, open, endOnly, latency }) => {
        return { name, begun, open, end_only: endOnly, latency: durations(latency) };
      }),
      slowest_tasks: annotations.slowestTasks.map((task) => {
        const { id, name, goroutine } = task;
        return { id: this.exactId(id).toString(), name, ...this.#span(task), goroutine: this.#id(goroutine) };
      }),
      regions: annotations.regions.map((region) => {
        return { name: region.name, latency: durations(region.latency), ...times(region) };
      }),
      logs: annotations.logs.map(({ time, goroutine, task, category, message }) => {
        const place = { goroutine: this.#id(goroutine), task: this.exactId(task).toString() };
        return { at_nanos: this.#at(time), ...place, category, message };
      }),
      log_counts: annotations.logCounts,
      not_followed: annotations.notFollowed,
    };
  }

  #blockingEntry(entry: BlockingEntry): BlockingEntryContent<readonly number[]> {
    const { callee, caller } = placeOf(entry.stack);
    return {
      reason: entry.reason,
      goroutine_name: entry.goroutineName,
      callee: callee?.function ?? null,
      caller: caller?.function ?? null,
      ...blockedTotals(entry),
      max_nanos: entry.maxNanos,
      max_at_nanos: this.#at(entry.maxStart),
      still_blocked_nanos: entry.stillBlockedNanos,
      stack: this.#stack(entry.stack),
      wakers: entry.wakers.map((waker: Waker) => {
        const { name, stack, count, totalNanos } = waker;
        return { name, stack: this.#stack(stack), count, total_nanos: totalNanos };
      }),
      other_wakers: { count: entry.otherWakers.count, total_nanos: entry.otherWakers.totalNanos },
    };
  }

  #stack(frames: readonly NamedFrame[]): number[] {
    return frames.map((frame) => {
      const key = JSON.stringify([frame.function, frame.file, frame.line]);
      let number = this.#numbers.get(key);
      if (number === undefined) this.#numbers.set(key, (number = this.frames.push(frame) - 1));
      return number;
    });
  }

  #span({ start, nanos }: { readonly start: number; readonly nanos: number }): SpanContent {
    return { at_nanos: this.#at(start), nanos };
  }

  #at(time: number): number {
    return time - this.start;
  }

  #id(id: number): string | null {
    return id === none ? null : this.exactId(id).toString();
  }
}

/** At most so many samples: of neighbours the one with the largest heap, and the last of all. */
export function peaks(heap: readonly HeapSample[], limit: number): readonly HeapSample[] {
  if (heap.length <= limit) return heap;
  const stride = Math.ceil(heap.length / (limit - 1));
  const kept: HeapSample[] = [];
  for (let start = 0; start < heap.length; start += stride) {
    const neighbours = heap.slice(start, start + stride);
    kept.push(neighbours.reduce((a, b) => (b.heapBytes > a.heapBytes ? b : a)));
  }
  const last = heap[heap.length - 1];
  if (kept[kept.length - 1] !== last) kept.push(last);
  return kept;
}

function groupContent(group: GoroutineGroup): GroupContent {
  const { name, count, ended, totalNanos, blockByReason, ranges } = group;
  return { name, count, ended, ...times(group), total_nanos: totalNanos, block_by_reason: blockByReason, ranges };
}

function times(of: GoroutineTimes): TimesContent {
  return {
    exec_nanos: of.execNanos,
    sched_wait_nanos: of.schedWaitNanos,
    block_nanos: of.blockNanos,
    syscall_nanos: of.syscallNanos,
    syscall_block_nanos: of.syscallBlockNanos,
  };
}

function blockedTotals({ count, totalNanos, stillBlocked }: TraceSummary['blocking']['total']): BlockedTotals {
  return { count, total_nanos: totalNanos, still_blocked: stillBlocked };
}

function durations({ count, totalNanos, p50Nanos, p90Nanos, p99Nanos, maxNanos }: DurationSummary): DurationContent {
  return {
    count,
    total_nanos: totalNanos,
    p50_nanos: p50Nanos,
    p90_nanos: p90Nanos,
    p99_nanos: p99Nanos,
    max_nanos: maxNanos,
  };
}
