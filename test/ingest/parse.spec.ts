import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { defaultBudget } from '../../src/formats/budget.js';
import { FormatError } from '../../src/formats/format-error.js';
import { inflateGzip } from '../../src/formats/inflate.js';
import { inflateNatively } from '../../src/ingest/native-inflate.js';
import { parse } from '../../src/ingest/parse.js';
import { type Declared, KindMismatch } from '../../src/ingest/parts/declared.js';
import { profileBytes } from './profiles.js';

const fixtures = fileURLToPath(new URL('../fixtures/pprof', import.meta.url));
const filesIn = (folder: string) =>
  readdirSync(path.join(fixtures, folder))
    .filter((name) => !name.endsWith('.json'))
    .map((name) => path.join(folder, name));
const valid = readdirSync(fixtures)
  .filter((folder) => folder !== 'malformed')
  .flatMap(filesIn);

const undeclared: Declared = {
  contentEncoding: 'identity',
  declaredKind: null,
  declaredDelta: null,
  name: null,
  aroundNanos: 0n,
};
const means = { budget: defaultBudget, inflate: inflateNatively };
const read = (file: string) => readFileSync(path.join(fixtures, file));

function faultOf(bytes: Uint8Array, declared: Partial<Declared> = {}): FormatError {
  try {
    parse(bytes, { ...undeclared, ...declared }, means);
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('it was parsed');
}

describe('every profile of the fixtures', () => {
  it.each(valid)('is one snapshot, the same by either inflate and through Content-Encoding: %s', (file) => {
    const bytes = read(file);
    const parts = parse(bytes, undeclared, means);
    expect(parts).toHaveLength(1);
    expect(parts[0].totals).toHaveLength(parts[0].stacks!.sampleTypes.length);
    expect(parse(bytes, undeclared, { ...means, inflate: inflateGzip })).toEqual(parts);
    expect(parse(gzipSync(bytes), { ...undeclared, contentEncoding: 'gzip' }, means)).toEqual(parts);
  });

  it('has the totals, the time and the columns that google/pprof finds', () => {
    const file = 'go1.27/heap.pb.gz';
    const golden = JSON.parse(read(`${file}.summary.json`).toString()) as Record<string, unknown>;
    const [part] = parse(read(file), undeclared, means);
    expect(part.kind).toBe('heap');
    expect(part.totals.map(Number)).toEqual(golden.Totals);
    expect(part.stacks!.sampleTypes.map(({ type, unit }) => `${type}/${unit}`)).toEqual(golden.SampleTypes);
    expect(Number(part.capturedAtNanos)).toBe(golden.TimeNanos);
    expect(part.details).toMatchObject({ period: String(golden.Period), counts: { samples: golden.Samples } });
  });
});

it.each(filesIn('malformed'))('broken bytes give parts or a FormatError, and never anything else: %s', (file) => {
  const outcome = () => {
    try {
      return parse(read(file), undeclared, means).length;
    } catch (error) {
      if (error instanceof FormatError) return error.message;
      throw error;
    }
  };
  expect(outcome()).toBeTruthy();
});

describe('what the sender says', () => {
  const heap = profileBytes({ inuse_space: 5n });

  it('decides between kinds that look alike, and is refused when it contradicts the bytes', () => {
    expect(parse(heap, { ...undeclared, declaredKind: 'allocs' }, means)[0].kind).toBe('allocs');
    expect(faultOf(heap, { declaredKind: 'goroutine' })).toBeInstanceOf(KindMismatch);
  });

  it('decides whether the values are deltas', () => {
    expect(parse(heap, undeclared, means)[0].delta).toBe(false);
    expect(parse(heap, { ...undeclared, declaredDelta: true }, means)[0].delta).toBe(true);
  });

  it('of the encoding is held against the bytes', () => {
    expect(faultOf(heap, { contentEncoding: 'gzip' }).fault).toBe('malformed');
    expect(faultOf(gzipSync(heap).subarray(0, -9), { contentEncoding: 'gzip' }).fault).toBe('truncated');
    expect(faultOf(gzipSync(Buffer.alloc(65 * 1024 * 1024)), { contentEncoding: 'gzip' })).toMatchObject({
      fault: 'over-budget',
      at: { limit: 'inflateRatio' },
    });
    expect(faultOf(gzipSync(gzipSync(heap))).fault).toBe('malformed');
  });
});

describe('bytes that are no profile are quoted, harmlessly', () => {
  it.each([
    ['404 page not found\n', 'an HTTP error'],
    ['what is this?\nsecond line', 'it begins with "what is this?"'],
    [`${'no profile '.repeat(50)}`, `it begins with "${'no profile '.repeat(50).slice(0, 120)}…"`],
    ['\u001b]0;title\u0007rest of the line', 'it begins with "\\u{1b}]0;title\\u{7}rest of the line"'],
  ])('%j', (text, expected) => {
    expect(faultOf(Buffer.from(text))).toMatchObject({
      fault: 'unrecognized',
      message: expect.stringContaining(expected),
    });
    expect(faultOf(gzipSync(text)).message).toContain(expected);
  });

  it('but not when they are binary', () => {
    expect(faultOf(Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 91 + 250) % 256))).message).not.toContain(
      'begins',
    );
  });
});

it('a dump of goroutines is meant by whoever declares goroutine, and a heap profile is not', () => {
  const dump = Buffer.from('goroutine 7 [chan receive, 3 minutes]:\nmain.wait()\n\t/src/main.go:9 +0x1d\n');
  const [part] = parse(dump, { ...undeclared, declaredKind: 'goroutine' }, means);
  expect(part.kind).toBe('goroutine-dump');
  expect(() => parse(dump, { ...undeclared, declaredKind: 'heap' }, means)).toThrow(KindMismatch);
});

describe('a log whose lines have no time', () => {
  const log = Buffer.from(
    'gc 1 @1.000s 3%: 0.010+0.25+0.16 ms clock, 0.030+0.020/0.10/0+0.50 ms cpu, 4->4->2 MB, 4 MB goal, 4 P\n' +
      'SCHED 3000ms: gomaxprocs=4 idleprocs=4 threads=5 spinningthreads=0 needspinning=0 idlethreads=3 runqueue=0 [0 0 0 0]\n',
  );
  const second = 1_000_000_000n;
  const momentsOf = (declared: Partial<Declared>) =>
    parse(log, { ...undeclared, ...declared }, means).map(({ kind, capturedAtNanos, series: [{ anchor, table }] }) => ({
      kind,
      capturedAtNanos,
      anchor,
      seconds: Math.round(Number(table.atNanos[0]) / 1e9),
    }));

  it('counts from the start of the process where that is given', () => {
    const around = { aroundNanos: 1_000n * second, processStartNanos: 500n * second };
    const [gc, sched] = momentsOf(around);
    expect(gc).toMatchObject({ kind: 'gctrace', anchor: 'time', seconds: 501 });
    expect(sched).toEqual({ kind: 'schedtrace', anchor: 'time', seconds: 503, capturedAtNanos: 503n * second });
  });

  it('ends at the capture otherwise, all that is in it by one clock', () => {
    expect(momentsOf({ aroundNanos: 1_000n * second })).toEqual([
      { kind: 'gctrace', capturedAtNanos: null, anchor: 'capture', seconds: -2 },
      { kind: 'schedtrace', capturedAtNanos: null, anchor: 'capture', seconds: 0 },
    ]);
  });
});
