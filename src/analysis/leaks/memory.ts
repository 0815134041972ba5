import type { EvidenceFrame, MemoryEvidence } from './evidence.js';
import type { FleetGrowth, GrowthInProcess } from './fleet.js';
import type { GoroutineSuspect } from './goroutine-suspects.js';
import type { HeapSuspect } from './heap-suspects.js';
import type { ProcessEvidence } from './processes.js';
import { correlation, growthShape } from './statistics.js';
import type { MemoryCost } from './suspect.js';

/*
 * What memory has to do with the suspects: how long it will last, what leaking goroutines hold, and what grows outside
 * of the Go heap, where no profile looks.
 */

/** What a goroutine costs at least: its first stack (Go runtime/stack.go, fixedStack). */
const leastStackBytes = 2048;

/** Heap suspects that are only the memory of goroutines that leak, by the goroutine suspect that they belong to. */
export function heldByGoroutines(
  goroutines: readonly GoroutineSuspect[],
  heaps: readonly HeapSuspect[],
): Map<GoroutineSuspect, HeapSuspect[]> {
  const held = new Map<GoroutineSuspect, HeapSuspect[]>();
  const convincing = goroutines.filter(({ tier, fleet }) => tier !== 'watch' && fleet !== null);
  for (const heap of heaps) {
    const owner = convincing.find(
      (suspect) => runsIn(suspect, heap.stack) && growTogether(suspect.fleet!.leading, heap.fleet.leading),
    );
    if (owner === undefined) continue;
    const known = held.get(owner);
    if (known === undefined) held.set(owner, [heap]);
    else known.push(heap);
  }
  return held;
}

/** Whether the memory is allocated by the goroutines themselves: by the function that they run, or one it calls. */
function runsIn({ stack, group }: GoroutineSuspect, frames: readonly EvidenceFrame[]): boolean {
  const outermost = stack.at(-1)?.function;
  // What serves connections is at the root of nearly everything, whoever leaks.
  if (outermost === undefined || outermost.startsWith('net/http.') || outermost === 'main.main') {
    return frames.some((frame) => frame.function === group.pivot.function);
  }
  return frames.some((frame) => frame.function === outermost);
}

const leastTogether = 0.9;

function growTogether(a: GrowthInProcess, b: GrowthInProcess): boolean {
  if (a.process !== b.process) return false;
  const nearest = (at: number): number =>
    a.atMillis.reduce((best, own, i) => (Math.abs(own - at) < Math.abs(a.atMillis[best] - at) ? i : best), 0);
  return (
    correlation(
      b.atMillis.map((at) => a.values[nearest(at)]),
      b.values,
    ) >= leastTogether
  );
}

/** What the goroutines of a suspect hold: their stacks, and the heap that grows with them. */
export function memoryCost({ fleet }: GoroutineSuspect, held: readonly HeapSuspect[]): MemoryCost | null {
  if (fleet === null) return null;
  const { values, process } = fleet.leading;
  const count = values[values.length - 1];
  const last = process.memory.findLast(({ stackInuse }) => stackInuse !== undefined);
  const all = process.goroutines[process.goroutines.length - 1].counts.reduce((sum, own) => sum + own, 0);
  const stack = last === undefined ? leastStackBytes : Math.max(leastStackBytes, last.stackInuse! / all);
  const heap = held.reduce(
    (sum, suspect) => sum + suspect.fleet.leading.values[suspect.fleet.leading.values.length - 1],
    0,
  );
  const bytesPerGoroutine = Math.round(stack + heap / count);
  return {
    bytesPerGoroutine,
    bytes: bytesPerGoroutine * fleet.current.reduce((sum, own) => sum + own.values[own.values.length - 1], 0),
  };
}

/**
 * Hours until the first instance reaches its memory limit, if nothing else grows; null: no limit is known, or nothing
 * grows now.
 *
 * @param bytesPer what one of the units costs in which growth is counted
 */
export function hoursToLimit({ current }: FleetGrowth, bytesPer: number): number | null {
  const hours = current.flatMap(({ process, shape }) => {
    const limit = process.memory.findLast((moment) => moment.memoryLimit !== undefined)?.memoryLimit;
    const used = process.memory.findLast((moment) => usedOf(moment) !== undefined);
    if (limit === undefined || used === undefined || shape.perHour <= 0) return [];
    return [Math.max(0, (limit - usedOf(used)!) / (shape.perHour * bytesPer))];
  });
  return hours.length === 0 ? null : hours.reduce((a, b) => Math.min(a, b));
}

function usedOf({ rss, goSys, heapReleased }: MemoryEvidence): number | undefined {
  return rss ?? (goSys === undefined ? undefined : goSys - (heapReleased ?? 0));
}

/** Memory of the process that is none of Go's and grows. */
export interface OffHeapGrowth {
  readonly process: ProcessEvidence;
  readonly atMillis: readonly number[];
  readonly values: readonly number[];
  readonly perHour: number;
}

const leastMoments = 6;
const leastOffHeapBytes = 16 * 2 ** 20;
const leastOffHeapShare = 0.1;
const leastOffHeapTau = 0.8;

/**
 * Processes whose resident memory grows beyond what the Go runtime has ever taken from the system: C code, mmap, or
 * other languages. No profile of Go can tell where.
 */
export function offHeapGrowth(processes: readonly ProcessEvidence[]): OffHeapGrowth[] {
  return processes.flatMap((process) => {
    const moments = process.memory.filter(({ rss, goSys }) => rss !== undefined && goSys !== undefined);
    if (moments.length < leastMoments) return [];
    const atMillis = moments.map((moment) => moment.atMillis);
    const values = moments.map(({ rss, goSys }) => Math.max(0, rss! - goSys!));
    const shape = growthShape(atMillis, values);
    const grown = values[values.length - 1] - values[0];
    const grows =
      shape.tau >= leastOffHeapTau &&
      shape.goesOn >= 0.5 &&
      grown >= leastOffHeapBytes &&
      grown >= leastOffHeapShare * moments[0].rss!;
    return grows ? [{ process, atMillis, values, perHour: shape.perHour }] : [];
  });
}

/** How much of the heap lies idle and was not given back, where that is most of what the process holds; else null. */
export function idleHeapBytes(processes: readonly ProcessEvidence[]): number | null {
  const idle = processes.flatMap(({ memory }) => {
    const last = memory.findLast(({ heapIdle, heapReleased }) => heapIdle !== undefined && heapReleased !== undefined);
    if (last === undefined) return [];
    const kept = last.heapIdle! - last.heapReleased!;
    return kept > (last.heapInuse ?? Infinity) && kept > leastOffHeapBytes ? [kept] : [];
  });
  return idle.length === 0 ? null : idle.reduce((a, b) => Math.max(a, b));
}
