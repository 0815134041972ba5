import { Problem } from './problem.js';
import { findSeconds } from './moment.js';
import { resolveRange, type TimeRange } from './time-range.js';

const dayMillis = 24 * 3_600_000;
const longestRangeDays = 400;
const hourSeconds = 3600;

/** From a minute on, each a whole number of the one before. */
const ladder = [60, 300, 900, hourSeconds, 6 * hourSeconds, 24 * hourSeconds];
const comfortablePoints = 800;

export interface Steps {
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly stepSeconds: number;
}

/**
 * The range of a trend (by default the last day) and its steps (by default the shortest of the ladder that gives no more
 * than 800 points).
 * @throws Problem `validation-failed`
 */
export function resolveSteps(
  query: TimeRange & { readonly step?: string },
  now: Date,
  defaultRangeMillis = dayMillis,
): Steps {
  const range = resolveRange(query, now, defaultRangeMillis);
  const fromMillis = range.from.getTime();
  const toMillis = range.to.getTime();
  const days = (toMillis - fromMillis) / dayMillis;
  if (days > longestRangeDays) {
    throw new Problem('validation-failed', `A trend covers at most ${longestRangeDays} days.`, {
      limit: 'trend-days',
      actual: Math.ceil(days),
      allowed: longestRangeDays,
      errors: [{ pointer: '?from', code: 'range-too-long' }],
    });
  }
  const asked = query.step === undefined ? null : findSeconds(query.step);
  const comfortable = ladder.find((seconds) => (toMillis - fromMillis) / (seconds * 1000) <= comfortablePoints);
  return { fromMillis, toMillis, stepSeconds: asked ?? comfortable ?? ladder[ladder.length - 1] };
}
