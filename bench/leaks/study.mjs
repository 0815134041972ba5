// The cases of the study that the ranking was designed from, where they are at hand: one case a line with `stacks`
// (state, frames as [function, file:line], created), `snapshots` (lists of [stack, count, lowest id, highest id]) and
// `labels`. They are not kept in this repository: the programs and services in them are others'.
//
// They say no times and no waits, and of the ids only the bounds.
import { linesOf } from './cases.mjs';

const minutesBetween = 10;
const startMillis = Date.UTC(2026, 0, 5, 8);

export function isStudyCase(line) {
  return Array.isArray(line.snapshots);
}

/** @returns {{ truth: import('./cases.mjs').Truth, evidence: object }[]} */
export function readStudyCases(path) {
  return linesOf(path).map((line) => studyCase(JSON.parse(line)));
}

export function studyCase({ name, suite, labels, go, stacks, snapshots }) {
  const healthy = suite.startsWith('healthy');
  return {
    truth: {
      name,
      project: healthy ? /^[a-z_]+/i.exec(name)[0] : projectOf(name, suite),
      suite: healthy ? 'healthy' : 'leak',
      kind: suite,
      go: go ?? '',
      labels,
      heapLabels: [],
      note: '',
    },
    evidence: {
      stacks: stacks.map(({ state, frames, created }) => ({
        state,
        createdBy: created || null,
        frames: frames.map(([name, place]) => {
          const colon = place.lastIndexOf(':');
          return { function: name, file: place.slice(0, colon), line: Number(place.slice(colon + 1)) };
        }),
      })),
      instances: [{ name, memory: [], snapshots: snapshotsOf(snapshots) }],
    },
  };
}

/** GoKer programs are named after the project they come from and its issue: `Cockroach10214`. */
function projectOf(name, suite) {
  const match = /^([A-Z][a-z]+)\d+$/.exec(name);
  return suite === 'goker' && match ? `goker-${match[1].toLowerCase()}` : suite;
}

function snapshotsOf(snapshots) {
  const before = new Map();
  return snapshots.map((rows, k) => {
    const idsOfRows = rows.map(([stack, count, lowest, highest]) => {
      const ids = idsBetween(before.get(stack) ?? [], count, lowest, highest);
      before.set(stack, ids);
      return ids;
    });
    const start = new Int32Array(rows.length + 1);
    idsOfRows.forEach((ids, row) => (start[row + 1] = start[row] + ids.length));
    const ids = Float64Array.from(idsOfRows.flat());
    return {
      kind: 'goroutine',
      id: String(k),
      atMillis: startMillis + k * minutesBetween * 60_000,
      build: '',
      processStartMillis: null,
      stacks: Int32Array.from(rows, ([stack]) => stack),
      counts: Float64Array.from(rows, ([, count]) => count),
      leaked: null,
      members: { start, ids, waitMinutes: new Int32Array(ids.length).fill(-1) },
    };
  });
}

/**
 * Goroutines that were there and still can be (their id is within the bounds) are taken to be there still, others spread
 * evenly over what is left: the survival of ids is the largest that the bounds allow.
 */
function idsBetween(before, count, lowest, highest) {
  const ids = new Set([lowest, highest].slice(0, count));
  for (const id of before) {
    if (ids.size >= count) break;
    if (id > lowest && id < highest) ids.add(id);
  }
  const from = Math.max(lowest, before.at(-1) ?? 0);
  const missing = count - ids.size;
  for (let i = 1; i <= missing; i++) {
    const id = Math.floor(from + ((highest - from) * i) / (missing + 1));
    if (id > lowest) ids.add(id);
  }
  for (let id = highest - 1; ids.size < count; id--) ids.add(id);
  return [...ids].sort((a, b) => a - b);
}
