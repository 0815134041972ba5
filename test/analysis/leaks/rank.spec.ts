import type { LeakEvidence } from '../../../src/analysis/leaks/evidence.js';
import { rankLeaks } from '../../../src/analysis/leaks/rank.js';
import type { LeakSuspect } from '../../../src/analysis/leaks/suspect.js';
import {
  allocation,
  EvidenceOf,
  type Facts,
  goroutine,
  type GoroutineRow,
  type HeapRow,
  randomOf,
  shuffled,
} from '../../builders/leak-evidence.js';

/*
 * Laws of the ranking. What it is worth on real programs is measured by bench/leaks; here is what must hold whatever the
 * constants are.
 */

const minute = 60_000;
const hour = 60 * minute;
const mebibyte = 2 ** 20;
const start = 1.7e12;

const leak = goroutine(
  'chan receive',
  'runtime.gopark < shop.(*Watcher).wait watch.go:42 < shop.(*Watcher).run watch.go:9',
  'shop.Watch',
);
const pool = goroutine('select', 'runtime.gopark < shop.(*Pool).work pool.go:7', 'shop.NewPool');
const main = goroutine('chan receive', 'main.main main.go:3');
const conn = goroutine(
  'IO wait',
  'internal/poll.runtime_pollWait < net.(*conn).Read < net/http.(*conn).serve',
  'net/http.(*Server).Serve',
);
const cache = allocation(
  'bytes.growSlice < go.uber.org/zap.New /go/pkg/mod/go.uber.org/zap@v1.27.0/a.go:1 < shop.(*Cache).Add cache.go:5 < main.main main.go:3',
);

type RowsAt = (place: number) => readonly GoroutineRow[];

/** Snapshots of goroutines, some minutes apart, from `from` on. */
function watched(
  evidence: EvidenceOf,
  rowsAt: RowsAt,
  {
    instance = 'pod-1',
    count = 12,
    minutes = 60,
    from = start,
    ...facts
  }: Facts & { instance?: string; count?: number; minutes?: number; from?: number } = {},
): EvidenceOf {
  for (let place = 0; place < count; place++) {
    evidence.goroutines(
      instance,
      from + place * minutes * minute,
      [{ stack: main, count: 1 }, ...rowsAt(place)],
      facts,
    );
  }
  return evidence;
}

function heaps(
  evidence: EvidenceOf,
  rowsAt: (place: number) => readonly HeapRow[],
  {
    instance = 'pod-1',
    count = 12,
    minutes = 60,
    from = start,
    ...facts
  }: Facts & { instance?: string; count?: number; minutes?: number; from?: number } = {},
): EvidenceOf {
  for (let place = 0; place < count; place++)
    evidence.heap(instance, from + place * minutes * minute, rowsAt(place), facts);
  return evidence;
}

/** `count` goroutines of which each was there before the next: they stay, and wait since they came. */
function staying(count: number, perSnapshot: number, place: number, minutes: number): GoroutineRow['members'] {
  return Array.from({ length: count }, (_, i) => {
    const born = Math.max(0, Math.floor((i - (count - perSnapshot * place)) / perSnapshot) + 1);
    return { id: 1000 + i, waitMinutes: Math.max(0, (place - born) * minutes) };
  });
}

const ranked = (evidence: EvidenceOf | LeakEvidence) =>
  rankLeaks(evidence instanceof EvidenceOf ? evidence.build() : evidence);
const alarms = (evidence: EvidenceOf | LeakEvidence): string[] =>
  ranked(evidence)
    .suspects.filter(({ tier }) => tier !== 'watch')
    .map(({ tier, function: name }) => `${tier} ${name}`);
const found = (evidence: EvidenceOf | LeakEvidence, name = 'shop.(*Watcher).wait'): LeakSuspect | undefined =>
  ranked(evidence).suspects.find((suspect) => suspect.function === name);

/** Something of everything: instances, restarts, builds, kinds, ids, a proof, memory. */
function medley(): EvidenceOf {
  const evidence = new EvidenceOf();
  const random = randomOf(7);
  for (const [i, instance] of ['pod-1', 'pod-2', 'pod-3'].entries()) {
    const processStartMillis = start - hour;
    watched(
      evidence,
      (place) => [
        { stack: leak, count: 10 + 9 * place, members: staying(10 + 9 * place, 9, place, 60) },
        {
          stack: { ...leak, frames: leak.frames.map((frame) => ({ ...frame, line: frame.line + 1 })) },
          count: 5 + place,
          members: [],
        },
        { stack: pool, count: 40 + Math.floor(random() * 6) },
        { stack: conn, count: 3 + Math.floor(random() * 3) + i * place },
      ],
      { instance, build: 'v1', processStartMillis },
    );
    watched(
      evidence,
      (place) => [
        { stack: leak, count: 2 + 8 * place },
        { stack: pool, count: 41 },
      ],
      {
        instance,
        build: 'v2',
        from: start + 20 * hour,
        processStartMillis: start + 19 * hour,
      },
    );
    heaps(
      evidence,
      (place) => [
        { stack: cache, bytes: (7.3 + (11.1 + i) * place) * mebibyte, allocBytes: (9.7 + 30.3 * place) * mebibyte },
        { stack: allocation('shop.(*Watcher).run watch.go:9'), bytes: (1.7 + 0.9 * place) * mebibyte },
        { stack: allocation('runtime.malg < runtime.newproc'), bytes: (1 + place) * mebibyte },
      ],
      { instance, processStartMillis },
    );
    evidence.memory(
      instance,
      [0, 5, 9].map((n) => ({
        atMillis: start + n * hour,
        rss: (300 + n) * mebibyte,
        memoryLimit: 2 ** 30,
        stackInuse: 4 * mebibyte,
      })),
    );
  }
  evidence.goroutineleak('pod-2', start + 30 * hour, [{ stack: { ...leak, createdBy: null }, count: 12 }], {
    build: 'v2',
    processStartMillis: start + 19 * hour,
  });
  return evidence;
}

describe('the same evidence', () => {
  it('in any order of stacks, instances, snapshots, rows and moments gives the same ranking, to the last digit', () => {
    const expected = ranked(medley());
    expect(expected.suspects.length).toBeGreaterThan(2);
    for (let seed = 0; seed < 25; seed++) expect(ranked(shuffled(medley().build(), randomOf(seed)))).toEqual(expected);
  });

  it('of an instance that is given in two parts is of one', () => {
    const { stacks, instances } = medley().build();
    const halves = instances.flatMap(({ name, snapshots, memory }) => [
      { name, snapshots: snapshots.filter((_, i) => i % 2 === 0), memory: [] },
      { name, snapshots: snapshots.filter((_, i) => i % 2 === 1), memory },
    ]);
    expect(ranked({ stacks, instances: halves })).toEqual(ranked(medley()));
  });

  it('twice changes nothing but the number of snapshots that were looked at', () => {
    const { stacks, instances } = medley().build();
    const twice = instances.map((instance) => ({
      ...instance,
      snapshots: [...instance.snapshots, ...instance.snapshots],
      memory: [...instance.memory, ...instance.memory],
    }));
    expect(ranked({ stacks, instances: twice })).toEqual(ranked(medley()));
  });
});

describe('the score', () => {
  const product = ({ factors }: LeakSuspect): number => factors.reduce((score, { value }) => score * value, 1);

  const cases: readonly (readonly [string, () => EvidenceOf])[] = [
    ['of all kinds together, one of them proven', medley],
    ['of one instance', () => watched(new EvidenceOf(), (place) => [{ stack: leak, count: 3 + 5 * place }])],
    [
      'of instances that leak unequally',
      () =>
        [1, 3, 9, 2].reduce(
          (evidence, speed, i) =>
            watched(evidence, (place) => [{ stack: leak, count: 4 + speed * place }], { instance: `pod-${i}` }),
          new EvidenceOf(),
        ),
    ],
    [
      'of what is over now',
      () =>
        watched(
          watched(new EvidenceOf(), (place) => [{ stack: leak, count: 4 + 9 * place }], { build: 'bad' }),
          () => [],
          { build: 'good', from: start + 24 * hour },
        ),
    ],
    [
      'of what the runtime did not find',
      () =>
        watched(new EvidenceOf(), (place) => [{ stack: leak, count: 4 + 9 * place }]).goroutineleak(
          'pod-1',
          start + 13 * hour,
          [],
        ),
    ],
    [
      'of what only the runtime found',
      () => new EvidenceOf().goroutineleak('pod-1', start, [{ stack: leak, count: 9 }]),
    ],
    [
      'of memory outside of the heap',
      () =>
        new EvidenceOf().memory(
          'a',
          Array.from({ length: 9 }, (_, i) => ({
            atMillis: start + i * hour,
            rss: (300 + 40 * i) * mebibyte,
            goSys: 100 * mebibyte,
          })),
        ),
    ],
  ];

  it.each(cases)('is the product of all factors: %s', (_, evidence) => {
    const { suspects } = ranked(evidence());
    expect(suspects.length).toBeGreaterThan(0);
    for (const suspect of suspects) {
      expect(suspect.score).toBeGreaterThan(0);
      expect(product(suspect) / suspect.score).toBeCloseTo(1, 9);
    }
  });

  it('orders the suspects of each tier, and the tiers come first', () => {
    const { suspects } = ranked(medley());
    const tiers = ['confirmed', 'probable', 'watch'];
    suspects.slice(1).forEach((suspect, i) => {
      const before = suspects[i];
      expect(tiers.indexOf(suspect.tier)).toBeGreaterThanOrEqual(tiers.indexOf(before.tier));
      if (suspect.tier === before.tier) expect(suspect.score).toBeLessThanOrEqual(before.score);
    });
    expect(suspects.map(({ rank }) => rank)).toEqual(suspects.map((_, i) => i + 1));
  });
});

describe('goroutines that leak are found', () => {
  it('at 20 an hour, in a day of snapshots every five minutes', () => {
    const random = randomOf(3);
    const evidence = watched(
      new EvidenceOf(),
      (place) => [
        { stack: leak, count: Math.floor((20 * place) / 12) },
        { stack: pool, count: 1500 + Math.floor(random() * 40) },
        { stack: conn, count: 200 + Math.round(80 * Math.sin(place / 40)) + Math.floor(random() * 10) },
      ],
      { count: 288, minutes: 5 },
    );
    const [first] = ranked(evidence).suspects;
    expect(first).toMatchObject({ rank: 1, tier: 'probable', function: 'shop.(*Watcher).wait', state: 'chan receive' });
    expect(first.growth.perHour).toBeCloseTo(20, 0);
    expect(alarms(evidence)).toEqual(['probable shop.(*Watcher).wait']);
  });

  it('behind a restart in the middle, which hides nothing', () => {
    const evidence = new EvidenceOf();
    const rows: RowsAt = (place) => [
      { stack: leak, count: 10 + 10 * place, members: staying(10 + 10 * place, 10, place, 60) },
    ];
    watched(evidence, rows, { count: 8, processStartMillis: start - hour });
    const once = found(evidence)!;
    watched(evidence, rows, { count: 8, from: start + 8 * hour, processStartMillis: start + 7.5 * hour });
    const twice = found(evidence)!;
    // What grows anew from nothing is surer than what has grown once.
    expect([once.tier, twice.tier]).toEqual(['probable', 'confirmed']);
    expect(twice.growth).toMatchObject({ perHour: 10, now: 80 });
    expect(twice.instances).toMatchObject([{ lifetimes: 2, grownLifetimes: 2 }]);
  });

  it('in one of six instances, though the others have a few more or less of them', () => {
    const evidence = new EvidenceOf();
    const random = randomOf(11);
    for (let i = 0; i < 6; i++) {
      watched(evidence, (place) => [{ stack: leak, count: i === 3 ? 5 + 40 * place : 5 + Math.floor(random() * 6) }], {
        instance: `pod-${i}`,
      });
    }
    const suspect = found(evidence)!;
    expect(suspect).toMatchObject({ rank: 1, tier: 'probable' });
    expect(suspect.instances.find(({ name }) => name === 'pod-3')).toMatchObject({ affected: true });
    expect(suspect.growth.now).toBeGreaterThanOrEqual(445);
  });

  it('among hundreds of instances of a service, of which each has six snapshots', () => {
    const evidence = new EvidenceOf();
    for (let i = 0; i < 300; i++) {
      watched(
        evidence,
        (place) => [
          { stack: leak, count: 2 + 4 * place },
          { stack: pool, count: 8 },
        ],
        { instance: `pod-${i}`, count: 6 },
      );
    }
    const suspect = found(evidence)!;
    expect(suspect.tier).toBe('probable');
    expect(suspect.why.join(' ')).toContain('in 300 of 300 instances');
    expect(suspect.whyNot.join(' ')).not.toContain('by chance');
  });

  it('and those that grow together are told to belong together', () => {
    const waits = goroutine('sync.WaitGroup.Wait', 'sync.(*WaitGroup).Wait < shop.(*Batch).close', 'shop.NewBatch');
    const evidence = watched(new EvidenceOf(), (place) => [
      { stack: leak, count: 30 * place },
      { stack: waits, count: 10 * place },
    ]);
    const [first, second] = ranked(evidence).suspects;
    expect([first.related, second.related]).toEqual([[second.fingerprint], [first.fingerprint]]);
  });
});

describe('goroutines that do not leak are silent', () => {
  it('50,000 of them at a level', () => {
    const random = randomOf(5);
    const evidence = watched(
      new EvidenceOf(),
      () => [
        { stack: pool, count: 50_000 + Math.floor(random() * 300) },
        { stack: leak, count: 20_000 },
        { stack: conn, count: 3000 + Math.floor(random() * 200) },
      ],
      { count: 48 },
    );
    expect(alarms(evidence)).toEqual([]);
  });

  const n = 24;
  const shapes: readonly (readonly [string, (place: number) => number])[] = [
    ['a ramp up and down', (place) => 10 + 40 * Math.min(place, n - 1 - place)],
    ['a ramp up to a level', (place) => 10 + 40 * Math.min(place, 8)],
    ['a sawtooth', (place) => 10 + 60 * (place % 5)],
    ['a wave', (place) => Math.round(200 + 150 * Math.sin(place / 3))],
    ['one burst', (place) => (place === 12 ? 5000 : 10)],
    ['one step', (place) => (place < 12 ? 100 : 400)],
    ['what only falls', (place) => 1000 - 30 * place],
    ['what stands still', () => 1234],
  ];

  it.each(shapes)('%s', (_, countAt) => {
    expect(
      alarms(watched(new EvidenceOf(), (place) => [{ stack: leak, count: countAt(place) }], { count: n })),
    ).toEqual([]);
  });

  it('a restart in the middle, which makes no leak', () => {
    const evidence = new EvidenceOf();
    // 20 goroutines until the restart, 400 after it.
    watched(evidence, () => [{ stack: leak, count: 20 }], { count: 6, processStartMillis: start - hour });
    watched(evidence, () => [{ stack: leak, count: 400 }], {
      count: 6,
      from: start + 6 * hour,
      processStartMillis: start + 5.5 * hour,
    });
    expect(ranked(evidence).suspects).toEqual([]);
  });

  it('a deployment, after which there are more of them', () => {
    const evidence = new EvidenceOf();
    watched(evidence, () => [{ stack: leak, count: 20 }], { count: 6, build: 'v1' });
    watched(evidence, () => [{ stack: leak, count: 400 }], { count: 6, from: start + 6 * hour, build: 'v2' });
    expect(ranked(evidence).suspects).toEqual([]);
  });

  it('connections, however many come', () => {
    expect(alarms(watched(new EvidenceOf(), (place) => [{ stack: conn, count: 10 + 50 * place }]))).toEqual([]);
  });
});

describe('snapshots that show nothing', () => {
  it('are missing, and not zero', () => {
    const counts = [10, 20, 0, 40, 50, 0, 70, 80];
    const evidence = new EvidenceOf();
    counts.forEach((count, place) => {
      const rows =
        count === 0
          ? []
          : [
              { stack: main, count: 1 },
              { stack: leak, count },
            ];
      evidence.goroutines('pod-1', start + place * hour, rows);
    });
    expect(found(evidence)!.instances[0].values).toEqual([10, 20, 40, 50, 70, 80]);
  });

  it('are as good as none', () => {
    const none = ranked({ stacks: [], instances: [] });
    expect(none).toMatchObject({
      suspects: [],
      judged: { instances: 0, lifetimes: 0, firstAtMillis: null, lastAtMillis: null },
    });
    expect(none.notes).toEqual(['It takes two snapshots of one process to see growth.']);
    expect(ranked(new EvidenceOf().goroutines('a', start, [])).suspects).toEqual([]);
  });
});

describe('odd evidence breaks nothing', () => {
  const odd: readonly (readonly [string, () => EvidenceOf])[] = [
    ['one snapshot', () => watched(new EvidenceOf(), () => [{ stack: leak, count: 9 }], { count: 1 })],
    [
      'snapshots of one time',
      () => watched(new EvidenceOf(), (place) => [{ stack: leak, count: place }], { minutes: 0 }),
    ],
    [
      'stacks without frames',
      () =>
        watched(new EvidenceOf(), (place) => [
          { stack: { state: 'select', frames: [], createdBy: null }, count: 1 + 5 * place },
        ]),
    ],
    [
      'heaps without frames',
      () =>
        heaps(new EvidenceOf(), (place) => [
          { stack: { state: null, frames: [], createdBy: null }, bytes: (1 + place) * 5e7 },
        ]),
    ],
    [
      'counts below zero',
      () =>
        watched(new EvidenceOf(), (place) => [
          { stack: leak, count: -100 + 10 * place },
          { stack: pool, count: -5 },
        ]),
    ],
    [
      'bytes below zero',
      () => heaps(new EvidenceOf(), (place) => [{ stack: cache, bytes: -1e8 + 3e7 * place, objects: -5 }]),
    ],
    [
      'counts that are no numbers',
      () => watched(new EvidenceOf(), (place) => [{ stack: leak, count: place === 4 ? NaN : 10 * place }]),
    ],
    [
      'counts beyond what a number holds exactly',
      () => watched(new EvidenceOf(), (place) => [{ stack: leak, count: 2 ** 60 * (1 + place) }]),
    ],
    [
      'ids beyond what a number holds exactly',
      () =>
        watched(new EvidenceOf(), (place) => [
          {
            stack: leak,
            count: 1 + place,
            members: Array.from({ length: 1 + place }, (_, i) => ({
              id: 2 ** 63 + i * 4096,
              waitMinutes: 2 ** 31 - 1,
            })),
          },
        ]),
    ],
    [
      'names that are no names',
      () =>
        watched(new EvidenceOf(), (place) => [
          { stack: goroutine('__proto__', `${'../'.repeat(900)}[[ < constructor`, '\u0000%zz'), count: 10 * place },
        ]),
    ],
    [
      'objects without bytes',
      () =>
        heaps(new EvidenceOf(), (place) => [
          { stack: cache, bytes: place === 0 ? 0 : 5e7 * place, objects: 0, allocBytes: 0 },
        ]),
    ],
    [
      'a sampling rate of nothing',
      () => {
        const evidence = new EvidenceOf();
        for (let place = 0; place < 9; place++)
          evidence.heap('a', start + place * hour, [{ stack: cache, bytes: 5e7 * (1 + place) }], { sampleBytes: 0 });
        return evidence;
      },
    ],
    [
      'no total but for a proof',
      () =>
        new EvidenceOf().goroutineleak('a', start, []).goroutineleak('a', start + hour, [{ stack: leak, count: 0 }]),
    ],
    [
      'a limit of nothing',
      () =>
        watched(
          new EvidenceOf().memory('pod-1', [{ atMillis: start, rss: 0, memoryLimit: 0, stackInuse: 0 }]),
          (place) => [{ stack: leak, count: 10 * place }],
        ),
    ],
  ];

  it.each(odd)('%s', (_, evidence) => {
    const ranking = ranked(evidence());
    const { suspects } = ranking;
    const numbers = suspects.flatMap(({ score, growth, factors, instances, firstSeenMillis, memoryCost }) => [
      score,
      growth.perHour,
      growth.now,
      growth.share,
      growth.hoursToLimit ?? 0,
      firstSeenMillis,
      memoryCost?.bytes ?? 0,
      ...factors.map(({ value }) => value),
      ...instances.flatMap(({ perHour, now, values }) => [perHour, now, ...values]),
    ]);
    expect(numbers.filter((number) => !Number.isFinite(number))).toEqual([]);
    expect(
      suspects
        .flatMap(({ why, whyNot, factors }) => [...why, ...whyNot, ...factors.map(({ detail }) => detail)])
        .join(' '),
    ).not.toMatch(/NaN|Infinity|undefined|null\b|\b1 (?:goroutines|instances|lifetimes)\b/);
    for (let seed = 0; seed < 3; seed++) expect(ranked(shuffled(evidence().build(), randomOf(seed)))).toEqual(ranking);
  });
});

describe('how much few snapshots can say', () => {
  const leaking = (count: number) =>
    watched(new EvidenceOf(), (place) => [{ stack: { ...leak, state: 'chan send' }, count: 100 + 5000 * place }], {
      count,
    });
  const heapLeaking = (count: number) =>
    heaps(new EvidenceOf(), (place) => [{ stack: cache, bytes: (10 + 500 * place) * mebibyte }], { count });

  it('of two is never more than something to watch, and that is told', () => {
    for (const evidence of [leaking(2), heapLeaking(2)]) {
      const { suspects, notes } = ranked(evidence);
      expect(suspects.map(({ tier }) => tier)).toEqual(['watch']);
      expect(notes[0]).toMatch(/^Two snapshots .* nothing is more than one to watch\.$/);
    }
  });

  it('of three can be probable for goroutines, of six for memory, and there is a note until then', () => {
    expect(found(leaking(3))!.tier).toBe('probable');
    expect(ranked(leaking(3)).notes[0]).toMatch(/^With 3 snapshots /);
    expect(alarms(heapLeaking(5))).toEqual([]);
    expect(alarms(heapLeaking(6))).toEqual(['probable shop.(*Cache).Add']);
    expect(ranked(heapLeaking(6)).notes).toEqual([]);
  });

  it('is told against them: how often so much order is chance', () => {
    expect(found(leaking(3))!.whyNot).toContain('Among series that do not grow, 17 % are in such an order by chance.');
    expect(found(leaking(6))!.whyNot.join(' ')).not.toContain('by chance');
  });
});

describe('what the runtime has proven', () => {
  it('outranks everything, however few they are', () => {
    const stuck = goroutine('select (no cases)', 'shop.forever', 'shop.Start');
    const evidence = watched(new EvidenceOf(), (place) => [
      { stack: leak, count: 1000 * place },
      { stack: stuck, count: 2 },
    ]);
    evidence.goroutineleak('pod-1', start + 11.5 * hour, [{ stack: { ...stuck, createdBy: null }, count: 2 }]);
    const [first, second] = ranked(evidence).suspects;
    expect(first).toMatchObject({
      tier: 'confirmed',
      function: 'shop.forever',
      growth: { now: 2 },
      firstSeenMillis: start + 11.5 * hour,
    });
    expect(first.why[0]).toBe('The runtime itself has found 2 of them unreachable: nothing can wake them any more.');
    expect(second).toMatchObject({ function: 'shop.(*Watcher).wait' });
  });

  it('is enough by itself, without any other snapshot', () => {
    const evidence = new EvidenceOf().goroutineleak('pod-1', start, [{ stack: leak, count: 1 }]);
    expect(ranked(evidence).suspects).toMatchObject([
      {
        tier: 'confirmed',
        firstSeenMillis: start,
        why: ['The runtime itself has found one of them unreachable: nothing can wake it any more.'],
      },
    ]);
  });

  it('counts by the latest look of each instance', () => {
    const evidence = new EvidenceOf();
    for (const [name, counts] of [
      ['a', [3, 5]],
      ['b', [7, 9]],
      ['c', [4, 0]],
    ] as const) {
      counts.forEach((count, i) =>
        evidence.goroutineleak(name, start + i * hour, count === 0 ? [] : [{ stack: leak, count }]),
      );
    }
    expect(found(evidence)).toMatchObject({ growth: { now: 14 }, firstSeenMillis: start });
    const gone = new EvidenceOf()
      .goroutineleak('a', start, [{ stack: leak, count: 3 }])
      .goroutineleak('a', start + hour, []);
    expect(ranked(gone).suspects).toEqual([]);
  });

  it('lowers what it did not find, if it is of a kind that it can judge', () => {
    const io = goroutine('IO wait', 'net.(*conn).Read < shop.(*Client).read', 'shop.Dial');
    const of = (stack: typeof leak, looked: boolean) => {
      const evidence = watched(new EvidenceOf(), (place) => [{ stack, count: 1 + 30 * place }]);
      if (looked) evidence.goroutineleak('pod-1', start + 13 * hour, []);
      return ranked(evidence).suspects[0];
    };
    expect(of(leak, true).score).toBeLessThan(of(leak, false).score);
    expect(of(leak, true).whyNot).toContain('The runtime has looked for leaked goroutines and did not find these.');
    expect(of(io, true).score).toBe(of(io, false).score);
  });
});

describe('builds', () => {
  const bad: RowsAt = (place) => [{ stack: leak, count: 5 + 30 * place }];
  const noisy: RowsAt = (place) => [{ stack: leak, count: 5 + ((place * 7) % 3) }];

  it('name the one since when it leaks, if one was watched before that did not', () => {
    const evidence = watched(new EvidenceOf(), noisy, { build: 'v1' });
    watched(evidence, bad, { build: 'v2', from: start + 12 * hour });
    const suspect = found(evidence)!;
    expect(suspect.sinceBuild).toBe('v2');
    expect(suspect.why).toContain('It did not grow like this in build v1, and does since build v2.');
  });

  it('do so too where each has instances of its own, which overlap for a while', () => {
    const evidence = watched(new EvidenceOf(), noisy, { instance: 'pod-v1', build: 'v1' });
    watched(evidence, bad, { instance: 'pod-v2', build: 'v2', from: start + 10.5 * hour });
    expect(found(evidence)!.sinceBuild).toBe('v2');
  });

  it('name none where it has always leaked', () => {
    const evidence = watched(new EvidenceOf(), bad, { build: 'v1' });
    watched(evidence, bad, { build: 'v2', from: start + 12 * hour });
    expect(found(evidence)!.sinceBuild).toBeNull();
    expect(found(watched(new EvidenceOf(), bad))!.sinceBuild).toBeNull();
  });

  it.each(['pod-1', 'pod-of-v2'])('end a leak: after a good one it is not told to grow now (%s)', (instance) => {
    const evidence = watched(new EvidenceOf(), bad, { build: 'v1' });
    watched(evidence, noisy, { instance, build: 'v2', from: start + 12 * hour });
    const suspect = found(evidence)!;
    expect(suspect.tier).toBe('watch');
    expect(suspect.factors.map(({ name }) => name)).toContain('over');
    expect(suspect.whyNot.join(' ')).toMatch(/does not grow in the processes that run now|replaced by another build/);
    expect(suspect.why.join(' ')).not.toContain('does since build');
  });

  it('of a canary do not end the leak of the others', () => {
    const evidence = watched(new EvidenceOf(), bad, { build: 'v1', count: 20 });
    watched(evidence, noisy, { instance: 'canary', build: 'v2', from: start + 8 * hour, count: 12 });
    expect(found(evidence)!.tier).toBe('probable');
  });
});

describe('memory', () => {
  const rate = 512 * 1024;

  it('that leaks is found with the function of the application, not with what the library allocates in', () => {
    const evidence = heaps(new EvidenceOf(), (place) => [
      { stack: cache, bytes: (5 + 20 * place) * mebibyte },
      { stack: allocation('bytes.growSlice < shop.(*Log).Write < main.main'), bytes: 30 * mebibyte },
    ]);
    expect(ranked(evidence).suspects).toHaveLength(1);
    expect(ranked(evidence).suspects[0]).toMatchObject({
      tier: 'probable',
      kind: 'heap',
      function: 'shop.(*Cache).Add',
      pivot: { file: 'cache.go', line: 5 },
      site: { function: 'bytes.growSlice' },
    });
  });

  it.each([1, 0.3, 0.05])(
    'of a heap that only varies by sampling is silent, over fifty services of a hundred places of which %d is renewed from one snapshot to the next',
    (renewed) => {
      // Objects of 4 KiB, of which about 16 are sampled at each place; those that go are followed by as many, by chance.
      const random = randomOf(17);
      const drawn = (of: number, chance: number): number => {
        let count = 0;
        for (let i = 0; i < of; i++) if (random() < chance) count++;
        return count;
      };
      for (let service = 0; service < 50; service++) {
        const live = Array.from({ length: 100 }, () => drawn(64, 0.25));
        const allocated = [...live];
        const evidence = heaps(new EvidenceOf(), () =>
          live.map((_, place) => {
            const born = drawn(64, 0.25 * renewed);
            live[place] += born - drawn(live[place], renewed);
            allocated[place] += born;
            return {
              stack: allocation(`shop.f${place} < main.main`),
              bytes: live[place] * rate,
              objects: live[place] * 128,
              allocBytes: allocated[place] * rate,
            };
          }),
        );
        expect(alarms(evidence)).toEqual([]);
      }
    },
  );

  it('of a cache that becomes full is not probable', () => {
    const evidence = heaps(
      new EvidenceOf(),
      (place) => [
        {
          stack: cache,
          bytes: 500 * mebibyte * (1 - Math.exp(-place / 3)) + mebibyte,
          allocBytes: (1 + 200 * place) * mebibyte,
        },
      ],
      { count: 16 },
    );
    expect(alarms(evidence)).toEqual([]);
    expect(found(evidence, 'shop.(*Cache).Add')?.whyNot.join(' ') ?? 'like a cache').toMatch(
      /like a cache|come to an end/,
    );
  });

  it('of goroutines and threads that the runtime keeps is never a suspect', () => {
    const evidence = heaps(new EvidenceOf(), (place) => [
      {
        stack: allocation('runtime.malg < runtime.newproc1 < runtime.systemstack'),
        bytes: (1 + 20 * place) * mebibyte,
      },
    ]);
    expect(ranked(evidence).suspects).toEqual([]);
  });
});

describe('what is told', () => {
  it('is in numbers that are right, one and many', () => {
    const evidence = watched(new EvidenceOf(), (place) => [{ stack: leak, count: place }], { count: 2 });
    expect(found(evidence)!.why[0]).toBe('From 0 to 1 goroutine.');
    expect(found(watched(new EvidenceOf(), (place) => [{ stack: leak, count: 2 + place }], { count: 4 }))!.why[0]).toBe(
      'In 4 snapshots from 2 to 5 goroutines, and never fewer than before.',
    );
  });

  it('is not that there were never fewer, where there were once', () => {
    const counts = [10, 20, 30, 40, 35, 60, 70, 80, 90, 100, 110, 120];
    const { why } = found(watched(new EvidenceOf(), (place) => [{ stack: leak, count: counts[place] }]))!;
    expect(why[0]).toBe('In 12 snapshots from 10 to 120 goroutines.');
  });

  it('is how much of a series its trend is taken of', () => {
    const counts = [5, 5, 5, 5, 15, 25, 35, 45, 55];
    const { factors } = found(
      watched(new EvidenceOf(), (place) => [{ stack: leak, count: counts[place] }], { count: 9 }),
    )!;
    expect(factors[0]).toEqual({ name: 'trend', value: 1, detail: "Kendall's τ over the last 6 of 9 snapshots" });
  });

  it('is of at most as many suspects as are asked for, the surest', () => {
    const evidence = watched(new EvidenceOf(), (place) =>
      Array.from({ length: 60 }, (_, i) => ({
        stack: goroutine('chan send', `shop.f${i} < shop.g${i}`),
        count: 1 + (i + 1) * place,
      })),
    );
    const all = rankLeaks(evidence.build(), { limit: Infinity }).suspects;
    expect(all).toHaveLength(60);
    expect(ranked(evidence).suspects).toHaveLength(50);
    const ten = rankLeaks(evidence.build(), { limit: 10 }).suspects;
    expect(ten.map(({ fingerprint }) => fingerprint)).toEqual(all.slice(0, 10).map(({ fingerprint }) => fingerprint));
  });
});
