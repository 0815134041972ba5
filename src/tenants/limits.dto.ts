import { applyDecorators } from '@nestjs/common';
import { IsInt, Max, Min, ValidateIf } from 'class-validator';
import type { LimitName } from './limits.js';

// IsOptional would let null pass, which says neither a value nor the default.
const isGiven = (_limits: object, value: unknown) => value !== undefined;

const LimitValue = (atLeast: number) =>
  applyDecorators(ValidateIf(isGiven), IsInt(), Min(atLeast), Max(Number.MAX_SAFE_INTEGER));

/** A tenant's own limits. What is not named has its default. */
export class LimitOverridesDto implements Partial<Record<LimitName, number>> {
  /** Bytes in the body of one upload or capture, as sent; in each file of a capture, unpacked. */
  @LimitValue(1) body_bytes?: number;

  /** Files in one capture. */
  @LimitValue(1) parts_per_capture?: number;

  /** Entries in the tar or zip of one capture, directories included. */
  @LimitValue(1) archive_entries?: number;

  /** Bytes in all that comes out of one compressed tar or zip. */
  @LimitValue(1) unpacked_bytes?: number;

  /** How many bytes may come out of each byte of a compressed tar or zip. */
  @LimitValue(1) unpacked_ratio?: number;

  /** Uploads a minute with one key, each file of a capture counted; a minute's worth may come at once. */
  @LimitValue(1) uploads_per_minute?: number;

  /** Bytes uploaded a second, by the whole tenant. */
  @LimitValue(1) upload_bytes_per_second?: number;

  /** How many bytes the tenant may run ahead of `upload_bytes_per_second`. */
  @LimitValue(1) upload_burst_bytes?: number;

  /** Labels on one upload. */
  @LimitValue(0) labels?: number;

  /** Bytes in the name of a label. */
  @LimitValue(1) label_name_bytes?: number;

  /** Bytes in the value of a label. */
  @LimitValue(0) label_value_bytes?: number;

  /** Services of the tenant. */
  @LimitValue(1) services?: number;

  /** Instances of one service seen within a day. */
  @LimitValue(1) instances_per_service?: number;
}

/** What holds for a tenant, by the names that refusals give. */
export class LimitsDto implements Record<LimitName, number> {
  body_bytes: number;
  parts_per_capture: number;
  archive_entries: number;
  unpacked_bytes: number;
  unpacked_ratio: number;
  uploads_per_minute: number;
  upload_bytes_per_second: number;
  upload_burst_bytes: number;
  labels: number;
  label_name_bytes: number;
  label_value_bytes: number;
  services: number;
  instances_per_service: number;
}

export class TenantLimitsDto {
  /** What holds: the defaults with the tenant's own values over them. */
  limits: LimitsDto;
  /** The tenant's own values only. */
  overrides: LimitOverridesDto;
}
