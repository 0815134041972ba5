import { isDeepStrictEqual } from 'node:util';
import { stackProfileOf } from '../../src/analysis/from-pprof.js';
import { profileOf } from '../../src/analysis/to-pprof.js';
import { foldedStacks } from '../../src/analysis/folded.js';
import { top } from '../../src/analysis/top.js';
import { FormatError } from '../../src/formats/format-error.js';
import { canonicalFunction } from '../../src/formats/go-names.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { encodePprof } from '../../src/formats/pprof/encode.js';
import type { Profile } from '../../src/formats/pprof/profile.js';
import { type PprofFixture, pprofFixtures } from './pprof-fixtures.js';

/** Profiles of the old text and binary formats, which pprof reads too, are another decoder's business. */
const decoded = pprofFixtures().flatMap((fixture): [string, PprofFixture, Profile][] => {
  try {
    return [[fixture.name, fixture, decodePprof(fixture.bytes)]];
  } catch (error) {
    if (error instanceof FormatError && error.fault === 'unrecognized' && fixture.name.startsWith('google-pprof/'))
      return [];
    throw error;
  }
});

/** Their summaries leave drop_frames aside, and let sums wrap where int64 ends. */
const ownWay = /drop-keep|int64-extremes/;

describe('what google/pprof reads in real profiles', () => {
  test('there are fixtures', () => {
    expect(decoded.length).toBeGreaterThan(50);
  });

  test.each(decoded.filter(([name]) => !ownWay.test(name)))(
    'flat and cum are equal in every sample type: %s',
    (_, { summary }, profile) => {
      const { stacks, absoluteTotals } = stackProfileOf(profile);
      expect(stacks.sampleTypes.map(({ type, unit }) => `${type}/${unit}`)).toEqual(summary.SampleTypes);
      const functions = summary.TopByCum ?? [];
      summary.SampleTypes.forEach((_, sampleType) => {
        const rows = new Map(top(stacks, { sampleType }).rows.map((row) => [row.function, row]));
        // google/pprof keeps the instances of a generic function apart: these are compared with the tool itself.
        const generic = new Set(functions.map((f) => canonicalFunction(f.Name)).filter((n) => n.includes('[...]')));
        for (const { Name, Flat, Cum } of functions) {
          // What has no name is called by its address there, and after its binary by the tool and here.
          if (Name === '' || Name.startsWith('0x') || generic.has(canonicalFunction(Name))) continue;
          const wanted = { flat: BigInt(Flat[sampleType]), cum: BigInt(Cum[sampleType]) };
          const row = rows.get(Name) ?? { flat: 0n, cum: 0n };
          expect({ Name, flat: row.flat, cum: row.cum }).toEqual({ Name, ...wanted });
        }
        expect(absoluteTotals[sampleType]).toBe(BigInt(summary.AbsTotals[sampleType]));
      });
    },
  );

  test('sums that leave int64 end at its limit, and totals are exact', () => {
    const [, , profile] = decoded.find(([name]) => name.includes('int64-extremes'))!;
    const { stacks, totals } = stackProfileOf(profile);
    expect(totals).toEqual([2n ** 63n, -1n]);
    expect(top(stacks, { sampleType: 0 }).rows[0]).toMatchObject({ function: 'main.a', flat: 2n ** 63n - 1n });
    expect(top(stacks, { sampleType: 1 }).rows[0]).toMatchObject({ function: 'main.a', flat: -1n });
  });

  test.each(decoded)('an export says the same as its profile: %s', (_, __, profile) => {
    const { stacks } = stackProfileOf(profile);
    const again = stackProfileOf(decodePprof(encodePprof(profileOf(stacks)))).stacks;
    stacks.sampleTypes.forEach((__, sampleType) => {
      // Compared before it is expected: jest takes long to compare what is large, and longer to print it.
      expect(foldedStacks(again, sampleType) === foldedStacks(stacks, sampleType)).toBe(true);
      const [lines, linesAgain] = [stacks, again].map((s) => top(s, { sampleType, by: 'line' }));
      expect(isDeepStrictEqual(linesAgain, lines)).toBe(true);
    });
  });
});
