import type { EvidenceFrame } from './evidence.js';
import { compare } from './evidence-order.js';
import { fingerprint } from './fingerprint.js';
import { chanceOf, type FleetGrowth, growing, type GrowthInProcess } from './fleet.js';
import type { GoroutineSuspect } from './goroutine-suspects.js';
import type { HeapSuspect } from './heap-suspects.js';
import { siteOf } from './places.js';
import type { ProcessEvidence } from './processes.js';
import type { OffHeapGrowth } from './memory.js';
import { matchSignatures, type MatchedStack } from './signature-match.js';
import { type LeakSignature, signatureOf } from './signatures.js';
import type { LeakSuspect, SuspectAdvice, SuspectFactor, SuspectGrowth, SuspectInstance } from './suspect.js';
import { bytesText, counted, percent } from './words.js';

/** A suspect before it is known how it stands among the others. */
export type UnrankedSuspect = Omit<LeakSuspect, 'rank'>;

export function describeGoroutines(suspect: GoroutineSuspect): UnrankedSuspect {
  const { group, fleet, tier, score, factors, stack, proven, provenSinceMillis, notProven } = suspect;
  const told = toldOf(fleet, ({ goroutines }) => goroutines);
  const them = proven === 1 ? 'one of them' : `${proven} of them`;
  const proof = `The runtime itself has found ${them} unreachable: nothing can wake ${proven === 1 ? 'it' : 'them'} any more.`;
  const noProof = 'The runtime has looked for leaked goroutines and did not find these.';
  return {
    tier,
    score,
    kind: 'goroutine',
    fingerprint: goroutineFingerprint(suspect),
    function: group.pivot.function,
    pivot: pivotIn(stack, group.pivot),
    site: group.site,
    state: group.state,
    stack,
    createdBy: group.createdBy,
    ...told,
    factors,
    why: proven > 0 ? [proof, ...told.why] : told.why,
    whyNot: notProven ? [...told.whyNot, noProof] : told.whyNot,
    growth: growthOf('goroutines', fleet, proven),
    firstSeenMillis: Math.min(told.firstSeenMillis ?? Infinity, provenSinceMillis ?? Infinity),
    advice: adviceFor({ state: group.state, frames: stack, createdBy: group.createdBy }),
    memoryCost: null,
    related: [],
  };
}

export function goroutineFingerprint({ group }: Pick<GoroutineSuspect, 'group'>): string {
  return fingerprint('goroutine', group.key);
}

export function describeHeap(suspect: HeapSuspect): UnrankedSuspect {
  const { place, fleet, tier, score, factors, stack } = suspect;
  const told = toldOf(fleet, ({ heaps }) => heaps);
  return {
    tier,
    score,
    kind: 'heap',
    fingerprint: heapFingerprint(suspect),
    function: place.pivot.function,
    pivot: pivotIn(stack, place.pivot),
    site: siteOf(stack),
    state: null,
    stack,
    createdBy: null,
    ...told,
    factors,
    growth: growthOf('bytes', fleet, 0),
    firstSeenMillis: told.firstSeenMillis ?? fleet.leading.atMillis[0],
    advice: adviceFor({ state: null, frames: stack, createdBy: null }),
    memoryCost: null,
    related: [],
  };
}

export function heapFingerprint({ place }: Pick<HeapSuspect, 'place'>): string {
  return fingerprint('heap', place.pivot.function);
}

/** The pivot with the line that it has in the stack that is shown. */
function pivotIn(stack: readonly EvidenceFrame[], pivot: EvidenceFrame): EvidenceFrame {
  return stack.find((frame) => frame.function === pivot.function) ?? pivot;
}

const mostAdvice = 3;

function adviceFor(stack: MatchedStack): SuspectAdvice[] {
  return matchSignatures(stack)
    .slice(0, mostAdvice)
    .map(({ signature }) => advice(signature));
}

function advice({ id, title, meaning, fix, evidence }: LeakSignature): SuspectAdvice {
  return { signature: id, title, meaning, fix, links: evidence };
}

interface Told extends Pick<LeakSuspect, 'why' | 'whyNot' | 'sinceBuild' | 'instances'> {
  /** Null: it was never seen to grow. */
  readonly firstSeenMillis: number | null;
}

/** What its growth over all processes tells of a place. */
function toldOf(
  fleet: FleetGrowth | null,
  snapshotsOf: (process: ProcessEvidence) => readonly { readonly id: string }[],
): Told {
  if (fleet === null) return { why: [], whyNot: [], sinceBuild: null, instances: [], firstSeenMillis: null };
  const { leading, all } = fleet;
  const since = sinceBuild(fleet);
  const why = [...leading.why];
  const whyNot = [...leading.whyNot];
  const chance = chanceOf(fleet);
  if (chance >= leastChance) {
    whyNot.push(`Among series that do not grow, ${percent(chance)} are in such an order by chance.`);
  }
  const spread = spreadText(fleet);
  if (spread !== null) why.push(spread);
  if (since.before !== null) {
    why.push(`It did not grow like this in build ${since.before}, and does since build ${since.build}.`);
  }
  const over = overText(fleet);
  if (over !== null) whyNot.push(over);
  const seen = all.map(({ atMillis, values }) => atMillis[values.findIndex((value) => value > 0)]);
  return {
    why,
    whyNot,
    sinceBuild: since.before === null ? null : since.build,
    instances: instancesOf(fleet, snapshotsOf),
    firstSeenMillis: seen.reduce((a, b) => Math.min(a, b)),
  };
}

const leastChance = 0.05;

/** Null: there is but one instance, and one process of it. */
function spreadText({ affected, instances, lifetimes, grownLifetimes }: FleetGrowth): string | null {
  const grows = `grows in ${affected.length} of ${counted(instances, 'instance')}`;
  const grew = `has grown in ${grownLifetimes} of ${counted(lifetimes, 'process lifetime')}`;
  const parts = [
    ...(instances > 1 && affected.length > 0 ? [grows] : []),
    ...(lifetimes > 1 && lifetimes !== instances ? [grew] : []),
  ];
  return parts.length === 0 ? null : `It ${parts.join(', and ')}.`;
}

/** Null: it grows now. */
function overText({ affected, current }: FleetGrowth): string | null {
  if (current.length > 0) return null;
  return affected.length === 0
    ? 'It does not grow in the processes that run now.'
    : 'The processes in which it grows have been replaced by another build.';
}

function growthOf(unit: SuspectGrowth['unit'], fleet: FleetGrowth | null, proven: number): SuspectGrowth {
  const current = fleet === null ? [] : growing(fleet);
  const now = current.reduce((sum, { values }) => sum + values[values.length - 1], 0);
  return {
    unit,
    perHour: current.reduce((sum, { shape }) => sum + shape.perHour, 0),
    now: Math.max(proven, now),
    share: fleet?.leading.share ?? 0,
    hoursToLimit: null,
  };
}

/**
 * The build in which it first grew, and the last one of those that were seen before it and in which it did not; null:
 * none. Builds may overlap for as long as a deployment takes.
 */
function sinceBuild({ all, judged }: FleetGrowth): { build: string; before: string | null } {
  const first = all.reduce((a, b) => (b.atMillis[0] < a.atMillis[0] ? b : a));
  const { build } = first.process;
  const builds = new Set(all.map((growth) => growth.process.build));
  const before = judged
    .filter(
      ({ process, firstAtMillis }) =>
        process.build !== '' && !builds.has(process.build) && firstAtMillis < first.atMillis[0],
    )
    .sort((a, b) => a.lastAtMillis - b.lastAtMillis || compare(a.process.build, b.process.build));
  return { build, before: build === '' ? null : (before.at(-1)?.process.build ?? null) };
}

function instancesOf(
  { all, affected, judged }: FleetGrowth,
  snapshotsOf: (process: ProcessEvidence) => readonly { readonly id: string }[],
): SuspectInstance[] {
  const byName = new Map<string, GrowthInProcess>();
  // The process that runs now tells of an instance, else the last one in which it grew.
  for (const growth of [...all, ...affected]) byName.set(growth.process.instance, growth);
  const lifetimes = judged.map(({ process }) => process);
  return [...byName].map(([name, growth]) => {
    const { process, atMillis, values, shape } = growth;
    const snapshots = snapshotsOf(process);
    return {
      name,
      affected: affected.includes(growth),
      perHour: shape.perHour,
      now: values[values.length - 1],
      lifetimes: lifetimes.filter(({ instance }) => instance === name).length,
      grownLifetimes: all.filter((one) => one.process.instance === name && lifetimes.includes(one.process)).length,
      atMillis,
      values,
      before: snapshots[0].id,
      after: snapshots[snapshots.length - 1].id,
    };
  });
}

/** Where the heap ends there is no function to tell of. */
const outside: EvidenceFrame = { function: '(outside the Go heap)', file: '', line: 0 };

function sizeOfOffHeap({ values }: OffHeapGrowth): SuspectFactor {
  const grown = values[values.length - 1] - values[0];
  return { name: 'grown', value: Math.log(1 + grown / 2 ** 20), detail: `${bytesText(grown)} of resident memory` };
}

/** One suspect for all instances, or none. */
export function describeOffHeap(grown: readonly OffHeapGrowth[]): UnrankedSuspect[] {
  const worst = grown.toSorted((a, b) => b.perHour - a.perHour).at(0);
  if (worst === undefined) return [];
  const size = sizeOfOffHeap(worst);
  const signature = signatureOf('off-heap-memory');
  const first = worst.values[0];
  const last = worst.values[worst.values.length - 1];
  return [
    {
      tier: 'probable',
      score: size.value,
      kind: 'off-heap',
      fingerprint: fingerprint('off-heap'),
      function: outside.function,
      pivot: outside,
      site: outside,
      state: null,
      stack: [],
      createdBy: null,
      factors: [size],
      why: [
        `Resident memory less what the Go runtime has taken from the system went from ${bytesText(first)} to ${bytesText(last)} in ${worst.process.instance}.`,
      ],
      whyNot: ['No profile of Go can tell where: it is memory of C code, mmap or another runtime.'],
      growth: {
        unit: 'bytes',
        perHour: grown.reduce((sum, { perHour }) => sum + perHour, 0),
        now: grown.reduce((sum, { values }) => sum + values[values.length - 1], 0),
        share: 1,
        hoursToLimit: null,
      },
      firstSeenMillis: worst.atMillis[0],
      sinceBuild: null,
      instances: grown.map(({ process, atMillis, values, perHour }) => ({
        name: process.instance,
        affected: true,
        perHour,
        now: values[values.length - 1],
        lifetimes: 1,
        grownLifetimes: 1,
        atMillis,
        values,
        before: '',
        after: '',
      })),
      advice: signature === undefined ? [] : [advice(signature)],
      memoryCost: null,
      related: [],
    },
  ];
}
