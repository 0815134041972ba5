import type { Gauge, SchedTrace } from '../formats/schedtrace/sched-trace.js';
import type { LifeWindow } from './gc-summary.js';

export interface SchedSummary {
  readonly lifetime: number;
  readonly fromNanos: number;
  readonly toNanos: number;
  readonly samples: number;
  readonly gomaxprocs: Spread;
  /** Length of the global run queue. */
  readonly runqueue: Spread;
  /** Goroutines in all local run queues together, and in the longest one; null if no sample lists them. */
  readonly localQueued: Spread | null;
  readonly localLongest: Spread | null;
  /** Goroutines that wait for a P, in any queue: mean of a sample. */
  readonly queuedMean: number;
  readonly processors: readonly ProcessorSummary[];
  /**
   * The mean queue of the P with the longest by the mean over all Ps: 1 is even, the number of Ps is all on one. Null if
   * nothing was queued locally.
   */
  readonly queueImbalance: number | null;
  /** The same of the scheduler calls. Null before Go 1.25. */
  readonly tickImbalance: number | null;
  /** Samples in which one local queue is long (`lopsidedLength`) while at least half of them are empty, by all. */
  readonly lopsidedShare: number;
  /** Samples in which goroutines wait in a queue although a P is idle, by all. */
  readonly queuedWhileIdleShare: number;
  /** Idle Ps by all Ps, both summed over the samples. */
  readonly idleShare: number;
  /** Ms that exist, and of them: looking for work, parked. */
  readonly threads: Spread & { readonly first: number; readonly last: number };
  readonly spinningthreads: Spread;
  readonly idlethreads: Spread;
  /** Samples with needspinning=1, by all; 0 before Go 1.20. */
  readonly needspinningShare: number;
  /** With scheddetail=1: samples with gcwaiting=true, by all. */
  readonly gcwaitingShare: number;
  /** Rows hold several samples: those that begin in the window are counted whole. */
  readonly approximate: boolean;
}

export interface Spread {
  readonly mean: number;
  readonly min: number;
  readonly max: number;
}

export interface ProcessorSummary {
  /** Length of the local run queue. Goroutines in `runnext` are not in it. */
  readonly queueMean: number;
  readonly queueMax: number;
  /** Scheduler calls; 0 before Go 1.25. */
  readonly ticks: number;
}

/**
 * What an engineer asks of the samples of one process; without a window, of all of them. Times count from the first
 * SCHED line. A sample is a moment: shares are shares of samples, not of time. Null if there is none in the window.
 */
export function schedSummary(trace: SchedTrace, lifetime: number, window?: LifeWindow): SchedSummary | null {
  const { samples, lifetimes } = trace;
  const { firstRow, endRow } = lifetimes[lifetime];
  const { fromNanos, toNanos } = window ?? { fromNanos: 0, toNanos: Infinity };
  let first = firstRow;
  while (first < endRow && samples.firstNanos[first] < fromNanos) first++;
  let end = first;
  while (end < endRow && samples.firstNanos[end] < toNanos) end++;
  if (first === end) return null;

  const sum = (column: Float64Array): number => {
    let total = 0;
    for (let row = first; row < end; row++) total += column[row];
    return total;
  };
  const count = sum(samples.count);
  const withQueues = sum(samples.localCount);
  const spread = (gauge: Gauge, of = count): Spread => {
    let min = Infinity;
    let max = -Infinity;
    for (let row = first; row < end; row++) {
      min = Math.min(min, gauge.min[row]);
      max = Math.max(max, gauge.max[row]);
    }
    return { mean: sum(gauge.sum) / of, min, max };
  };
  const processors = processorsOf(trace, first, end, withQueues);
  return {
    lifetime,
    fromNanos: samples.firstNanos[first],
    toNanos: samples.lastNanos[end - 1],
    samples: count,
    gomaxprocs: spread(samples.gomaxprocs),
    runqueue: spread(samples.runqueue),
    localQueued: withQueues > 0 ? spread(samples.localQueued, withQueues) : null,
    localLongest: withQueues > 0 ? spread(samples.localLongest, withQueues) : null,
    queuedMean: sum(samples.runqueue.sum) / count + (withQueues > 0 ? sum(samples.localQueued.sum) / withQueues : 0),
    processors,
    queueImbalance: imbalance(processors.map(({ queueMean }) => queueMean)),
    tickImbalance: imbalance(processors.map(({ ticks }) => ticks)),
    lopsidedShare: sum(samples.lopsided) / count,
    queuedWhileIdleShare: sum(samples.queuedWhileIdle) / count,
    idleShare: sum(samples.idleprocs.sum) / sum(samples.gomaxprocs.sum),
    threads: {
      ...spread(samples.threads),
      first: samples.threadsFirst[first],
      last: samples.threadsLast[end - 1],
    },
    spinningthreads: spread(samples.spinningthreads),
    idlethreads: spread(samples.idlethreads),
    needspinningShare: sum(samples.needspinning) / count,
    gcwaitingShare: sum(samples.gcwaiting) / count,
    approximate: count > end - first,
  };
}

function processorsOf({ samples }: SchedTrace, first: number, end: number, withQueues: number): ProcessorSummary[] {
  const { perPStart, perPQueueSum, perPQueueMax, perPTicks } = samples;
  const width = perPStart[first + 1] - perPStart[first];
  return Array.from({ length: width }, (_, p): ProcessorSummary => {
    let queued = 0;
    let queueMax = 0;
    let ticks = 0;
    for (let row = first; row < end; row++) {
      const cell = perPStart[row] + p;
      queued += perPQueueSum[cell];
      queueMax = Math.max(queueMax, perPQueueMax[cell]);
      ticks += perPTicks[cell];
    }
    return { queueMean: queued / withQueues, queueMax, ticks };
  });
}

function imbalance(values: readonly number[]): number | null {
  const total = values.reduce((a, b) => a + b, 0);
  return total > 0 ? (Math.max(...values) * values.length) / total : null;
}
