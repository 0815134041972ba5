import { findMoment } from './moment.js';
import { Problem } from './problem.js';

/** From when to when, as a caller wrote it. */
export interface TimeRange {
  readonly from?: string;
  readonly to?: string;
}

/**
 * @param defaultMillis length of a range without `from`, which ends at `to` or now
 * @throws Problem `validation-failed` when it is empty
 */
export function resolveRange(
  { from, to }: TimeRange,
  now: Date,
  defaultMillis: number,
  prefix = '',
): { from: Date; to: Date } {
  const end = momentOf(to, now) ?? now;
  const start = momentOf(from, now) ?? new Date(end.getTime() - defaultMillis);
  if (start >= end) {
    const detail = `the range is empty: it begins at ${start.toISOString()} and ends at ${end.toISOString()}`;
    throw new Problem('validation-failed', detail, {
      errors: [{ pointer: `?${prefix}${from === undefined ? 'to' : 'from'}`, code: 'empty-range', detail }],
    });
  }
  return { from: start, to: end };
}

/** The DTO has made sure that what is there is a moment. */
export function momentOf(text: string | undefined, now: Date): Date | undefined {
  return text === undefined ? undefined : (findMoment(text, now) ?? undefined);
}
