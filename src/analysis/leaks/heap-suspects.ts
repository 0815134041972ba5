import type { RankConstants } from './constants.js';
import type { EvidenceFrame, HeapEvidence, LeakEvidence } from './evidence.js';
import { Fleet, fleetFactors, type FleetGrowth, fleetScore, regrows } from './fleet.js';
import { type HeapGrowth, growthOfPlaces } from './heap-growth.js';
import type { HeapPlace, HeapPlaces } from './heap-places.js';
import { LargestStacks } from './largest-stacks.js';
import type { ProcessEvidence } from './processes.js';
import type { SuspectFactor, SuspectTier } from './suspect.js';

/** Allocations of one place of which ever more stay in use. */
export interface HeapSuspect {
  readonly place: HeapPlace;
  readonly fleet: FleetGrowth<HeapGrowth>;
  readonly tier: SuspectTier;
  /** The product of the factors. */
  readonly score: number;
  readonly factors: readonly SuspectFactor[];
  /** The stack that holds most of it, leaf first. */
  readonly stack: readonly EvidenceFrame[];
}

export function heapSuspects(
  evidence: LeakEvidence,
  processes: readonly ProcessEvidence[],
  places: HeapPlaces,
  constants: RankConstants,
): HeapSuspect[] {
  const judged = processes.filter(({ heaps }) => heaps.length >= 2);
  const fleet = new Fleet(judged, ({ heaps }) => heaps);
  const grown = new Map<number, HeapGrowth[]>();
  for (const process of judged) {
    for (const [place, growth] of growthOfPlaces(process, places, constants)) {
      const known = grown.get(place);
      if (known === undefined) grown.set(place, [growth]);
      else known.push(growth);
    }
  }
  const largest = new LargestStacks<HeapEvidence>(places.placeOf, ({ inuseBytes }) => inuseBytes);
  return [...grown].map(([number, growths]) => {
    const place = places.places[number];
    const ofFleet = fleet.combine(growths);
    const shown = ofFleet.leading.process.heaps[ofFleet.leading.process.heaps.length - 1];
    return {
      place,
      fleet: ofFleet,
      tier: place.isGoOwn ? 'watch' : tierOf(ofFleet, constants),
      score: fleetScore(ofFleet),
      factors: fleetFactors(ofFleet),
      stack: evidence.stacks[largest.of(shown).get(number) ?? place.stacks[0]].frames,
    };
  });
}

/** With fewer snapshots a level that is being reached looks like a leak. */
const leastSnapshots = 6;

function tierOf(fleet: FleetGrowth<HeapGrowth>, constants: RankConstants): SuspectTier {
  const { leading, evidence, current } = fleet;
  // What is over is told of, and is no alarm.
  if (current.length === 0) return 'watch';
  const enough = leading.values.length >= leastSnapshots && leading.z >= leading.tellingZ;
  if (!enough || evidence < constants.probableHeap || leading.shape.goesOn < 0.3) return 'watch';
  return regrows(fleet) ? 'confirmed' : 'probable';
}
