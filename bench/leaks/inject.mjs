// A profile is a multiset of stacks: a leak in a service that leaks nothing is the union of the two, but for how their
// goroutines act on each other. So snapshot k of a leaking program, scaled to a share of the host, and snapshot k of the
// host make snapshot k of a service that leaks.
import { labelText } from './labels.mjs';
import { longestLifetime, ofKind, spread } from './windows.mjs';

/** Snapshots of a leak and of a host that windows are cut from. */
const leakSnapshots = 6;
const hostSnapshots = 9;

/** The shares of the host's goroutines that the leak has in the end, and the lengths of windows. */
export const shares = [0.05, 0.2, 1];
export const lengths = [6, 3, 2];

/**
 * `young`: the window starts with the leak, at the start of both recordings. `running`: it ends with them, and the leak
 * has grown for a while before it.
 */
export const variants = ['young', 'running'];

/**
 * A leaking program, with each goroutine numbered per stack in the order in which they appeared. Of a program that is
 * nothing but its leak all is injected; of a service that does other things as well only what is labelled.
 */
export function preparedLeak({ truth, evidence }) {
  const instance = longest(evidence, 'goroutine');
  const all = longestLifetime(ofKind(instance, 'goroutine'));
  const snapshots = spread(all.length, leakSnapshots).map((i) => all[i]);
  const labels = truth.labels.map((label) => new RegExp(label));
  const belongs = (stack) =>
    !isObserver(stack) &&
    (truth.injected !== 'labelled' ||
      labels.some((label) => label.test(labelText({ state: stack.state, stack: stack.frames }))));
  const births = new Map();
  const next = new Map();
  const rows = snapshots.map((snapshot) => {
    const ofSnapshot = [];
    snapshot.stacks.forEach((stack, row) => {
      if (!belongs(evidence.stacks[stack])) return;
      const { start, ids } = snapshot.members;
      const known = births.get(stack) ?? births.set(stack, new Map()).get(stack);
      const numbers = Array.from(ids.subarray(start[row], start[row + 1]), (id) => {
        let number = known.get(id);
        if (number === undefined) {
          number = next.get(stack) ?? 0;
          next.set(stack, number + 1);
          known.set(id, number);
        }
        return number;
      });
      ofSnapshot.push({ stack, numbers, waits: snapshot.members.waitMinutes.subarray(start[row], start[row + 1]) });
    });
    return ofSnapshot;
  });
  return { truth, stacks: evidence.stacks, snapshots: rows };
}

/** The instance with the most snapshots. */
function longest(evidence, kind) {
  const length = (instance) => ofKind(instance, kind).length;
  return [...evidence.instances].sort((a, b) => length(b) - length(a) || (a.name < b.name ? -1 : 1))[0];
}

/** The goroutine that writes the profile: a service that is asked for one has its own. */
function isObserver({ state, frames }) {
  return state === 'running' && frames.some((frame) => frame.function.startsWith('runtime/pprof.'));
}

export function preparedHost({ truth, evidence }, kind = 'goroutine') {
  const instances = evidence.instances.map((instance) => {
    const all = longestLifetime(ofKind(instance, kind));
    const snapshots = spread(all.length, hostSnapshots).map((i) => all[i]);
    return { name: instance.name, snapshots };
  });
  return { truth, stacks: evidence.stacks, instances };
}

/**
 * One service with a leak, or null where the leak does not grow in the window, or a recording is shorter than it.
 *
 * The leak ends with `share` times the goroutines of the host, and grows by at least one per snapshot: with less there is
 * nothing to find in a host of a few goroutines.
 */
export function injected(leak, host, share, length, variant) {
  if (!lasts(leak, host, length)) return null;
  const cut = cutting(length, variant);
  const window = cut(leak.snapshots);
  const first = totalOf(window[0]);
  const last = totalOf(window.at(-1));
  if (last <= first) return null;

  const offset = host.stacks.length;
  const instances = host.instances.map(({ name, snapshots }) => {
    const hostWindow = cut(snapshots);
    const hostLast = hostWindow.at(-1).counts.reduce((sum, count) => sum + count, 0);
    const scale = Math.max((share * hostLast) / last, (length - 1) / (last - first));
    return { name, memory: [], snapshots: merge(hostWindow, window, scale, offset) };
  });
  return { stacks: [...host.stacks, ...leak.stacks], instances };
}

function lasts(leak, host, length) {
  return [leak, ...host.instances].every(({ snapshots }) => snapshots.length >= length);
}

function cutting(length, variant) {
  return (list) => (variant === 'young' ? list.slice(0, length) : list.slice(-length));
}

function totalOf(rows) {
  return rows.reduce((sum, { numbers }) => sum + numbers.length, 0);
}

/** Goroutine number n of a stack becomes this many: of n goroutines `scale * n` in all, to the nearest. */
function copies(number, scale) {
  return Math.floor((number + 1) * scale + 0.5) - Math.floor(number * scale + 0.5);
}

/**
 * Ids of a process rise with time. So that those of the leak lie between those of the host, without any in common, the
 * host's are spread out, and a goroutine of the leak gets the next one above what the host had one snapshot ago.
 */
function merge(hostWindow, leakWindow, scale, offset) {
  const room = 1 + Math.ceil(leakWindow.reduce((sum, rows) => sum + totalOf(rows), 0) * (scale + 1));
  const idOf = new Map();
  let next = 0;
  let hostHighest = 0;
  return hostWindow.map((snapshot, k) => {
    next = Math.max(next, hostHighest * room);
    const added = [];
    for (const { stack, numbers, waits } of leakWindow[k] ?? []) {
      const members = [];
      numbers.forEach((number, i) => {
        for (let copy = copies(number, scale); copy > 0; copy--) {
          const key = `${stack} ${number} ${copy}`;
          const id = idOf.get(key) ?? idOf.set(key, ++next).get(key);
          members.push({ id, wait: waits[i] });
        }
      });
      if (members.length > 0) added.push({ stack, members: members.sort((a, b) => a.id - b.id) });
    }
    if (snapshot.members !== null) {
      hostHighest = snapshot.members.ids.reduce((max, id) => Math.max(max, id), hostHighest);
    }
    return {
      ...snapshot,
      stacks: Int32Array.from([...snapshot.stacks, ...added.map(({ stack }) => stack + offset)]),
      counts: Float64Array.from([...snapshot.counts, ...added.map(({ members }) => members.length)]),
      leaked: null,
      members: snapshot.members === null ? null : mergedMembers(snapshot.members, added, room),
    };
  });
}

function mergedMembers({ start, ids, waitMinutes }, added, room) {
  const starts = Array.from(start);
  for (const { members } of added) starts.push(starts.at(-1) + members.length);
  const all = added.flatMap(({ members }) => members);
  return {
    start: Int32Array.from(starts),
    ids: Float64Array.from([...Array.from(ids, (id) => id * room), ...all.map(({ id }) => id)]),
    waitMinutes: Int32Array.from([...waitMinutes, ...all.map(({ wait }) => wait)]),
  };
}

/** A program that leaks memory: its labelled allocations. */
export function preparedHeapLeak({ truth, evidence }) {
  const instance = longest(evidence, 'heap');
  const labels = truth.heapLabels.map((label) => new RegExp(label));
  const isLabelled = evidence.stacks.map(({ frames }) =>
    frames.some((frame) => labels.some((label) => label.test(frame.function))),
  );
  const all = longestLifetime(ofKind(instance, 'heap'));
  const snapshots = spread(all.length, leakSnapshots).map((i) => rowsOf(all[i], (stack) => isLabelled[stack]));
  return { truth, stacks: evidence.stacks, snapshots };
}

const heapColumns = ['inuseObjects', 'inuseBytes', 'allocObjects', 'allocBytes'];

function rowsOf(snapshot, keep) {
  const rows = Array.from(snapshot.stacks, (_, row) => row).filter((row) => keep(snapshot.stacks[row]));
  return {
    stacks: rows.map((row) => snapshot.stacks[row]),
    ...Object.fromEntries(heapColumns.map((column) => [column, rows.map((row) => snapshot[column][row])])),
  };
}

/**
 * One service with a leak of memory, or null as above. The leak is as large as it was recorded: what the profiler's
 * sampling does to a smaller one could only be made up.
 */
export function injectedHeap(leak, host, length, variant) {
  if (!lasts(leak, host, length)) return null;
  const cut = cutting(length, variant);
  const window = cut(leak.snapshots);
  const bytes = ({ inuseBytes }) => inuseBytes.reduce((sum, one) => sum + one, 0);
  if (bytes(window.at(-1)) <= bytes(window[0])) return null;

  const offset = host.stacks.length;
  const instances = host.instances.map(({ name, snapshots }) => ({
    name,
    memory: [],
    snapshots: cut(snapshots).map((snapshot, k) => ({
      ...snapshot,
      stacks: Int32Array.from([...snapshot.stacks, ...window[k].stacks.map((stack) => stack + offset)]),
      ...Object.fromEntries(
        heapColumns.map((column) => [column, Float64Array.from([...snapshot[column], ...window[k][column]])]),
      ),
    })),
  }));
  return { stacks: [...host.stacks, ...leak.stacks], instances };
}
