// What is used without a ranking like ours, on the same groups of the same evidence.
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

/**
 * Goroutines by state, functions of the stack and created-by; allocations by the functions of the stack; each with its
 * series per instance.
 */
export function groupsOf(evidence) {
  let groups = grouped.get(evidence);
  if (groups === undefined) {
    groups = [...seriesOf(evidence, 'goroutine', 'counts'), ...seriesOf(evidence, 'heap', 'inuseBytes')];
    grouped.set(evidence, groups);
  }
  return groups;
}

function seriesOf(evidence, kind, column) {
  const groups = new Map();
  evidence.instances.forEach((instance, number) => {
    const snapshots = ofKind(instance, kind);
    snapshots.forEach((snapshot, k) => {
      snapshot.stacks.forEach((stack, row) => {
        const { state, createdBy, frames } = evidence.stacks[stack];
        const key = `${kind}\n${state}\n${createdBy}\n${frames.map((frame) => frame.function).join('\n')}`;
        let group = groups.get(key);
        if (group === undefined) {
          group = { key, kind, state, createdBy, stack: frames, function: culprit(frames), byInstance: new Map() };
          groups.set(key, group);
        }
        let series = group.byInstance.get(number);
        if (series === undefined) {
          series = { atMillis: snapshots.map((one) => one.atMillis), values: snapshots.map(() => 0) };
          group.byInstance.set(number, series);
        }
        series.values[k] += snapshot[column][row];
      });
    });
  });
  return [...groups.values()].map(({ byInstance, ...group }) => ({ ...group, series: [...byInstance.values()] }));
}

/** The first frame from the leaf that is not of the standard library. */
function culprit(frames) {
  const own = frames.find((frame) => frame.function.startsWith('main.') || /^[^/]*\.[^/]*\//.test(frame.function));
  return (own ?? frames[0])?.function ?? '';
}
