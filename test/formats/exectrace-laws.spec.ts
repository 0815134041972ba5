import fc from 'fast-check';
import {
  eventKind,
  type TraceEvent,
  type TraceGeneration,
  type TraceSink,
} from '../../src/formats/exectrace/events.js';
import { type TraceLimits, traceLimits } from '../../src/formats/exectrace/limits.js';
import { TraceReader } from '../../src/formats/exectrace/reader.js';
import { FormatError } from '../../src/formats/format-error.js';
import { TraceSummarizer } from '../../src/analysis/trace/summarizer.js';
import { TraceWindow } from '../../src/analysis/trace/window.js';
import { event, TraceBuilder } from '../builders/trace-builder.js';
import { eventV1, TraceV1Builder } from '../builders/trace-v1-builder.js';
import { traceBytes } from './trace-fixtures.js';

/** Takes down every event with its strings and stacks, and asks each of them to be there. */
class Transcript implements TraceSink {
  readonly lines: string[] = [];
  /** Events before each generation. */
  readonly generations: number[] = [];
  #generation: TraceGeneration | null = null;

  generation(generation: TraceGeneration): void {
    this.#generation = generation;
    this.generations.push(this.lines.length);
  }

  event(event: TraceEvent): void {
    const fields = Object.values(event).join(' ');
    if (event.kind === eventKind.sync) {
      this.lines.push(fields);
      return;
    }
    const { string, stacks } = { string: (i: number) => this.#generation!.string(i), stacks: this.#generation!.stacks };
    const frames: string[] = [];
    for (const stack of [event.stack, event.subjectStack]) {
      for (let i = stacks.start[stack]; i < stacks.start[stack + 1]; i++) {
        frames.push(`${string(stacks.functions[i])} ${string(stacks.files[i])}:${stacks.lines[i]}`);
      }
    }
    this.lines.push([fields, string(event.text), string(event.text2), ...frames].join('|'));
  }
}

function transcribe(chunks: readonly Uint8Array[], limits = traceLimits) {
  const sink = new Transcript();
  return { ...run(chunks, sink, limits), lines: sink.lines, starts: sink.generations };
}

function run(chunks: readonly Uint8Array[], sink: TraceSink, limits: TraceLimits = traceLimits) {
  const reader = new TraceReader(sink, limits);
  try {
    for (const chunk of chunks) reader.push(chunk);
    reader.end();
    return { reader, fault: null };
  } catch (error) {
    // Anything else fails the test.
    if (!(error instanceof FormatError)) throw error;
    return { reader, fault: error };
  }
}

function cutUp(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

const whole = ['go1.15-mixed.trace', 'go1.19-mixed.trace'];
const small = ['go1.23-coroutines.trace', 'go1.26-coroutines.trace', 'go1.26-allocfree.trace'];

describe('every execution trace', () => {
  it.each([...small, ...whole, 'go1.26-cpusamples.trace'])('reads the same however %s is cut into chunks', (name) => {
    const bytes = traceBytes(name);
    const whole = transcribe([bytes]);
    expect(whole.fault).toBeNull();
    const cuts = fc.array(fc.nat(), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(cuts, (places) => {
        const parts = transcribe(cutUp(bytes, places));
        expect(parts.fault).toBeNull();
        expect(parts.lines.length === whole.lines.length && parts.lines.every((l, i) => l === whole.lines[i])).toBe(
          true,
        );
      }),
      { numRuns: 12 },
    );
  });

  it('reads the same byte by byte, faults included', () => {
    const bytes = traceBytes(small[1]).slice(0, 9000);
    const [whole, single] = [transcribe([bytes]), transcribe(Array.from(bytes, (byte) => Uint8Array.of(byte)))];
    expect(single.lines).toEqual(whole.lines);
    expect(single.fault?.message).toBe(whole.fault!.message);
  });

  it('has strictly rising times', () => {
    let last = -Infinity;
    const sink = {
      generation() {},
      event: ({ time }: TraceEvent) => void (expect(time > last).toBe(true), (last = time)),
    };
    expect(run([traceBytes('go1.26-allocfree.trace')], sink).fault).toBeNull();
  });

  it('gives the events of whole generations and `truncated` when a trace of Go 1.26 is cut anywhere', () => {
    const bytes = traceBytes('go1.26-cpusamples.trace');
    const whole = transcribe([bytes]);
    // The sync that ends what is there takes the place of the next generation's.
    const allowed = [0, 1, ...whole.starts.slice(1).map((n) => n + 1)];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (end) => {
        const { fault, lines, reader } = transcribe([bytes.subarray(0, end)]);
        if (end === 16) return; // a header alone is an empty trace, as in Go
        const atEnd = fault === null && whole.starts[reader.generations] !== undefined;
        // Between two generations nothing tells that another one was to come.
        expect(atEnd || fault?.fault === (end === 0 ? 'unrecognized' : 'truncated')).toBe(true);
        expect(allowed).toContain(lines.length);
        expect(lines.slice(0, -1).every((line, i) => line === whole.lines[i])).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it.each(['go1.22-mixed.trace', 'go1.23-coroutines.trace', 'go1.25-mixed.trace'])(
    'gives events or a FormatError when %s, from before Go 1.26, is cut anywhere',
    (name) => {
      const bytes = traceBytes(name);
      const whole = transcribe([bytes]).lines.length;
      fc.assert(
        fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (end) => {
          const { fault, lines } = transcribe([bytes.subarray(0, end)]);
          // Nothing but its tables, which come last, says that a generation is complete.
          expect(fault !== null || lines.length < whole).toBe(true);
        }),
        { numRuns: 40 },
      );
    },
  );

  it('keeps the generations before the one in which a trace from before Go 1.26 is cut', () => {
    const generation = (builder: TraceBuilder, number: number): TraceBuilder =>
      builder
        .batch(number, 1, number * 100, event(13, 1, 0, 2))
        .sync(number)
        .strings(number, { 1: 'main.main' });
    const bytes = generation(generation(new TraceBuilder(23), 1), 2).bytes();
    const whole = transcribe([bytes]);
    expect(whole.reader.generations).toBe(2);
    const { fault, lines } = transcribe([bytes.subarray(0, -40)]);
    expect(fault).toMatchObject({ fault: 'truncated' });
    expect(fault!.message).toMatch(/usable up to generation 1 \(1 in all\)$/);
    expect(lines.slice(0, 2)).toEqual(whole.lines.slice(0, 2));
  });

  it.each(whole)('gives no event, or all of them, when %s, of Go 1.21 or older, is cut anywhere', (name) => {
    const bytes = traceBytes(name);
    const { lines } = transcribe([bytes]);
    const kinds = (list: readonly string[]): string[] => list.map((line) => line.split(' ', 2).join(' '));
    // Numbers of strings and stacks may differ.
    const words = (list: readonly string[]): string[] => list.map((line) => line.slice(line.indexOf('|')));
    let [none, all] = [0, 0];
    for (let end = bytes.length - 1; end >= 16; end -= end > bytes.length - 300 ? 3 : 1499) {
      const part = transcribe([bytes.subarray(0, end)]);
      // Whose stacks are all there has lost nothing that its events need.
      if (part.fault === null) expect(words(part.lines)).toEqual(words(lines));
      else expect(part.fault).toMatchObject({ fault: 'truncated' });
      if (part.lines.length === 0) none++;
      else all++;
      if (part.lines.length > 0) expect(kinds(part.lines)).toEqual(kinds(lines));
    }
    // Between two stacks of the table, which comes last, it is only stacks that are lost.
    expect(none > 0 && all > 0).toBe(true);
  });

  it('says up to which generation a damaged trace is usable', () => {
    const bytes = traceBytes('go1.26-cpusamples.trace');
    const { fault, reader } = transcribe([bytes.subarray(0, bytes.length - 1)]);
    expect(reader.generations).toBe(1);
    expect(fault!.message).toMatch(/; the trace is usable up to generation \d+ \(1 in all\)$/);
  });

  it.each([...small, ...whole])(
    'gives events or a FormatError for %s with any bit flipped, to every listener',
    (name) => {
      const bytes = traceBytes(name);
      fc.assert(
        fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
          const broken = bytes.slice();
          broken[bit >> 3] ^= 1 << (bit & 7);
          transcribe([broken]);
          const summarizer = new TraceSummarizer();
          run([broken], summarizer);
          summarizer.summary();
          const window = new TraceWindow({ from: 0, to: 1e15, goroutines: null, limit: 50 });
          run([broken], window);
          expect(window.result().events.length).toBeLessThanOrEqual(50);
        }),
        { numRuns: 150 },
      );
    },
  );

  it('gives events or a FormatError for any bytes behind a header', () => {
    fc.assert(
      fc.property(fc.constantFrom(11, 19, 21, 22, 23, 25, 26), fc.uint8Array({ maxLength: 200 }), (version, bytes) => {
        const trace = new TraceBuilder(version).raw(...bytes).bytes();
        transcribe([trace]);
      }),
      { numRuns: 500 },
    );
  });

  it('gives events or a FormatError for any events in sound batches', () => {
    const types = fc.oneof(fc.integer({ min: 9, max: 48 }), fc.integer({ min: 128, max: 136 }));
    const number = fc.oneof(fc.nat(5), fc.nat(5), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    const argumentCounts = [
      2, 2, 0, 3, 2, 3, 1, 2, 0, 0, 2, 2, 3, 2, 0, 0, 3, 2, 0, 1, 2, 1, 1, 1, 2, 1, 1, 0, 1, 1, 1, 4, 2, 3, 3, 4, 2, 2,
      3, 4,
    ];
    const count = (type: number): number =>
      type < 128 ? argumentCounts[type - 9] : [3, 3, 1, 2, 2, 1, 2, 2, 1][type - 128];
    const one = fc.tuple(types, fc.array(number, { minLength: 4, maxLength: 4 }));
    const start = [...event(13, 1, 0, 1), ...event(25, 1, 1, 0, 2)];
    fc.assert(
      fc.property(fc.array(one, { maxLength: 30 }), fc.array(one, { maxLength: 30 }), (first, second) => {
        const encode = (list: typeof first): number[] =>
          list.flatMap(([type, args]) => event(type, 3, ...args.slice(0, count(type))));
        const trace = new TraceBuilder(26)
          .batch(1, 7, 10, [...start, ...encode(first)])
          .batch(1, 8, 11, encode(second))
          .sync(1)
          .strings(1, { 1: 'one', 2: 'sync' })
          .stacks(1, { 1: [[1, 2, 3]], 2: [] })
          .end()
          .bytes();
        const summarizer = new TraceSummarizer();
        const { reader } = run([trace], summarizer);
        expect(summarizer.summary().events).toBe(reader.events);
      }),
      { numRuns: 1500 },
    );
  });

  it('gives events or a FormatError for any events of Go 1.21 or older in sound batches', () => {
    const [type, number] = [
      fc.integer({ min: 4, max: 49 }),
      fc.oneof(fc.nat(4), fc.nat(4), fc.bigInt(0n, 2n ** 64n - 1n)),
    ];
    const one = fc.tuple(type, fc.array(number, { minLength: 5, maxLength: 5 }));
    const begin = [eventV1(13, 0, 1, 0, 0), eventV1(5, 1, 7), eventV1(14, 1, 1, 1), eventV1(4, 1, 2, 0)];
    let told = 0;
    fc.assert(
      fc.property(fc.array(one, { maxLength: 12 }), fc.array(one, { maxLength: 12 }), (first, second) => {
        const encode = (list: typeof first): number[][] =>
          list
            .filter(([type]) => valueCountsV1[type] > 0 && type !== 48)
            .map(([type, [, ...values]]) => eventV1(type, 1, ...values.slice(0, valueCountsV1[type] - 1)));
        const trace = new TraceV1Builder(21)
          .batch(0, 10, ...begin, ...encode(first))
          .batch(1, 12, ...encode(second))
          .frequency()
          .string(1, 'one')
          .string(2, 'sync')
          .stack(1, [1, 1, 2, 3])
          .bytes();
        const summarizer = new TraceSummarizer();
        const { reader } = run([trace], summarizer);
        expect(summarizer.summary().events).toBe(reader.events);
        if (reader.events > 0) told++;
      }),
      { numRuns: 1500 },
    );
    expect(told).toBeGreaterThan(0);
  });

  it.each([
    'generationBytes',
    'batches',
    'strings',
    'stacks',
    'frames',
    'procs',
    'activeTasks',
    'advanceAttempts',
    'wholeTraceEvents',
    'wholeTraceGoroutines',
  ] as const)('of Go 1.21 or older is refused by the name of the limit, if `%s` is too small', (limit) => {
    const { fault, lines } = transcribe([traceBytes('go1.19-mixed.trace')], { ...traceLimits, [limit]: 0 });
    expect(fault).toMatchObject({ fault: 'over-budget', at: { limit, allowed: 0 } });
    expect(lines).toEqual([]);
  });

  it.each([
    'generationBytes',
    'batches',
    'threads',
    'eventsPerGeneration',
    'strings',
    'stacks',
    'frames',
    'cpuSamples',
    'goroutines',
    'procs',
    'allThreads',
    'activeTasks',
    'generations',
  ] as const)('is refused by the name of the limit, if `%s` is too small', (limit) => {
    const bytes = traceBytes('go1.26-cpusamples.trace');
    const { fault } = transcribe([bytes], { ...traceLimits, [limit]: 0 });
    expect(fault).toMatchObject({ fault: 'over-budget', at: { limit, allowed: 0 } });
    expect(fault!.message).toMatch(new RegExp(`^${limit}: \\d+ is over the limit of 0; `));
  });

  it('takes nothing more after a fault', () => {
    const reader = new TraceReader({ generation() {}, event() {} });
    expect(() => reader.push(new TextEncoder().encode('go 1.26 trace\0\0\0\xff'))).toThrow(FormatError);
    expect(() => reader.push(traceBytes(small[1]))).toThrow(/a batch is expected/);
    expect(() => reader.end()).toThrow(/a batch is expected/);
  });

  it.each([
    ['', 'unrecognized'],
    ['go 1.26 tra', 'truncated'],
    ['go 1.26 trace\0\0', 'truncated'],
    ['go 1.26 trash\0\0\0', 'unrecognized'],
    ['goroutine 1 [running]:\n', 'unrecognized'],
    ['go 1.99 trace\0\0\0', 'unrecognized'],
    ['go 1.20 trace\0\0\0', 'unrecognized'],
    ['go 1.21 trace\0\0\0', 'truncated'],
    ['go 1.10 trace\0\0\0', 'unrecognized'],
    ['go 1.5 trace\0\0\0\0', 'unrecognized'],
  ])('is told from what is none: %j', (text, fault) => {
    expect(transcribe([new TextEncoder().encode(text)]).fault).toMatchObject({ fault });
  });
});

/** Numbers of an event of Go 1.21 or older by type, with its time and stack; from internal/tracev1/parser.go. */
const valueCountsV1 = [
  0, 0, 0, 0, 3, 2, 1, 3, 1, 2, 1, 2, 3, 4, 3, 1, 2, 2, 2, 2, 2, 4, 2, 2, 2, 2, 2, 2, 2, 4, 1, 2, 2, 2, 2, 1, 1, 0, 2,
  3, 3, 4, 2, 2, 1, 5, 3, 5, 4, 5,
];
