import { IsOptional } from 'class-validator';
import { IsMoment } from './validators.js';

/** From when to when. Times are RFC 3339, Unix seconds or milliseconds, `now`, or relative to now as `-1h`, `-7d`. */
export class TimeRangeDto {
  /**
   * The first moment.
   * @example -1h
   */
  @IsOptional()
  @IsMoment()
  from?: string;

  /**
   * The first moment after the last one.
   * @example now
   */
  @IsOptional()
  @IsMoment()
  to?: string;
}
