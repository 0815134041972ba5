import { processLifetimes, type ProcessObservation } from '../process-lifetimes.js';
import type {
  GoroutineEvidence,
  HeapEvidence,
  InstanceEvidence,
  LeakEvidence,
  MemoryEvidence,
  StackEvidence,
} from './evidence.js';
import { mean } from './statistics.js';

/**
 * What is known of one process of one build, each kind in the order of time. Growth is judged within a process only:
 * whatever a restart or a deploy does to a number is no growth.
 */
export interface ProcessEvidence {
  readonly instance: string;
  readonly build: string;
  readonly goroutines: readonly GoroutineEvidence[];
  readonly heaps: readonly HeapEvidence[];
  /** Snapshots in which the runtime itself tells which goroutines leak. */
  readonly proofs: readonly GoroutineEvidence[];
  readonly memory: readonly MemoryEvidence[];
}

/** Processes by instance and time. */
export function processesOf({ instances, stacks }: LeakEvidence): ProcessEvidence[] {
  return instances
    .toSorted((a, b) => compare(a.name, b.name))
    .flatMap((instance) => processesOfInstance(instance, stacks));
}

function processesOfInstance(
  { name, snapshots, memory }: InstanceEvidence,
  stacks: LeakEvidence['stacks'],
): ProcessEvidence[] {
  const ordered = snapshots
    .filter((snapshot) => snapshot.kind === 'goroutineleak' || !isEmpty(snapshot))
    .sort((a, b) => a.atMillis - b.atMillis || compare(a.id, b.id));
  const lives = inWholeMoments(
    processLifetimes(ordered.map(observationOf)).map(({ observations }) => observations.map((index) => ordered[index])),
  ).flatMap(byBuild);
  return lives.map((life, place) => {
    const from = place === 0 ? -Infinity : life[0].atMillis;
    const to = lives.at(place + 1)?.[0].atMillis ?? Infinity;
    const goroutines = life.filter((snapshot): snapshot is GoroutineEvidence => snapshot.kind === 'goroutine');
    return {
      instance: name,
      build: life.findLast(({ build }) => build !== '')?.build ?? '',
      goroutines: settled(ofOneSource(goroutines, stacks)),
      heaps: settled(life.filter((snapshot): snapshot is HeapEvidence => snapshot.kind === 'heap')),
      proofs: life.filter(isProof),
      memory: memory
        .filter(({ atMillis }) => atMillis >= from && atMillis < to)
        .sort((a, b) => a.atMillis - b.atMillis),
    };
  });
}

/** A goroutineleak profile, even an empty one, or a dump that bears the marks of one. */
function isProof(snapshot: StackEvidence): snapshot is GoroutineEvidence {
  if (snapshot.kind === 'heap') return false;
  return snapshot.kind === 'goroutineleak' || (snapshot.leaked?.some((count) => count > 0) ?? false);
}

/** A service without goroutines or without a heap has not been measured: such a snapshot is missing, not zero. */
function isEmpty(snapshot: StackEvidence): boolean {
  return !(snapshot.kind === 'heap' ? snapshot.inuseBytes : snapshot.counts).some((value) => value > 0);
}

function observationOf(snapshot: StackEvidence): ProcessObservation {
  const { atMillis, processStartMillis } = snapshot;
  return {
    atNanos: nanos(atMillis),
    startNanos: processStartMillis === null ? null : nanos(processStartMillis),
    ...(snapshot.kind === 'heap'
      ? {
          counters: new Map([
            ['alloc_space', sum(snapshot.allocBytes)],
            ['alloc_objects', sum(snapshot.allocObjects)],
          ]),
        }
      : { highestGoroutineId: highestId(snapshot) }),
  };
}

function highestId({ members }: GoroutineEvidence): bigint | null {
  if (members === null || members.ids.length === 0) return null;
  return BigInt(members.ids.reduce((a, b) => Math.max(a, b)));
}

const takenTogetherMillis = 10_000;
const takenTogetherShare = 0.1;

/**
 * What was taken together is of one process: a dump tells nothing of a restart that the heap profile beside it shows, and
 * may have been taken just before it. Together is what lies within ten seconds, or a tenth of the usual gap if that is less.
 */
function inWholeMoments(lives: readonly (readonly StackEvidence[])[]): StackEvidence[][] {
  const all = lives.flat();
  const usual = Math.max(
    ...['heap', 'goroutine'].map((kind) => meanGap(all.filter((snapshot) => snapshot.kind === kind))),
  );
  const within = Math.min(takenTogetherMillis, usual * takenTogetherShare);
  const whole = lives.map((life) => [...life]);
  for (let place = 1; place < whole.length; place++) {
    const before = whole[place - 1];
    const from = whole[place][0].atMillis - within;
    while (before.length > 0 && before[before.length - 1].atMillis >= from) whole[place].unshift(before.pop()!);
  }
  return whole.filter((life) => life.length > 0);
}

function meanGap(ordered: readonly { readonly atMillis: number }[]): number {
  if (ordered.length < 2) return 0;
  return (ordered[ordered.length - 1].atMillis - ordered[0].atMillis) / (ordered.length - 1);
}

/** A snapshot that does not say its build is of the build before it. */
function byBuild(life: readonly StackEvidence[]): StackEvidence[][] {
  const parts: StackEvidence[][] = [];
  let current = '';
  for (const snapshot of life) {
    const changed = snapshot.build !== '' && current !== '' && snapshot.build !== current;
    if (parts.length === 0 || changed) parts.push([]);
    if (snapshot.build !== '') current = snapshot.build;
    parts[parts.length - 1].push(snapshot);
  }
  return parts;
}

/**
 * Dumps and profiles of one process spell some states differently, and only dumps tell creators and ids. Where there are
 * both, those count of which there are more, dumps first.
 */
function ofOneSource(
  snapshots: readonly GoroutineEvidence[],
  stacks: LeakEvidence['stacks'],
): readonly GoroutineEvidence[] {
  const isDump = ({ stacks: rows }: GoroutineEvidence): boolean =>
    rows.some((stack) => stacks[stack].createdBy !== null);
  const dumps = snapshots.filter(isDump);
  const profiles = snapshots.length - dumps.length;
  if (dumps.length >= profiles) return dumps;
  return snapshots.filter((snapshot) => !isDump(snapshot));
}

/**
 * Snapshots closer together than this share of the usual gap are one moment, of which the last one counts; but a night
 * between two recordings makes no two of one recording the same.
 */
const sameMomentShare = 0.05;
const leastAfterWarmup = 3;
const warmupMillis = 300_000;
const warmupShare = 0.05;

/** Without what was taken twice and, where enough remains, without the time in which the process warmed up. */
function settled<S extends GoroutineEvidence | HeapEvidence>(ordered: readonly S[]): S[] {
  const gaps = ordered.slice(1).map(({ atMillis }, i) => atMillis - ordered[i].atMillis);
  // Not the median: of pairs of a dump and a profile half of the gaps are none.
  const within = gaps.length === 0 ? 0 : Math.min(takenTogetherMillis, mean(gaps) * sameMomentShare);
  const moments: S[] = [];
  for (const snapshot of ordered) {
    const before = moments.at(-1);
    if (before === undefined || snapshot.atMillis - before.atMillis > within) moments.push(snapshot);
    // Of a dump and a profile of one moment the dump says more.
    else if (hasMembers(snapshot) || !hasMembers(before)) moments[moments.length - 1] = snapshot;
  }
  const start = moments.at(0)?.processStartMillis ?? null;
  if (start === null) return moments;
  const length = moments[moments.length - 1].atMillis - start;
  const warm = moments.filter(({ atMillis }) => atMillis - start >= Math.max(warmupMillis, length * warmupShare));
  return warm.length >= leastAfterWarmup ? warm : moments;
}

function hasMembers(snapshot: GoroutineEvidence | HeapEvidence): boolean {
  return snapshot.kind !== 'heap' && snapshot.members !== null;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function nanos(millis: number): bigint {
  return BigInt(Math.round(millis)) * 1_000_000n;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
