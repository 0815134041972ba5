import { theilSenSlope } from '../theil-sen.js';

/**
 * Kendall's rank correlation of a series with time, τ-a: pairs that rise less pairs that fall, of all pairs. Ties count
 * as neither, so that a plateau is no growth. From -1 to 1; 0 for fewer than two points.
 */
export function kendallTau(values: ArrayLike<number>): number {
  const n = values.length;
  if (n < 2) return 0;
  let balance = 0;
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) balance += Math.sign(values[j] - values[i]);
  return balance / ((n * (n - 1)) / 2);
}

/**
 * Pairs that rise less pairs that fall, of those that do either (Goodman and Kruskal's γ): for series that stand still
 * between events, where a tie says nothing.
 */
export function gamma(values: ArrayLike<number>): number {
  let up = 0;
  let down = 0;
  for (let i = 0; i < values.length; i++) {
    for (let j = i + 1; j < values.length; j++) {
      if (values[j] > values[i]) up++;
      else if (values[j] < values[i]) down++;
    }
  }
  return up + down === 0 ? 0 : (up - down) / (up + down);
}

/**
 * The probability that a series without trend and without ties has a τ as high as this one: exact for up to
 * `exactPoints` points, normal beyond (Kendall 1938; the variance is n(n−1)(2n+5)/18). For series with ties it
 * is about right.
 */
export function kendallChance(tau: number, points: number): number {
  if (points < 2) return 1;
  const pairs = (points * (points - 1)) / 2;
  if (points <= exactPoints) {
    // (pairs − inversions) − inversions ≥ τ · pairs; the little is for what the division by pairs has rounded.
    const inversions = Math.floor((pairs * (1 - tau)) / 2 + 1e-9);
    return inversionsUpTo(points, inversions);
  }
  const variance = (points * (points - 1) * (2 * points + 5)) / 18;
  return 1 - normalCdf((tau * pairs - 1) / Math.sqrt(variance));
}

const exactPoints = 10;

/** The share of the permutations of n that have at most so many inversions (Mahonian numbers). */
function inversionsUpTo(n: number, inversions: number): number {
  let shares = [1];
  for (let size = 2; size <= n; size++) {
    const next = new Array<number>(shares.length + size - 1).fill(0);
    shares.forEach((share, at) => {
      for (let added = 0; added < size; added++) next[at + added] += share / size;
    });
    shares = next;
  }
  return Math.min(
    1,
    shares.slice(0, inversions + 1).reduce((sum, share) => sum + share, 0),
  );
}

/** The standard normal distribution; absolute error below 7.5e-8 (Abramowitz and Stegun 26.2.17). */
export function normalCdf(z: number): number {
  if (z < 0) return 1 - normalCdf(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}

/** The z that has this probability below it, by bisection; within ±8. */
export function normalQuantile(probability: number): number {
  let low = -8;
  let high = 8;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Independent one-sided probabilities as one (Stouffer 1949). 1 for none. */
export function stouffer(chances: readonly number[]): number {
  if (chances.length === 0) return 1;
  const sum = chances.reduce((total, chance) => total + normalQuantile(1 - chance), 0);
  return 1 - normalCdf(sum / Math.sqrt(chances.length));
}

/** The lower end of the 80 % interval of a share (Wilson 1927). */
export function wilsonLower(hits: number, of: number): number {
  if (of === 0) return 0;
  const z2 = 1.2816 ** 2;
  const share = hits / of;
  const centre = share + z2 / (2 * of);
  const spread = Math.sqrt(z2 * ((share * (1 - share)) / of + z2 / (4 * of * of)));
  return Math.max(0, (centre - spread) / (1 + z2 / of));
}

/** NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** NaN for none. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Pearson's; 0 where one of the two stands still. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let both = 0;
  let ofA = 0;
  let ofB = 0;
  a.forEach((value, i) => {
    both += (value - meanA) * (b[i] - meanB);
    ofA += (value - meanA) ** 2;
    ofB += (b[i] - meanB) ** 2;
  });
  return ofA === 0 || ofB === 0 ? 0 : both / Math.sqrt(ofA * ofB);
}

export function clip(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** How a series that is suspected to grow did so. */
export interface GrowthShape {
  /** How many points that is told of. */
  readonly points: number;
  /** Per hour (Theil–Sen). */
  readonly perHour: number;
  /** What it grew by in the window at that slope. */
  readonly grown: number;
  readonly tau: number;
  /**
   * The slope of the second half against the whole, from 0 (it stands still by now) to 1 (three
   * fifths and more, and three tenths in the last third). 1 where there is nothing to
   * compare: of fewer than 4 points, or where the whole does not rise.
   */
  readonly goesOn: number;
  /** The deepest fall against the whole range, from 0 to 1; from 9 points on single low ones are no fall. */
  readonly drawdown: number;
  /** The least of each third does not fall and in the end rises, by more than a tenth in all; null for fewer than 9 points. */
  readonly floorRises: boolean | null;
}

const hourMillis = 3_600_000;

/** @param atMillis strictly ascending, at least two */
export function growthShape(atMillis: readonly number[], values: readonly number[]): GrowthShape {
  const n = values.length;
  const hours = atMillis.map((at) => (at - atMillis[0]) / hourMillis);
  const perHour = theilSenSlope(hours, values) ?? 0;
  return {
    points: n,
    perHour,
    grown: perHour * hours[n - 1],
    tau: kendallTau(values),
    goesOn: goesOn(hours, values, perHour),
    drawdown: drawdown(n < 9 ? values : mediansOfThree(values)),
    floorRises: n < 9 ? null : floorRises(values),
  };
}

/** Growth is never quite even: with this share of the whole slope the later half goes on as before. */
const enoughGoesOn = 0.6;
/** A level that was reached only now shows in the last third, and there by little. */
const enoughAtTheEnd = 0.3;
const leastOfTail = 3;

function goesOn(hours: readonly number[], values: readonly number[], perHour: number): number {
  if (values.length < 4 || perHour <= 0) return 1;
  const from = (values.length - 1) >> 1;
  const late = theilSenSlope(hours.slice(from), values.slice(from)) ?? 0;
  const tail = Math.min(values.length - leastOfTail, Math.floor((values.length * 2) / 3));
  const last = theilSenSlope(hours.slice(tail), values.slice(tail)) ?? 0;
  return clip(Math.min(late / enoughGoesOn, last / enoughAtTheEnd) / perHour, 0, 1);
}

function drawdown(values: readonly number[]): number {
  let highest = -Infinity;
  let lowest = Infinity;
  let deepest = 0;
  for (const value of values) {
    highest = Math.max(highest, value);
    lowest = Math.min(lowest, value);
    deepest = Math.max(deepest, highest - value);
  }
  return highest === lowest ? 0 : deepest / (highest - lowest);
}

/** One snapshot in the trough of a wave is no fall. */
function mediansOfThree(values: readonly number[]): number[] {
  return values.slice(2).map((c, i) => {
    const [a, b] = [values[i], values[i + 1]];
    return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
  });
}

function floorRises(values: readonly number[]): boolean {
  const third = Math.floor(values.length / 3);
  const least = (from: number, to: number): number => Math.min(...values.slice(from, to));
  const floors = [least(0, third), least(third, values.length - third), least(values.length - third, values.length)];
  return floors[1] >= floors[0] && floors[2] > floors[1] && floors[2] - floors[0] > 0.1 * Math.max(1, floors[0]);
}

/**
 * Without the time before it began to grow, if what remains is enough to judge by. What has risen and come down again
 * has begun long ago: the last tooth of a saw is no beginning.
 */
export function sinceItBegan(atMillis: number[], values: number[]): [number[], number[]] {
  const first = values[0];
  const start = values.findLastIndex((value) => value <= first);
  const peakOf = (some: readonly number[]): number => some.reduce((a, b) => Math.max(a, b), first) - first;
  const stood = peakOf(values.slice(0, start)) <= mostBeforeItBegan * peakOf(values.slice(start));
  const isEnough = values.length - start >= leastSinceItBegan;
  return isEnough && stood ? [atMillis.slice(start), values.slice(start)] : [atMillis, values];
}

const leastSinceItBegan = 4;
/** Of what it has grown to since, so much may it have been above where it began before. */
const mostBeforeItBegan = 0.25;

export function neverFalls(values: readonly number[]): boolean {
  return values.every((value, i) => i === 0 || value >= values[i - 1]);
}

/**
 * For each of the times the place of the nearest among the others, the earlier one of two that are as near.
 *
 * @param times ascending
 * @param others ascending, not empty
 */
export function nearestTo(times: readonly number[], others: readonly number[]): number[] {
  let place = 0;
  return times.map((at) => {
    while (place + 1 < others.length && Math.abs(others[place + 1] - at) < Math.abs(others[place] - at)) place++;
    return place;
  });
}
