import { factsOf, type InstanceFacts, type LiveHeapBasis } from './instance-facts.js';
import type { Growth } from './growth.js';
import type { RuntimeWindow } from './runtime-window.js';
import type { Thresholds } from './thresholds.js';
import { moment } from './timeline-answer.js';
import { bytes, bytesPerHour, count, hours, percent, rate } from './words.js';

export const causes = ['live-heap', 'goroutines', 'gc-pacing', 'unreturned-memory', 'off-heap'] as const;
export type Cause = (typeof causes)[number];

/** Why the memory of a service grows, as far as what it sent can say. */
export interface Verdict {
  from: string;
  to: string;
  /** `none`: it does not grow; `unknown`: it grows, and nothing that was sent explains it, or too little was sent. */
  verdict: Cause | 'none' | 'unknown';
  sentence: string;
  /** What was looked at: the RSS if there is one, else what the Go runtime holds, else the heap in use. */
  growth: MemoryGrowth | null;
  /** Those that explain some of the growth, the largest share first. */
  candidates: Candidate[];
  /** What speaks for stable memory or bounds what is known. */
  counter_evidence: string[];
  /** What would make it surer, and how to send it. */
  missing: string[];
  instances: InstanceGrowth[];
}

export interface MemoryGrowth {
  series: string;
  bytes_per_hour: number;
  steady: boolean;
}

export interface Candidate {
  cause: Cause;
  bytes_per_hour: number;
  /** Of the growth of the whole; null if that is not known. Together they may be more than 1: a heap grows with what lives in it. */
  share: number | null;
  evidence: string[];
  counter_evidence: string[];
}

export interface InstanceGrowth {
  instance: string;
  series: string;
  bytes_per_hour: number;
  first: string;
  last: string;
  hours: number;
  steady: boolean;
}

/** Growth of less than this share of what there was in the whole window is the breathing of a process. */
const leastRelative = 0.05;
/** A cause that explains less is not named. */
const leastShare = 0.1;
/** Stacks of goroutines that are this much of the growth point at the goroutines, whose heap grows along with them. */
const stackShare = 0.05;
/** The collector's default: the heap may double before it runs. */
const defaultGogc = 1;

/** What one instance contributes. Rates are bytes per hour, null where the numbers for it are not there. */
interface Contribution {
  readonly facts: InstanceFacts;
  readonly total: { readonly series: string; readonly growth: Growth } | null;
  readonly live: { readonly growth: Growth; readonly basis: LiveHeapBasis } | null;
  readonly goroutines: Growth | null;
  readonly stacks: Growth | null;
  readonly goal: Growth | null;
  readonly inUse: Growth | null;
  readonly unreturned: Growth | null;
  readonly fragmented: Growth | null;
  readonly offHeap: Growth | null;
  readonly gogc: number | null;
}

/** Judges a window. The order of instances and snapshots makes no difference. */
export function verdictOf(window: RuntimeWindow, thresholds: Thresholds): Verdict {
  const all = factsOf(window).map(contributionOf);
  const known = all.filter(
    (one): one is Contribution & { total: NonNullable<Contribution['total']> } => one.total !== null,
  );
  const range = { from: moment(window.fromMillis), to: moment(window.toMillis) };
  const missing = missingIn(all);
  if (known.length === 0) {
    return {
      ...range,
      verdict: 'unknown',
      sentence: 'Too little is known: a verdict wants at least four moments of one process in the window.',
      growth: null,
      candidates: [],
      counter_evidence: [],
      missing,
      instances: [],
    };
  }
  const growing = known.filter(({ total }) => grows(total.growth, 0));
  const perHour = total(known, (one) => one.total.growth);
  const isGrowing =
    perHour > thresholds.memory_bytes_per_hour &&
    total(growing, (one) => one.total.growth) * 2 > perHour &&
    growing.length > 0;
  const series = mostCommon(known.map((one) => one.total.series));
  const growth = { series, bytes_per_hour: Math.round(perHour), steady: isGrowing };
  const instances = known
    .map(({ facts, total: { series: name, growth: own } }) => ({
      instance: facts.instance,
      series: name,
      bytes_per_hour: Math.round(own.perHour),
      first: String(Math.round(own.first)),
      last: String(Math.round(own.last)),
      hours: own.hours,
      steady: own.steady,
    }))
    .sort((a, b) => b.bytes_per_hour - a.bytes_per_hour || (a.instance < b.instance ? -1 : 1));
  const counter = counterEvidence(known, thresholds);
  const candidates = isGrowing ? candidatesOf(all, perHour, thresholds) : hiddenGrowth(all, thresholds);
  if (!isGrowing && candidates.length === 0) {
    return {
      ...range,
      verdict: 'none',
      sentence: `Memory does not grow: ${series} changes by ${bytesPerHour(perHour)} over ${known.length} ${plural('instance', known.length)}, which is within its normal movement.`,
      growth,
      candidates,
      counter_evidence: counter,
      missing,
      instances,
    };
  }
  const head = `${series} grows by ${bytesPerHour(perHour)} over ${known.length} ${plural('instance', known.length)}`;
  const [first] = candidates;
  return {
    ...range,
    verdict: first?.cause ?? 'unknown',
    sentence:
      first === undefined
        ? `${head}, and nothing that was sent explains it.`
        : `${isGrowing ? head : `The live heap grows, though ${series} does not yet`}: ${headline(first)}.`,
    growth,
    candidates,
    counter_evidence: counter,
    missing,
    instances,
  };
}

function contributionOf(facts: InstanceFacts): Contribution {
  const total = (['rss', 'footprint', 'heap_in_use'] as const)
    .map((series) => ({ series, growth: facts.growth(series) }))
    .find((one): one is { series: 'rss' | 'footprint' | 'heap_in_use'; growth: Growth } => one.growth !== null);
  return {
    facts,
    total: total ?? null,
    live: facts.liveHeap(),
    goroutines: facts.growth('goroutines'),
    stacks: facts.growth('stack_in_use'),
    goal: facts.growth('heap_goal'),
    inUse: facts.growth('heap_in_use'),
    unreturned: facts.growthOfDifference('heap_idle', 'heap_released'),
    fragmented: facts.growthOfDifference('heap_in_use', 'heap_alloc'),
    offHeap: facts.growthOfDifference('rss', 'footprint'),
    gogc: facts.value('gogc'),
  };
}

function grows(growth: Growth | null, bound: number): growth is Growth {
  if (growth === null || !growth.steady || growth.perHour <= bound) return false;
  return growth.perHour * growth.hours >= Math.abs(growth.first) * leastRelative;
}

/** Sums rates over the instances; those that do not know count nothing. */
function total<C extends Contribution>(all: readonly C[], of: (one: C) => Growth | null): number {
  return all.reduce((sum, one) => sum + (of(one)?.perHour ?? 0), 0);
}

/** What grows steadily, over the instances: rates, and from where to where. */
function steadily(all: readonly Contribution[], of: (one: Contribution) => Growth | null) {
  const growths = all.map(of).filter((growth) => grows(growth, 0));
  return {
    perHour: growths.reduce((sum, { perHour }) => sum + perHour, 0),
    first: growths.reduce((sum, { first }) => sum + first, 0),
    last: growths.reduce((sum, { last }) => sum + last, 0),
    hours: growths.reduce((most, one) => Math.max(most, one.hours), 0),
    instances: growths.length,
  };
}

function candidatesOf(all: readonly Contribution[], perHour: number, thresholds: Thresholds): Candidate[] {
  const share = (rateOf: number): number => Math.min(1, Math.max(0, rateOf / perHour));
  return [
    goroutineCandidate(all, share, thresholds),
    liveCandidate(all, share),
    pacingCandidate(all, share, thresholds),
    unreturnedCandidate(all, share),
    offHeapCandidate(all, share),
  ]
    .filter((candidate) => candidate !== null)
    .filter((candidate) => (candidate.share ?? 0) >= leastShare)
    .sort((a, b) => (b.share ?? 0) - (a.share ?? 0) || causes.indexOf(a.cause) - causes.indexOf(b.cause));
}

/** Below a collector's goal or in memory that is there anyway a leak does not show in the whole yet. */
function hiddenGrowth(all: readonly Contribution[], thresholds: Thresholds): Candidate[] {
  const live = steadily(all, (one) => one.live?.growth ?? null);
  if (live.perHour <= thresholds.live_heap_bytes_per_hour) return [];
  const candidate = liveCandidate(all, () => 0);
  return candidate === null ? [] : [{ ...candidate, share: null }];
}

type Share = (bytesPerHour: number) => number;

/** For each byte that lives the collector lets GOGC percent more pile up. */
function withHeadroom(one: Contribution, live: Growth): number {
  return live.perHour * (1 + (one.gogc === null ? defaultGogc : one.gogc / 100));
}

function liveCandidate(all: readonly Contribution[], share: Share): Candidate | null {
  const live = steadily(all, (one) => one.live?.growth ?? null);
  if (live.instances === 0) return null;
  const headroom = all.reduce(
    (sum, one) => sum + (one.live !== null && grows(one.live.growth, 0) ? withHeadroom(one, one.live.growth) : 0),
    0,
  );
  const basis = all.find((one) => one.live !== null)?.live?.basis;
  const objects = steadily(all, (one) => one.facts.growth('heap_objects'));
  const minima =
    basis === 'heap_live'
      ? []
      : ['Judged by what HeapAlloc comes down to between collections: the live heap itself was not sent.'];
  return {
    cause: 'live-heap',
    bytes_per_hour: Math.round(live.perHour),
    share: share(headroom),
    evidence: [
      `The live heap grows by ${bytesPerHour(live.perHour)}, from ${bytes(live.first)} to ${bytes(live.last)} in ${hours(live.hours)}.`,
      `With the headroom that GOGC leaves above it, that is ${bytesPerHour(headroom)}.`,
      ...(objects.instances === 0 ? [] : [`Objects grow by ${rate(objects.perHour)} an hour.`]),
    ],
    counter_evidence: minima,
  };
}

function goroutineCandidate(all: readonly Contribution[], share: Share, thresholds: Thresholds): Candidate | null {
  const goroutines = steadily(all, (one) => one.goroutines);
  if (goroutines.perHour <= thresholds.goroutines_per_hour) return null;
  const stacks = steadily(all, (one) => one.stacks);
  const live = steadily(all, (one) => one.live?.growth ?? null);
  const knowsStacks = all.some((one) => one.stacks !== null);
  // What waits holds what it refers to: where the stacks matter, the heap that grows with them is theirs.
  const theirs =
    share(stacks.perHour) >= stackShare ? stacks.perHour + live.perHour * (1 + defaultGogc) : stacks.perHour;
  return {
    cause: 'goroutines',
    bytes_per_hour: Math.round(stacks.perHour),
    share: share(theirs),
    evidence: [
      `Goroutines grow by ${rate(goroutines.perHour)} an hour, from ${count(goroutines.first)} to ${count(goroutines.last)} in ${hours(goroutines.hours)}.`,
      ...(stacks.instances === 0
        ? []
        : [
            `Their stacks grow by ${bytesPerHour(stacks.perHour)}, ${bytes(stacks.perHour / goroutines.perHour)} for each.`,
          ]),
      ...(live.instances === 0
        ? []
        : [`The live heap grows by ${bytes(live.perHour / goroutines.perHour)} with each of them.`]),
    ],
    counter_evidence: knowsStacks && stacks.instances === 0 ? ['The memory of stacks does not grow with them.'] : [],
  };
}

function pacingCandidate(all: readonly Contribution[], share: Share, thresholds: Thresholds): Candidate | null {
  // What the heap in use grows by beyond what lives and the headroom for it.
  const beyond = all.map((one) => {
    if (one.live === null || !grows(one.inUse, 0)) return 0;
    const live = grows(one.live.growth, 0) ? withHeadroom(one, one.live.growth) : 0;
    const unfilled = grows(one.fragmented, 0) ? one.fragmented.perHour : 0;
    return Math.max(0, one.inUse.perHour - live - unfilled);
  });
  const perHour = beyond.reduce((sum, one) => sum + one, 0);
  if (perHour <= 0) return null;
  const goal = steadily(all, (one) => one.goal);
  const limited = all.filter(({ facts }) => {
    const [footprint, limit] = [facts.value('footprint'), facts.value('memory_limit')];
    return footprint !== null && limit !== null && footprint / limit > thresholds.memory_limit_share;
  });
  const gogc = all.flatMap((one) => one.facts.growth('gogc') ?? []).filter((one) => one.last > one.first);
  return {
    cause: 'gc-pacing',
    bytes_per_hour: Math.round(perHour),
    share: share(perHour),
    evidence: [
      `The heap in use grows by ${bytesPerHour(perHour)} more than what lives in it asks for: the collector lets it.`,
      ...(goal.instances === 0 ? [] : [`Its goal grows by ${bytesPerHour(goal.perHour)}, to ${bytes(goal.last)}.`]),
      ...(gogc.length === 0 ? [] : [`GOGC was raised from ${count(gogc[0].first)} to ${count(gogc[0].last)}.`]),
      ...(limited.length === 0
        ? []
        : [`${limited.length} ${plural('instance', limited.length)} are close to GOMEMLIMIT.`]),
    ],
    counter_evidence:
      goal.instances === 0 && all.some((one) => one.goal !== null) ? ['The goal of the collector does not grow.'] : [],
  };
}

function unreturnedCandidate(all: readonly Contribution[], share: Share): Candidate | null {
  const idle = steadily(all, (one) => one.unreturned);
  const unfilled = steadily(all, (one) => one.fragmented);
  const perHour = idle.perHour + unfilled.perHour;
  if (perHour <= 0) return null;
  const live = steadily(all, (one) => one.live?.growth ?? null);
  return {
    cause: 'unreturned-memory',
    bytes_per_hour: Math.round(perHour),
    share: share(perHour),
    evidence: [
      ...(idle.instances === 0
        ? []
        : [
            `Idle memory that was not returned to the system (HeapIdle − HeapReleased) grows by ${bytesPerHour(idle.perHour)}, to ${bytes(idle.last)}.`,
          ]),
      ...(unfilled.instances === 0
        ? []
        : [
            `Spans in use hold ${bytesPerHour(unfilled.perHour)} more than the objects in them (HeapInuse − HeapAlloc): fragmentation.`,
          ]),
    ],
    counter_evidence: live.instances === 0 ? [] : ['The live heap grows as well.'],
  };
}

function offHeapCandidate(all: readonly Contribution[], share: Share): Candidate | null {
  const off = steadily(all, (one) => one.offHeap);
  if (off.instances === 0) return null;
  return {
    cause: 'off-heap',
    bytes_per_hour: Math.round(off.perHour),
    share: share(off.perHour),
    evidence: [
      `The RSS grows by ${bytesPerHour(off.perHour)} more than what the Go runtime holds; the difference went from ${bytes(off.first)} to ${bytes(off.last)}.`,
      'Such memory is of cgo (C.malloc), mapped files or a child in the same control group: no heap profile shows it.',
    ],
    counter_evidence: [],
  };
}

const headlines: Record<Cause, string> = {
  'live-heap': 'objects that stay alive, a leak or a cache without a bound',
  goroutines: 'goroutines that do not end, with their stacks and what they hold',
  'gc-pacing': 'the collector lets the heap grow above what lives in it (GOGC, or GOMEMLIMIT)',
  'unreturned-memory': 'memory that the heap no longer needs and has not returned, or fragmentation',
  'off-heap': 'memory outside of the Go heap, such as that of cgo',
};

function headline({ cause, share }: Candidate): string {
  return `${headlines[cause]}${share === null ? '' : `, which explains ${percent(share)} of it`}`;
}

function counterEvidence(known: readonly Contribution[], thresholds: Thresholds): string[] {
  const flat = (of: (one: Contribution) => Growth | null): boolean =>
    known.some((one) => of(one) !== null) && known.every((one) => !grows(of(one), 0));
  const restarts = known.reduce((sum, { facts }) => sum + facts.restarts, 0);
  return [
    ...(flat((one) => one.live?.growth ?? null) ? ['The live heap does not grow.'] : []),
    ...(total(known, (one) => one.goroutines) <= thresholds.goroutines_per_hour && flat((one) => one.goroutines)
      ? ['The number of goroutines does not grow.']
      : []),
    ...(flat((one) => one.offHeap) ? ['The RSS does not grow beyond what the Go runtime holds.'] : []),
    ...(restarts === 0
      ? []
      : [`There were ${restarts} ${plural('restart', restarts)}: growth is that within the processes.`]),
  ];
}

function missingIn(all: readonly Contribution[]): string[] {
  const nobody = (name: string): boolean => !all.some(({ facts }) => facts.has(name));
  const longest = all.reduce((most, one) => Math.max(most, one.total?.growth.hours ?? 0), 0);
  return [
    ...(nobody('rss') ? ['No RSS was sent: send /proc/PID/status, or a metrics page of the process collector.'] : []),
    ...(nobody('heap_live')
      ? ['The live heap was not sent: send runtime/metrics (/gc/heap/live:bytes), or a log with GODEBUG=gctrace=1.']
      : []),
    ...(nobody('heap_idle')
      ? ['No MemStats was sent: idle, returned and fragmented memory cannot be told apart.']
      : []),
    ...(nobody('goroutines') ? ['No number of goroutines was sent: send goroutine profiles, or runtime/metrics.'] : []),
    ...(nobody('memory_limit') && nobody('gogc')
      ? ['GOGC and GOMEMLIMIT were not sent: send runtime/metrics. The default GOGC=100 is assumed.']
      : []),
    ...(longest > 0 && longest < 1
      ? [`No process was watched for longer than ${hours(longest)}: an hour or more is surer.`]
      : []),
  ];
}

function mostCommon(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1))[0][0];
}

function plural(noun: string, number: number): string {
  return number === 1 ? noun : `${noun}s`;
}
