import { rankLeaks } from '../../dist/analysis/leaks/rank.js';
import { defaultConstants } from '../../dist/analysis/leaks/constants.js';
import { baselines } from './baselines.mjs';

/** The ranking as it is, by its own constants. */
export const own = 'tidemark';
/** The ranking with constants that were chosen without the project that is judged. */
export const leftOut = 'tidemark, project left out';
/** The ranking with constants that were chosen with everything in view. */
export const tuned = 'tidemark, tuned on all';

export const baselineNames = baselines.map(({ name }) => name);

/**
 * @param {{ name: string, constants?: object, byFold?: object[] }} spec a ranker that may come from another thread
 * @returns {{ name: string, rank: (evidence: object, job: object) => object[] }}
 */
export function rankerOf({ name, constants = defaultConstants, byFold }) {
  const baseline = baselines.find((one) => one.name === name);
  if (baseline !== undefined) return baseline;
  return {
    name,
    rank: (evidence, job) =>
      rankLeaks(evidence, { constants: byFold === undefined ? constants : byFold[job.fold] }).suspects,
  };
}
