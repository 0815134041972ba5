// Chooses constants by what they are worth on some projects, for judging them on the others.
import { defaultConstants, tunable } from '../../dist/analysis/leaks/constants.js';
import { foldCount } from './folds.mjs';

/** Of the windows with an injected leak every so manieth is used for tuning, of the healthy ones likewise. */
const every = { injected: 11, injectedHeap: 7, healthy: 2, fixed: 5, natural: 1 };

/** Windows of two snapshots tell too little to tune on, those without a leak of less than six, and prefixes are parts. */
export function isForTuning(job, window) {
  const tells =
    job.suite === 'healthy' || job.suite === 'fixed' ? job.length === 'all' || job.length >= 6 : job.length !== 2;
  return tells && job.suite in every && window % every[job.suite] === 0;
}

/** What tuning wants to know of a window. */
export function tuningOutcome({ suite, findsGoroutines, findsHeap, goroutine, heap, heapStack, ...row }) {
  return {
    suite,
    fold: row.fold,
    project: row.project,
    goroutine: findsGoroutines ? worthOf(goroutine, goroutine) : null,
    heap: findsHeap ? worthOf(heap, heapStack) : null,
    goroutineAlarm: Number(row.goroutineAlarms > 0),
    heapAlarm: Number(row.heapAlarms > 0),
  };
}

function worthOf(named, found) {
  return {
    first: Number(named.rank === 1),
    reciprocal: named.rank === 0 ? 0 : 1 / named.rank,
    probable: Number(found.probable),
  };
}

/** The share of healthy windows that may alarm, and what each of those beyond costs against a leak that is found. */
const alarmsAllowed = 0.03;
const alarmCost = 6;

/**
 * A leak that is first counts one, its reciprocal rank a half, and one that the ranking stands by another one; projects
 * count alike, however many windows they have.
 */
function worth(outcomes, keep) {
  const leaks = new Map();
  const alarms = { goroutineAlarm: [0, 0], heapAlarm: [0, 0] };
  for (const outcome of outcomes) {
    if (!keep(outcome)) continue;
    if (outcome.suite === 'healthy' || outcome.suite === 'fixed') {
      for (const kind of Object.keys(alarms)) {
        alarms[kind][0] += outcome[kind];
        alarms[kind][1]++;
      }
      continue;
    }
    for (const kind of ['goroutine', 'heap']) {
      const found = outcome[kind];
      if (found === null) continue;
      const key = `${kind} ${outcome.project}`;
      const sums = leaks.get(key) ?? leaks.set(key, { kind, sum: 0, count: 0 }).get(key);
      sums.sum += found.first + 0.5 * found.reciprocal + found.probable;
      sums.count++;
    }
  }
  let total = 0;
  for (const kind of ['goroutine', 'heap']) {
    const means = [...leaks.values()].filter((one) => one.kind === kind).map(({ sum, count }) => sum / count);
    if (means.length > 0) total += means.reduce((sum, mean) => sum + mean, 0) / means.length;
  }
  for (const [raised, count] of Object.values(alarms)) {
    if (count > 0) total -= alarmCost * Math.max(0, raised / count - alarmsAllowed);
  }
  return total;
}

/** Constants must be worth so much more to be taken: less is chance. */
const leastGain = 0.004;

/**
 * Coordinate search from the default constants: one constant after another, each to the candidate that is worth most,
 * twice around.
 *
 * @param {import('./pool.mjs').Pool} pool
 * @param {(text: string) => void} say
 * @returns {Promise<{ onAll: object, byFold: object[] }>} constants chosen with everything in view, and with the projects
 *   of a group left out, per group
 */
export async function tunedConstants(pool, say) {
  const known = new Map();
  const outcomesOf = async (constants) => {
    const key = JSON.stringify(Object.values(constants));
    if (!known.has(key)) known.set(key, await pool.tryConstants(constants));
    return known.get(key);
  };
  const search = async (keep) => {
    let best = { ...defaultConstants };
    let bestWorth = worth(await outcomesOf(best), keep);
    for (let round = 0; round < 2; round++) {
      let changed = false;
      for (const [name, candidates] of Object.entries(tunable)) {
        for (const value of candidates) {
          if (value === best[name]) continue;
          const constants = { ...best, [name]: value };
          const gained = worth(await outcomesOf(constants), keep);
          if (gained > bestWorth + leastGain) {
            [best, bestWorth, changed] = [constants, gained, true];
          }
        }
      }
      if (!changed) break;
    }
    return { constants: best, worth: bestWorth };
  };
  const onAll = await search(() => true);
  say(`tuned on all: ${changesOf(onAll.constants)} (${onAll.worth.toFixed(3)}, ${known.size} settings tried)`);
  const byFold = [];
  for (let fold = 0; fold < foldCount; fold++) {
    const { constants, worth: reached } = await search((outcome) => outcome.fold !== fold);
    say(`without group ${fold}: ${changesOf(constants)} (${reached.toFixed(3)}, ${known.size} settings tried)`);
    byFold.push(constants);
  }
  return { onAll: onAll.constants, byFold };
}

function changesOf(constants) {
  const changes = Object.entries(constants).filter(([name, value]) => value !== defaultConstants[name]);
  return changes.map(([name, value]) => `${name} ${value}`).join(', ') || 'the default constants';
}
