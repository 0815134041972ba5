import { gunzipSync } from 'node:zlib';
import { defaultBudget } from '../../src/formats/budget.js';
import type { FormatError } from '../../src/formats/format-error.js';
import { inflateGzip } from '../../src/formats/inflate.js';
import { sumOf } from '../../src/formats/int64.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { encodePprof } from '../../src/formats/pprof/encode.js';
import type { Profile } from '../../src/formats/pprof/profile.js';
import { linesOf, linesOfMessage } from '../builders/profile-lines.js';
import { decodeMessage } from '../builders/profile-message.js';
import { type GoldenSummary, goldenProfiles, plain } from './profile-fixtures.js';

/** The figures of a summary that a decoded profile has, counted here from the model. */
function summaryOf(profile: Profile): GoldenSummary {
  const { samples, labels, locations, functions, strings } = profile;
  const type = ({ type, unit }: { type: string; unit: string }): string => `${type}/${unit}`;
  const labelKeys: Record<string, number> = {};
  const numLabelKeys: Record<string, number> = {};
  let maxDepthLocations = 0;
  let maxDepthFrames = 0;
  for (let row = 0; row < samples.count; row++) {
    const stack = samples.stack.subarray(samples.stackStart[row], samples.stackStart[row + 1]);
    const frames = stack.reduce((n, l) => n + Math.max(1, locations.lineStart[l + 1] - locations.lineStart[l]), 0);
    maxDepthLocations = Math.max(maxDepthLocations, stack.length);
    maxDepthFrames = Math.max(maxDepthFrames, frames);
    const keys = new Set<string>();
    for (let k = labels.start[row]; k < labels.start[row + 1]; k++) {
      const key = strings.at(labels.key[k]);
      const counts = labels.str[k] === 0 ? numLabelKeys : labelKeys;
      if (!keys.has(key)) counts[key] = (counts[key] ?? 0) + 1;
      keys.add(key);
    }
  }
  const linesPerLocation = Array.from({ length: locations.count }, (_, l) => {
    return locations.lineStart[l + 1] - locations.lineStart[l];
  });
  return {
    SampleTypes: profile.sampleTypes.map(type),
    DefaultSampleType: profile.defaultSampleType,
    PeriodType: type(profile.periodType),
    Period: short(profile.period),
    TimeNanos: short(profile.timeNanos),
    DurationNanos: short(profile.durationNanos),
    DropFrames: profile.dropFrames,
    KeepFrames: profile.keepFrames,
    Comments: profile.comments.length === 0 ? null : profile.comments,
    DocURL: profile.docUrl,
    Samples: samples.count,
    Locations: locations.count,
    Functions: functions.count,
    Mappings: profile.mappings.count,
    // Go's own sum wraps around.
    Totals: samples.values.map((column) => short(BigInt.asIntN(64, sumOf(column)))),
    MaxDepthLocations: maxDepthLocations,
    MaxDepthFrames: maxDepthFrames,
    LabelKeys: labelKeys,
    NumLabelKeys: numLabelKeys,
    InlinedLocations: linesPerLocation.filter((n) => n > 1).length,
    LocationsWithoutLines: linesPerLocation.filter((n) => n === 0).length,
    LocationsWithoutMapping: locations.mapping.filter((m) => m < 0).length,
  };
}

function short(value: bigint): number | string {
  return /^-?\d{16,}$/.test(String(value)) ? String(value) : Number(value);
}

/** Formats older than the protobuf, which google/pprof still reads and we do not. */
const legacy = /^google-pprof\/(gobench|go\.crc32|go\.godoc|cppbench|java)\./;

const goldens = goldenProfiles();
const protobufs = goldens.filter(({ name }) => !legacy.test(name));

describe('every valid profile', () => {
  it.each(protobufs)('$name: counts and totals are those of google/pprof', ({ bytes, summary }) => {
    expect(summary).toMatchObject(summaryOf(decodePprof(bytes)));
  });

  // protobufjs takes seconds for the largest.
  it.each(protobufs.filter(({ bytes }) => plain(bytes).length < 400_000))(
    '$name: says to us what it says to protobufjs',
    ({ bytes }) => {
      expect(linesOf(decodePprof(bytes)).join('\n')).toBe(linesOfMessage(decodeMessage(plain(bytes))).join('\n'));
    },
  );

  it.each(protobufs)('$name: survives a round trip', ({ bytes }) => {
    const profile = decodePprof(bytes);
    const again = decodePprof(encodePprof(profile));
    expect(linesOf(again).join('\n')).toBe(linesOf(profile).join('\n'));
    expect(again.strings.length).toBe(profile.strings.length);
    expect(again.warnings.filter(({ code }) => code !== 'unknown-mapping')).toEqual(
      profile.warnings.filter(({ code }) => code !== 'unknown-mapping'),
    );
  });

  it.each(goldens.filter(({ bytes }) => bytes[0] === 0x1f))('$name: pako inflates it as zlib does', ({ bytes }) => {
    expect(Buffer.compare(inflateGzip(bytes, defaultBudget.inflatedBytes), gunzipSync(bytes))).toBe(0);
  });
});

it('a file of a legacy format is unrecognized, not malformed', () => {
  for (const { bytes } of goldens.filter(({ name }) => legacy.test(name))) {
    expect(() => decodePprof(bytes)).toThrow(expect.objectContaining({ fault: 'unrecognized' }) as FormatError);
  }
});
