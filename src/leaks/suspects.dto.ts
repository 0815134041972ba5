import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  MinLength,
  ValidateBy,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { type SuspectKind, type SuspectTier, suspectTiers } from '../analysis/leaks/suspect.js';
import { findMoment } from '../platform/moment.js';
import { IsMoment, IsOneOf } from '../platform/validators.js';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { plainNamePattern, serviceNamePattern } from '../tenants/names.js';
import { JudgedDto, LeakSuspectDto, SuspectFrameDto, SuspectGrowthDto, suspectKinds } from './leak-ranking.dto.js';
import { type SuspectPhase, suspectPhases, type SuspectState, suspectStates } from './life-cycle.js';
import { maxOwnerRules } from './owner-rules.js';

/** Up to so many printable characters and spaces, none at either end. */
const assigneePattern = /^(?! )[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,128}(?<! )$/u;
/** No control characters but line ends and tabs. */
const commentPattern = /^[^\p{Cc}\p{Cs}]*(?:[\n\r\t][^\p{Cc}\p{Cs}]*)*$/u;

/** Which suspects, of those that the path is about. */
export class SuspectFiltersDto extends ListQueryDto {
  /**
   * In these states, divided by commas.
   * @example open,acknowledged
   */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',') : value))
  @ArrayUnique()
  @IsIn(suspectStates, { each: true })
  @ApiPropertyOptional({ type: String, default: 'open,acknowledged' })
  state: SuspectState[] = ['open', 'acknowledged'];

  @IsOptional()
  @IsOneOf(suspectTiers)
  tier?: SuspectTier;

  @IsOptional()
  @IsOneOf(suspectKinds)
  kind?: SuspectKind;

  /** A part of the function's path, in any case. */
  @IsOptional()
  @IsString()
  @MaxLength(512)
  function?: string;

  /** Who it is assigned to; exactly so. */
  @IsOptional()
  @Matches(assigneePattern)
  assignee?: string;

  /** The version in which the growth began. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  build?: string;

  /**
   * Seen at this time or later.
   * @example -7d
   */
  @IsOptional()
  @IsMoment()
  since?: string;
}

export class SuspectListQueryDto extends SuspectFiltersDto {
  /** Of this service only. */
  @IsOptional()
  @Matches(serviceNamePattern)
  service?: string;
}

export class SuspectLinksDto {
  self: string;
  history: string;
}

/** A suspect as it is listed. */
export class SuspectDto {
  id: string;
  service: string;
  /** The owner: by an owner rule or as a person said, else the service's team. */
  team: string;
  assignee: string | null;
  @ApiProperty({ enum: suspectStates })
  state: SuspectState;
  /** While it is open or acknowledged: what the rankings say of it. */
  @ApiProperty({ enum: suspectPhases, nullable: true })
  phase: SuspectPhase | null;
  @ApiProperty({ enum: suspectTiers })
  tier: SuspectTier;
  score: number;
  /** In the latest ranking of its service; null: which does not see it. */
  rank: number | null;
  @ApiProperty({ enum: suspectKinds })
  kind: SuspectKind;
  fingerprint: string;
  /** The function to open in the editor. */
  function: string;
  pivot: SuspectFrameDto;
  site: SuspectFrameDto;
  /** Of goroutines, as Go spells it without the minutes. */
  wait_state: string | null;
  /** The first of the reasons. */
  why: string | null;
  growth: SuspectGrowthDto;
  /** How many instances show it grow. */
  instances_affected: number;
  /** The most there ever was. */
  peak: number;
  first_seen_at: Date;
  last_seen_at: Date;
  since_build: string | null;
  /** How often it came back after it had been resolved. */
  regressions: number;
  links: SuspectLinksDto;
}

export class SuspectListDto {
  /**
   * By tier, then by score; what the latest ranking of its service does not see comes after that, and what is resolved or
   * ignored last. Scores of different kinds and services are compared as they are, and never averaged.
   */
  rows: SuspectDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}

export class RankingWindowDto {
  from: Date;
  to: Date;
}

/** What the latest ranking of a service rests on: why a list is empty, or short. */
export class ServiceRankingDto {
  /** Null: it was never ranked. */
  ranked_at: Date | null;
  window: RankingWindowDto | null;
  /** What the ranking could not see, and how strong it can be at all. */
  notes: string[];
  judged: JudgedDto | null;
  /** Whether there is evidence that it has not seen yet. */
  pending: boolean;
  /** Why the last attempt came to nothing; null: it succeeded. */
  fault: string | null;
}

export class ServiceSuspectListDto extends SuspectListDto {
  ranking: ServiceRankingDto;
}

export class GoneEvidenceDto {
  /** `gone`: a younger build does not show it; `unseen`: nothing shows it. */
  @ApiProperty({ enum: ['gone', 'unseen'] })
  reason: 'gone' | 'unseen';
  from: Date;
  to: Date;
  /** Of that build and the suspect's kind. */
  snapshots: number;
  /** What the speed of before would have added meanwhile, in the unit of its growth. */
  expected: number;
}

export class ResolutionDto {
  @ApiProperty({ enum: ['key', 'ranking'] })
  by: 'key' | 'ranking';
  at: Date;
  /** Silent until this build, or one that was first seen after it, shows the suspect; null: since `at`. */
  build: string | null;
  evidence: GoneEvidenceDto | null;
}

/** Neither: for ever. */
export class IgnoredDto {
  until: Date | null;
  /** In the unit of its growth. */
  over: number | null;
}

export class EvidenceSnapshotDto {
  id: string;
  kind: string | null;
  captured_at: Date;
  build: string | null;
  /** Whether retention has to leave it, because the suspect is open. */
  pinned: boolean;
  self: string;
}

/** Two snapshots of an instance between which it grew. */
export class EvidenceDto {
  instance: string;
  /** Null: it is no longer kept. */
  before: EvidenceSnapshotDto | null;
  after: EvidenceSnapshotDto | null;
  /** What changed between them; null unless both are kept and of one kind. */
  diff: string | null;
}

export class SuspectEventDto {
  /** From 1. */
  number: number;
  at: Date;
  /** @example resolved */
  what: string;
  /** Null: the ranking. */
  by: SuspectEventByDto | null;
  /** What changed, each as before and after. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'array', items: {} } })
  changes: Readonly<Record<string, readonly unknown[]>>;
  comment: string | null;
}

export class SuspectEventByDto {
  key: string;
  name: string;
}

export class SuspectDetailsDto extends SuspectDto {
  resolution: ResolutionDto | null;
  ignored: IgnoredDto | null;
  /** As the ranking has seen it last, with all its reasons. */
  suspect: LeakSuspectDto;
  evidence: EvidenceDto[];
  /** The youngest events, the last first; `links.history` has all. */
  history: SuspectEventDto[];
}

export class SuspectEventListDto {
  /** The last first. */
  rows: SuspectEventDto[];
  next: string | null;
}

export class ResolvedInBuildDto {
  @IsString()
  @MinLength(1)
  @MaxLength(256)
  build: string;
}

export class IgnoreDto {
  /**
   * `forever`; `+50%`: until there is half as much again as there ever was; or a date.
   * @example +50%
   */
  @ValidateBy({
    name: 'isEndOfIgnoring',
    validator: {
      validate: (value) => value === 'forever' || value === '+50%' || isDate(value),
      defaultMessage: () => 'until must be "forever", "+50%" or a date (RFC 3339)',
    },
  })
  until: string;
}

// IsOptional would let null pass where it says nothing.
const isGiven = (_body: object, value: unknown) => value !== undefined;
const isGivenAndNotNull = (_body: object, value: unknown) => value !== undefined && value !== null;

/** What is to change; what is not named stays. */
export class SuspectPatchDto {
  @ValidateIf(isGiven)
  @IsIn(suspectStates)
  @ApiPropertyOptional({ enum: suspectStates })
  state?: SuspectState;

  /** With `resolved`: `now` (the default), or the build that has the fix. */
  @ValidateIf((_body, value) => value !== undefined && value !== 'now')
  @ValidateNested()
  @Type(() => ResolvedInBuildDto)
  @ApiPropertyOptional({
    oneOf: [
      { type: 'string', enum: ['now'] },
      { type: 'object', required: ['build'], properties: { build: { type: 'string' } } },
    ],
  })
  resolved_in?: 'now' | ResolvedInBuildDto;

  /** With `ignored`; by default for ever. */
  @ValidateIf(isGiven)
  @ValidateNested()
  @Type(() => IgnoreDto)
  ignore?: IgnoreDto;

  /** A person's or a group's name, or null for nobody. */
  @ValidateIf(isGivenAndNotNull)
  @Matches(assigneePattern)
  assignee?: string | null;

  /** A team that owns it whatever the rules say, or null: as the rules say. */
  @ValidateIf(isGivenAndNotNull)
  @Matches(plainNamePattern)
  team?: string | null;

  @ValidateIf(isGiven)
  @MinLength(1)
  @MaxLength(10_000)
  @Matches(commentPattern, { message: 'comment must not hold control characters' })
  comment?: string;
}

export class OwnerRuleDto {
  /**
   * A glob over the path of a function or its file: `*` is any text without a slash, `**` any text.
   * @example github.com/acme/payments/**
   */
  @IsString()
  pattern: string;

  /** @example payments */
  @Matches(plainNamePattern)
  team: string;
}

/** In their order: the last rule that matches counts. */
export class OwnerRulesDto {
  @IsArray()
  @ArrayMaxSize(maxOwnerRules)
  @ValidateNested({ each: true })
  @Type(() => OwnerRuleDto)
  rules: OwnerRuleDto[];
}

function isDate(value: unknown): boolean {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\d/.test(value) && findMoment(value, new Date(0)) !== null;
}
