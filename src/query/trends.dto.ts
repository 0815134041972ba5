import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import type { Stat } from '../analysis/timeline-buckets.js';
import type { Semantics } from '../analysis/timeline.js';
import { instanceNamePattern } from '../tenants/names.js';
import { TimeRangeDto } from '../platform/time-range.dto.js';
import { KindDto } from './selection.dto.js';
import { IsOneOf, IsStep } from '../platform/validators.js';

export const stats = ['mean', 'last', 'max'] as const satisfies readonly Stat[];
export const meanings = ['gauge', 'counter', 'delta', 'cpu'] as const satisfies readonly Semantics[];

class SeriesDto {
  /**
   * Which of the profile's numbers. The default is what `go tool pprof` shows first.
   * @example inuse_space
   */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  sample_type?: string;

  /** Of a gauge in each step: its mean over time, its last value or its greatest. Counters are what they grew by. */
  @IsOptional()
  @IsOneOf(stats)
  stat: Stat = 'mean';

  /**
   * Length of a step: `30s`, `5m`, `1h`, `1d`, or a number of seconds; whole hours beyond an hour. By default what gives
   * up to 800 points.
   * @example 1h
   */
  @IsOptional()
  @IsStep()
  step?: string;
}

class ServiceSeriesDto {
  /**
   * One function instead of the total, by its whole name.
   * @example main.(*Cache).Put
   */
  @IsOptional()
  @IsString()
  @MaxLength(4096)
  function?: string;

  /** Of the function: what it holds itself, or with all it calls. */
  @IsOptional()
  @IsOneOf(['flat', 'cum'])
  value: 'flat' | 'cum' = 'cum';

  /** One series per instance or build; those beyond the first 50 are summed up in one more. */
  @IsOptional()
  @IsOneOf(['instance', 'build'])
  by?: 'instance' | 'build';

  /** One instance only. */
  @IsOptional()
  @Matches(instanceNamePattern)
  instance?: string;

  /** Builds of one version only. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  build?: string;
}

class TeamSeriesDto {
  /** One series per service; those beyond the first 50 are summed up in one more. */
  @IsOptional()
  @IsOneOf(['service'])
  by?: 'service';
}

export class ServiceTrendQueryDto extends IntersectionType(KindDto, SeriesDto, ServiceSeriesDto, TimeRangeDto) {}
export class TeamTrendQueryDto extends IntersectionType(KindDto, SeriesDto, TeamSeriesDto, TimeRangeDto) {}

export class TrendPointDto {
  /** Beginning of the step. */
  at: string;
  /** A 64-bit integer; cores are a decimal number with up to nine places. */
  value: string;
  /** In how many seconds of the step there was a value. */
  covered_seconds: number;
}

export class TrendSeriesDto {
  /** The instance, the version of the build or the service; null for the whole, for no build, and for the rest. */
  name: string | null;
  /** Whether it sums up all series beyond the first 50. */
  other: boolean;
  /** Steps without a value are left out: missing is not zero. */
  points: TrendPointDto[];
}

export class TrendDto {
  /** @example heap */
  kind: string;
  /** @example inuse_space */
  sample_type: string;
  /**
   * `cores` for CPU time.
   * @example bytes
   */
  unit: string;
  /** What the number is: `gauge`, `counter` (points are what it grew by), `delta`, or `cpu`. */
  @ApiProperty({ enum: meanings })
  semantics: Semantics;
  @ApiProperty({ enum: stats })
  stat: Stat;
  step_seconds: number;
  /** Beginning of the first step. */
  from: string;
  /** End of the last step. */
  to: string;
  /** Something a reader should know, such as that all snapshots were sent without an instance. */
  note: string | null;
  /** The largest first, the rest last. */
  series: TrendSeriesDto[];
}
