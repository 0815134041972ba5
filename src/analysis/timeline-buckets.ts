import { holdEnds, inOrder, longestHoldMillis, wentBack, type TimelinePoint } from './timeline.js';

/**
 * From what instances held and grew by to one value per bucket of time. Buckets are given by their edges: bucket k is
 * [edges[k], edges[k + 1]). All values are exact; a mean is rounded to the nearest integer, halves away from zero.
 */

/** What an instance holds from `startMillis` to `endMillis`: one value, or the sum of what it held in a part of an hour. */
export interface HeldSpan {
  readonly startMillis: number;
  readonly endMillis: number;
  /** ∫ value dt over the span, in value × milliseconds. */
  readonly area: bigint;
  readonly last: bigint;
  readonly max: bigint;
  readonly buildId: string | null;
}

/** What a counter of an instance grew by, evenly from start to end; in one moment if they are equal. */
export interface GrowthSpan {
  readonly startMillis: number;
  readonly endMillis: number;
  readonly amount: bigint;
  /** Of the later of the two snapshots. */
  readonly buildId: string | null;
}

/** A snapshot of one series. */
export interface ValuePoint extends TimelinePoint {
  readonly value: bigint;
  readonly buildId: string | null;
}

export type Stat = 'mean' | 'last' | 'max';

export interface BucketValue {
  /** The bucket's left edge. */
  readonly atMillis: number;
  readonly value: bigint;
  /** How much of the bucket the value speaks for: the time in which any instance held a value, or was being counted. */
  readonly coveredMillis: number;
}

/** Left-closed edges at all multiples of the step, beginning with `from` and ending with `to`. */
export function bucketEdges(fromMillis: number, toMillis: number, stepMillis: number): number[] {
  const edges = [fromMillis];
  for (let at = (Math.floor(fromMillis / stepMillis) + 1) * stepMillis; at < toMillis; at += stepMillis) edges.push(at);
  edges.push(toMillis);
  return edges;
}

export function constantSpan(startMillis: number, endMillis: number, value: bigint, buildId: string | null): HeldSpan {
  return { startMillis, endMillis, area: value * BigInt(endMillis - startMillis), last: value, max: value, buildId };
}

/** The spans of one instance's gauge, from its snapshots in any order. */
export function heldSpans(points: readonly ValuePoint[]): HeldSpan[] {
  const ordered = inOrder(points);
  const ends = holdEnds(ordered.map((point) => point.atMillis));
  return ordered.map((point, i) => constantSpan(point.atMillis, ends[i], point.value, point.buildId));
}

/** The spans of one instance's counter, from its snapshots in any order, with the totals of all counters they have. */
export function growthSpans(points: readonly (ValuePoint & { readonly counters: readonly bigint[] })[]): GrowthSpan[] {
  const ordered = inOrder(points);
  const isNear = (i: number): boolean =>
    i > 0 && i < ordered.length && ordered[i].atMillis - ordered[i - 1].atMillis <= longestHoldMillis;
  const spans: GrowthSpan[] = [];
  ordered.forEach((point, i) => {
    if (isNear(i)) {
      const before = ordered[i - 1];
      const amount = wentBack(before.counters, point.counters) ? point.value : point.value - before.value;
      spans.push({ startMillis: before.atMillis, endMillis: point.atMillis, amount, buildId: point.buildId });
    } else if (!isNear(i + 1)) {
      spans.push({
        startMillis: point.atMillis,
        endMillis: point.atMillis,
        amount: point.value,
        buildId: point.buildId,
      });
    }
  });
  return spans;
}

/**
 * The value of a gauge in each bucket, for all instances whose spans are given: `mean` is Σ ∫ value dt over the time in
 * which any instance holds a value, `last` the sum of the values held at the end of the bucket (or when anything was held
 * for the last time), `max` the greatest sum of values held at one time, so that a process that takes over from another
 * is not added to it. Buckets in which nothing is held are left out: missing is never 0.
 *
 * @param spans in any order; those of one instance do not overlap. One that crosses an edge must be of a single value.
 */
export function gaugeBuckets(spans: readonly HeldSpan[], edges: readonly number[], stat: Stat): BucketValue[] {
  const buckets = new Map<number, GaugeBucket>();
  for (const span of spans.toSorted((a, b) => a.startMillis - b.startMillis)) {
    if (span.endMillis <= span.startMillis) continue;
    forEachPart(span, edges, (bucket, start, end) => {
      let gauge = buckets.get(bucket);
      if (gauge === undefined) buckets.set(bucket, (gauge = new GaugeBucket()));
      gauge.add(span, start, end, stat);
    });
  }
  return inTime(buckets).map(([bucket, gauge]) => ({
    atMillis: edges[bucket],
    value: gauge.value(stat),
    coveredMillis: gauge.covered,
  }));
}

class GaugeBucket {
  covered = 0;
  private reach = -Infinity;
  private area = 0n;
  private atEnd = 0n;
  private readonly changes: { at: number; by: bigint; holders: number }[] = [];

  add(span: HeldSpan, start: number, end: number, stat: Stat): void {
    this.covered += Math.max(0, end - Math.max(start, this.reach));
    if (stat === 'last') {
      if (end > this.reach) this.atEnd = span.last;
      else if (end === this.reach) this.atEnd += span.last;
    } else if (stat === 'mean') {
      const whole = start === span.startMillis && end === span.endMillis;
      this.area += whole ? span.area : span.last * BigInt(end - start);
    } else {
      this.changes.push({ at: start, by: span.max, holders: 1 }, { at: end, by: -span.max, holders: -1 });
    }
    this.reach = Math.max(this.reach, end);
  }

  value(stat: Stat): bigint {
    if (stat === 'mean') return roundedQuotient(this.area, BigInt(this.covered));
    if (stat === 'last') return this.atEnd;
    this.changes.sort((a, b) => a.at - b.at);
    let max: bigint | undefined;
    let sum = 0n;
    let holders = 0;
    this.changes.forEach((change, i) => {
      sum += change.by;
      holders += change.holders;
      const settled = this.changes[i + 1]?.at !== change.at;
      if (settled && holders > 0 && (max === undefined || sum > max)) max = sum;
    });
    return max!;
  }
}

/**
 * What counters grew by in each bucket. Buckets that no span touches are left out. The shares of a span that crosses
 * edges are integers and add up to its amount.
 */
export function growthBuckets(spans: readonly GrowthSpan[], edges: readonly number[]): BucketValue[] {
  const buckets = new Map<number, { amount: bigint; covered: number; reach: number }>();
  for (const span of spans.toSorted((a, b) => a.startMillis - b.startMillis)) {
    const length = BigInt(span.endMillis - span.startMillis);
    const grownAt = (at: number): bigint => (span.amount * BigInt(at - span.startMillis)) / length;
    forEachPart(span, edges, (bucket, start, end) => {
      let growth = buckets.get(bucket);
      if (growth === undefined) buckets.set(bucket, (growth = { amount: 0n, covered: 0, reach: -Infinity }));
      growth.amount += length === 0n ? span.amount : grownAt(end) - grownAt(start);
      growth.covered += Math.max(0, end - Math.max(start, growth.reach));
      growth.reach = Math.max(growth.reach, end);
    });
  }
  return inTime(buckets).map(([bucket, growth]) => ({
    atMillis: edges[bucket],
    value: growth.amount,
    coveredMillis: growth.covered,
  }));
}

/** Calls back for every bucket that the span lies in, with the part of the span inside it; a moment lies in one. */
function forEachPart(
  span: { readonly startMillis: number; readonly endMillis: number },
  edges: readonly number[],
  part: (bucket: number, startMillis: number, endMillis: number) => void,
): void {
  const last = edges.length - 1;
  const from = Math.max(span.startMillis, edges[0]);
  const isMoment = span.endMillis === span.startMillis;
  if (from >= edges[last] || (isMoment ? from !== span.startMillis : span.endMillis <= edges[0])) return;
  let low = 0;
  for (let high = last; high - low > 1;) {
    const middle = (low + high) >> 1;
    if (edges[middle] <= from) low = middle;
    else high = middle;
  }
  if (isMoment) return part(low, from, from);
  for (let k = low; k < last && edges[k] < span.endMillis; k++) {
    part(k, Math.max(from, edges[k]), Math.min(span.endMillis, edges[k + 1]));
  }
}

function inTime<B>(buckets: Map<number, B>): [number, B][] {
  return [...buckets].sort(([a], [b]) => a - b);
}

/** To the nearest integer, halves away from zero. */
export function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const doubled = numerator * 2n;
  return (doubled + (doubled < 0n ? -denominator : denominator)) / (denominator * 2n);
}
