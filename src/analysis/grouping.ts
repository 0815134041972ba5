import { packageOf } from '../formats/go-names.js';
import type { Int64Column } from '../formats/int64.js';
import { type ExactColumn, linearPass } from './exact.js';
import type { StackProfile, StackTree, SymbolTable } from './stack-profile.js';

/** What counts as one thing in an answer: a function name, a line of a function, a file or a package. */
export const granularities = ['function', 'line', 'file', 'package'] as const;
export type Granularity = (typeof granularities)[number];

/** How frames fall into groups. */
export interface FrameGroups {
  readonly count: number;
  readonly groupOfFrame: Int32Array;
}

/** How the frames of a tree fall into groups. */
export interface Grouping extends FrameGroups {
  /**
   * 1 for each node whose group does not occur among its ancestors. Summing the subtrees below these, and only these,
   * gives the cumulative value: in a recursion the outermost call already contains the inner ones.
   */
  readonly outermost: Uint8Array;
}

/** Trees are shared by many profiles and never change, so what is computed once per tree is kept with it. */
const groupings = new WeakMap<StackTree, { symbols: SymbolTable; byGranularity: Map<Granularity, Grouping> }>();

export function groupingOf({ symbols, tree }: Pick<StackProfile, 'symbols' | 'tree'>, by: Granularity): Grouping {
  let known = groupings.get(tree);
  if (known?.symbols !== symbols) {
    known = { symbols, byGranularity: new Map() };
    groupings.set(tree, known);
  }
  let grouping = known.byGranularity.get(by);
  if (grouping === undefined) {
    const { count, groupOfFrame } = groupFrames(symbols, by);
    grouping = { count, groupOfFrame, outermost: outermostNodes(tree, groupOfFrame, count) };
    known.byGranularity.set(by, grouping);
  }
  return grouping;
}

export function groupFrames(symbols: SymbolTable, by: Granularity): FrameGroups {
  switch (by) {
    case 'function':
      return { count: symbols.functions.length, groupOfFrame: symbols.frameFunction };
    case 'file':
      return { count: symbols.files.length, groupOfFrame: symbols.frameFile };
    case 'line':
      return { count: symbols.frameLine.length, groupOfFrame: Int32Array.from(symbols.frameLine, (_, frame) => frame) };
    case 'package': {
      const numbers = new Map<string, number>();
      const packageOfFunction = symbols.functions.map((name) => {
        const packageName = packageOf(name);
        let number = numbers.get(packageName);
        if (number === undefined) numbers.set(packageName, (number = numbers.size));
        return number;
      });
      return { count: numbers.size, groupOfFrame: symbols.frameFunction.map((f) => packageOfFunction[f]) };
    }
  }
}

/** One depth-first walk, counting how often each group is open on the way down. */
function outermostNodes(tree: StackTree, groupOfFrame: Int32Array, groupCount: number): Uint8Array {
  const { parent, frame } = tree;
  const outermost = new Uint8Array(parent.length);
  const { firstChild, nextSibling } = childLists(tree);
  const open = new Int32Array(groupCount);
  let node = firstChild[0];
  while (node > 0) {
    const group = groupOfFrame[frame[node]];
    if (open[group]++ === 0) outermost[node] = 1;
    if (firstChild[node] > 0) {
      node = firstChild[node];
      continue;
    }
    // Close what ends here, up to the next ancestor that has another child.
    for (;;) {
      open[groupOfFrame[frame[node]]]--;
      if (nextSibling[node] > 0) {
        node = nextSibling[node];
        break;
      }
      node = parent[node];
      if (node === 0) return outermost;
    }
  }
  return outermost;
}

/** Children of each node as linked lists; 0 ends a list. */
export function childLists({ parent }: StackTree): { firstChild: Int32Array; nextSibling: Int32Array } {
  const firstChild = new Int32Array(parent.length);
  const nextSibling = new Int32Array(parent.length);
  for (let node = parent.length - 1; node > 0; node--) {
    nextSibling[node] = firstChild[parent[node]];
    firstChild[parent[node]] = node;
  }
  return { firstChild, nextSibling };
}

/** What each group holds itself and with everything that it calls (formats: google/pprof internal/graph, newGraph). */
export interface GroupSums {
  readonly flat: ExactColumn;
  readonly cum: ExactColumn;
}

export function groupSums(stacks: StackProfile, values: Int64Column, by: Granularity): GroupSums {
  const { tree, nodes } = stacks;
  const { count, groupOfFrame, outermost } = groupingOf(stacks, by);
  const flat = linearPass(values, (input) => {
    const sums = new Float64Array(count);
    for (let row = 0; row < nodes.length; row++) {
      if (nodes[row] > 0) sums[groupOfFrame[tree.frame[nodes[row]]]] += input[row];
    }
    return sums;
  });
  const cum = linearPass(values, (input) => {
    const sums = new Float64Array(count);
    // As subtreeTotals, but a tree of a whole month has many nodes that this profile has nothing in.
    const totals = new Float64Array(tree.parent.length);
    for (let row = 0; row < nodes.length; row++) totals[nodes[row]] += input[row];
    for (let node = nodes.at(-1) ?? 0; node > 0; node--) {
      const total = totals[node];
      if (total === 0) continue;
      totals[tree.parent[node]] += total;
      if (outermost[node] === 1) sums[groupOfFrame[tree.frame[node]]] += total;
    }
    return sums;
  });
  return { flat, cum };
}

/** Sum of the values at and below each node. */
export function subtreeTotals({ parent }: StackTree, nodes: Int32Array, values: Float64Array): Float64Array {
  const totals = new Float64Array(parent.length);
  for (let row = 0; row < nodes.length; row++) totals[nodes[row]] += values[row];
  for (let node = totals.length - 1; node > 0; node--) totals[parent[node]] += totals[node];
  return totals;
}

/** 1 for each node on the way from a row that holds a value in one of the columns up to the root. */
export function nodesInUse({ tree, nodes }: StackProfile, columns: readonly Int64Column[]): Uint8Array {
  const used = new Uint8Array(tree.parent.length);
  for (let row = 0; row < nodes.length; row++) {
    if (!columns.some((column) => column[row])) continue;
    for (let node = nodes[row]; node >= 0 && used[node] === 0; node = tree.parent[node]) used[node] = 1;
  }
  return used;
}

/** 1 for each frame on the stack of a row that holds a value in one of the columns. */
export function framesInUse(stacks: StackProfile, columns: readonly Int64Column[]): Uint8Array {
  const { frame } = stacks.tree;
  const usedNodes = nodesInUse(stacks, columns);
  const used = new Uint8Array(stacks.symbols.frameFunction.length);
  for (let node = 1; node < usedNodes.length; node++) {
    if (usedNodes[node] === 1) used[frame[node]] = 1;
  }
  return used;
}
