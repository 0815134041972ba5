/**
 * How snapshots of many processes, taken now and then, become numbers over time that mean what they say.
 *
 * A **gauge** (`inuse_*`, `goroutine`, …) holds from its capture until the instance's next snapshot, but not for ever: a
 * process that has gone silent holds nothing. How long is decided from the snapshots of the clock hour (UTC) of the
 * capture and their neighbours, never from the range that somebody happens to look at, so that every range and every
 * step reads the same history, and so that one hour can be summed up without knowing any other:
 *
 *   * inside an hour of four or more snapshots, at most 1.5 × the median of the gaps between them;
 *   * inside an hour of fewer, until the next: nothing says what is typical;
 *   * from an hour's last snapshot on, at most 1.5 × that median; in an hour of fewer than four, the gaps to the
 *     snapshots before and after the hour are counted in (a missing neighbour, or one farther than 36 h, as infinite);
 *   * a snapshot with no neighbour holds for five minutes, as a Prometheus sample does; nothing holds longer than 36 h.
 *
 * The median of an even number is the lower of the two in the middle. A new process of the same instance ends the hold of
 * the old one like any other snapshot; where one process ends and the next begins matters to counters only.
 *
 * A **counter** (`alloc_*`, `contentions`, `delay`) grows from the start of its process. Its trend is what it grew by:
 * the differences between neighbouring snapshots of an instance, each spread evenly over the time between the two. Where
 * it went back there is a new process, and its first value is all growth. The first snapshot of an instance says when
 * nothing of its value was allocated, so it is only the mark that the next one is measured from; alone, it reads itself.
 *
 * A **delta** is a difference already, spread over its own duration; it is summed and never differenced again.
 *
 * **cpu** is CPU time over the profile's own duration: as a trend, a gauge of cores (kept in whole nanocores).
 */
export type Semantics = 'gauge' | 'counter' | 'delta' | 'cpu';

/**
 * What a column of a profile means over time.
 *
 * @param sampleType `inuse_space` or `inuse_space/bytes`
 * @param delta whether the profile is a difference already (`?seconds=N`); its columns are neither gauges nor counters
 */
export function semanticsOf(kind: string, sampleType: string, delta: boolean): Semantics {
  const [type, unit] = sampleType.split('/');
  if (kind === 'cpu') return type === 'cpu' && (unit ?? 'nanoseconds') === 'nanoseconds' ? 'cpu' : 'delta';
  if (delta) return 'delta';
  if (kind === 'block' || kind === 'mutex') return 'counter';
  return type.startsWith('alloc_') || type === 'contentions' || type === 'delay' ? 'counter' : 'gauge';
}

export const hourMillis = 3_600_000;
/** No value holds longer, and a neighbour farther away than this is none: what a reader has to look at is bounded. */
export const longestHoldMillis = 36 * hourMillis;
/** How long a snapshot holds that has no neighbour. */
export const loneHoldMillis = 300_000;

/** From this many snapshots on, an hour's own gaps say what is typical. */
const telling = 4;

/** What an hour's snapshots of one instance tell about the gaps between them. */
export interface HourSpacing {
  readonly firstAtMillis: number;
  readonly lastAtMillis: number;
  /** Distinct times of capture, at least one. */
  readonly count: number;
  /** The median gap between them (the lower one of two), 0 for a single snapshot. */
  readonly gapMillis: number;
}

export function hourOf(atMillis: number): number {
  return Math.floor(atMillis / hourMillis) * hourMillis;
}

/** @param times distinct, ascending, all of one clock hour; only those in [start, end) are looked at, at least one */
export function spacingOf(times: ArrayLike<number>, start = 0, end = times.length): HourSpacing {
  const gaps: number[] = [];
  for (let i = start + 1; i < end; i++) gaps.push(times[i] - times[i - 1]);
  return {
    firstAtMillis: times[start],
    lastAtMillis: times[end - 1],
    count: end - start,
    gapMillis: gaps.length === 0 ? 0 : lowerMedian(gaps),
  };
}

/** How long a value holds at most if the next snapshot is of the same clock hour. */
export function holdInside(hour: HourSpacing): number {
  return hour.count >= telling ? oneAndAHalf(hour.gapMillis) : Infinity;
}

/**
 * When the last value of an hour ends.
 *
 * @param before the instance's last snapshot before this hour, if any
 * @param after its first one after this hour, if any
 */
export function holdEnd(hour: HourSpacing, before: number | undefined, after: number | undefined): number {
  const limit = hour.lastAtMillis + holdAfter(hour, before, after);
  return after === undefined ? limit : Math.min(limit, after);
}

function holdAfter(hour: HourSpacing, before: number | undefined, after: number | undefined): number {
  if (hour.count >= telling) return oneAndAHalf(hour.gapMillis);
  const gaps = [
    neighbour(before === undefined ? Infinity : hour.firstAtMillis - before),
    neighbour(after === undefined ? Infinity : after - hour.lastAtMillis),
  ];
  if (hour.count > 1) gaps.push(hour.gapMillis);
  if (hour.count > 2) gaps.push(hour.lastAtMillis - hour.firstAtMillis - hour.gapMillis);
  let typical = lowerMedian(gaps);
  if (typical === Infinity) typical = Math.min(...gaps);
  return typical === Infinity ? loneHoldMillis : Math.min(oneAndAHalf(typical), longestHoldMillis);
}

function neighbour(gapMillis: number): number {
  return gapMillis > longestHoldMillis ? Infinity : gapMillis;
}

function oneAndAHalf(gapMillis: number): number {
  return Math.floor(gapMillis * 1.5);
}

function lowerMedian(values: number[]): number {
  return values.sort((a, b) => a - b)[(values.length - 1) >> 1];
}

/** One snapshot on the time line of its instance. */
export interface TimelinePoint {
  readonly atMillis: number;
  /** Decides between two snapshots of one instance and the same millisecond: the greater id stands, the other is none. */
  readonly id: string;
}

/** The points in order, without those that another of the same instance and millisecond stands for. */
export function inOrder<P extends TimelinePoint>(points: readonly P[]): P[] {
  const sorted = points.toSorted((a, b) => a.atMillis - b.atMillis || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return sorted.filter((point, i) => sorted[i + 1]?.atMillis !== point.atMillis);
}

/**
 * When each value of an instance ends.
 *
 * @param times of capture, distinct and ascending
 * @returns the time from which it does not hold any more, always greater than its capture
 */
export function holdEnds(times: readonly number[]): number[] {
  const ends: number[] = [];
  for (let start = 0; start < times.length;) {
    const hour = hourOf(times[start]);
    let end = start + 1;
    while (end < times.length && times[end] < hour + hourMillis) end++;
    const spacing = spacingOf(times, start, end);
    const inside = holdInside(spacing);
    for (let i = start; i < end - 1; i++) ends.push(Math.min(times[i + 1], times[i] + inside));
    ends.push(holdEnd(spacing, times[start - 1], times[end]));
    start = end;
  }
  return ends;
}

export interface RangeWeights {
  /** By the points' `index`; a snapshot that is not named, or does not count, has 0. */
  readonly weights: Float64Array;
  /** What the weighted sum has to be divided by. */
  readonly divisor: number;
}

export interface InstancePoints {
  readonly points: readonly (TimelinePoint & { readonly index: number; readonly counters?: readonly bigint[] })[];
}

/**
 * The share of each snapshot in the gauge-true value of a range: for every stack, and so for every function and total,
 *
 *     value = Σ weights[index] × value[index] / divisor
 *
 * with milliseconds held inside [from, to) as weights, and as divisor the time in which any instance holds a value. Give
 * all snapshots that may hold into the range (`readTimings` in the catalogue finds them); those of no consequence get
 * weight 0. A range in which a single snapshot holds has its weight equal to the divisor, so that it reads itself. If
 * nothing holds, all weights and the divisor are 0.
 */
export function holdWeights(instances: readonly InstancePoints[], fromMillis: number, toMillis: number): RangeWeights {
  const weights = weightsFor(instances);
  const held: { start: number; end: number }[] = [];
  for (const { points } of instances) {
    const ordered = inOrder(points);
    const ends = holdEnds(ordered.map((point) => point.atMillis));
    ordered.forEach((point, i) => {
      const start = Math.max(point.atMillis, fromMillis);
      const end = Math.min(ends[i], toMillis);
      if (end <= start) return;
      weights[point.index] = end - start;
      held.push({ start, end });
    });
  }
  held.sort((a, b) => a.start - b.start);
  let covered = 0;
  let reach = -Infinity;
  for (const { start, end } of held) {
    covered += Math.max(0, end - Math.max(start, reach));
    reach = Math.max(reach, end);
  }
  return { weights, divisor: covered };
}

/**
 * The share of each snapshot in what counters grew by over a range: from each instance's last snapshot before `from` (at
 * most 36 h before the next) to its last one before `to`, over all its processes. Weights are -1, 0 and 1, the divisor is
 * 1, so the sum is exact; nothing is apportioned. An instance with one snapshot in the range and none before it reads
 * that one, since the start of its process.
 *
 * @param instances with `counters`, the totals of all counters of a snapshot, always in the same order
 */
export function increaseWeights(
  instances: readonly InstancePoints[],
  fromMillis: number,
  toMillis: number,
): RangeWeights {
  const weights = weightsFor(instances);
  for (const { points } of instances) {
    const ordered = inOrder(points).filter((point) => point.atMillis < toMillis);
    const firstInside = ordered.findIndex((point) => point.atMillis >= fromMillis);
    if (firstInside < 0) continue;
    for (let i = firstInside; i < ordered.length; i++) {
      const point = ordered[i];
      const before = ordered[i - 1];
      if (before === undefined || point.atMillis - before.atMillis > longestHoldMillis) {
        const alone = i === firstInside && i === ordered.length - 1;
        if (alone) weights[point.index] += 1;
        continue;
      }
      weights[point.index] += 1;
      if (!wentBack(before.counters, point.counters)) weights[before.index] -= 1;
    }
  }
  return { weights, divisor: 1 };
}

function weightsFor(instances: readonly InstancePoints[]): Float64Array {
  let count = 0;
  for (const { points } of instances) for (const point of points) count = Math.max(count, point.index + 1);
  return new Float64Array(count);
}

/**
 * Whether a new process began between two snapshots of one instance: every counter that both have went back. One that is
 * 0 in both says nothing.
 */
export function wentBack(before: readonly bigint[] = [], after: readonly bigint[] = []): boolean {
  const common = Math.min(before.length, after.length);
  let less = false;
  for (let i = 0; i < common; i++) {
    if (after[i] < before[i]) less = true;
    else if (after[i] > before[i] || after[i] !== 0n) return false;
  }
  return less;
}

/**
 * The number of the process that each snapshot of one instance comes from, counted from 0.
 *
 * @param points in the order of time, with the totals of all their counters
 */
export function lifetimesOf(points: readonly { readonly counters: readonly bigint[] }[]): number[] {
  let lifetime = 0;
  return points.map((point, i) => {
    if (i > 0 && wentBack(points[i - 1].counters, point.counters)) lifetime++;
    return lifetime;
  });
}

/** CPU time over the time it was measured in, in billionths of a core. */
export function nanocores(cpuNanos: number, durationNanos: number): number {
  return Math.round((cpuNanos / durationNanos) * 1e9);
}
