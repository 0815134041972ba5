import { processLifetimes, type ProcessObservation } from '../process-lifetimes.js';
import type {
  GoroutineEvidence,
  HeapEvidence,
  InstanceEvidence,
  LeakEvidence,
  MemoryEvidence,
  StackEvidence,
} from './evidence.js';

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

/**
 * Processes by instance and time.
 *
 * @param evidence in order, see inOrder
 */
export function processesOf({ instances, stacks }: LeakEvidence): ProcessEvidence[] {
  return instances.flatMap((instance) => processesOfInstance(instance, stacks));
}

function processesOfInstance(
  { name, snapshots, memory: moments }: InstanceEvidence,
  stacks: LeakEvidence['stacks'],
): ProcessEvidence[] {
  const memory = moments.filter(({ atMillis }) => Number.isFinite(atMillis));
  const lives = livesOf(snapshots.filter(isMeasured));
  if (lives.length === 0 && memory.length > 0) {
    return [{ instance: name, build: '', goroutines: [], heaps: [], proofs: [], memory }];
  }
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
      memory: memory.filter(({ atMillis }) => atMillis >= from && atMillis < to),
    };
  });
}

/** @param ordered by time @returns the snapshots of each process of each build, by time */
function livesOf(ordered: readonly StackEvidence[]): StackEvidence[][] {
  const lives = processLifetimes(ordered.map(observationOf)).map(({ observations, evidence }) => ({
    life: observations.map((index) => ordered[index]),
    evidence,
  }));
  for (let place = 1; place < lives.length; place++) giveBack(lives[place - 1].life, lives[place].life);
  // Those that have overtaken each other stand by their counters, seconds apart: by their times again.
  return lives.flatMap(({ life }) => byBuild(life.sort((a, b) => a.atMillis - b.atMillis)));
}

/**
 * A profile of goroutines does not tell of which process it is: a new one shows in the heap that is captured next, or in
 * a dump. What lies between the last snapshot that is of the old process for sure and the first one that is not belongs to
 * the nearer of the two: profiles are captured in rounds.
 */
function giveBack(old: StackEvidence[], next: StackEvidence[]): void {
  let sure = -1;
  let highest = 0n;
  old.forEach((snapshot, i) => {
    const id = snapshot.kind === 'heap' ? null : highestId(snapshot);
    if (snapshot.kind === 'heap' || snapshot.processStartMillis !== null || (id !== null && id >= highest)) sure = i;
    if (id !== null && id > highest) highest = id;
  });
  if (sure < 0) return;
  const [before, after] = [old[sure].atMillis, next[0].atMillis];
  const nearer = old.findIndex(({ atMillis }, i) => i > sure && after - atMillis < atMillis - before);
  if (nearer >= 0) next.unshift(...old.splice(nearer));
}

/** A goroutineleak profile, even an empty one, or a dump that bears the marks of one. */
function isProof(snapshot: StackEvidence): snapshot is GoroutineEvidence {
  if (snapshot.kind === 'heap') return false;
  return snapshot.kind === 'goroutineleak' || (snapshot.leaked?.some((count) => count > 0) ?? false);
}

/** A service without goroutines or without a heap has not been measured: such a snapshot is missing, not zero. */
function isMeasured(snapshot: StackEvidence): boolean {
  if (!Number.isFinite(snapshot.atMillis)) return false;
  if (snapshot.kind === 'goroutineleak') return true;
  return (snapshot.kind === 'heap' ? snapshot.inuseBytes : snapshot.counts).some((value) => value > 0);
}

function observationOf(snapshot: StackEvidence): ProcessObservation {
  const { atMillis, processStartMillis } = snapshot;
  return {
    atNanos: nanos(atMillis),
    startNanos: processStartMillis === null || !Number.isFinite(processStartMillis) ? null : nanos(processStartMillis),
    ...(snapshot.kind === 'heap'
      ? {
          counters: new Map([
            ...counter('alloc_space', snapshot.allocBytes),
            ...counter('alloc_objects', snapshot.allocObjects),
          ]),
        }
      : { highestGoroutineId: highestId(snapshot) }),
  };
}

/** A profile without allocations has not counted them. */
function counter(name: string, values: Float64Array): [string, number][] {
  const total = values.reduce((sum, value) => sum + value, 0);
  return total > 0 ? [[name, total]] : [];
}

function highestId({ members }: GoroutineEvidence): bigint | null {
  if (members === null || members.ids.length === 0) return null;
  return BigInt(members.ids.reduce((a, b) => Math.max(a, b)));
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
  // Neither the median, as of pairs half of the gaps are none, nor the mean, which a night without any would raise.
  const usual = gaps.sort((a, b) => a - b).at(Math.floor(gaps.length * 0.75)) ?? 0;
  const moments: S[] = [];
  for (const snapshot of ordered) {
    const before = moments.at(-1);
    if (before === undefined || snapshot.atMillis - before.atMillis > usual * sameMomentShare) moments.push(snapshot);
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

function nanos(millis: number): bigint {
  return BigInt(Math.round(millis)) * 1_000_000n;
}
