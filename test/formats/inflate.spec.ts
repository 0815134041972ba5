import fc from 'fast-check';
import { gunzipSync, gzipSync } from 'node:zlib';
import { defaultBudget } from '../../src/formats/budget.js';
import { FormatError } from '../../src/formats/format-error.js';
import { inflateGzip, inflateHead, inflatePieces, inflateWithin, type Inflate } from '../../src/formats/inflate.js';
import { inflateNatively } from '../../src/ingest/native-inflate.js';

const limit = 1024 * 1024;
const text = Buffer.from('goroutine '.repeat(5000));

function fault(fault: FormatError['fault'], message: RegExp | string = /./): FormatError {
  return expect.objectContaining({ fault, message: expect.stringMatching(message) }) as FormatError;
}

describe('gzip in plain JavaScript', () => {
  it('inflates what zlib deflates, at any level and size', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 5000 }),
        fc.integer({ min: 0, max: 9 }),
        fc.nat({ max: 30 }),
        (bytes, level, repeat) => {
          const content = Buffer.concat(Array.from({ length: repeat }, () => bytes));
          expect(Buffer.compare(inflateGzip(gzipSync(content, { level }), limit), content)).toBe(0);
        },
      ),
    );
  });

  it('joins members, as Go and zlib do', () => {
    const members = Buffer.concat([gzipSync('a'), gzipSync(''), gzipSync(text), gzipSync('z')]);
    expect(Buffer.compare(inflateGzip(members, limit), gunzipSync(members))).toBe(0);
  });

  it('passes what is exactly as large as allowed, and nothing larger', () => {
    const gzip = gzipSync(text);
    expect(inflateGzip(gzip, text.length)).toHaveLength(text.length);
    expect(() => inflateGzip(gzip, text.length - 1)).toThrow(fault('over-budget', 'inflatedBytes'));
    expect(() => inflateGzip(Buffer.concat([gzip, gzip]), text.length)).toThrow(fault('over-budget'));
  });

  it('believes no length that the trailer claims', () => {
    for (const claimed of [0, 5, 2 ** 32 - 1]) {
      const gzip = Buffer.from(gzipSync(text));
      gzip.writeUInt32LE(claimed, gzip.length - 4);
      expect(() => inflateGzip(gzip, limit)).toThrow(fault('malformed', 'gzip: invalid checksum'));
    }
  });

  it.each([
    ['a wrong checksum', (gzip: Buffer) => gzip.writeUInt32LE(1, gzip.length - 8), 'gzip: invalid checksum'],
    ['an unknown compression method', (gzip: Buffer) => (gzip[2] = 7), 'gzip: invalid header'],
    ['a block type that does not exist', (gzip: Buffer) => (gzip[10] = 0x07), 'flate: corrupt input'],
  ])('%s is malformed', (_, spoil, message) => {
    const gzip = Buffer.from(gzipSync(text));
    spoil(gzip);
    expect(() => inflateGzip(gzip, limit)).toThrow(fault('malformed', message));
  });

  it.each([
    ['text', Buffer.from('trailing')],
    ['zeros', new Uint8Array(8)],
    ['one byte', Uint8Array.of(0)],
  ])('bytes after the last member are malformed: %s', (_, trailing) => {
    expect(() => inflateGzip(Buffer.concat([gzipSync(text), trailing]), limit)).toThrow(fault('malformed', 'trailing'));
  });

  it('an end anywhere inside is truncated', () => {
    const gzip = Buffer.concat([gzipSync('first'), gzipSync(text)]);
    const first = gzipSync('first').length;
    for (let end = 2; end < gzip.length; end++) {
      if (end === first) expect(inflateGzip(gzip.subarray(0, end), limit)).toHaveLength(5);
      else expect(() => inflateGzip(gzip.subarray(0, end), limit)).toThrow(fault('truncated', 'unexpected EOF'));
    }
  });
});

it('the server, which inflates by zlib, answers the same for every input', () => {
  const answer = (inflate: Inflate, bytes: Uint8Array, maxBytes: number): string => {
    try {
      return Buffer.from(inflate(bytes, maxBytes)).toString('latin1');
    } catch (error) {
      if (error instanceof FormatError) return error.fault;
      throw error;
    }
  };
  const members = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 3 });
  const flip = fc.option(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })));
  fc.assert(
    fc.property(
      members,
      fc.uint8Array({ maxLength: 3 }),
      fc.nat({ max: 40 }),
      flip,
      (parts, trailing, cut, flipped) => {
        const whole = Buffer.concat([...parts.map((part) => gzipSync(part)), trailing]);
        const bytes = whole.subarray(0, Math.max(2, whole.length - cut));
        if (flipped !== null) bytes[flipped[0] % bytes.length] ^= flipped[1];
        for (const maxBytes of [50, limit]) {
          expect(answer(inflateNatively, bytes, maxBytes)).toBe(answer(inflateGzip, bytes, maxBytes));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

describe('the layer around an artefact', () => {
  const budget = { ...defaultBudget, inflatedBytes: 1000, inflateRatio: 10, inflateRatioFromBytes: 100 };

  it('may be absent', () => {
    expect(inflateWithin(Uint8Array.of(1, 2, 3), budget, inflateGzip)).toEqual(Uint8Array.of(1, 2, 3));
    expect(() => inflateWithin(new Uint8Array(1001), budget, inflateGzip)).toThrow(
      fault('over-budget', 'inflatedBytes'),
    );
  });

  it('must not be a bomb: the ratio is a limit of its own', () => {
    const zeros = gzipSync(new Uint8Array(900));
    expect(() => inflateWithin(zeros, budget, inflateGzip)).toThrow(fault('over-budget', 'inflateRatio'));
    expect(inflateWithin(zeros, { ...budget, inflateRatioFromBytes: 900 }, inflateGzip)).toHaveLength(900);
  });

  it('must be the only one', () => {
    expect(() => inflateWithin(gzipSync(gzipSync('a')), budget, inflateGzip)).toThrow(
      fault('malformed', 'nested compression'),
    );
  });
});

it('the head of a file can be read without the rest', () => {
  const gzip = gzipSync(text);
  expect(Buffer.from(inflateHead(gzip.subarray(0, 60), 9)).toString()).toBe('goroutine');
  expect(inflateHead(gzip.subarray(0, 5), 9)).toHaveLength(0);
  expect(inflateHead(Uint8Array.of(0x1f, 0x8b, 9, 9, 9, 9), 9)).toHaveLength(0);
});

describe('gzip piece by piece', () => {
  const limits = { maxBytes: limit, limit: 'pieces', inflateRatio: 200, inflateRatioFromBytes: limit };

  /** All pieces together, and what is wrong. */
  function pieces(bytes: Uint8Array, maxBytes = limit): { content: Buffer; error: FormatError | null } {
    const taken: Buffer[] = [];
    try {
      inflatePieces(bytes, { ...limits, maxBytes }, (piece) => taken.push(Buffer.from(piece)) > 0);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return { content: Buffer.concat(taken), error };
    }
    return { content: Buffer.concat(taken), error: null };
  }

  const long = Buffer.concat(Array.from({ length: 12 }, (_, i) => Buffer.from(`${i} ${text.toString()}`)));

  it('gives the same bytes and the same fault as in one piece, wherever it is cut or flipped', () => {
    const whole = Buffer.concat([gzipSync(long), gzipSync('end')]);
    fc.assert(
      fc.property(
        fc.nat({ max: whole.length }),
        fc.nat({ max: whole.length - 1 }),
        fc.nat({ max: 255 }),
        (end, at, bit) => {
          const bytes = Buffer.from(whole);
          bytes[at] ^= bit;
          const cut = bytes.subarray(0, end);
          if (cut[0] !== 0x1f || cut[1] !== 0x8b) return;
          const { content, error } = pieces(cut);
          let expected: Uint8Array | null = null;
          try {
            expected = inflateGzip(cut, limit);
          } catch (refused) {
            expect(error).toMatchObject({
              fault: (refused as FormatError).fault,
              message: (refused as FormatError).message,
            });
          }
          if (expected !== null) {
            expect(error).toBeNull();
            expect(Buffer.compare(content, expected)).toBe(0);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives what is not compressed as it is', () => {
    expect(pieces(long)).toEqual({ content: long, error: null });
  });

  it.each([
    ['plain', long],
    ['gzip', gzipSync(long)],
  ])('gives what stands before the limit, and refuses by its name: %s', (_, bytes) => {
    const { content, error } = pieces(bytes, long.length - 7);
    expect(Buffer.compare(content, long.subarray(0, -7))).toBe(0);
    expect(error).toMatchObject({ fault: 'over-budget', at: { limit: 'pieces', allowed: long.length - 7 } });
    expect(pieces(bytes, long.length).error).toBeNull();
  });

  it('reads no more than is wanted', () => {
    let count = 0;
    inflatePieces(Buffer.concat([gzipSync(long), Buffer.from('garbage')]), limits, () => ++count < 2);
    expect(count).toBe(2);
  });

  it('refuses gzip inside gzip, and a bomb by its ratio', () => {
    expect(pieces(gzipSync(gzipSync(long))).error).toEqual(fault('malformed', 'nested compression'));
    const bomb = gzipSync(Buffer.alloc(4 * limit));
    expect(pieces(bomb, 8 * limit).error).toMatchObject({ fault: 'over-budget', at: { limit: 'inflateRatio' } });
  });
});
