import { defaultConstants, type RankConstants } from './constants.js';
import { describeGoroutines, describeHeap, describeOffHeap, type UnrankedSuspect } from './describe.js';
import type { LeakEvidence } from './evidence.js';
import { goroutineGroups } from './goroutine-groups.js';
import { type GoroutineSuspect, goroutineSuspects } from './goroutine-suspects.js';
import { heapPlaces } from './heap-places.js';
import { heapSuspects } from './heap-suspects.js';
import { heldByGoroutines, hoursToLimit, idleHeapBytes, memoryCost, offHeapGrowth } from './memory.js';
import { CodeMap } from './places.js';
import { type ProcessEvidence, processesOf } from './processes.js';
import { correlation } from './statistics.js';
import { type LeakRanking, suspectTiers } from './suspect.js';
import { bytesText } from './words.js';

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
  const goroutines = goroutineSuspects(evidence, processes, goroutineGroups(evidence, code), constants);
  const heaps = heapSuspects(evidence, processes, heapPlaces(evidence, code), constants);
  const held = heldByGoroutines(goroutines, heaps);
  const attached = new Set([...held.values()].flat());
  const found = [
    ...goroutines.map((suspect): UnrankedSuspect => {
      const cost = memoryCost(suspect, held.get(suspect) ?? []);
      const described = describeGoroutines(suspect, processes);
      const hours =
        suspect.fleet === null || cost === null ? null : hoursToLimit(suspect.fleet, cost.bytesPerGoroutine);
      return { ...described, memoryCost: cost, growth: { ...described.growth, hoursToLimit: hours } };
    }),
    ...heaps
      .filter((suspect) => !attached.has(suspect))
      .map((suspect): UnrankedSuspect => {
        const described = describeHeap(suspect);
        return { ...described, growth: { ...described.growth, hoursToLimit: hoursToLimit(suspect.fleet, 1) } };
      }),
    ...describeOffHeap(offHeapGrowth(processes)),
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
  const related = relatedTo(goroutines, processes);
  return {
    suspects: ranked.map((suspect) => ({ ...suspect, related: related.get(suspect.fingerprint) ?? [] })),
    notes: notesOf(processes),
    judged: judgedOf(processes),
  };
}

const sameLeak = 0.98;

/** Convincing groups of goroutines that grow together are parts of one leak: the stuck child, and who waits for it. */
function relatedTo(
  goroutines: readonly GoroutineSuspect[],
  processes: readonly ProcessEvidence[],
): Map<string, string[]> {
  const convincing = goroutines.flatMap((suspect) =>
    suspect.tier === 'watch' || suspect.fleet === null
      ? []
      : [{ leading: suspect.fleet.leading, id: describeGoroutines(suspect, processes).fingerprint }],
  );
  return new Map(
    convincing.map(({ leading, id }) => [
      id,
      convincing
        .filter(
          (other) =>
            other.id !== id &&
            other.leading.process === leading.process &&
            correlation(leading.values, other.leading.values) >= sameLeak,
        )
        .map((other) => other.id)
        .sort(),
    ]),
  );
}

function notesOf(processes: readonly ProcessEvidence[]): string[] {
  const most = processes.reduce((n, { goroutines, heaps }) => Math.max(n, goroutines.length, heaps.length), 0);
  const notes: string[] = [];
  if (most < 2) notes.push('It takes two snapshots of one process to see growth.');
  else if (most === 2)
    notes.push(
      'Two snapshots of a process show that something grew, and not that it goes on: nothing is more than one to watch.',
    );
  else if (most < 6)
    notes.push(
      `With ${most} snapshots of a process a level that is being reached looks like a leak; six and more tell them apart.`,
    );
  const idle = idleHeapBytes(processes);
  if (idle !== null)
    notes.push(
      `${bytesText(idle)} of the heap lie idle and were not given back to the system: memory that looks used, and is no leak.`,
    );
  return notes;
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
