import { defaultConstants, type RankConstants } from './constants.js';
import {
  describeGoroutines,
  describeHeap,
  describeOffHeap,
  goroutineFingerprint,
  heapFingerprint,
  type UnrankedSuspect,
} from './describe.js';
import type { LeakEvidence } from './evidence.js';
import { compare, inOrder } from './evidence-order.js';
import { goroutineGroups } from './goroutine-groups.js';
import { type GoroutineSuspect, goroutineSuspects } from './goroutine-suspects.js';
import { heapPlaces } from './heap-places.js';
import { type HeapSuspect, heapSuspects } from './heap-suspects.js';
import { heldByGoroutines, hoursToLimit, idleHeap, memoryCost, offHeapGrowth } from './memory.js';
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
  const ordered = inOrder(evidence);
  const processes = processesOf(ordered);
  const code = new CodeMap(ordered);
  const goroutines = goroutineSuspects(ordered, processes, goroutineGroups(ordered, code), constants);
  const heaps = heapSuspects(ordered, processes, heapPlaces(ordered, code), constants);
  const held = heldByGoroutines(goroutines, heaps);
  const attached = new Set([...held.values()].flat());
  const candidates = [
    ...goroutines.map((suspect) => goroutineCandidate(suspect, held.get(suspect) ?? [])),
    ...heaps.filter((suspect) => !attached.has(suspect)).map(heapCandidate),
    ...describeOffHeap(offHeapGrowth(processes)).map((suspect) => ({
      ...suspect,
      fingerprint: () => suspect.fingerprint,
      describe: () => suspect,
      goroutines: null,
    })),
  ];
  const ranked = candidates
    .filter(({ score, tier }) => score > 0 || tier === 'confirmed')
    .sort(
      (a, b) =>
        suspectTiers.indexOf(a.tier) - suspectTiers.indexOf(b.tier) ||
        b.score - a.score ||
        compare(a.fingerprint(), b.fingerprint()),
    )
    .slice(0, limit);
  const related = relatedTo(ranked.flatMap(({ goroutines: suspect }) => suspect ?? []));
  return {
    suspects: ranked.map(({ describe }, place) => {
      const suspect = describe();
      return { rank: place + 1, ...suspect, related: related.get(suspect.fingerprint) ?? [] };
    }),
    notes: notesOf(processes),
    judged: judgedOf(processes),
  };
}

/** What the order needs of a suspect; the rest is worked out for those that are told of: there may be thousands. */
interface Candidate extends Pick<UnrankedSuspect, 'tier' | 'score'> {
  readonly fingerprint: () => string;
  readonly describe: () => UnrankedSuspect;
  readonly goroutines: GoroutineSuspect | null;
}

function goroutineCandidate(suspect: GoroutineSuspect, held: readonly HeapSuspect[]): Candidate {
  return {
    ...suspect,
    fingerprint: once(() => goroutineFingerprint(suspect)),
    describe: () => {
      const described = describeGoroutines(suspect);
      const cost = memoryCost(suspect, held);
      const hours =
        suspect.fleet === null || cost === null ? null : hoursToLimit(suspect.fleet, cost.bytesPerGoroutine);
      return { ...described, memoryCost: cost, growth: { ...described.growth, hoursToLimit: hours } };
    },
    goroutines: suspect,
  };
}

function heapCandidate(suspect: HeapSuspect): Candidate {
  return {
    ...suspect,
    fingerprint: once(() => heapFingerprint(suspect)),
    describe: () => {
      const described = describeHeap(suspect);
      return { ...described, growth: { ...described.growth, hoursToLimit: hoursToLimit(suspect.fleet, 1) } };
    },
    goroutines: null,
  };
}

function once<T>(find: () => T): () => T {
  let found: { value: T } | undefined;
  return () => (found ??= { value: find() }).value;
}

const sameLeak = 0.98;
/** Of each suspect, the surest. */
const mostRelated = 20;

/**
 * Convincing groups of goroutines that grow together are parts of one leak: the stuck child, and who waits for it.
 *
 * @param ranked the surest first
 * @returns fingerprints by fingerprint
 */
function relatedTo(ranked: readonly GoroutineSuspect[]): Map<string, string[]> {
  const byProcess = new Map<ProcessEvidence, { values: readonly number[]; id: string }[]>();
  for (const suspect of ranked) {
    if (suspect.tier === 'watch' || suspect.fleet === null) continue;
    const { process, values } = suspect.fleet.leading;
    const one = { values, id: goroutineFingerprint(suspect) };
    const known = byProcess.get(process);
    if (known === undefined) byProcess.set(process, [one]);
    else known.push(one);
  }
  const related = new Map<string, string[]>();
  for (const together of byProcess.values()) {
    for (const { id, values } of together) {
      const others: string[] = [];
      for (const other of together) {
        if (others.length === mostRelated) break;
        if (other.id !== id && correlation(values, other.values) >= sameLeak) others.push(other.id);
      }
      related.set(id, others.sort());
    }
  }
  return related;
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
  const idle = idleHeap(processes);
  if (idle !== null)
    notes.push(
      `Of the heap of ${idle.instance}, ${bytesText(idle.bytes)} are idle and were not given back to the system: memory that looks used, and is no leak.`,
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
