import { gatherRows } from './rows.js';
import { goroutineState, hidesRuntime, type LeafFrame, stateFrames } from './goroutine-state.js';
import { StackTreeBuilder, SymbolTableBuilder } from './stack-builder.js';
import type { StackProfile } from './stack-profile.js';

/*
 * The stacks of goroutines begin below the root with up to two frames that are none of Go's: the state of the
 * goroutines, `[chan receive]`, and who created them, `created by main.serve`. So every view of stacks shows them:
 * a flame graph falls apart by state first, and a filter may focus on one.
 */

/** Whether the stacks of a kind begin with these markers. */
export function isGoroutines(kind: string): boolean {
  return kind === 'goroutine' || kind === 'goroutineleak' || kind === 'goroutine-dump';
}

/** `[chan receive]`: the state as Go prints it, without the minutes. */
export function stateMarker(state: string): string {
  return `[${state}]`;
}

/** `created by main.serve` */
export function creatorMarker(functionName: string): string {
  return `${createdBy}${functionName}`;
}

const createdBy = 'created by ';

/** The state that a frame name stands for; null if it is no such marker. */
export function stateOfMarker(name: string): string | null {
  return name.length > 2 && name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : null;
}

/** The creating function that a frame name stands for; null if it is no such marker. */
export function creatorOfMarker(name: string): string | null {
  return name.length > createdBy.length && name.startsWith(createdBy) ? name.slice(createdBy.length) : null;
}

/** For each node: 1 if it is a state marker directly below the root, 2 if it is a creator below such a one, else 0. */
export function markerNodes({ symbols, tree }: StackProfile): Uint8Array {
  const kinds = new Uint8Array(tree.parent.length);
  for (let node = 1; node < kinds.length; node++) {
    const parent = tree.parent[node];
    if (parent !== 0 && kinds[parent] !== 1) continue;
    const frame = tree.frame[node];
    if (symbols.frameLine[frame] !== 0 || symbols.files[symbols.frameFile[frame]] !== '') continue;
    const name = symbols.functions[symbols.frameFunction[frame]];
    if (parent === 0) kinds[node] = stateOfMarker(name) === null ? 0 : 1;
    else kinds[node] = creatorOfMarker(name) === null ? 0 : 2;
  }
  return kinds;
}

/**
 * The stacks without the markers of state and creator: what `go tool pprof` shows of the same goroutines. Rows whose
 * stacks become equal are summed. It is meant for stacks of goroutines; elsewhere `[checkout]` is a binary.
 */
export function withoutGoroutineMarkers(stacks: StackProfile): StackProfile {
  const kinds = markerNodes(stacks);
  if (!kinds.some((kind) => kind !== 0)) return stacks;
  const { symbols, tree } = stacks;
  const stripped = new StackTreeBuilder(tree.parent.length);
  const places = new Int32Array(tree.parent.length);
  for (let node = 1; node < places.length; node++) {
    const above = places[tree.parent[node]];
    places[node] = kinds[node] === 0 ? stripped.child(above, tree.frame[node]) : above;
  }
  const nodeOfRow = stacks.nodes.map((node) => places[node]);
  return {
    symbols,
    tree: stripped.build(),
    sampleTypes: stacks.sampleTypes,
    ...gatherRows(stripped.size, nodeOfRow, stacks.values),
  };
}

/**
 * The stacks of a goroutine profile (a protobuf, or debug=1) with the marker of the state that each one's frames tell;
 * see goroutineState. Stacks that have a marker keep it.
 */
export function withGoroutineStates(stacks: StackProfile): StackProfile {
  const { symbols, tree, nodes } = stacks;
  const kinds = markerNodes(stacks);
  const states = statesOfRows(stacks, kinds);
  const names = new SymbolTableBuilder();
  const frames = Int32Array.from(symbols.frameFunction, (name, frame) =>
    names.frame(symbols.functions[name], symbols.files[symbols.frameFile[frame]], symbols.frameLine[frame]),
  );
  const marked = new StackTreeBuilder(tree.parent.length);
  const path: number[] = [];
  const nodeOfRow = nodes.map((leaf, row) => {
    for (let node = leaf; node > 0; node = tree.parent[node]) path.push(tree.frame[node]);
    const state = states[row];
    let place = state === null ? 0 : marked.child(0, names.frame(stateMarker(state), '', 0));
    for (let frame = path.pop(); frame !== undefined; frame = path.pop()) place = marked.child(place, frames[frame]);
    return place;
  });
  return {
    symbols: names.build(),
    tree: marked.build(),
    sampleTypes: stacks.sampleTypes,
    ...gatherRows(marked.size, nodeOfRow, stacks.values),
  };
}

/** The state of each row by its frames; null where a marker says it. */
function statesOfRows({ symbols, tree, nodes }: StackProfile, kinds: Uint8Array): (string | null)[] {
  const hidden = hidesRuntime(symbols.functions);
  return Array.from(nodes, (leaf) => {
    const frames: LeafFrame[] = [];
    let node = leaf;
    for (; node > 0 && frames.length < stateFrames && kinds[node] === 0; node = tree.parent[node]) {
      const frame = tree.frame[node];
      frames.push({ function: symbols.functions[symbols.frameFunction[frame]], line: symbols.frameLine[frame] });
    }
    while (node > 0 && kinds[node] === 0) node = tree.parent[node];
    return node > 0 ? null : goroutineState(frames, hidden);
  });
}
