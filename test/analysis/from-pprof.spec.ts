import { stackProfileOf } from '../../src/analysis/from-pprof.js';
import { markerFrames } from '../../src/analysis/marker-frames.js';
import { foldedStacks } from '../../src/analysis/folded.js';
import { top } from '../../src/analysis/top.js';
import { defaultBudget } from '../../src/formats/budget.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { buildProfile, type ProfileSketch, type SampleSketch } from '../builders/profile-builder.js';
import { rowsOf } from './some-stacks.js';

function converted(sketch: ProfileSketch, budget = defaultBudget) {
  return stackProfileOf(decodePprof(buildProfile(sketch)), budget);
}

function folded(samples: readonly SampleSketch[], more: Partial<ProfileSketch> = {}): string[] {
  return foldedStacks(converted({ samples, ...more }).stacks, 0)
    .trimEnd()
    .split('\n');
}

describe('stacks of a pprof profile', () => {
  test('inlined frames become frames, outermost first', () => {
    expect(
      folded([{ stack: ['main.main', ['main.f x.go:1', 'main.g x.go:2', 'main.h x.go:3']], values: [4] }]),
    ).toEqual(['main.main;main.f;main.g;main.h 4']);
  });

  test('samples of equal stacks are summed whatever their labels; all-zero samples are dropped', () => {
    const samples: SampleSketch[] = [
      { stack: ['main.a'], values: [1], labels: { tenant: 'x' } },
      { stack: ['main.a'], values: [2], labels: { tenant: 'y', bytes: 16 } },
      { stack: ['main.b'], values: [0] },
      { stack: ['main.c'], values: [5] },
      { stack: ['main.c'], values: [-5], labels: { tenant: 'x' } },
    ];
    const { stacks, totals, absoluteTotals } = converted({ samples });
    expect(rowsOf(stacks)).toEqual([[['main.a'], [3]]]);
    expect(totals).toEqual([3n]);
    expect(absoluteTotals).toEqual([13n]);
  });

  test('Go names become canonical, so that instances of a generic function are one', () => {
    const samples = [
      { stack: ['main.Sum[go.shape.int]'], values: [1] },
      { stack: ['main.Sum[go.shape.string,go.shape.[]uint8]'], values: [2] },
      { stack: ['main.(*Stack[...]).Push'], values: [4] },
    ];
    expect(folded(samples)).toEqual(['main.(*Stack[...]).Push 4', 'main.Sum[...] 3']);
  });

  test('code without a name is called after its binary', () => {
    expect(folded([{ stack: ['main.main', '0x1234', '0x5678'], values: [1] }])).toEqual(['main.main;[shop];[shop] 1']);
  });

  test('paths of files are cleaned', () => {
    const { stacks } = converted({ samples: [{ stack: ['main.f /src//a/../b/./c.go:7'], values: [1] }] });
    expect(stacks.symbols.files).toEqual(['/src/b/c.go']);
  });

  test('an empty stack stays on the root and in the total', () => {
    const { stacks, totals } = converted({ samples: [{ stack: [], values: [9] }] });
    expect(rowsOf(stacks)).toEqual([[[], [9]]]);
    expect(totals).toEqual([9n]);
  });
});

describe('drop_frames and keep_frames', () => {
  const samples: SampleSketch[] = [
    { stack: ['main.main', 'alloc', 'helper'], values: [1] },
    { stack: ['alloc', 'helper'], values: [2] },
    { stack: ['main.main', ['caller', 'alloc', 'inner'], 'helper'], values: [4] },
    { stack: ['main.main', 'allocKept'], values: [8] },
  ];

  test('cut stacks below the program, as pprof does when it loads a profile', () => {
    expect(folded(samples, { dropFrames: 'alloc.*', keepFrames: 'allocKept' })).toEqual([
      'alloc;helper 2',
      'main.main 1',
      'main.main;allocKept 8',
      'main.main;caller 4',
    ]);
  });

  test('keep_frames alone does nothing, and a broken drop_frames prunes nothing and is noted', () => {
    expect(folded(samples, { keepFrames: 'alloc' })).toContain('main.main;alloc;helper 1');
    const broken = converted({ samples, dropFrames: '(alloc' });
    expect(broken.notes).toEqual([expect.objectContaining({ code: 'drop-frames-ignored', loss: false })]);
    expect(foldedStacks(broken.stacks, 0)).toContain('main.main;alloc;helper 1');
  });

  test('see names without their argument lists', () => {
    const cpp = [{ stack: ['main', 'operator()(int)', 'std::alloc(unsigned long)'], values: [1] }];
    expect(folded(cpp, { dropFrames: 'std::alloc' })).toEqual(['main;operator()(int) 1']);
    expect(folded(cpp, { dropFrames: 'operator\\(\\)' })).toEqual(['main 1']);
  });
});

describe('what does not fit', () => {
  const deep = Array.from({ length: 30 }, (_, i) => `main.f${i}`);
  const budget = { ...defaultBudget, stackDepth: 10, keptRootFrames: 2, keptLeafFrames: 3 };

  test('a deep stack keeps its root and its leaf, and says so', () => {
    const { stacks, notes, totals } = converted({ samples: [{ stack: deep, values: [7] }] }, budget);
    expect(foldedStacks(stacks, 0)).toBe(`main.f0;main.f1;${markerFrames.elided};main.f27;main.f28;main.f29 7\n`);
    expect(notes).toEqual([expect.objectContaining({ code: 'stacks-elided', count: 1, loss: true })]);
    expect(totals).toEqual([7n]);
  });

  test('a stack of just the allowed depth is whole', () => {
    const { stacks, notes } = converted({ samples: [{ stack: deep.slice(0, 10), values: [7] }] }, budget);
    expect(notes).toEqual([]);
    expect(foldedStacks(stacks, 0)).toBe(`${deep.slice(0, 10).join(';')} 7\n`);
  });

  test('the smallest stacks beyond the budget become "other", and every total stays', () => {
    const sketch = {
      sampleTypes: ['objects/count', 'space/bytes'],
      samples: Array.from({ length: 20 }, (_, i) => ({ stack: [`main.f${i}`], values: [20 - i, i * i * 100] })),
    };
    const whole = converted(sketch);
    const { stacks, notes } = converted(sketch, { ...defaultBudget, indexedSamples: 5 });
    expect(stacks.nodes).toHaveLength(5);
    for (const sampleType of [0, 1]) {
      expect(top(stacks, { sampleType }).total).toBe(top(whole.stacks, { sampleType }).total);
    }
    // The largest by either sample type.
    expect(
      top(stacks, { sampleType: 1 })
        .rows.map((row) => row.function)
        .sort(),
    ).toEqual(['main.f16', 'main.f17', 'main.f18', 'main.f19', 'other']);
    expect(notes).toEqual([expect.objectContaining({ code: 'stacks-folded', count: 16, loss: true })]);
  });
});

describe('stacks that Go cut at its depth limit', () => {
  const frames = (count: number, root: string) => [root, ...Array.from({ length: count - 1 }, (_, i) => `main.f${i}`)];
  const sketch = (depth: number, sampleTypes: readonly string[]) => ({
    sampleTypes,
    samples: [
      { stack: frames(depth, 'main.recurse'), values: [1] },
      { stack: frames(depth, 'runtime.main'), values: [2] },
      { stack: frames(depth, 'net/http.(*conn).serve'), values: [4] },
      { stack: frames(5, 'net/http.(*conn).serve'), values: [8] },
    ],
  });

  test.each([
    ['heap profiles up to Go 1.22', 32, 'inuse_space/bytes'],
    ['heap profiles since Go 1.23', 128, 'inuse_space/bytes'],
    ['cpu profiles', 64, 'cpu/nanoseconds'],
  ])('hang from a marker: %s', (_, depth, type) => {
    const { stacks, notes } = converted(sketch(depth, [type]));
    const rows = top(stacks, { sampleType: 0 }).rows;
    expect(rows.find((row) => row.function === markerFrames.truncated)).toMatchObject({ flat: 0n, cum: 1n });
    expect(notes).toEqual([expect.objectContaining({ code: 'stacks-truncated', count: 1, loss: false })]);
  });

  test('are not guessed at other depths, nor in profiles of other languages', () => {
    expect(converted(sketch(64, ['inuse_space/bytes'])).notes).toEqual([]);
    expect(converted(sketch(32, ['cpu/nanoseconds'])).notes).toEqual([]);
    const java = { samples: [{ stack: frames(32, 'Main.run'), values: [1] }] };
    expect(converted(java).notes).toEqual([]);
  });
});
