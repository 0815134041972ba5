import { theilSenSlope } from '../theil-sen.js';
import type { ProcessSeries } from './runtime-window.js';
import { asNumber } from './scaled.js';

/** A number of one instance at one moment, for arithmetic that need not be exact. */
export interface LevelPoint {
  readonly atMillis: number;
  readonly value: number;
  readonly lifetime: number;
}

/** How a number of one instance moved while its processes lived; what happened from one process to the next is no growth. */
export interface Growth {
  /** Median of the slopes between all pairs of points (Theil–Sen), the mean over the processes by their length. */
  readonly perHour: number;
  /** Median of the first and of the last third of the longest process. */
  readonly first: number;
  readonly last: number;
  /** How long it was watched, and in how many points. */
  readonly hours: number;
  readonly points: number;
  /**
   * Whether it is growth rather than noise, a step at the start or a level that was reached: the medians of the thirds
   * rise, the last third still brings a fifth of it, and pairs that rise outweigh those that fall (Kendall's τ ≥ 0.4).
   */
  readonly steady: boolean;
}

/** With fewer points nothing can be said: three of them make a line too easily. */
const leastPoints = 4;
/** Pairs grow with the square: longer series are cut into so many parts, each its median. */
const mostPoints = 80;
const leastTau = 0.4;
const leastLastShare = 0.2;

export function levelPoints({ points, unit }: ProcessSeries): LevelPoint[] {
  return points.map(({ atMillis, value, lifetime }) => ({ atMillis, value: asNumber(value, unit), lifetime }));
}

/** Null if no process shows enough points between `fromMillis` and `toMillis`. */
export function growthTrend(points: readonly LevelPoint[], fromMillis: number, toMillis: number): Growth | null {
  const lives = byLifetime(points.filter(({ atMillis }) => atMillis >= fromMillis && atMillis < toMillis)).flatMap(
    (life) => lifeGrowth(life) ?? [],
  );
  if (lives.length === 0) return null;
  const hours = sum(lives.map((life) => life.hours));
  const longest = lives.reduce((a, b) => (b.hours > a.hours ? b : a));
  return {
    perHour: sum(lives.map((life) => life.perHour * life.hours)) / hours,
    first: longest.first,
    last: longest.last,
    hours,
    points: sum(lives.map((life) => life.points)),
    steady: sum(lives.map((life) => (life.steady ? life.hours : 0))) * 2 > hours,
  };
}

/**
 * The lower envelope: of every stretch of the life of a process its smallest value. A heap that the collector empties
 * again and again is a saw whose teeth say nothing; what it comes down to does.
 */
export function lowerEnvelope(points: readonly LevelPoint[]): LevelPoint[] {
  return byLifetime(points).flatMap((life) => {
    if (life.length < 3 * leastPoints) return life;
    const stretches = Math.min(24, Math.floor(life.length / 3));
    return cut(life, stretches).map((part) => part.reduce((a, b) => (b.value < a.value ? b : a)));
  });
}

/** a − b at the moments of a: with the last b before it of the same process, else the next one. */
export function difference(a: readonly LevelPoint[], b: readonly LevelPoint[]): LevelPoint[] {
  let next = 0;
  const points: LevelPoint[] = [];
  for (const { atMillis, value, lifetime } of a) {
    while (next < b.length && b[next].atMillis <= atMillis) next++;
    const taken = [b[next - 1], b[next]].find((other) => other?.lifetime === lifetime);
    if (taken !== undefined) points.push({ atMillis, value: value - taken.value, lifetime });
  }
  return points;
}

function byLifetime(points: readonly LevelPoint[]): LevelPoint[][] {
  const lives = new Map<number, LevelPoint[]>();
  for (const point of points) {
    const life = lives.get(point.lifetime);
    if (life === undefined) lives.set(point.lifetime, [point]);
    else life.push(point);
  }
  return [...lives.values()];
}

function lifeGrowth(life: readonly LevelPoint[]): Growth | null {
  const hours = (life[life.length - 1].atMillis - life[0].atMillis) / 3_600_000;
  if (life.length < leastPoints || hours <= 0) return null;
  const points = life.length <= mostPoints ? life : cut(life, mostPoints).map(middleOf);
  const slope = theilSenSlope(
    points.map(({ atMillis }) => atMillis),
    points.map(({ value }) => value),
  );
  if (slope === null) return null;
  const [first, middle, last] = cut(points, 3).map((third) => median(third.map(({ value }) => value)));
  return {
    perHour: slope * 3_600_000,
    first,
    last,
    hours,
    points: life.length,
    steady: first < middle && last - middle >= leastLastShare * (last - first) && kendallTau(points) >= leastTau,
  };
}

/** Pairs that rise without those that fall, by all. */
function kendallTau(points: readonly LevelPoint[]): number {
  let rising = 0;
  for (let j = 1; j < points.length; j++) {
    for (let i = 0; i < j; i++) rising += Math.sign(points[j].value - points[i].value);
  }
  return rising / ((points.length * (points.length - 1)) / 2);
}

/** Into so many parts of nearly the same number of points; there are at least as many points. */
function cut<T>(points: readonly T[], parts: number): T[][] {
  return Array.from({ length: parts }, (_, part) =>
    points.slice(Math.floor((part * points.length) / parts), Math.floor(((part + 1) * points.length) / parts)),
  );
}

function middleOf(part: readonly LevelPoint[]): LevelPoint {
  const { atMillis, lifetime } = part[part.length >> 1];
  return { atMillis, value: median(part.map(({ value }) => value)), lifetime };
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
