import { ApiProperty, type ApiPropertyOptions, IntersectionType } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import { defaultMaxNodes } from '../analysis/flame-graph.js';
import { granularities, type Granularity } from '../analysis/grouping.js';
import type { SortedBy } from '../analysis/top.js';
import { type Kind, kinds } from '../formats/kind.js';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { instanceNamePattern } from '../tenants/names.js';
import type { FlameNames } from './query-request.js';
import { TimeRangeDto } from '../platform/time-range.dto.js';
import { IsLabels, IsOneOf } from '../platform/validators.js';

export const rankings = ['flat', 'cum'] as const satisfies readonly SortedBy[];

/** OpenAPI has no parameter whose name is a pattern; the nearest is an object whose properties are the labels. */
export function labelsParameter(pattern: string, description: string): ApiPropertyOptions {
  return {
    name: pattern,
    description,
    selfRequired: false,
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { region: 'eu-west-1' },
  };
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
  @IsOneOf(kinds)
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

export class StatesDto {
  /**
   * Of goroutines: `true` keeps what the index knows of them as frames below the root, the state (`[chan receive]`) and the
   * function that created them (`created by main.serve`); patterns may match them, too.
   */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  states: boolean = false;
}

export class RankingDto {
  /** What a row is. */
  @IsOptional()
  @IsOneOf(granularities)
  by: Granularity = 'function';

  /** By which number the rows are ranked: what a frame holds itself, or with all it calls. */
  @IsOptional()
  @IsOneOf(rankings)
  sort: SortedBy = 'flat';
}

export const flameNames = ['function', 'line'] as const satisfies readonly FlameNames[];

export class DrawingDto {
  /** What a box is. */
  @IsOptional()
  @IsOneOf(flameNames)
  by: FlameNames = 'function';

  /** How many boxes at most; smaller branches are summed up in one `other` per parent. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(2)
  @Max(100_000)
  max_nodes: number = defaultMaxNodes;
}

export class SnapshotTopQueryDto extends IntersectionType(StackOptionsDto, StatesDto, RankingDto, ListQueryDto) {}
export class SnapshotFlameGraphQueryDto extends IntersectionType(StackOptionsDto, StatesDto, DrawingDto) {}
export class SnapshotFoldedQueryDto extends IntersectionType(StackOptionsDto, StatesDto) {}

export class ServiceTopQueryDto extends IntersectionType(
  KindDto,
  SelectorsDto,
  StackOptionsDto,
  StatesDto,
  RankingDto,
  ListQueryDto,
) {}
export class ServiceFlameGraphQueryDto extends IntersectionType(
  KindDto,
  SelectorsDto,
  StackOptionsDto,
  StatesDto,
  DrawingDto,
) {}
export class ServiceProfileQueryDto extends IntersectionType(KindDto, SelectorsDto) {}
