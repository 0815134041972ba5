import type { ProcessEvidence } from './processes.js';
import { kendallChance, median, stouffer, type GrowthShape, wilsonLower } from './statistics.js';
import type { SuspectFactor } from './suspect.js';

/** How one place moved in one process in which it grew, and what speaks for a leak in that. */
export interface GrowthInProcess {
  readonly process: ProcessEvidence;
  readonly atMillis: readonly number[];
  /** Goroutines, or bytes in use. */
  readonly values: readonly number[];
  readonly shape: GrowthShape;
  /** Of what all places of the process that grew have grown by. */
  readonly share: number;
  /** The product of the factors that say whether it is a leak. */
  readonly evidence: number;
  /** The product of the factors that say how much it matters. */
  readonly size: number;
  readonly factors: readonly SuspectFactor[];
  readonly why: readonly string[];
  readonly whyNot: readonly string[];
}

export interface JudgedProcess {
  readonly process: ProcessEvidence;
  readonly lastAtMillis: number;
}

/** What one place does over all instances and processes of a service. */
export interface FleetGrowth<G extends GrowthInProcess = GrowthInProcess> {
  /** The one to show: of the largest score among the processes that are judged. */
  readonly leading: G;
  /** Of the processes that each instance runs now, those in which it grows. */
  readonly current: readonly G[];
  /** All of them, the earlier processes too, in the order of time within each instance. */
  readonly all: readonly G[];
  /** Processes with enough snapshots to tell whether it grows in them. */
  readonly judged: readonly JudgedProcess[];
  readonly evidence: number;
  readonly size: number;
  /** Instances that were judged, and those in which it grows. */
  readonly instances: number;
  readonly affected: number;
  /** Processes of three and more snapshots, and those in which it grew. */
  readonly lifetimes: number;
  readonly grownLifetimes: number;
  /** From 0 to 1: the share of instances and of lifetimes, as far as so few can show it. */
  readonly spread: number;
  readonly persist: number;
  /** How likely so much order is without any growth (Stouffer over Kendall's exact p of each instance). */
  readonly chance: number;
}

/** Processes of the instances of a service that have at least two snapshots of the kind that is judged. */
export class Fleet {
  private readonly byInstance = new Map<string, ProcessEvidence[]>();

  /** @param judged in the order of time within each instance */
  constructor(
    judged: readonly ProcessEvidence[],
    private readonly snapshotsOf: (process: ProcessEvidence) => readonly { readonly atMillis: number }[],
  ) {
    for (const process of judged) {
      const known = this.byInstance.get(process.instance);
      if (known === undefined) this.byInstance.set(process.instance, [process]);
      else known.push(process);
    }
  }

  /** The process that tells how an instance does now: the last one that has enough snapshots. */
  private current(processes: readonly ProcessEvidence[]): ProcessEvidence {
    return (
      processes.findLast((process) => this.snapshotsOf(process).length >= leastOfCurrent) ??
      processes[processes.length - 1]
    );
  }

  private tells(process: ProcessEvidence): boolean {
    return this.snapshotsOf(process).length >= leastOfLifetime;
  }

  /** @param grown not empty */
  combine<G extends GrowthInProcess>(grown: readonly G[]): FleetGrowth<G> {
    const of = new Map(grown.map((growth) => [growth.process, growth]));
    const current: G[] = [];
    for (const processes of this.byInstance.values()) {
      const now = of.get(this.current(processes));
      if (now !== undefined) current.push(now);
    }
    const told = [...this.byInstance.values()].flat().filter((process) => this.tells(process));
    const lifetimes = told.length;
    const grownLifetimes = grown.filter(({ process }) => this.tells(process)).length;
    // What is over in every instance is told of by its last process, at the price of an earlier one.
    const judged = current.length > 0 ? current : grown;
    const ordered = judged.toSorted((a, b) => b.evidence * b.size - a.evidence * a.size);
    const upper = ordered.slice(0, Math.ceil(ordered.length / 2));
    const instances = this.byInstance.size;
    return {
      leading: ordered[0],
      current,
      all: grown,
      judged: told.map((process) => ({ process, lastAtMillis: this.snapshotsOf(process).at(-1)!.atMillis })),
      evidence: median(upper.map(({ evidence }) => evidence)) * (current.length > 0 ? 1 : overNow),
      size: median(upper.map(({ size }) => size)),
      instances,
      affected: current.length,
      lifetimes,
      grownLifetimes,
      spread: wilsonLower(current.length, instances),
      persist: lifetimes === 0 ? 1 : grownLifetimes / lifetimes,
      chance: stouffer(judged.map(({ shape, atMillis }) => kendallChance(shape.tau, atMillis.length))),
    };
  }
}

const leastOfCurrent = 4;
const leastOfLifetime = 3;
/** What is left of the evidence where no instance's present process shows the growth. */
const overNow = 0.3;

/** What the place scores over the whole service. */
export function fleetScore({ size, spread, persist }: FleetGrowth, evidence: number): number {
  return evidence * size * (0.5 + 0.5 * spread) * (0.7 + 0.3 * persist);
}

/**
 * Growth that begins anew in one process of an instance after another, each for long enough to tell a level that is
 * reached from one that is not, is no accident of one of them.
 */
export function regrows({ all, spread }: FleetGrowth, leastEvidence: number): boolean {
  const convincing = all.filter(
    ({ values, evidence, shape }) =>
      values.length >= leastOfRegrowth && evidence >= leastEvidence && shape.goesOn >= 0.5,
  );
  const restarted = new Set(convincing.map(({ process }) => process.instance)).size < convincing.length;
  return restarted && spread >= 0.3;
}

const leastOfRegrowth = 6;
