/** What one snapshot shows of the process that it is of. All but the time may be missing. */
export interface ProcessObservation {
  /** When it was captured, Unix nanoseconds. */
  readonly atNanos: bigint;
  /** Unix nanoseconds, as process_start_time_seconds or /proc say. */
  readonly startNanos?: bigint | null;
  /** What only grows while a process lives, by name. Two observations are compared by the names that both have. */
  readonly counters?: ReadonlyMap<string, bigint | number>;
  /** The highest goroutine id of a dump. */
  readonly highestGoroutineId?: bigint | null;
}

/** What told two processes apart: one of these is enough, the first one that says something counts. */
export type RestartEvidence = 'start-time' | 'counter' | 'goroutine-ids';

/** A process, as far as the observations of an instance show it. */
export interface ProcessLifetime {
  /** Indices of its observations in what was given, in the order of time (late ones put right); at least one. */
  readonly observations: readonly number[];
  readonly firstAtNanos: bigint;
  readonly lastAtNanos: bigint;
  /** What shows that it is not the process before it; null for the first. */
  readonly evidence: RestartEvidence | null;
}

export interface LifetimeTolerance {
  /**
   * Start times that lie closer together are no evidence: they are computed from the boot time of the machine, which is
   * kept in whole seconds and moves when its clock is set.
   */
  readonly startNanos: bigint;
  /** Of two observations that lie closer together either may have been made first: they may have overtaken each other. */
  readonly reorderNanos: bigint;
  /**
   * How far ids may fall without a restart. A P takes ids in batches of 16, and whoever had the highest one may have
   * ended; so only a fall to less than this share of the highest id seen, and by more than one batch per P, counts.
   */
  readonly goroutineIdShare: number;
}

export const lifetimeTolerance: LifetimeTolerance = {
  startNanos: 2_000_000_000n,
  reorderNanos: 5_000_000_000n,
  goroutineIdShare: 0.5,
};

/** Batches of 16 ids of 256 Ps. */
const idsInBatches = 4_096n;

/**
 * Cuts the observations of one instance into processes. They may come in any order and more than once; they are taken
 * by their time, and in the order given where times are equal.
 *
 * A new process begins where the start time changes, or else where a counter went back, or else, if neither says
 * anything, where goroutine ids went back. The last is weak: ids only grow, but a dump shows only those that are still
 * alive, so it takes a fall to less than half, and it is overruled by counters that went on and by a start time that
 * stayed.
 *
 * A counter that went back for one observation only, made within `reorderNanos` of the one before and no less than the
 * one before that, was not a restart: the two overtook each other, and change places.
 */
export function processLifetimes(
  observations: readonly ProcessObservation[],
  tolerance: LifetimeTolerance = lifetimeTolerance,
): ProcessLifetime[] {
  const order = observations.map((_, index) => index);
  order.sort((a, b) => compare(observations[a].atNanos, observations[b].atNanos) || a - b);
  const lifetimes: { observations: number[]; evidence: RestartEvidence | null; known: Known }[] = [];
  order.forEach((index, place) => {
    const observation = observations[index];
    const current = lifetimes.at(-1);
    if (current === undefined) {
      lifetimes.push({ observations: [index], evidence: null, known: knownFrom(observation) });
      return;
    }
    const evidence = restartBetween(current.known, observation, tolerance);
    if (evidence === null) {
      current.observations.push(index);
      learn(current.known, observation);
      return;
    }
    if (evidence === 'counter' && overtaken(observations, current.observations, order, place, tolerance)) {
      current.observations.splice(-1, 0, index);
      return;
    }
    lifetimes.push({ observations: [index], evidence, known: knownFrom(observation) });
  });
  return lifetimes.map(({ observations: indices, evidence }) => {
    // Change places they may, but first and last are those of the clock.
    const times = indices.map((index) => observations[index].atNanos);
    return {
      observations: indices,
      firstAtNanos: times.reduce((a, b) => (b < a ? b : a)),
      lastAtNanos: times.reduce((a, b) => (b > a ? b : a)),
      evidence,
    };
  });
}

/** The last that is known of each figure of a process: observations of different kinds show different ones. */
interface Known {
  startNanos: bigint | null;
  readonly counters: Map<string, bigint | number>;
  highestGoroutineId: bigint | null;
}

function knownFrom(observation: ProcessObservation): Known {
  const known: Known = { startNanos: null, counters: new Map(), highestGoroutineId: null };
  learn(known, observation);
  return known;
}

function learn(known: Known, { startNanos, counters, highestGoroutineId }: ProcessObservation): void {
  // The first one stays: one that drifts a little each time would lead away from it.
  known.startNanos ??= startNanos ?? null;
  for (const [name, value] of counters ?? []) if (isNumber(value)) known.counters.set(name, value);
  if (highestGoroutineId == null) return;
  const highest = known.highestGoroutineId;
  if (highest === null || highestGoroutineId > highest) known.highestGoroutineId = highestGoroutineId;
}

function restartBetween(
  known: Known,
  { startNanos, counters, highestGoroutineId }: ProcessObservation,
  tolerance: LifetimeTolerance,
): RestartEvidence | null {
  let stayed = false;
  if (startNanos != null && known.startNanos !== null) {
    const apart = startNanos > known.startNanos ? startNanos - known.startNanos : known.startNanos - startNanos;
    if (apart > tolerance.startNanos) return 'start-time';
    stayed = true;
  }
  for (const [name, value] of counters ?? []) {
    const before = known.counters.get(name);
    if (before === undefined || !isNumber(value)) continue;
    if (value < before) return 'counter';
    // One that stood still says nothing: a counter of forced collections is 0 in most processes.
    if (value > before) stayed = true;
  }
  if (stayed || highestGoroutineId == null || known.highestGoroutineId === null) return null;
  const highest = known.highestGoroutineId;
  const fell = highest - highestGoroutineId > idsInBatches;
  return fell && Number(highestGoroutineId) < Number(highest) * tolerance.goroutineIdShare ? 'goroutine-ids' : null;
}

/** Whether the observation at `place` and the one before it, the last of the lifetime, came in the wrong order. */
function overtaken(
  observations: readonly ProcessObservation[],
  lifetime: readonly number[],
  order: readonly number[],
  place: number,
  tolerance: LifetimeTolerance,
): boolean {
  const late = observations[order[place]];
  const last = observations[lifetime[lifetime.length - 1]];
  // Without one before there is no telling a process that began anew from an observation that came late.
  const before = lifetime.length < 2 ? undefined : observations[lifetime[lifetime.length - 2]];
  if (before === undefined || late.atNanos - last.atNanos > tolerance.reorderNanos) return false;
  const after = place + 1 < order.length ? observations[order[place + 1]] : undefined;
  return grows(before, late) && grows(late, last) && (after === undefined || grows(last, after));
}

/** Whether counters that both have are no less in the second, and there is one. */
function grows(earlier: ProcessObservation, later: ProcessObservation): boolean {
  let compared = false;
  for (const [name, value] of later.counters ?? []) {
    const before = earlier.counters?.get(name);
    if (before === undefined || !isNumber(value) || !isNumber(before)) continue;
    if (value < before) return false;
    compared = true;
  }
  return compared;
}

function isNumber(value: bigint | number): boolean {
  return typeof value === 'bigint' || !Number.isNaN(value);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
