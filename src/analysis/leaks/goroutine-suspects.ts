import type { RankConstants } from './constants.js';
import type { EvidenceFrame, GoroutineEvidence, LeakEvidence } from './evidence.js';
import { Fleet, type FleetGrowth, fleetScore, type GrowthInProcess, regrows } from './fleet.js';
import type { GoroutineGroup, GoroutineGroups } from './goroutine-groups.js';
import { countsByGroup, growthOfGroups } from './goroutine-growth.js';
import type { ProcessEvidence } from './processes.js';
import type { SuspectTier } from './suspect.js';

/** A group of goroutines that grows somewhere, or that the runtime itself has found to leak. */
export interface GoroutineSuspect {
  readonly group: GoroutineGroup;
  /** Null: only proven, never seen to grow. */
  readonly fleet: FleetGrowth | null;
  /** How many the runtime has found unreachable, in the latest snapshots that tell, over all instances. */
  readonly proven: number;
  /** The runtime has looked, in a process in which the group grows, and has found others or none. */
  readonly notProven: boolean;
  readonly tier: SuspectTier;
  readonly score: number;
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
  for (const process of judged) {
    for (const [group, growth] of growthOfGroups(evidence, process, groups, constants)) {
      const known = grown.get(group);
      if (known === undefined) grown.set(group, [growth]);
      else known.push(growth);
    }
  }
  const proofs = provenByGroup(processes, groups);
  const suspects: GoroutineSuspect[] = [];
  for (const number of new Set([...grown.keys(), ...proofs.counts.keys()])) {
    const group = groups.groups[number];
    const growths = grown.get(number);
    const ofFleet = growths === undefined ? null : fleet.combine(growths);
    const proven = proofs.counts.get(number) ?? 0;
    const notProven =
      proven === 0 && isProvable(group.state) && (growths?.some(({ process }) => proofs.looked.has(process)) ?? false);
    const evidenceNow = (ofFleet?.evidence ?? 0) * (notProven ? constants.notProven : 1);
    const score = ofFleet === null ? 0 : fleetScore(ofFleet, evidenceNow);
    suspects.push({
      group,
      fleet: ofFleet,
      proven,
      notProven,
      tier: proven > 0 ? 'confirmed' : tierOf(ofFleet, evidenceNow, constants),
      score: proven > 0 ? score + Math.log(1 + proven) : score,
      stack: stackOf(evidence, group, growths?.at(-1)?.process.goroutines.at(-1)),
    });
  }
  return suspects;
}

/** The least growth of which a lone process can convince. */
const leastGrown = 3;

function tierOf(fleet: FleetGrowth | null, evidence: number, constants: RankConstants): SuspectTier {
  if (fleet === null) return 'watch';
  const { leading } = fleet;
  const { values } = leading;
  const enough = values.length >= 3 && values[values.length - 1] - values[0] >= leastGrown;
  if (!enough || evidence < constants.probableGoroutine || leading.shape.goesOn < 0.3) return 'watch';
  return regrows(fleet, constants.probableGoroutine) ? 'confirmed' : 'probable';
}

interface Proofs {
  readonly counts: ReadonlyMap<number, number>;
  /** Processes in which the runtime has looked for leaks. */
  readonly looked: ReadonlySet<ProcessEvidence>;
}

function provenByGroup(processes: readonly ProcessEvidence[], groups: GoroutineGroups): Proofs {
  const counts = new Map<number, number>();
  const looked = new Set<ProcessEvidence>();
  const latest = new Map<string, GoroutineEvidence>();
  for (const process of processes) {
    if (process.proofs.length === 0) continue;
    looked.add(process);
    latest.set(process.instance, process.proofs[process.proofs.length - 1]);
  }
  for (const proof of latest.values()) {
    const leaked = { ...proof, counts: proof.leaked ?? proof.counts };
    for (const [group, [count]] of countsByGroup([leaked], groups)) {
      if (count > 0) counts.set(group, (counts.get(group) ?? 0) + count);
    }
  }
  return { counts, looked };
}

/** Whether the runtime can tell of goroutines in this state that nothing will wake them. */
function isProvable(state: string): boolean {
  return state.startsWith('chan ') || state.startsWith('select') || state.startsWith('sync.');
}

function stackOf(
  { stacks }: LeakEvidence,
  group: GoroutineGroup,
  last: GoroutineEvidence | undefined,
): readonly EvidenceFrame[] {
  let best = -1;
  let most = 0;
  const own = new Set(group.stacks);
  last?.stacks.forEach((stack, row) => {
    if (own.has(stack) && last.counts[row] > most) {
      best = stack;
      most = last.counts[row];
    }
  });
  return stacks[best >= 0 ? best : group.stacks[0]].frames;
}
