import { defaultConstants, type RankConstants } from './constants.js';
import type { EvidenceFrame, LeakEvidence } from './evidence.js';
import { fingerprint } from './fingerprint.js';
import type { FleetGrowth, GrowthInProcess } from './fleet.js';
import { goroutineGroups } from './goroutine-groups.js';
import { type GoroutineSuspect, goroutineSuspects } from './goroutine-suspects.js';
import { heapPlaces } from './heap-places.js';
import { type HeapSuspect, heapSuspects } from './heap-suspects.js';
import { CodeMap, siteOf } from './places.js';
import { type ProcessEvidence, processesOf } from './processes.js';
import {
  type LeakRanking,
  type LeakSuspect,
  type SuspectFactor,
  type SuspectGrowth,
  type SuspectInstance,
  suspectTiers,
} from './suspect.js';

export interface RankOptions {
  readonly constants?: RankConstants;
  /** Suspects that are told of at most; default 50. */
  readonly limit?: number;
}

const defaultLimit = 50;

/**
 * The places of a service that grow the way leaks do, the surest first: by tier, then by score. The same evidence in any
 * order gives the same ranking. See docs/leak-ranking.md for the method.
 */
export function rankLeaks(evidence: LeakEvidence, options: RankOptions = {}): LeakRanking {
  const { constants = defaultConstants, limit = defaultLimit } = options;
  const processes = processesOf(evidence);
  const code = new CodeMap(evidence);
  const groups = goroutineGroups(evidence, code);
  const places = heapPlaces(evidence, code);
  const found = [
    ...goroutineSuspects(evidence, processes, groups, constants).map((suspect) =>
      describeGoroutines(suspect, processes),
    ),
    ...heapSuspects(evidence, processes, places, constants).map((suspect) => describeHeap(suspect)),
  ];
  const ranked = found
    .filter(({ score, tier }) => score > 0 || tier === 'confirmed')
    .sort(
      (a, b) =>
        suspectTiers.indexOf(a.tier) - suspectTiers.indexOf(b.tier) ||
        b.score - a.score ||
        b.growth.now - a.growth.now ||
        (a.fingerprint < b.fingerprint ? -1 : 1),
    )
    .slice(0, limit)
    .map((suspect, place) => ({ ...suspect, rank: place + 1 }));
  return { suspects: ranked, notes: notesOf(processes), judged: judgedOf(processes) };
}

type Unranked = Omit<LeakSuspect, 'rank'>;

function describeGoroutines(suspect: GoroutineSuspect, processes: readonly ProcessEvidence[]): Unranked {
  const { group, fleet, tier, score, stack, proven, notProven } = suspect;
  const why = [...(fleet?.leading.why ?? [])];
  const whyNot = [...(fleet?.leading.whyNot ?? [])];
  if (proven > 0) {
    why.unshift(`The runtime itself has found ${proven} of them unreachable: nothing can wake them any more.`);
  }
  if (notProven) whyNot.push('The runtime has looked for leaked goroutines and did not find these.');
  return {
    tier,
    score,
    kind: 'goroutine',
    fingerprint: fingerprint('goroutine', group.key),
    function: group.pivot.function,
    pivot: pivotIn(stack, group.pivot),
    site: group.site,
    state: group.state,
    stack,
    createdBy: group.createdBy,
    factors: fleet === null ? [] : [...fleet.leading.factors, ...fleetFactors(fleet)],
    why: [...why, ...fleetWhy(fleet)],
    whyNot,
    growth: growthOf('goroutines', fleet, proven),
    firstSeenMillis: firstSeen(fleet, processes),
    sinceBuild: sinceBuild(fleet),
    instances: fleet === null ? [] : fleet.all.map((growth) => instanceOf(growth, growth.process.goroutines)),
    advice: [],
    memoryCost: null,
    related: [],
  };
}

function describeHeap({ place, fleet, tier, score, stack }: HeapSuspect): Unranked {
  const { leading } = fleet;
  return {
    tier,
    score,
    kind: 'heap',
    fingerprint: fingerprint('heap', place.pivot.function),
    function: place.pivot.function,
    pivot: pivotIn(stack, place.pivot),
    site: siteOf(stack),
    state: null,
    stack,
    createdBy: null,
    factors: [...leading.factors, ...fleetFactors(fleet)],
    why: [...leading.why, ...fleetWhy(fleet)],
    whyNot: leading.whyNot,
    growth: growthOf('bytes', fleet, 0),
    firstSeenMillis: firstSeen(fleet, []),
    sinceBuild: sinceBuild(fleet),
    instances: fleet.all.map((growth) => instanceOf(growth, growth.process.heaps)),
    advice: [],
    memoryCost: null,
    related: [],
  };
}

/** The pivot with the line that it has in the stack that is shown. */
function pivotIn(stack: readonly EvidenceFrame[], pivot: EvidenceFrame): EvidenceFrame {
  return stack.find((frame) => frame.function === pivot.function) ?? pivot;
}

function fleetFactors({
  spread,
  persist,
  affected,
  instances,
  lifetimes,
  grownLifetimes,
}: FleetGrowth): SuspectFactor[] {
  return [
    { name: 'spread', value: 0.5 + 0.5 * spread, detail: `${affected} of ${instances} instances` },
    { name: 'persist', value: 0.7 + 0.3 * persist, detail: `${grownLifetimes} of ${lifetimes} process lifetimes` },
  ];
}

function fleetWhy(fleet: FleetGrowth | null): string[] {
  if (fleet === null || (fleet.instances < 2 && fleet.lifetimes < 2)) return [];
  return [
    `It grows in ${fleet.affected} of ${fleet.instances} instances and in ${fleet.grownLifetimes} of ${fleet.lifetimes} process lifetimes.`,
  ];
}

function growthOf(unit: SuspectGrowth['unit'], fleet: FleetGrowth | null, proven: number): SuspectGrowth {
  const current = fleet === null ? [] : fleet.current.length > 0 ? fleet.current : [fleet.leading];
  return {
    unit,
    perHour: current.reduce((sum, { shape }) => sum + shape.perHour, 0),
    now: Math.max(
      proven,
      current.reduce((sum, { values }) => sum + values[values.length - 1], 0),
    ),
    share: fleet?.leading.share ?? 0,
    hoursToLimit: null,
  };
}

function firstSeen(fleet: FleetGrowth | null, processes: readonly ProcessEvidence[]): number {
  const seen = (fleet?.all ?? []).map(({ atMillis, values }) => atMillis[values.findIndex((count) => count > 0)]);
  const proofs = processes.flatMap(({ proofs: of }) => of.map(({ atMillis }) => atMillis));
  return (seen.length > 0 ? seen : proofs).reduce((a, b) => Math.min(a, b), Infinity);
}

/** The build of the first process in which it grew, if an earlier build is known in which it did not. */
function sinceBuild(fleet: FleetGrowth | null): string | null {
  if (fleet === null) return null;
  const first = fleet.all.reduce((a, b) => (b.atMillis[0] < a.atMillis[0] ? b : a));
  return first.process.build === '' ? null : first.process.build;
}

function instanceOf(
  { process, atMillis, values, shape }: GrowthInProcess,
  snapshots: readonly { readonly id: string }[],
): SuspectInstance {
  return {
    name: process.instance,
    affected: true,
    perHour: shape.perHour,
    now: values[values.length - 1],
    lifetimes: 1,
    grownLifetimes: 1,
    atMillis,
    values: values,
    before: snapshots[0].id,
    after: snapshots[snapshots.length - 1].id,
  };
}

function notesOf(processes: readonly ProcessEvidence[]): string[] {
  const most = processes.reduce((n, { goroutines, heaps }) => Math.max(n, goroutines.length, heaps.length), 0);
  if (most < 2) return ['Growth takes two snapshots of one process to see.'];
  if (most === 2)
    return [
      'Two snapshots of a process show that something grew, and not that it goes on: no suspect is more than one to watch.',
    ];
  if (most < 6)
    return [
      `With ${most} snapshots of a process a level that is being reached looks like a leak; six and more tell them apart.`,
    ];
  return [];
}

function judgedOf(processes: readonly ProcessEvidence[]): LeakRanking['judged'] {
  const judged = processes.filter(({ goroutines, heaps }) => goroutines.length >= 2 || heaps.length >= 2);
  const times = processes.flatMap(({ goroutines, heaps, proofs }) =>
    [...goroutines, ...heaps, ...proofs].map(({ atMillis }) => atMillis),
  );
  return {
    instances: new Set(judged.map(({ instance }) => instance)).size,
    lifetimes: judged.length,
    goroutineSnapshots: processes.reduce((sum, { goroutines }) => sum + goroutines.length, 0),
    heapSnapshots: processes.reduce((sum, { heaps }) => sum + heaps.length, 0),
    firstAtMillis: times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b)),
    lastAtMillis: times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b)),
  };
}
