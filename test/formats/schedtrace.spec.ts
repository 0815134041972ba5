import { defaultLogLimits } from '../../src/formats/log/limits.js';
import { goroutineStatus, processorStatus, type SchedTrace } from '../../src/formats/schedtrace/sched-trace.js';
import { logFixture, readLog } from './log-fixtures.js';

const go119 = 'SCHED 104ms: gomaxprocs=2 idleprocs=0 threads=8 spinningthreads=1 idlethreads=2 runqueue=1 [3 0]';
const go124 =
  'SCHED 204ms: gomaxprocs=2 idleprocs=1 threads=7 spinningthreads=0 needspinning=1 idlethreads=1 runqueue=0 [0 9]';
const go125 =
  'SCHED 304ms: gomaxprocs=2 idleprocs=0 threads=9 spinningthreads=0 needspinning=0 idlethreads=1 runqueue=1 [ 0 4 ] schedticks=[ 2220 4294967290 ]';
const later = go125
  .replace('304ms', '404ms')
  .replace('2220 4294967290', '2230 4')
  .replace(' idlethreads', ' newkey=5 idlethreads');
const detail =
  'SCHED 252ms: gomaxprocs=2 idleprocs=1 threads=4 spinningthreads=0 needspinning=0 idlethreads=2 runqueue=0 gcwaiting=true nmidlelocked=1 stopwait=0 sysmonwait=false';

const schedtrace = (text: string): SchedTrace => readLog(text).schedtrace!;

it('SCHED lines of every version give their figures; an unknown key is passed over', () => {
  const { samples, lifetimes } = schedtrace([go119, go124, go125, later].join('\n'));
  expect(lifetimes).toHaveLength(1);
  expect(Array.from(samples.firstNanos)).toEqual([104e6, 204e6, 304e6, 404e6]);
  expect(Array.from(samples.threads.sum)).toEqual([8, 7, 9, 9]);
  expect(Array.from(samples.spinningthreads.sum)).toEqual([1, 0, 0, 0]);
  expect(Array.from(samples.needspinning)).toEqual([0, 1, 0, 0]);
  expect(Array.from(samples.runqueue.sum)).toEqual([1, 0, 1, 1]);
  expect(Array.from(samples.localQueued.sum)).toEqual([3, 9, 4, 4]);
  expect(Array.from(samples.lopsided)).toEqual([0, 1, 0, 0]);
  expect(Array.from(samples.queuedWhileIdle)).toEqual([0, 1, 0, 0]);
  expect(Array.from(samples.perPQueueSum)).toEqual([3, 0, 0, 9, 0, 4, 0, 4]);
  // The counter of P1 has gone round.
  expect(Array.from(samples.perPTicks.subarray(6))).toEqual([10, 10]);
});

it('a SCHED line that other output was written into is put together again at every word', () => {
  const foreign = '2026/11/23 15:20:43 handled request id=184 path=/v1/items';
  for (const line of [go119, go124, go125, detail]) {
    for (const { index: at } of [...line.matchAll(/(?<=[= ])(?=\d)|(?<=\d)(?=[^\d])/g)]) {
      if (at < 7) continue;
      const { counts, losses, samples } = schedtrace(`${line.slice(0, at)}${foreign}\n${line.slice(at)}\n`);
      expect([line.slice(0, at), counts.samples, counts.repaired, losses]).toEqual([line.slice(0, at), 1, 1, []]);
      expect(samples.gomaxprocs.sum[0]).toBe(2);
    }
  }
});

it('a collection that is printed into a SCHED line is found, and the line too', () => {
  const gc = 'gc 5 @0.021s 3%: 0.010+0.25+0.16 ms clock, 0.030+0.020/0.10/0+0.50 ms cpu, 4->4->2 MB, 4 MB goal, 4 P';
  const at = go125.indexOf(' [');
  const log = readLog(`${go125.slice(0, at)}${gc}\n${go125.slice(at)}\n`);
  expect(log.schedtrace!.counts.samples).toBe(1);
  expect(log.gctrace!.counts.cycles).toBe(1);
});

it('a SCHED line that stays torn is a loss, and the tables behind it are of no moment', () => {
  const torn = `${detail.slice(0, 60)}\n  P0: status=0 schedtick=0 syscalltick=0 m=nil runqsize=0 gfreecnt=0 timerslen=0\nx\ny\nz\n`;
  const trace = schedtrace(`${go119}\n${torn}`);
  expect(trace.losses).toEqual([{ code: 'torn', count: 1, lines: [2] }]);
  expect(trace.detail).toBeNull();
});

it('times that go back begin a new process', () => {
  const { lifetimes } = schedtrace([go119, go124, go119.replace('104ms', '0ms'), go124].join('\n'));
  expect(lifetimes.map(({ samples }) => samples)).toEqual([2, 2]);
});

it('two processes in one log are told apart by their periods', () => {
  const sample = (ms: number): string => go119.replace('104ms', `${ms}ms`);
  const times = [0, 0, 1005, 1003, 2006, 2010, 3015, 3009, 4012, 4020];
  const { lifetimes } = schedtrace(times.map(sample).join('\n'));
  expect(lifetimes.map(({ samples }) => samples)).toEqual([5, 5]);
});

describe('scheddetail', () => {
  const { kept, blocks, goroutinesByStatus, waiting } = readLog(logFixture('go1.26/scheddetail.log')).schedtrace!
    .detail!;

  it('has the tables of each block', () => {
    expect(blocks).toBe(5);
    expect(kept).toHaveLength(5);
    const [first] = kept;
    expect(first.line).toBe(1);
    expect(Array.from(first.processors.status, processorStatus)).toEqual(['idle', 'running']);
    expect(Array.from(first.processors.m)).toEqual([-1, 0]);
    expect(Array.from(first.threads.id)).toEqual([3, 2, 1, 0]);
    expect(Array.from(first.threads.blocked)).toEqual([1, 1, 0, 0]);
    expect(Array.from(first.goroutines.id)).toEqual([1, 2, 3, 4]);
    expect(Array.from(first.goroutines.status, goroutineStatus)).toEqual(['running', 'waiting', 'waiting', 'waiting']);
  });

  it('gives a wait reason only to who waits: what is printed for others is stale', () => {
    expect(kept[0].goroutines.waitReason).toEqual([null, 'force gc (idle)', 'GC sweep wait', 'GC scavenge wait']);
    for (const { goroutines } of kept) {
      goroutines.waitReason.forEach((reason, i) => {
        expect(reason !== null).toBe(['waiting', 'leaked'].includes(goroutineStatus(goroutines.status[i])));
      });
    }
  });

  it('counts goroutines by status and by wait reason over all blocks', () => {
    const rows = kept.reduce((sum, { goroutines }) => sum + goroutines.rows, 0);
    expect([...goroutinesByStatus.values()].reduce((sum, { sum: count }) => sum + count, 0)).toBe(rows);
    expect([...waiting.values()].reduce((sum, { sum: count }) => sum + count, 0)).toBe(goroutinesByStatus.get(4)!.sum);
  });

  it('keeps the first block and the last ones', () => {
    const limits = { ...defaultLogLimits, keptBlocks: 2 };
    const two = readLog(logFixture('go1.26/scheddetail.log'), { limits }).schedtrace!.detail!;
    expect(two.blocks).toBe(5);
    expect(two.kept).toEqual([kept[0], kept[4]]);
  });

  it('reads reasons with blanks and brackets, and the -1 of older versions', () => {
    const text = [
      detail,
      '  P0: status=1 schedtick=3 syscalltick=0 m=-1 runqsize=0 gfreecnt=0',
      '  M0: p=-1 curg=-1 mallocing=0 throwing=-1 preemptoff=GC worker init locks=0 dying=0 spinning=false blocked=true lockedg=-1',
      '  G1: status=4(chan receive (nil chan)) m=-1 lockedm=-1',
      '  G2: status=4106(select (no cases)) m=nil lockedm=nil later=1',
    ].join('\n');
    const [{ processors, threads, goroutines }] = schedtrace(text).detail!.kept;
    expect(processors.timerslen[0]).toBe(-1);
    expect(threads.preemptoff).toEqual(['GC worker init']);
    expect(goroutines.waitReason).toEqual(['chan receive (nil chan)', 'select (no cases)']);
    expect(goroutineStatus(goroutines.status[1])).toBe('leaked (scan)');
  });

  it('tolerates lines of others between the tables, and counts a torn row as lost', () => {
    const text = [
      detail,
      '  G1: status=4(sleep) m=nil lockedm=nil',
      'hello',
      '  G2: status=4(slee',
      '  G3: status=1() m=nil lockedm=nil',
    ];
    const trace = schedtrace(text.join('\n'));
    expect(Array.from(trace.detail!.kept[0].goroutines.id)).toEqual([1, 3]);
    expect(trace.losses).toEqual([{ code: 'torn', count: 1, lines: [4] }]);
  });
});

it('memory is bounded by merging neighbours: sums and extremes stay exact, per P too', () => {
  const whole = readLog(logFixture('go1.26/mixed.log')).schedtrace!.samples;
  const merged = readLog(logFixture('go1.26/mixed.log'), {
    limits: { ...defaultLogLimits, schedCells: 12 },
  }).schedtrace!;
  expect(merged.samples.rows).toBeLessThan(7);
  expect(merged.counts.samples).toBe(20);
  const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
  for (const name of ['runqueue', 'threads', 'idleprocs', 'localQueued'] as const) {
    expect(total(merged.samples[name].sum)).toBe(total(whole[name].sum));
    expect(Math.max(...merged.samples[name].max)).toBe(Math.max(...whole[name].max));
  }
  expect(total(merged.samples.perPTicks)).toBe(total(whole.perPTicks));
  expect(total(merged.samples.perPQueueSum)).toBe(total(whole.perPQueueSum));
  expect(total(merged.samples.count)).toBe(20);
});
