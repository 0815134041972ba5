// The few figures that stand for the rest: those that the issue sets targets for, and that must not get worse.
import { grouped } from './statistics.mjs';

/** @typedef {{ mean: number, count: number }} Figure */

/**
 * The figures of one ranker, by name. Those without any window are left out.
 *
 * @param {object[]} rows of one ranker, see evaluate
 * @param {{ truth: import('./cases.mjs').Truth }[]} cases
 * @returns {Record<string, Figure>}
 */
export function figuresOf(rows, cases) {
  const figures = {};
  const add = (name, some, value) => {
    if (some.length > 0)
      figures[name] = { mean: some.reduce((sum, row) => sum + value(row), 0) / some.length, count: some.length };
  };
  const injected = rows.filter((row) => row.suite === 'injected' && row.findsGoroutines);
  for (const [key, some] of [...grouped(injected, (row) => `K=${row.length}, r=${row.share}`)].sort(byLength)) {
    add(`goroutine P@1, ${key}`, some, (row) => Number(row.goroutine.rank === 1));
  }
  for (const [length, some] of [...grouped(injected, (row) => row.length)].sort(byLength)) {
    add(`goroutine MRR, K=${length}`, some, (row) => reciprocal(row.goroutine.rank));
    add(`goroutine recall@5, K=${length}`, some, (row) => row.goroutine.recall5);
    add(`goroutine found ≥ probable, K=${length}`, some, (row) => Number(row.goroutine.probable));
  }
  const injectedHeap = rows.filter((row) => row.suite === 'injectedHeap');
  for (const [length, some] of [...grouped(injectedHeap, (row) => row.length)].sort(byLength)) {
    add(`heap P@1, injected, K=${length}`, some, (row) => Number(row.heap.rank === 1));
    add(`heap found ≥ probable, injected, K=${length}`, some, (row) => Number(row.heapStack.probable));
  }
  const natural = rows.filter((row) => row.suite === 'natural' && row.length === 'all');
  add('first of all suspects, as recorded', natural, (row) => Number(row.overallRank === 1));
  const goroutines = natural.filter((row) => row.findsGoroutines);
  add('goroutine P@1, as recorded', goroutines, (row) => Number(row.goroutine.rank === 1));
  add('goroutine found ≥ probable, as recorded', goroutines, (row) => Number(row.goroutine.probable));
  const heap = natural.filter((row) => row.findsHeap);
  add('heap P@1', heap, (row) => Number(row.heap.rank === 1));
  add('heap P@1, by any frame', heap, (row) => Number(row.heapStack.rank === 1));
  add('heap MRR', heap, (row) => reciprocal(row.heap.rank));
  add('heap found ≥ probable', heap, (row) => Number(row.heapStack.probable));
  // Of few snapshots the ranking says little, for better and for worse: windows in which leaks are found count alone.
  const healthy = rows.filter((row) => row.suite === 'healthy' && (row.length === 'all' || row.length >= 6));
  add('healthy windows that alarm, K ≥ 6', healthy, (row) => Number(row.alarms > 0));
  add('healthy windows that alarm, K ≥ 6, goroutines', healthy, (row) => Number(row.goroutineAlarms > 0));
  add('healthy windows that alarm, K ≥ 6, heap', healthy, (row) => Number(row.heapAlarms > 0));
  const fixed = rows.filter((row) => row.suite === 'fixed');
  add('windows of repaired programs that alarm', fixed, (row) => Number(row.alarms > 0));
  add('twins told apart', twinsOf(rows, cases), ({ told }) => Number(told));
  return figures;
}

function byLength([a], [b]) {
  return a < b ? 1 : -1;
}

function reciprocal(rank) {
  return rank === 0 ? 0 : 1 / rank;
}

/**
 * Whole recordings of a buggy program and of the same program repaired. `flagged`: the ranking stands by a labelled
 * suspect of the buggy one; `told`: and by none of the repaired one; `silent`: and by nothing else of the repaired one.
 */
export function twinsOf(rows, cases) {
  const whole = new Map();
  for (const row of rows) if (row.length === 'all' && row.suite !== 'healthy') whole.set(row.program, row);
  return cases.flatMap(({ truth }) => {
    const buggy = whole.get(truth.twin);
    const fixed = whole.get(truth.name);
    if (buggy === undefined || fixed === undefined) return [];
    const flagged = buggy.goroutine.probable || buggy.heapStack.probable;
    const told = flagged && !fixed.goroutine.probable && !fixed.heapStack.probable;
    return [{ project: truth.project, flagged, told, silent: told && fixed.alarms === 0 }];
  });
}

/** What is left of the windows for a quick look, and for a quicker one. */
export const subsets = {
  /** Some two minutes. */
  quick: {
    hostsPerProgram: 2,
    keep: (job) =>
      job.suite === 'injected'
        ? job.length !== 2 && job.share !== 1
        : job.length === 'all' || (job.suite !== 'prefix' && job.suite !== 'natural' && job.length === 6),
  },
  /** Some seconds. */
  spec: {
    hostsPerProgram: 1,
    keep: (job) =>
      job.suite === 'injected'
        ? job.length === 6 && job.share === 0.2 && job.variant === 'running'
        : job.length === 'all' || (job.suite === 'injectedHeap' && job.length === 6 && job.variant === 'running'),
  },
};

/**
 * @param {Record<string, Figure>} figures
 * @param {Record<string, { least?: number, most?: number }>} floors
 * @returns {string[]} what is worse than it was, in words
 */
export function drops(figures, floors) {
  return Object.entries(floors).flatMap(([name, { least = -Infinity, most = Infinity }]) => {
    const mean = figures[name]?.mean;
    if (mean === undefined) return [`${name}: no window tells`];
    if (mean < least) return [`${name}: ${mean.toFixed(3)}, was at least ${least}`];
    if (mean > most) return [`${name}: ${mean.toFixed(3)}, was at most ${most}`];
    return [];
  });
}

/** Floors a little below what was reached, so that a change of one or two windows is none. */
export function floorsOf(figures) {
  return Object.fromEntries(
    Object.entries(figures).map(([name, { mean, count }]) => {
      const slack = Math.max(0.01, 1.5 / count);
      return name.includes('alarm')
        ? [name, { most: Math.ceil((mean + slack) * 1000) / 1000 }]
        : [name, { least: Math.max(0, Math.floor((mean - slack) * 1000) / 1000) }];
    }),
  );
}
