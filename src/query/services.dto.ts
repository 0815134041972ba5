import { IsOptional } from 'class-validator';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { SampleTypeDto } from './snapshots.dto.js';
import { IsMoment } from '../platform/validators.js';

export class ServiceDto {
  /** @example checkout-api */
  name: string;
  team: string;
  created_at: Date;
  /** Capture of the youngest snapshot; null if there is none. */
  last_captured_at: Date | null;
}

export class ServiceListDto {
  /** By name. */
  rows: ServiceDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}

export class ServiceKindDto {
  /** @example heap */
  kind: string;
  /** Capture of the youngest indexed snapshot of this kind. */
  last_captured_at: Date;
  /** What can be asked for as `sample_type`. */
  sample_types: SampleTypeDto[];
}

export class ServiceDetailsDto extends ServiceDto {
  /** What has been indexed. */
  kinds: ServiceKindDto[];
}

export class BuildDto {
  version: string;
  git_sha: string;
  /** Id of the build in the CI system. */
  ci_build: string;
  first_seen: Date;
  last_seen: Date;
}

export class BuildListDto {
  /** The one that appeared last first. */
  rows: BuildDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}

export class InstanceListQueryDto extends ListQueryDto {
  /**
   * Only instances seen since then.
   * @example -1d
   */
  @IsOptional()
  @IsMoment()
  from?: string;
}

export class InstanceDto {
  /** `default` stands for everything sent without an instance. */
  name: string;
  first_seen: Date;
  last_seen: Date;
}

export class InstanceListDto {
  /** The one that appeared last first. */
  rows: InstanceDto[];
  /** Pass as `cursor` for the next page; null on the last one. */
  next: string | null;
}
