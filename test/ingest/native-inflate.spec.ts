import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { FormatError } from '../../src/formats/format-error.js';
import { inflateGzip } from '../../src/formats/inflate.js';
import { inflateNatively } from '../../src/ingest/native-inflate.js';

type Outcome = { bytes: string } | { fault: string; message: string; at: unknown };

function outcomeOf(inflate: typeof inflateGzip, bytes: Uint8Array, maxBytes: number): Outcome {
  try {
    return { bytes: Buffer.from(inflate(bytes, maxBytes)).toString('base64') };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { fault: error.fault, message: error.message, at: error.at };
  }
}

/** zlib and the reader in JavaScript say the same of any bytes. */
function expectSame(bytes: Uint8Array, maxBytes = 1_000_000): Outcome {
  const native = outcomeOf(inflateNatively, bytes, maxBytes);
  expect(native).toEqual(outcomeOf(inflateGzip, bytes, maxBytes));
  return native;
}

const text = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * i) % 7));

it('gives what was compressed, of one member or several', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5000 }), { minLength: 1, maxLength: 4 }), (members) => {
      const outcome = expectSame(Buffer.concat(members.map((member) => gzipSync(member))));
      expect(outcome).toEqual({ bytes: Buffer.concat(members).toString('base64') });
    }),
  );
});

it('finds the same fault wherever the file is cut', () => {
  const whole = gzipSync(text(3000));
  for (let end = 2; end < whole.length; end++)
    expect(expectSame(whole.subarray(0, end))).toMatchObject({ fault: 'truncated' });
});

it('finds the same fault wherever a byte is wrong', () => {
  const whole = gzipSync(text(3000));
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (position, change) => {
      const broken = Buffer.from(whole);
      broken[position] ^= change;
      if (broken[0] === 0x1f && broken[1] === 0x8b) expectSame(broken);
    }),
    { numRuns: 500 },
  );
});

it('refuses what follows the last member, zero bytes too', () => {
  const whole = gzipSync(text(100));
  for (const rest of [
    Buffer.alloc(1),
    Buffer.alloc(512),
    Buffer.from('x'),
    Buffer.from([0x1f]),
    Buffer.from([0x1f, 0x8b]),
  ]) {
    expect(expectSame(Buffer.concat([whole, rest]))).toHaveProperty('fault');
  }
});

it('stops at the limit, whatever the file claims', () => {
  const whole = gzipSync(Buffer.alloc(100_000));
  expect(expectSame(whole, 99_999)).toMatchObject({
    fault: 'over-budget',
    at: { limit: 'inflatedBytes', allowed: 99_999 },
  });
  expect(expectSame(whole, 100_000)).toHaveProperty('bytes');
  const liar = Buffer.from(whole);
  liar.writeUInt32LE(5, liar.length - 4);
  expectSame(liar, 50_000);
  expectSame(liar, 200_000);
});
