import { isDeepStrictEqual } from 'node:util';
import { serialize } from 'node:v8';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { FormatError } from '../../src/formats/format-error.js';
import { goroutineDumpLimits } from '../../src/formats/goroutine-dump/limits.js';
import { isGzip } from '../../src/formats/inflate.js';
import { parse } from '../../src/ingest/parse.js';
import type { ParsedPart } from '../../src/ingest/parsed-part.js';
import { KindMismatch } from '../../src/ingest/parts/declared.js';
import { faultOf, valueOrFault } from '../formats/fault-of.js';
import { type Artefact, artefact, artefacts, bare, means, read, undeclared } from './artefacts.js';

const all = artefacts();
const whole = all.filter(
  (each): each is Artefact & { holds: readonly ParsedPart['kind'][] } => typeof each.holds === 'object',
);
const byFormat = (format: string, bytes: Uint8Array) => read(bytes).some((part) => part.details.format === format);

describe('every artefact', () => {
  it.each(whole)('$name is recognised for what it holds: $holds', ({ bytes, holds }) => {
    const parts = read(bytes);
    expect(parts.map(({ kind }) => kind)).toEqual(holds);
    for (const part of parts) expectSound(part);
  });

  it('that says nothing of a Go process is unrecognized', () => {
    for (const { name, bytes } of all.filter(({ holds }) => holds === 'unrecognized')) {
      expect([name, faultOf(() => read(bytes)).fault]).toEqual([name, 'unrecognized']);
    }
  });

  // The largest take seconds, and say nothing that the others do not say.
  const handy = whole.filter(({ bytes }) => bare(bytes).length < 300_000);

  it.each(handy)('$name is the same through gzip, through Content-Encoding and under any name', ({ bytes }) => {
    const parts = read(bytes);
    const plain = bare(bytes);
    expectSame(read(plain), parts);
    expectSame(read(gzipSync(plain)), parts);
    expectSame(read(gzipSync(bytes), { contentEncoding: 'gzip' }), parts);
    expectSame(read(bytes, { name: '../\u0000\u001b[31m<img src=x>/goroutine.pb.gz' }), parts);
  });

  const texts = handy.filter(({ bytes }) => !byFormat('pprof', bytes));

  it.each(texts)('$name is the same behind a byte order mark and with CR LF', ({ bytes }) => {
    const plain = Buffer.from(bare(bytes));
    const parts = withoutOffsets(read(plain));
    const bom = Uint8Array.of(0xef, 0xbb, 0xbf);
    expectSame(withoutOffsets(read(Buffer.concat([bom, plain]))), parts);
    if (plain.includes(13)) return;
    const crlf = Buffer.from(plain.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
    expectSame(withoutOffsets(read(crlf)), parts);
    expectSame(withoutOffsets(read(Buffer.concat([bom, crlf]))), parts);
  });
});

describe('whatever is done to an artefact', () => {
  // One of each kind and form: what breaks one breaks its like.
  const small = [
    'pprof/go1.26/heap.pb.gz',
    'pprof/go1.26/cpu-uncompressed.pb',
    'pprof/go1.27/goroutine.pb.gz',
    'profile-text/go1.26/block.debug1.txt',
    'profile-text/go1.15/heap.debug1.txt',
    'profile-text/go1.23/goroutine.debug1.txt',
    'goroutine-dumps/go1.26/panic-error-labels.txt',
    'goroutine-dumps/damaged/sigquit-docker-json.log',
    'logs/go1.26/gctrace-leak.log',
    'logs/malformed/gctrace-prefixed.log',
    'logs/go1.26/schedtrace.log',
    'logs/go1.26/scheddetail.log',
    'json/go1.26/memstats.json',
    'json/go1.26/expvar.json',
    'json/go1.26/gcstats.json',
    'json/go1.26/buildinfo.json',
    'json/go1.26/same-moment.ndjson',
    'json/go1.19/metrics.json',
    'prometheus/prometheus-default.prom',
    'process-memory/proc-pid-status.txt',
    'process-memory/cgroup1-memory.stat.txt',
    'process-memory/ps-e-pid-rss-vsize-comm.txt',
  ].map(artefact);

  const damages = fc.array(
    fc.record({
      how: fc.constantFrom('cut', 'head', 'flip', 'byte', 'drop', 'copy', 'swap lines', 'double', 'append'),
      a: fc.nat(),
      b: fc.nat(),
    }),
    { minLength: 1, maxLength: 6 },
  );

  it('there are parts that are sound, or one of four faults; and neither is larger than what was sent allows', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(fc.nat(small.length - 1), fc.boolean(), damages, (which, inside, steps) => {
        const source = small[which];
        // Inside its gzip layer, where the damage is seen, or with it.
        const start = inside ? bare(source) : source;
        const bytes = steps
          .reduce((done, { how, a, b }) => damaged(done, how, a, b, small), start)
          .subarray(0, 300_000);
        const outcome = valueOrFault(() => read(bytes));
        kinds.add(outcome instanceof FormatError ? outcome.fault : 'parts');
        if (outcome instanceof FormatError) expectHonest(outcome, bytes);
        else expectBounded(outcome, bytes);
      }),
      { numRuns: 1200, seed: 20261124 },
    );
    expect([...kinds]).toEqual(expect.arrayContaining(['parts', 'unrecognized', 'malformed', 'truncated']));
  });

  it('two artefacts in one file: what follows a log is its own, and what is left out of anything else is told', () => {
    // What wraps the lines of a log is told by its first ones, so that logs in two wrappings are not one log.
    const texts = small.filter(
      (bytes) => !isGzip(bytes) && !byFormat('pprof', bytes) && !Buffer.from(bytes.subarray(0, 99)).includes('2026-'),
    );
    for (const first of texts) {
      for (const second of texts) {
        const outcome = valueOrFault(() => read(Buffer.concat([first, second])));
        if (outcome instanceof FormatError) {
          expect(outcome).toMatchObject({
            fault: 'malformed',
            message: expect.stringContaining('another profile begins'),
          });
          continue;
        }
        const kinds = outcome.map(({ kind }) => kind);
        const held = [first, second].flatMap((bytes) => read(bytes).map(({ kind }) => kind));
        expect(held).toEqual(expect.arrayContaining(kinds));
        const missing = held.filter((kind) => !kinds.includes(kind));
        // A log is found wherever it stands. It may have anything else between its lines.
        const isLog = (kind: string) => ['gctrace', 'schedtrace', 'goroutine-dump'].includes(kind);
        expect(missing.filter(isLog)).toEqual([]);
        const notes = outcome.flatMap(({ details }) => [...details.warnings, ...details.losses]);
        // `cache 4096` of a control group is a line of a page of metrics, too.
        const isPage = outcome[0].details.format === 'prometheus';
        if (missing.length > 0 && !kinds.some(isLog) && !isPage) expect(notes).not.toEqual([]);
      }
    }
  });

  it('an artefact that comes twice is one of twice the moments, or refused, or says what it leaves out', () => {
    const memStats = artefact('json/go1.26/memstats.json');
    const [once] = read(memStats);
    const [twice] = read(Buffer.concat([memStats, memStats]));
    expect(twice.details.losses).toEqual([expect.objectContaining({ code: 'unknown-time' })]);
    expect(twice.series).toEqual(once.series);
    const status = artefact('process-memory/proc-pid-status.txt');
    const [{ details }] = read(Buffer.concat([status, status]));
    expect(details.warnings).toEqual([expect.objectContaining({ code: 'repeated-values' })]);
    const dump = artefact('goroutine-dumps/go1.26/goroutine.debug2.txt');
    expect(read(Buffer.concat([dump, dump])).map(({ totals }) => totals[0])).toEqual([31n, 31n]);
  });

  it('a limit of the budget is named, with what was met and what is allowed', () => {
    const tight = { ...means, budget: { ...means.budget, inflatedBytes: 1000, samples: 1, messages: 10, strings: 5 } };
    for (const bytes of small.filter(isGzip)) {
      expect(faultOf(() => parse(bytes, undeclared, tight)).at.limit).toBe('inflatedBytes');
    }
    const { at } = faultOf(() => parse(artefact('pprof/go1.26/cpu-uncompressed.pb'), undeclared, tight));
    expect(at.actual).toBeGreaterThan(at.allowed!);
  });

  it('what is compressed is inflated once, and at most to the budget', () => {
    for (const bytes of [...small, ...all.filter(({ holds }) => holds === 'broken').map((each) => each.bytes)]) {
      for (const wrapped of [bytes, gzipSync(bytes)]) {
        let allowed = 0;
        let calls = 0;
        valueOrFault(() =>
          parse(wrapped, undeclared, {
            ...means,
            inflate: (input, most) => {
              calls++;
              allowed += most;
              return means.inflate(input, most);
            },
          }),
        );
        expect(calls).toBeLessThanOrEqual(1);
        expect(allowed).toBeLessThanOrEqual(means.budget.inflatedBytes);
      }
    }
  });
});

describe('a text that is long', () => {
  const MiB = 2 ** 20;
  const long = (unit: string, mebibytes = 4) => Buffer.alloc(mebibytes * MiB, unit);

  it.each([
    ['one line', long('x', 64), 'unrecognized'],
    ['one line of JSON', long('{"a":', 16), 'unrecognized'],
    ['one line of brackets', long('[', 16), 'unrecognized'],
    ['blank lines', long('\n', 64), 'truncated'],
    ['blanks', long(' \t'), 'truncated'],
    ['a byte order mark and blank lines', Buffer.concat([Buffer.from('\ufeff'), long('\r\n', 1)]), 'truncated'],
    ['headers of profiles', long('heap profile: 1: 2 [3: 4] @ heap/524288\n'), 'malformed'],
    ['one sample again and again', long('go_goroutines 1\n'), 'over-budget'],
    ['one metric again and again', long('/gc/heap/goal:bytes 4194304\n'), 'over-budget'],
  ] as const)('%s', (_, bytes, fault) => {
    expect(faultOf(() => read(bytes)).fault).toBe(fault);
  });

  it('is no profile because its letters could be the fields of one', () => {
    for (const unit of ['x', '\n', 'HPX', 'h a', '"""'])
      expect(faultOf(() => read(long(unit, 1))).fault).not.toBe('over-budget');
  });

  it('is a log though its first line of Go comes after five mebibytes', () => {
    const gc = artefact('logs/go1.26/gctrace-leak.log');
    const lines = [
      'hello, there is nothing to see\n',
      '2026/11/23 15:20:00 GET /v1/items/id:77 200 ok\n',
      '\tat /srv/app/main.go:11 1\n',
    ];
    for (const line of lines) {
      const [part] = read(Buffer.concat([long(line, 5), gc]));
      expect([part.kind, part.details.counts.cycles]).toEqual(['gctrace', read(gc)[0].details.counts.cycles]);
    }
  });

  it('begins with the hole that copying and truncating a log leaves', () => {
    const gc = artefact('logs/go1.26/gctrace-leak.log');
    expect(read(Buffer.concat([Buffer.alloc(20_000), gc]))).toEqual(read(gc));
  });

  it('of goroutines has no more parts than the limit of dumps', () => {
    const parts = read(long('goroutine 1 [running]:\n', 1));
    expect(parts).toHaveLength(goroutineDumpLimits.dumps);
    expect(parts[0].details.losses).toContainEqual(expect.objectContaining({ code: 'dumps-dropped' }));
  });

  it('of moments with names of their own gives no table that is the square of it', () => {
    const lines = Array.from(
      { length: 20_000 },
      (_, i) => `{"time":${1_795_478_400 + i},"memstats":{"HeapAlloc":${i}},"own${i}":1}`,
    );
    const [part] = read(Buffer.from(lines.join('\n')));
    const [{ table }] = part.series;
    expect(table.atNanos).toHaveLength(20_000);
    expect(table.columns.length).toBeLessThan(300);
    const left = part.details.losses.find(({ code }) => code === 'left-out')!;
    expect(left.count + table.columns.length).toBe(20_002);
  });
});

describe('what is of no Go process is unrecognized, and quoted so that it is harmless', () => {
  const texts: readonly (readonly [string, string, string])[] = [
    ['a README', '# Checkout\n\nThe service that `go build` makes. See goroutine 1 in the docs.\n', '"# Checkout"'],
    ['a package.json', '{\n  "name": "checkout",\n  "version": "1.0.0"\n}\n', '"{"'],
    [
      'the log of nginx',
      '10.0.0.7 - - [23/Nov/2026:15:20:00 +0000] "GET /debug/pprof/heap?debug=1 HTTP/1.1" 200 612 "-" "curl/8.5.0"\n'.repeat(
        300,
      ),
      '"10.0.0.7 - - [23/Nov/2026:15:20:00 +0000] ',
    ],
    [
      'the threads of a Java process',
      '2026-11-23 15:20:00\nFull thread dump OpenJDK 64-Bit Server VM (21.0.2+13 mixed mode):\n\n' +
        '"main" #1 [7] prio=5 os_prio=0 cpu=812.11ms elapsed=99.02s tid=0x00007f0a nid=7 waiting on condition  [0x00007f0b]\n' +
        '   java.lang.Thread.State: TIMED_WAITING (sleeping)\n\tat java.lang.Thread.sleep0(java.base@21/Native Method)\n\n',
      '"2026-11-23 15:20:00"',
    ],
    [
      'an exception of Java',
      'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space\n\tat Main.main(Main.java:7)\n',
      '"Exception in thread "main" ',
    ],
    [
      'an exception of Python',
      'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in <module>\n    main()\nMemoryError\n',
      '"Traceback (most recent call last):"',
    ],
    ['a table', 'time,heap,goroutines\n2026-11-23T15:20:00Z,1048576,12\n', '"time,heap,goroutines"'],
    ['lines of JSON', '{"level":"info","msg":"GC is fine","goroutine":1}\n'.repeat(50), '"{"level":"info"'],
    ['blank lines and then words', '\n\n  hello\n', '"hello"'],
    [
      'what moves the cursor',
      '\u001b[2J\u001b[1;31mhello\u0007 you there, how are you\n',
      '"\\u{1b}[2J\\u{1b}[1;31mhello\\u{7} you',
    ],
    ['NUL', 'name\u0000of the thing that follows\n', '"name\\u{0}of the thing'],
    ['HTML', 'see <script>alert(1)</script>\n', '"see \\u{3c}script>alert(1)\\u{3c}/script>"'],
    ['what turns the direction of writing', 'abc\u202edef ghi jkl\n', '"abc\\u{202e}def'],
    ['a number', '338421248\n', 'what a number means shows in the name of its file alone'],
  ];

  it.each(texts)('%s', (_, text, quoted) => {
    for (const bytes of [Buffer.from(text), gzipSync(text), Buffer.from(`\ufeff${text}`)]) {
      const fault = faultOf(() => read(bytes));
      expect(fault).toMatchObject({ fault: 'unrecognized', message: expect.stringContaining(quoted) });
      expectHonest(fault, bytes);
    }
  });
});

describe('a file that its name alone explains', () => {
  it.each([
    ['memory.current', '338421248\n', { name: 'memory.current', value: 338421248n }],
    ['sys/fs/cgroup/memory.peak', '338421249', { name: 'memory.peak', value: 338421249n }],
    ['memory.usage_in_bytes', '5\n', { name: 'memory.usage_in_bytes', value: 5n }],
    ['proc/7/status', 'VmRSS:\t   12 kB\n', { name: 'VmRSS', value: 12288n }],
  ])('%s', (name, text, reading) => {
    const [part, ...others] = read(Buffer.from(text), { name });
    expect(others).toEqual([]);
    expect(part.kind).toBe('process-memory');
    const [column] = part.series[0].table.columns;
    expect({ name: column.name, value: column.values[0] }).toEqual(reading);
    expect(faultOf(() => read(Buffer.from(text))).fault).toBe('unrecognized');
  });

  it('a limit that is not set gives no series, and is told', () => {
    const [part] = read(Buffer.from('max\n'), { name: 'memory.max' });
    expect(part.series).toEqual([]);
    expect(part.content).toMatchObject({ processes: [{ unlimited: ['memory.max'] }] });
  });

  it('is broken when it holds something else', () => {
    expect(faultOf(() => read(Buffer.from('hello\n'), { name: 'memory.current' })).fault).toBe('malformed');
  });
});

describe('the kind that the sender declares', () => {
  it('may be that of any part', () => {
    const heap = artefact('profile-text/go1.15/heap.debug1.txt');
    const mixed = artefact('logs/go1.26/mixed.log');
    const kinds = (bytes: Uint8Array, declaredKind: ParsedPart['kind']) =>
      read(bytes, { declaredKind }).map(({ kind }) => kind);
    expect(kinds(heap, 'heap')).toEqual(['heap', 'memstats']);
    expect(kinds(heap, 'allocs')).toEqual(['allocs', 'memstats']);
    expect(kinds(heap, 'memstats')).toEqual(['heap', 'memstats']);
    for (const kind of ['gctrace', 'schedtrace'] as const)
      expect(kinds(mixed, kind)).toEqual(['gctrace', 'schedtrace']);
  });

  it.each([
    ['profile-text/go1.15/heap.debug1.txt', 'gctrace', 'declared gctrace but is heap, memstats'],
    ['profile-text/go1.15/heap.debug1.txt', 'goroutine', 'declared goroutine but is a heap profile in text form'],
    ['logs/go1.26/mixed.log', 'heap', 'declared heap but is gctrace, schedtrace'],
    ['goroutine-dumps/go1.26/goroutine.debug2.txt', 'goroutineleak', 'declared goroutineleak but is goroutine-dump'],
    ['goroutine-dumps/damaged/sigquit-twice.log', 'cpu', 'declared cpu but is goroutine-dump'],
    ['json/go1.26/memstats.json', 'heap', 'declared heap but is memstats'],
    ['pprof/go1.26/heap.pb.gz', 'memstats', 'declared memstats but is a heap profile'],
  ] as const)('%s is not %s', (name, declaredKind, message) => {
    const fault = faultOf(() => read(artefact(name), { declaredKind }));
    expect(fault).toBeInstanceOf(KindMismatch);
    expect(fault.message).toContain(message);
  });
});

type How = 'cut' | 'head' | 'flip' | 'byte' | 'drop' | 'copy' | 'swap lines' | 'double' | 'append';

function damaged(bytes: Uint8Array, how: How, a: number, b: number, others: readonly Uint8Array[]): Uint8Array {
  if (bytes.length < 2) return bytes;
  const at = a % bytes.length;
  switch (how) {
    case 'cut':
      return bytes.slice(0, at);
    case 'head':
      return bytes.slice(at);
    case 'flip': {
      const copy = bytes.slice();
      copy[at] ^= 1 << (b & 7);
      return copy;
    }
    case 'byte': {
      const copy = bytes.slice();
      copy[at] = b & 255;
      return copy;
    }
    case 'drop':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + (b % 200))]);
    case 'copy': {
      const to = b % bytes.length;
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, at + 200), bytes.subarray(to)]);
    }
    case 'swap lines': {
      const lines = Buffer.from(bytes).toString('latin1').split('\n');
      const [x, y] = [a % lines.length, b % lines.length];
      [lines[x], lines[y]] = [lines[y], lines[x]];
      return Buffer.from(lines.join('\n'), 'latin1');
    }
    case 'double':
      return Buffer.concat([bytes, bytes]);
    case 'append':
      return Buffer.concat([bytes, others[b % others.length]]);
  }
}

/** A fault tells one of four things, and where, in words that may be shown anywhere. */
function expectHonest({ fault, message, at }: FormatError, bytes: Uint8Array): void {
  expect(['unrecognized', 'malformed', 'truncated', 'over-budget']).toContain(fault);
  expect(message.length).toBeLessThan(1000);
  expect(message).not.toMatch(/[\p{Cc}\p{Cf}<]/u);
  if (fault === 'over-budget') expect(at.limit).toBeDefined();
  if (at.offset !== undefined) expect(at.offset).toBeLessThanOrEqual(Math.max(bytes.length, inflatedLength(bytes)));
}

function inflatedLength(bytes: Uint8Array): number {
  const inflated = valueOrFault(() => means.inflate(bytes, means.budget.inflatedBytes));
  return inflated instanceof FormatError ? means.budget.inflatedBytes : inflated.length;
}

/** What comes back is at most so many times as large as what was read, and some kilobytes. */
const growth = 24;

function expectBounded(parts: readonly ParsedPart[], bytes: Uint8Array): void {
  expect(parts.length).toBeGreaterThan(0);
  for (const part of parts) expectSound(part);
  const length = isGzip(bytes) ? inflatedLength(bytes) : bytes.length;
  expect(serialize(parts).length).toBeLessThan(growth * length + 64 * 1024);
}

function expectSame(actual: unknown, expected: unknown): void {
  // Much faster than toEqual, which then shows the difference.
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

/** Offsets are of the bytes as they were sent, so they differ with every byte that is added. */
function withoutOffsets(parts: readonly ParsedPart[]): unknown {
  return parts.map(({ details, ...part }) => ({
    ...part,
    details: JSON.parse(JSON.stringify(details).replaceAll(/\b(at )?byte \d+/g, 'byte N')) as unknown,
  }));
}

/** What holds of every part whatever it was read from. */
function expectSound({ stacks, totals, series, details, kind }: ParsedPart): void {
  if (stacks !== null) {
    expect(totals).toHaveLength(stacks.sampleTypes.length);
    for (const column of stacks.values) expect(column).toHaveLength(stacks.nodes.length);
  }
  for (const { table } of series) {
    for (let row = 1; row < table.atNanos.length; row++) {
      if (table.atNanos[row] < table.atNanos[row - 1]) throw new Error(`${kind}: moments are not in order`);
    }
    for (const { values, present } of table.columns) {
      expect(values).toHaveLength(table.atNanos.length);
      if (present !== null) expect(present).toHaveLength(table.atNanos.length);
    }
  }
  for (const note of [...details.warnings, ...details.losses]) expect(note.count).toBeGreaterThan(0);
}
