import { applyDecorators } from '@nestjs/common';
import { IsNumber, Max, Min, ValidateIf } from 'class-validator';
import { type ThresholdName, thresholdTable } from '../analysis/runtime/thresholds.js';

// IsOptional would let null pass, which says neither a value nor the default.
const isGiven = (_thresholds: object, value: unknown) => value !== undefined;

/** Within what the table allows for the property's own name. */
const Within = (name: ThresholdName) =>
  applyDecorators(
    ValidateIf(isGiven),
    IsNumber({ allowNaN: false, allowInfinity: false }),
    Min(thresholdTable[name].least),
    Max(thresholdTable[name].most),
  );

/** A tenant's own thresholds. What is not named has its default. */
export class OwnThresholdsDto implements Partial<Record<ThresholdName, number>> {
  /** Share of the CPU time that the garbage collector takes. */
  @Within('gc_cpu_share') gc_cpu_share?: number;

  /** Milliseconds in which 99 % of the stops of the world end. */
  @Within('gc_pause_p99_ms') gc_pause_p99_ms?: number;

  /** Garbage collections a minute. */
  @Within('gc_cycles_per_minute') gc_cycles_per_minute?: number;

  /** Share of the collector's work that goroutines do which allocate. */
  @Within('gc_assist_share') gc_assist_share?: number;

  /** Collections an hour by runtime.GC or debug.FreeOSMemory. */
  @Within('forced_gcs_per_hour') forced_gcs_per_hour?: number;

  /** HeapAlloc by HeapSys. */
  @Within('heap_alloc_share') heap_alloc_share?: number;

  /** What the Go runtime holds, by GOMEMLIMIT. */
  @Within('memory_limit_share') memory_limit_share?: number;

  /** What is in use, by the limit of the control group. */
  @Within('container_limit_share') container_limit_share?: number;

  /** Bytes of the heap that are idle and were not returned to the system. */
  @Within('idle_unreturned_bytes') idle_unreturned_bytes?: number;

  /** Bytes of the heap that were returned to the system. */
  @Within('returned_bytes') returned_bytes?: number;

  /** Bytes of the RSS above what the Go runtime holds. */
  @Within('off_heap_bytes') off_heap_bytes?: number;

  /** Share of the scheduler samples in which one P has a long run queue while at least half have none. */
  @Within('lopsided_share') lopsided_share?: number;

  /** Threads that come an hour. */
  @Within('threads_per_hour') threads_per_hour?: number;

  /** Goroutines that come an hour. */
  @Within('goroutines_per_hour') goroutines_per_hour?: number;

  /** Goroutines that come an hour in one state. */
  @Within('goroutine_state_per_hour') goroutine_state_per_hour?: number;

  /** Share of the goroutines in one blocked state, if more than `goroutine_state_count` are in it. */
  @Within('goroutine_state_share') goroutine_state_share?: number;

  /** Goroutines in one blocked state. */
  @Within('goroutine_state_count') goroutine_state_count?: number;

  /** Bytes an hour that the live heap grows by. */
  @Within('live_heap_bytes_per_hour') live_heap_bytes_per_hour?: number;

  /** Bytes an hour that the memory of a service grows by before a verdict calls it growth. */
  @Within('memory_bytes_per_hour') memory_bytes_per_hour?: number;
}

/** What holds for a tenant, by the names that findings give. */
export class ThresholdsDto implements Record<ThresholdName, number> {
  gc_cpu_share: number;
  gc_pause_p99_ms: number;
  gc_cycles_per_minute: number;
  gc_assist_share: number;
  forced_gcs_per_hour: number;
  heap_alloc_share: number;
  memory_limit_share: number;
  container_limit_share: number;
  idle_unreturned_bytes: number;
  returned_bytes: number;
  off_heap_bytes: number;
  lopsided_share: number;
  threads_per_hour: number;
  goroutines_per_hour: number;
  goroutine_state_per_hour: number;
  goroutine_state_share: number;
  goroutine_state_count: number;
  live_heap_bytes_per_hour: number;
  memory_bytes_per_hour: number;
}

export class TenantThresholdsDto {
  /** What holds: the defaults with the tenant's own values over them. */
  thresholds: ThresholdsDto;
  /** The tenant's own values only. */
  own: OwnThresholdsDto;
}
