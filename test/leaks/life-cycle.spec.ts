import type { LeakSuspect } from '../../src/analysis/leaks/suspect.js';
import {
  advance,
  decide,
  freshMillis,
  growsAfter,
  isGoneIn,
  type LifeCommand,
  type RankingContext,
  type StoredSuspect,
  type SuspectPhase,
  type SuspectState,
  unseenMillis,
  type WatchedBuild,
} from '../../src/leaks/life-cycle.js';
import { found, growing, hour } from './found.js';

const t0 = Date.UTC(2026, 9, 1);
const day = 24 * hour;

/** The snapshot `<build>-…` comes from that build. */
function contextAt(millis: number, more: Partial<RankingContext> = {}): RankingContext {
  return {
    nowMillis: millis,
    dataUntilMillis: millis,
    builds: new Map([
      ['v1', t0 - 10 * day],
      ['v2', t0],
      ['v3', t0 + 10 * day],
    ]),
    buildOf: (id) => /^(v\d)-/.exec(id)?.[1] ?? null,
    youngest: null,
    ...more,
  };
}

const seenIn = (build: string, untilMillis: number, more: Parameters<typeof found>[1] = {}): LeakSuspect =>
  found(untilMillis, {
    instances: [growing(untilMillis, { before: `${build}-before`, after: `${build}-after` })],
    ...more,
  });

const watching = (build: string, toMillis: number, more: Partial<WatchedBuild> = {}): WatchedBuild => ({
  build,
  goroutineSnapshots: 12,
  heapSnapshots: 0,
  fromMillis: toMillis - 12 * hour,
  toMillis,
  fingerprints: new Set(),
  ...more,
});

const openedAt = (millis: number, more: Parameters<typeof found>[1] = {}): StoredSuspect =>
  advance(null, seenIn('v1', millis, more), contextAt(millis)).next;

const after = (stored: StoredSuspect, command: LifeCommand, atMillis: number): StoredSuspect =>
  decide(stored, command, atMillis).next;

/** What a ranking makes of a suspect, in short. */
function outcome(
  stored: StoredSuspect,
  seen: LeakSuspect | null,
  context: RankingContext,
): [SuspectState, SuspectPhase | null, ...string[]] {
  const { next, events } = advance(stored, seen, context);
  return [next.state, next.phase, ...events.map(({ what }) => what)];
}

const bigger = (millis: number, perHour: number, now: number) =>
  found(millis, { growth: { perHour, now }, instances: [growing(millis, { perHour })] });

describe('what a ranking makes of a suspect', () => {
  const open = openedAt(t0);
  const acknowledged = after(open, { state: 'acknowledged' }, t0);
  const resolvedNow = after(open, { state: 'resolved', build: null }, t0);
  const resolvedInV2 = after(open, { state: 'resolved', build: 'v2' }, t0);
  const resolvedInV9 = after(open, { state: 'resolved', build: 'v9' }, t0);
  const forever = after(open, { state: 'ignored', until: 'forever' }, t0);
  const untilGrowth = after(open, { state: 'ignored', until: 'growth' }, t0);
  const untilDate = after(open, { state: 'ignored', until: { millis: t0 + 3 * day } }, t0);
  const later = t0 + 2 * hour;
  const nextDay = t0 + freshMillis;
  const nextWeek = t0 + 7 * day;

  test.each<[string, StoredSuspect, LeakSuspect | null, RankingContext, ReturnType<typeof outcome>]>([
    ['open, seen again soon: still new', open, seenIn('v1', later), contextAt(later), ['open', 'new']],
    ['open, seen a day later: ongoing', open, seenIn('v1', nextDay), contextAt(nextDay), ['open', 'ongoing']],
    ['open, not seen: still open', open, null, contextAt(later), ['open', 'new']],
    [
      'open, twice as fast and half as much again',
      open,
      bigger(later, 200, 1800),
      contextAt(later),
      ['open', 'escalating', 'escalated'],
    ],
    ['open, twice as fast but not more', open, bigger(later, 200, 1300), contextAt(later), ['open', 'new']],
    ['open, more but not faster: merely older', open, bigger(later, 100, 9000), contextAt(later), ['open', 'new']],
    [
      'open, of a higher tier',
      open,
      found(later, { tier: 'confirmed' }),
      contextAt(later),
      ['open', 'escalating', 'escalated'],
    ],
    ['open, of a lower tier', open, found(later, { tier: 'watch' }), contextAt(later), ['open', 'new']],
    ['open, not seen for a month', open, null, contextAt(t0 + unseenMillis), ['resolved', null, 'unseen']],
    [
      'open, gone in a younger build',
      open,
      null,
      contextAt(later, { youngest: watching('v2', later) }),
      ['resolved', null, 'gone'],
    ],
    [
      'open, gone in a younger build while the window still shows the older one',
      open,
      seenIn('v1', later),
      contextAt(later, { youngest: watching('v2', later) }),
      ['resolved', null, 'gone'],
    ],
    [
      'open, seen in the younger build',
      open,
      seenIn('v2', later),
      contextAt(later, { youngest: watching('v2', later) }),
      ['open', 'new'],
    ],
    ['acknowledged, seen again', acknowledged, seenIn('v1', later), contextAt(later), ['acknowledged', 'ongoing']],
    [
      'acknowledged, escalating: says so and stays acknowledged',
      acknowledged,
      bigger(later, 200, 1800),
      contextAt(later),
      ['acknowledged', 'escalating', 'escalated'],
    ],
    [
      'acknowledged, not seen for a month: a person has it',
      acknowledged,
      null,
      contextAt(t0 + unseenMillis),
      ['acknowledged', 'ongoing'],
    ],
    [
      'acknowledged, gone in a younger build',
      acknowledged,
      null,
      contextAt(later, { youngest: watching('v2', later) }),
      ['resolved', null, 'gone'],
    ],
    [
      'resolved, the window still shows what was before',
      resolvedNow,
      seenIn('v1', t0),
      contextAt(later),
      ['resolved', null],
    ],
    [
      'resolved, two points since then are too few',
      resolvedNow,
      seenIn('v1', later),
      contextAt(later),
      ['resolved', null],
    ],
    [
      'resolved, grows since then',
      resolvedNow,
      seenIn('v1', nextDay),
      contextAt(nextDay),
      ['open', 'regressed', 'regressed'],
    ],
    [
      'resolved in v2, v1 goes on to grow',
      resolvedInV2,
      seenIn('v1', nextWeek),
      contextAt(nextWeek),
      ['resolved', null],
    ],
    [
      'resolved in v2, v2 grows',
      resolvedInV2,
      seenIn('v2', nextDay),
      contextAt(nextDay),
      ['open', 'regressed', 'regressed'],
    ],
    [
      'resolved in v2, the later v3 grows',
      resolvedInV2,
      seenIn('v3', t0 + 11 * day),
      contextAt(t0 + 11 * day),
      ['open', 'regressed', 'regressed'],
    ],
    [
      'resolved in a build that nobody has seen',
      resolvedInV9,
      seenIn('v3', t0 + 11 * day),
      contextAt(t0 + 11 * day),
      ['resolved', null],
    ],
    ['resolved, not seen', resolvedNow, null, contextAt(nextWeek), ['resolved', null]],
    [
      'ignored for ever, a hundred times as much',
      forever,
      bigger(nextWeek, 9e4, 9e6),
      contextAt(nextWeek),
      ['ignored', null],
    ],
    [
      'ignored for ever, confirmed',
      forever,
      found(nextWeek, { tier: 'confirmed' }),
      contextAt(nextWeek),
      ['ignored', null],
    ],
    ['ignored for ever, gone', forever, null, contextAt(later, { youngest: watching('v2', later) }), ['ignored', null]],
    ['ignored until +50 %, 49 % more', untilGrowth, bigger(later, 100, 1799), contextAt(later), ['ignored', null]],
    [
      'ignored until +50 %, 50 % more',
      untilGrowth,
      bigger(later, 100, 1800),
      contextAt(later),
      ['open', 'escalating', 'escalated'],
    ],
    [
      'ignored until a date, a day before',
      untilDate,
      seenIn('v1', t0 + 2 * day),
      contextAt(t0 + 2 * day),
      ['ignored', null],
    ],
    [
      'ignored until a date, then',
      untilDate,
      seenIn('v1', t0 + 3 * day),
      contextAt(t0 + 3 * day),
      ['open', 'ongoing', 'ignore-ended'],
    ],
    ['ignored until a date, then, not seen', untilDate, null, contextAt(nextWeek), ['ignored', null]],
  ])('%s', (_what, stored, seen, context, expected) => {
    expect(outcome(stored, seen, context)).toEqual(expected);
  });

  test('a first sight opens it as new', () => {
    const { next, events } = advance(null, seenIn('v1', t0), contextAt(t0));
    expect(next).toMatchObject({ state: 'open', phase: 'new', lastBuild: 'v1', peak: 1200, regressions: 0 });
    expect(events).toEqual([{ what: 'opened', changes: { state: [null, 'open'], tier: [null, 'probable'] } }]);
  });

  test('a first sight of what is gone already is opened and resolved at once', () => {
    const { next, events } = advance(null, seenIn('v1', t0), contextAt(t0, { youngest: watching('v2', t0) }));
    expect(next).toMatchObject({ state: 'resolved', resolution: { by: 'ranking', build: 'v2' } });
    expect(events.map(({ what }) => what)).toEqual(['opened', 'gone']);
  });

  test('"until +50 %" counts from the peak: what grows again to it after a restart is nothing new', () => {
    const peaked = advance(open, bigger(later, 100, 4000), contextAt(later)).next;
    const restarted = advance(peaked, bigger(nextDay, 100, 300), contextAt(nextDay)).next;
    const ignored = after(restarted, { state: 'ignored', until: 'growth' }, nextDay);
    expect(outcome(ignored, bigger(nextWeek, 100, 5000), contextAt(nextWeek))[0]).toBe('ignored');
    expect(outcome(ignored, bigger(nextWeek, 100, 6000), contextAt(nextWeek))[0]).toBe('open');
  });

  test('an acknowledgement sets what escalating is measured against', () => {
    const grown = advance(open, bigger(later, 150, 5000), contextAt(later)).next;
    const known = after(grown, { state: 'acknowledged' }, later);
    expect(outcome(known, bigger(nextDay, 200, 6000), contextAt(nextDay))).toEqual(['acknowledged', 'ongoing']);
    expect(outcome(known, bigger(nextDay, 300, 7500), contextAt(nextDay))).toEqual([
      'acknowledged',
      'escalating',
      'escalated',
    ]);
  });

  test('the evidence of "gone" says which snapshots, and what there would have been', () => {
    const { next } = advance(open, null, contextAt(later, { youngest: watching('v2', later) }));
    expect(next.resolution).toEqual({
      by: 'ranking',
      atMillis: later,
      build: 'v2',
      evidence: { reason: 'gone', fromMillis: later - 12 * hour, toMillis: later, snapshots: 12, expected: 1200 },
    });
  });

  test('what a person has reopened is not gone in that build, but may be in a later one', () => {
    const gone = advance(open, null, contextAt(later, { youngest: watching('v2', later) })).next;
    const reopened = after(gone, { state: 'open' }, later);
    const context = contextAt(nextDay, { youngest: watching('v2', nextDay) });
    expect(outcome(reopened, null, context)[0]).toBe('open');
    const v3 = contextAt(t0 + 11 * day, { youngest: watching('v3', t0 + 11 * day) });
    expect(outcome(reopened, null, v3)).toEqual(['resolved', null, 'gone']);
  });
});

describe('gone in a build', () => {
  const open = openedAt(t0);
  const context = contextAt(t0 + day);
  const isGone = (more: Partial<WatchedBuild>, stored = open) =>
    isGoneIn(stored, watching('v2', t0 + day, more), context);

  test.each<[string, Partial<WatchedBuild>, boolean]>([
    ['watched for long enough', {}, true],
    ['has it, too', { fingerprints: new Set([open.fingerprint]) }, false],
    ['is the one in which it grew', { build: 'v1' }, false],
    ['was first seen at no known time', { build: 'v7' }, false],
    ['has five snapshots of its kind', { goroutineSnapshots: 5, heapSnapshots: 99 }, false],
    ['was watched for less than two hours', { fromMillis: t0 + day - 1.9 * hour }, false],
  ])('%s', (_what, more, expected) => {
    expect(isGone(more)).toBe(expected);
  });

  test('takes as long as the old speed needs to be noticed', () => {
    const slow = openedAt(t0, { growth: { perHour: 2, now: 30 } });
    expect(isGone({}, slow)).toBe(true);
    expect(isGone({ fromMillis: t0 + day - 9.9 * hour }, slow)).toBe(false);
    const alittleFaster = openedAt(t0, { growth: { perHour: 2.1, now: 30 } });
    expect(isGone({ fromMillis: t0 + day - 9.6 * hour }, alittleFaster)).toBe(true);
    const large = openedAt(t0, { growth: { perHour: 100, now: 90_000 } });
    expect(isGone({}, large)).toBe(false);
  });

  test('cannot be said of what lies outside the heap, nor where builds are not known', () => {
    expect(isGone({}, openedAt(t0, { kind: 'off-heap' }))).toBe(false);
    expect(isGone({}, { ...open, lastBuild: null })).toBe(false);
  });
});

test.each([
  ['rises at the same speed', [0, 1, 2, 3], true],
  ['rises at half the speed', [0, 50, 100, 150], true],
  ['rises at less', [0, 40, 80, 120], false],
  ['is flat', [5, 5, 5, 5], false],
  ['falls', [9, 6, 3, 0], false],
])('a series that %s after the resolution', (what, steps, expected) => {
  const scale = what === 'rises at the same speed' ? 100 : 1;
  const instance = growing(t0 + 3 * hour, { hours: 3, values: steps.map((step) => step * scale), perHour: 100 });
  expect(growsAfter(instance, t0 - 1)).toBe(expected);
  expect(growsAfter(instance, t0 + hour)).toBe(false);
});

describe('laws', () => {
  /** Every state that a suspect can be put into, and every ranking that may then come. */
  const t1 = t0 + 5 * hour;
  const commands: LifeCommand[] = [
    { state: 'open' },
    { state: 'acknowledged' },
    { state: 'resolved', build: null },
    { state: 'resolved', build: 'v2' },
    { state: 'ignored', until: 'forever' },
    { state: 'ignored', until: 'growth' },
    { state: 'ignored', until: { millis: t0 + day } },
  ];
  const sights: (LeakSuspect | null)[] = [
    null,
    ...['v1', 'v2', 'v3'].map((build) => seenIn(build, t1)),
    bigger(t1, 500, 9000),
    found(t1, { tier: 'confirmed' }),
    found(t1, { tier: 'watch', growth: { perHour: 1, now: 3 } }),
  ];
  const contexts = [0, day, 40 * day].flatMap((ahead) =>
    [null, 'v2', 'v3'].map((build) =>
      contextAt(t1 + ahead, { youngest: build === null ? null : watching(build, t1 + ahead) }),
    ),
  );
  const states = commands.flatMap((command) => {
    const decided = after(openedAt(t0), command, t0);
    return [decided, ...sights.flatMap((seen) => contexts.slice(0, 4).map((c) => advance(decided, seen, c).next))];
  });

  test('the same ranking again changes nothing and says nothing', () => {
    for (const stored of states) {
      for (const seen of sights) {
        for (const context of contexts) {
          const once = advance(stored, seen, context);
          expect(advance(once.next, seen, context)).toEqual({ next: once.next, events: [] });
        }
      }
    }
    for (const seen of sights.filter((each) => each !== null)) {
      for (const context of contexts) {
        const once = advance(null, seen, context);
        expect(advance(once.next, seen, context)).toEqual({ next: once.next, events: [] });
      }
    }
  });

  test('a state never changes without an event that says so', () => {
    for (const stored of states) {
      for (const seen of sights) {
        for (const context of contexts) {
          const { next, events } = advance(stored, seen, context);
          const moves = events.flatMap(({ changes }) => (changes.state ? [changes.state] : []));
          if (next.state === stored.state) expect(moves).toEqual([]);
          else expect(moves).toEqual([[stored.state, next.state]]);
        }
      }
    }
  });

  test('the ranking acknowledges nothing, ignores nothing, and never touches what is ignored for ever', () => {
    for (const stored of states) {
      for (const seen of sights) {
        for (const context of contexts) {
          const { next } = advance(stored, seen, context);
          if (next.state !== stored.state) expect(['open', 'resolved']).toContain(next.state);
          if (stored.ignore?.untilMillis === null && stored.ignore.over === null) expect(next.state).toBe('ignored');
        }
      }
    }
  });

  test('to say again what is so changes nothing, and every state can be reached from every other', () => {
    for (const stored of states) {
      for (const command of commands) {
        const once = decide(stored, command, t1);
        expect(once.next.state).toBe(command.state);
        expect(decide(once.next, command, t1 + day)).toEqual({ next: once.next, events: [] });
      }
    }
  });

  test('a phase goes with open and acknowledged, a resolution with resolved, a rule with ignored', () => {
    for (const { state, phase, resolution, ignore } of states) {
      expect(phase !== null).toBe(state === 'open' || state === 'acknowledged');
      expect(resolution !== null).toBe(state === 'resolved');
      expect(ignore !== null).toBe(state === 'ignored');
    }
  });
});
