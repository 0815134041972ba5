import type { MemoryEvidence } from './evidence.js';
import { type FleetGrowth, growing } from './fleet.js';
import type { GoroutineSuspect } from './goroutine-suspects.js';
import type { HeapSuspect } from './heap-suspects.js';
import type { ProcessEvidence } from './processes.js';
import { correlation, growthShape, nearestTo } from './statistics.js';
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
  const owners = new Map<string, GoroutineSuspect[]>();
  const convincing = goroutines.filter(({ tier, fleet }) => tier !== 'watch' && fleet !== null);
  for (const suspect of convincing.toSorted((a, b) => b.score - a.score)) {
    const name = runs(suspect);
    const known = owners.get(name);
    if (known === undefined) owners.set(name, [suspect]);
    else if (known.length < mostOwners) known.push(suspect);
  }
  const held = new Map<GoroutineSuspect, HeapSuspect[]>();
  if (owners.size === 0) return held;
  for (const heap of heaps) {
    const owner = [...new Set(heap.stack.map((frame) => frame.function))]
      .flatMap((name) => owners.get(name) ?? [])
      .filter((suspect) => growTogether(suspect, heap))
      .reduce<GoroutineSuspect | null>((a, b) => (a === null || b.score > a.score ? b : a), null);
    if (owner === null) continue;
    const known = held.get(owner);
    if (known === undefined) held.set(owner, [heap]);
    else known.push(heap);
  }
  return held;
}

/** Groups that run the same function: so many of them may own memory. */
const mostOwners = 16;

/** The function by which memory is told to be allocated by the goroutines themselves: which they run, or which it calls. */
function runs({ stack, group }: GoroutineSuspect): string {
  const outermost = stack.at(-1)?.function;
  // What serves connections is at the root of nearly everything, whoever leaks.
  const tells = outermost !== undefined && !outermost.startsWith('net/http.') && outermost !== 'main.main';
  return tells ? outermost : group.pivot.function;
}

const leastTogether = 0.9;

/** In the process that tells of the memory. */
function growTogether({ fleet }: GoroutineSuspect, heap: HeapSuspect): boolean {
  const { process, atMillis, values } = heap.fleet.leading;
  const own = fleet?.all.find((growth) => growth.process === process);
  if (own === undefined) return false;
  const counts = nearestTo(atMillis, own.atMillis).map((place) => own.values[place]);
  return correlation(counts, values) >= leastTogether;
}

/** What the goroutines of a suspect hold: their stacks, and the heap that grows with them. */
export function memoryCost({ fleet }: GoroutineSuspect, held: readonly HeapSuspect[]): MemoryCost | null {
  if (fleet === null) return null;
  const { process } = fleet.leading;
  const last = process.memory.findLast(({ stackInuse }) => stackInuse !== undefined);
  const all = process.goroutines[process.goroutines.length - 1].counts.reduce((sum, own) => sum + Math.max(0, own), 0);
  const stack = last === undefined ? leastStackBytes : Math.max(leastStackBytes, last.stackInuse! / all);
  const heap = held.reduce((sum, { fleet: { leading } }) => {
    const goroutines = fleet.all.find((growth) => growth.process === leading.process)!;
    return sum + leading.values[leading.values.length - 1] / goroutines.values[goroutines.values.length - 1];
  }, 0);
  const bytesPerGoroutine = Math.round(stack + heap);
  const count = growing(fleet).reduce((sum, { values }) => sum + values[values.length - 1], 0);
  return { bytesPerGoroutine, bytes: bytesPerGoroutine * count };
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
    if (limit === undefined || limit >= noLimit || used === undefined || shape.perHour <= 0) return [];
    return [Math.max(0, (limit - usedOf(used)!) / (shape.perHour * bytesPer))];
  });
  return hours.length === 0 ? null : hours.reduce((a, b) => Math.min(a, b));
}

/** GOMEMLIMIT and the control groups say the largest number there is where there is no limit. */
const noLimit = 2 ** 60;

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
 * Instances whose resident memory grows beyond what the Go runtime has ever taken from the system: C code, mmap, or
 * other languages. No profile of Go can tell where. Judged by the last process of which enough is known.
 */
export function offHeapGrowth(processes: readonly ProcessEvidence[]): OffHeapGrowth[] {
  const known = processes.map((process) => ({ process, moments: momentsOf(process) }));
  const last = new Map(
    known.flatMap((one) => (one.moments.length < leastMoments ? [] : [[one.process.instance, one] as const])),
  );
  return [...last.values()].flatMap(({ process, moments }) => {
    const atMillis = moments.map((moment) => moment.atMillis);
    const values = moments.map(({ rss, goSys }) => Math.max(0, rss - goSys));
    const shape = growthShape(atMillis, values);
    const grown = values[values.length - 1] - values[0];
    const grows =
      shape.tau >= leastOffHeapTau &&
      shape.goesOn >= 0.5 &&
      grown >= leastOffHeapBytes &&
      grown >= leastOffHeapShare * moments[0].rss;
    return grows ? [{ process, atMillis, values, perHour: shape.perHour }] : [];
  });
}

/** Of two of one time the last counts. */
function momentsOf({ memory }: ProcessEvidence): { atMillis: number; rss: number; goSys: number }[] {
  const both = memory.flatMap(({ atMillis, rss, goSys }) =>
    rss === undefined || goSys === undefined ? [] : [{ atMillis, rss, goSys }],
  );
  return both.filter(({ atMillis }, i) => atMillis !== both.at(i + 1)?.atMillis);
}

/** How much of the heap lies idle and was not given back, where that is more than is in use; else null. */
export function idleHeap(processes: readonly ProcessEvidence[]): { instance: string; bytes: number } | null {
  const idle = processes.flatMap(({ instance, memory }) => {
    const last = memory.findLast(({ heapIdle, heapReleased }) => heapIdle !== undefined && heapReleased !== undefined);
    if (last === undefined) return [];
    const kept = last.heapIdle! - last.heapReleased!;
    return kept > (last.heapInuse ?? Infinity) && kept > leastOffHeapBytes ? [{ instance, bytes: kept }] : [];
  });
  return idle.reduce<(typeof idle)[number] | null>((a, b) => (a === null || b.bytes > a.bytes ? b : a), null);
}
