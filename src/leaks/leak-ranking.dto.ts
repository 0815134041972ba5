import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Matches, Max, MaxLength, Min } from 'class-validator';
import {
  type LeakRanking,
  type LeakSuspect,
  type SuspectAdvice,
  type SuspectFactor,
  type SuspectGrowth,
  type SuspectInstance,
  type SuspectKind,
  type SuspectTier,
  suspectTiers,
} from '../analysis/leaks/suspect.js';
import type { EvidenceFrame } from '../analysis/leaks/evidence.js';
import { TimeRangeDto } from '../platform/time-range.dto.js';
import { instanceNamePattern } from '../tenants/names.js';

export const suspectKinds = ['goroutine', 'heap', 'off-heap'] as const satisfies readonly SuspectKind[];

/*
 * A ranking as it is computed, in the names that `tidemark leaks --json` has, too.
 */

export class SuspectFrameDto implements EvidenceFrame {
  /** @example main.(*Server).watch */
  function: string;
  file: string;
  /** 0: not known. */
  line: number;
}

export class SuspectFactorDto implements SuspectFactor {
  name: string;
  /** What the score is multiplied with. */
  value: number;
  /** What it was computed from, in the unit of the name. */
  detail: string;
}

export class SuspectGrowthDto implements SuspectGrowth {
  @ApiProperty({ enum: ['goroutines', 'bytes'] })
  unit: 'goroutines' | 'bytes';
  /** Of all instances that are alive. */
  perHour: number;
  /** At the end of the window, on all instances that are alive. */
  now: number;
  /** Of what the service's goroutines or heap grew in the window, from 0 to 1. */
  share: number;
  /** Until the memory limit at this rate; null: no limit is known, or it will not be reached. */
  hoursToLimit: number | null;
}

export class SuspectInstanceDto implements SuspectInstance {
  name: string;
  affected: boolean;
  perHour: number;
  now: number;
  /** Process lifetimes that were judged. */
  lifetimes: number;
  /** Those of them in which it grew. */
  grownLifetimes: number;
  /** When, in Unix milliseconds, and … */
  atMillis: number[];
  /** … how many or how much: the series that was judged. */
  values: number[];
  /** Id of the snapshot before it grew. */
  before: string;
  /** Id of the snapshot after it grew. */
  after: string;
}

export class SuspectAdviceDto implements SuspectAdvice {
  signature: string;
  title: string;
  meaning: string;
  fix: string;
  links: string[];
}

export class MemoryCostDto {
  bytes: number;
  bytesPerGoroutine: number;
}

/** One place that the ranking believes leaks, with everything that it believes it for. */
export class LeakSuspectDto implements LeakSuspect {
  /** From 1. */
  rank: number;
  /** How sure: proven by the runtime or by repetition; beyond chance and load; worth an eye. */
  @ApiProperty({ enum: suspectTiers })
  tier: SuspectTier;
  /** The product of the factors. */
  score: number;
  @ApiProperty({ enum: suspectKinds })
  kind: SuspectKind;
  /** The same for the same place in another build, whatever lines have moved. */
  fingerprint: string;
  /** The function to open in the editor: the deepest frame of the application that carries the growth. */
  function: string;
  pivot: SuspectFrameDto;
  /** The innermost frame outside the runtime: where the allocation or the block happens. */
  site: SuspectFrameDto;
  /** Of goroutines, as Go spells it without the minutes. */
  state: string | null;
  /** Leaf first. */
  stack: SuspectFrameDto[];
  createdBy: string | null;
  factors: SuspectFactorDto[];
  why: string[];
  whyNot: string[];
  growth: SuspectGrowthDto;
  /** Unix milliseconds, of the first snapshot in the window that has it. */
  firstSeenMillis: number;
  /** The build in which the growth began; null: not known. */
  sinceBuild: string | null;
  instances: SuspectInstanceDto[];
  advice: SuspectAdviceDto[];
  /** Of goroutines: the heap and stacks that they hold, which is no suspect of its own. */
  memoryCost: MemoryCostDto | null;
  /** Suspects of other groups that are part of the same leak, by fingerprint. */
  related: string[];
}

export class JudgedDto {
  instances: number;
  lifetimes: number;
  goroutineSnapshots: number;
  heapSnapshots: number;
  /** Unix milliseconds; null: no snapshot. */
  firstAtMillis: number | null;
  /** Unix milliseconds; null: no snapshot. */
  lastAtMillis: number | null;
}

/** The ranking of one service in one window, and what it rests on. */
export class LeakRankingDto implements LeakRanking {
  suspects: LeakSuspectDto[];
  /** What the ranking could not see, and how strong it can be at all. */
  notes: string[];
  judged: JudgedDto;
}

export class ExplainDto extends TimeRangeDto {
  /** One instance alone. */
  @IsOptional()
  @Matches(instanceNamePattern)
  instance?: string;

  /** One version alone. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  build?: string;

  /** How many suspects at most. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(200)
  limit?: number;
}
