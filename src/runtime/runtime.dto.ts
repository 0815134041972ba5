import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import type { Basis, Meaning } from '../analysis/runtime/runtime-steps.js';
import type { RuntimeTimelineAnswer } from '../analysis/runtime/timeline-answer.js';
import type { Stat } from '../analysis/timeline-buckets.js';
import { TimeRangeDto } from '../platform/time-range.dto.js';
import { IsOneOf, IsStep } from '../platform/validators.js';
import { instanceNamePattern } from '../tenants/names.js';

export const stats = ['mean', 'last', 'max'] as const satisfies readonly Stat[];
export const meanings = [
  'gauge',
  'growth',
  'average',
  'share',
  'rate',
  'quantile',
] as const satisfies readonly Meaning[];
export const bases = ['cycles', 'counters', 'since-start', 'last-256-pauses'] as const satisfies readonly Basis[];
const markerTypes = ['restart', 'build'] as const;

/** An integer of up to 64 bits is a decimal string, a ratio or rate a number. */
export const ValueProperty = (): PropertyDecorator =>
  ApiProperty({
    oneOf: [{ type: 'string' }, { type: 'number' }],
    description: 'An integer as a decimal string, a ratio or rate as a number.',
  });

export class InstanceFilterDto {
  /** One instance only. */
  @IsOptional()
  @Matches(instanceNamePattern)
  instance?: string;
}

class StepsDto {
  /**
   * Length of a step: `30s`, `5m`, `1h`, `1d`, or a number of seconds. By default what gives up to 800 points.
   * @example 1m
   */
  @IsOptional()
  @IsStep()
  step?: string;

  /** Of a gauge in each step: its mean over time, its last value or its greatest. */
  @IsOptional()
  @IsOneOf(stats)
  stat: Stat = 'mean';

  /** One series per instance; those beyond the first 50 are summed up in one more. */
  @IsOptional()
  @IsOneOf(['instance'])
  by?: 'instance';
}

export class RuntimeQueryDto extends IntersectionType(TimeRangeDto, InstanceFilterDto, StepsDto) {}
export class RuntimeRangeQueryDto extends IntersectionType(TimeRangeDto, InstanceFilterDto) {}

class RuntimeLifetimeDto {
  /** The first and the last that was heard of the process. */
  from: string;
  to: string;
  /** What shows that it is not the process before it: `start-time`, `counter`; null for the first. */
  @ApiProperty({ type: String, nullable: true })
  evidence: string | null;
}

class RuntimeInstanceDto {
  name: string;
  /**
   * Who says something about it.
   * @example ["memstats", "process-memory"]
   */
  sources: string[];
  /** Its processes in the order of time. */
  lifetimes: RuntimeLifetimeDto[];
}

class RuntimeMarkerDto {
  at: string;
  @ApiProperty({ enum: markerTypes })
  type: (typeof markerTypes)[number];
  /** The instance that restarted; null for a build that was heard of for the first time. */
  @ApiProperty({ type: String, nullable: true })
  instance: string | null;
  /** What shows the restart (`start-time`, `counter`), or the build. */
  detail: string;
}

class RuntimePointDto {
  /** Beginning of the step. */
  at: string;
  @ValueProperty()
  value: string | number;
  /** Of a growth: by the seconds in which it was counted. */
  @ApiProperty({ type: Number, nullable: true })
  per_second: number | null;
  /** In how many seconds of the step there was a value. */
  covered_seconds: number;
}

class RuntimeSeriesDto {
  /**
   * The same number has the same name whatever it was read from: `heap_alloc`, `heap_live`, `footprint`, `rss`,
   * `goroutines`, `gc_cpu_share`, `gc_pause_p99` …
   * @example heap_live
   */
  name: string;
  /** `bytes`, `count`, `nanoseconds`, `ratio`, `percent`, `per_minute`. */
  unit: string;
  /**
   * `gauge`: the sum over the instances, by `stat`; `growth`: what a counter grew by in the step; `average`: mean over the
   * instances; `share`: growth by growth; `rate`: growth by time; `quantile`: of the pauses in the step.
   */
  @ApiProperty({ enum: meanings })
  meaning: Meaning;
  /** Of `goroutine_state`: which. */
  @ApiProperty({ type: String, nullable: true })
  state: string | null;
  /** Null for all instances together, and for the rest of them. */
  @ApiProperty({ type: String, nullable: true })
  instance: string | null;
  /** Whether it sums up the instances beyond the first 50. */
  other: boolean;
  /** What it was read from; one source per instance, so that nothing counts twice. */
  sources: string[];
  /**
   * Where it matters what it was computed from: GC `cycles` of a log, `counters`, a mean `since-start` of the process, or
   * its `last-256-pauses`.
   */
  @ApiProperty({ enum: bases, nullable: true })
  basis: Basis | null;
  covered_seconds: number;
  /** Steps without a value are left out: missing is not zero. */
  points: RuntimePointDto[];
}

export class RuntimeTimelineDto implements RuntimeTimelineAnswer {
  /** Beginning of the first step. */
  from: string;
  /** End of the last step. */
  to: string;
  step_seconds: number;
  @ApiProperty({ enum: stats })
  stat: Stat;
  /** In a range of more than six hours only the last snapshot of so many seconds counts, of each instance and source. */
  @ApiProperty({ type: Number, nullable: true })
  thinned_to_seconds: number | null;
  /** Something a reader should know, such as that all snapshots were sent without an instance. */
  @ApiProperty({ type: String, nullable: true })
  note: string | null;
  instances: RuntimeInstanceDto[];
  /** Restarts and new builds, at most the last 1,000. */
  markers: RuntimeMarkerDto[];
  series: RuntimeSeriesDto[];
}
