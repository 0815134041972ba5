// The windows that are ranked, and what the rankings are worth.
import { foldsOf } from './folds.mjs';
import {
  injected,
  injectedHeap,
  lengths,
  preparedHeapLeak,
  preparedHost,
  preparedLeak,
  shares,
  variants,
} from './inject.mjs';
import { labelsThatGrow, outcomeOf } from './outcomes.mjs';
import { between, mapKinds, ofKind, thinned } from './windows.mjs';

/** Recordings without leaks are thinned to so many snapshots before contiguous parts of them are ranked. */
const healthySnapshots = 9;
/** The lengths of those parts; all of such a length in a healthy service, in steps of their own length in a repaired one. */
const partLengths = [2, 3, 4, 6, 9];

/**
 * @typedef {object} Job one window
 * @property {'injected' | 'injectedHeap' | 'natural' | 'healthy' | 'fixed' | 'prefix'} suite
 * @property {() => object | null} evidence null: there is nothing to find in it
 */

/**
 * Leaks in hosts: every program with goroutines to find, in healthy services of its own group, so that the constants of a
 * group were chosen without either of them.
 *
 * @param {Map<object, number>} folds
 * @param {number} chosen.hostsPerProgram so many hosts for a program, others for the next, all of them alike often
 * @returns {Job[]}
 */
export function injectedJobs(cases, folds, chosen = {}) {
  const leaks = cases
    .filter(({ truth, evidence }) => truth.suite === 'leak' && truth.labels.length > 0 && hasMembers(evidence))
    .map(preparedLeak);
  const hosts = cases
    .filter(({ truth, evidence }) => truth.suite === 'healthy' && hasGoroutines(evidence))
    .map((one) => preparedHost(one));
  return paired(leaks, hosts, folds, chosen.hostsPerProgram).flatMap(({ leak, host, facts }) =>
    (chosen.shares ?? shares).flatMap((share) =>
      (chosen.lengths ?? lengths).flatMap((length) =>
        variants.map((variant) => ({
          ...facts,
          ...{ suite: 'injected', share, length, variant },
          evidence: () => injected(leak, host, share, length, variant),
        })),
      ),
    ),
  );
}

/** The same with leaks of memory, as large as they were recorded. @returns {Job[]} */
export function injectedHeapJobs(cases, folds, chosen = {}) {
  const leaks = cases
    .filter(({ truth }) => truth.suite === 'leak' && truth.labels.length === 0 && truth.heapLabels.length > 0)
    .map(preparedHeapLeak);
  const hosts = cases
    .filter(({ truth, evidence }) => truth.suite === 'healthy' && hasHeap(evidence))
    .map((one) => preparedHost(one, 'heap'));
  return paired(leaks, hosts, folds, chosen.hostsPerProgram).flatMap(({ leak, host, facts }) =>
    (chosen.lengths ?? lengths).flatMap((length) =>
      variants.map((variant) => ({
        ...facts,
        ...{ suite: 'injectedHeap', length, variant },
        evidence: () => injectedHeap(leak, host, length, variant),
      })),
    ),
  );
}

function paired(leaks, hosts, folds, hostsPerProgram = Infinity) {
  return leaks.flatMap((leak, number) => {
    const fold = folds.get(leak.truth);
    const near = hosts.filter((host) => folds.get(host.truth) === fold);
    const count = Math.min(hostsPerProgram, near.length);
    return Array.from({ length: count }, (_, turn) => {
      const host = near[(number + Math.floor((turn * near.length) / count)) % near.length];
      const { truth } = leak;
      const facts = {
        ...{ truth, fold, program: truth.name, project: truth.project },
        ...{ host: host.truth.name, hostProject: host.truth.project },
      };
      return { leak, host, facts };
    });
  });
}

/** Recorded services that leak, as they are. @returns {Job[]} */
export function naturalJobs(cases, folds) {
  return cases
    .filter(({ truth }) => truth.suite === 'leak' && truth.labels.length + truth.heapLabels.length > 0)
    .flatMap(({ truth, evidence }) =>
      ['all', ...lengths].map((length) => ({
        ...named('natural', truth, folds),
        length,
        evidence: () => (length === 'all' ? evidence : thinned(evidence, length)),
      })),
    );
}

/** Contiguous parts of services that leak nothing. @returns {Job[]} */
export function healthyJobs(cases, folds) {
  return cases
    .filter(({ truth }) => truth.suite !== 'leak')
    .flatMap(({ truth, evidence }) => {
      const most = Math.min(
        healthySnapshots,
        Math.max(...evidence.instances.flatMap((one) => kinds.map((kind) => ofKind(one, kind).length))),
      );
      const whole = { ...named(truth.suite, truth, folds), length: 'all', evidence: () => evidence };
      const thin = thinned(evidence, healthySnapshots);
      const parts = [];
      for (const length of partLengths) {
        for (let from = 0; from + length <= most; from += truth.suite === 'fixed' ? length : 1) {
          const evidence = () => between(thin, from, from + length, most);
          parts.push({ ...named(truth.suite, truth, folds), length, from, evidence });
        }
      }
      return [whole, ...parts];
    });
}

/** Recordings as they are, from the start: two snapshots, three, and so on. @returns {Job[]} */
export function prefixJobs(cases, folds, mostSnapshots = 12) {
  return cases
    .filter(({ truth }) => truth.suite === 'leak' && truth.labels.length + truth.heapLabels.length > 0)
    .flatMap(({ truth, evidence }) => {
      const thin = thinned(evidence, mostSnapshots);
      const most = Math.max(...thin.instances.flatMap((one) => kinds.map((kind) => ofKind(one, kind).length)));
      return Array.from({ length: Math.max(0, most - 1) }, (_, i) => i + 2).map((length) => ({
        ...named('prefix', truth, folds),
        length,
        evidence: () => mapKinds(thin, (snapshots) => snapshots.slice(0, length)),
      }));
    });
}

const kinds = ['goroutine', 'heap'];

/** All windows of an evaluation, in the same order whoever makes them. @returns {Job[]} */
export function jobsOf(cases, chosen) {
  const folds = foldsOf(cases);
  return [
    ...injectedJobs(cases, folds, chosen),
    ...injectedHeapJobs(cases, folds, chosen),
    ...naturalJobs(cases, folds),
    ...healthyJobs(cases, folds),
    ...prefixJobs(cases, folds),
  ];
}

function named(suite, truth, folds) {
  const { name, project } = truth;
  return { suite, truth, fold: folds.get(truth), program: name, project, host: name, hostProject: project };
}

/** Of a service with fewer goroutines a share is no number. */
const leastHostGoroutines = 20;

function hasGoroutines(evidence) {
  return evidence.instances.every((one) => {
    const snapshots = ofKind(one, 'goroutine');
    const last = snapshots.at(-1)?.counts.reduce((sum, count) => sum + count, 0) ?? 0;
    return snapshots.length > 1 && last >= leastHostGoroutines;
  });
}

function hasHeap(evidence) {
  return evidence.instances.every((one) => ofKind(one, 'heap').length > 1);
}

function hasMembers(evidence) {
  return evidence.instances.some((one) => {
    const snapshots = ofKind(one, 'goroutine');
    return snapshots.length > 1 && snapshots.every(({ members }) => members !== null);
  });
}

/**
 * Ranks the window of a job with all rankers.
 *
 * @param {{ name: string, rank: (evidence: object, job: Job) => object[] }[]} rankers
 * @returns a row per ranker; none where there is nothing to find
 */
export function evaluate(job, rankers) {
  const evidence = job.evidence();
  if (evidence === null) return [];
  const { truth } = job;
  const grown = labelsThatGrow(evidence, truth);
  const toFind = job.suite !== 'healthy' && job.suite !== 'fixed';
  if (toFind && grown.size === 0 && truth.heapLabels.length === 0) return [];
  return rankers.map(({ name, rank }) => ({
    ranker: name,
    suite: job.suite,
    fold: job.fold,
    program: job.program,
    project: job.project,
    host: job.host,
    hostProject: job.hostProject,
    share: job.share,
    length: job.length,
    variant: job.variant,
    findsGoroutines: grown.size > 0,
    // The memory that leaked goroutines hold is told with them, and is no suspect of its own.
    findsHeap: truth.heapLabels.length > 0 && truth.labels.length === 0,
    ...outcomeOf(rank(evidence, job), truth, grown),
  }));
}
