import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { type Budget, defaultBudget } from '../../src/formats/budget.js';
import { FormatError } from '../../src/formats/format-error.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import { encodePprof } from '../../src/formats/pprof/encode.js';
import type { Profile } from '../../src/formats/pprof/profile.js';
import { linesOf, linesOfMessage } from '../builders/profile-lines.js';
import { encodeMessage, type LineMessage, type ProfileMessage } from '../builders/profile-message.js';
import { plain, profileFixture } from './profile-fixtures.js';

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const value = fc.oneof(fc.bigInt({ min: -300n, max: 300n }), int64);

/** Valid profiles of every shape: any ids, any values, labels, inlining, empty stacks, missing mappings. */
const messages: fc.Arbitrary<ProfileMessage> = fc
  .record({
    stringTable: fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 12 }).map((s) => ['', ...s]),
    width: fc.integer({ min: 1, max: 4 }),
    mappingIds: ids(3),
    functionIds: ids(6),
    locationIds: ids(8),
  })
  .chain(({ stringTable, width, mappingIds, functionIds, locationIds }) => {
    const text = fc.integer({ min: 0, max: stringTable.length - 1 }).map(BigInt);
    const line32 = fc.bigInt({ min: -(2n ** 31n), max: 2n ** 31n - 1n });
    const valueType = fc.record({ type: text, unit: text });
    const oneOf = (rows: bigint[], else_: bigint[]) => fc.constantFrom(...rows, ...else_);
    const row = <T>(id: bigint, fields: fc.Arbitrary<T>) => fields.map((rest) => ({ id, ...rest }));
    return fc.record({
      sampleType: fc.array(valueType, { minLength: width, maxLength: width }),
      mapping: fc.tuple(
        ...mappingIds.map((id) =>
          row(
            id,
            fc.record({
              memoryStart: uint64,
              memoryLimit: uint64,
              fileOffset: uint64,
              filename: text,
              buildId: text,
              hasFunctions: fc.boolean(),
              hasFilenames: fc.boolean(),
              hasLineNumbers: fc.boolean(),
              hasInlineFrames: fc.boolean(),
            }),
          ),
        ),
      ),
      function: fc.tuple(
        ...functionIds.map((id) =>
          row(id, fc.record({ name: text, systemName: text, filename: text, startLine: line32 })),
        ),
      ),
      location: fc.tuple(
        ...locationIds.map((id) =>
          row(
            id,
            fc.record({
              mappingId: oneOf(mappingIds, [0n]),
              address: uint64,
              isFolded: fc.boolean(),
              line:
                functionIds.length === 0
                  ? fc.constant<LineMessage[]>([])
                  : fc.array(fc.record({ functionId: fc.constantFrom(...functionIds), line: line32, column: line32 }), {
                      maxLength: 3,
                    }),
            }),
          ),
        ),
      ),
      sample: fc.array(
        fc.record({
          locationId:
            locationIds.length === 0
              ? fc.constant<bigint[]>([])
              : fc.array(fc.constantFrom(...locationIds), { maxLength: 40 }),
          value: fc.array(value, { minLength: width, maxLength: width }),
          label: fc.array(
            fc.oneof(
              fc.record({ key: text, str: text, num: fc.constant(0n), numUnit: fc.constant(0n) }),
              fc.record({ key: text, str: fc.constant(0n), num: value, numUnit: text }),
            ),
            { maxLength: 3 },
          ),
        }),
        { maxLength: 12 },
      ),
      stringTable: fc.constant(stringTable),
      dropFrames: text,
      keepFrames: text,
      timeNanos: int64,
      durationNanos: int64,
      periodType: fc.option(valueType),
      period: int64,
      comment: fc.array(text, { maxLength: 3 }),
      defaultSampleType: text,
      docUrl: text,
    });
  });

function ids(maxLength: number): fc.Arbitrary<bigint[]> {
  const id = fc.oneof(fc.bigInt({ min: 1n, max: 20n }), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }));
  return fc.uniqueArray(id, { maxLength });
}

/** The decoder's whole contract towards its input: a value, or a FormatError. */
function decodeOrFault(bytes: Uint8Array, budget?: Budget): Profile | FormatError {
  try {
    return decodePprof(bytes, budget);
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
}

/** Top-level fields of a message, each with its tag, in their order. */
function fieldsOf(message: Uint8Array): { field: number; bytes: Uint8Array }[] {
  const fields: { field: number; bytes: Uint8Array }[] = [];
  for (let at = 0; at < message.length;) {
    const start = at;
    const varint = (): number => {
      let number = 0;
      for (let scale = 1; ; scale *= 128) {
        const byte = message[at++];
        number += (byte & 127) * scale;
        if (byte < 128) return number;
      }
    };
    const tag = varint();
    const number = varint();
    if ((tag & 7) === 2) at += number;
    fields.push({ field: tag >> 3, bytes: message.subarray(start, at) });
  }
  return fields;
}

/** The message with the packed scalars of its samples written one by one, or cut into several packed pieces. */
function unpacked(message: Uint8Array, pieces: (entry: number) => 'single' | 'packed'): Uint8Array {
  const varints = (content: Uint8Array): Uint8Array[] => {
    const found: Uint8Array[] = [];
    for (let start = 0, at = 0; at < content.length; at++) {
      if (content[at] < 128) {
        found.push(content.subarray(start, at + 1));
        start = at + 1;
      }
    }
    return found;
  };
  const sized = (tag: number, content: Uint8Array): Uint8Array => {
    const length: number[] = [];
    for (let rest = content.length; ; rest >>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest < 128) break;
    }
    return Buffer.concat([Uint8Array.of(tag, ...length), content]);
  };
  const contentOf = (delimited: Uint8Array): Uint8Array => {
    let at = 1;
    while (delimited[at] > 127) at++;
    return delimited.subarray(at + 1);
  };
  const parts = fieldsOf(message).map(({ field, bytes }) => {
    if (field !== 2) return bytes;
    const inner = fieldsOf(contentOf(bytes)).flatMap((part) => {
      if (part.field > 2 || (part.bytes[0] & 7) === 0) return [part.bytes];
      return varints(contentOf(part.bytes)).map((entry, i) =>
        pieces(i) === 'packed'
          ? sized(part.field * 8 + 2, entry)
          : Buffer.concat([Uint8Array.of(part.field * 8), entry]),
      );
    });
    return sized(0x12, Buffer.concat(inner));
  });
  return Buffer.concat(parts);
}

const heap = plain(profileFixture('go1.26/heap.pb.gz'));
const goroutines = plain(profileFixture('go1.26/goroutine.pb.gz'));
const lines = (bytes: Uint8Array): string => linesOf(decodePprof(bytes)).join('\n');

describe('laws', () => {
  it('any valid message reads as it was written', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(linesOf(decodePprof(encodeMessage(message)))).toEqual(linesOfMessage(message));
      }),
      { numRuns: 300 },
    );
  });

  it('what is encoded decodes to the same', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const profile = decodePprof(encodeMessage(message));
        const again = decodePprof(encodePprof(profile));
        expect(linesOf(again)).toEqual(linesOf(profile));
        expect(again.strings.length).toBe(profile.strings.length);
      }),
      { numRuns: 300 },
    );
  });

  it('encoding is stable', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const once = encodePprof(decodePprof(encodeMessage(message)));
        expect(Buffer.compare(encodePprof(decodePprof(once)), once)).toBe(0);
      }),
    );
  });

  it('the order of fields does not matter, that of equal fields does', () => {
    const fields = fieldsOf(goroutines);
    const byNumber = new Map<number, Uint8Array[]>();
    for (const { field, bytes } of fields) byNumber.set(field, [...(byNumber.get(field) ?? []), bytes]);
    const expected = lines(goroutines);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          fields.map(({ field }) => field),
          { minLength: fields.length },
        ),
        (order) => {
          const rest = new Map([...byNumber].map(([field, bytes]) => [field, [...bytes]]));
          expect(lines(Buffer.concat(order.map((field) => rest.get(field)!.shift()!)))).toBe(expected);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('packed, unpacked and mixed scalars mean the same', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('single' as const, 'packed' as const), { minLength: 1 }), (choices) => {
        for (const bytes of [heap, goroutines]) {
          expect(lines(unpacked(bytes, (entry) => choices[entry % choices.length]))).toBe(lines(bytes));
        }
      }),
      { numRuns: 20 },
    );
    expect(lines(unpacked(heap, () => 'single'))).toBe(lines(heap));
  });

  it('an input cut anywhere is a value or a fault', () => {
    for (let end = 0; end < goroutines.length; end += 3) {
      const result = decodeOrFault(goroutines.subarray(0, end));
      if (result instanceof FormatError) expect(['truncated', 'malformed', 'unrecognized']).toContain(result.fault);
    }
  });

  it('a gzip file cut anywhere is truncated', () => {
    const gzip = profileFixture('go1.26/heap.pb.gz');
    // Two bytes are the magic number.
    for (let end = 2; end < gzip.length; end += 7) {
      expect(decodeOrFault(gzip.subarray(0, end))).toMatchObject({ fault: 'truncated' });
    }
  });

  it('flipped bits end in a value or a fault', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(heap, goroutines, gzipSync(heap)), flips, (original, changes) => {
        const bytes = Uint8Array.from(original);
        for (const [at, mask] of changes) bytes[at % bytes.length] ^= mask;
        const result = decodeOrFault(bytes);
        // What is accepted must also be good enough to be written and read again.
        if (!(result instanceof FormatError)) expect(lines(encodePprof(result))).toBe(linesOf(result).join('\n'));
      }),
      { numRuns: 1000 },
    );
  });

  it('any bytes at all end in a value or a fault', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 40, max: 0x40 }));
    fc.assert(
      fc.property(bytes, (input) => {
        decodeOrFault(input);
        decodeOrFault(gzipSync(input));
      }),
      { numRuns: 2000 },
    );
  });

  it('a tiny budget ends in a value or in a fault that names a limit', () => {
    const names = Object.keys(defaultBudget) as (keyof Budget)[];
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat({ max: 300 }), (name, allowed) => {
        const result = decodeOrFault(heap, { ...defaultBudget, [name]: allowed });
        if (!(result instanceof FormatError)) return;
        expect(result).toMatchObject({ fault: 'over-budget', at: { limit: name, allowed } });
      }),
      { numRuns: 500 },
    );
  });
});
