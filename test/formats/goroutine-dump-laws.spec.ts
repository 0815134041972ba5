import fc from 'fast-check';
import { FormatError } from '../../src/formats/format-error.js';
import { decodeGoroutineDumps, GoroutineDumpReader } from '../../src/formats/goroutine-dump/decode.js';
import { goroutineFlags, type GoroutineDumps } from '../../src/formats/goroutine-dump/dump.js';
import { goroutineDumpLimits, type GoroutineDumpLimits } from '../../src/formats/goroutine-dump/limits.js';
import { SequenceTable } from '../../src/formats/goroutine-dump/sequence-table.js';
import { LineSplitter } from '../../src/formats/lines.js';
import { dumpFixture, goroutinesAsText } from './goroutine-dump-fixtures.js';

const names = [
  'go1.15/goroutine.debug2.txt',
  'go1.26/goroutine-minutes.debug2.txt',
  'go1.27/panic-error-labels.txt',
  'go1.26/sigquit-minutes.txt',
  'damaged/indented.txt',
];
const fixtures = names.map((name) => ({ name, bytes: dumpFixture(name) }));

function tryDecode(bytes: Uint8Array, limits?: GoroutineDumpLimits): GoroutineDumps | null {
  try {
    return decodeGoroutineDumps(bytes, limits);
  } catch (error) {
    if (error instanceof FormatError && error.fault === 'unrecognized') return null;
    throw error;
  }
}

const total = (dumps: GoroutineDumps): number =>
  dumps.dumps.reduce((sum, { count, folded }) => sum + count + folded.reduce((n, one) => n + one.count, 0), 0);

describe.each(fixtures)('the dump $name', ({ bytes }) => {
  const whole = decodeGoroutineDumps(bytes);
  const goroutines = goroutinesAsText(whole, whole.dumps[0]);

  it('is the same wherever its text is cut into chunks', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1 }), (sizes) => {
        const reader = new GoroutineDumpReader();
        const splitter = new LineSplitter(reader, goroutineDumpLimits.lineBytes);
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length];
          splitter.push(bytes.slice(at, at + size));
          at += size;
        }
        splitter.end();
        expect(reader.result()).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });

  it('cut anywhere, has its first goroutines as they are, and says so if the last one lacks something', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => {
        const cut = tryDecode(bytes.subarray(0, length));
        if (cut === null) return;
        const found = goroutinesAsText(cut, cut.dumps[0]);
        const last = found.length - 1;
        expect(cut.dumps).toHaveLength(1);
        expect(found.slice(0, last)).toEqual(goroutines.slice(0, last));
        const early = cut.losses.some(({ code }) => code === 'ended-early');
        if (found[last] === goroutines[last]) return;
        expect(early).toBe(true);
        expect(cut.dumps[0].flags[last] & goroutineFlags.torn).not.toBe(0);
        const [header, ...frames] = found[last].split('\n');
        const [wholeHeader, ...wholeFrames] = goroutines[last].split('\n');
        expect(header.split(']')[0]).toBe(wholeHeader.split(']')[0]);
        const creator = frames.pop()!;
        expect(frames).toEqual(wholeFrames.slice(0, frames.length));
        expect(wholeFrames.at(-1)).toContain(creator.replace(/ :0$/, ''));
      }),
      { numRuns: 300 },
    );
  });

  it('with any bytes flipped or lines shuffled, still gives an answer, and never more goroutines than headers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), { maxLength: 40 }),
        fc.nat(),
        (flips, seed) => {
          const flipped = Uint8Array.from(bytes);
          for (const [at, mask] of flips) flipped[at] ^= mask;
          const shuffled = shuffledLines(Buffer.from(flipped).toString('latin1'), seed);
          for (const text of [flipped, Buffer.from(shuffled, 'latin1')]) {
            const dumps = tryDecode(text);
            const headers =
              Buffer.from(text)
                .toString('latin1')
                .match(/goroutine \d/g)?.length ?? 0;
            expect(dumps === null ? 0 : total(dumps)).toBeLessThanOrEqual(headers);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each<[string, Partial<GoroutineDumpLimits>]>([
    ['goroutines', { goroutines: 3 }],
    ['stacks', { stacks: 2 }],
    ['frames', { frames: 4 }],
    ['stack entries', { stackEntries: 5 }],
    ['string bytes', { stringBytes: 300 }],
    ['states', { states: 2 }],
  ])('counts every goroutine by state, however few %s may be kept', (_, limits) => {
    const bounded = decodeGoroutineDumps(bytes, { ...goroutineDumpLimits, ...limits });
    expect(total(bounded)).toBe(goroutines.length);
    const folded = bounded.dumps[0].folded.reduce((sum, { count }) => sum + count, 0);
    expect(bounded.losses.find(({ code }) => code === 'goroutines-folded')?.count ?? 0).toBe(folded);
    if (limits.states === undefined) expect(folded).toBeGreaterThan(0);
    else expect(bounded.states.length).toBeLessThanOrEqual(3);
  });
});

function shuffledLines(text: string, seed: number): string {
  const lines = text.split('\n');
  let state = seed;
  for (let i = lines.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = state % (i + 1);
    [lines[i], lines[other]] = [lines[other], lines[i]];
  }
  return lines.join('\n');
}

describe('hostile dumps', () => {
  it('keep names whole, whatever they hold', () => {
    const hostile = 'main.\u001b[31m__proto__<script>\u0000';
    const { functions } = decodeGoroutineDumps(
      Buffer.from(`goroutine 1 [sleep]:\n${hostile}(0x1)\n\t/a b/c.go:1 +0x1\n`),
    );
    expect(functions).toEqual([hostile]);
  });

  it('cut names and lines that are too long', () => {
    const name = 'x'.repeat(100_000);
    const { functions, losses } = decodeGoroutineDumps(
      Buffer.from(
        `goroutine 1 [sleep]:\nmain.${name}(0x1)\n\t/c.go:1 +0x1\nmain.${name.slice(0, 20_000)}()\n\t/c.go:1 +0x1\n`,
      ),
    );
    expect(functions.map((f) => f.length)).toEqual([goroutineDumpLimits.nameBytes]);
    expect(losses.map(({ code }) => code)).toEqual(expect.arrayContaining(['names-cut', 'long-lines']));
  });

  it('beyond the limit of dumps are counted as lost', () => {
    const text = 'goroutine 7 [running]:\nmain.f()\n\t/c.go:1 +0x1\ncreated by main.g\n\t/c.go:2 +0x1\n\n'.repeat(5);
    const { dumps, losses } = decodeGoroutineDumps(Buffer.from(text), { ...goroutineDumpLimits, dumps: 2 });
    expect(dumps.map(({ count }) => count)).toEqual([1, 1]);
    expect(losses).toMatchObject([
      { code: 'dumps-dropped', count: 3 },
      { code: 'goroutines-folded', count: 3 },
    ]);
  });

  it('stacks deeper than the limit lose their roots and say so', () => {
    const frames = Array.from({ length: 20 }, (_, i) => `main.f${i}()\n\t/c.go:${i + 1} +0x1\n`).join('');
    const { functions, losses } = decodeGoroutineDumps(Buffer.from(`goroutine 1 [sleep]:\n${frames}`), {
      ...goroutineDumpLimits,
      stackDepth: 3,
    });
    expect(functions).toEqual(['main.f0', 'main.f1', 'main.f2', '(elided)']);
    expect(losses.map(({ code }) => code)).toContain('stacks-cut');
  });
});

describe('a sequence table', () => {
  it('tells sequences apart that all have the same hash, also while it grows', () => {
    const table = new SequenceTable<Int32Array>((length) => new Int32Array(length), { entries: 1e6, elements: 1e6 });
    const items = Int32Array.from({ length: 3000 }, (_, i) => i);
    const numbers = Array.from(items, (i) => table.intern(items, i, i + 1, 42));
    // Others, so that slots are laid out anew in between.
    for (let i = 0; i < 2999; i++) table.intern(items, i, i + 2, i);
    expect(new Set(numbers).size).toBe(3000);
    expect(Array.from(items, (i) => table.intern(items, i, i + 1, 42))).toEqual(numbers);
    expect(numbers.map((number) => Array.from(table.at(number)))).toEqual(Array.from(items, (i) => [i]));
  });

  it('refuses what is beyond its limits and goes on to know the rest', () => {
    const table = new SequenceTable<Uint8Array>((length) => new Uint8Array(length), { entries: 2, elements: 5 });
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6);
    expect(table.intern(bytes, 0, 3, 1)).toBe(0);
    expect(table.intern(bytes, 0, 6, 2)).toBe(-1);
    expect(table.intern(bytes, 3, 5, 3)).toBe(1);
    expect(table.intern(bytes, 5, 6, 4)).toBe(-1);
    expect(table.intern(bytes, 0, 3, 1)).toBe(0);
  });
});
