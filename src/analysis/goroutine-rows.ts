import { canonicalFunction } from '../formats/go-names.js';
import {
  type GoroutineDump,
  type GoroutineDumps,
  goroutineFlags,
  type LabelSet,
} from '../formats/goroutine-dump/dump.js';
import { goroutineSite, normalisedStack } from './goroutine-frames.js';
import { creatorOfMarker, markerNodes, stateOfMarker } from './goroutine-markers.js';
import { goroutineState, hidesRuntime, refinedState } from './goroutine-state.js';
import type { StackProfile } from './stack-profile.js';

/** Goroutines as rows, whether they were captured one by one (a dump) or counted by stack (a profile). */
export interface GoroutineRows {
  readonly count: number;
  readonly stacks: readonly GoroutineStack[];
  readonly labelSets: readonly LabelSet[];
  /** Index into `stacks`. */
  readonly stack: Int32Array;
  /** What a dump says or a profile's frames tell, `semacquire` refined to what is waited for. */
  readonly state: readonly string[];
  /** The function with the `go` statement; null: not known. */
  readonly creator: readonly (string | null)[];
  /** Index into `labelSets`; -1: none. */
  readonly labelSet: Int32Array;
  /** -1: not said. */
  readonly waitMinutes: Int32Array;
  readonly goroutines: Float64Array;
  /** Of these, how many a goroutineleak profile has found unreachable. */
  readonly leaked: Float64Array;
  /** Null for a profile, which has no ids. */
  readonly id: BigUint64Array | null;
}

export interface GoroutineStack {
  /** Leaf first, names canonical. */
  readonly frames: readonly GoroutineFrame[];
  /** See normalisedStack. */
  readonly normalised: readonly string[];
  readonly site: string;
}

export interface GoroutineFrame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
}

/** The goroutines of one dump, in the order of its text; those that were folded beyond a limit are not there. */
export function rowsOfDump(dumps: GoroutineDumps, dump: GoroutineDump): GoroutineRows {
  const numbers = new Map<number, number>();
  const stacks: GoroutineStack[] = [];
  const functions = new Map<number, string>();
  const functionOf = (frame: number): string => {
    const number = dumps.frames.function[frame];
    let name = functions.get(number);
    if (name === undefined) functions.set(number, (name = canonicalFunction(dumps.functions[number])));
    return name;
  };
  const stack = dump.stack.map((number) => {
    let own = numbers.get(number);
    if (own === undefined) {
      numbers.set(number, (own = stacks.length));
      const frames = dumps.stacks.frame.subarray(dumps.stacks.start[number], dumps.stacks.start[number + 1]);
      stacks.push(
        stackOf(
          Array.from(frames, (frame) => ({
            function: functionOf(frame),
            file: dumps.files[dumps.frames.file[frame]],
            line: dumps.frames.line[frame],
          })),
        ),
      );
    }
    return own;
  });
  return {
    count: dump.count,
    stacks,
    labelSets: dumps.labelSets,
    stack,
    state: Array.from(dump.state, (state, row) => refinedState(dumps.states[state], stacks[stack[row]].frames)),
    creator: Array.from(dump.createdBy, (frame) => (frame < 0 ? null : functionOf(frame))),
    labelSet: dump.labelSet,
    waitMinutes: dump.waitMinutes,
    goroutines: new Float64Array(dump.count).fill(1),
    leaked: Float64Array.from(dump.flags, (flags) => ((flags & goroutineFlags.leaked) === 0 ? 0 : 1)),
    id: dump.id,
  };
}

/**
 * The goroutines of a goroutine profile, one row per stack: state and creator from the markers where there are some
 * (see goroutine-markers.ts), else the state that the frames tell. Counts beyond 2^53 are rounded.
 *
 * @param sampleType the column that counts goroutines
 * @param leaked whether it is a goroutineleak profile
 */
export function rowsOfStacks(stacks: StackProfile, sampleType = 0, leaked = false): GoroutineRows {
  const { symbols, tree, nodes } = stacks;
  const kinds = markerNodes(stacks);
  const hidden = hidesRuntime(symbols.functions);
  const found: GoroutineStack[] = [];
  const state: string[] = [];
  const creator: (string | null)[] = [];
  for (const leaf of nodes) {
    const frames: GoroutineFrame[] = [];
    let said: string | null = null;
    let by: string | null = null;
    for (let node = leaf; node > 0; node = tree.parent[node]) {
      const frame = tree.frame[node];
      const name = symbols.functions[symbols.frameFunction[frame]];
      if (kinds[node] === 1) said = stateOfMarker(name);
      else if (kinds[node] === 2) by = creatorOfMarker(name);
      else
        frames.push({ function: name, file: symbols.files[symbols.frameFile[frame]], line: symbols.frameLine[frame] });
    }
    found.push(stackOf(frames));
    state.push(said === null ? goroutineState(frames, hidden) : refinedState(said, frames));
    creator.push(by);
  }
  const count = nodes.length;
  const goroutines = Float64Array.from({ length: count }, (_, row) => Number(stacks.values[sampleType][row]));
  return {
    count,
    stacks: found,
    labelSets: [],
    stack: Int32Array.from(nodes, (_, row) => row),
    state,
    creator,
    labelSet: new Int32Array(count).fill(-1),
    waitMinutes: new Int32Array(count).fill(-1),
    goroutines,
    leaked: leaked ? goroutines.slice() : new Float64Array(count),
    id: null,
  };
}

function stackOf(frames: readonly GoroutineFrame[]): GoroutineStack {
  const names = frames.map(({ function: name }) => name);
  return { frames, normalised: normalisedStack(names), site: goroutineSite(names) };
}
