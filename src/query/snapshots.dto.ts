import { ApiProperty, IntersectionType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { serviceNamePattern } from '../tenants/names.js';
import type { ProblemBody } from '../platform/problem.js';
import { ProblemDto } from './problem.dto.js';
import { KindDto, SelectorsDto } from './selection.dto.js';
import { type UploadState, uploadStates } from './snapshots.js';
import { IsOneOf } from '../platform/validators.js';

class SnapshotFiltersDto {
  /** Snapshots of this service only. */
  @IsOptional()
  @Matches(serviceNamePattern)
  service?: string;

  /** Snapshots in this state only. */
  @IsOptional()
  @IsOneOf(uploadStates)
  state?: UploadState;
}

export class SnapshotListQueryDto extends IntersectionType(SnapshotFiltersDto, KindDto, SelectorsDto, ListQueryDto) {}

export class SnapshotQueryDto {
  /** Waits up to so many seconds until the snapshot is indexed or rejected, then answers whatever its state is. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(60)
  wait: number = 0;
}

export class SampleTypeTotalDto {
  /** @example inuse_space */
  type: string;
  /** @example bytes */
  unit: string;
  /**
   * Sum over all stacks; a 64-bit integer.
   * @example "5266029"
   */
  total: string;
}

export class BuildRefDto {
  /** @example v1.42.0 */
  version: string;
  git_sha: string;
  ci_build: string;
}

export class PartDto {
  id: string;
  /** 0 is the upload itself. */
  part: number;
  kind: string | null;
}

export class SnapshotLinksDto {
  self: string;
  /** The bytes as received. */
  raw: string;
  /** As a gzipped pprof profile. */
  profile: string;
  top: string;
  flamegraph: string;
  folded: string;
}

export class NoteDto {
  code: string;
  /** How often it was met. */
  count: number;
  detail: string;
}

export class SampleTypeDto {
  type: string;
  unit: string;
}

/** What the artefact says of itself. Null or empty until it is indexed. */
export class SnapshotDetailsDto {
  /** Between two samples; a 64-bit integer. */
  period: string | null;
  @ApiProperty({ type: () => SampleTypeDto, nullable: true })
  period_type: SampleTypeDto | null;
  default_sample_type: string | null;
  /** Its size in its own terms. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  counts: Readonly<Record<string, number>>;
  /** What is odd about it though it is valid. */
  warnings: NoteDto[];
  /** What the index does not hold apart, though the totals contain it. */
  losses: NoteDto[];
}

export class SnapshotDto {
  id: string;
  /** The upload it was found in; the id of the upload's first snapshot. */
  upload_id: string;
  /** Which one of the upload's snapshots, from 0. */
  part: number;
  /** The capture it was sent in, the first one if it was in several; null if it was sent alone. */
  capture_id: string | null;
  /** The name of its file in that capture. */
  name: string | null;
  /** @example checkout-api */
  service: string;
  team: string;
  /** `default` for everything sent without an instance. */
  instance: string;
  /**
   * Null until the bytes have been looked at.
   * @example heap
   */
  kind: string | null;
  /** `stored`, `parsing`, `indexed`, `rejected` or `quarantined`. */
  @ApiProperty({ enum: uploadStates })
  state: UploadState;
  /**
   * When it was captured, UTC. Provisional until the snapshot is indexed.
   * @example 2026-11-23T15:19:47.238794Z
   */
  captured_at: string;
  /** Who says so: the sender (`given`), the bytes (`artefact`), or nobody, and it is the time of receipt (`receipt`). */
  @ApiProperty({ enum: ['given', 'artefact', 'receipt'] })
  captured_from: 'given' | 'artefact' | 'receipt';
  received_at: Date;
  /** When it was indexed, rejected or quarantined; null until then. */
  finished_at: Date | null;
  /** How long the capture took, as the sender says. */
  capture_ms: number | null;
  build: BuildRefDto | null;
  env: string;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  labels: Readonly<Record<string, string>>;
  /** Whether its numbers are differences already (`?seconds=N`). */
  delta: boolean;
  /** What it covers: of a CPU profile and of a difference, else 0; a 64-bit integer. */
  duration_nanos: string;
  /** Its numbers, in the order of the profile. */
  sample_types: SampleTypeTotalDto[];
  details: SnapshotDetailsDto;
  /** SHA-256 of the bytes as received, in hexadecimal. */
  sha256: string;
  /** How many bytes were received; a 64-bit integer. */
  size_bytes: string;
  /** How they were encoded for transport, as the sender said. */
  @ApiProperty({ enum: ['identity', 'gzip'] })
  content_encoding: 'identity' | 'gzip';
  /** Why it was rejected or quarantined: a problem as of RFC 9457. */
  @ApiProperty({ type: () => ProblemDto, nullable: true })
  problem: ProblemBody | null;
  links: SnapshotLinksDto;
}

export class SnapshotWithPartsDto extends SnapshotDto {
  /** All that was found in the same upload, this snapshot included. */
  parts: PartDto[];
}

export class SnapshotListDto {
  /** Youngest capture first. */
  rows: SnapshotDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}
