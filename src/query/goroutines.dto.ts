import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import type { Change } from '../analysis/diff.js';
import { type GoroutineFilterName, goroutineFilterNames } from '../analysis/goroutine-filter.js';
import type { GroupAnswer, GroupChangeAnswer, StateAnswer } from '../analysis/goroutine-answers.js';
import { type GoroutineGrouping, goroutineGroupings } from '../analysis/goroutine-groups.js';
import { stateCategories, type StateCategory } from '../formats/goroutine-dump/wait-reasons.js';
import { TimeRangeDto } from '../platform/time-range.dto.js';
import { IsOneOf, IsStep } from '../platform/validators.js';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { instanceNamePattern } from '../tenants/names.js';
import { changes } from './diff.dto.js';
import { type GoroutineKind, goroutineKinds } from './goroutine-request.js';

export const trendGroupings = ['stack', 'site', 'created-by', 'state'] as const;
const bases = ['goroutines', 'stacks'] as const;

class GroupOptionsDto {
  /**
   * What makes a group, besides the state: the whole stack, the site (the innermost function that is not there to wait), the
   * function with the `go` statement, nothing, or a label.
   */
  @IsOptional()
  @IsOneOf(goroutineGroupings)
  by: GoroutineGrouping = 'stack';

  /** With `by=label`: the key whose values make the groups; all labels of a goroutine without it. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  label?: string;

  /**
   * Only goroutines in this state, as Go prints it.
   * @example chan receive
   */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  state?: string;

  /** Only goroutines in states of this category. */
  @IsOptional()
  @IsOneOf(stateCategories)
  category?: StateCategory;

  /** Only goroutines that say that they wait for so many minutes or longer. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(2 ** 31 - 1)
  min_wait?: number;

  /** Only goroutines with a matching function or file in their stack, or created by a matching function (RE2). */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  focus?: string;

  /** Id of another snapshot of goroutines, with which each group is compared. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  base?: string;
}

export class GoroutinesQueryDto extends IntersectionType(GroupOptionsDto, ListQueryDto) {}

class GroupTrendOptionsDto {
  /** What makes a group, besides the state. `state` is cheap over long ranges. */
  @IsOptional()
  @IsOneOf(trendGroupings)
  by: (typeof trendGroupings)[number] = 'stack';

  /** Which snapshots are counted. */
  @IsOptional()
  @IsOneOf(goroutineKinds)
  kind: GoroutineKind = 'goroutine';

  /**
   * Length of a step: `30s`, `5m`, `1h`, `1d`, or a number of seconds. By default what gives up to 800 steps.
   * @example 5m
   */
  @IsOptional()
  @IsStep()
  step?: string;

  /** One instance only. */
  @IsOptional()
  @Matches(instanceNamePattern)
  instance?: string;

  /** Builds of one version only. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  build?: string;

  /** How many groups stand alone; the others are summed up. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  limit: number = 20;
}

export class GoroutineTrendQueryDto extends IntersectionType(GroupTrendOptionsDto, TimeRangeDto) {}

class GoroutineFrameDto {
  function: string;
  /** Empty where it is not known. */
  file: string;
  /** 0 where it is not known. */
  line: number;
}

class AgeDto {
  /** `not said`, `<1`, `1-5` … `>1440` minutes. */
  minutes: string;
  count: number;
}

class StateMeaningDto {
  /** @example chan receive */
  state: string;
  @ApiProperty({ enum: stateCategories })
  category: StateCategory;
  /** Only another goroutine can end the wait: with none that will, this one has leaked. */
  waits_for_goroutine: boolean;
  /** Nothing can ever end the wait. */
  forever: boolean;
}

export class StateCountDto extends StateMeaningDto implements StateAnswer {
  count: number;
}

export class GoroutineGroupDto extends StateMeaningDto implements GroupAnswer {
  /** What the group is by: the functions of the stack (root first, joined with `;`), a function, the state, or labels. */
  name: string;
  count: number;
  /** Of these, how many a goroutineleak profile has found unreachable. */
  leaked: number;
  /** Null: none says how long it waits, because it is less than a minute or because a profile does not know. */
  @ApiProperty({ type: Number, nullable: true })
  oldest_wait_minutes: number | null;
  /** How many wait for how long. */
  ages: AgeDto[];
  /** The lowest ids, at most 10; none where only stacks are known. 64-bit integers. */
  sample_ids: string[];
  /** The innermost function that is not there to wait. */
  site: string;
  /** The function with the `go` statement, of most of the group. */
  @ApiProperty({ type: String, nullable: true })
  created_by: string | null;
  /** The stack of most of the group, leaf first, at most 128 frames. */
  stack: GoroutineFrameDto[];
  /** How many frames the stack has. */
  stack_depth: number;
}

class GroupRowDto extends GoroutineGroupDto implements GroupChangeAnswer {
  /** Since the base; null without one. Of a group that is `gone`, its stack and creator are those of the base. */
  @ApiProperty({ enum: changes, nullable: true })
  change: Change | null;
  @ApiProperty({ type: Number, nullable: true })
  base_count: number | null;
  @ApiProperty({ type: Number, nullable: true })
  delta: number | null;
}

class CrashDto {
  @ApiProperty({ type: String, enum: ['panic', 'fatal error', 'signal'] })
  kind: 'panic' | 'fatal error' | 'signal';
  text: string;
}

class FoldedStateDto {
  state: string;
  count: number;
}

class GoroutineLossDto {
  code: string;
  count: number;
  detail: string;
}

/** The goroutines of one snapshot as a whole. */
export class GoroutineTotalsDto {
  snapshot_id: string;
  service: string;
  @ApiProperty({ enum: goroutineKinds })
  kind: GoroutineKind;
  captured_at: string;
  /** Whether it is a difference between two moments, whose numbers may be negative. */
  delta: boolean;
  /** Whether each goroutine is known, with its id, wait and labels, or only how many there are of each stack. */
  @ApiProperty({ enum: bases })
  basis: (typeof bases)[number];
  /** What the process said when it died. */
  @ApiProperty({ type: () => CrashDto, nullable: true })
  crash: CrashDto | null;
  /** All of them, whatever is asked for. */
  goroutines: number;
  /** How many are as asked for. */
  matched: number;
  /** All states, most goroutines first. */
  states: StateCountDto[];
  /** Goroutines beyond what is kept one by one: in the totals, in no group. */
  folded: FoldedStateDto[];
  /** What could not be read or was summed up, as the snapshot says it. */
  losses: GoroutineLossDto[];
}

export class GoroutinesDto extends GoroutineTotalsDto {
  /** What it is compared with. */
  @ApiProperty({ type: () => GoroutineTotalsDto, nullable: true })
  base: GoroutineTotalsDto | null;
  @ApiProperty({ enum: goroutineGroupings })
  by: GoroutineGrouping;
  @ApiProperty({ type: String, nullable: true })
  label: string | null;
  /** Filters that no goroutine matches: a typing error looks like an empty answer. */
  @ApiProperty({ enum: goroutineFilterNames, isArray: true })
  unmatched: GoroutineFilterName[];
  /** How many groups there are on all pages. */
  row_count: number;
  /** The largest first; with a base, those that changed most. */
  rows: GroupRowDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  @ApiProperty({ type: String, nullable: true })
  next: string | null;
}

class GroupLineDto {
  /** Per step the mean over the time in which any instance has a value, summed over the instances. */
  values: number[];
  /** Of the values; null where there are none. */
  @ApiProperty({ type: Number, nullable: true })
  first: number | null;
  @ApiProperty({ type: Number, nullable: true })
  last: number | null;
  @ApiProperty({ type: Number, nullable: true })
  max: number | null;
  /** The median of the slopes between all pairs of values (Theil-Sen), per hour; null of fewer than two. */
  @ApiProperty({ type: Number, nullable: true })
  growth_per_hour: number | null;
}

/** A group as one snapshot of one instance has it. */
export class SeenGroupDto extends GoroutineGroupDto {
  snapshot_id: string;
  instance: string;
  captured_at: string;
}

class TrendGroupDto extends IntersectionType(StateMeaningDto, GroupLineDto) {
  /** What the group is by. */
  name: string;
  /**
   * The group in the youngest snapshot that has it, with its waits and ids where that is a dump. With `by=state` in the
   * youngest snapshot of all, null if that has none.
   */
  @ApiProperty({ type: () => SeenGroupDto, nullable: true })
  youngest: SeenGroupDto | null;
}

/** Groups over time as columns: each has one value per entry of `at`. */
export class GoroutineTrendDto {
  @ApiProperty({ enum: goroutineKinds })
  kind: GoroutineKind;
  @ApiProperty({ enum: trendGroupings })
  by: (typeof trendGroupings)[number];
  /** Beginning of the first step. */
  from: string;
  /** End of the last step. */
  to: string;
  step_seconds: number;
  /** With `by=state`, in a range of more than six hours only the last snapshot of so many seconds counts, per instance. */
  @ApiProperty({ type: Number, nullable: true })
  thinned_to_seconds: number | null;
  /** Something a reader should know, such as that all snapshots were sent without an instance. */
  @ApiProperty({ type: String, nullable: true })
  note: string | null;
  /** Beginnings of the steps in which any instance has a value; the others are left out: missing is not zero. */
  at: string[];
  /** In how many seconds of each of these steps. */
  covered_seconds: number[];
  /** All goroutines. */
  total: GroupLineDto;
  /** How many groups there are. */
  group_count: number;
  /** The greatest mean over the range first. */
  groups: TrendGroupDto[];
  /** The groups that do not stand alone, summed up; null if there are none. */
  @ApiProperty({ type: () => GroupLineDto, nullable: true })
  other: GroupLineDto | null;
}
