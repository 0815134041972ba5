import type { MemoryEvidence } from '../../../src/analysis/leaks/evidence.js';
import { rankLeaks } from '../../../src/analysis/leaks/rank.js';
import { allocation, EvidenceOf, goroutine } from '../../builders/leak-evidence.js';

const hour = 3_600_000;
const mebibyte = 2 ** 20;
const at = (hours: number): number => 1.7e12 + hours * hour;
const hours = Array.from({ length: 12 }, (_, i) => i);

const leak = goroutine('chan receive', 'shop.(*Watcher).wait < shop.(*Watcher).run', 'shop.Watch');
const main = goroutine('chan receive', 'main.main');
const held = allocation('bytes.growSlice < shop.(*Watcher).buffer < shop.(*Watcher).run');
const cache = allocation('shop.(*Cache).Add < main.main');

/** 100 goroutines more each hour, in each of the instances. */
function leaking(instances: readonly string[] = ['pod-1']): EvidenceOf {
  const evidence = new EvidenceOf();
  for (const name of instances) {
    for (const i of hours)
      evidence.goroutines(name, at(i), [
        { stack: main, count: 1 },
        { stack: leak, count: 100 * (i + 1) },
      ]);
  }
  return evidence;
}

const suspectsOf = (evidence: EvidenceOf) => rankLeaks(evidence.build()).suspects;

describe('the memory of goroutines that leak', () => {
  it('is told with them, and is no suspect of its own', () => {
    const evidence = leaking();
    for (const i of hours) {
      evidence.heap('pod-1', at(i) + 1000, [
        { stack: held, bytes: 100 * (i + 1) * 64 * 1024 },
        { stack: cache, bytes: 3 * mebibyte },
      ]);
    }
    const [suspect, ...others] = suspectsOf(evidence);
    expect(others).toEqual([]);
    expect(suspect).toMatchObject({ kind: 'goroutine', function: 'shop.(*Watcher).wait' });
    // 64 KiB of heap, and 2 KiB of stack at least.
    expect(suspect.memoryCost).toEqual({ bytesPerGoroutine: 66 * 1024, bytes: 1200 * 66 * 1024 });
  });

  it('is found in another instance than the one that tells of the goroutines, too', () => {
    const evidence = leaking(['pod-1', 'pod-2']);
    // A little more memory in the second, more goroutines in neither.
    for (const [name, each] of [
      ['pod-1', 64],
      ['pod-2', 65],
    ] as const) {
      for (const i of hours) evidence.heap(name, at(i), [{ stack: held, bytes: 100 * (i + 1) * each * 1024 }]);
    }
    const suspects = suspectsOf(evidence);
    expect(suspects.map(({ kind }) => kind)).toEqual(['goroutine']);
    expect(suspects[0].memoryCost).toEqual({ bytesPerGoroutine: 67 * 1024, bytes: 2400 * 67 * 1024 });
  });

  it('is not what another function holds, however it grows', () => {
    const evidence = leaking();
    for (const i of hours) evidence.heap('pod-1', at(i), [{ stack: cache, bytes: (10 + 20 * i) * mebibyte }]);
    expect(
      suspectsOf(evidence)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['goroutine', 'heap']);
  });

  it('is what the runtime has for stacks, shared by all goroutines, where that is known', () => {
    const evidence = leaking().memory('pod-1', [{ atMillis: at(11), stackInuse: 1201 * 8192 }]);
    expect(suspectsOf(evidence)[0].memoryCost?.bytesPerGoroutine).toBe(8192);
  });
});

describe('the hours until the memory limit', () => {
  const heapLeak = (memory: Omit<MemoryEvidence, 'atMillis'>): number | null => {
    const evidence = new EvidenceOf().memory('pod-1', [{ atMillis: at(11), ...memory }]);
    for (const i of hours) evidence.heap('pod-1', at(i), [{ stack: cache, bytes: (10 + 20 * i) * mebibyte }]);
    return suspectsOf(evidence)[0].growth.hoursToLimit;
  };

  it('are what is left, at the rate of growth', () => {
    expect(heapLeak({ rss: 300 * mebibyte, memoryLimit: 500 * mebibyte })).toBeCloseTo(10);
    expect(heapLeak({ goSys: 340 * mebibyte, heapReleased: 40 * mebibyte, memoryLimit: 500 * mebibyte })).toBeCloseTo(
      10,
    );
  });

  it('are none left where more is used than the limit', () => {
    expect(heapLeak({ rss: 600 * mebibyte, memoryLimit: 500 * mebibyte })).toBe(0);
  });

  it('are not told without a limit: the largest number there is means none', () => {
    expect(heapLeak({ rss: 300 * mebibyte })).toBeNull();
    expect(heapLeak({ rss: 300 * mebibyte, memoryLimit: 2 ** 63 - 1 })).toBeNull();
    expect(heapLeak({ memoryLimit: 500 * mebibyte })).toBeNull();
  });

  it('of goroutines are those until what they hold is too much, in the instance that is first', () => {
    const evidence = leaking(['pod-1', 'pod-2']);
    const limit = 4096 * mebibyte;
    evidence.memory('pod-1', [{ atMillis: at(11), rss: limit - 100 * 2048 * 50, memoryLimit: limit }]);
    evidence.memory('pod-2', [{ atMillis: at(11), rss: limit - 100 * 2048 * 7, memoryLimit: limit }]);
    expect(suspectsOf(evidence)[0].growth.hoursToLimit).toBeCloseTo(7);
  });
});

describe('memory outside of the Go heap', () => {
  const residing = (rssOf: (i: number) => number, goSys = 200 * mebibyte): EvidenceOf =>
    new EvidenceOf().memory(
      'pod-1',
      hours.map((i) => ({ atMillis: at(i), rss: rssOf(i), goSys })),
    );

  it('that grows beyond what the runtime has ever taken is a suspect, without a function', () => {
    const [suspect, ...others] = suspectsOf(residing((i) => (250 + 30 * i) * mebibyte));
    expect(others).toEqual([]);
    expect(suspect).toMatchObject({ kind: 'off-heap', tier: 'probable', function: '(outside the Go heap)' });
    expect(suspect.growth.perHour).toBeCloseTo(30 * mebibyte);
    expect(suspect.growth.now).toBe((50 + 330) * mebibyte);
  });

  it.each([
    ['that stays', (): number => 600 * mebibyte],
    ['that is less than what the runtime has', (i: number): number => (50 + 10 * i) * mebibyte],
    ['that reaches a level', (i: number): number => (250 + 30 * Math.min(i, 4)) * mebibyte],
    ['that grows by a little', (i: number): number => 600 * mebibyte + i * mebibyte],
    ['that comes and goes', (i: number): number => (250 + 100 * (i % 3)) * mebibyte],
  ])('%s is none', (_, rssOf) => {
    expect(suspectsOf(residing(rssOf))).toEqual([]);
  });

  it('is judged by the process that runs now', () => {
    const evidence = residing((i) => (i < 6 ? 250 + 60 * i : 250) * mebibyte);
    [100, 200, 300, 400, 500, 600, 10, 20, 30, 40, 50, 60].forEach((allocated, i) =>
      evidence.heap('pod-1', at(i), [{ stack: cache, bytes: mebibyte, allocBytes: allocated * mebibyte }]),
    );
    expect(suspectsOf(evidence)).toEqual([]);
  });
});

describe('memory that the heap has and does not use', () => {
  const notesOf = (memory: Omit<MemoryEvidence, 'atMillis'>) =>
    rankLeaks(new EvidenceOf().memory('pod-1', [{ atMillis: at(0), ...memory }]).build()).notes.join('\n');

  it('is told of where it is more than what is in use: it looks like a leak', () => {
    const note = 'Of the heap of pod-1, 900 MiB are idle and were not given back to the system';
    expect(notesOf({ heapIdle: 1000 * mebibyte, heapReleased: 100 * mebibyte, heapInuse: 300 * mebibyte })).toContain(
      note,
    );
    expect(
      notesOf({ heapIdle: 1000 * mebibyte, heapReleased: 900 * mebibyte, heapInuse: 300 * mebibyte }),
    ).not.toContain('idle');
    expect(notesOf({ heapIdle: 10 * mebibyte, heapReleased: 0, heapInuse: mebibyte })).not.toContain('idle');
  });
});
