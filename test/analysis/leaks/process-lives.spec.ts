import { inOrder } from '../../../src/analysis/leaks/evidence-order.js';
import type { LeakEvidence } from '../../../src/analysis/leaks/evidence.js';
import { processesOf } from '../../../src/analysis/leaks/processes.js';
import { allocation, EvidenceOf, goroutine, randomOf, shuffled } from '../../builders/leak-evidence.js';

const stack = goroutine('select', 'shop.loop < shop.run');
const site = allocation('shop.grow < shop.run');
const minute = 60_000;
const at = (minutes: number): number => 1.7e12 + minutes * minute;

/** Each process as its build and the minutes of its snapshots. */
const livesOf = (evidence: LeakEvidence) =>
  processesOf(inOrder(evidence)).map(({ instance, build, goroutines, heaps, proofs, memory }) => ({
    ...{ instance, build, proofs: proofs.length, moments: memory.length },
    goroutines: goroutines.map(({ atMillis }) => (atMillis - at(0)) / minute),
    heaps: heaps.map(({ atMillis }) => (atMillis - at(0)) / minute),
  }));
const goroutinesOf = (evidence: LeakEvidence) => livesOf(evidence).map(({ goroutines }) => goroutines);

describe('growth is judged within a process, and a new one begins', () => {
  it('where what was ever allocated falls', () => {
    const evidence = new EvidenceOf();
    [100, 200, 300, 50, 150].forEach((allocated, i) =>
      evidence.heap('a', at(i * 10), [{ stack: site, bytes: 10, allocBytes: allocated }]),
    );
    expect(livesOf(evidence.build()).map(({ heaps }) => heaps)).toEqual([
      [0, 10, 20],
      [30, 40],
    ]);
  });

  it('where the time at which it started changes by more than the clock of a machine does', () => {
    const evidence = new EvidenceOf();
    [0, 1, 0, 900, 901].forEach((started, i) =>
      evidence.goroutines('a', at(100 + i * 10), [{ stack, count: 5 }], { processStartMillis: at(0) + started * 1000 }),
    );
    expect(goroutinesOf(evidence.build())).toEqual([
      [100, 110, 120],
      [130, 140],
    ]);
  });

  it('where the ids of goroutines begin anew', () => {
    const evidence = new EvidenceOf();
    [90_000, 95_000, 100_000, 700, 900].forEach((id, i) =>
      evidence.goroutines('a', at(i * 10), [{ stack, count: 1, members: [{ id, waitMinutes: 0 }] }]),
    );
    expect(goroutinesOf(evidence.build())).toEqual([
      [0, 10, 20],
      [30, 40],
    ]);
  });

  it('where the build changes; a snapshot that does not say its build is of the one before', () => {
    const evidence = new EvidenceOf();
    ['v1', '', 'v1', 'v2', ''].forEach((build, i) =>
      evidence.goroutines('a', at(i * 10), [{ stack, count: 5 }], { build }),
    );
    expect(livesOf(evidence.build())).toMatchObject([
      { build: 'v1', goroutines: [0, 10, 20] },
      { build: 'v2', goroutines: [30, 40] },
    ]);
  });

  it('and nowhere else: counters that are missing are not zero', () => {
    const evidence = new EvidenceOf();
    [100, 0, 200].forEach((allocated, i) =>
      evidence.heap('a', at(i * 10), [{ stack: site, bytes: 10, allocBytes: allocated }]),
    );
    expect(livesOf(evidence.build())).toHaveLength(1);
  });
});

describe('what a process has', () => {
  it('is without the time in which it warmed up, if three snapshots remain', () => {
    const young = (minutes: readonly number[]) => {
      const evidence = new EvidenceOf();
      for (const each of minutes) {
        evidence.goroutines('a', at(each), [{ stack, count: 5 }], { processStartMillis: at(0) });
      }
      return goroutinesOf(evidence.build())[0];
    };
    expect(young([1, 3, 6, 9, 12])).toEqual([6, 9, 12]);
    expect(young([1, 3, 6, 9])).toEqual([1, 3, 6, 9]);
    // A twentieth of its life where that is longer.
    expect(young([6, 30, 60, 300, 600, 1000])).toEqual([60, 300, 600, 1000]);
  });

  it('is once what was captured twice, and of a dump and a profile of one moment the dump', () => {
    const evidence = new EvidenceOf();
    for (const each of [0, 10, 20, 30]) {
      evidence.goroutines('a', at(each), [{ stack, count: 5 }]);
      evidence.goroutines('a', at(each), [{ stack, count: 5 }]);
      evidence.goroutines('a', at(each + 0.1), [{ stack, count: 5 }]);
    }
    expect(goroutinesOf(evidence.build())).toEqual([[0.1, 10.1, 20.1, 30.1]]);
    const both = new EvidenceOf();
    for (const each of [0, 10, 20]) {
      both.goroutines('a', at(each), [
        { stack: { ...stack, createdBy: 'shop.Start' }, count: 1, members: [{ id: 7, waitMinutes: 0 }] },
      ]);
      both.goroutines('a', at(each + 0.1), [{ stack, count: 1 }]);
    }
    expect(goroutinesOf(both.build())).toEqual([[0, 10, 20]]);
  });

  it('has no snapshot in which there is nothing: a service without goroutines was not measured', () => {
    const evidence = new EvidenceOf();
    [5, 0, 6].forEach((count, i) => evidence.goroutines('a', at(i * 10), [{ stack, count }]));
    evidence.goroutines('a', at(40), []);
    evidence.heap('a', at(50), [{ stack: site, bytes: 0 }]);
    expect(livesOf(evidence.build())).toMatchObject([{ goroutines: [0, 20], heaps: [] }]);
  });

  it('has a proof that nothing leaks, too', () => {
    const evidence = new EvidenceOf().goroutines('a', at(0), [{ stack, count: 5 }]).goroutineleak('a', at(10), []);
    expect(livesOf(evidence.build())).toMatchObject([{ proofs: 1 }]);
  });

  it('has what is said of its memory while it lives, and an instance of which only memory is known has that', () => {
    const evidence = new EvidenceOf();
    [100, 200, 50, 150].forEach((allocated, i) =>
      evidence.heap('a', at(i * 10), [{ stack: site, bytes: 10, allocBytes: allocated }]),
    );
    evidence.memory(
      'a',
      [-5, 5, 15, 25].map((minutes) => ({ atMillis: at(minutes), rss: 1 })),
    );
    evidence.memory('b', [{ atMillis: at(0), rss: 1 }]);
    expect(livesOf(evidence.build())).toMatchObject([
      { instance: 'a', heaps: [0, 10], moments: 3 },
      { instance: 'a', heaps: [20, 30], moments: 1 },
      { instance: 'b', moments: 1 },
    ]);
  });

  it('has nothing of which the time is no number', () => {
    const evidence = new EvidenceOf();
    for (const time of [NaN, Infinity, -Infinity, at(0)]) evidence.goroutines('a', time, [{ stack, count: 5 }]);
    evidence.goroutines('a', at(10), [{ stack, count: 5 }], { processStartMillis: NaN });
    evidence.memory('a', [{ atMillis: NaN, rss: 1 }]);
    expect(livesOf(evidence.build())).toMatchObject([{ goroutines: [0, 10], moments: 0 }]);
  });
});

it('processes are the same whatever the order of what is known of them', () => {
  const evidence = new EvidenceOf();
  for (const instance of ['b', 'a', 'c']) {
    [100, 200, 50, 150].forEach((allocated, i) => {
      evidence.heap(instance, at(i * 10), [{ stack: site, bytes: 10, allocBytes: allocated }]);
      // Of one moment, and of one id: of the new process, which the heap shows.
      evidence.goroutines(instance, at(i * 10), [{ stack, count: 5 }], { id: 'same' });
      evidence.memory(instance, [
        { atMillis: at(i * 10), rss: i },
        { atMillis: at(i * 10), goSys: i },
      ]);
    });
  }
  const expected = processesOf(inOrder(evidence.build()));
  expect(expected.map(({ goroutines }) => goroutines.length)).toEqual([2, 2, 2, 2, 2, 2]);
  for (let seed = 0; seed < 20; seed++) {
    expect(processesOf(inOrder(shuffled(evidence.build(), randomOf(seed))))).toEqual(expected);
  }
});
