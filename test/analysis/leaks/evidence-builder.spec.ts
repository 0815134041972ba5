import fc from 'fast-check';
import { stackProfileOfDump } from '../../../src/analysis/from-goroutine-dump.js';
import { stackProfileOf } from '../../../src/analysis/from-pprof.js';
import { normalisedStack } from '../../../src/analysis/goroutine-frames.js';
import { withGoroutineStates } from '../../../src/analysis/goroutine-markers.js';
import { type GoroutineRows, rowsOfDump } from '../../../src/analysis/goroutine-rows.js';
import { EvidenceBuilder, type EvidenceFacts } from '../../../src/analysis/leaks/evidence-builder.js';
import type { GoroutineEvidence, HeapEvidence, LeakEvidence } from '../../../src/analysis/leaks/evidence.js';
import type { SampleType, StackProfile } from '../../../src/analysis/stack-profile.js';
import { defaultBudget } from '../../../src/formats/budget.js';
import { decodeGoroutineDumps } from '../../../src/formats/goroutine-dump/decode.js';
import { inflateGzip } from '../../../src/formats/inflate.js';
import { decodePprof } from '../../../src/formats/pprof/decode.js';
import { heapTypes, type StackRow, stacksOf } from '../../catalog/stacks.js';
import { dumpFixture } from '../../formats/goroutine-dump-fixtures.js';
import { profileFixture } from '../../formats/profile-fixtures.js';
import { renumbered } from '../some-stacks.js';

const goroutineTypes: readonly SampleType[] = [{ type: 'goroutine', unit: 'count' }];

function facts(kind: EvidenceFacts['kind'], more: Partial<EvidenceFacts> = {}): EvidenceFacts {
  return { id: 'a', atMillis: 1000, build: '', processStartMillis: null, kind, ...more };
}

function evidenceOf(kind: EvidenceFacts['kind'], stacks: StackProfile, rows?: GoroutineRows): LeakEvidence {
  const builder = new EvidenceBuilder();
  builder.addStacks('web-1', facts(kind), stacks, { rows });
  return builder.build();
}

/** The names of markers have blanks, which stacks of the builder cannot have: it gets them as `·`. */
function goroutinesOf(rows: readonly StackRow[]): StackProfile {
  const stacks = stacksOf(rows, goroutineTypes);
  const functions = stacks.symbols.functions.map((name) => name.replaceAll('·', ' '));
  return { ...stacks, symbols: { ...stacks.symbols, functions } };
}

function dumpOf(text: string): { stacks: StackProfile; rows: GoroutineRows } {
  const dumps = decodeGoroutineDumps(new TextEncoder().encode(text));
  return { stacks: stackProfileOfDump(dumps, dumps.dumps[0]).stacks, rows: rowsOfDump(dumps, dumps.dumps[0]) };
}

/** `2 chan receive by main.main: main.wait wait.go:7`, per row of the first snapshot. */
function said({ stacks, instances }: LeakEvidence): string[] {
  const snapshot = instances[0].snapshots[0] as GoroutineEvidence;
  return Array.from(snapshot.stacks, (stack, row) => {
    const { state, createdBy, frames } = stacks[stack];
    const calls = frames.map(({ function: name, file, line }) => `${name} ${file}:${line}`).join(', ');
    return `${snapshot.counts[row]} ${state} by ${createdBy}: ${calls}`;
  });
}

/** How many goroutines each state and normalised stack have, without those of whoever took the capture. */
function groupsOf({ stacks, instances }: LeakEvidence): Record<string, number> {
  const groups: Record<string, number> = {};
  const snapshot = instances[0].snapshots[0] as GoroutineEvidence;
  snapshot.stacks.forEach((stack, row) => {
    const { state, frames } = stacks[stack];
    const name = `${state} ${normalisedStack(frames.map((frame) => frame.function)).join(';')}`;
    if (/runtime\/pprof|recurseDeep|runtimeSpin/.test(name)) return;
    groups[name] = (groups[name] ?? 0) + snapshot.counts[row];
  });
  return groups;
}

describe('the evidence of goroutines', () => {
  it('has one stack per state, creator and frames, lines and files included', () => {
    const stacks = goroutinesOf([
      [['[chan·receive]', 'created·by·main.main', 'main.loop loop.go:3', 'main.wait wait.go:7'], [2]],
      [['[chan·receive]', 'created·by·main.main', 'main.loop loop.go:3', 'main.wait wait.go:8'], [3]],
      [['[chan·receive]', 'created·by·main.other', 'main.loop loop.go:3', 'main.wait wait.go:7'], [5]],
      [['[select]', 'created·by·main.main', 'main.loop loop.go:3', 'main.wait wait.go:7'], [7]],
      [['[select]', 'main.loop loop.go:3', 'main.wait wait.go:7'], [11]],
      [['[select]'], [0]],
    ]);
    expect(said(evidenceOf('goroutine', stacks))).toEqual([
      '2 chan receive by main.main: main.wait wait.go:7, main.loop loop.go:3',
      '5 chan receive by main.other: main.wait wait.go:7, main.loop loop.go:3',
      '3 chan receive by main.main: main.wait wait.go:8, main.loop loop.go:3',
      '11 select by null: main.wait wait.go:7, main.loop loop.go:3',
      '7 select by main.main: main.wait wait.go:7, main.loop loop.go:3',
    ]);
  });

  it('derives the state from the frames where no marker says it, and refines semacquire', () => {
    const wait = ['main.work w.go:1', 'sync.(*WaitGroup).Wait s.go:2', 'sync.runtime_Semacquire s.go:3'];
    const bare = goroutinesOf([[[...wait, 'runtime.semacquire1 r.go:1', 'runtime.gopark r.go:2'], [4]]]);
    expect(said(evidenceOf('goroutine', bare))[0]).toMatch(/^4 sync\.WaitGroup\.Wait by null: runtime\.gopark /);
    // What an old Go calls semacquire and a newer one names is one stack.
    const mixed = goroutinesOf([
      [['[semacquire]', ...wait], [1]],
      [['[sync.WaitGroup.Wait]', ...wait], [2]],
    ]);
    expect(said(evidenceOf('goroutine', mixed))).toEqual([
      '3 sync.WaitGroup.Wait by null: sync.runtime_Semacquire s.go:3, sync.(*WaitGroup).Wait s.go:2, main.work w.go:1',
    ]);
  });

  it.each(['go1.15', 'go1.19', 'go1.23', 'go1.26', 'go1.27'])(
    'of a %s program is the same from its dump and from its protobuf, by state and normalised stack',
    (version) => {
      const dumps = decodeGoroutineDumps(dumpFixture(`${version}/goroutine.debug2.txt`));
      const ofDump = groupsOf(evidenceOf('goroutine', stackProfileOfDump(dumps, dumps.dumps[0]).stacks));
      const bytes = profileFixture(`${version}/goroutine.pb.gz`);
      const profile = stackProfileOf(decodePprof(bytes, defaultBudget, inflateGzip)).stacks;
      const marked = groupsOf(evidenceOf('goroutine', withGoroutineStates(profile)));
      expect(Object.keys(ofDump).length).toBeGreaterThan(10);
      expect(marked).toEqual(ofDump);
      expect(groupsOf(evidenceOf('goroutine', profile))).toEqual(ofDump);
    },
  );

  const text = `goroutine 9 [chan receive, 12 minutes]:
main.wait()
\t/src/wait.go:7 +0x1d
created by main.main in goroutine 1
\t/src/main.go:3 +0x2a

goroutine 1 [running]:
main.main()
\t/src/main.go:9 +0x1d

goroutine 4 [chan receive]:
main.wait()
\t/src/wait.go:7 +0x1d
created by main.main in goroutine 1
\t/src/main.go:3 +0x2a

goroutine 5 [chan send (leaked)]:
main.send()
\t/src/send.go:7 +0x1d
created by main.main in goroutine 1
\t/src/main.go:4 +0x2a
`;

  it('lists the goroutines of a dump by row, ascending by id, and says who is marked as leaked', () => {
    const { stacks, rows } = dumpOf(text);
    const evidence = evidenceOf('goroutine', stacks, rows);
    expect(said(evidence)).toEqual([
      '2 chan receive by main.main: main.wait /src/wait.go:7',
      '1 chan send by main.main: main.send /src/send.go:7',
      '1 running by null: main.main /src/main.go:9',
    ]);
    const { leaked, members } = evidence.instances[0].snapshots[0] as GoroutineEvidence;
    expect(leaked).toEqual(Float64Array.of(0, 1, 0));
    expect(members).toEqual({
      start: Int32Array.of(0, 2, 3, 4),
      ids: Float64Array.of(4, 9, 5, 1),
      waitMinutes: Int32Array.of(-1, 12, -1, -1),
    });
  });

  it('says nothing of leaks where a dump has no mark, nor of members without its rows', () => {
    const { stacks, rows } = dumpOf(text.replace(' (leaked)', ''));
    expect(evidenceOf('goroutine', stacks, rows).instances[0].snapshots[0]).toMatchObject({ leaked: null });
    expect(evidenceOf('goroutine', stacks).instances[0].snapshots[0]).toMatchObject({ leaked: null, members: null });
  });

  it('passes over listed goroutines whose stack has been folded', () => {
    const dumps = decodeGoroutineDumps(new TextEncoder().encode(text));
    const { stacks } = stackProfileOfDump(dumps, dumps.dumps[0], { indexedSamples: 2 });
    const evidence = evidenceOf('goroutine', stacks, rowsOfDump(dumps, dumps.dumps[0]));
    expect(said(evidence)).toEqual(
      expect.arrayContaining([
        '2 chan receive by main.main: main.wait /src/wait.go:7',
        expect.stringMatching(/^2 .*other/),
      ]),
    );
    expect(evidence.stacks).toHaveLength(2);
    const { members } = evidence.instances[0].snapshots[0] as GoroutineEvidence;
    expect([...members!.ids]).toEqual([4, 9]);
  });

  it('takes everything in a goroutineleak profile for leaked', () => {
    const stacks = stacksOf([[['main.leak l.go:1'], [3]]], [{ type: 'goroutineleak', unit: 'count' }]);
    expect(evidenceOf('goroutineleak', stacks).instances[0].snapshots[0]).toMatchObject({
      kind: 'goroutineleak',
      counts: Float64Array.of(3),
      leaked: Float64Array.of(3),
    });
  });
});

describe('the evidence of a heap', () => {
  it('has all four columns wherever they stand, and leaves out what was neither in use nor allocated', () => {
    const stacks = stacksOf([
      [
        ['main.main m.go:1', 'main.grow g.go:2'],
        [10, 1000, 4, 400],
      ],
      [['main.main m.go:1'], [0, 0, 0, 0]],
      [
        ['main.main m.go:1', 'main.churn c.go:2'],
        [7, 70, 0, 0],
      ],
    ]);
    const evidence = evidenceOf('heap', stacks);
    expect(evidence.stacks.map(({ state, frames }) => [state, frames[0].function])).toEqual([
      [null, 'main.churn'],
      [null, 'main.grow'],
    ]);
    expect(evidence.instances[0].snapshots).toEqual([
      {
        id: 'a',
        atMillis: 1000,
        build: '',
        processStartMillis: null,
        kind: 'heap',
        stacks: Int32Array.of(0, 1),
        inuseObjects: Float64Array.of(0, 4),
        inuseBytes: Float64Array.of(0, 400),
        allocObjects: Float64Array.of(7, 10),
        allocBytes: Float64Array.of(70, 1000),
        sampleBytes: 524_288,
      } satisfies HeapEvidence,
    ]);
  });

  it('does not take a binary below the root for the state of a goroutine', () => {
    const { stacks } = evidenceOf(
      'heap',
      stacksOf([
        [
          ['[checkout]', 'main.a a.go:1'],
          [1, 1, 1, 1],
        ],
      ]),
    );
    expect(stacks).toEqual([
      {
        state: null,
        createdBy: null,
        frames: [
          { function: 'main.a', file: 'a.go', line: 1 },
          { function: '[checkout]', file: '', line: 0 },
        ],
      },
    ]);
  });

  it('says at which rate it was sampled, and takes 0 for unknown', () => {
    const stacks = stacksOf([[['main.a'], [1, 1, 1, 1]]]);
    const rateOf = (sampleBytes: number) => {
      const builder = new EvidenceBuilder();
      builder.addStacks('web-1', facts('heap'), stacks, { sampleBytes });
      return builder.build().instances[0].snapshots[0];
    };
    expect(rateOf(1)).toMatchObject({ sampleBytes: 1 });
    expect(rateOf(0)).toMatchObject({ sampleBytes: 524_288 });
  });
});

interface Given {
  readonly instance: string;
  readonly facts: EvidenceFacts;
  readonly rows: readonly StackRow[];
}

const call = fc.constantFrom('main.a', 'main.b a.go:1', 'main.b a.go:2', 'main.b b.go:1', 'io.Copy io.go:3');
const rowsOfSome = fc.array(
  fc.tuple(fc.array(call, { maxLength: 4 }), fc.array(fc.nat(5), { minLength: 4, maxLength: 4 })),
  { maxLength: 8 },
);
const given = fc.uniqueArray(
  fc.record({
    instance: fc.constantFrom('web-1', 'web-2', 'db'),
    facts: fc.record({
      id: fc.uuid(),
      atMillis: fc.nat(5),
      build: fc.constantFrom('', 'v1'),
      processStartMillis: fc.constantFrom(null, 1),
      kind: fc.constantFrom<EvidenceFacts['kind']>('heap', 'goroutine', 'goroutineleak'),
    }),
    rows: rowsOfSome,
  }),
  { maxLength: 8, selector: (one) => one.facts.id },
);

function profileOf({ facts: { kind }, rows }: Given): StackProfile {
  if (kind === 'heap') return stacksOf(rows, heapTypes);
  const states = ['[select]', '[semacquire]', 'main.entry e.go:1'];
  return stacksOf(
    rows.map(([stack, values]) => [[states[Number(values[1]) % 3], ...stack], [values[0]]]),
    goroutineTypes,
  );
}

function built(all: readonly Given[], read: (one: Given) => StackProfile = profileOf): LeakEvidence {
  const builder = new EvidenceBuilder();
  for (const one of all) builder.addStacks(one.instance, one.facts, read(one));
  return builder.build();
}

describe('evidence', () => {
  it('does not depend on the order of snapshots, rows, frames or symbols', () => {
    fc.assert(
      fc.property(given, fc.func(fc.nat()), (all, orderOf) => {
        const shuffled = all.toSorted((a, b) => orderOf(a.facts.id) - orderOf(b.facts.id));
        const first = built(all);
        expect(built(shuffled)).toEqual(first);
        expect(built(all, (one) => renumbered(profileOf(one)))).toEqual(first);
      }),
    );
  });

  it('is the same of snapshots that share a tree and of those that each bring their own', () => {
    fc.assert(
      fc.property(given, (all) => {
        const heaps = all.map((one) => ({ ...one, facts: { ...one.facts, kind: 'heap' as const } }));
        const month = stacksOf(heaps.flatMap(({ rows }) => rows));
        const nodeOf = new Map(Array.from(month.nodes, (node) => [pathTo(month, node), node]));
        const shared = built(heaps, (one) => {
          const own = profileOf(one);
          const rows = Array.from(own.nodes, (node, row) => ({ node: nodeOf.get(pathTo(own, node))!, row }));
          rows.sort((a, b) => a.node - b.node);
          return {
            ...month,
            nodes: Int32Array.from(rows, ({ node }) => node),
            values: own.values.map((column) => Float64Array.from(rows, ({ row }) => Number(column[row]))),
          };
        });
        expect(shared).toEqual(built(heaps));
      }),
    );
  });

  it('keeps the sums of every snapshot', () => {
    fc.assert(
      fc.property(given, (all) => {
        const evidence = built(all);
        const sums = new Map(all.map((one) => [one.facts.id, sumOf(profileOf(one).values[0])]));
        const snapshots = evidence.instances.flatMap((instance) => instance.snapshots);
        expect(snapshots).toHaveLength(all.length);
        for (const snapshot of snapshots) {
          expect(sumOf(snapshot.kind === 'heap' ? snapshot.allocObjects : snapshot.counts)).toBe(sums.get(snapshot.id));
          expect([...new Set(snapshot.stacks)]).toEqual([...snapshot.stacks]);
        }
      }),
    );
  });

  it('has what is known of memory in the order of time, also of an instance without snapshots', () => {
    const builder = new EvidenceBuilder();
    builder.addMemory('web-1', [
      { atMillis: 2, rss: 5 },
      { atMillis: 1, heapLive: 3 },
    ]);
    builder.addMemory('web-1', [{ atMillis: 2, heapLive: 4 }]);
    expect(builder.build()).toEqual({
      stacks: [],
      instances: [
        {
          name: 'web-1',
          snapshots: [],
          memory: [
            { atMillis: 1, heapLive: 3 },
            { atMillis: 2, heapLive: 4 },
            { atMillis: 2, rss: 5 },
          ],
        },
      ],
    });
  });
});

function pathTo({ symbols, tree }: StackProfile, leaf: number): string {
  const path: string[] = [];
  for (let node = leaf; node > 0; node = tree.parent[node]) {
    const frame = tree.frame[node];
    path.push(
      `${symbols.functions[symbols.frameFunction[frame]]} ${symbols.files[symbols.frameFile[frame]]} ${symbols.frameLine[frame]}`,
    );
  }
  return path.join('\n');
}

function sumOf(column: Float64Array | BigInt64Array): number {
  return Array.from<number | bigint>(column).reduce<number>((sum, value) => sum + Number(value), 0);
}
