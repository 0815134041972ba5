import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { StoredTrace } from '../../src/analysis/trace/trace-content.js';
import { peaks } from '../../src/analysis/trace/trace-content.js';
import { type Budget, defaultBudget } from '../../src/formats/budget.js';
import { FormatError } from '../../src/formats/format-error.js';
import { inflateNatively } from '../../src/ingest/native-inflate.js';
import { parse } from '../../src/ingest/parse.js';
import type { ParsedPart } from '../../src/ingest/parsed-part.js';
import { type Declared, KindMismatch } from '../../src/ingest/parts/declared.js';
import { event, noThread, TraceBuilder } from '../builders/trace-builder.js';
import { goldenTraces, traceBytes } from '../formats/trace-fixtures.js';

const undeclared: Declared = {
  contentEncoding: 'identity',
  declaredKind: null,
  declaredDelta: null,
  name: null,
  aroundNanos: 0n,
};

function partsOf(bytes: Uint8Array, declared: Partial<Declared> = {}, budget: Budget = defaultBudget): ParsedPart[] {
  return parse(bytes, { ...undeclared, ...declared }, { budget, inflate: inflateNatively });
}

function faultOf(read: () => unknown): FormatError {
  try {
    read();
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('it was parsed');
}

const busy = traceBytes('go1.26-cpusamples.trace');

describe.each(goldenTraces().filter(({ golden }) => (golden.Goroutines?.length ?? 0) > 0))(
  'the trace $name',
  ({ path, golden }) => {
    const [trace, cpu, ...others] = partsOf(readFileSync(path));
    const content = trace.content as StoredTrace;

    it('is one snapshot, and a CPU profile if it has samples', () => {
      expect(trace).toMatchObject({ kind: 'exectrace', delta: true, details: { format: 'exectrace', losses: [] } });
      expect(cpu?.kind).toBe((golden.StackSamples ?? 0) > 0 ? 'cpu' : undefined);
      expect(others).toEqual([]);
    });

    it('is as long, and began when, and counts what Go says', () => {
      expect(trace.durationNanos).toBe(BigInt(golden.LastTime - golden.FirstTime));
      expect(trace.capturedAtNanos === null).toBe((golden.ClockSnapshots ?? []).length === 0);
      expect(content.events).toBe(golden.Events);
      expect(content.events_by_kind.reduce((sum, { count }) => sum + count, 0)).toBe(golden.Events);
      expect(content.duration_nanos).toBe(Number(trace.durationNanos));
    });

    it('has four delays by stack, whose totals are their sums', () => {
      const { stacks, totals } = trace;
      expect(stacks!.sampleTypes.map(({ type, unit }) => `${type}/${unit}`)).toEqual([
        'sync/nanoseconds',
        'network/nanoseconds',
        'syscall/nanoseconds',
        'scheduler/nanoseconds',
      ]);
      const sums = stacks!.values.map((column) => Array.from(column, BigInt).reduce((a, b) => a + b, 0n));
      expect(totals).toEqual(sums);
      const { nodes, tree } = stacks!;
      expect(nodes.every((node, row) => row === 0 || node > nodes[row - 1])).toBe(true);
      expect(tree.parent.every((parent, node) => parent < node)).toBe(true);
    });

    it('has the heap over time, at most 2,000 moments, in order and inside the trace', () => {
      const isKnown = golden.Metrics?.['/memory/classes/heap/objects:bytes'] !== undefined;
      expect(trace.series).toHaveLength(isKnown ? 1 : 0);
      if (!isKnown) return;
      const [{ source, anchor, table }] = trace.series;
      expect(source).toBe('exectrace');
      expect(anchor).toBe(trace.capturedAtNanos === null ? 'capture' : 'time');
      const { atNanos, columns } = table;
      expect(atNanos.length).toBeLessThanOrEqual(2_000);
      expect(atNanos.every((at, row) => row === 0 || at > atNanos[row - 1])).toBe(true);
      const first = trace.capturedAtNanos ?? -trace.durationNanos;
      expect(atNanos[0] >= first && atNanos[atNanos.length - 1] <= first + trace.durationNanos).toBe(true);
      const heap = columns.find(({ name }) => name === '/memory/classes/heap/objects:bytes')!;
      expect(Number(heap.values[heap.values.length - 1])).toBe(golden.Metrics[heap.name]);
    });

    it('is content that JSON holds whole', () => {
      expect(JSON.parse(JSON.stringify(content))).toEqual(content);
    });
  },
);

describe('an execution trace as an upload', () => {
  it('is the same through any of the ways in which it may be wrapped', () => {
    const parts = partsOf(busy);
    const zipped = gzipSync(busy);
    expect(partsOf(zipped)).toEqual(parts);
    expect(partsOf(zipped, { contentEncoding: 'gzip' })).toEqual(parts);
    expect(partsOf(gzipSync(zipped), { contentEncoding: 'gzip' })).toEqual(parts);
    expect(partsOf(Buffer.concat([gzipSync(busy.subarray(0, 50_001)), gzipSync(busy.subarray(50_001))]))).toEqual(
      parts,
    );
  });

  it('counts each CPU sample as the period of 100 Hz, and says that this is assumed', () => {
    const [trace, cpu] = partsOf(busy);
    expect(cpu.totals).toEqual([18n, 180_000_000n]);
    expect(cpu).toMatchObject({
      delta: false,
      durationNanos: trace.durationNanos,
      details: { period: '10000000', periodType: { type: 'cpu', unit: 'nanoseconds' } },
    });
    expect(cpu.details.warnings.map(({ code }) => code)).toEqual(['assumed-period']);
    expect((trace.content as StoredTrace).cpu_samples).toBe(18);
  });

  it('says that its end is taken for the capture where it has no clock', () => {
    const [trace] = partsOf(traceBytes('go1.22-mixed.trace'));
    expect(trace.capturedAtNanos).toBeNull();
    expect(trace.details.warnings.map(({ code }) => code)).toEqual(['clock']);
    expect(partsOf(busy)[0].details.warnings).toEqual([]);
  });

  it('may be declared as what it is, or as the CPU profile in it, and as nothing else', () => {
    expect(partsOf(busy, { declaredKind: 'exectrace' })).toHaveLength(2);
    expect(partsOf(busy, { declaredKind: 'cpu' })).toHaveLength(2);
    expect(faultOf(() => partsOf(busy, { declaredKind: 'heap' }))).toBeInstanceOf(KindMismatch);
  });

  it('keeps 64-bit ids and hostile names as they are', () => {
    const data = [...event(13, 1, 0, 1), ...event(25, 1, 1, noThread, 2), ...event(14, 5, 2n ** 63n, 1, 0)];
    const builder = new TraceBuilder().batch(1, 5, 10, [...data, ...event(44, 5, 0, 2, 3, 0)]).sync(1);
    builder
      .strings(1, { 1: '<script>\u001b[31m', 2: '__proto__', 3: 'a\u0000b' })
      .stacks(1, { 1: [[1, 0, 7]] })
      .end();
    const content = partsOf(builder.bytes())[0].content as StoredTrace;
    expect(content.goroutines.map(({ id }) => id)).toContain('9223372036854775808');
    expect(content.goroutines.map(({ name }) => name)).toContain('<script>\u001b[31m');
    expect(content.annotations.logs).toMatchObject([{ category: '__proto__', message: 'a\u0000b' }]);
    expect(content.annotations.log_counts).toEqual([{ category: '__proto__', count: 1 }]);
  });
});

describe('a damaged trace', () => {
  it.each([
    ['cut', busy.subarray(0, busy.length - 100)],
    ['cut inside gzip', gzipSync(busy, { level: 1 }).subarray(0, -200)],
    ['followed by something else', Buffer.concat([busy, Buffer.from('garbage')])],
  ])('that is %s is kept up to there, and says up to which generation it is usable', (_, bytes) => {
    const [trace] = partsOf(bytes);
    expect(trace.details.losses).toHaveLength(1);
    const [{ code, detail }] = trace.details.losses;
    expect(['truncated', 'malformed']).toContain(code);
    expect(detail).toMatch(/; the trace is usable up to generation \d+ \(\d in all\)$/);
    expect((trace.content as StoredTrace).goroutine_count).toBeGreaterThan(10);
  });

  it('with a wrong checksum of its gzip is whole, with a loss', () => {
    const zipped = gzipSync(busy);
    zipped[zipped.length - 6] ^= 1;
    const [trace] = partsOf(zipped);
    expect(trace.details.losses).toMatchObject([{ code: 'malformed' }]);
    expect(trace.content).toEqual(partsOf(busy)[0].content);
  });

  it('of which no generation can be read is refused', () => {
    expect(faultOf(() => partsOf(busy.subarray(0, 5_000))).fault).toBe('truncated');
    expect(faultOf(() => partsOf(busy.subarray(0, 16))).fault).toBe('truncated');
    const broken = Uint8Array.from(busy);
    broken.fill(0xff, 20, 60);
    expect(faultOf(() => partsOf(broken)).fault).toBe('malformed');
  });

  it('gives parts or a FormatError wherever it is cut, and never anything else', () => {
    const bytes = traceBytes('go1.26-coroutines.trace');
    const zipped = gzipSync(bytes);
    for (let end = 16; end < bytes.length; end += 997) {
      for (const cut of [bytes.subarray(0, end), zipped.subarray(0, Math.min(end, zipped.length - 1))]) {
        try {
          expect(partsOf(cut)[0].details.losses).toHaveLength(1);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }
    }
  });
});

describe('the size of a trace', () => {
  it('is bounded by a limit of its own, by name, plain or inflated; what came before is kept', () => {
    const small = { ...defaultBudget, inflatedBytes: 1_000, inflatedTraceBytes: busy.length - 1 };
    for (const bytes of [busy, gzipSync(busy)]) {
      expect(faultOf(() => partsOf(bytes, {}, { ...small, inflatedTraceBytes: 1_000 }))).toMatchObject({
        fault: 'over-budget',
        at: { limit: 'inflatedTraceBytes', allowed: 1_000 },
      });
      const [trace] = partsOf(bytes, {}, small);
      expect(trace.details.losses[0]).toMatchObject({ code: 'over-budget' });
      expect(trace.details.losses[0].detail).toMatch(/^inflatedTraceBytes: .* usable up to generation/);
    }
    expect(partsOf(gzipSync(busy), {}, { ...small, inflatedTraceBytes: busy.length })[0].details.losses).toEqual([]);
  });

  it('cannot be blown up by gzip', () => {
    const bomb = gzipSync(Buffer.concat([busy, Buffer.alloc(40 * 1024 * 1024)]));
    expect(gunzipSync(bomb).length).toBeGreaterThan(40e6);
    // The zeros are no batch, so that reading ends with the first of them.
    expect(partsOf(bomb)[0].details.losses[0].code).toBe('malformed');
  });
});

it('a heap over time is thinned so that its peaks and its end stay', () => {
  const heap = Array.from({ length: 1_000 }, (_, time) => ({ time, heapBytes: time === 617 ? 9e9 : 5, goalBytes: 7 }));
  const thin = peaks(heap, 100);
  expect(thin.length).toBeLessThanOrEqual(100);
  expect(thin.some(({ heapBytes }) => heapBytes === 9e9)).toBe(true);
  expect(thin[thin.length - 1].time).toBe(999);
  expect(peaks(heap, 1_000)).toBe(heap);
});
