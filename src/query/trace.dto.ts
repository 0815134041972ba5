import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { eventKind } from '../formats/exectrace/events.js';
import type { WindowEventKind } from '../analysis/trace/window.js';
import type { TraceAnswer, WindowEventAnswer } from '../analysis/trace/trace-answer.js';
import type {
  AnnotationContent,
  BlockedTotals,
  BlockingContent,
  BlockingEntryContent,
  DurationContent,
  GcContent,
  GoroutineContent,
  GroupContent,
  HeapContent,
  SpanContent,
  TimesContent,
  UtilisationContent,
} from '../analysis/trace/trace-content.js';
import type { NamedFrame } from '../analysis/trace/trace-stacks.js';
import type { TraceEventsAnswer } from './trace-queries.js';

const eventKinds = Object.keys(eventKind) as WindowEventKind[];

/** Ids of goroutines are counted from 1 in each process: no real one has so many. */
const goroutinePattern = /^\d{1,15}$/;
const durationPattern = /^\d{1,9}(\.\d{1,9})?(ns|us|µs|ms|s|m)$/;

class GoroutineDto {
  /**
   * Id of one goroutine.
   * @example 18
   */
  @IsOptional()
  @Matches(goroutinePattern, { message: 'goroutine must be the id of a goroutine' })
  goroutine?: string;
}

export class TraceQueryDto extends GoroutineDto {
  /** How many rows each ranked list has at most: groups, goroutines, blocking. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit: number = 100;

  /** How many rows of each ranked list are passed over. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(1000)
  offset: number = 0;
}

export class TraceEventsQueryDto extends GoroutineDto {
  /**
   * End of the window: a time since the start of the trace, or a time of day (RFC 3339). By default when the longest
   * block of the goroutine began; without a goroutine the end of the trace.
   * @example 1.5s
   */
  @IsOptional()
  @Matches(/^[\x20-\x7eµ]{1,40}$/, { message: 'before must be a time since the start such as 1.5s, or RFC 3339' })
  before?: string;

  /**
   * Length of the window.
   * @example 50ms
   */
  @IsOptional()
  @Matches(durationPattern, { message: 'window must be a duration such as 50ms' })
  window: string = '50ms';

  /** At most so many events, the last ones of the window. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(10_000)
  limit: number = 1000;
}

class TraceCountDto {
  name: string;
  count: number;
}

class TraceNanosDto {
  name: string;
  nanos: number;
}

class TraceMetricDto {
  /** @example /gc/heap/goal:bytes */
  name: string;
  /** The last one. */
  value: number;
}

class TraceFrameDto implements NamedFrame {
  function: string;
  file: string;
  line: number;
}

class TraceTimesDto implements TimesContent {
  exec_nanos: number;
  sched_wait_nanos: number;
  block_nanos: number;
  syscall_nanos: number;
  syscall_block_nanos: number;
}

class TraceSpanDto implements SpanContent {
  at_nanos: number;
  nanos: number;
}

class TraceDurationsDto implements DurationContent {
  count: number;
  total_nanos: number;
  p50_nanos: number;
  p90_nanos: number;
  p99_nanos: number;
  max_nanos: number;
}

/** All goroutines that were started with one function. */
class TraceGroupDto extends TraceTimesDto implements GroupContent {
  name: string;
  count: number;
  /** Those that ended in the trace. */
  ended: number;
  total_nanos: number;
  block_by_reason: TraceNanosDto[];
  ranges: TraceNanosDto[];
}

class TraceOtherGroupsDto {
  groups: number;
  goroutines: number;
}

class TraceGoroutineDto extends TraceTimesDto implements GoroutineContent {
  id: string;
  /** The function that it was started with. */
  name: string;
  created_nanos: number;
  /** Null: it never ran in the trace. */
  @ApiProperty({ type: Number, nullable: true })
  first_run_nanos: number | null;
  @ApiProperty({ type: Number, nullable: true })
  ended_nanos: number | null;
  total_nanos: number;
  block_by_reason: TraceNanosDto[];
  ranges: TraceNanosDto[];
  @ApiProperty({ type: () => TraceSpanDto, nullable: true })
  longest_block: TraceSpanDto | null;
}

class TraceBlockedDto implements BlockedTotals {
  /** Blocks that ended. */
  count: number;
  total_nanos: number;
  /** Goroutines that still waited when the trace ended. */
  still_blocked: number;
}

class TraceWakersDto {
  count: number;
  total_nanos: number;
}

/** Who made goroutines runnable again, and from where. */
class TraceWakerDto extends TraceWakersDto {
  /** Start function of the goroutine; for what is none `(netpoll)`, `(timer)`, `(scheduler)` or `(sysmon)`. */
  name: string;
  /** The leaf first. */
  stack: TraceFrameDto[];
}

/** All blocks of goroutines of one name, for one reason, at one place. */
class TraceBlockingEntryDto extends TraceBlockedDto implements BlockingEntryContent<readonly NamedFrame[]> {
  /** As the trace says it; empty for goroutines that were blocked before it began. */
  reason: string;
  goroutine_name: string;
  /** The function of the standard library that it waited in. */
  @ApiProperty({ type: String, nullable: true })
  callee: string | null;
  /** The innermost function outside the standard library. */
  @ApiProperty({ type: String, nullable: true })
  caller: string | null;
  /** The leaf first. */
  stack: TraceFrameDto[];
  max_nanos: number;
  /** When the longest one began. */
  max_at_nanos: number;
  still_blocked_nanos: number;
  /** Those who did it most often. */
  wakers: TraceWakerDto[];
  other_wakers: TraceWakersDto;
}

class TraceBlockingDto implements BlockingContent<readonly NamedFrame[]> {
  /** Those with the most time first. */
  entries: TraceBlockingEntryDto[];
  /** What is not among the 500 that are kept. */
  remainder: TraceBlockedDto;
  total: TraceBlockedDto;
}

class TraceBucketDto {
  from_nanos: number;
  count: number;
}

class TraceLatencyDto extends TraceDurationsDto {
  /** One for each power of two that holds anything. */
  buckets: TraceBucketDto[];
}

class TraceStopDto extends TraceSpanDto {
  /** @example GC mark termination */
  kind: string;
  @ApiProperty({ type: String, nullable: true })
  goroutine: string | null;
}

class TraceHeapDto implements HeapContent {
  at_nanos: number;
  heap_bytes: number;
  /** Null before the goal is known, and while it is off. */
  @ApiProperty({ type: Number, nullable: true })
  goal_bytes: number | null;
}

class TraceGcDto implements GcContent {
  cycles: TraceSpanDto[];
  stop_the_worlds: TraceStopDto[];
  cycle_times: TraceDurationsDto;
  stop_the_world_times: TraceDurationsDto;
  mark_assist_times: TraceDurationsDto;
  sweep_times: TraceDurationsDto;
  swept_bytes: number;
  reclaimed_bytes: number;
  /** Thinned so that the peaks stay. */
  heap: TraceHeapDto[];
}

class TraceProcDto {
  proc: string;
  /** Time in which a thread had it. */
  running_nanos: number;
  /** Time in which a goroutine ran on it. */
  goroutine_nanos: number;
}

class TraceThreadDto {
  thread: string;
  goroutine_nanos: number;
  stretches: number;
}

class TraceUtilisationDto implements UtilisationContent {
  procs: TraceProcDto[];
  threads: TraceThreadDto[];
  other_proc_nanos: number;
  other_thread_nanos: number;
}

class TraceTasksDto {
  name: string;
  begun: number;
  open: number;
  /** Ended, but begun before the trace. */
  end_only: number;
  latency: TraceDurationsDto;
}

class TraceTaskDto extends TraceSpanDto {
  id: string;
  name: string;
  @ApiProperty({ type: String, nullable: true })
  goroutine: string | null;
}

class TraceRegionsDto extends TraceTimesDto {
  name: string;
  latency: TraceDurationsDto;
}

class TraceLogDto {
  at_nanos: number;
  @ApiProperty({ type: String, nullable: true })
  goroutine: string | null;
  task: string;
  category: string;
  message: string;
}

class TraceCategoryDto {
  category: string;
  count: number;
}

class TraceAnnotationsDto implements AnnotationContent {
  task_count: number;
  tasks: TraceTasksDto[];
  slowest_tasks: TraceTaskDto[];
  regions: TraceRegionsDto[];
  /** The last ones. */
  logs: TraceLogDto[];
  log_counts: TraceCategoryDto[];
  /** Tasks and regions that were open beyond the limit. */
  not_followed: number;
}

class TraceListLengthsDto {
  groups: number;
  goroutines: number;
  blocking: number;
}

/**
 * What an execution trace says. Moments (`at_nanos`, `created_nanos`, …) are nanoseconds since its first event; ids are
 * decimal strings, null where there is no goroutine, P or thread.
 */
export class TraceDto implements TraceAnswer {
  /**
   * Of the format: 1.26 is that of Go 1.26 and 1.27.
   * @example "1.26"
   */
  version: string;
  /** Unix nanoseconds; null where the trace has no time of day (Go 1.24 and older). */
  @ApiProperty({ type: String, nullable: true })
  started_at_nanos: string | null;
  /** Of the first event, on the clock of the trace. */
  base_nanos: string;
  duration_nanos: number;
  events: number;
  generations: number;
  cpu_samples: number;
  events_by_kind: TraceCountDto[];
  /** @example [{ "name": "G Runnable->Running", "count": 9903 }] */
  transitions: TraceCountDto[];
  block_reasons: TraceCountDto[];
  metrics: TraceMetricDto[];
  goroutine_count: number;
  /** Those with the most running time first. */
  groups: TraceGroupDto[];
  /** Beyond the 1,000 that are kept. */
  other_groups: TraceOtherGroupsDto;
  /** One by one, those that did the most first, at most 200; `goroutine` gives any other. */
  goroutines: TraceGoroutineDto[];
  blocking: TraceBlockingDto;
  /** From runnable to running. */
  scheduler_latency: TraceLatencyDto;
  gc: TraceGcDto;
  utilisation: TraceUtilisationDto;
  /** Tasks, regions and logs of package runtime/trace. */
  annotations: TraceAnnotationsDto;
  /** How long the lists are of which `offset` and `limit` choose a part. */
  list_lengths: TraceListLengthsDto;
}

class TraceAtStartDto {
  goroutine: string;
  name: string;
  /** @example Waiting */
  state: string;
  /** Null: since before the trace. */
  @ApiProperty({ type: Number, nullable: true })
  since_nanos: number | null;
  reason: string;
}

class TraceEventDto implements WindowEventAnswer {
  at_nanos: number;
  @ApiProperty({ enum: eventKinds })
  kind: WindowEventKind;
  @ApiProperty({ type: String, nullable: true })
  thread: string | null;
  @ApiProperty({ type: String, nullable: true })
  proc: string | null;
  /** The one in which it happened. */
  @ApiProperty({ type: String, nullable: true })
  goroutine: string | null;
  goroutine_name: string;
  /** What it is about: of a transition the goroutine or P that changes, of a task its id. */
  @ApiProperty({ type: String, nullable: true })
  subject: string | null;
  subject_name: string;
  /** States of a transition. */
  @ApiProperty({ type: String, nullable: true })
  from: string | null;
  @ApiProperty({ type: String, nullable: true })
  to: string | null;
  /** Reason, label, name of a range, task, region or metric, category of a log. */
  text: string;
  message: string;
  value: number;
  /** The leaf first; of a goroutine that is made runnable that of its waker. */
  stack: TraceFrameDto[];
}

/** What happened in a stretch of a trace. */
export class TraceEventsDto implements TraceEventsAnswer {
  from_nanos: number;
  to_nanos: number;
  /** The goroutine that was asked for. */
  @ApiProperty({ type: () => TraceGoroutineDto, nullable: true })
  goroutine: TraceGoroutineDto | null;
  /** What it was doing when the stretch began. */
  at_start: TraceAtStartDto[];
  /** Earlier events of the stretch that were left out. */
  left_out: number;
  events: TraceEventDto[];
  /** What is wrong with the bytes, where they end before the stretch does. */
  @ApiProperty({ type: String, nullable: true })
  fault: string | null;
}
