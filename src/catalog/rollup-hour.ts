import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ExactColumn } from '../analysis/exact.js';
import { HourSums, modeOf, planHour, type Exact, type HourMode, type HourTiming } from '../analysis/timeline-hours.js';
import { nanocores, semanticsOf, type Semantics } from '../analysis/timeline.js';

/** A snapshot with what a roll-up needs of it. */
export interface RollupSnapshot {
  readonly id: string;
  readonly atMillis: number;
  readonly buildId: string | null;
  readonly delta: boolean;
  readonly durationNanos: number;
  /** `type/unit`, in the order of totals and sums. */
  readonly sampleTypes: readonly string[];
  readonly totals: readonly bigint[];
  /** Per sample type: flat and cum of every function of the dictionary, by its id. */
  functionSums(): readonly { readonly flat: ExactColumn; readonly cum: ExactColumn }[];
}

/** All roll-ups of one instance and kind for one clock hour. */
export interface HourRollup {
  readonly instanceId: string;
  readonly hourMillis: number;
  readonly sampleTypes: readonly SampleTypeRollup[];
}

export interface SampleTypeRollup {
  readonly sampleType: string;
  readonly mode: HourMode;
  readonly timing: HourTiming;
  readonly totals: readonly Exact[] | null;
  /** Functions that are not 0 all the time, ascending by id. */
  readonly functions: readonly {
    readonly id: number;
    readonly flat: readonly Exact[] | null;
    readonly cum: readonly Exact[] | null;
  }[];
}

/**
 * How a snapshot stands on the time line of one of its sample types, or null if it has no place there: the `inuse_*` of a
 * delta is no gauge, and CPU time without a duration no number of cores.
 */
export function placeOn(
  semantics: Semantics,
  snapshot: { delta: boolean; durationNanos: number },
): 'point' | 'delta' | null {
  if (semantics === 'delta') return 'delta';
  if (semantics === 'cpu') return snapshot.durationNanos > 0 ? 'point' : null;
  if (semantics === 'counter') return snapshot.delta ? 'delta' : 'point';
  return snapshot.delta ? null : 'point';
}

/** The totals of all counters of a snapshot, by name of the sample type: what tells one process from the next. */
export function counterTotals(
  kind: string,
  { delta, sampleTypes, totals }: Pick<RollupSnapshot, 'delta' | 'sampleTypes' | 'totals'>,
): bigint[] {
  if (delta) return [];
  return sampleTypes
    .map((name, i) => ({ name, total: totals[i] }))
    .filter(({ name }) => semanticsOf(kind, name, false) === 'counter')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ total }) => total);
}

/**
 * Sums up one hour of one instance from all its snapshots, which may come in any order. Gives other work a turn between
 * two snapshots.
 */
export async function sumUpHour(
  kind: string,
  instanceId: string,
  hourMillis: number,
  snapshots: readonly RollupSnapshot[],
  functionCount: number,
): Promise<HourRollup> {
  const byType = new Map<string, SampleTypeHour>();
  for (const name of new Set(snapshots.flatMap((snapshot) => snapshot.sampleTypes))) {
    const hour = SampleTypeHour.of(kind, name, hourMillis, snapshots, functionCount);
    if (hour !== null) byType.set(name, hour);
  }
  for (const snapshot of snapshots.toSorted((a, b) => a.atMillis - b.atMillis)) {
    const sums = snapshot.functionSums();
    snapshot.sampleTypes.forEach((name, i) => byType.get(name)?.add(snapshot, snapshot.totals[i], sums[i]));
    await nextTurn();
  }
  return { instanceId, hourMillis, sampleTypes: Array.from(byType, ([name, hour]) => hour.finish(name)) };
}

class SampleTypeHour {
  private readonly steps: Map<string, ReturnType<typeof planHour>['steps'][number]>;
  private readonly totals: HourSums;
  private readonly flat: HourSums;
  private readonly cum: HourSums;

  private constructor(
    private readonly semantics: Semantics,
    private readonly plan: ReturnType<typeof planHour>,
    private readonly functionCount: number,
  ) {
    this.steps = new Map(plan.steps.map((step) => [step.point.id, step]));
    this.totals = new HourSums(plan, 1);
    this.flat = new HourSums(plan, functionCount);
    this.cum = new HourSums(plan, functionCount);
  }

  /** @returns null if none of the snapshots has a place on the time line of this sample type */
  static of(
    kind: string,
    sampleType: string,
    hourMillis: number,
    snapshots: readonly RollupSnapshot[],
    functionCount: number,
  ): SampleTypeHour | null {
    const semantics = semanticsOf(kind, sampleType, false);
    const points = snapshots
      .filter((snapshot) => snapshot.sampleTypes.includes(sampleType) && placeOn(semantics, snapshot) !== null)
      .map((snapshot) => ({
        id: snapshot.id,
        atMillis: snapshot.atMillis,
        buildId: snapshot.buildId,
        delta: placeOn(semantics, snapshot) === 'delta',
        durationMillis: Math.round(snapshot.durationNanos / 1e6),
        counters: counterTotals(kind, snapshot),
      }));
    if (points.length === 0) return null;
    return new SampleTypeHour(semantics, planHour(hourMillis, points, modeOf(semantics)), functionCount);
  }

  add(snapshot: RollupSnapshot, total: bigint, sums: { readonly flat: ExactColumn; readonly cum: ExactColumn }): void {
    const step = this.steps.get(snapshot.id);
    if (step === undefined) return;
    this.totals.add(step, onTimeLine(this.semantics, [total], snapshot.durationNanos));
    this.flat.add(step, onTimeLine(this.semantics, sums.flat, snapshot.durationNanos));
    this.cum.add(step, onTimeLine(this.semantics, sums.cum, snapshot.durationNanos));
  }

  finish(sampleType: string): SampleTypeRollup {
    const { mode, timing } = this.plan;
    const functions: SampleTypeRollup['functions'][number][] = [];
    for (let id = 0; id < this.functionCount; id++) {
      const flat = this.flat.valuesOf(id);
      const cum = this.cum.valuesOf(id);
      if (flat !== null || cum !== null) functions.push({ id, flat, cum });
    }
    return { sampleType, mode, timing, totals: this.totals.valuesOf(0), functions };
  }
}

/** Values of a snapshot in the unit of their time line: CPU time becomes nanocores. */
export function onTimeLine(semantics: Semantics, values: ExactColumn, durationNanos: number): ExactColumn {
  if (semantics !== 'cpu') return values;
  return Float64Array.from<number | bigint>(values, (value) => nanocores(Number(value), durationNanos));
}
