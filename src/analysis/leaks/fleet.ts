import type { ProcessEvidence } from './processes.js';
import { kendallChance, median, stouffer, type GrowthShape, wilsonLower } from './statistics.js';
import type { SuspectFactor } from './suspect.js';
import { counted } from './words.js';

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
  readonly firstAtMillis: number;
  readonly lastAtMillis: number;
}

/** What one place does over all instances and processes of a service. */
export interface FleetGrowth<G extends GrowthInProcess = GrowthInProcess> {
  /** The one to show: of the largest score among the processes that are judged. */
  readonly leading: G;
  /** Of the last process of each instance, those in which it grows, … */
  readonly affected: readonly G[];
  /** … and those of them that no later build has replaced: it grows there now. */
  readonly current: readonly G[];
  /** All of them in which it grows noticeably, the earlier processes too, in the order of time within each instance. */
  readonly all: readonly G[];
  /** Processes with enough snapshots to tell whether it grows in them. */
  readonly judged: readonly JudgedProcess[];
  /** The median over the processes that count, those that it does not grow in any more at a price. */
  readonly evidence: number;
  readonly size: number;
  /** Instances that were judged, and those in which it grows. */
  readonly instances: number;
  /** Processes of three and more snapshots, and those in which it grew. */
  readonly lifetimes: number;
  readonly grownLifetimes: number;
  /** From 0 to 1: the share of instances and of lifetimes, as far as so few can show it. */
  readonly spread: number;
  readonly persist: number;
  /** The processes that `evidence` and `size` are of, the largest score first. */
  readonly weighed: readonly G[];
}

/** Processes of the instances of a service that have at least two snapshots of the kind that is judged. */
export class Fleet {
  /** The process that tells how an instance does now, by instance. */
  private readonly current: readonly ProcessEvidence[];
  private readonly replaced: ReadonlySet<ProcessEvidence>;
  private readonly told: readonly JudgedProcess[];
  private readonly tells: ReadonlySet<ProcessEvidence>;

  /** @param judged in the order of time within each instance */
  constructor(
    judged: readonly ProcessEvidence[],
    snapshotsOf: (process: ProcessEvidence) => readonly { readonly atMillis: number }[],
  ) {
    const byInstance = new Map<string, ProcessEvidence[]>();
    for (const process of judged) {
      const known = byInstance.get(process.instance);
      if (known === undefined) byInstance.set(process.instance, [process]);
      else known.push(process);
    }
    // The last one that has enough snapshots.
    this.current = Array.from(
      byInstance.values(),
      (processes) =>
        processes.findLast((process) => snapshotsOf(process).length >= leastOfCurrent) ??
        processes[processes.length - 1],
    );
    this.replaced = replacedOf(this.current, snapshotsOf);
    this.told = judged
      .filter((process) => snapshotsOf(process).length >= leastOfLifetime)
      .map((process) => {
        const snapshots = snapshotsOf(process);
        return {
          process,
          firstAtMillis: snapshots[0].atMillis,
          lastAtMillis: snapshots[snapshots.length - 1].atMillis,
        };
      });
    this.tells = new Set(this.told.map(({ process }) => process));
  }

  /** @param grown not empty */
  combine<G extends GrowthInProcess>(grownAtAll: readonly G[]): FleetGrowth<G> {
    const grown = noticeable(grownAtAll);
    const of = new Map(grown.map((growth) => [growth.process, growth]));
    const affected = this.current.flatMap((process) => of.get(process) ?? []);
    const current = affected.filter(({ process }) => !this.replaced.has(process));
    const lifetimes = this.told.length;
    const grownLifetimes = grown.filter(({ process }) => this.tells.has(process)).length;
    // What is over in every instance is told of by the processes in which it was, at a price.
    const judged = current.length > 0 ? current : affected.length > 0 ? affected : grown;
    const ordered = judged.toSorted((a, b) => b.evidence * b.size - a.evidence * a.size);
    const [leading] = ordered;
    const weighed = ordered.slice(0, Math.ceil(ordered.length / 2));
    const instances = this.current.length;
    return {
      leading,
      affected,
      current,
      all: grown,
      judged: this.told,
      evidence: median(weighed.map(({ evidence }) => evidence)) * (current.length > 0 ? 1 : overNow),
      size: median(weighed.map(({ size }) => size)),
      instances,
      lifetimes,
      grownLifetimes,
      spread: wilsonLower(affected.length, instances),
      persist: lifetimes === 0 ? 1 : grownLifetimes / lifetimes,
      weighed,
    };
  }
}

/**
 * Processes that have gone with their build: a build that came later was seen at least `leastOfCurrent` times, in one
 * process, since they were seen last. Names of instances say nothing of that where each deployment gives new ones.
 */
function replacedOf(
  processes: readonly ProcessEvidence[],
  snapshotsOf: (process: ProcessEvidence) => readonly { readonly atMillis: number }[],
): Set<ProcessEvidence> {
  const spans = processes.map((process) => {
    const times = snapshotsOf(process).map(({ atMillis }) => atMillis);
    return { process, first: times[0], last: times[times.length - 1], settled: times.at(-leastOfCurrent) ?? -Infinity };
  });
  const replaced = spans.filter(
    ({ process, first, last }) =>
      process.build !== '' &&
      spans.some(
        (later) =>
          later.process.build !== '' &&
          later.process.build !== process.build &&
          later.first > first &&
          later.settled > last,
      ),
  );
  return new Set(replaced.map(({ process }) => process));
}

/** The processes that tell how much there is now, or was in the end where it is over. */
export function growing<G extends GrowthInProcess>({ leading, affected, current }: FleetGrowth<G>): readonly G[] {
  return current.length > 0 ? current : affected.length > 0 ? affected : [leading];
}

const leastOfCurrent = 4;
const leastOfLifetime = 3;
/** What is left of the evidence where no instance's present process shows the growth. */
const overNow = 0.3;
/**
 * Without those in which a few more came than went: growth that is less than a tenth of the fastest, and less than a tenth
 * of the largest, which old processes may have. They neither acquit an instance that leaks nor show that it goes on.
 */
function noticeable<G extends GrowthInProcess>(grown: readonly G[]): readonly G[] {
  const fastest = grown.reduce((most, { shape }) => Math.max(most, shape.perHour), 0);
  const largest = grown.reduce((most, { shape }) => Math.max(most, shape.grown), 0);
  return grown.filter(({ shape }) => shape.perHour >= leastNoticed * fastest || shape.grown >= leastNoticed * largest);
}

const leastNoticed = 0.1;

/** What the place scores over the whole service. */
export function fleetScore(fleet: FleetGrowth): number {
  if (fleet.leading.evidence * fleet.leading.size === 0) return 0;
  return fleet.evidence * fleet.size * spreadFactor(fleet) * persistFactor(fleet);
}

function spreadFactor({ spread }: FleetGrowth): number {
  return 0.5 + 0.5 * spread;
}

function persistFactor({ persist }: FleetGrowth): number {
  return 0.7 + 0.3 * persist;
}

/** Everything that the score is the product of: what the leading process shows, and what the others make of it. */
export function fleetFactors(fleet: FleetGrowth): SuspectFactor[] {
  const { leading, weighed, current, affected, instances, lifetimes, grownLifetimes } = fleet;
  const factors = [...leading.factors];
  const told = leading.evidence * leading.size;
  if (weighed.length > 1 && told !== 0) {
    const median = (fleet.evidence * fleet.size) / (current.length > 0 ? 1 : overNow);
    factors.push({
      name: 'fleet',
      value: median / told,
      detail: `the median of ${weighed.length} processes against the one that is told of`,
    });
  }
  if (current.length === 0) {
    factors.push({ name: 'over', value: overNow, detail: 'it does not grow in the processes that run now' });
  }
  factors.push(
    {
      name: 'spread',
      value: spreadFactor(fleet),
      detail: `${affected.length} of ${counted(instances, 'instance')}`,
    },
    {
      name: 'persist',
      value: persistFactor(fleet),
      detail: `${grownLifetimes} of ${counted(lifetimes, 'process lifetime')}`,
    },
  );
  return factors;
}

/**
 * Growth that begins anew in one process of an instance after another, each for long enough to tell a level that is
 * reached from one that is not, is no accident of one of them. What merely may leak, such as a loop in select, does not
 * become sure by being seen twice: what is started for each item of work begins anew with it.
 */
export function regrows({ all, spread }: FleetGrowth): boolean {
  const convincing = all.filter(
    ({ values, evidence, shape }) =>
      values.length >= leastOfRegrowth && evidence >= evidenceOfRegrowth && shape.goesOn >= 0.5,
  );
  const restarted = new Set(convincing.map(({ process }) => process.instance)).size < convincing.length;
  return restarted && spread >= 0.3;
}

const leastOfRegrowth = 6;
const evidenceOfRegrowth = 0.65;

/** How likely so much order is without any growth, in all processes that count together. */
export function chanceOf({ weighed }: FleetGrowth): number {
  return stouffer(weighed.map(({ shape }) => kendallChance(shape.tau, shape.points)));
}
