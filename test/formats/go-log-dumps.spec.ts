import { GoroutineDumpReader } from '../../src/formats/goroutine-dump/decode.js';
import { readLog } from './log-fixtures.js';

const gc = 'gc 1 @0.021s 3%: 0.010+0.25+0.16 ms clock, 0.030+0.020/0.10/0+0.50 ms cpu, 4->4->2 MB, 4 MB goal, 4 P';
const dump = ['goroutine 1 [running]:', 'main.main()', '\t/src/main.go:3 +0x1'];
const text = ['hello', 'panic: x', '', ...dump.slice(0, 2), gc, dump[2], 'exit status 2', ...dump, 'bye'].join('\n');

function dumpsIn(log: string) {
  const others = new GoroutineDumpReader();
  const { gctrace, dumpSeen } = readLog(log, { others });
  return { gctrace, dumpSeen, ...others.result() };
}

describe('dumps of goroutines in a log', () => {
  it('are read around the collections printed between their lines, with the line numbers of the log', () => {
    const { dumps, gctrace, stacks } = dumpsIn(text);
    expect(dumps.map(({ startLine, endLine, count }) => [startLine, endLine, count])).toEqual([
      [2, 7, 1],
      [9, 11, 1],
    ]);
    expect(dumps[0].crash?.text).toBe('panic: x');
    expect(stacks.count).toBe(1);
    expect(gctrace!.counts.cycles).toBe(1);
  });

  it('have the times of their lines', () => {
    const wrapped = dump.map((line, i) => `2026-11-23T15:20:0${i}Z stderr F ${line}`).join('\n');
    expect(dumpsIn(wrapped).dumps[0].atNanos).toBe(BigInt(Date.UTC(2026, 10, 23, 15, 20)) * 1_000_000n);
  });

  it('are not an error when nobody reads them: the log is of a Go process', () => {
    expect(readLog(dump.join('\n'))).toMatchObject({ gctrace: null, schedtrace: null, dumpSeen: true });
  });

  it('that begin and are none are not in the answer', () => {
    expect(dumpsIn(`${gc}\npanic: averted\nbye\n`).dumps).toEqual([]);
  });
});
