// What is used without a ranking like ours, on the same groups of the same evidence.
import { goroutineGroups } from '../../dist/analysis/leaks/goroutine-groups.js';
import { CodeMap } from '../../dist/analysis/leaks/places.js';
import { theilSenSlope } from '../../dist/analysis/theil-sen.js';
import { ofKind } from './windows.mjs';

/** @typedef {{ name: string, rank: (evidence: object) => object[] }} Ranker suspects, best first */

/** What one looks at first in pprof: the most goroutines, the most bytes. */
const count = ({ series }) => sum(series.map(({ values }) => values.at(-1)));

/** Goroutines that wait on a channel, root mean square over the instances (Uber's LeakProf), without its threshold. */
const leakProf = ({ kind, state, series }) =>
  kind === 'goroutine' && /^(chan |select)/.test(state)
    ? Math.sqrt(sum(series.map(({ values }) => values.at(-1) ** 2)) / series.length)
    : 0;

const growth = ({ series }) => sum(series.map(({ values }) => values.at(-1) - values[0]));

/** The median slope over the window, times the agreement of all pairs on its direction. */
const trend = ({ series }) =>
  sum(
    series.map(({ atMillis, values }) => {
      const slope = theilSenSlope(atMillis, values) ?? 0;
      return slope * (atMillis.at(-1) - atMillis[0]) * Math.max(0, kendall(values));
    }),
  );

/** @type {Ranker[]} */
export const baselines = [
  { name: 'count (pprof top)', rank: by(count) },
  { name: 'LeakProf-style', rank: by(leakProf) },
  { name: 'last - first growth', rank: by(growth) },
  { name: 'Theil-Sen × τ', rank: by(trend) },
];

function by(score) {
  return (evidence) => {
    const scored = groupsOf(evidence).map((group) => ({ ...group, score: score(group) }));
    return scored.filter((group) => group.score > 0).sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1));
  };
}

function kendall(values) {
  let agreed = 0;
  for (let i = 0; i < values.length; i++) {
    for (let j = i + 1; j < values.length; j++) agreed += Math.sign(values[j] - values[i]);
  }
  return values.length < 2 ? 0 : agreed / ((values.length * (values.length - 1)) / 2);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

const grouped = new WeakMap();

/** What the ranking tells apart, each with its series per instance. */
export function groupsOf(evidence) {
  let groups = grouped.get(evidence);
  if (groups === undefined) {
    groups = [...goroutinesOf(evidence), ...allocationsOf(evidence)];
    grouped.set(evidence, groups);
  }
  return groups;
}

function goroutinesOf(evidence) {
  const { groups, groupOf } = goroutineGroups(evidence, new CodeMap(evidence));
  const series = seriesOf(evidence, 'goroutine', 'counts', (stack) => groupOf[stack]);
  return Array.from(series, ([number, ofInstances]) => {
    const { key, state, createdBy, pivot, stacks } = groups[number];
    const stack = evidence.stacks[stacks[0]].frames;
    return { kind: 'goroutine', key, state, createdBy, function: pivot.function, stack, series: ofInstances };
  });
}

/** Allocations by the functions of their stack. */
function allocationsOf(evidence) {
  const keys = evidence.stacks.map(({ frames }) => frames.map((frame) => frame.function).join('\n'));
  const series = seriesOf(evidence, 'heap', 'inuseBytes', (stack) => keys[stack]);
  return Array.from(series, ([key, ofInstances]) => {
    const stack = evidence.stacks[keys.indexOf(key)].frames;
    return { kind: 'heap', key, state: null, createdBy: null, function: culprit(stack), stack, series: ofInstances };
  });
}

/** @returns {Map<unknown, { atMillis: number[], values: number[] }[]>} per group, the instances that have it */
function seriesOf(evidence, kind, column, groupOf) {
  const groups = new Map();
  evidence.instances.forEach((instance) => {
    const snapshots = ofKind(instance, kind);
    const atMillis = snapshots.map((one) => one.atMillis);
    const here = new Map();
    snapshots.forEach((snapshot, k) => {
      snapshot.stacks.forEach((stack, row) => {
        const group = groupOf(stack);
        let values = here.get(group);
        if (values === undefined) here.set(group, (values = snapshots.map(() => 0)));
        values[k] += snapshot[column][row];
      });
    });
    for (const [group, values] of here) {
      const known = groups.get(group) ?? groups.set(group, []).get(group);
      known.push({ atMillis, values });
    }
  });
  return groups;
}

/** The first frame from the leaf that is not of the standard library. */
function culprit(frames) {
  const own = frames.find((frame) => frame.function.startsWith('main.') || /^[^/]*\.[^/]*\//.test(frame.function));
  return (own ?? frames[0])?.function ?? '';
}
