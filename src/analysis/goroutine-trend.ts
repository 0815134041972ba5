import { type BucketValue, constantSpan, gaugeBuckets } from './timeline-buckets.js';
import { holdEnds, inOrder, type TimelinePoint } from './timeline.js';
import { theilSenSlope } from './theil-sen.js';

/** How many goroutines of which groups one capture of one instance holds. A group that it does not name has none. */
export interface GroupCounts extends TimelinePoint {
  readonly instance: string;
  readonly buildId: string | null;
  /** Numbers of groups, distinct. */
  readonly groups: Int32Array;
  readonly counts: Float64Array;
}

export interface GroupTrendOptions {
  /** Step k is [edges[k], edges[k + 1]). */
  readonly edges: readonly number[];
  /** How many groups stand alone; the others are summed up. */
  readonly limit: number;
  /** Only what these builds held. */
  readonly buildIds?: readonly string[];
}

/** Columns with an entry per step in which any instance held a value: a group that it did not have then is 0. */
export interface GroupTrend {
  readonly atMillis: readonly number[];
  readonly coveredMillis: readonly number[];
  readonly total: GroupLine;
  /** The greatest mean over the range first. */
  readonly groups: readonly (GroupLine & { readonly group: number })[];
  /** Null if all groups stand alone. */
  readonly other: GroupLine | null;
  readonly groupCount: number;
}

export interface GroupLine {
  /** Mean over the time in which any instance held a value, of the sum over the instances. */
  readonly values: readonly number[];
  readonly first: number | null;
  readonly last: number | null;
  readonly max: number | null;
  /** Theil-Sen slope of the values over the middles of their steps. */
  readonly perHour: number | null;
}

const hourMillis = 3_600_000;

/**
 * Groups of goroutines over time, gauge-true (see timeline.ts): the counts of each capture hold until its instance's next
 * one, and the instances are summed. A group's number is its place in `keys`, which decides between equal means.
 */
export function groupTrend(
  captures: readonly GroupCounts[],
  keys: readonly string[],
  { edges, limit, buildIds }: GroupTrendOptions,
): GroupTrend {
  const held = heldIn(captures, edges[0], edges[edges.length - 1], buildIds);
  const weights = new Float64Array(keys.length);
  for (const { startMillis, endMillis, capture } of held) {
    const length = Math.min(endMillis, edges[edges.length - 1]) - Math.max(startMillis, edges[0]);
    capture.groups.forEach((group, i) => (weights[group] += capture.counts[i] * length));
  }
  const ranked = Array.from(keys, (_, group) => group)
    .filter((group) => weights[group] > 0)
    .sort((a, b) => weights[b] - weights[a] || (keys[a] < keys[b] ? -1 : 1));
  const shown = ranked.slice(0, limit);
  const placeOf = new Int32Array(keys.length).fill(shown.length);
  shown.forEach((group, place) => (placeOf[group] = place));

  // A column for each group that stands alone, one for the others and one for all together.
  const width = shown.length + 2;
  const cells = new Float64Array(held.length * width);
  held.forEach(({ capture }, row) => {
    capture.groups.forEach((group, i) => {
      cells[row * width + placeOf[group]] += capture.counts[i];
      cells[row * width + width - 1] += capture.counts[i];
    });
  });
  const steps = (column: number): BucketValue[] =>
    gaugeBuckets(
      held.map(({ startMillis, endMillis }, row) =>
        constantSpan(startMillis, endMillis, BigInt(cells[row * width + column]), null),
      ),
      edges,
      'mean',
    );
  const total = steps(width - 1);
  const atMillis = total.map((step) => step.atMillis);
  const stepOf = new Map(edges.map((edge, step) => [edge, step]));
  const middles = atMillis.map((at) => (at + edges[stepOf.get(at)! + 1]) / 2);
  const line = (column: readonly BucketValue[]): GroupLine => {
    const values = column.map(({ value }) => Number(value));
    const slope = theilSenSlope(middles, values);
    return {
      values,
      first: values.at(0) ?? null,
      last: values.at(-1) ?? null,
      max: values.length === 0 ? null : values.reduce((most, value) => Math.max(most, value), -Infinity),
      perHour: slope === null ? null : slope * hourMillis,
    };
  };
  return {
    atMillis,
    coveredMillis: total.map((step) => step.coveredMillis),
    total: line(total),
    groups: shown.map((group, place) => ({ group, ...line(steps(place)) })),
    other: ranked.length > shown.length ? line(steps(shown.length)) : null,
    groupCount: ranked.length,
  };
}

interface HeldCapture {
  readonly startMillis: number;
  readonly endMillis: number;
  readonly capture: GroupCounts;
}

/** What was held inside [from, to), in order of time. */
function heldIn(
  captures: readonly GroupCounts[],
  fromMillis: number,
  toMillis: number,
  buildIds: readonly string[] | undefined,
): HeldCapture[] {
  const instances = new Map<string, GroupCounts[]>();
  for (const capture of captures) {
    const known = instances.get(capture.instance);
    if (known === undefined) instances.set(capture.instance, [capture]);
    else known.push(capture);
  }
  const held: HeldCapture[] = [];
  for (const all of instances.values()) {
    const ordered = inOrder(all);
    const ends = holdEnds(ordered.map(({ atMillis }) => atMillis));
    ordered.forEach((capture, i) => {
      const { atMillis: startMillis, buildId } = capture;
      if (buildIds !== undefined && (buildId === null || !buildIds.includes(buildId))) return;
      if (startMillis < toMillis && ends[i] > fromMillis) held.push({ startMillis, endMillis: ends[i], capture });
    });
  }
  return held.sort((a, b) => a.startMillis - b.startMillis);
}
