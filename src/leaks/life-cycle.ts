import type { LeakSuspect, SuspectInstance, SuspectTier } from '../analysis/leaks/suspect.js';

/*
 * The life of a suspect. `state` is what people say of it, `phase` what the ranking says while it is open or acknowledged.
 *
 *                 ┌───────────────────── open ──────────────────────┐
 *                 │                                                 │
 *    first seen ──▶ new ── a day later ──▶ ongoing ◀── a day later ─┤
 *                 │                          │ ▲                    │
 *                 │       twice as fast, or a│ │a day later         │
 *                 │       higher tier        ▼ │                    │
 *                 │                      escalating     regressed ──┘
 *                 └──────┬──────────────────▲──────────────▲────────┘
 *                        │ a person         │              │
 *                        ▼                  │              │
 *                  acknowledged             │              │ it grows again: after the resolution; in build X or a
 *                   │         │             │              │ later one
 *          a person │         │ gone in     │              │
 *                   ▼         ▼ build X     │              │
 *       ignored (for ever,  resolved ───────┼──────────────┘
 *       until +50 %, until   (now, or in    │
 *       a date)               build X)      │
 *            └── over +50 %, after the date ┘
 *
 * Who may make which transition:
 *
 *   * A person may put it into any state. A person's state ends in no other way than its own rule says: the ranking never
 *     closes, reopens or escalates what is ignored for ever, and it lets what is acknowledged be, but for its phase.
 *   * The ranking resolves only on evidence: `gone` when a younger build than any in which it ever grew was watched for
 *     long enough and does not show it (see `isGoneIn`), `unseen` when nothing has shown an open one for a month.
 *   * The ranking reopens what is resolved when it is *seen to grow* since (see `growsAfter`): the window of a ranking
 *     reaches back to before the resolution, and what it still shows of that time is no regression.
 *
 * Every transition is a function of what is stored, what the ranking has seen, and of the times in its evidence; a clock
 * only decides whether a date is over. So the same ranking twice changes nothing, and neither does the order of suspects.
 */

export const suspectStates = ['open', 'acknowledged', 'resolved', 'ignored'] as const;
export type SuspectState = (typeof suspectStates)[number];

export const suspectPhases = ['new', 'ongoing', 'escalating', 'regressed'] as const;
export type SuspectPhase = (typeof suspectPhases)[number];

/** How long a suspect is called new, escalating or regressed. */
export const freshMillis = 24 * 3_600_000;
/** An open suspect that nothing has shown for so long is resolved. */
export const unseenMillis = 30 * 24 * 3_600_000;

/** Growth that is so many times as fast as before is escalating, if there is also … */
const escalatingSpeed = 2;
/** … so many times as much. */
const escalatingSize = 1.5;
/** Ignored "until +50 %" ends at so much of the most that there had been. */
export const ignoredGrowth = 1.5;

/** Points after a resolution that it takes to say that it grows again. */
const regressionPoints = 3;
/** How much of its speed it must have again. */
const regressionSpeed = 0.5;

/** Snapshots of a younger build that it takes to say that the suspect is gone in it. */
export const goneSnapshots = 6;
const goneMillis = 2 * 3_600_000;
/** What the old speed would have added meanwhile: enough for the ranking to see it … */
const goneGoroutines = 20;
const goneBytes = 16 * 2 ** 20;
/** … and this much of what there was when it was last seen. */
const goneShare = 0.1;

/** Why a suspect counts as resolved. */
export interface Resolution {
  readonly by: 'key' | 'ranking';
  readonly atMillis: number;
  /** Resolved in this build: silent until it, or one that was first seen after it, shows the suspect. Null: from `atMillis` on. */
  readonly build: string | null;
  /** What the ranking rests on when it resolves. */
  readonly evidence: GoneEvidence | null;
}

/** A younger build that was watched and does not show the suspect, or nothing that shows it. */
export interface GoneEvidence {
  readonly reason: 'gone' | 'unseen';
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly snapshots: number;
  /** What the speed of before would have added meanwhile, in the unit of the suspect. */
  readonly expected: number;
}

/** Both null: for ever. */
export interface IgnoreRule {
  readonly untilMillis: number | null;
  /** In the unit of the suspect's growth. */
  readonly over: number | null;
}

/** What "escalating" is measured against: as it was when it was opened, acknowledged or last escalated. */
export interface Basis {
  readonly tier: SuspectTier;
  readonly now: number;
  readonly perHour: number;
}

/** What is remembered of a suspect and changes. Times are those of the evidence, unless they are said to be a clock's. */
export interface StoredSuspect {
  readonly fingerprint: string;
  readonly state: SuspectState;
  /** Null unless open or acknowledged. */
  readonly phase: SuspectPhase | null;
  readonly phaseSinceMillis: number;
  /** In the latest ranking; null: which does not see it. */
  readonly rank: number | null;
  /** As it was last seen. */
  readonly found: LeakSuspect;
  readonly firstSeenMillis: number;
  readonly lastSeenMillis: number;
  readonly sinceBuild: string | null;
  /** The youngest build in which it was seen to grow. */
  readonly lastBuild: string | null;
  /** The most there ever was, in the unit of its growth. */
  readonly peak: number;
  readonly basis: Basis;
  readonly resolution: Resolution | null;
  readonly ignore: IgnoreRule | null;
  /** The build of which a person has said that the suspect is not gone in it. */
  readonly overruledBuild: string | null;
  readonly regressions: number;
}

export interface LifeEvent {
  readonly what:
    | 'opened'
    | 'escalated'
    | 'regressed'
    | 'gone'
    | 'unseen'
    | 'ignore-ended'
    | 'acknowledged'
    | 'reopened'
    | 'resolved'
    | 'ignored';
  /** What it was and what it is, by name. */
  readonly changes: Readonly<Record<string, readonly [before: unknown, after: unknown]>>;
}

export interface Transition {
  readonly next: StoredSuspect;
  readonly events: readonly LifeEvent[];
}

/** What a ranking rests on, beside what it has found. */
export interface RankingContext {
  /** The clock, for rules that end at a date. */
  readonly nowMillis: number;
  /** The youngest evidence that was judged. */
  readonly dataUntilMillis: number;
  /** When each build was first seen, by its version. */
  readonly builds: ReadonlyMap<string, number>;
  /** The build of a snapshot; null: not known. */
  buildOf(snapshotId: string): string | null;
  /** What the youngest build shows by itself; null: there is none that was watched for long enough. */
  readonly youngest: WatchedBuild | null;
}

/** One build, ranked by itself over the same window. */
export interface WatchedBuild {
  readonly build: string;
  readonly goroutineSnapshots: number;
  readonly heapSnapshots: number;
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly fingerprints: ReadonlySet<string>;
}

/** What a person asks for. */
export type LifeCommand =
  | { readonly state: 'open' | 'acknowledged' }
  | { readonly state: 'resolved'; readonly build: string | null }
  | {
      readonly state: 'ignored';
      readonly until: 'forever' | 'growth' | { readonly millis: number };
    };

/**
 * What becomes of a suspect with a ranking.
 *
 * @param stored null: never seen before
 * @param seen as this ranking sees it; null: not at all. One of the two is there.
 */
export function advance(stored: StoredSuspect, seen: LeakSuspect | null, context: RankingContext): Transition;
export function advance(stored: StoredSuspect | null, seen: LeakSuspect, context: RankingContext): Transition;
export function advance(stored: StoredSuspect | null, seen: LeakSuspect | null, context: RankingContext): Transition {
  if (stored === null) return opened(seen!, context);
  const current = seen === null ? { ...stored, rank: null } : sighted(stored, seen, context);
  switch (stored.state) {
    case 'open':
    case 'acknowledged':
      return watched(current, seen, context);
    case 'resolved':
      return resolved(current, stored.resolution!, seen, context);
    case 'ignored':
      return ignored(current, stored.ignore!, seen, context);
  }
}

/** What becomes of a suspect when a person says so. Saying again what is so already changes nothing. */
export function decide(stored: StoredSuspect, command: LifeCommand, nowMillis: number): Transition {
  switch (command.state) {
    case 'open':
    case 'acknowledged': {
      const { state } = command;
      if (stored.state === state) return { next: stored, events: [] };
      const isOverruled = stored.resolution?.by === 'ranking';
      const change: Partial<StoredSuspect> = {
        state,
        phase: 'ongoing',
        phaseSinceMillis: nowMillis,
        basis: basisOf(stored.found),
        resolution: null,
        ignore: null,
        overruledBuild: isOverruled ? stored.resolution.build : stored.overruledBuild,
      };
      return moved(stored, change, state === 'open' ? 'reopened' : 'acknowledged');
    }
    case 'resolved': {
      const { build } = command;
      if (stored.resolution?.by === 'key' && stored.resolution.build === build) return { next: stored, events: [] };
      const resolution = { by: 'key', atMillis: nowMillis, build, evidence: null } as const;
      return moved(stored, { state: 'resolved', phase: null, resolution, ignore: null }, 'resolved');
    }
    case 'ignored': {
      const ignore: IgnoreRule = {
        untilMillis: typeof command.until === 'object' ? command.until.millis : null,
        over: command.until === 'growth' ? stored.peak * ignoredGrowth : null,
      };
      if (stored.ignore?.untilMillis === ignore.untilMillis && stored.ignore.over === ignore.over) {
        return { next: stored, events: [] };
      }
      return moved(stored, { state: 'ignored', phase: null, ignore, resolution: null }, 'ignored');
    }
  }
}

function opened(seen: LeakSuspect, context: RankingContext): Transition {
  const next: StoredSuspect = {
    fingerprint: seen.fingerprint,
    state: 'open',
    phase: 'new',
    phaseSinceMillis: context.dataUntilMillis,
    rank: seen.rank,
    found: seen,
    firstSeenMillis: firstSeenIn(seen, context),
    lastSeenMillis: lastSeenOf(seen, context),
    sinceBuild: seen.sinceBuild,
    lastBuild: youngestBuildOf(seen, context),
    peak: seen.growth.now,
    basis: basisOf(seen),
    resolution: null,
    ignore: null,
    overruledBuild: null,
    regressions: 0,
  };
  const event: LifeEvent = { what: 'opened', changes: { state: [null, 'open'], tier: [null, seen.tier] } };
  // It may be over already: the window reaches back to builds that are gone.
  const then = watched(next, seen, context);
  return { next: then.next, events: [event, ...then.events] };
}

/** With what a ranking says of it, its state left alone. */
function sighted(stored: StoredSuspect, seen: LeakSuspect, context: RankingContext): StoredSuspect {
  return {
    ...stored,
    rank: seen.rank,
    found: seen,
    firstSeenMillis: Math.min(stored.firstSeenMillis, firstSeenIn(seen, context)),
    lastSeenMillis: Math.max(stored.lastSeenMillis, lastSeenOf(seen, context)),
    sinceBuild: stored.sinceBuild ?? seen.sinceBuild,
    lastBuild: younger(stored.lastBuild, youngestBuildOf(seen, context), context),
    peak: Math.max(stored.peak, seen.growth.now),
  };
}

function watched(current: StoredSuspect, seen: LeakSuspect | null, context: RankingContext): Transition {
  const gone = findGone(current, context);
  if (gone !== null) {
    const resolution: Resolution = {
      by: 'ranking',
      atMillis: gone.toMillis,
      build: gone.reason === 'gone' ? context.youngest!.build : null,
      evidence: gone,
    };
    return moved(current, { state: 'resolved', phase: null, resolution }, gone.reason);
  }
  if (seen !== null && escalates(seen, current.basis)) {
    const phase = { phase: 'escalating', phaseSinceMillis: context.dataUntilMillis, basis: basisOf(seen) } as const;
    const { next } = moved(current, phase, 'escalated');
    const { tier, perHour, now } = current.basis;
    const changes = {
      tier: [tier, seen.tier],
      per_hour: [perHour, seen.growth.perHour],
      now: [now, seen.growth.now],
    } as const;
    return { next, events: [{ what: 'escalated', changes }] };
  }
  // Being no longer new is nothing that anybody has to be told.
  const isOld = context.dataUntilMillis - current.phaseSinceMillis >= freshMillis;
  return { next: isOld ? { ...current, phase: 'ongoing' } : current, events: [] };
}

function resolved(
  current: StoredSuspect,
  resolution: Resolution,
  seen: LeakSuspect | null,
  context: RankingContext,
): Transition {
  const isBack = seen !== null && regresses(seen, resolution, context) && findGone(current, context) === null;
  if (!isBack) return { next: current, events: [] };
  return moved(
    current,
    {
      state: 'open',
      phase: 'regressed',
      phaseSinceMillis: context.dataUntilMillis,
      basis: basisOf(seen),
      resolution: null,
      regressions: current.regressions + 1,
    },
    'regressed',
  );
}

function ignored(
  current: StoredSuspect,
  { untilMillis, over }: IgnoreRule,
  seen: LeakSuspect | null,
  context: RankingContext,
): Transition {
  if (seen === null || findGone(current, context) !== null) return { next: current, events: [] };
  const open = {
    state: 'open',
    phaseSinceMillis: context.dataUntilMillis,
    basis: basisOf(seen),
    ignore: null,
  } as const;
  if (over !== null && seen.growth.now >= over) return moved(current, { ...open, phase: 'escalating' }, 'escalated');
  if (untilMillis !== null && context.nowMillis >= untilMillis) {
    return moved(current, { ...open, phase: 'ongoing' }, 'ignore-ended');
  }
  return { next: current, events: [] };
}

function moved(stored: StoredSuspect, change: Partial<StoredSuspect>, what: LifeEvent['what']): Transition {
  const next = { ...stored, ...change };
  const changes = Object.fromEntries(
    (['state', 'phase', 'resolution', 'ignore'] as const)
      .filter((name) => stored[name] !== next[name])
      .map((name) => [name, [stored[name], next[name]] as const]),
  );
  return { next, events: [{ what, changes }] };
}

const tierOrder: Readonly<Record<SuspectTier, number>> = { watch: 0, probable: 1, confirmed: 2 };

/** A higher tier; or twice the speed and half as much again, so that neither noise nor mere age is an alarm. */
function escalates({ tier, growth }: LeakSuspect, basis: Basis): boolean {
  if (tierOrder[tier] > tierOrder[basis.tier]) return true;
  return growth.perHour >= basis.perHour * escalatingSpeed && growth.now >= basis.now * escalatingSize;
}

/** Whether an instance on which it counts shows it grow since: see `growsAfter`. */
function regresses(seen: LeakSuspect, { atMillis, build }: Resolution, context: RankingContext): boolean {
  const sinceMillis = build === null ? atMillis : context.builds.get(build);
  // Nobody has seen the build in which it is said to be fixed.
  if (sinceMillis === undefined) return false;
  return affected(seen).some((instance) => {
    const counts = build === null || firstSeenOf(context.buildOf(instance.after), context) >= sinceMillis;
    return counts && growsAfter(instance, sinceMillis);
  });
}

/**
 * Whether the series of an instance, from a moment on, rises again: at least three points, and from the first to the
 * last at least half the speed at which the instance leaks over the whole window.
 */
export function growsAfter({ atMillis, values, perHour }: SuspectInstance, sinceMillis: number): boolean {
  const points = atMillis.flatMap((at, i) => (at > sinceMillis ? [{ at, value: values[i] }] : []));
  if (points.length < regressionPoints) return false;
  points.sort((a, b) => a.at - b.at);
  const [first, last] = [points[0], points[points.length - 1]];
  const rise = last.value - first.value;
  return rise > 0 && rise >= (regressionSpeed * perHour * (last.at - first.at)) / 3_600_000;
}

function findGone(current: StoredSuspect, context: RankingContext): GoneEvidence | null {
  if (context.youngest !== null && isGoneIn(current, context.youngest, context)) {
    const { fromMillis, toMillis } = context.youngest;
    const snapshots = snapshotsFor(current.found, context.youngest);
    return { reason: 'gone', fromMillis, toMillis, snapshots, expected: expectedRise(current, context.youngest) };
  }
  const { lastSeenMillis, phaseSinceMillis, rank, state } = current;
  const fromMillis = Math.max(lastSeenMillis, phaseSinceMillis);
  const toMillis = context.dataUntilMillis;
  if (state === 'open' && rank === null && toMillis - fromMillis >= unseenMillis) {
    const expected = (current.found.growth.perHour * (toMillis - fromMillis)) / 3_600_000;
    return { reason: 'unseen', fromMillis, toMillis, snapshots: 0, expected };
  }
  return null;
}

/**
 * Whether a build shows that the suspect is gone: it was first seen after every build in which the suspect grew; ranked by
 * itself it does not have the suspect at any tier; at least six snapshots of the suspect's kind over two hours were judged;
 * and meanwhile the speed of before would have added what the ranking surely notices (20 goroutines, 16 MiB) and a tenth
 * of what there was.
 */
export function isGoneIn(stored: StoredSuspect, watched: WatchedBuild, context: RankingContext): boolean {
  if (stored.lastBuild === null || stored.found.kind === 'off-heap') return false;
  if (watched.build === stored.overruledBuild) return false;
  if (firstSeenOf(watched.build, context) <= firstSeenOf(stored.lastBuild, context)) return false;
  if (watched.fingerprints.has(stored.fingerprint)) return false;
  if (snapshotsFor(stored.found, watched) < goneSnapshots || watched.toMillis - watched.fromMillis < goneMillis) {
    return false;
  }
  const { unit, now } = stored.found.growth;
  const noticed = Math.max(unit === 'bytes' ? goneBytes : goneGoroutines, goneShare * now);
  return expectedRise(stored, watched) >= noticed;
}

function expectedRise({ found }: StoredSuspect, { fromMillis, toMillis }: WatchedBuild): number {
  return (found.growth.perHour * (toMillis - fromMillis)) / 3_600_000;
}

function snapshotsFor({ kind }: LeakSuspect, watched: WatchedBuild): number {
  return kind === 'heap' ? watched.heapSnapshots : watched.goroutineSnapshots;
}

function basisOf({ tier, growth: { now, perHour } }: LeakSuspect): Basis {
  return { tier, now, perHour };
}

function affected({ instances }: LeakSuspect): SuspectInstance[] {
  return instances.filter((instance) => instance.affected);
}

/** Of a suspect that only a proof shows there may be no moment. */
function firstSeenIn({ firstSeenMillis }: LeakSuspect, context: RankingContext): number {
  return Number.isFinite(firstSeenMillis) ? Math.floor(firstSeenMillis) : context.dataUntilMillis;
}

function lastSeenOf(seen: LeakSuspect, context: RankingContext): number {
  const last = affected(seen).reduce(
    (latest, { atMillis }) => atMillis.reduce((a, b) => Math.max(a, b), latest),
    -Infinity,
  );
  return Number.isFinite(last) ? Math.floor(last) : context.dataUntilMillis;
}

function youngestBuildOf(seen: LeakSuspect, context: RankingContext): string | null {
  return affected(seen)
    .map(({ after }) => context.buildOf(after))
    .reduce((youngest, build) => younger(youngest, build, context), null);
}

function younger(a: string | null, b: string | null, context: RankingContext): string | null {
  return firstSeenOf(b, context) > firstSeenOf(a, context) ? b : a;
}

function firstSeenOf(build: string | null, { builds }: RankingContext): number {
  return build === null ? -Infinity : (builds.get(build) ?? -Infinity);
}
