import { diffStacks, diffTable, filterDiff } from '../../src/analysis/diff.js';
import { compileFilter, type FilterOption, filterStacks } from '../../src/analysis/filter.js';
import { stackProfileOf } from '../../src/analysis/from-pprof.js';
import { markerFrames } from '../../src/analysis/marker-frames.js';
import { mergeStacks } from '../../src/analysis/merge.js';
import { sampleTypeIndex } from '../../src/analysis/sample-type.js';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { diffText, siteName, topText } from '../../src/analysis/text.js';
import { profileOf } from '../../src/analysis/to-pprof.js';
import { top, type SortedBy } from '../../src/analysis/top.js';
import { FormatError } from '../../src/formats/format-error.js';
import { canonicalFunction } from '../../src/formats/go-names.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { encodePprof } from '../../src/formats/pprof/encode.js';
import type { Profile } from '../../src/formats/pprof/profile.js';
import { StringTable } from '../../src/formats/pprof/string-table.js';
import { buildProfile } from '../builders/profile-builder.js';
import { describeWithPprof, exactFlags, parseTop, runPprof } from '../oracle/pprof.js';
import { pprofFixtures } from './pprof-fixtures.js';

const fixtures = new Map(pprofFixtures().map(({ name, bytes }) => [name, bytes]));

function fixture(name: string): Profile {
  return decodePprof(fixtures.get(name)!);
}

/** The profile with generic functions by their canonical names, written by nothing that is tested here. */
function canonicalised(profile: Profile): Uint8Array {
  const names = Array.from({ length: profile.strings.length }, (_, i) => profile.strings.at(i));
  for (const name of profile.functions.name) names[name] = canonicalFunction(names[name]);
  for (const name of profile.functions.systemName) names[name] = canonicalFunction(names[name]);
  return encodePprof({ ...profile, strings: StringTable.of(names) });
}

/** Rows of our own table in the shape in which those of pprof were read. */
function ourTop(stacks: StackProfile, sampleType: number, by: 'function' | 'line' = 'function') {
  const table = top(stacks, { sampleType, by });
  const rows = table.rows.filter(
    (row) => row.function !== markerFrames.truncated && row.function !== markerFrames.elided,
  );
  return {
    total: table.total,
    rows: new Map(rows.map((row) => [siteName(row), { flat: row.flat, cum: row.cum }])),
  };
}

/** Where the tool lets sums wrap, and where it shows the padding of Go's threadcreate stacks. */
const notEqual = /int64-extremes|1\.2[3-9]\/threadcreate/;

const decodable = [...fixtures].flatMap(([name, bytes]): [string, Profile][] => {
  if (notEqual.test(name)) return [];
  try {
    return [[name, decodePprof(bytes)]];
  } catch (error) {
    if (error instanceof FormatError && error.fault === 'unrecognized') return [];
    throw error;
  }
});

describeWithPprof('go tool pprof says the same', () => {
  test.each(decodable)('of every function, generic ones too, in every sample type: %s', (_, profile) => {
    const { stacks } = stackProfileOf(profile);
    const bytes = canonicalised(profile);
    profile.sampleTypes.forEach(({ type, unit }, sampleType) => {
      expect(ourTop(stacks, sampleType)).toEqual(parseTop(runPprof(exactFlags(type, unit), [bytes])));
    });
  });

  test.each(['synthetic/inlined.pb.gz', 'go1.26/cpu.pb.gz', 'go1.19/heap.pb.gz', 'go1.27/heap2-rate512.pb.gz'])(
    'of every line: %s',
    (name) => {
      const profile = fixture(name);
      const sampleType = profile.sampleTypes.length - 1;
      const { type, unit } = profile.sampleTypes[sampleType];
      const printed = runPprof(['-lines', ...exactFlags(type, unit)], [canonicalised(profile)]);
      expect(ourTop(stackProfileOf(profile).stacks, sampleType, 'line')).toEqual(parseTop(printed));
    },
  );

  test('of a profile in which functions recurse through each other, inlined and negative', () => {
    const bytes = buildProfile({
      sampleTypes: ['samples/count', 'inuse_space/bytes'],
      samples: [
        { stack: ['main.a', ['main.b', 'main.a', 'main.c'], 'main.a', 'main.b'], values: [1, 100] },
        { stack: ['main.a', ['main.b', 'main.a', 'main.c'], 'main.c'], values: [-3, -700] },
        { stack: ['main.c', 'main.c', 'main.c'], values: [0, 9007199254740993n] },
        { stack: [], values: [5, 5] },
        { stack: ['0x99', 'main.d'], values: [1, 2] },
      ],
    });
    const { stacks } = stackProfileOf(decodePprof(bytes));
    stacks.sampleTypes.forEach(({ type, unit }, sampleType) => {
      const printed = parseTop(runPprof(exactFlags(type, unit), [bytes]));
      // The tool prints through a double: 9007199254740993 comes out as …992.
      const rounded = (value: bigint) => BigInt(Number(value));
      const ours = ourTop(stacks, sampleType);
      expect(printed).toEqual({
        total: rounded(ours.total),
        rows: new Map([...ours.rows].map(([name, row]) => [name, { flat: rounded(row.flat), cum: rounded(row.cum) }])),
      });
    });
  });

  test.each<Partial<Record<FilterOption, string>>>([
    { focus: 'fib' },
    { ignore: 'mix|fib' },
    { focus: 'main\\.go', ignore: 'Stack' },
    { hide: '^runtime\\.' },
    { hide: 'asyncPreempt|main\\.mix' },
    { show: '^main\\.' },
    { focus: 'hash', hide: 'runtime', show: 'main|Sum' },
    { focus: 'nothing at all' },
  ])('after %j', (patterns: Partial<Record<FilterOption, string>>) => {
    const profile = fixture('go1.26/cpu.pb.gz');
    const whole = stackProfileOf(profile).stacks;
    const { stacks } = filterStacks(whole, compileFilter(patterns));
    const flags = Object.entries(patterns).map(([option, source]) => `-${option}=${source}`);
    const printed = parseTop(runPprof([...flags, ...exactFlags('cpu', 'nanoseconds')], [canonicalised(profile)]));
    expect(ourTop(stacks, 1).rows).toEqual(printed.rows);
    expect(top(whole, { sampleType: 1 }).total).toBe(printed.total);
  });

  test.each([
    ['go1.26/heap-rate512.pb.gz', 'go1.26/heap2-rate512.pb.gz'],
    ['go1.26/heap2-rate512.pb.gz', 'go1.26/heap-rate512.pb.gz'],
    ['go1.26/heap.pb.gz', 'go1.26/heap.pb.gz'],
    ['go1.19/heap.pb.gz', 'go1.27/heap.pb.gz'],
    ['synthetic/basic.pb.gz', 'synthetic/negative.pb.gz'],
  ])('of the difference from %s to %s', (baseName, targetName) => {
    const [base, target] = [fixture(baseName), fixture(targetName)];
    target.sampleTypes.forEach(({ type, unit }) => {
      const diff = diffStacks(stackProfileOf(base).stacks, stackProfileOf(target).stacks, type);
      const printed = parseTop(
        runPprof(exactFlags(type, unit), [canonicalised(target)], { '-diff_base': canonicalised(base) }),
      );
      const rows = diffTable(diff).rows.filter(({ delta }) => delta.flat || delta.cum);
      expect(new Map(rows.map((row) => [row.function, row.delta]))).toEqual(printed.rows);
      expect(diff.total).toBe(printed.total);
    });
  });

  test('of a filtered difference', () => {
    const [base, target] = ['go1.26/heap-rate512.pb.gz', 'go1.26/heap2-rate512.pb.gz'].map(fixture);
    const stacks = [base, target].map((profile) => stackProfileOf(profile).stacks);
    const { diff } = filterDiff(
      diffStacks(stacks[0], stacks[1], 'alloc_space'),
      compileFilter({ focus: 'fmt', hide: 'runtime' }),
    );
    const flags = ['-focus=fmt', '-hide=runtime', ...exactFlags('alloc_space', 'bytes')];
    const printed = parseTop(runPprof(flags, [canonicalised(target)], { '-diff_base': canonicalised(base) }));
    const rows = diffTable(diff).rows.filter(({ delta }) => delta.flat || delta.cum);
    expect(new Map(rows.map((row) => [row.function, row.delta]))).toEqual(printed.rows);
    expect(diff.total).toBe(printed.total);
  });

  test('of several profiles together, and of our export of their sum', () => {
    const profiles = ['go1.26/heap-rate512.pb.gz', 'go1.26/heap2-rate512.pb.gz', 'go1.27/heap.pb.gz'].map(fixture);
    const merged = mergeStacks(profiles.map((profile) => ({ stacks: stackProfileOf(profile).stacks })));
    const exported = encodePprof(profileOf(merged, { binary: 'shop', defaultSampleType: 'alloc_space' }));
    merged.sampleTypes.forEach(({ type, unit }, sampleType) => {
      const ours = ourTop(merged, sampleType);
      expect(ours).toEqual(parseTop(runPprof(exactFlags(type, unit), profiles.map(canonicalised))));
      expect(ours).toEqual(parseTop(runPprof(exactFlags(type, unit), [exported])));
    });
    expect(runPprof(['-top'], [exported])).toMatch(/^File: shop\nType: alloc_space\n/);
  });
});

describeWithPprof('the text of a table is that of go tool pprof -top', () => {
  const withoutInline = (text: string) => text.replace(/ \((partial-)?inline\)$/gm, '');

  test.each([
    ['go1.26/cpu.pb.gz', 'flat', []],
    ['go1.26/cpu.pb.gz', 'cum', ['-nodecount=5']],
    ['go1.26/heap2-rate512.pb.gz', 'flat', []],
    ['go1.26/allocs.pb.gz', 'cum', []],
    ['go1.27/block.pb.gz', 'flat', ['-nodecount=3']],
    ['go1.15/mutex.pb.gz', 'flat', []],
    ['real/go1.26-compile-ssa.cpu.pb.gz', 'flat', []],
    ['real/go1.26-compile-ssa.cpu.pb.gz', 'cum', ['-nodecount=40']],
    ['real/go1.26-test-encoding-json.block.pb.gz', 'cum', []],
    ['synthetic/recursive.pb.gz', 'flat', []],
    ['synthetic/negative.pb.gz', 'flat', []],
    ['synthetic/drop-keep-comments-docurl.pb.gz', 'flat', []],
    ['synthetic/no-samples.pb.gz', 'flat', []],
  ] satisfies [string, SortedBy, string[]][])('%s by %s %j', (name, sort, flags) => {
    const profile = fixture(name);
    const { strings, mappings } = profile;
    const { stacks } = stackProfileOf(profile);
    // A stack that is marked as cut has a frame more than pprof knows of.
    const unmarked = filterStacks(stacks, compileFilter({ hide: '^\\(truncated\\)$' })).stacks;
    const sampleType = sampleTypeIndex(stacks.sampleTypes, '', profile.defaultSampleType);
    const table = top(unmarked, { sampleType, sort, total: top(stacks, { sampleType }).total });
    const header = {
      file: mappings.count === 0 ? '' : strings.at(mappings.filename[0]),
      buildId: mappings.count === 0 ? '' : strings.at(mappings.buildId[0]),
      comments: profile.comments,
      docUrl: profile.docUrl,
      timeNanos: profile.timeNanos,
      durationNanos: profile.durationNanos,
    };
    const nodeCount = Number(/-nodecount=(\d+)/.exec(flags.join())?.[1] ?? 0);
    const printed = runPprof(['-top', ...(sort === 'cum' ? ['-cum'] : []), ...flags], [canonicalised(profile)]);
    expect(topText(table, header, { nodeCount })).toBe(withoutInline(printed));
  });

  test('with filters, which it names', () => {
    const profile = fixture('go1.26/cpu.pb.gz');
    const filters = { focus: 'fib', ignore: 'mix', hide: 'runtime' };
    const whole = stackProfileOf(profile).stacks;
    const { stacks } = filterStacks(whole, compileFilter(filters));
    const table = top(stacks, { sampleType: 1, total: top(whole, { sampleType: 1 }).total });
    const printed = runPprof(['-top', '-focus=fib', '-ignore=mix', '-hide=runtime'], [canonicalised(profile)]);
    expect(withoutInline(printed).split('\n').slice(4)).toEqual(
      topText(table, { durationNanos: profile.durationNanos, filters }).split('\n').slice(1),
    );
  });

  test('of a difference', () => {
    const [base, target] = ['go1.26/heap-rate512.pb.gz', 'go1.26/heap2-rate512.pb.gz'].map(fixture);
    const diff = diffStacks(stackProfileOf(base).stacks, stackProfileOf(target).stacks, 'inuse_space');
    const printed = runPprof(['-top'], [canonicalised(target)], { '-diff_base': canonicalised(base) });
    expect(
      withoutInline(printed)
        .split('\n')
        .filter((line) => !/^(File|Build ID|Time)/.test(line)),
    ).toEqual(diffText(diffTable(diff)).split('\n'));
  });
});
