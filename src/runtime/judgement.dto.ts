import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';
import {
  type Evidence,
  type Finding,
  type FindingCode,
  findingCodes,
  severities,
  type Severity,
} from '../analysis/runtime/findings.js';
import type { GcComparison, GcComparisonRow, GcCyclePhases, GcPhaseState } from '../analysis/runtime/gc-comparison.js';
import type { Basis } from '../analysis/runtime/runtime-steps.js';
import { type ThresholdName, thresholdNames } from '../analysis/runtime/thresholds.js';
import {
  type Candidate,
  type Cause,
  causes,
  type InstanceGrowth,
  type MemoryGrowth,
  type Verdict,
} from '../analysis/runtime/verdict.js';
import { TimeRangeDto } from '../platform/time-range.dto.js';
import { IsMoment } from '../platform/validators.js';
import { bases, InstanceFilterDto, ValueProperty } from './runtime.dto.js';

const Text = () => ApiProperty({ type: String, nullable: true });
const Bytes = () => ApiProperty({ type: String, nullable: true, description: 'Bytes, a decimal string.' });
const Fraction = () => ApiProperty({ type: Number, nullable: true });

/** Either `gc`, the number of one collection, or two ranges: a base and a target. */
export class GcQueryDto extends IntersectionType(TimeRangeDto, InstanceFilterDto) {
  /** Number of a collection since the start of its process, looked for between `from` and `to`. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(Number.MAX_SAFE_INTEGER)
  gc?: number;

  /**
   * Beginning of the base; by default the range just before the target, as long as it.
   * @example -2h
   */
  @IsOptional()
  @IsMoment()
  base_from?: string;

  /**
   * End of the base; by default the beginning of the target.
   * @example -1h
   */
  @IsOptional()
  @IsMoment()
  base_to?: string;

  /**
   * Beginning of the target; by default an hour before its end.
   * @example -1h
   */
  @IsOptional()
  @IsMoment()
  target_from?: string;

  /**
   * End of the target.
   * @example now
   */
  @IsOptional()
  @IsMoment()
  target_to?: string;
}

class GcPhaseStateDto implements GcPhaseState {
  @Text() at: string | null;
  /** Number of the last collection at that moment. */
  @Text() gc_count: string | null;
  @Bytes() heap_alloc: string | null;
  @Bytes() alloc_bytes_total: string | null;
  @Bytes() sys: string | null;
  @Text() heap_objects: string | null;
  @Bytes() next_gc: string | null;
}

class GcCompletionDto {
  @Bytes() heap_alloc: string | null;
  @Bytes() heap_live: string | null;
  @Bytes() heap_goal: string | null;
}

class GcCyclePhasesDto implements GcCyclePhases {
  instance: string;
  number: number;
  /** When it ended, if a log says so; else it lies between the two snapshots. */
  @Text() at: string | null;
  @ApiProperty({ type: Boolean, nullable: true }) forced: boolean | null;
  @Text() pause_nanos: string | null;
  @Text() mark_nanos: string | null;
  @Text() cpu_nanos: string | null;
  before: GcPhaseStateDto;
  completion: GcCompletionDto;
  after: GcPhaseStateDto;
}

/** With `gc`: the collection of that number. What nobody said is null. */
export class GcCycleDto {
  from: string;
  to: string;
  /** One for each process that shows it. */
  cycles: GcCyclePhasesDto[];
}

class GcRangeDto {
  from: string;
  to: string;
}

class GcComparisonRowDto implements GcComparisonRow {
  name: string;
  unit: string;
  @ApiProperty({ enum: bases, nullable: true }) basis: Basis | null;
  sources: string[];
  @ValueProperty() base: string | number | null;
  @ValueProperty() target: string | number | null;
  /** target − base; null where one of them is missing, or they were computed from something else. */
  @ValueProperty() delta: string | number | null;
  /** target ÷ base. */
  @Fraction() ratio: number | null;
}

/** Without `gc`: two ranges side by side. */
export class GcComparisonDto implements GcComparison {
  base: GcRangeDto;
  target: GcRangeDto;
  @Text() note: string | null;
  /** Means of gauges, rates of counters, the distribution of pauses. */
  rows: GcComparisonRowDto[];
}

class EvidenceDto implements Evidence {
  series: string;
  instance: string;
  from: string;
  to: string;
  @ValueProperty() value: string | number;
  unit: string;
}

class ThresholdDto {
  @ApiProperty({ enum: thresholdNames }) name: ThresholdName;
  value: number;
  unit: string;
}

class FindingDto implements Finding {
  @ApiProperty({ enum: findingCodes }) code: FindingCode;
  @ApiProperty({ enum: severities }) severity: Severity;
  /**
   * What was found, with its numbers, of the instance where it is worst.
   * @example pod-1: the garbage collector takes 31.2 % of the CPU time, more than 15 %.
   */
  sentence: string;
  /** Of each instance that it is true of, the worst first; at most 20 instances. */
  evidence: EvidenceDto[];
  /** What was exceeded; see /api/v1/thresholds. */
  threshold: ThresholdDto;
  /** How many instances it is true of. */
  instances: number;
}

export class FindingsDto {
  from: string;
  to: string;
  /** How many said anything in the range. */
  instances: number;
  @Fraction() thinned_to_seconds: number | null;
  @Text() note: string | null;
  /** The most severe first. */
  findings: FindingDto[];
}

const verdicts = [...causes, 'none', 'unknown'] as const;

class MemoryGrowthDto implements MemoryGrowth {
  /** `rss` where it was sent, else `footprint` or `heap_in_use`. */
  series: string;
  bytes_per_hour: number;
  steady: boolean;
}

class CandidateDto implements Candidate {
  @ApiProperty({ enum: causes }) cause: Cause;
  bytes_per_hour: number;
  /** Of the growth of the whole. Together they may be more than 1: a heap grows with what lives in it. */
  @Fraction() share: number | null;
  evidence: string[];
  counter_evidence: string[];
}

class InstanceGrowthDto implements InstanceGrowth {
  instance: string;
  series: string;
  bytes_per_hour: number;
  /** Median of the first third, in bytes. */
  first: string;
  /** Median of the last third, in bytes. */
  last: string;
  hours: number;
  steady: boolean;
}

export class VerdictDto implements Verdict {
  from: string;
  to: string;
  /** `none`: memory does not grow; `unknown`: too little was sent, or nothing that was sent explains the growth. */
  @ApiProperty({ enum: verdicts }) verdict: Verdict['verdict'];
  sentence: string;
  @ApiProperty({ type: MemoryGrowthDto, nullable: true }) growth: MemoryGrowthDto | null;
  /** What explains some of the growth, the largest share first. */
  candidates: CandidateDto[];
  counter_evidence: string[];
  /** What would make it surer, and how to send it. */
  missing: string[];
  /** The fastest first. Growth is that within processes, by the median of slopes. */
  instances: InstanceGrowthDto[];
  @Fraction() thinned_to_seconds: number | null;
  @Text() note: string | null;
}
