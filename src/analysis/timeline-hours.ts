import { constantSpan, type GrowthSpan, type HeldSpan } from './timeline-buckets.js';
import {
  holdEnd,
  holdInside,
  inOrder,
  longestHoldMillis,
  spacingOf,
  wentBack,
  type HourSpacing,
  type Semantics,
  type TimelinePoint,
} from './timeline.js';

/**
 * One clock hour of one instance, summed up without knowing any other hour: when it was looked at, and for every series
 * (a total, a function's flat or cum) a few numbers. What lies between two hours — the last value that still holds, the
 * growth from one hour's last snapshot to the next one's first — is completed by the reader, so that a snapshot that
 * arrives late changes its own hour only.
 *
 * A steady hour is one segment; it has more where the build changes, and one more per build for deltas.
 */
export interface HourTiming {
  readonly hourMillis: number;
  /** Of the snapshots that are no deltas; null if there are only deltas. */
  readonly spacing: HourSpacing | null;
  /** All counters of the first and the last snapshot, by which a reader knows a new process. */
  readonly countersFirst: readonly bigint[];
  readonly countersLast: readonly bigint[];
  readonly segments: readonly HourSegment[];
}

export interface HourSegment {
  readonly buildId: string | null;
  readonly delta: boolean;
  /**
   * Start and end, start and end …, ascending: when values were held inside the hour (the hour's last value only begins
   * at the end of the last one), from where to where a counter was counted, or what deltas cover (perhaps beyond the hour).
   */
  readonly runs: readonly number[];
}

/** An integer: a number where that is exact, else a bigint. */
export type Exact = number | bigint;

/** Gauges and cores are held; counters and deltas are counted. */
export type HourMode = 'held' | 'counted';

export function modeOf(semantics: Semantics): HourMode {
  return semantics === 'gauge' || semantics === 'cpu' ? 'held' : 'counted';
}

/**
 * The numbers of a series in a segment, as they stand in its `values`, segment after segment:
 *
 *   * held: first, last, excess (∫ (value − first) dt over the runs), max of what was held in the runs;
 *   * counted: first, last, increase (from the segment before on, in the same hour);
 *   * delta: sum.
 */
export function widthOf(mode: HourMode, segment: { readonly delta: boolean }): number {
  return segment.delta ? 1 : mode === 'held' ? 4 : 3;
}

export interface HourPoint extends TimelinePoint {
  readonly buildId: string | null;
  /** Only in a counted hour. */
  readonly delta: boolean;
  readonly durationMillis: number;
  readonly counters: readonly bigint[];
}

/** What to do with each snapshot, in this order, to sum up the hour. */
export interface HourStep<P> {
  readonly point: P;
  readonly segment: number;
  readonly isFirstOfSegment: boolean;
  readonly isFirstOfHour: boolean;
  /** How long it holds inside the hour. */
  readonly weightMillis: number;
  /** Whether it is the first of a new process. */
  readonly restarted: boolean;
}

export interface HourPlan<P> {
  readonly mode: HourMode;
  readonly timing: HourTiming;
  readonly steps: readonly HourStep<P>[];
}

/** @param points one instance's snapshots of one clock hour, at least one, in any order */
export function planHour<P extends HourPoint>(hourMillis: number, points: readonly P[], mode: HourMode): HourPlan<P> {
  const ordered = inOrder(points.filter((point) => !point.delta));
  const segments: { buildId: string | null; delta: boolean; runs: number[] }[] = [];
  const steps: HourStep<P>[] = [];
  const spacing = ordered.length === 0 ? null : spacingOf(ordered.map((point) => point.atMillis));
  const inside = spacing === null ? 0 : holdInside(spacing);
  ordered.forEach((point, i) => {
    const before = ordered[i - 1] as P | undefined;
    const after = ordered[i + 1] as P | undefined;
    const isFirstOfSegment = before?.buildId !== point.buildId;
    if (isFirstOfSegment) segments.push({ buildId: point.buildId, delta: false, runs: [] });
    const { runs } = segments[segments.length - 1];
    const holds = after === undefined ? 0 : Math.min(after.atMillis - point.atMillis, inside);
    if (mode === 'held') extend(runs, point.atMillis, point.atMillis + holds);
    else if (before !== undefined) extend(runs, before.atMillis, point.atMillis);
    steps.push({
      point,
      segment: segments.length - 1,
      isFirstOfSegment,
      isFirstOfHour: i === 0,
      weightMillis: holds,
      restarted: before !== undefined && wentBack(before.counters, point.counters),
    });
  });

  const deltaSegments = new Map<string | null, number>();
  const deltas = points.filter((point) => point.delta);
  for (const point of deltas.sort((a, b) => a.atMillis - b.atMillis || (a.id < b.id ? -1 : 1))) {
    let segment = deltaSegments.get(point.buildId);
    if (segment === undefined) {
      segment = segments.push({ buildId: point.buildId, delta: true, runs: [point.atMillis, point.atMillis] }) - 1;
      deltaSegments.set(point.buildId, segment);
    }
    extend(segments[segment].runs, point.atMillis, point.atMillis + point.durationMillis);
    steps.push({ point, segment, isFirstOfSegment: false, isFirstOfHour: false, weightMillis: 0, restarted: false });
  }
  return {
    mode,
    timing: {
      hourMillis,
      spacing,
      countersFirst: ordered[0]?.counters ?? [],
      countersLast: ordered.at(-1)?.counters ?? [],
      segments,
    },
    steps,
  };
}

/** Adds [start, end) to runs that begin no later than it does. */
function extend(runs: number[], start: number, end: number): void {
  if (runs.length > 0 && start <= runs[runs.length - 1]) {
    runs[runs.length - 1] = Math.max(runs[runs.length - 1], end);
  } else if (end > start) {
    runs.push(start, end);
  }
}

/** Sums up an hour for many series at once, snapshot by snapshot in the order of the plan. Exact for any integers. */
export class HourSums {
  /** By field of `values`: one number per series. */
  private fields: (Float64Array | bigint[])[] = [];
  private readonly offsets: number[] = [];

  constructor(
    private readonly plan: HourPlan<unknown>,
    private readonly seriesCount: number,
  ) {
    for (const segment of plan.timing.segments) {
      this.offsets.push(this.fields.length);
      for (let i = widthOf(plan.mode, segment); i > 0; i--) this.fields.push(new Float64Array(seriesCount));
    }
  }

  /** @param values one per series; numbers must be safe integers */
  add(step: HourStep<unknown>, values: Float64Array | readonly bigint[]): void {
    let series = 0;
    if (values instanceof Float64Array && this.fields[0] instanceof Float64Array) {
      series = this.addNumbers(step, values, this.fields as Float64Array[]);
      if (series === this.seriesCount) return;
    }
    if (this.fields[0] instanceof Float64Array) this.fields = this.fields.map((field) => Array.from(field, BigInt));
    this.addBigints(step, values, this.fields as bigint[][], series);
  }

  /** The numbers of one series in all segments, or null if it was 0 all the time. */
  valuesOf(series: number): Exact[] | null {
    const values: Exact[] = [];
    let isZero = true;
    for (const field of this.fields) {
      const value = exact(field[series]);
      if (value !== 0) isZero = false;
      values.push(value);
    }
    return isZero ? null : values;
  }

  /** @returns the series before which a number would have become too large; all if none */
  private addNumbers(step: HourStep<unknown>, values: Float64Array, fields: Float64Array[]): number {
    const at = this.offsets[step.segment];
    const [first, last, third, max] = fields.slice(at, at + 4);
    if (this.plan.timing.segments[step.segment].delta) {
      for (let s = 0; s < this.seriesCount; s++) {
        const sum = first[s] + values[s];
        if (!Number.isSafeInteger(sum)) return s;
        first[s] = sum;
      }
    } else if (this.plan.mode === 'held') {
      const weight = step.weightMillis;
      for (let s = 0; s < this.seriesCount; s++) {
        const value = values[s];
        const added = step.isFirstOfSegment ? 0 : (value - first[s]) * weight;
        const excess = step.isFirstOfSegment ? 0 : third[s] + added;
        // Two large numbers of opposite sign may meet in a small one, after the first of them was rounded.
        if (!Number.isSafeInteger(added) || !Number.isSafeInteger(excess)) return s;
        if (step.isFirstOfSegment) first[s] = max[s] = value;
        last[s] = value;
        third[s] = excess;
        if (weight > 0 && value > max[s]) max[s] = value;
      }
    } else {
      const lastBefore = fields[at - 2];
      for (let s = 0; s < this.seriesCount; s++) {
        const value = values[s];
        let added = 0;
        if (step.restarted) added = value;
        else if (!step.isFirstOfHour) added = value - (step.isFirstOfSegment ? lastBefore : last)[s];
        const increase = third[s] + added;
        if (!Number.isSafeInteger(added) || !Number.isSafeInteger(increase)) return s;
        if (step.isFirstOfSegment) first[s] = value;
        last[s] = value;
        third[s] = increase;
      }
    }
    return this.seriesCount;
  }

  private addBigints(
    step: HourStep<unknown>,
    values: Float64Array | readonly bigint[],
    fields: bigint[][],
    fromSeries: number,
  ): void {
    const at = this.offsets[step.segment];
    const [first, last, third, max] = fields.slice(at, at + 4);
    const { delta } = this.plan.timing.segments[step.segment];
    const weight = BigInt(step.weightMillis);
    for (let s = fromSeries; s < this.seriesCount; s++) {
      const value = BigInt(values[s]);
      if (delta) {
        first[s] += value;
        continue;
      }
      if (this.plan.mode === 'counted') {
        if (step.restarted) third[s] += value;
        else if (!step.isFirstOfHour) third[s] += value - (step.isFirstOfSegment ? fields[at - 2] : last)[s];
      }
      if (step.isFirstOfSegment) first[s] = value;
      last[s] = value;
      if (this.plan.mode === 'held') {
        third[s] += (value - first[s]) * weight;
        if (step.isFirstOfSegment || (weight > 0n && value > max[s])) max[s] = value;
      }
    }
  }
}

/** The same integer as a number, if that is exact. */
export function exact(value: Exact): Exact {
  if (typeof value === 'number') return value;
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** An hour as a reader finds it: one series' values, or null where it was 0. */
export interface SummedHour {
  readonly timing: HourTiming;
  readonly values: readonly Exact[] | null;
}

/** The spans of one instance's gauge. @param hours held, ascending, with the nearest on both sides of what is asked for */
export function heldHourSpans(hours: readonly SummedHour[]): HeldSpan[] {
  const spans: HeldSpan[] = [];
  hours.forEach(({ timing, values }, i) => {
    const { spacing, segments } = timing;
    if (spacing === null) return;
    let last = 0n;
    segments.forEach(({ buildId, runs }, segment) => {
      const [first, end, excess, max] = values === null ? zeros : values.slice(segment * 4, segment * 4 + 4);
      last = BigInt(end);
      const most = BigInt(max);
      // The whole area stands with the first run; the runs of an hour share every bucket.
      let area = areaOf(first, lengthOf(runs), excess);
      for (let run = 0; run < runs.length; run += 2) {
        spans.push({ startMillis: runs[run], endMillis: runs[run + 1], area, last, max: most, buildId });
        area = 0n;
      }
    });
    const end = holdEnd(
      spacing,
      hours[i - 1]?.timing.spacing?.lastAtMillis,
      hours[i + 1]?.timing.spacing?.firstAtMillis,
    );
    spans.push(constantSpan(spacing.lastAtMillis, end, last, segments[segments.length - 1].buildId));
  });
  return spans;
}

/** The spans of one instance's counter and deltas. @param hours counted, ascending, as for `heldHourSpans` */
export function growthHourSpans(hours: readonly SummedHour[]): GrowthSpan[] {
  const spans: GrowthSpan[] = [];
  const looked = hours.filter((hour) => hour.timing.spacing !== null);
  looked.forEach(({ timing, values }, i) => {
    const { firstAtMillis, lastAtMillis, count } = timing.spacing!;
    const first = values === null ? 0n : BigInt(values[0]);
    const { buildId } = timing.segments[0];
    const before = looked[i - 1] as SummedHour | undefined;
    const beforeAt = before?.timing.spacing?.lastAtMillis;
    if (before !== undefined && beforeAt !== undefined && firstAtMillis - beforeAt <= longestHoldMillis) {
      const restarted = wentBack(before.timing.countersLast, timing.countersFirst);
      const amount = restarted ? first : first - lastCounted(before);
      spans.push({ startMillis: beforeAt, endMillis: firstAtMillis, amount, buildId });
    } else if (count === 1) {
      const afterAt = looked[i + 1]?.timing.spacing?.firstAtMillis ?? Infinity;
      if (afterAt - lastAtMillis > longestHoldMillis) {
        spans.push({ startMillis: firstAtMillis, endMillis: firstAtMillis, amount: first, buildId });
      }
    }
  });
  for (const { timing, values } of hours) {
    let at = 0;
    for (const { buildId, delta, runs } of timing.segments) {
      const amount = values === null ? 0n : BigInt(values[delta ? at : at + 2]);
      at += widthOf('counted', { delta });
      // A delta belongs to the hour in which it begins, whole; the time that it covers may end in the next.
      if (delta) spans.push({ startMillis: runs[0], endMillis: runs[0], amount, buildId });
      for (let run = 0; run < runs.length; run += 2) {
        spans.push({ startMillis: runs[run], endMillis: runs[run + 1], amount: delta ? 0n : amount, buildId });
      }
    }
  }
  return spans;
}

const zeros: readonly Exact[] = [0, 0, 0, 0];

/** value × length + excess; a bigint once where numbers are exact, as they nearly always are. */
function areaOf(value: Exact, length: number, excess: Exact): bigint {
  if (typeof value === 'number' && typeof excess === 'number') {
    const product = value * length;
    const sum = product + excess;
    if (Number.isSafeInteger(product) && Number.isSafeInteger(sum)) return BigInt(sum);
  }
  return BigInt(value) * BigInt(length) + BigInt(excess);
}

function lengthOf(runs: readonly number[]): number {
  let length = 0;
  for (let run = 0; run < runs.length; run += 2) length += runs[run + 1] - runs[run];
  return length;
}

function lastCounted({ timing, values }: SummedHour): bigint {
  if (values === null) return 0n;
  let at = -3;
  for (const segment of timing.segments) if (!segment.delta) at += 3;
  return BigInt(values[at + 1]);
}
