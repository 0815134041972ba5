import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { stackProfileOf } from '../../src/analysis/from-pprof.js';
import { granularities } from '../../src/analysis/grouping.js';
import { profileOf } from '../../src/analysis/to-pprof.js';
import { top } from '../../src/analysis/top.js';
import { topOfProfile } from '../../src/analysis/top-of-profile.js';
import { defaultBudget } from '../../src/formats/budget.js';
import { FormatError } from '../../src/formats/format-error.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import type { Profile } from '../../src/formats/pprof/profile.js';
import { someStacks } from '../catalog/stacks.js';
import { pprofFixtures } from './pprof-fixtures.js';
import { hugeStacks } from './some-stacks.js';

const decoded = pprofFixtures().flatMap(({ name, bytes }): [string, Profile][] => {
  try {
    return [[name, decodePprof(bytes)]];
  } catch (error) {
    if (error instanceof FormatError && error.fault === 'unrecognized') return [];
    throw error;
  }
});

describe('top straight from the samples of a profile', () => {
  test.each(decoded)('says what the way over its stacks says, by everything: %s', (_, profile) => {
    const { stacks } = stackProfileOf(profile);
    profile.sampleTypes.forEach((__, sampleType) => {
      for (const by of granularities) {
        const options = { sampleType, by, sort: by === 'line' ? 'cum' : 'flat' } as const;
        const direct = topOfProfile(profile, options);
        // Compared before it is expected: jest takes long to compare what is large, and longer to print it.
        expect(direct === null || isDeepStrictEqual(direct, top(stacks, options))).toBe(true);
      }
    });
  });

  test('nearly all real profiles go that way', () => {
    const direct = decoded.filter(([, profile]) => topOfProfile(profile, { sampleType: 0 }) !== null);
    expect(direct.length).toBeGreaterThan(decoded.length * 0.8);
    expect(direct.some(([, profile]) => stackProfileOf(profile).notes.some((n) => n.code === 'stacks-truncated'))).toBe(
      true,
    );
  });

  test('any stacks at all: the same table, or none', () => {
    let answered = 0;
    fc.assert(
      fc.property(
        fc.oneof(someStacks, hugeStacks),
        fc.constantFrom(...granularities),
        fc.nat(3),
        fc.option(fc.nat(4), { nil: undefined }),
        (stacks, by, sampleType, limit) => {
          const profile = profileOf(stacks);
          const direct = topOfProfile(profile, { sampleType, by, limit, offset: 1 });
          if (direct === null) return;
          answered++;
          expect(direct).toEqual(top(stackProfileOf(profile).stacks, { sampleType, by, limit, offset: 1 }));
        },
      ),
    );
    expect(answered).toBeGreaterThan(0);
  });

  test('no answer where equal stacks, drop_frames or the budget decide what a sample counts for', () => {
    const [, profile] = decoded.find(([name]) => name.includes('go1.26/heap.pb.gz'))!;
    const depth = Math.max(...stackDepths(profile));
    const withValues = (column: Float64Array | BigInt64Array): Profile => ({
      ...profile,
      samples: { ...profile.samples, values: profile.samples.values.map(() => column) },
    });
    const { count } = profile.samples;
    const answers = {
      asItIs: topOfProfile(profile, { sampleType: 0 }),
      negative: topOfProfile(withValues(new Float64Array(count).fill(-1)), { sampleType: 0 }),
      beyondDoubles: topOfProfile(withValues(new BigInt64Array(count).fill(2n ** 62n)), { sampleType: 0 }),
      dropFrames: topOfProfile({ ...profile, dropFrames: 'runtime.mallocgc' }, { sampleType: 0 }),
      deep: topOfProfile(profile, { sampleType: 0 }, { ...defaultBudget, stackDepth: depth - 1 }),
      many: topOfProfile(profile, { sampleType: 0 }, { ...defaultBudget, indexedSamples: count - 1 }),
    };
    const answered = Object.entries(answers).flatMap(([name, table]) => (table === null ? [] : [name]));
    expect(answered).toEqual(['asItIs']);
  });
});

function stackDepths({ samples, locations: { lineStart } }: Profile): number[] {
  return Array.from({ length: samples.count }, (_, row) => {
    const stack = samples.stack.subarray(samples.stackStart[row], samples.stackStart[row + 1]);
    return stack.reduce((depth, location) => depth + (lineStart[location + 1] - lineStart[location] || 1), 0);
  });
}
