import type { EvidenceFrame, LeakEvidence } from './evidence.js';
import type { CodeMap } from './places.js';
import { siteOf } from './places.js';

/** Allocations that are one to the ranking: those for which the same function of the application is to be opened. */
export interface HeapPlace {
  readonly pivot: EvidenceFrame;
  /** The stacks of the evidence that belong to it. */
  readonly stacks: readonly number[];
  /** All of it is allocated by the runtime for itself: stacks and descriptors of goroutines and threads. */
  readonly isRuntime: boolean;
  /** No function of the application or of a dependency is in its stacks: there is nothing to open in the editor. */
  readonly isGoOwn: boolean;
}

export interface HeapPlaces {
  readonly places: readonly HeapPlace[];
  /** Of each stack of the evidence; -1: goroutines. */
  readonly placeOf: Int32Array;
}

/**
 * The innermost frame of the application, or of a dependency where none is. What the standard library allocates on its
 * behalf (`regexp/syntax`, `bytes.growSlice`) counts for it, however many sites that are.
 */
export function heapPlaces({ stacks }: Pick<LeakEvidence, 'stacks'>, code: CodeMap): HeapPlaces {
  const numbers = new Map<string, number>();
  const places: (HeapPlace & { stacks: number[] })[] = [];
  const placeOf = Int32Array.from(stacks, ({ state, frames }, index) => {
    if (state !== null) return -1;
    const own = code.ownFrame(frames);
    const pivot = own ?? siteOf(frames);
    let number = numbers.get(pivot.function);
    if (number === undefined) {
      const isRuntime = own === null && code.originOf(pivot) === 'runtime';
      numbers.set(pivot.function, (number = places.push({ pivot, stacks: [], isRuntime, isGoOwn: own === null }) - 1));
    }
    places[number].stacks.push(index);
    return number;
  });
  return { places, placeOf };
}
