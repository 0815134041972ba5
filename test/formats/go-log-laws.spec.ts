import fc from 'fast-check';
import { FormatError } from '../../src/formats/format-error.js';
import type { GcTrace } from '../../src/formats/gctrace/gc-trace.js';
import { defaultLogLimits } from '../../src/formats/log/limits.js';
import { noTime } from '../../src/formats/log/row-times.js';
import { logFixture, logFixtures, readLog } from './log-fixtures.js';

const small = logFixtures().filter(({ bytes }) => bytes.length < 30_000);
const capturedAtNanos = BigInt(Date.UTC(2026, 10, 24)) * 1_000_000n;

describe('every log', () => {
  it.each(logFixtures())('$name: is the same wherever it is cut into chunks', ({ bytes }) => {
    const whole = readLog(bytes);
    let seed = 7;
    const chunks = (): number => 1 + ((seed = (seed * 1103515245 + 12345) % 2 ** 31) % 300);
    expect(readLog(bytes, {}, chunks)).toEqual(whole);
  });

  it.each(small)('$name: is the same byte by byte', ({ bytes }) => {
    expect(readLog(bytes, {}, () => 1)).toEqual(readLog(bytes));
  });

  it('cut, flipped or shuffled gives a value or a FormatError `unrecognized`', () => {
    const logs = [...small.map(({ bytes }) => bytes), wrapAll(gcLines.slice(0, 40)).join('\n')].map((log) =>
      typeof log === 'string' ? new TextEncoder().encode(log) : log,
    );
    fc.assert(
      fc.property(
        fc.nat(logs.length - 1),
        fc.array(fc.tuple(fc.constantFrom('cut', 'flip', 'drop', 'copy', 'byte'), fc.nat(), fc.nat()), {
          maxLength: 12,
        }),
        (which, damages) => {
          let bytes = Uint8Array.from(logs[which]);
          for (const damage of damages) bytes = damaged(bytes, ...damage);
          try {
            const log = readLog(bytes, { capturedAtNanos });
            const cycles = log.gctrace?.cycles.count.reduce((a, b) => a + b, 0) ?? 0;
            expect(cycles).toBe(log.gctrace?.counts.cycles ?? 0);
          } catch (error) {
            if (!(error instanceof FormatError)) throw error;
            expect(error.fault).toBe('unrecognized');
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('that is none is `unrecognized`', () => {
    for (const text of [
      '',
      '\n',
      'hello\nworld\n',
      '{"log":"x\\n","time":"2026-11-23T15:20:00Z"}\n',
      '\u0000\u0001\u0002',
    ]) {
      expect(() => readLog(text)).toThrow(expect.objectContaining({ fault: 'unrecognized' }) as FormatError);
    }
  });
});

const gcLines = Buffer.from(logFixture('go1.26/gctrace-leak.log')).toString().trimEnd().split('\n');
const longer = Buffer.from(logFixture('go1.21/gctrace.log'))
  .toString()
  .split('\n')
  .filter((line) => /^gc \d+ @.*P( \(forced\))?$/.test(line));

describe('what wraps the lines', () => {
  const stamp = (i: number): string => new Date(Date.UTC(2026, 10, 23, 15, 20, 0, i * 7)).toISOString();
  const micros = (i: number): string => `${stamp(i).slice(11, 23)}000`;
  const escaped = (text: string): string => JSON.stringify(text).replaceAll('>', '\\u003e').replaceAll('<', '\\u003c');
  const wrappings: [string, (line: string, i: number) => string, string[]][] = [
    [
      'docker json-file',
      (line, i) => `{"log":${escaped(`${line}\n`)},"stream":"stderr","time":"${stamp(i)}"}`,
      ['docker-json'],
    ],
    [
      'docker json-file with lines in pieces',
      (line, i) =>
        (line.match(/.{1,50}/g) ?? [])
          .map(
            (piece, j, all) =>
              `{"log":${escaped(j === all.length - 1 ? `${piece}\n` : piece)},"stream":"stderr","time":"${stamp(i)}"}`,
          )
          .join('\n'),
      ['docker-json'],
    ],
    ['CRI', (line, i) => `${stamp(i)} stderr F ${line}`, ['cri']],
    [
      'CRI with lines in pieces and another stream between them',
      (line, i) =>
        `${stamp(i)} stderr P ${line.slice(0, 33)}\n${stamp(i)} stdout F hello\n${stamp(i)} stderr F ${line.slice(33)}`,
      ['cri'],
    ],
    ['kubectl logs --timestamps', (line, i) => `${stamp(i)} ${line}`, ['rfc3339']],
    ['journald short-iso', (line, i) => `${stamp(i).replace('Z', '+0000')} host app[12]: ${line}`, ['journald-iso']],
    ['journald short-precise', (line, i) => `Nov 23 ${micros(i)} host app[12]: ${line}`, ['journald']],
    [
      'journald short-unix',
      (line, i) => `${(Date.parse(stamp(i)) / 1000) | 0}.${micros(i).slice(9)} host app[12]: ${line}`,
      ['journald-unix'],
    ],
    ['syslog RFC 5424', (line, i) => `<30>1 ${stamp(i)} host app 12 - [x@1 a="]"] ${line}`, ['rfc5424']],
    ['syslog RFC 3164', (line, i) => `<30>Nov 23 ${micros(i)} host app[12]: ${line}`, ['journald']],
    ["Go's log package", (line, i) => `2026/11/23 ${micros(i)} ${line}`, ['go-log']],
    ['klog', (line, i) => `I1123 ${micros(i)}   12 main.go:3] ${line}`, ['klog']],
    ['docker compose with times', (line, i) => `app-1  | ${stamp(i)} ${line}`, ['compose', 'rfc3339']],
    ['CR LF', (line, i) => `${stamp(i)} stderr F ${line}\r`, ['cri']],
  ];
  const bare = readLog(`${longer.join('\n')}\n`).gctrace!;

  it.each(wrappings)('%s: the same cycles, and their times', (_, wrap, wrappers) => {
    const log = readLog(`${longer.map(wrap).join('\n')}\n`, { capturedAtNanos });
    expect(log.wrappers).toEqual(wrappers);
    expect(log.clock).toBe('line-times');
    expect(withoutPlace(log.gctrace!)).toEqual(withoutPlace(bare));
    expect(Array.from(log.gctrace!.cycles.firstAtNanos)).toEqual(
      longer.map((_line, i) => BigInt(Date.parse(stamp(i))) * 1_000_000n),
    );
  });

  it('docker compose: the same cycles', () => {
    const log = readLog(`${longer.map((line) => `\u001b[36mapp-1  |\u001b[0m ${line}`).join('\n')}\n`);
    expect(log.wrappers).toEqual(['compose']);
    expect(withoutPlace(log.gctrace!)).toEqual(withoutPlace(bare));
    expect(log.gctrace!.cycles.firstAtNanos.every((at) => at === noTime)).toBe(true);
  });

  it('is decided once: a line that does not fit passes as it is', () => {
    const lines = longer.map((line, i) => (i % 9 === 4 ? line : `${stamp(i)} stderr F ${line}`));
    const { gctrace } = readLog(lines.join('\n'));
    expect(withoutPlace(gctrace!)).toEqual(withoutPlace(bare));
    expect(gctrace!.cycles.firstAtNanos[4]).toBe(noTime);
  });

  it('has a line number that is the one in the file, also of joined pieces', () => {
    const lines = gcLines.flatMap((line) => [
      `${stamp(0)} stderr P ${line.slice(0, 9)}`,
      `${stamp(1)} stderr F ${line.slice(9)}`,
    ]);
    const { cycles } = readLog(lines.join('\n')).gctrace!;
    expect(Array.from(cycles.firstLine)).toEqual(gcLines.map((_, i) => 2 * i + 1));
  });
});

describe('the clock', () => {
  const text = gcLines.join('\n');
  const end = (trace: GcTrace): bigint => BigInt(trace.cycles.lastEndNanos.at(-1)!);

  it('without any time is that of the capture: the last line was written then', () => {
    const log = readLog(text, { capturedAtNanos });
    expect(log.clock).toBe('capture');
    expect(log.gctrace!.lifetimes[0].startedAtNanos).toBe(capturedAtNanos - end(log.gctrace!));
  });

  it('goes by the start of the process where that is known', () => {
    const log = readLog(text, { capturedAtNanos, processStartNanos: 5n });
    expect(log.clock).toBe('process-start');
    expect(log.gctrace!.lifetimes[0].startedAtNanos).toBe(5n);
  });

  it('says that there is none', () => {
    const log = readLog(text);
    expect(log.clock).toBe('none');
    expect(log.gctrace!.lifetimes[0].startedAtNanos).toBeNull();
  });

  it('does not give an earlier process the start of the last', () => {
    const log = readLog(`${text}\n${text}`, { processStartNanos: 5n });
    expect(log.gctrace!.lifetimes.map(({ startedAtNanos }) => startedAtNanos)).toEqual([null, 5n]);
  });

  it('takes the year of a time without one from the reference time, across the new year', () => {
    const january = BigInt(Date.UTC(2027, 0, 2)) * 1_000_000n;
    const lines = gcLines.map((line) => `Dec 31 23:59:59 host app[1]: ${line}`);
    const { cycles } = readLog(lines.join('\n'), { capturedAtNanos: january }).gctrace!;
    expect(cycles.firstAtNanos[0]).toBe(BigInt(Date.UTC(2026, 11, 31, 23, 59, 59)) * 1_000_000n);
    expect(readLog(lines.join('\n')).gctrace!.cycles.firstAtNanos[0]).toBe(noTime);
  });

  it('takes times without a zone for those of the given offset', () => {
    const lines = gcLines.map((line) => `2026/11/23 17:20:00 ${line}`);
    const { cycles } = readLog(lines.join('\n'), { utcOffsetMinutes: 120 }).gctrace!;
    expect(cycles.firstAtNanos[0]).toBe(BigInt(Date.UTC(2026, 10, 23, 15, 20)) * 1_000_000n);
  });
});

describe('memory', () => {
  it('is bounded by merging neighbours: totals stay exact, extremes too', () => {
    const bytes = logFixture('go1.21/gctrace.log');
    const whole = readLog(bytes).gctrace!;
    const merged = readLog(bytes, { limits: { ...defaultLogLimits, gcRows: 50 } }).gctrace!;
    expect(merged.cyclesPerRow).toBe(16);
    expect(merged.cycles.rows).toBeLessThanOrEqual(50);
    const sums = ['count', 'markNanos', 'assistCpuNanos', 'markTerminationNanos', 'heapLiveBytes', 'forced'] as const;
    const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
    for (const name of sums) expect(total(merged.cycles[name])).toBe(total(whole.cycles[name]));
    expect(Math.max(...merged.cycles.pauseMaxNanos)).toBe(Math.max(...whole.cycles.pauseMaxNanos));
    expect(Math.min(...merged.cycles.heapLiveMinBytes)).toBe(Math.min(...whole.cycles.heapLiveMinBytes));
    expect(merged.counts).toEqual(whole.counts);
  });

  it('is bounded however many processes there are: the cycles beyond are counted as lost', () => {
    const limits = { ...defaultLogLimits, lifetimes: 3 };
    const { lifetimes, losses } = readLog(`${gcLines[0]}\n`.repeat(7), { limits }).gctrace!;
    expect(lifetimes).toHaveLength(3);
    expect(losses).toEqual([{ code: 'lifetimes', count: 4, lines: [4, 5, 6, 7] }]);
  });
});

/** All but line numbers and wall times. */
function withoutPlace({ cycles, lifetimes, counts, losses }: GcTrace): object {
  const { firstLine: _a, lastLine: _b, firstAtNanos: _c, lastAtNanos: _d, ...rest } = cycles;
  return {
    cycles: rest,
    lifetimes: lifetimes.map(({ firstLine: _f, lastLine: _l, startedAtNanos: _s, ...life }) => life),
    counts,
    losses,
  };
}

function wrapAll(lines: readonly string[]): string[] {
  return lines.map((line) => `{"log":${JSON.stringify(`${line}\n`)},"stream":"stderr","time":"2026-11-23T15:20:00Z"}`);
}

function damaged(bytes: Uint8Array<ArrayBuffer>, kind: string, a: number, b: number): Uint8Array<ArrayBuffer> {
  if (bytes.length < 2) return bytes;
  const at = a % bytes.length;
  const length = b % 200;
  switch (kind) {
    case 'cut':
      return bytes.slice(0, at);
    case 'flip':
      bytes[at] ^= 1 << (b & 7);
      return bytes;
    case 'drop':
      return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + length));
    case 'copy': {
      const piece = bytes.slice(at, at + length);
      const to = b % bytes.length;
      return Uint8Array.of(...bytes.subarray(0, to), ...piece, ...bytes.subarray(to));
    }
    default:
      bytes[at] = b & 255;
      return bytes;
  }
}
