import type { RankConstants } from './constants.js';
import type { EvidenceFrame, GoroutineEvidence, LeakEvidence } from './evidence.js';
import { Fleet, fleetFactors, type FleetGrowth, fleetScore, type GrowthInProcess, regrows } from './fleet.js';
import type { GoroutineGroup, GoroutineGroups } from './goroutine-groups.js';
import { countsByGroup, growthOfGroups, GroupSignatures } from './goroutine-growth.js';
import { LargestStacks } from './largest-stacks.js';
import type { ProcessEvidence } from './processes.js';
import type { SuspectFactor, SuspectTier } from './suspect.js';

/** A group of goroutines that grows somewhere, or that the runtime itself has found to leak. */
export interface GoroutineSuspect {
  readonly group: GoroutineGroup;
  /** Null: only proven, never seen to grow. */
  readonly fleet: FleetGrowth | null;
  /** How many the runtime has found unreachable, in the latest snapshots that tell, over all instances. */
  readonly proven: number;
  /** When it first did; null: it did not. */
  readonly provenSinceMillis: number | null;
  /** The runtime has looked, in a process in which the group grows, and has found others or none. */
  readonly notProven: boolean;
  readonly tier: SuspectTier;
  /** The product of the factors. */
  readonly score: number;
  readonly factors: readonly SuspectFactor[];
  /** The stack that most of them have, leaf first. */
  readonly stack: readonly EvidenceFrame[];
}

export function goroutineSuspects(
  evidence: LeakEvidence,
  processes: readonly ProcessEvidence[],
  groups: GoroutineGroups,
  constants: RankConstants,
): GoroutineSuspect[] {
  const judged = processes.filter(({ goroutines }) => goroutines.length >= 2);
  const fleet = new Fleet(judged, ({ goroutines }) => goroutines);
  const grown = new Map<number, GrowthInProcess[]>();
  const signatures = new GroupSignatures(evidence, groups);
  for (const process of judged) {
    for (const [group, growth] of growthOfGroups(process, groups, signatures, constants)) {
      const known = grown.get(group);
      if (known === undefined) grown.set(group, [growth]);
      else known.push(growth);
    }
  }
  const proofs = provenByGroup(processes, groups);
  const largest = new LargestStacks<GoroutineEvidence>(groups.groupOf, ({ counts }) => counts);
  const suspects: GoroutineSuspect[] = [];
  for (const number of new Set([...grown.keys(), ...proofs.groups.keys()])) {
    const group = groups.groups[number];
    const growths = grown.get(number);
    const ofFleet = growths === undefined ? null : fleet.combine(growths);
    const proof = proofs.groups.get(number);
    const notProven =
      proof === undefined &&
      isProvable(group.state) &&
      (growths?.some(({ process }) => proofs.looked.has(process)) ?? false);
    const { score, factors } = scored(ofFleet, proof?.count ?? 0, notProven ? constants.notProven : null);
    const shown = ofFleet?.leading.process.goroutines.at(-1) ?? proof?.snapshot;
    suspects.push({
      group,
      fleet: ofFleet,
      proven: proof?.count ?? 0,
      provenSinceMillis: proof?.firstAtMillis ?? null,
      notProven,
      tier:
        proof !== undefined
          ? 'confirmed'
          : tierOf(ofFleet, (ofFleet?.evidence ?? 0) * (notProven ? constants.notProven : 1), constants),
      score,
      factors,
      stack: evidence.stacks[(shown && largest.of(shown).get(number)) ?? group.stacks[0]].frames,
    });
  }
  return suspects;
}

/** @param notProven what is left where the runtime has looked and not found it; null: it has not looked, or has found it */
function scored(
  fleet: FleetGrowth | null,
  proven: number,
  notProven: number | null,
): { score: number; factors: SuspectFactor[] } {
  let score = fleet === null ? 0 : fleetScore(fleet);
  const factors = fleet === null || score === 0 ? [] : fleetFactors(fleet);
  if (notProven !== null && factors.length > 0) {
    factors.push({ name: 'not proven', value: notProven, detail: 'the runtime has looked and did not find these' });
    score *= notProven;
  }
  if (proven > 0) {
    // Growth and proof are added; as a factor it is what that multiplies the growth with.
    const weight = Math.log(1 + proven);
    const value = score === 0 ? weight : 1 + weight / score;
    factors.push({ name: 'proven', value, detail: `${proven} found unreachable by the runtime` });
    score = score === 0 ? weight : score * value;
  }
  return { score, factors };
}

/** The least growth of which a lone process can convince. */
const leastGrown = 3;

function tierOf(fleet: FleetGrowth | null, evidence: number, constants: RankConstants): SuspectTier {
  // What is over is told of, and is no alarm.
  if (fleet === null || fleet.current.length === 0) return 'watch';
  const { leading } = fleet;
  const { values } = leading;
  const enough = values.length >= 3 && values[values.length - 1] - values[0] >= leastGrown;
  if (!enough || evidence < constants.probableGoroutine || leading.shape.goesOn < 0.3) return 'watch';
  return regrows(fleet) ? 'confirmed' : 'probable';
}

interface Proof {
  readonly count: number;
  readonly firstAtMillis: number;
  /** The latest that has it. */
  readonly snapshot: GoroutineEvidence;
}

interface Proofs {
  readonly groups: ReadonlyMap<number, Proof>;
  /** Processes in which the runtime has looked for leaks. */
  readonly looked: ReadonlySet<ProcessEvidence>;
}

function provenByGroup(processes: readonly ProcessEvidence[], groups: GoroutineGroups): Proofs {
  const looked = new Set<ProcessEvidence>();
  const latest = new Map<string, GoroutineEvidence>();
  const first = new Map<number, number>();
  for (const process of processes) {
    if (process.proofs.length === 0) continue;
    looked.add(process);
    latest.set(process.instance, process.proofs[process.proofs.length - 1]);
    const counts = countsByGroup(process.proofs.map(leakedOnly), groups);
    for (const [group, values] of counts) {
      const at = process.proofs.at(values.findIndex((count) => count > 0))!.atMillis;
      if (values.some((count) => count > 0)) first.set(group, Math.min(at, first.get(group) ?? Infinity));
    }
  }
  const found = new Map<number, Proof>();
  for (const snapshot of latest.values()) {
    for (const [group, [count]] of countsByGroup([leakedOnly(snapshot)], groups)) {
      const known = found.get(group);
      if (count > 0) {
        found.set(group, {
          count: count + (known?.count ?? 0),
          firstAtMillis: first.get(group)!,
          snapshot: known !== undefined && known.snapshot.atMillis > snapshot.atMillis ? known.snapshot : snapshot,
        });
      }
    }
  }
  return { groups: found, looked };
}

function leakedOnly(proof: GoroutineEvidence): GoroutineEvidence {
  return { ...proof, counts: proof.leaked ?? proof.counts };
}

/** Whether the runtime can tell of goroutines in this state that nothing will wake them. */
function isProvable(state: string): boolean {
  return state.startsWith('chan ') || state.startsWith('select') || state.startsWith('sync.');
}
