import type { Pause } from '../formats/memstats/pause.js';

/** How long pauses were. Each figure is a pause that happened (nearest rank): nothing is interpolated. */
export interface PauseDistribution {
  readonly count: number;
  readonly totalNanos: bigint;
  readonly p50Nanos: bigint;
  readonly p95Nanos: bigint;
  readonly p99Nanos: bigint;
  readonly maxNanos: bigint;
}

/** Null for no pauses at all: that is not a distribution of zeros. */
export function pauseDistribution(pauses: readonly Pause[]): PauseDistribution | null {
  if (pauses.length === 0) return null;
  const sorted = BigUint64Array.from(pauses, ({ pauseNanos }) => pauseNanos).sort();
  let totalNanos = 0n;
  for (const nanos of sorted) totalNanos += nanos;
  const ranked = (percent: number): bigint => sorted[Math.ceil((sorted.length * percent) / 100) - 1];
  return {
    count: sorted.length,
    totalNanos,
    p50Nanos: ranked(50),
    p95Nanos: ranked(95),
    p99Nanos: ranked(99),
    maxNanos: ranked(100),
  };
}

/** The pauses of one process, as far as its snapshots show them. */
export interface PauseHistory {
  /** Each collection once, ascending. */
  readonly pauses: readonly Pause[];
  /** Collections between the first and the last that no snapshot shows: more than 256 came between two of them. */
  readonly gaps: readonly GcRange[];
}

/** Collections from `firstGc` to `lastGc`, both included. */
export interface GcRange {
  readonly firstGc: number;
  readonly lastGc: number;
}

/**
 * Joins the pauses that snapshots of one instance show (each a window of the last 256) into histories, one for each
 * process, in the order of time. The order of the snapshots makes no difference.
 *
 * Two snapshots are of the same process where they show the same collection with the same end, and of different ones
 * where they show it with different ends, or where a lower number ended later. Where they have no collection in common
 * and the numbers rise with time nothing speaks for a new process, and what lies between is a gap.
 */
export function joinPauses(snapshots: readonly (readonly Pause[])[]): PauseHistory[] {
  const windows = snapshots.filter((pauses) => pauses.length > 0).sort(byLastEnd);
  const processes: Map<number, Pause>[] = [];
  let last: Pause | null = null;
  for (const window of windows) {
    const current = processes.at(-1);
    if (current !== undefined && last !== null && continues(current, last, window)) {
      for (const pause of window) current.set(pause.gc, pause);
    } else {
      processes.push(new Map(window.map((pause) => [pause.gc, pause])));
      last = null;
    }
    const end = window[window.length - 1];
    if (last === null || end.gc > last.gc) last = end;
  }
  return processes.map(historyOf);
}

function byLastEnd(a: readonly Pause[], b: readonly Pause[]): number {
  const [endA, endB] = [a[a.length - 1], b[b.length - 1]];
  if (endA.endUnixNanos !== endB.endUnixNanos) return endA.endUnixNanos < endB.endUnixNanos ? -1 : 1;
  return endA.gc - endB.gc;
}

function continues(process: ReadonlyMap<number, Pause>, last: Pause, window: readonly Pause[]): boolean {
  let shared = false;
  for (const { gc, endUnixNanos } of window) {
    const known = process.get(gc);
    if (known === undefined) continue;
    if (known.endUnixNanos !== endUnixNanos) return false;
    shared = true;
  }
  return shared || (window[0].gc > last.gc && window[0].endUnixNanos >= last.endUnixNanos);
}

function historyOf(process: ReadonlyMap<number, Pause>): PauseHistory {
  const pauses = [...process.values()].sort((a, b) => a.gc - b.gc);
  const gaps: GcRange[] = [];
  for (let i = 1; i < pauses.length; i++) {
    if (pauses[i].gc > pauses[i - 1].gc + 1) gaps.push({ firstGc: pauses[i - 1].gc + 1, lastGc: pauses[i].gc - 1 });
  }
  return { pauses, gaps };
}
