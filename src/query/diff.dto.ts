import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { type FilterOption, filterOptions } from '../analysis/filter.js';
import { granularities, type Granularity } from '../analysis/grouping.js';
import type { Change } from '../analysis/diff.js';
import type { SortedBy } from '../analysis/top.js';
import { type Kind, kinds } from '../formats/kind.js';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { instanceNamePattern, serviceNamePattern } from '../tenants/names.js';
import { DrawingDto, labelsParameter, RankingDto, rankings, StackOptionsDto } from './selection.dto.js';
import { StacksSourceDto } from './stacks.dto.js';
import { IsLabels, IsMoment, IsOneOf } from '../platform/validators.js';

export const changes = ['new', 'gone', 'grown', 'shrunk', 'same'] as const satisfies readonly Change[];

/** What is compared with what: each side is a snapshot (`base`) or a service's snapshots in a range (`base_service` …). */
export class SidesDto {
  /** Id of the snapshot to compare with. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  base?: string;

  /** Or a service, whose snapshots in the range are merged. */
  @IsOptional()
  @Matches(serviceNamePattern)
  base_service?: string;

  /** @example -2h */
  @IsOptional()
  @IsMoment()
  base_from?: string;

  /** @example -1h */
  @IsOptional()
  @IsMoment()
  base_to?: string;

  @IsOptional()
  @Matches(instanceNamePattern)
  base_instance?: string;

  @IsOptional()
  @IsString()
  @MaxLength(256)
  base_build?: string;

  @IsOptional()
  @IsString()
  @MaxLength(256)
  base_env?: string;

  @ApiProperty(labelsParameter('base_label.<name>', 'Labels of the base, each as a parameter of its own.'))
  @IsOptional()
  @IsLabels()
  base_labels?: Record<string, string>;

  /** Id of the snapshot that is compared. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  target?: string;

  /** Or a service, whose snapshots in the range are merged. */
  @IsOptional()
  @Matches(serviceNamePattern)
  target_service?: string;

  /** @example -1h */
  @IsOptional()
  @IsMoment()
  target_from?: string;

  /** @example now */
  @IsOptional()
  @IsMoment()
  target_to?: string;

  @IsOptional()
  @Matches(instanceNamePattern)
  target_instance?: string;

  @IsOptional()
  @IsString()
  @MaxLength(256)
  target_build?: string;

  @IsOptional()
  @IsString()
  @MaxLength(256)
  target_env?: string;

  @ApiProperty(labelsParameter('target_label.<name>', 'Labels of the target, each as a parameter of its own.'))
  @IsOptional()
  @IsLabels()
  target_labels?: Record<string, string>;

  /** What kind of profile a service's side is; by default what the other side is, else `heap`. */
  @IsOptional()
  @IsOneOf(kinds)
  kind?: Kind;
}

class ShareDto {
  /** Adds what the differences are relative to the base, as `go tool pprof -diff_base` shows them. */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  share: boolean = false;
}

export class DiffQueryDto extends IntersectionType(SidesDto, StackOptionsDto, RankingDto, ShareDto, ListQueryDto) {}
export class DiffFlameGraphQueryDto extends IntersectionType(SidesDto, StackOptionsDto, DrawingDto) {}

export class FlatCumDto {
  /** What the stacks that end here hold; a 64-bit integer. */
  flat: string;
  /** What the stacks that go through here hold, each counted once; a 64-bit integer. */
  cum: string;
}

export class DiffRowDto {
  /** Null when rows are files or packages. */
  function: string | null;
  /** Of a function that lies in several files, the first by name. Null when rows are packages. */
  file: string | null;
  /** Null unless rows are lines; 0 where it is unknown. */
  line: number | null;
  /** Null when rows are files. */
  package: string | null;
  /** `new` and `gone` are on one side only; `grown` and `shrunk` by the number that rows are ranked by. */
  @ApiProperty({ enum: changes })
  change: Change;
  base: FlatCumDto;
  target: FlatCumDto;
  /** The target's less the base's. */
  delta: FlatCumDto;
  /** Difference of flat, relative to `total`; only if asked for by `share=true`. */
  flat_share?: number;
  /** Difference of cum, relative to `total`; only if asked for by `share=true`. */
  cum_share?: number;
}

export class DiffAnswerDto {
  base: StacksSourceDto;
  target: StacksSourceDto;
  /** @example inuse_space */
  sample_type: string;
  /** @example bytes */
  unit: string;
  /** Patterns that matched nothing: a typing error looks like an empty answer. */
  @ApiProperty({ enum: filterOptions, isArray: true })
  unmatched: FilterOption[];
  /** Sum of all magnitudes of the base; a 64-bit integer. */
  base_total: string;
  /** Sum of all magnitudes of the target; a 64-bit integer. */
  target_total: string;
  /** What shares are shares of: the base's total, or the target's where the base holds nothing. */
  total: string;
}

export class DiffDto extends DiffAnswerDto {
  @ApiProperty({ enum: granularities })
  by: Granularity;
  @ApiProperty({ enum: rankings })
  sort: SortedBy;
  /** How many rows there are on all pages. */
  row_count: number;
  /** What changed most first. */
  rows: DiffRowDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}

/** Boxes as columns, as in a flame graph; each has the values of both sides. */
export class DiffFlameGraphDto extends DiffAnswerDto {
  /** Distinct names. */
  names: string[];
  /** Per box, the index of its name; -1 for the root. */
  name: number[];
  /** Per box, the number of its parent; -1 for the root. */
  parent: number[];
  /** How many boxes were summed up in `other`. */
  folded_nodes: number;
  /** Per box, what ends there in the base; 64-bit integers. */
  base_self: string[];
  /** Per box, what the base holds there with everything above it; 64-bit integers. */
  base_cum: string[];
  target_self: string[];
  target_cum: string[];
}
