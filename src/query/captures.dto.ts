import { ApiProperty, IntersectionType, OmitType } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { serviceNamePattern } from '../tenants/names.js';
import { SelectorsDto } from './selection.dto.js';
import { BuildRefDto, SnapshotWithPartsDto } from './snapshots.dto.js';

class CaptureFiltersDto extends OmitType(SelectorsDto, ['labels']) {
  /** Captures of this service only. */
  @IsOptional()
  @Matches(serviceNamePattern)
  service?: string;
}

export class CaptureListQueryDto extends IntersectionType(CaptureFiltersDto, ListQueryDto) {}

/** A file that no snapshot was made of. */
export class SkippedInCaptureDto {
  name: string;
  /** `empty`: without a byte; `metadata`: written by an operating system beside the files themselves. */
  @ApiProperty({ enum: ['empty', 'metadata'] })
  reason: 'empty' | 'metadata';
}

/** How many of a capture's files are in which state. */
export class CaptureStatesDto {
  stored: number;
  parsing: number;
  indexed: number;
  rejected: number;
  quarantined: number;
}

/** A file of the capture, and all that was found in it. */
export class CapturedSnapshotDto extends OmitType(SnapshotWithPartsDto, ['name']) {
  /**
   * The name of the file.
   * @example heap.pb.gz
   */
  name: string;
}

export class CaptureSelfDto {
  self: string;
}

/** Several snapshots of one instance that were taken together. */
export class CaptureDto {
  id: string;
  /** @example checkout-api */
  service: string;
  team: string;
  /** `default` for everything sent without an instance. */
  instance: string;
  /**
   * When it was taken, as the sender says, else when it was received; UTC. Each snapshot has a time of its own.
   * @example 2026-11-23T15:19:47.238794Z
   */
  captured_at: string;
  @ApiProperty({ enum: ['given', 'receipt'] })
  captured_from: 'given' | 'receipt';
  received_at: Date;
  /** How long it took, as the sender says. */
  capture_ms: number | null;
  /** As the sender says. */
  build: BuildRefDto | null;
  env: string;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  labels: Readonly<Record<string, string>>;
  /** How many files it has. */
  files: number;
  /** How many of them are in which state. */
  states: CaptureStatesDto;
  /** Whether all of them are indexed, rejected or quarantined. */
  settled: boolean;
  /** Files that no snapshot was made of. */
  skipped: SkippedInCaptureDto[];
  links: CaptureSelfDto;
}

export class CaptureWithSnapshotsDto extends CaptureDto {
  /** In the order in which they were sent. */
  snapshots: CapturedSnapshotDto[];
}

export class CaptureListDto {
  /** Youngest first. */
  rows: CaptureDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}
