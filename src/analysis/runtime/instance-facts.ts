import { difference, type Growth, growthTrend, type LevelPoint, levelPoints, lowerEnvelope } from './growth.js';
import type { GcCycle, SchedulerSample } from './log-rows.js';
import { type Basis, type RuntimeLine, runtimeLines } from './runtime-steps.js';
import type { InstanceRuntime, ProcessSeries, RuntimeWindow } from './runtime-window.js';
import { asNumber } from './scaled.js';

/** How the live heap is known: from the collector itself, or as what the allocated heap comes down to. */
export type LiveHeapBasis = 'heap_live' | 'minima of heap_alloc';

/** What one instance shows of a window as a whole. Numbers are doubles: they are compared, not added up. */
export class InstanceFacts {
  readonly instance: string;
  readonly cycles: readonly GcCycle[];
  readonly schedulerSamples: readonly SchedulerSample[];
  private readonly lines: ReadonlyMap<string, RuntimeLine>;

  constructor(
    private readonly runtime: InstanceRuntime,
    readonly fromMillis: number,
    readonly toMillis: number,
  ) {
    const inside = ({ atMillis }: { readonly atMillis: number }): boolean =>
      atMillis >= fromMillis && atMillis < toMillis;
    this.instance = runtime.instance;
    this.cycles = runtime.cycles.filter(inside);
    this.schedulerSamples = runtime.schedulerSamples.filter(inside);
    const window: RuntimeWindow = { fromMillis, toMillis, instances: [runtime] };
    const lines = runtimeLines(window, { edges: [fromMillis, toMillis], stat: 'mean' });
    this.lines = new Map(lines.filter(({ state }) => state === null).map((line) => [line.name, line]));
  }

  /** The mean of a gauge or ratio over the window; of a counter what it grew by. Null where nobody said. */
  value(name: string): number | null {
    const line = this.lines.get(name);
    return line === undefined ? null : asNumber(line.points[0].value, line.unit);
  }

  /** What a counter grew by, by the time in which it was counted. */
  perHour(name: string): number | null {
    const perSecond = this.lines.get(name)?.points[0].perSecond ?? null;
    return perSecond === null ? null : perSecond * 3600;
  }

  basis(name: string): Basis | null {
    return this.lines.get(name)?.basis ?? null;
  }

  /** Processes that began inside the window after another one. */
  get restarts(): number {
    return this.runtime.lifetimes.filter(
      ({ evidence, firstAtMillis }) =>
        evidence !== null && firstAtMillis >= this.fromMillis && firstAtMillis < this.toMillis,
    ).length;
  }

  has(name: string): boolean {
    return this.runtime.series.has(name);
  }

  get states(): ReadonlyMap<string, ProcessSeries> {
    return this.runtime.states;
  }

  points(name: string): LevelPoint[] {
    const series = this.runtime.series.get(name);
    return series === undefined ? [] : levelPoints(series);
  }

  growth(name: string): Growth | null {
    return this.trend(this.points(name));
  }

  /** Of a − b, both at the same moments. */
  growthOfDifference(a: string, b: string): Growth | null {
    return this.trend(difference(this.points(a), this.points(b)));
  }

  liveHeap(): { readonly growth: Growth; readonly basis: LiveHeapBasis } | null {
    const live = this.growth('heap_live');
    if (live !== null) return { growth: live, basis: 'heap_live' };
    const inside = this.points('heap_alloc').filter(
      ({ atMillis }) => atMillis >= this.fromMillis && atMillis < this.toMillis,
    );
    const minima = this.trend(lowerEnvelope(inside));
    return minima === null ? null : { growth: minima, basis: 'minima of heap_alloc' };
  }

  trend(points: readonly LevelPoint[]): Growth | null {
    return growthTrend(points, this.fromMillis, this.toMillis);
  }
}

export function factsOf({ instances, fromMillis, toMillis }: RuntimeWindow): InstanceFacts[] {
  return instances.map((instance) => new InstanceFacts(instance, fromMillis, toMillis));
}
