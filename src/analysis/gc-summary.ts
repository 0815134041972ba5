import type { GcCycles, GcTrace } from '../formats/gctrace/gc-trace.js';
import { nearestRank, weightedSlope } from './weighted.js';

/** Part of the life of a process: nanoseconds since its start, `toNanos` not included. */
export interface LifeWindow {
  readonly fromNanos: number;
  readonly toNanos: number;
}

export interface GcSummary {
  readonly lifetime: number;
  readonly fromNanos: number;
  readonly toNanos: number;
  readonly cycles: number;
  /** Cycles of the whole lifetime whose lines are not in the log. */
  readonly missing: number;
  /** Cycles by the minutes of the window; null if it has no length. */
  readonly cyclesPerMinute: number | null;
  /**
   * Stop-the-world time of a cycle: sweep termination and mark termination together. Percentiles are nearest ranks.
   * `maxStopNanos` is the longest of all single stops. `share` is the part of the window's wall time.
   */
  readonly pause: {
    readonly p50Nanos: number;
    readonly p99Nanos: number;
    readonly maxNanos: number;
    readonly maxStopNanos: number;
    readonly totalNanos: number;
    readonly share: number | null;
  };
  /** Mean wall time of a cycle's concurrent mark. */
  readonly markMeanNanos: number;
  /**
   * CPU time of the garbage collector in the window by the CPU time there was (elapsed time x Ps): stops, assists,
   * dedicated and fractional workers. Idle workers, which take only what nobody else wants, are apart. Null if the
   * window has no length.
   */
  readonly cpuShare: number | null;
  readonly idleCpuShare: number | null;
  /** CPU time of mark assists, done by goroutines that allocate, by all that `cpuShare` counts. Null without any. */
  readonly assistShare: number | null;
  /** What the last line of the window says of all time since the start, in percent. */
  readonly cpuPercentSinceStart: number;
  /** Heap marked live at the end of the cycles; the slope is that of the least squares line. */
  readonly live: {
    readonly firstBytes: number;
    readonly lastBytes: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly slopeBytesPerHour: number | null;
  };
  readonly goalLastBytes: number;
  readonly heapMaxBytes: number;
  /** Heap at the end of the cycles by their goals, both summed; null if the goals are 0. */
  readonly goalRatio: number | null;
  /** Cycles that ended above their goal, by all. */
  readonly overGoalShare: number;
  /** Cycles by runtime.GC, debug.FreeOSMemory or a leak profile, by all. */
  readonly forcedShare: number;
  readonly processors: { readonly last: number; readonly min: number; readonly max: number };
  /** Null before Go 1.18. */
  readonly stacksLastBytes: number | null;
  /**
   * Rows hold several cycles: then each counts with its smallest and largest pause and the mean of the rest, and cycles
   * belong to the window in which their row begins. Totals over the lifetime stay exact.
   */
  readonly approximate: boolean;
}

/**
 * What an engineer asks of the cycles of one process. A cycle belongs to the window in which it starts. Without a window
 * it is the whole lifetime: from the start of the process if its first cycle is in the log, else from the first cycle
 * there is, to the end of the last one. Null if no cycle starts in the window.
 */
export function gcSummary(trace: GcTrace, lifetime: number, window?: LifeWindow): GcSummary | null {
  const { cycles, lifetimes } = trace;
  const life = lifetimes[lifetime];
  const [fromNanos, toNanos] = window === undefined ? wholeLife(trace, lifetime) : [window.fromNanos, window.toNanos];
  let first = life.firstRow;
  // The whole lifetime includes a last cycle that took no time.
  while (first < life.endRow && cycles.firstStartNanos[first] < fromNanos) first++;
  let end = window === undefined ? life.endRow : first;
  while (end < life.endRow && cycles.firstStartNanos[end] < toNanos) end++;
  if (first === end) return null;

  const sum = (column: Float64Array): number => {
    let total = 0;
    for (let row = first; row < end; row++) total += column[row];
    return total;
  };
  const extreme = (column: Float64Array, pick: (a: number, b: number) => number): number => {
    let value = column[first];
    for (let row = first + 1; row < end; row++) value = pick(value, column[row]);
    return value;
  };
  const max = (column: Float64Array): number => extreme(column, Math.max);
  const min = (column: Float64Array): number => extreme(column, Math.min);

  const count = sum(cycles.count);
  const elapsed = toNanos - fromNanos;
  const capacity = processorNanos(cycles, life.firstRow, life.endRow, fromNanos, toNanos);
  const assist = sum(cycles.assistCpuNanos);
  const cpu =
    sum(cycles.sweepTerminationCpuNanos) +
    assist +
    sum(cycles.backgroundCpuNanos) +
    sum(cycles.markTerminationCpuNanos);
  const pauseTotal = sum(cycles.sweepTerminationNanos) + sum(cycles.markTerminationNanos);
  const pauses = pausesOf(cycles, first, end);
  const goals = sum(cycles.goalBytes);
  const last = end - 1;
  return {
    lifetime,
    fromNanos,
    toNanos,
    cycles: count,
    missing: life.missing,
    cyclesPerMinute: elapsed > 0 ? (count / elapsed) * 60e9 : null,
    pause: {
      p50Nanos: nearestRank(pauses, 0.5),
      p99Nanos: nearestRank(pauses, 0.99),
      maxNanos: max(cycles.pauseMaxNanos),
      maxStopNanos: max(cycles.stopMaxNanos),
      totalNanos: pauseTotal,
      share: elapsed > 0 ? pauseTotal / elapsed : null,
    },
    markMeanNanos: sum(cycles.markNanos) / count,
    cpuShare: capacity > 0 ? cpu / capacity : null,
    idleCpuShare: capacity > 0 ? sum(cycles.idleCpuNanos) / capacity : null,
    assistShare: cpu > 0 ? assist / cpu : null,
    cpuPercentSinceStart: cycles.cpuPercentSinceStart[last],
    live: {
      firstBytes: cycles.heapLiveFirstBytes[first],
      lastBytes: cycles.heapLiveLastBytes[last],
      minBytes: min(cycles.heapLiveMinBytes),
      maxBytes: max(cycles.heapLiveMaxBytes),
      slopeBytesPerHour: liveSlope(cycles, first, end),
    },
    goalLastBytes: cycles.goalLastBytes[last],
    heapMaxBytes: max(cycles.heapEndMaxBytes),
    goalRatio: goals > 0 ? sum(cycles.heapEndBytes) / goals : null,
    overGoalShare: sum(cycles.overGoal) / count,
    forcedShare: sum(cycles.forced) / count,
    processors: {
      last: cycles.processors[last],
      min: min(cycles.processorsMin),
      max: max(cycles.processorsMax),
    },
    stacksLastBytes: Number.isNaN(cycles.stacksBytes[last]) ? null : cycles.stacksBytes[last],
    approximate: count > end - first,
  };
}

/** The life of a process cut into `windows` equal parts; a part without cycles is null. */
export function gcTimeline(trace: GcTrace, lifetime: number, windows: number): (GcSummary | null)[] {
  const [from, to] = wholeLife(trace, lifetime);
  const width = (to - from) / windows;
  return Array.from({ length: windows }, (_, i) =>
    // The last part takes what rounding would leave behind it.
    gcSummary(trace, lifetime, {
      fromNanos: from + i * width,
      toNanos: i === windows - 1 ? to + 1 : from + (i + 1) * width,
    }),
  );
}

/** One phase of a collection, in the order in which they happen; CPU time may be more than wall time x 1 P. */
export interface GcPhase {
  readonly phase: 'sweep termination' | 'concurrent mark' | 'mark termination';
  readonly stopTheWorld: boolean;
  /** Since the start of the cycle. */
  readonly startNanos: number;
  readonly durationNanos: number;
  readonly cpuNanos: number;
  /** Of the concurrent mark: who spent the CPU time. */
  readonly cpu?: { readonly assistNanos: number; readonly backgroundNanos: number; readonly idleNanos: number };
}

/** The phases of the cycle in a row; of a row with several cycles, their means. */
export function cyclePhases(cycles: GcCycles, row: number): readonly GcPhase[] {
  const mean = (column: Float64Array): number => column[row] / cycles.count[row];
  const sweep = mean(cycles.sweepTerminationNanos);
  const mark = mean(cycles.markNanos);
  const assistNanos = mean(cycles.assistCpuNanos);
  const backgroundNanos = mean(cycles.backgroundCpuNanos);
  const idleNanos = mean(cycles.idleCpuNanos);
  return [
    {
      phase: 'sweep termination',
      stopTheWorld: true,
      startNanos: 0,
      durationNanos: sweep,
      cpuNanos: mean(cycles.sweepTerminationCpuNanos),
    },
    {
      phase: 'concurrent mark',
      stopTheWorld: false,
      startNanos: sweep,
      durationNanos: mark,
      cpuNanos: assistNanos + backgroundNanos + idleNanos,
      cpu: { assistNanos, backgroundNanos, idleNanos },
    },
    {
      phase: 'mark termination',
      stopTheWorld: true,
      startNanos: sweep + mark,
      durationNanos: mean(cycles.markTerminationNanos),
      cpuNanos: mean(cycles.markTerminationCpuNanos),
    },
  ];
}

/** The row that holds the cycle with this number, or -1. */
export function rowOfCycle(trace: GcTrace, lifetime: number, number: number): number {
  const { firstRow, endRow } = trace.lifetimes[lifetime];
  const { firstNumber, lastNumber } = trace.cycles;
  for (let row = firstRow; row < endRow; row++) {
    if (number >= firstNumber[row] && number <= lastNumber[row]) return row;
  }
  return -1;
}

function wholeLife({ cycles, lifetimes }: GcTrace, lifetime: number): readonly [number, number] {
  const { firstRow, endRow, firstNumber } = lifetimes[lifetime];
  return [firstNumber === 1 ? 0 : cycles.firstStartNanos[firstRow], cycles.lastEndNanos[endRow - 1]];
}

/** Elapsed time x Ps: a cycle's GOMAXPROCS holds until the next cycle, that of the first one also before it. */
function processorNanos(cycles: GcCycles, first: number, end: number, from: number, to: number): number {
  let total = 0;
  for (let row = first; row < end; row++) {
    const begin = row === first ? from : Math.max(from, cycles.firstStartNanos[row]);
    const until = row === end - 1 ? to : Math.min(to, cycles.firstStartNanos[row + 1]);
    if (until > begin) total += (until - begin) * cycles.processors[row];
  }
  return total;
}

function pausesOf(cycles: GcCycles, first: number, end: number): { value: number; weight: number }[] {
  const pauses: { value: number; weight: number }[] = [];
  for (let row = first; row < end; row++) {
    const count = cycles.count[row];
    const total = cycles.sweepTerminationNanos[row] + cycles.markTerminationNanos[row];
    pauses.push({ value: cycles.pauseMaxNanos[row], weight: 1 });
    if (count === 1) continue;
    pauses.push({ value: cycles.pauseMinNanos[row], weight: 1 });
    const rest = total - cycles.pauseMaxNanos[row] - cycles.pauseMinNanos[row];
    if (count > 2) pauses.push({ value: rest / (count - 2), weight: count - 2 });
  }
  return pauses;
}

function liveSlope(cycles: GcCycles, first: number, end: number): number | null {
  const slope = weightedSlope(end - first, (i) => {
    const row = first + i;
    const weight = cycles.count[row];
    return {
      x: (cycles.firstStartNanos[row] + cycles.lastStartNanos[row]) / 2,
      y: cycles.heapLiveBytes[row] / weight,
      weight,
    };
  });
  return slope === null ? null : slope * 3600e9;
}
