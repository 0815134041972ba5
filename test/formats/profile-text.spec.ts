import fc from 'fast-check';
import { defaultBudget } from '../../src/formats/budget.js';
import { FormatError } from '../../src/formats/format-error.js';
import { decodeProfileText } from '../../src/formats/profile-text/decode.js';
import { sniffProfileText } from '../../src/formats/profile-text/header.js';
import { kindOfText, type ProfileText } from '../../src/formats/profile-text/profile-text.js';
import { ownTextFixtures } from './profile-text-fixtures.js';

const encode = (value: string): Uint8Array => new TextEncoder().encode(value);
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const decode = (value: string): ProfileText => decodeProfileText(encode(value));

const fixtures = ownTextFixtures();
const readable = fixtures.filter(({ name }) => !name.includes('no-header'));

function fixture(name: string): Uint8Array {
  return fixtures.find((candidate) => candidate.name === name)!.bytes;
}

/** Everything that a text says, in a form that compares fast. */
function essence({ kind, profile, memStats, programCounters }: ProfileText): string {
  const { samples, labels, locations, functions, strings } = profile;
  const rows: string[] = [];
  for (let row = 0; row < samples.count; row++) {
    const frames = Array.from(samples.stack.subarray(samples.stackStart[row], samples.stackStart[row + 1]), (l) => {
      const f = locations.lineFunction[l];
      return `${strings.at(functions.name[f])} ${strings.at(functions.filename[f])}:${locations.lineNumber[l]}`;
    });
    const own = Array.from({ length: labels.start[row + 1] - labels.start[row] }, (_, i) => {
      const l = labels.start[row] + i;
      return `${strings.at(labels.key[l])}=${strings.at(labels.str[l])}${labels.num[l]}`;
    });
    rows.push(
      [samples.values.map((c) => c[row]).join(' '), programCounters[row], own.join(','), frames.join(';')].join('|'),
    );
  }
  const readings = memStats?.map(({ name, unit, type, value }) => `${name} ${unit} ${type} ${value}`);
  return [kind, profile.period, readings?.join('\n') ?? 'no MemStats', ...rows].join('\n');
}

/** What becomes of the bytes: a value, or the fault of a FormatError. Anything else that is thrown fails the test. */
function outcome(bytes: Uint8Array): string {
  try {
    return essence(decodeProfileText(bytes));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return error.fault;
  }
}

describe('every text of a profile', () => {
  test('there are fixtures of all kinds', () => {
    const kinds = new Set(readable.map(({ bytes }) => decodeProfileText(bytes).kind));
    expect([...kinds].sort()).toEqual([
      'block',
      'custom',
      'goroutine',
      'goroutineleak',
      'heap',
      'mutex',
      'threadcreate',
    ]);
  });

  test.each(readable.map(({ name, bytes }) => [name, bytes] as const))('is recognised by its head: %s', (_, bytes) => {
    const head = latin1(bytes.subarray(0, 4000));
    expect(sniffProfileText(bytes, head)).toBe(true);
    expect(sniffProfileText(bytes, `# fetched at noon\n\n${head}`)).toBe(true);
  });

  const whole = readable.filter(({ name }) => !name.startsWith('malformed'));
  test.each(whole.map(({ name, bytes }) => [name, bytes] as const))(
    'as Go writes it is read without a warning: %s',
    (name, bytes) => {
      const warnings = decodeProfileText(bytes).warnings.map(({ code }) => code);
      expect(warnings).toEqual(name === 'same-moment/mutex.txt' ? ['sampling-period'] : []);
    },
  );

  test.each(readable.map(({ name, bytes }) => [name, bytes] as const))(
    'says the same with CR LF, with a byte order mark, indented, and with tabs expanded: %s',
    (_, bytes) => {
      const source = latin1(bytes);
      const said = essence(decodeProfileText(bytes));
      const variants = [
        source.replaceAll('\n', '\r\n'),
        `\u00ef\u00bb\u00bf${source}`,
        source.replace(/\t+/g, (tabs) => '        '.repeat(tabs.length)),
        `\n# from a colleague\n${source}`,
      ];
      for (const variant of variants) expect(essence(decodeProfileText(Buffer.from(variant, 'latin1')))).toBe(said);
    },
  );

  test('cut anywhere is a value or a FormatError, and what was whole before the cut is kept', () => {
    for (const { name, bytes } of readable) {
      const full = decodeProfileText(bytes);
      const step = Math.max(1, Math.floor(bytes.length / 60));
      for (let end = 0; end < bytes.length; end += step) {
        const part = bytes.subarray(0, end);
        const result = outcome(part);
        if (result === 'truncated' || result === 'unrecognized') continue;
        expect({ name, end, result: result === 'malformed' }).toEqual({ name, end, result: false });
        const { profile } = decodeProfileText(part);
        const kept = Math.max(0, profile.samples.count - 1);
        full.profile.samples.values.forEach((column, i) => {
          expect([...profile.samples.values[i].slice(0, kept)]).toEqual([...column.slice(0, kept)]);
        });
      }
    }
  });

  test('with any bit flipped is a value or a FormatError', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...fixtures),
        fc.array(fc.nat(2 ** 20), { minLength: 1, maxLength: 4 }),
        fc.nat(7),
        ({ bytes }, places, bit) => {
          const damaged = bytes.slice();
          for (const place of places) damaged[place % damaged.length] ^= 1 << bit;
          outcome(damaged);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('made of any lines is a value or a FormatError', () => {
    const line = fc.oneof(
      fc.constantFrom(
        '1 @ 0x1',
        '1: 2 [3: 4] @',
        '#\t0x1\tf+0x1\ta:1',
        '# labels: {"a":"b"}',
        '# runtime.MemStats',
        '',
      ),
      fc.string(),
      fc.constantFrom(
        '# Stack = 1 / 2',
        '# Stack = 1',
        '# GCCPUFraction = NaN',
        '#',
        '---',
        '@',
        '0x',
        '# labels: {"\\',
      ),
    );
    const header = fc.constantFrom(
      'heap profile: 0: 0 [0: 0] @ heap/2',
      'goroutine profile: total 1',
      '--- mutex:\ncycles/second=1\nsampling period=3',
    );
    fc.assert(
      fc.property(header, fc.array(line), (first, lines) => {
        outcome(encode([first, ...lines].join('\n')));
      }),
      { numRuns: 300 },
    );
  });
});

describe('what the first line says', () => {
  test.each([
    ['nothing at all', '', 'truncated'],
    ['another format', 'goroutine 1 [running]:\nmain.main()\n', 'unrecognized'],
    ['a heap profile whose numbers are missing', 'heap profile: 1: 2\n1: 2 [3: 4] @ 0x1\n', 'malformed'],
    ['a heap profile that ends in its first line', 'heap profile: 1: 2', 'truncated'],
    ['a contention profile of Java', '--- contentionz 1 ---\nformat = java\n', 'unrecognized'],
    ['records that are none', 'goroutine profile: total 1\nhello\nworld\n', 'malformed'],
    ['a number of a million digits', `x profile: total 1\n${'9'.repeat(1e6)} @ 0x1\n`, 'malformed'],
    ['a second heap profile', 'x profile: total 1\n1 @ 0x1\nheap profile: 0: 0 [0: 0] @ heap/2\n', 'malformed'],
    ['a second contention profile', 'x profile: total 1\n1 @ 0x1\n--- mutex:\n', 'malformed'],
    ['a second profile', 'goroutine profile: total 0\ngoroutine profile: total 0\n', 'malformed'],
    ['a number beyond 64 bits', 'goroutine profile: total 1\n9223372036854775808 @ 0x1\n', 'malformed'],
    ['a rate beyond 64 bits', 'heap profile: 0: 0 [0: 0] @ heap/18446744073709551616\n', 'malformed'],
  ])('%s is refused for what it is', (_, source, fault) => {
    expect(outcome(encode(source))).toBe(fault);
  });

  test('a custom profile may have any name', () => {
    const { kind, profile } = decode('my pool: <b> profile: total 2\n2 @ 0x1\n#\t0x1\tf+0x1\t/a.go:1\n\n');
    expect(kind).toBe('custom');
    expect(profile.sampleTypes).toEqual([{ type: 'my pool: <b>', unit: 'count' }]);
  });

  test('a heap text is of allocs if its sender says so, and of nothing else', () => {
    const heap = decodeProfileText(fixture('go1.26/heap.debug1.txt'));
    expect(kindOfText(heap)).toBe('heap');
    expect(kindOfText(heap, 'allocs')).toBe('allocs');
    expect(() => kindOfText(heap, 'goroutine')).toThrow(/declared goroutine but is a heap profile/);
  });

  test.each([
    ['heap/1048576', 524288n, 2049n],
    ['heap_v2/524288', 524288n, 2049n],
    ['heapz_v2/524288', 524288n, 2049n],
    ['heap/2', 1n, 2n],
    ['heapprofile', 1n, 2n],
    ['heap/0', 0n, 2n],
  ])('records of %s are scaled by its rate', (sampling, period, objects) => {
    const { profile } = decode(`heap profile: 2: 1024 [2: 1024] @ ${sampling}\n2: 1024 [2: 1024] @ 0x401000\n`);
    expect(profile.period).toBe(period);
    expect(BigInt(profile.samples.values[0][0])).toBe(objects);
  });
});

describe('mutex events of which one in five was recorded', () => {
  const source = (root: string): string =>
    '--- mutex:\ncycles/second=2000000000\nsampling period=5\n' +
    `1000 3 @ 0x2\n#\t0x1\tsync.(*Mutex).Unlock+0x1\t${root}/src/sync/mutex.go:1\n\n`;

  test.each(['/usr/lib/go-1.19', '/usr/local/go1.15.3', '/root/sdk/go1.9'])(
    'are multiplied up to Go 1.19: %s',
    (root) => {
      const { profile, warnings } = decode(source(root));
      expect(profile.samples.values.map((column) => column[0])).toEqual([15, 2500]);
      expect(warnings).toEqual([]);
    },
  );

  test.each(['/usr/lib/go-1.20', '/root/sdk/go1.26.4', '/usr/local/go'])('are estimates since Go 1.20: %s', (root) => {
    const { profile, warnings } = decode(source(root));
    expect(profile.samples.values.map((column) => column[0])).toEqual([3, 500]);
    expect(warnings.map(({ code }) => code)).toEqual(['sampling-period']);
  });

  test('have nanoseconds though sampling was switched off since', () => {
    const { profile } = decode(source('/go').replace('period=5', 'period=0'));
    expect(profile.samples.values.map((column) => column[0])).toEqual([3, 500]);
  });
});

describe('the trailer', () => {
  test.each(['go1.15/heap.debug1.txt', 'go1.26/heap.debug1.txt', 'go1.27/heap.debug1.txt'])(
    'gives every number of MemStats that it holds: %s',
    (name) => {
      const bytes = fixture(name);
      const readings = new Map(decodeProfileText(bytes).memStats!.map((reading) => [reading.name, reading]));
      const lines = [...latin1(bytes).matchAll(/^# (\w+) = (\d[^\n]*)$/gm)];
      expect(lines.length).toBeGreaterThan(20);
      let numbers = 0;
      for (const [, field, value] of lines) {
        const pair = value.split(' / ');
        const names = pair.length === 2 ? [`${field}Inuse`, `${field}Sys`] : [field];
        names.forEach((own, i) => {
          expect(`${own} ${readings.get(own)?.value}`).toBe(`${own} ${pair[i]}`);
          numbers++;
        });
      }
      expect(readings.size).toBe(numbers);
      expect(readings.get('LastGC')).toMatchObject({ unit: 'unix-nanoseconds', type: 'gauge' });
      expect(readings.get('TotalAlloc')).toMatchObject({ unit: 'bytes', type: 'counter' });
    },
  );

  test('is null where there is none', () => {
    expect(decodeProfileText(fixture('go1.26/goroutine.debug1.txt')).memStats).toBeNull();
  });

  test('reads each field once, and leaves out numbers that are none', () => {
    const { memStats, warnings } = decode(
      'heap profile: 0: 0 [0: 0] @ heap/2\n# runtime.MemStats\n# Alloc = 18446744073709551615\n# Alloc = 1\n' +
        '# Sys = 18446744073709551616\n# Stack = 1\n# __proto__ = 3\n# NumGC = x\n',
    );
    expect(memStats).toEqual([{ name: 'Alloc', unit: 'bytes', type: 'gauge', value: 2n ** 64n - 1n }]);
    expect(warnings).toEqual([expect.objectContaining({ code: 'unreadable-lines', count: 3 })]);
  });
});

describe('hostile texts', () => {
  test('names of any bytes come through as they are', () => {
    const names = ['\u001b[31mred', '<script>', '__proto__', 'a\u0000b', 'toString', 'ключ+0x1', 'x +0x1 y'];
    const source = names.map((name, i) => `1 @ 0x9\n#\t0x${i + 1}\t${name}+0x1\t/${name}:7\n\n`).join('');
    const { profile } = decode(`goroutine profile: total ${names.length}\n${source}`);
    const { functions, strings } = profile;
    expect(Array.from(functions.name, (name) => strings.at(name))).toEqual(names);
    expect(profile.samples.count).toBe(names.length);
  });

  test('names beyond the budget are cut, and longer ones refused', () => {
    const source = (length: number): string =>
      `goroutine profile: total 1\n1 @ 0x9\n#\t0x1\t${'n'.repeat(length)}+0x1\t/a.go:7\n\n`;
    const cut = decode(source(100_000));
    expect(cut.warnings.map(({ code }) => code)).toEqual(['string-cut']);
    expect(cut.profile.strings.at(cut.profile.functions.name[0])).toHaveLength(defaultBudget.keptStringBytes + 1);
    expect(() => decode(source(2 ** 20 + 1))).toThrow(/stringBytes/);
  });

  test.each([
    ['samples', { samples: 1 }],
    ['stackEntries', { stackEntries: 1 }],
    ['locations', { locations: 1 }],
    ['functions', { functions: 1 }],
    ['strings', { strings: 2 }],
    ['stringTableBytes', { stringTableBytes: 5 }],
    ['labelsPerSample', { labelsPerSample: 1 }],
    ['inflatedBytes', { inflatedBytes: 10 }],
  ])('%s: what is over the limit is refused by its name', (limit, less) => {
    const bytes = fixture('go1.26/goroutine.debug1.txt');
    // A page is where the stack entries grow.
    const entries = limit === 'stackEntries' ? `3 @ 0x1\n${'#\t0x1\tf+0x1\ta:1\n'.repeat(5000)}` : '';
    const source = encode(latin1(bytes) + entries);
    expect(() => decodeProfileText(source, { ...defaultBudget, ...less })).toThrow(
      expect.objectContaining({ fault: 'over-budget', at: expect.objectContaining({ limit }) }),
    );
  });

  test('values at the ends of 64 bits stay exact', () => {
    const { profile } = decode(
      'x profile: total 9\n9223372036854775807 @ 0x1\n-9223372036854775808 @ 0x1\n9007199254740993 @ 0x1\n',
    );
    expect(Array.from(profile.samples.values[0], BigInt)).toEqual([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]);
  });

  test('a frame is known by its program counter and all that follows it', () => {
    const { profile } = decode(
      'x profile: total 4\n1 @ 0x9\n#\t0x1\ta+0x1\t\t/a.go:1\n\n1 @ 0x9\n#\t0x1\ta+0x1\t/a.go:1\n\n' +
        '1 @ 0x9\n#\t0x1\ta+0x1\t/a.go:2\n\n1 @ 0x9\n#\t0x1\tb+0x1\t/a.go:1\n\n',
    );
    expect(profile.locations.count).toBe(3);
    expect(profile.functions.count).toBe(2);
    expect(Array.from(profile.samples.stack)).toEqual([0, 0, 1, 2]);
  });

  test('a line number beyond 32 bits ends at their limit', () => {
    const { profile } = decode(`x profile: total 1\n1 @ 0x9\n#\t0x1\ta+0x1\t/a.go:${'9'.repeat(400)}\n\n`);
    expect(profile.locations.lineNumber[0]).toBe(2 ** 31 - 1);
  });
});
