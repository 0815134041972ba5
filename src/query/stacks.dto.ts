import { ApiProperty } from '@nestjs/swagger';
import { type FilterOption, filterOptions } from '../analysis/filter.js';
import { granularities, type Granularity } from '../analysis/grouping.js';
import type { SortedBy } from '../analysis/top.js';
import { rankings } from './selection.dto.js';

/** What the answer to a range rests on. */
export class CoverageDto {
  /** How many snapshots went into it. */
  snapshots: number;
  /** Of how many instances. */
  instances: number;
  /** In how many seconds of the range some instance has a value: what a gauge is averaged over. Null for other numbers. */
  covered_seconds: number | null;
  /** First moment of the range. */
  from: string;
  /** First moment after the range. */
  to: string;
  /** The first snapshot; it may be from before the range and hold into it. */
  first_captured_at: string;
  last_captured_at: string;
  /** Something a reader should know, such as that all snapshots were sent without an instance. */
  note: string | null;
}

/** What an answer was made from. */
export class StacksSourceDto {
  /** The snapshot, if it is one. */
  snapshot_id: string | null;
  /** @example checkout-api */
  service: string;
  /** @example heap */
  kind: string;
  /** The range and what lies in it, if it is a merge. */
  @ApiProperty({ type: () => CoverageDto, nullable: true })
  coverage: CoverageDto | null;
}

export class TopRowDto {
  /**
   * Null when rows are files or packages.
   * @example main.(*Cache).Put
   */
  function: string | null;
  /** Of a function that lies in several files, the first by name. Null when rows are packages. */
  file: string | null;
  /** Null unless rows are lines; 0 where it is unknown. */
  line: number | null;
  /** Null when rows are files. */
  package: string | null;
  /**
   * What the stacks that end here hold; a 64-bit integer.
   * @example "3167285"
   */
  flat: string;
  /** Of the total, 0 to 1. */
  flat_share: number;
  /** What the stacks that go through here hold, each counted once; a 64-bit integer. */
  cum: string;
  /** Of the total, 0 to 1. */
  cum_share: number;
}

/** What every answer about stacks says of itself. */
export class StacksAnswerDto {
  source: StacksSourceDto;
  /** @example inuse_space */
  sample_type: string;
  /** @example bytes */
  unit: string;
  /** Patterns that matched nothing: a typing error looks like an empty answer. */
  @ApiProperty({ enum: filterOptions, isArray: true })
  unmatched: FilterOption[];
}

export class TopDto extends StacksAnswerDto {
  @ApiProperty({ enum: granularities })
  by: Granularity;
  @ApiProperty({ enum: rankings })
  sort: SortedBy;
  /** What shares are shares of: the sum of all magnitudes, before any pattern; a 64-bit integer. */
  total: string;
  /** How many rows there are on all pages. */
  row_count: number;
  rows: TopRowDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}

/**
 * Boxes as columns in depth-first order: children follow their parent, ordered by name, the summed-up `other` last. Box
 * 0 is the root and stands for everything.
 */
export class FlameGraphDto extends StacksAnswerDto {
  /** What shares are shares of: the sum of all magnitudes, before any pattern; a 64-bit integer. */
  total: string;
  /** Distinct names. */
  names: string[];
  /** Per box, the index of its name; -1 for the root. */
  name: number[];
  /** Per box, the number of its parent; -1 for the root. */
  parent: number[];
  /** Per box, what ends there; 64-bit integers. */
  self: string[];
  /** Per box, what it holds with everything above it; 64-bit integers. */
  cum: string[];
  /** How many boxes were summed up in `other`. */
  folded_nodes: number;
}
