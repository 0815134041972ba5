import { gzipSync } from 'node:zlib';
import { defaultBudget } from '../../src/formats/budget.js';
import { FormatError } from '../../src/formats/format-error.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { linesOf } from '../builders/profile-lines.js';
import { malformedProfiles, profileFixture } from './profile-fixtures.js';

function faultOf(decode: () => unknown): FormatError {
  try {
    decode();
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('no error was thrown');
}

/** What each file of the malformed set answers: the fault, and words that a Go engineer knows it by. */
const answers: Readonly<Record<string, readonly [FormatError['fault'], RegExp] | 'valid'>> = {
  // A flipped bit inside a string and one inside a line number: google/pprof cannot know either.
  'bitflip-raw-0.pb': 'valid',
  'bitflip-raw-1.pb': ['malformed', /type mismatch/],
  'bitflip-raw-3.pb': ['malformed', /bad varint/],
  'bitflip-raw-4.pb': 'valid',
  'bomb-25M-empty-samples.pb.gz': ['over-budget', /inflateRatio/],
  'bomb-25M-empty-strings.pb.gz': ['over-budget', /inflateRatio/],
  'concatenated-profiles.pb': ['malformed', /concatenated profiles detected/],
  'dangling-location.pb': ['malformed', /sample has nil location: sample 1 refers to id 77/],
  'dangling-mapping-ok.pb': 'valid',
  'dup-function-id.pb': ['malformed', /multiple functions with same id: 1/],
  'dup-location-id.pb': ['malformed', /multiple locations with same id: 1/],
  'empty-file.pb': ['truncated', /empty input file/],
  'field-number-0.pb': 'valid',
  'gzip-bad-isize.pb.gz': ['malformed', /decompressing profile: gzip: invalid checksum/],
  'gzip-bitflip-body.pb.gz': ['malformed', /decompressing profile: flate: corrupt input/],
  'gzip-of-empty.pb.gz': ['truncated', /empty input file/],
  'gzip-trailing-garbage.pb.gz': ['malformed', /decompressing profile: gzip: trailing bytes/],
  'html-404.pb.gz': ['unrecognized', /HTML page/],
  'huge-dangling-location.pb': ['malformed', /sample has nil location: sample 1 refers to id 18446744073709551615/],
  'length-overflow.pb': ['malformed', /too much data: a field of 9223372036854775808 bytes/],
  'length-past-end.pb': ['truncated', /too much data/],
  'nul-and-control-chars.pb.gz': 'valid',
  'proto-pollution-labels.pb.gz': 'valid',
  'string-index-oor.pb': ['malformed', /string index 9999 out of range/],
  'string0-not-empty.pb': ['malformed', /string_table\[0\] must be ''/],
  'truncated-gzip-50pct.pb.gz': ['truncated', /decompressing profile: unexpected EOF/],
  'truncated-gzip-no-trailer.pb.gz': ['truncated', /decompressing profile: unexpected EOF/],
  'truncated-proto-no-strings.pb': ['truncated', /no string_table/],
  'value-count-mismatch.pb': ['malformed', /mismatch: sample has 3 values vs. 2 types/],
  'varint-11-bytes.pb': ['malformed', /bad varint: more than 64 bits/],
  'wire-type-3-group.pb': ['malformed', /unknown wire type: 3/],
  'wrong-wire-type-for-sample.pb': ['malformed', /type mismatch/],
  'zero-function-id.pb': ['malformed', /found function with reserved ID=0/],
  'zlib-not-gzip.pb.zz': ['unrecognized', /zlib data/],
};

describe('a broken profile is refused for what is wrong with it', () => {
  it('every file of the set has an answer', () => {
    expect(malformedProfiles().map(({ name }) => name)).toEqual(Object.keys(answers));
  });

  it.each(malformedProfiles())('$name', ({ name, bytes }) => {
    const answer = answers[name];
    if (answer === 'valid') {
      expect(decodePprof(bytes).samples.count).toBeGreaterThan(0);
      return;
    }
    const error = faultOf(() => decodePprof(bytes));
    expect([error.fault, error.message]).toEqual([answer[0], expect.stringMatching(answer[1])]);
  });

  it('an error inside a message names the byte where it was met', () => {
    expect(faultOf(() => decodePprof(profileFixture('malformed/wire-type-3-group.pb'))).at.offset).toBe(241);
  });
});

describe('bombs', () => {
  it('one string of zeros is stopped at the limit of inflated bytes', () => {
    const bomb = gzipSync(new Uint8Array(8 * 1024 * 1024));
    const error = faultOf(() => decodePprof(bomb, { ...defaultBudget, inflatedBytes: 1024 * 1024 }));
    expect(error.fault).toBe('over-budget');
    expect(error.at).toMatchObject({ limit: 'inflatedBytes', allowed: 1024 * 1024 });
    expect(error.at.actual).toBeGreaterThan(1024 * 1024);
  });

  it('millions of empty messages are counted, not built', () => {
    const generous = { ...defaultBudget, inflateRatio: 10_000 };
    const samples = faultOf(() => decodePprof(profileFixture('malformed/bomb-25M-empty-samples.pb.gz'), generous));
    expect(samples.at).toMatchObject({ limit: 'samples', actual: 2_000_001, allowed: 2_000_000 });
    const strings = faultOf(() => decodePprof(profileFixture('malformed/bomb-25M-empty-strings.pb.gz'), generous));
    expect(strings.at).toMatchObject({ limit: 'strings', actual: 1_000_001, allowed: 1_000_000 });
  });

  it('gzip inside gzip is refused before it is unpacked', () => {
    const nested = gzipSync(profileFixture('go1.26/heap.pb.gz'));
    expect(faultOf(() => decodePprof(nested))).toMatchObject({ fault: 'malformed', message: /nested compression/ });
  });
});

describe('hostile names', () => {
  it('names of prototype members are labels like any other', () => {
    const lines = linesOf(decodePprof(profileFixture('malformed/proto-pollution-labels.pb.gz'))).join('\n');
    for (const name of ['__proto__', 'constructor']) expect(lines).toContain(name);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
