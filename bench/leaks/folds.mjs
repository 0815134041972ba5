// Who is kept apart from whom: constants that are chosen with a project in view say nothing about it.
import { grouped } from './statistics.mjs';

export const foldCount = 6;

/**
 * Deals leaks and services without leaks into groups, each by its project, so that no project is in two groups. Programs
 * with the same known signature count as one project: they leak in the same way.
 *
 * @returns {Map<import('./cases.mjs').Truth, number>} the group of each case
 */
export function foldsOf(cases) {
  const truths = cases.map(({ truth }) => truth);
  const folds = new Map();
  for (const some of [truths.filter(isHost), truths.filter((truth) => !isHost(truth))]) {
    const load = new Array(foldCount).fill(0);
    const projects = [...grouped(some, projectOf)].sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
    for (const [, members] of projects) {
      const fold = load.indexOf(Math.min(...load));
      load[fold] += members.length;
      for (const truth of members) folds.set(truth, fold);
    }
  }
  return folds;
}

function isHost({ suite }) {
  return suite === 'healthy';
}

function projectOf(truth) {
  return truth.signature === undefined || isHost(truth) ? truth.project : `signature ${truth.signature}`;
}
