import { schedSummary } from '../../src/analysis/sched-summary.js';
import { defaultLogLimits } from '../../src/formats/log/limits.js';
import { logFixture, readLog } from '../formats/log-fixtures.js';

const sample = (ms: number, idle: number, threads: number, run: number, queues: number[], ticks: number[]): string =>
  `SCHED ${ms}ms: gomaxprocs=4 idleprocs=${idle} threads=${threads} spinningthreads=1 needspinning=${ms % 200 === 0 ? 1 : 0} idlethreads=2 runqueue=${run} [ ${queues.join(' ')} ] schedticks=[ ${ticks.join(' ')} ]`;

const trace = readLog(
  [
    sample(0, 0, 5, 0, [0, 0, 0, 0], [0, 0, 0, 0]),
    sample(100, 2, 6, 1, [12, 0, 0, 4], [100, 10, 10, 0]),
    sample(200, 4, 8, 0, [0, 0, 0, 0], [200, 20, 20, 80]),
    sample(300, 1, 7, 3, [4, 4, 0, 0], [300, 30, 30, 40 + 80]),
  ].join('\n'),
).schedtrace!;

it('sums up queues, Ps and threads of all samples', () => {
  const summary = schedSummary(trace, 0)!;
  expect(summary).toMatchObject({
    samples: 4,
    fromNanos: 0,
    toNanos: 300e6,
    gomaxprocs: { mean: 4, min: 4, max: 4 },
    runqueue: { mean: 1, min: 0, max: 3 },
    localQueued: { mean: 6, max: 16 },
    localLongest: { mean: 4, max: 12 },
    queuedMean: 7,
    threads: { first: 5, last: 7, max: 8, min: 5 },
    idleShare: 7 / 16,
    // At 100 ms and 300 ms.
    queuedWhileIdleShare: 0.5,
    // At 100 ms.
    lopsidedShare: 0.25,
    needspinningShare: 0.5,
    approximate: false,
  });
  expect(summary.processors).toEqual([
    { queueMean: 4, queueMax: 12, ticks: 300 },
    { queueMean: 1, queueMax: 4, ticks: 30 },
    { queueMean: 0, queueMax: 0, ticks: 30 },
    { queueMean: 1, queueMax: 4, ticks: 120 },
  ]);
  expect(summary.queueImbalance).toBeCloseTo(4 / 1.5, 12);
  expect(summary.tickImbalance).toBeCloseTo(300 / 120, 12);
});

it('a window holds the samples in it; none is no answer', () => {
  expect(schedSummary(trace, 0, { fromNanos: 100e6, toNanos: 300e6 })).toMatchObject({
    samples: 2,
    threads: { first: 6, last: 8 },
    runqueue: { max: 1 },
  });
  expect(schedSummary(trace, 0, { fromNanos: 1e9, toNanos: 2e9 })).toBeNull();
});

it('without local queues (scheddetail) says nothing about them', () => {
  const summary = schedSummary(readLog(logFixture('go1.26/scheddetail.log')).schedtrace!, 0)!;
  expect(summary).toMatchObject({ samples: 5, localQueued: null, queueImbalance: null, processors: [] });
});

it('of merged samples is the same in sums and extremes', () => {
  const bytes = logFixture('go1.26/mixed.log');
  const exact = schedSummary(readLog(bytes).schedtrace!, 0)!;
  const merged = schedSummary(readLog(bytes, { limits: { ...defaultLogLimits, schedRows: 6 } }).schedtrace!, 0)!;
  expect(merged).toEqual({ ...exact, approximate: true });
});
