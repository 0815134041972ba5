import { defaultBudget } from '../../src/formats/budget.js';
import type { FormatError } from '../../src/formats/format-error.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { defaultSampleTypeIndex, isZeroSample, unpaddedDepth } from '../../src/formats/pprof/profile.js';
import { buildHeapProfile, buildProfile, profileMessage } from '../builders/profile-builder.js';
import { linesOf } from '../builders/profile-lines.js';
import { encodeMessage, type ProfileMessage } from '../builders/profile-message.js';
import { profileFixture } from './profile-fixtures.js';

const two = {
  sampleTypes: ['samples/count', 'cpu/nanoseconds'],
  timeNanos: 1_700_000_000_000_000_000n,
  period: 1,
  samples: [
    { stack: ['main.main main.go:10', 'main.work main.go:20'], values: [1, 10] },
    { stack: ['main.main main.go:10'], values: [2, 20] },
  ],
};

function edited(change: (message: Partial<ProfileMessage> & ProfileMessage) => void): Uint8Array {
  const message = profileMessage(two) as ProfileMessage;
  change(message);
  return encodeMessage(message);
}

describe('values', () => {
  const extremes = [0, 1, -1, 127, 128, 2 ** 28 - 1, 2 ** 28, -(2 ** 31), 2 ** 32 + 5, -(2 ** 40) - 3];

  it('are doubles while their magnitudes add up to 2^53 at most', () => {
    const samples = extremes.map((value) => ({ stack: ['main.f'], values: [value] }));
    const [column] = decodePprof(buildProfile({ samples })).samples.values;
    expect(column).toEqual(Float64Array.from(extremes));
  });

  it('keep 64 bits beyond that', () => {
    const values = [5n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, -3n];
    const samples = values.map((value) => ({ stack: ['main.f'], values: [value] }));
    const profile = decodePprof(buildProfile({ samples }));
    expect(profile.samples.values).toEqual([BigInt64Array.from(values)]);
  });

  it('change form exactly where a sum could be rounded', () => {
    const columns = [2n ** 53n, 2n ** 53n + 1n].map((sum) => {
      const values = [sum - 7n, -3n, 4n];
      return decodePprof(buildProfile({ samples: values.map((v) => ({ stack: [], values: [v] })) })).samples.values[0];
    });
    expect(columns[0]).toEqual(Float64Array.of(2 ** 53 - 7, -3, 4));
    expect(columns[1]).toEqual(BigInt64Array.of(2n ** 53n - 6n, -3n, 4n));
  });

  it('one wide column leaves the others narrow', () => {
    const profile = decodePprof(
      buildProfile({ sampleTypes: ['a/count', 'b/count'], samples: [{ stack: [], values: [1, 2n ** 60n] }] }),
    );
    expect(profile.samples.values).toEqual([Float64Array.of(1), BigInt64Array.of(2n ** 60n)]);
  });

  it('all zero: the sample stays, as in google/pprof before a merge', () => {
    const { samples } = decodePprof(
      buildProfile({ ...two, samples: [{ stack: ['main.f'], values: [0, 0] }, ...two.samples] }),
    );
    expect([0, 1, 2].map((row) => isZeroSample(samples, row))).toEqual([true, false, false]);
  });
});

describe('ids', () => {
  const ids: readonly (readonly [string, bigint])[] = [
    ['dense', 1n],
    ['sparse', 70_000n],
    ['beyond 32 bits', 2n ** 40n],
    ['beyond 53 bits', 2n ** 63n + 1n],
    ['the largest', 2n ** 64n - 2n],
  ];
  it.each(ids)('%s: refer to the same rows', (_, first) => {
    const renumbered = edited((message) => {
      message.location.forEach((l) => (l.id += first - 1n));
      message.function.forEach((f) => (f.id += first - 1n));
      message.mapping.forEach((m) => (m.id += first - 1n));
      message.location.forEach((l) => {
        l.mappingId += first - 1n;
        l.line.forEach((line) => (line.functionId += first - 1n));
      });
      message.sample.forEach((s) => (s.locationId = s.locationId.map((id) => id + first - 1n)));
    });
    expect(linesOf(decodePprof(renumbered))).toEqual(linesOf(decodePprof(buildProfile(two))));
  });

  it('that differ beyond 2^53 only are different', () => {
    const close = edited((message) => {
      message.location.forEach((l, i) => (l.id = 2n ** 53n + BigInt(i)));
      message.sample[0].locationId = [2n ** 53n + 1n, 2n ** 53n];
      message.sample[1].locationId = [2n ** 53n];
    });
    expect([...decodePprof(close).samples.stack]).toEqual([1, 0, 0]);
  });

  it('addresses of the kernel are exact', () => {
    const kernel = 0xffff_ffff_8100_0001n;
    const profile = decodePprof(edited((message) => (message.location[0].address = kernel)));
    expect(profile.locations.address[0]).toBe(kernel);
  });
});

describe('what google/pprof accepts is accepted', () => {
  const accepted: readonly (readonly [string, (message: ProfileMessage) => void])[] = [
    ['a location whose mapping does not exist', (m) => (m.location[0].mappingId = 99n)],
    ['a location without lines', (m) => (m.location[0].line = [])],
    ['a sample without stack', (m) => (m.sample[0].locationId = [])],
    ['two equal samples', (m) => m.sample.push(m.sample[0])],
    ['negative values', (m) => (m.sample[0].value = [-1n, -10n])],
    ['no samples at all', (m) => (m.sample = [])],
    ['negative line numbers', (m) => (m.location[0].line[0].line = -1n)],
  ];
  it.each(accepted)('%s', (_, change) => {
    expect(decodePprof(edited(change)).sampleTypes).toHaveLength(2);
  });
});

describe('what breaks a rule of the format is malformed', () => {
  const refused: readonly (readonly [string, RegExp, (message: ProfileMessage) => void])[] = [
    ['a negative string index', /string index -1 out of range/, (m) => (m.function[0].name = -1n)],
    ['a string index past the table', /string index 1000 out of range/, (m) => (m.mapping[0].buildId = 1000n)],
    ['a negative comment', /string index -5 out of range/, (m) => (m.comment = [-5n])],
    ['a default sample type past the table', /out of range/, (m) => (m.defaultSampleType = 2n ** 62n)],
    ['too few values', /mismatch: sample has 1 values vs. 2 types/, (m) => (m.sample[0].value = [1n])],
    ['samples without sample types', /missing sample type information/, (m) => (m.sampleType = [])],
    ['a location with id 0', /found location with reserved ID=0/, (m) => (m.location[1].id = 0n)],
    ['a mapping with id 0', /found mapping with reserved ID=0/, (m) => (m.mapping[0].id = 0n)],
    ['two mappings with one id', /multiple mappings with same id: 1/, (m) => m.mapping.push(m.mapping[0])],
    [
      'two functions with one id beyond 2^53',
      /multiple functions with same id: 18446744073709551615/,
      (m) => m.function.push(...[0, 1].map(() => ({ ...m.function[0], id: 2n ** 64n - 1n }))),
    ],
    ['a line without function', /line with nil function/, (m) => (m.location[0].line[0].functionId = 0n)],
    [
      'a line with an unknown function',
      /line with nil function \(id 42\)/,
      (m) => (m.location[0].line[0].functionId = 42n),
    ],
    ['a stack entry 0', /sample has nil location: sample 1 refers to id 0/, (m) => (m.sample[0].locationId = [0n])],
    ['text at string 0', /string_table\[0\] must be ''/, (m) => (m.stringTable[0] = 'x')],
  ];
  it.each(refused)('%s', (_, message, change) => {
    expect(() => decodePprof(edited(change))).toThrow(
      expect.objectContaining({ fault: 'malformed', message: expect.stringMatching(message) }) as FormatError,
    );
  });
});

describe('labels', () => {
  const stack = ['main.main'];

  it('are strings, or numbers with a unit', () => {
    const profile = decodePprof(
      buildProfile({ samples: [{ stack, values: [1], labels: { tenant: 'acme', bytes: 512, wait: [-3, 'ms'] } }] }),
    );
    expect(linesOf(profile).at(-1)).toBe('sample 1 @ 0 [tenant=string acme] [bytes=number 512 ] [wait=number -3 ms]');
  });

  it('may repeat a key', () => {
    const message = profileMessage({ samples: [{ stack, values: [1], labels: { tenant: 'acme' } }] }) as ProfileMessage;
    message.sample[0].label.push(message.sample[0].label[0]);
    expect(linesOf(decodePprof(encodeMessage(message))).at(-1)).toBe(
      'sample 1 @ 0 [tenant=string acme] [tenant=string acme]',
    );
  });

  it('with neither string, number nor unit are absent', () => {
    const profile = decodePprof(buildProfile({ samples: [{ stack, values: [1], labels: { bytes: 0 } }] }));
    expect(profile.labels.count).toBe(0);
  });

  it('with a string and a number keep the string, with a warning', () => {
    const message = profileMessage({ samples: [{ stack, values: [1], labels: { tenant: 'acme' } }] }) as ProfileMessage;
    message.sample[0].label[0].num = 7n;
    const profile = decodePprof(encodeMessage(message));
    expect(linesOf(profile).at(-1)).toBe('sample 1 @ 0 [tenant=string acme]');
    expect(profile.warnings).toContainEqual(
      expect.objectContaining({ code: 'label-with-string-and-number', count: 1 }),
    );
  });

  it('keep 64-bit numbers', () => {
    const profile = decodePprof(buildProfile({ samples: [{ stack, values: [1], labels: { id: 2n ** 63n - 1n } }] }));
    expect(profile.labels.num).toEqual(BigInt64Array.of(2n ** 63n - 1n));
  });
});

describe('strings', () => {
  it('keep what is not UTF-8 as U+FFFD, with a warning', () => {
    const bytes = Buffer.from(buildProfile({ ...two, comments: ['na?ve'] }));
    bytes[bytes.indexOf('na?ve') + 2] = 0xef;
    const profile = decodePprof(bytes);
    expect(profile.comments).toEqual(['na\ufffdve']);
    expect(profile.warnings).toEqual([expect.objectContaining({ code: 'invalid-utf8', count: 1 })]);
  });

  it('keep byte order marks, NUL and characters of every length', () => {
    const text = '\ufeffa\0é漢😀';
    expect(decodePprof(buildProfile({ ...two, docUrl: text })).docUrl).toBe(text);
  });

  it('that are too long are cut between characters, with a warning', () => {
    const profile = decodePprof(buildProfile({ ...two, docUrl: 'é'.repeat(20_000) }));
    expect(profile.docUrl).toBe(`${'é'.repeat(8190)}…`);
    expect(profile.warnings).toEqual([expect.objectContaining({ code: 'string-cut', count: 1 })]);
  });
});

describe('the model', () => {
  it.each(['1.23', '1.26', '1.27'])('knows the padding of threadcreate stacks of Go %s', (version) => {
    const profile = decodePprof(profileFixture(`go${version}/threadcreate.pb.gz`));
    const { stackStart } = profile.samples;
    // Threads that no Go code started have no stack but the padding.
    expect([0, 1].map((row) => unpaddedDepth(profile, row))).toEqual([0, 5]);
    expect(stackStart[1] - stackStart[0]).toBe(32);
  });

  it('takes no real frame for padding', () => {
    const profile = decodePprof(profileFixture('synthetic/unsymbolised-and-zero-address.pb.gz'));
    for (let row = 0; row < profile.samples.count; row++) {
      expect(unpaddedDepth(profile, row)).toBeGreaterThan(0);
    }
  });

  it('shows alloc_space first for allocs, the last type otherwise', () => {
    const first = (path: string): string => {
      const profile = decodePprof(profileFixture(path));
      return profile.sampleTypes[defaultSampleTypeIndex(profile)].type;
    };
    expect(first('go1.26/allocs.pb.gz')).toBe('alloc_space');
    expect(first('go1.26/heap.pb.gz')).toBe('inuse_space');
    expect(first('go1.26/cpu.pb.gz')).toBe('cpu');
  });
});

describe('warnings', () => {
  const codes = (bytes: Uint8Array): string[] => decodePprof(bytes).warnings.map(({ code }) => code);

  it('none for what Go writes', () => {
    expect(codes(profileFixture('go1.26/heap.pb.gz'))).toEqual([]);
    expect(codes(profileFixture('go1.26/mutex.pb.gz'))).toEqual([]);
  });

  it('no time, no period', () => {
    expect(codes(buildProfile({ samples: [] }))).toEqual(['no-time', 'no-period']);
  });

  it('a sum beyond 64 bits, which Go lets wrap around', () => {
    expect(codes(profileFixture('synthetic/int64-extremes.pb.gz'))).toEqual(['sum-overflow']);
  });

  it('line numbers beyond 32 bits', () => {
    const profile = decodePprof(edited((m) => (m.location[0].line[0].line = 2n ** 40n)));
    expect(profile.locations.lineNumber[0]).toBe(2 ** 31 - 1);
    expect(profile.warnings).toEqual([expect.objectContaining({ code: 'line-out-of-range', count: 1 })]);
  });

  it('more than 5 % of the CPU samples lost', () => {
    const lost = (n: number) => ({
      stack: ['runtime._ExternalCode', 'runtime._LostExternalCode'],
      values: [n, n * 10],
    });
    const rest = { stack: ['main.main'], values: [95, 950] };
    expect(codes(buildProfile({ ...two, samples: [rest, lost(5)] }))).toEqual([]);
    expect(codes(buildProfile({ ...two, samples: [rest, lost(6)] }))).toEqual(['lost-samples']);
  });
});

describe('budgets are kept by name', () => {
  const labels = { a: 'x', b: 'y', c: 'z' };
  const heap = buildHeapProfile(
    [
      { stack: ['main.a', ['main.b', 'main.c', 'main.d']], values: [1, 2, 3, 4], labels },
      { stack: ['main.a', 'main.e'], values: [1, 2, 3, 4] },
      { stack: ['main.a'], values: [1, 2, 3, 4] },
    ],
    { comments: ['one', 'two'] },
  );

  it.each([
    ['inflatedBytes', 100],
    ['messages', 20],
    ['samples', 2],
    ['sampleTypes', 3],
    ['stackEntries', 4],
    ['locations', 2],
    ['linesPerLocation', 2],
    ['functions', 3],
    ['mappings', 0],
    ['labelsPerSample', 2],
    ['comments', 1],
    ['strings', 10],
    ['stringTableBytes', 60],
    ['stringBytes', 10],
  ] as const)('%s', (limit, allowed) => {
    const small = { ...defaultBudget, keptStringBytes: 9, [limit]: allowed };
    try {
      decodePprof(heap, small);
      throw new Error('no error was thrown');
    } catch (error) {
      expect(error).toMatchObject({ fault: 'over-budget', at: { limit, allowed } });
      expect((error as FormatError).at.actual).toBeGreaterThan(allowed);
    }
  });

  it('and what is exactly within them passes', () => {
    const profile = decodePprof(heap);
    const exact = {
      ...defaultBudget,
      inflatedBytes: heap.length,
      samples: 3,
      sampleTypes: 4,
      stackEntries: 5,
      locations: profile.locations.count,
      linesPerLocation: 3,
      functions: profile.functions.count,
      mappings: 1,
      labelsPerSample: 3,
      comments: 2,
      strings: profile.strings.length,
    };
    expect(linesOf(decodePprof(heap, exact))).toEqual(linesOf(profile));
  });
});
