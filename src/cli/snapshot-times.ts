/** What there is to tell the time of one snapshot by. All times are Unix milliseconds. */
export interface TimeClues {
  readonly instance: string;
  /** See SnapshotName. */
  readonly moment: string;
  /** How many snapshots of its kind come after it in its file. */
  readonly later: number;
  /** The artefact's own clock. */
  readonly ownMillis: number | null;
  readonly namedMillis: number | null;
  /** When its file was last changed. */
  readonly modifiedMillis: number;
  /** Of a dump: what its goroutines say of how long they wait. */
  readonly waits?: GoroutineWaits;
}

export interface GoroutineWaits {
  readonly ids: BigUint64Array;
  /** Whole minutes of each; -1: not said, which is less than one. */
  readonly minutes: Int32Array;
}

export interface SnapshotTime {
  readonly atMillis: number;
  readonly from: TimeSource;
}

/**
 * Where a time is from, the surest first: the artefact itself, what was taken together with it, its name, its file, its
 * place between others whose times are known, how much longer goroutines have waited than in the one before, or its place
 * alone, which says nothing of how long it took.
 */
export type TimeSource = 'artefact' | 'companion' | 'name' | 'file' | 'between' | 'waits' | 'order';

/** From one snapshot to the next, where nothing says how long it took. */
export const unitMillis = 60_000;

/** How far the last change of a file may be from what the artefact in it says. */
const soonMillis = 120_000;
/** Files that are copied, unpacked or checked out change faster one after the other. */
const leastGapMillis = 1_000;
/** A wait is cut to whole minutes: shorter gaps between dumps are told better by all of them together. */
const tellingMinutes = 5;
/** All zones are whole ones of these from UTC. */
const quarterMillis = 900_000;

/**
 * The time of each snapshot. Those of one instance that were taken together, by their names, share what they know. Of the
 * following the first counts that there is:
 *
 * 1. The artefact's own clock; what was taken together is a millisecond after the last of them, so that a restart that they
 *    show lies before it, too. A clock that says the same at three and more moments, and nothing else, is none.
 * 2. The time in the name, if no two moments have the same. A name may be in any zone: where some are of artefacts that
 *    have a clock, the others are as far from theirs, in quarters of an hour. If their distances differ by more than one
 *    of these, the names mean something else.
 * 3. The last change of the file. It counts if the files seem to lie where they were written: of all those that have a
 *    clock it is, in the median, no more than two minutes from that; between the moments that need it lies a second on
 *    average, and no two have the same; and if their names are numbered, the changes are in the order of the numbers.
 *    A file is last changed for the last snapshot in it: the others in it have no such time.
 * 4. The order of the names, numbers in them by their value: equal steps between the moments whose times are known, and
 *    such steps before and after them. Where fewer than two are known, or they are not in order, dumps are as far apart
 *    as some goroutine has waited longer in the later one: one that blocks all the while, as there is in most programs,
 *    tells it to the minute. Without such waits steps are of one unit. Both lead up to the last time that is known
 *    anywhere if there is no telling where else they belong.
 *
 * The order of the clues makes no difference.
 */
export function snapshotTimes(clues: readonly TimeClues[]): SnapshotTime[] {
  const instances = [...grouped(clues, ({ instance }) => instance).values()].map((own) => stepsOf(own));
  for (const steps of instances) {
    if (isStuck(steps)) for (const step of steps) step.ownMillis = null;
    for (const step of steps) {
      if (step.ownMillis !== null) step.time = { atMillis: step.ownMillis, from: 'artefact' };
    }
    timesByName(steps);
  }
  const distances = instances
    .flat()
    .flatMap(({ later, ownMillis, modifiedMillis }) =>
      later > 0 || ownMillis === null ? [] : [Math.abs(modifiedMillis - ownMillis)],
    );
  const seemWritten = distances.length === 0 || median(distances) <= soonMillis;
  if (seemWritten) for (const steps of instances) timesByFile(steps);
  const known = instances.flat().flatMap(({ time }) => (time === null ? [] : [time.atMillis]));
  const end = maxOf(known.length > 0 ? known : clues.map(({ modifiedMillis }) => modifiedMillis));
  const times = new Map<TimeClues, SnapshotTime>();
  for (const steps of instances) {
    timesByOrder(steps, end);
    for (const { snapshots, ownMillis, time } of steps) {
      for (const snapshot of snapshots) {
        if (ownMillis === null) times.set(snapshot, time!);
        else if (snapshot.ownMillis === null) times.set(snapshot, { atMillis: ownMillis + 1, from: 'companion' });
        else times.set(snapshot, { atMillis: snapshot.ownMillis, from: 'artefact' });
      }
    }
  }
  return clues.map((each) => times.get(each)!);
}

/** What was taken together. */
interface Step {
  readonly snapshots: readonly TimeClues[];
  readonly moment: string;
  readonly later: number;
  /** Null also where clocks are not to be trusted. */
  ownMillis: number | null;
  readonly namedMillis: number | null;
  readonly modifiedMillis: number;
  time: SnapshotTime | null;
}

/** In the order of the names, and of the snapshots in each file. */
function stepsOf(clues: readonly TimeClues[]): Step[] {
  const steps = [...grouped(clues, ({ moment, later }) => `${later} ${moment}`).values()].map((snapshots): Step => {
    const [{ moment, later }] = snapshots;
    const own = snapshots.flatMap(({ ownMillis }) => ownMillis ?? []);
    const named = snapshots.flatMap(({ namedMillis }) => namedMillis ?? []);
    return {
      snapshots,
      moment,
      later,
      ownMillis: own.length === 0 ? null : maxOf(own),
      namedMillis: named.length === 0 ? null : minOf(named),
      modifiedMillis: minOf(snapshots.map(({ modifiedMillis }) => modifiedMillis)),
      time: null,
    };
  });
  return steps.sort(
    (a, b) => byName.compare(a.moment, b.moment) || compareText(a.moment, b.moment) || b.later - a.later,
  );
}

function isStuck(steps: readonly Step[]): boolean {
  const clocks = steps.flatMap(({ ownMillis }) => ownMillis ?? []);
  return clocks.length >= 3 && new Set(clocks).size === 1;
}

/** 2 before 10. */
const byName = new Intl.Collator('en', { numeric: true });

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The names and the files are of the last snapshot in each. */
function open(steps: readonly Step[]): Step[] {
  return steps.filter(({ time, later }) => time === null && later === 0);
}

function timesByName(steps: readonly Step[]): void {
  const named = open(steps).filter(({ namedMillis }) => namedMillis !== null);
  if (new Set(named.map(({ namedMillis }) => namedMillis)).size < named.length) return;
  const distances = steps.flatMap(({ later, ownMillis, namedMillis }) =>
    later > 0 || ownMillis === null || namedMillis === null ? [] : [ownMillis - namedMillis],
  );
  if (distances.length > 0 && maxOf(distances) - minOf(distances) > quarterMillis) return;
  const zoneMillis = distances.length === 0 ? 0 : Math.round(median(distances) / quarterMillis) * quarterMillis;
  for (const step of named) step.time = { atMillis: step.namedMillis! + zoneMillis, from: 'name' };
}

function timesByFile(steps: readonly Step[]): void {
  const needed = open(steps);
  const changes = needed.map(({ modifiedMillis }) => modifiedMillis);
  const isSpread = maxOf(changes) - minOf(changes) >= leastGapMillis * (changes.length - 1);
  if (!isSpread || new Set(changes).size < changes.length) return;
  if (areNumbered(needed) && changes.some((change, i) => i > 0 && change < changes[i - 1])) return;
  for (const step of needed) step.time = { atMillis: step.modifiedMillis, from: 'file' };
}

/** Whether where the names first differ there is a number in each: `heap.2`, `heap.10`, but not `before`, `after`. */
function areNumbered(steps: readonly Step[]): boolean {
  const names = steps.map(({ moment }): readonly string[] => moment.match(/\d+|\D+/g) ?? []);
  const longest = maxOf(names.map(({ length }) => length));
  for (let place = 0; place < longest; place++) {
    const parts = new Set(names.map((name) => name[place] ?? ''));
    if (parts.size > 1) return [...parts].every((part) => /^\d/.test(part));
  }
  return false;
}

function timesByOrder(steps: readonly Step[], endMillis: number): void {
  const known = steps.flatMap(({ time }, index) => (time === null ? [] : [{ index, atMillis: time.atMillis }]));
  if (known.length === steps.length) return;
  const isInOrder = known.every(({ atMillis }, i) => i === 0 || atMillis >= known[i - 1].atMillis);
  if (known.length < 2 || !isInOrder) {
    const anchored = known.length === 1 ? steps : steps.filter(({ time }) => time === null);
    const { offsets, from } = spacing(anchored);
    const place = known.length === 1 ? known[0].index : anchored.length - 1;
    const atMillis = known.length === 0 ? endMillis : maxOf(known.map((each) => each.atMillis));
    anchored.forEach((step, i) => (step.time ??= { atMillis: atMillis + offsets[i] - offsets[place], from }));
    return;
  }
  const [first, last] = [known[0], known[known.length - 1]];
  const gap = (last.atMillis - first.atMillis) / (last.index - first.index);
  let next = 0;
  steps.forEach((step, index) => {
    if (step.time !== null) {
      next++;
      return;
    }
    const [before, after] = [known[Math.max(0, next - 1)], known[Math.min(next, known.length - 1)]];
    const slope = before === after ? gap : (after.atMillis - before.atMillis) / (after.index - before.index);
    step.time = { atMillis: Math.round(before.atMillis + (index - before.index) * slope), from: 'between' };
  });
}

/** Milliseconds from the first of these to each. */
function spacing(steps: readonly Step[]): { offsets: readonly number[]; from: 'waits' | 'order' } {
  const last = steps.length - 1;
  const waits = steps.flatMap(({ snapshots }) => snapshots.find((snapshot) => snapshot.waits)?.waits ?? []);
  if (last < 1 || waits.length <= last) return { offsets: steps.map((_, i) => i * unitMillis), from: 'order' };
  const minutes = [0];
  for (let i = 1; i <= last; i++) {
    minutes.push(Math.max(minutes[i - 1] + waitedLonger(waits[i - 1], waits[i]), waitedLonger(waits[0], waits[i])));
  }
  // None has waited a minute longer, so that all of them together took no more than two.
  if (minutes[last] === 0) return { offsets: steps.map((_, i) => Math.round((i * unitMillis) / last)), from: 'order' };
  const mean = minutes[last] / last;
  if (mean >= tellingMinutes) {
    for (let i = 1; i <= last; i++) minutes[i] = Math.max(minutes[i], minutes[i - 1] + 1);
    return { offsets: minutes.map((each) => each * 60_000), from: 'waits' };
  }
  return { offsets: steps.map((_, i) => Math.round(i * mean * 60_000)), from: 'waits' };
}

/** By how many minutes at most a goroutine that both dumps have waits longer in the later one. */
function waitedLonger(earlier: GoroutineWaits, later: GoroutineWaits): number {
  const before = new Map<bigint, number>();
  earlier.ids.forEach((id, row) => before.set(id, Math.max(0, earlier.minutes[row])));
  let longest = 0;
  later.ids.forEach((id, row) => {
    const minutes = before.get(id);
    if (minutes !== undefined) longest = Math.max(longest, later.minutes[row] - minutes);
  });
  return longest;
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function minOf(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Infinity);
}

function maxOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}

/** The lower one of two in the middle. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1];
}
