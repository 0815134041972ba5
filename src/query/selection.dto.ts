import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { type Kind, kinds } from '../formats/kind.js';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { instanceNamePattern } from '../tenants/names.js';
import { IsLabels, IsMoment } from './validators.js';

export const pointsOfView = ['function', 'line', 'file', 'package'] as const;
export type PointOfView = (typeof pointsOfView)[number];

export const rankings = ['flat', 'cum'] as const;
export type Ranking = (typeof rankings)[number];

/** From when to when. Times are RFC 3339, Unix seconds or milliseconds, `now`, or relative to now as `-1h`, `-7d`. */
export class TimeRangeDto {
  /**
   * The first moment.
   * @example -1h
   */
  @IsOptional()
  @IsMoment()
  from?: string;

  /**
   * The first moment after the last one.
   * @example now
   */
  @IsOptional()
  @IsMoment()
  to?: string;
}

/** Which snapshots of a service. */
export class SelectorsDto extends TimeRangeDto {
  /** The instance (pod, host) that sent them. */
  @IsOptional()
  @Matches(instanceNamePattern)
  instance?: string;

  /** The version of the build they come from. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  build?: string;

  /** The environment they were sent with. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  env?: string;

  /** Labels they were sent with, each as a parameter of its own: `label.<name>=value`. */
  @ApiProperty(labelsParameter('label.<name>', 'Labels they were sent with, each as a parameter of its own.'))
  @IsOptional()
  @IsLabels()
  labels?: Record<string, string>;
}

export class KindDto {
  /**
   * What kind of profile.
   * @example heap
   */
  @IsOptional()
  @IsIn(kinds)
  kind?: Kind;
}

/** Which number, and which part of the stacks. Patterns are RE2: matched in linear time, anywhere in the text. */
export class StackOptionsDto {
  /**
   * Which of the profile's numbers. The default is what `go tool pprof` shows first: `inuse_space` of a heap profile.
   * @example inuse_space
   */
  @IsOptional()
  @IsString()
  @MaxLength(128)
  sample_type?: string;

  /** Only stacks with a frame that matches (function or file). */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  focus?: string;

  /** No stacks with a frame that matches. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  ignore?: string;

  /** Leaves matching frames out of the stacks. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  hide?: string;

  /** Leaves only matching frames in the stacks. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  show?: string;
}

export class RankingDto {
  /** What a row is. */
  @IsOptional()
  @IsIn(pointsOfView)
  by: PointOfView = 'function';

  /** By which number the rows are ranked: what a frame holds itself, or with all it calls. */
  @IsOptional()
  @IsIn(rankings)
  sort: Ranking = 'flat';
}

export class DrawingDto {
  /** How many boxes at most; the smallest beyond that are left out, and the answer says how many. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100_000)
  max_nodes: number = 10_000;
}

export class SnapshotTopQueryDto extends IntersectionType(StackOptionsDto, RankingDto, ListQueryDto) {}
export class SnapshotFlameGraphQueryDto extends IntersectionType(StackOptionsDto, DrawingDto) {}
export class SnapshotFoldedQueryDto extends StackOptionsDto {}

export class ServiceTopQueryDto extends IntersectionType(KindDto, SelectorsDto, StackOptionsDto, RankingDto, ListQueryDto) {}
export class ServiceFlameGraphQueryDto extends IntersectionType(KindDto, SelectorsDto, StackOptionsDto, DrawingDto) {}
export class ServiceProfileQueryDto extends IntersectionType(KindDto, SelectorsDto) {}

/** OpenAPI has no parameter whose name is a pattern; the nearest is an object whose properties are the labels. */
export function labelsParameter(pattern: string, description: string) {
  return {
    name: pattern,
    description,
    required: false,
    type: 'object' as const,
    additionalProperties: { type: 'string' as const },
    example: { region: 'eu-west-1' },
  };
}
