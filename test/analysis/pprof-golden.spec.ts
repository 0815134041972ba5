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

/**
 * Where the summary, which counts the frames of the file as they are, says something else for good reason: drop_frames,
 * sums beyond int64 (Go's wrap, ours end at the limit) and stacks that lose their middle or their padding.
 */
const ownWay = /drop-keep|int64-extremes|depth-5002|1\.2[3-9]\/threadcreate/;

describe('what google/pprof reads in real profiles', () => {
  test('there are fixtures', () => {
    expect(decoded.length).toBeGreaterThan(50);
  });

  test.each(decoded)('flat and cum are equal in every sample type: %s', (name, { summary }, profile) => {
    const { stacks, absoluteTotals } = stackProfileOf(profile);
    expect(stacks.sampleTypes.map(({ type, unit }) => `${type}/${unit}`)).toEqual(summary.SampleTypes);
    const functions = summary.TopByCum ?? [];
    summary.SampleTypes.forEach((_, sampleType) => {
      const rows = new Map(top(stacks, { sampleType }).rows.map((row) => [row.function, row]));
      // google/pprof keeps the instances of a generic function apart: these are compared with the tool itself.
      const generic = new Set(
        functions.map((f) => canonicalFunction(f.Name)).filter((n) => n.includes('[...]')),
      );
      for (const { Name, Flat, Cum } of functions) {
        // What has no name is called by its address there, and after its binary by the tool and here.
        if (Name.startsWith('0x')) continue;
        if (generic.has(canonicalFunction(Name)) || (ownWay.test(name) && !/^main\.(leak|b$|main$)/.test(Name))) continue;
        const wanted = { flat: BigInt(Flat[sampleType]), cum: BigInt(Cum[sampleType]) };
        const row = rows.get(Name) ?? { flat: 0n, cum: 0n };
        expect({ Name, flat: row.flat, cum: row.cum }).toEqual({ Name, ...wanted });
      }
      // Go's own sum wraps where int64 ends; ours does not.
      if (!name.includes('int64-extremes'))
        expect(absoluteTotals[sampleType]).toBe(BigInt(summary.AbsTotals[sampleType]));
    });
  });

  test.each(decoded)('an export says the same as its profile: %s', (_, __, profile) => {
    const { stacks } = stackProfileOf(profile);
    const again = stackProfileOf(decodePprof(encodePprof(profileOf(stacks)))).stacks;
    stacks.sampleTypes.forEach((__, sampleType) => {
      // Compared before it is expected: a difference of megabytes is slow to print.
      expect(foldedStacks(again, sampleType) === foldedStacks(stacks, sampleType)).toBe(true);
      expect(top(again, { sampleType, by: 'line' })).toEqual(top(stacks, { sampleType, by: 'line' }));
    });
  });
});
