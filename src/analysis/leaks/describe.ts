import type { EvidenceFrame } from './evidence.js';
import { fingerprint } from './fingerprint.js';
import type { FleetGrowth, GrowthInProcess } from './fleet.js';
import type { GoroutineSuspect } from './goroutine-suspects.js';
import type { HeapSuspect } from './heap-suspects.js';
import { siteOf } from './places.js';
import type { ProcessEvidence } from './processes.js';
import type { OffHeapGrowth } from './memory.js';
import { matchSignatures, type MatchedStack } from './signature-match.js';
import { type LeakSignature, signatureOf } from './signatures.js';
import type { LeakSuspect, SuspectAdvice, SuspectFactor, SuspectGrowth, SuspectInstance } from './suspect.js';
import { bytesText } from './words.js';

/** A suspect before it is known how it stands among the others. */
export type UnrankedSuspect = Omit<LeakSuspect, 'rank'>;

export function describeGoroutines(suspect: GoroutineSuspect, processes: readonly ProcessEvidence[]): UnrankedSuspect {
  const { group, fleet, tier, score, stack, proven, notProven } = suspect;
  const told = toldOf(fleet, ({ goroutines }) => goroutines);
  const proof = `The runtime itself has found ${proven} of them unreachable: nothing can wake them any more.`;
  const noProof = 'The runtime has looked for leaked goroutines and did not find these.';
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
    ...told,
    why: proven > 0 ? [proof, ...told.why] : told.why,
    whyNot: notProven ? [...told.whyNot, noProof] : told.whyNot,
    growth: growthOf('goroutines', fleet, proven),
    firstSeenMillis: told.firstSeenMillis ?? firstProof(processes),
    advice: adviceFor({ state: group.state, frames: stack, createdBy: group.createdBy }),
    memoryCost: null,
    related: [],
  };
}

export function describeHeap({ place, fleet, tier, score, stack }: HeapSuspect): UnrankedSuspect {
  const told = toldOf(fleet, ({ heaps }) => heaps);
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
    ...told,
    growth: growthOf('bytes', fleet, 0),
    firstSeenMillis: told.firstSeenMillis ?? fleet.leading.atMillis[0],
    advice: adviceFor({ state: null, frames: stack, createdBy: null }),
    memoryCost: null,
    related: [],
  };
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

interface Told extends Pick<LeakSuspect, 'factors' | 'why' | 'whyNot' | 'sinceBuild' | 'instances'> {
  /** Null: it was never seen to grow. */
  readonly firstSeenMillis: number | null;
}

/** What its growth over all processes tells of a place. */
function toldOf(
  fleet: FleetGrowth | null,
  snapshotsOf: (process: ProcessEvidence) => readonly { readonly id: string }[],
): Told {
  if (fleet === null) {
    return { factors: [], why: [], whyNot: [], sinceBuild: null, instances: [], firstSeenMillis: null };
  }
  const { leading, current, all } = fleet;
  const since = sinceBuild(fleet);
  const why = [...leading.why];
  const whyNot = [...leading.whyNot];
  if (fleet.instances > 1 || fleet.lifetimes > 1) {
    why.push(
      `It grows in ${fleet.affected} of ${fleet.instances} instances, and has grown in ${fleet.grownLifetimes} of ${fleet.lifetimes} process lifetimes.`,
    );
  }
  if (since.before !== null) why.push(`It did not grow in build ${since.before}, and does since build ${since.build}.`);
  if (current.length === 0) whyNot.push('It does not grow in the processes that run now.');
  const seen = all.map(({ atMillis, values }) => atMillis[values.findIndex((value) => value > 0)]);
  return {
    factors: [...leading.factors, ...fleetFactors(fleet)],
    why,
    whyNot,
    sinceBuild: since.before === null ? null : since.build,
    instances: instancesOf(fleet, snapshotsOf),
    firstSeenMillis: seen.reduce((a, b) => Math.min(a, b)),
  };
}

function fleetFactors(fleet: FleetGrowth): SuspectFactor[] {
  const { spread, persist, affected, instances, lifetimes, grownLifetimes } = fleet;
  return [
    { name: 'spread', value: 0.5 + 0.5 * spread, detail: `${affected} of ${instances} instances` },
    { name: 'persist', value: 0.7 + 0.3 * persist, detail: `${grownLifetimes} of ${lifetimes} process lifetimes` },
  ];
}

function growthOf(unit: SuspectGrowth['unit'], fleet: FleetGrowth | null, proven: number): SuspectGrowth {
  const current = fleet === null ? [] : fleet.current.length > 0 ? fleet.current : [fleet.leading];
  const now = current.reduce((sum, { values }) => sum + values[values.length - 1], 0);
  return {
    unit,
    perHour: current.reduce((sum, { shape }) => sum + shape.perHour, 0),
    now: Math.max(proven, now),
    share: fleet?.leading.share ?? 0,
    hoursToLimit: null,
  };
}

function firstProof(processes: readonly ProcessEvidence[]): number {
  return processes
    .flatMap(({ proofs }) => proofs.map(({ atMillis }) => atMillis))
    .reduce((a, b) => Math.min(a, b), Infinity);
}

/** The build in which it first grew, and the last one before that in which it was looked at and did not; null: none. */
function sinceBuild({ all, judged }: FleetGrowth): { build: string; before: string | null } {
  const first = all.reduce((a, b) => (b.atMillis[0] < a.atMillis[0] ? b : a));
  const { build } = first.process;
  const grown = new Set(all.map(({ process }) => process.build));
  const before = judged
    .filter(
      ({ process, lastAtMillis }) =>
        process.build !== '' && !grown.has(process.build) && lastAtMillis <= first.atMillis[0],
    )
    .sort((a, b) => a.lastAtMillis - b.lastAtMillis);
  return { build, before: build === '' ? null : (before.at(-1)?.process.build ?? null) };
}

function instancesOf(
  { all, current, judged }: FleetGrowth,
  snapshotsOf: (process: ProcessEvidence) => readonly { readonly id: string }[],
): SuspectInstance[] {
  const byName = new Map<string, GrowthInProcess>();
  // The process that runs now tells of an instance, else the last one in which it grew.
  for (const growth of [...all, ...current]) byName.set(growth.process.instance, growth);
  return [...byName].map(([name, growth]) => {
    const { process, atMillis, values, shape } = growth;
    const snapshots = snapshotsOf(process);
    return {
      name,
      affected: current.includes(growth),
      perHour: shape.perHour,
      now: values[values.length - 1],
      lifetimes: judged.filter((one) => one.process.instance === name).length,
      grownLifetimes: all.filter((one) => one.process.instance === name).length,
      atMillis,
      values,
      before: snapshots[0].id,
      after: snapshots[snapshots.length - 1].id,
    };
  });
}

/** Where the heap ends there is no function to tell of. */
const outside: EvidenceFrame = { function: '(outside the Go heap)', file: '', line: 0 };

/** One suspect for all instances, or none. */
export function describeOffHeap(grown: readonly OffHeapGrowth[]): UnrankedSuspect[] {
  const worst = grown.toSorted((a, b) => b.perHour - a.perHour).at(0);
  if (worst === undefined) return [];
  const signature = signatureOf('off-heap-memory');
  const first = worst.values[0];
  const last = worst.values[worst.values.length - 1];
  return [
    {
      tier: 'probable',
      score: Math.log(1 + (last - first) / 2 ** 20),
      kind: 'off-heap',
      fingerprint: fingerprint('off-heap'),
      function: outside.function,
      pivot: outside,
      site: outside,
      state: null,
      stack: [],
      createdBy: null,
      factors: [],
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
