import { EvidenceBuilder } from '../../../src/analysis/leaks/evidence-builder.js';
import { processesOf } from '../../../src/analysis/leaks/processes.js';
import { stackProfileOf } from '../../../src/analysis/from-pprof.js';
import { decodePprof } from '../../../src/formats/pprof/decode.js';
import { defaultBudget } from '../../../src/formats/budget.js';
import { buildHeapProfile, buildProfile } from '../../builders/profile-builder.js';

const stacks = (bytes: Uint8Array) => stackProfileOf(decodePprof(bytes, defaultBudget), defaultBudget).stacks;
const heap = (allocated: number) =>
  stacks(buildHeapProfile([{ stack: ['main.main'], values: [allocated, allocated * 1024, 10, 10_240] }]));
const goroutines = (count: number) =>
  stacks(buildProfile({ sampleTypes: ['goroutine/count'], samples: [{ stack: ['main.main'], values: [count] }] }));

/** Snapshots of one instance: `[kind, seconds, allocations or goroutines]`. */
function processes(snapshots: readonly (readonly ['heap' | 'goroutine', number, number])[]) {
  const builder = new EvidenceBuilder();
  for (const [kind, seconds, value] of snapshots) {
    const facts = { id: `${seconds}.${kind}`, atMillis: seconds * 1000, build: '', processStartMillis: null, kind };
    builder.addStacks('pod-1', facts, kind === 'heap' ? heap(value) : goroutines(value));
  }
  return processesOf(builder.build()).map((process) => ({
    heaps: process.heaps.map(({ atMillis }) => atMillis / 1000),
    goroutines: process.goroutines.map(({ atMillis }) => atMillis / 1000),
  }));
}

describe('the processes of an instance', () => {
  it('are told apart by what was ever allocated, and what was taken together is of one of them', () => {
    const taken = (heapAfter: number) =>
      processes([
        ['goroutine', 60, 5],
        ['heap', 60 + heapAfter, 100],
        ['goroutine', 120, 9],
        ['heap', 120 + heapAfter, 200],
        // Restarted.
        ['goroutine', 180, 1],
        ['heap', 180 + heapAfter, 50],
        ['goroutine', 240, 3],
        ['heap', 240 + heapAfter, 120],
      ]);
    for (const heapAfter of [-2, 0, 2]) {
      expect(taken(heapAfter)).toEqual([
        { heaps: [60 + heapAfter, 120 + heapAfter], goroutines: [60, 120] },
        { heaps: [180 + heapAfter, 240 + heapAfter], goroutines: [180, 240] },
      ]);
    }
  });

  it('keep what was taken well before a restart', () => {
    expect(
      processes([
        ['heap', 60, 100],
        ['goroutine', 90, 5],
        ['heap', 120, 200],
        ['goroutine', 150, 9],
        ['heap', 180, 50],
        ['goroutine', 210, 1],
      ]),
    ).toEqual([
      { heaps: [60, 120], goroutines: [90, 150] },
      { heaps: [180], goroutines: [210] },
    ]);
  });

  it('have every snapshot of two recordings with a night between them, and once what was taken twice', () => {
    const seconds = [0, 60, 120, 180, 36_000, 36_060, 36_120];
    expect(processes(seconds.map((at, i) => ['heap', at, 100 + i]))).toEqual([{ heaps: seconds, goroutines: [] }]);
    const twice = seconds
      .slice(0, 4)
      .flatMap((at, i) => [['heap', at, 100 + i] as const, ['heap', at + 0.5, 100 + i] as const]);
    expect(processes(twice)).toEqual([{ heaps: [0.5, 60.5, 120.5, 180.5], goroutines: [] }]);
  });
});
