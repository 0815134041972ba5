import fc from 'fast-check';
import { FormatError } from '../../src/formats/format-error.js';
import { jsonLimits } from '../../src/formats/json/limits.js';
import { eachJson, type JsonValue, readJson } from '../../src/formats/json/reader.js';
import { faultOf, valueOrFault } from './fault-of.js';

const utf8 = new TextEncoder();
const bytesOf = (text: string): Uint8Array => utf8.encode(text);
const read = (text: string): JsonValue => readJson(bytesOf(text));

/** The tree as JSON.parse builds it: integers that no double holds rounded to the nearest. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) {
    const object: Record<string, unknown> = {};
    for (const [key, member] of value) {
      Object.defineProperty(object, key, {
        value: plain(member),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return object;
  }
  if (typeof value === 'bigint') return Number(value);
  return Array.isArray(value) ? value.map(plain) : value;
}

const documents = (bytes: Uint8Array): { values: JsonValue[]; lost: number } => {
  const values: JsonValue[] = [];
  const damage = eachJson(bytes, (value) => values.push(value));
  return { values, lost: damage?.lost ?? 0 };
};

describe('laws', () => {
  it('every value reads as JSON.parse reads it, however it is spaced', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 2, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(plain(read(text))).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('every string reads as JSON.parse reads it, raw or escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const escaped = `"${[...text].map((c) => (c.length === 1 ? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` : c)).join('')}"`;
        expect(read(JSON.stringify(text))).toBe(text);
        expect(read(escaped)).toBe(JSON.parse(escaped));
      }),
      { numRuns: 2_000 },
    );
    expect(read('"\\ud800"')).toBe('\ud800');
  });

  it('what JSON.parse refuses is refused, and what it accepts is accepted but for a key that comes twice', () => {
    const pieces = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '"a"',
        '"b"',
        '\\',
        '\\u12',
        '\\n',
        '1',
        '-',
        '0',
        '01',
        '.5',
        '1.',
        '1e',
        'e+3',
      ],
      ...[
        'true',
        'nul',
        'null',
        'false',
        ' ',
        '\n',
        '\t',
        '\u0001',
        '\u00a0',
        'é',
        '😀',
        'NaN',
        'Infinity',
        '+1',
        "'",
        '//',
      ],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 9 }), (parts) => {
        const text = parts.join('');
        let expected: unknown;
        let valid = true;
        try {
          expected = JSON.parse(text);
        } catch {
          valid = false;
        }
        if (valid) {
          try {
            expect(plain(read(text))).toEqual(expected);
          } catch (error) {
            if (!(error instanceof FormatError) || !error.message.includes('a key that the object has already'))
              throw error;
          }
        } else {
          expect(['malformed', 'truncated']).toContain(faultOf(() => read(text)).fault);
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it('a document cut anywhere is truncated, never malformed', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 4 }), fc.nat(), (value, where) => {
        const bytes = bytesOf(JSON.stringify(value, null, 1));
        const cut = where % bytes.length;
        const fault = faultOf(() => readJson(bytes.subarray(0, cut)));
        expect(fault.fault).toBe('truncated');
        expect(fault.at.offset).toBe(cut);
      }),
      { numRuns: 500 },
    );
  });

  it('any bit flipped gives a value or a FormatError', () => {
    const bytes = bytesOf(
      '{"HeapAlloc":18446744073709551615,"a":[1.5e3,-0,"é\\u00e9\\n",null,true,false],"b":{"c":[]}}',
    );
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      valueOrFault(() => readJson(flipped));
    }
  });

  it('values one after the other read as each alone does, whatever lies between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 5 }),
        fc.constantFrom('\n', '\r\n', ' ', '\n\n'),
        (values, gap) => {
          const texts = values.map((value) => JSON.stringify(value));
          const read = documents(bytesOf(texts.join(gap)));
          expect(read).toEqual({ values: texts.map((text) => readJson(bytesOf(text))), lost: 0 });
        },
      ),
    );
  });
});

describe('numbers', () => {
  it('integers are exact at any size, and bigint only beyond what a double holds', () => {
    expect(read('9007199254740991')).toBe(9007199254740991);
    expect(read('9007199254740992')).toBe(9007199254740992n);
    expect(read('-9007199254740991')).toBe(-9007199254740991);
    expect(read('-9007199254740993')).toBe(-9007199254740993n);
    expect(read('18446744073709551615')).toBe(18446744073709551615n);
    expect(read('1795447197095695508')).toBe(1795447197095695508n);
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (value) => {
        expect(BigInt(read(String(value)) as number | bigint)).toBe(value);
      }),
    );
  });

  it('a number with a fraction or an exponent is a double, also where it has no fraction', () => {
    expect(read('1e3')).toBe(1000);
    expect(read('1.0')).toBe(1);
    expect(read('1.795447197095695508e18')).toBe(Number('1795447197095695508'));
    expect(read('-0')).toBe(-0);
    expect(read('1e400')).toBe(Infinity);
  });
});

describe('strictness', () => {
  it('refuses a key that comes twice, at the place of the second', () => {
    const fault = faultOf(() => read('{"a":1,"b":2,"\\u0061":3}'));
    expect(fault.fault).toBe('malformed');
    expect(fault.at.offset).toBe(13);
  });

  it('keeps __proto__ as a key like any other', () => {
    const value = read('{"__proto__":{"polluted":true},"constructor":1}') as Map<string, JsonValue>;
    expect([...value.keys()]).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('refuses text that is no UTF-8', () => {
    for (const broken of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]]) {
      expect(faultOf(() => readJson(Uint8Array.from([0x22, ...broken, 0x22]))).fault).toBe('malformed');
    }
  });

  it('ignores a byte order mark before the value and keeps one inside a string', () => {
    expect(read('\ufeff"\ufeffa"')).toBe('\ufeffa');
  });

  it('names the limit that was passed, with the actual and the allowed figure', () => {
    const limits = {
      ...jsonLimits,
      jsonDepth: 3,
      jsonValues: 6,
      jsonStringBytes: 4,
      jsonNumberBytes: 5,
      jsonDocuments: 2,
    };
    const passed = (text: string): unknown => faultOf(() => readJson(bytesOf(text), limits)).at;
    expect(passed('[[[[1]]]]')).toEqual({ limit: 'jsonDepth', actual: 4, allowed: 3, offset: 3 });
    expect(passed('[1,2,3,4,5,6]')).toEqual({ limit: 'jsonValues', actual: 7, allowed: 6, offset: 11 });
    expect(passed('"12345"')).toEqual({ limit: 'jsonStringBytes', actual: 5, allowed: 4, offset: 0 });
    expect(passed('123456')).toEqual({ limit: 'jsonNumberBytes', actual: 6, allowed: 5, offset: 0 });
    expect(faultOf(() => eachJson(bytesOf('1 2 3'), () => {}, limits)).at.limit).toBe('jsonDocuments');
    expect(faultOf(() => readJson(bytesOf('[]'), { ...limits, jsonBytes: 1 })).at.limit).toBe('jsonBytes');
  });

  it('a million open brackets are refused by depth, not by the stack', () => {
    expect(faultOf(() => read('['.repeat(1_000_000))).at.limit).toBe('jsonDepth');
  });
});

describe('files of several documents', () => {
  it('a damaged or cut document is left out and counted, its neighbours are kept', () => {
    expect(documents(bytesOf('{"a":1}\n{"a":2,}\n{"a":3}\n{"a":'))).toEqual({
      values: [new Map([['a', 1]]), new Map([['a', 3]])],
      lost: 2,
    });
  });

  it('documents need nothing between them where they end by themselves', () => {
    expect(documents(bytesOf('{}[]"a"{}')).values).toHaveLength(4);
  });

  it('a file with nothing readable is refused with its first fault', () => {
    expect(faultOf(() => documents(bytesOf('{"a":\n{"b"')))).toMatchObject({ fault: 'truncated' });
    expect(documents(bytesOf(' \n'))).toEqual({ values: [], lost: 0 });
  });
});
