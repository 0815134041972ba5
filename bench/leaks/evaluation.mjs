// The windows that are ranked, and what the rankings are worth.
import { injected, lengths, preparedHost, preparedLeak, shares, variants } from './inject.mjs';
import { labelsThatGrow, outcomeOf } from './outcomes.mjs';
import { between, mapKinds, ofKind, thinned } from './windows.mjs';

/** Healthy recordings are thinned to so many snapshots before all contiguous parts of them are ranked. */
const healthySnapshots = 9;

/**
 * @typedef {object} Job one window
 * @property {'injected' | 'natural' | 'healthy' | 'fixed'} suite
 * @property {() => object | null} evidence null: there is nothing to find in it
 */

/**
 * Leaks in hosts: every program with goroutines to find, in healthy services.
 *
 * @param {number} chosen.hostsPerProgram so many hosts for a program, others for the next, all of them alike often
 * @returns {Job[]}
 */
export function injectedJobs(cases, chosen = {}) {
  const leaks = cases
    .filter(({ truth, evidence }) => truth.suite === 'leak' && truth.labels.length > 0 && hasMembers(evidence))
    .map(preparedLeak);
  const hosts = cases
    .filter(({ truth, evidence }) => truth.suite === 'healthy' && hasGoroutines(evidence))
    .map(preparedHost);
  const jobs = [];
  const perProgram = Math.min(chosen.hostsPerProgram ?? Infinity, hosts.length);
  for (const [number, leak] of leaks.entries()) {
    for (let turn = 0; turn < perProgram; turn++) {
      const host = hosts[(number + Math.floor((turn * hosts.length) / perProgram)) % hosts.length];
      for (const share of chosen.shares ?? shares) {
        for (const length of chosen.lengths ?? lengths) {
          for (const variant of variants) {
            jobs.push({
              suite: 'injected',
              truth: leak.truth,
              program: leak.truth.name,
              project: leak.truth.project,
              host: host.truth.name,
              hostProject: host.truth.project,
              share,
              length,
              variant,
              evidence: () => injected(leak, host, share, length, variant),
            });
          }
        }
      }
    }
  }
  return jobs;
}

/** Recorded services that leak, as they are. @returns {Job[]} */
export function naturalJobs(cases) {
  return cases
    .filter(({ truth }) => truth.suite === 'leak' && truth.labels.length + truth.heapLabels.length > 0)
    .flatMap(({ truth, evidence }) =>
      ['all', ...lengths].map((length) => ({
        ...named('natural', truth),
        length,
        evidence: () => (length === 'all' ? evidence : thinned(evidence, length)),
      })),
    );
}

/** Contiguous parts of services that leak nothing. @returns {Job[]} */
export function healthyJobs(cases) {
  return cases
    .filter(({ truth }) => truth.suite !== 'leak')
    .flatMap(({ truth, evidence }) => {
      const most = Math.min(
        healthySnapshots,
        Math.max(...evidence.instances.flatMap((one) => kinds.map((kind) => ofKind(one, kind).length))),
      );
      const whole = { ...named(truth.suite, truth), length: 'all', evidence: () => evidence };
      const thin = thinned(evidence, healthySnapshots);
      const parts = [];
      for (let from = 0; from < most; from++) {
        for (let to = from + 2; to <= most; to++) {
          parts.push({
            ...named(truth.suite, truth),
            length: to - from,
            from,
            evidence: () => between(thin, from, to, most),
          });
        }
      }
      return [whole, ...parts];
    });
}

/** Recordings as they are, from the start: two snapshots, three, and so on. @returns {Job[]} */
export function prefixJobs(cases, mostSnapshots = 12) {
  return cases
    .filter(({ truth }) => truth.suite === 'leak' && truth.labels.length + truth.heapLabels.length > 0)
    .flatMap(({ truth, evidence }) => {
      const thin = thinned(evidence, mostSnapshots);
      const most = Math.max(...thin.instances.flatMap((one) => kinds.map((kind) => ofKind(one, kind).length)));
      return Array.from({ length: Math.max(0, most - 1) }, (_, i) => i + 2).map((length) => ({
        ...named('prefix', truth),
        length,
        evidence: () => mapKinds(thin, (snapshots) => snapshots.slice(0, length)),
      }));
    });
}

const kinds = ['goroutine', 'heap'];

function named(suite, truth) {
  return { suite, truth, program: truth.name, project: truth.project, host: truth.name, hostProject: truth.project };
}

function hasGoroutines(evidence) {
  return evidence.instances.every((one) => ofKind(one, 'goroutine').length > 1);
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
 * @param {import('./baselines.mjs').Ranker[]} rankers
 * @returns a row per ranker; none where there is nothing to find
 */
export function evaluate(job, rankers) {
  const evidence = job.evidence();
  if (evidence === null) return [];
  const { truth } = job;
  const grown = labelsThatGrow(evidence, truth);
  const toFind = job.suite === 'injected' || job.suite === 'natural' || job.suite === 'prefix';
  if (toFind && grown.size === 0 && truth.heapLabels.length === 0) return [];
  return rankers.map(({ name, rank }) => ({
    ranker: name,
    job,
    suite: job.suite,
    program: job.program,
    project: job.project,
    host: job.host,
    hostProject: job.hostProject,
    share: job.share,
    length: job.length,
    variant: job.variant,
    findsGoroutines: grown.size > 0,
    findsHeap: truth.heapLabels.length > 0,
    ...outcomeOf(rank(evidence), truth, grown),
  }));
}
