import type { DumpReader } from '../../src/formats/log/go-log.js';
import { defaultLogLimits } from '../../src/formats/log/limits.js';
import { readLog } from './log-fixtures.js';

/** Takes lines until one that is neither empty, nor indented, nor a header or a frame. */
class Collected implements DumpReader<string[]> {
  ended = false;
  closed = 0;
  private readonly lines: string[] = [];

  line(bytes: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(bytes.subarray(start, end)).toString();
    this.ended = !/^(|\t.*|goroutine .*|panic: .*|SIGQUIT: .*|main\..*)$/.test(text);
    if (!this.ended) this.lines.push(text);
  }

  end(): void {
    this.closed++;
  }

  result(): string[] | null {
    expect(this.closed).toBe(1);
    return this.lines.length > 1 ? this.lines : null;
  }
}

const gc = 'gc 1 @0.021s 3%: 0.010+0.25+0.16 ms clock, 0.030+0.020/0.10/0+0.50 ms cpu, 4->4->2 MB, 4 MB goal, 4 P';
const dump = ['goroutine 1 [running]:', 'main.main()', '\t/src/main.go:3 +0x1'];
const text = [
  'hello',
  'panic: x',
  '',
  ...dump.slice(0, 2),
  gc,
  dump[2],
  'exit status 2',
  ...dump,
  'panic: only a word',
  'bye',
].join('\n');

describe('dumps of goroutines in a log', () => {
  it('go to a reader each, from the line that begins one to the line that it does not want', () => {
    const log = readLog(text, { dumps: () => new Collected() });
    expect(log.dumps).toEqual([
      { dump: ['panic: x', '', ...dump], firstLine: 2, lastLine: 7, firstAtNanos: null, lastAtNanos: null },
      { dump: [...dump, 'panic: only a word'], firstLine: 9, lastLine: 12, firstAtNanos: null, lastAtNanos: null },
    ]);
  });

  it('do not swallow the collections printed between their lines', () => {
    expect(readLog(text, { dumps: () => new Collected() }).gctrace!.counts.cycles).toBe(1);
  });

  it('have the times of their lines', () => {
    const wrapped = dump.map((line, i) => `2026-11-23T15:20:0${i}Z stderr F ${line}`).join('\n');
    const [{ firstAtNanos, lastAtNanos }] = readLog(wrapped, { dumps: () => new Collected() }).dumps;
    const first = BigInt(Date.UTC(2026, 10, 23, 15, 20)) * 1_000_000n;
    expect([firstAtNanos, lastAtNanos]).toEqual([first, first + 2_000_000_000n]);
  });

  it('are not an error when nobody reads them: the log is of a Go process', () => {
    expect(readLog(dump.join('\n'))).toMatchObject({ gctrace: null, schedtrace: null, dumps: [] });
  });

  it('that are too many are counted', () => {
    const limits = { ...defaultLogLimits, dumps: 1 };
    expect(readLog(text, { limits, dumps: () => new Collected() })).toMatchObject({
      dumps: { length: 1 },
      skippedDumps: 2,
    });
  });

  it('that begin and are none are not in the answer', () => {
    expect(readLog(`${gc}\npanic: averted\nbye\n`, { dumps: () => new Collected() }).dumps).toEqual([]);
  });
});
