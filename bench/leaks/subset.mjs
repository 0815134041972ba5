import { evaluate } from './evaluation.mjs';
import { figuresOf } from './figures.mjs';
import { chosenJobs } from './jobs.mjs';

/**
 * The figures of a ranking on some of the windows, in this thread.
 *
 * @param {string[]} files of cases
 * @param {'quick' | 'spec'} subset
 * @param {(evidence: object) => object[]} rank suspects, best first
 */
export function figuresOfSubset(files, subset, rank) {
  const { cases, jobs } = chosenJobs({ files, subset });
  const ranker = { name: subset, rank };
  return figuresOf(
    jobs.flatMap((job) => evaluate(job, [ranker])),
    cases,
  );
}
