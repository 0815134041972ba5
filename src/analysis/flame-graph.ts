import type { Int64Column } from '../formats/int64.js';
import { absoluteSumOf, absoluteValues, type ExactColumn, exactAt, linearPass } from './exact.js';
import { childLists, subtreeTotals } from './grouping.js';
import { markerFrames } from './marker-frames.js';
import { retrace, StackTreeBuilder } from './stack-builder.js';
import type { SampleType, StackProfile, StackTree } from './stack-profile.js';
import { compareText } from './top.js';

export interface FlameOptions {
  readonly by?: 'function' | 'line';
  /** Most nodes in the answer. Smaller branches are folded into one child `other` per parent. */
  readonly maxNodes?: number;
}

export const defaultMaxNodes = 8192;

/**
 * A flame graph as columns in depth-first order: children follow their parent, ordered by name, with `other` last. The
 * same data gives the same columns, however its nodes were numbered. Node 0 is the root and stands for everything.
 */
export interface FlameLayout {
  /** Distinct names in the order in which they first occur: functions, or `function file:line`. */
  readonly names: readonly string[];
  /** Per node, index into `names`; -1 for the root. */
  readonly name: readonly number[];
  /** Per node, the number of its parent; -1 for the root. */
  readonly parent: readonly number[];
  /** How many nodes were folded into `other`. */
  readonly foldedNodes: number;
}

export interface FlameValues {
  /** What ends at the node itself; of an `other`, all it stands for. The sum over all nodes is the root's total. */
  readonly self: readonly bigint[];
  /** The node with everything below it. */
  readonly total: readonly bigint[];
}

export interface FlameGraph extends FlameLayout, FlameValues {
  readonly sampleType: SampleType;
  /** Sum of the absolute values, what shares refer to; equals `total[0]` where no value is negative. */
  readonly absoluteTotal: bigint;
}

/** The flame graph of one sample type. */
export function flameGraph(stacks: StackProfile, sampleType: number, options: FlameOptions = {}): FlameGraph {
  const column = stacks.values[sampleType];
  const { layout, values } = layOut(stacks, [column], options);
  return {
    sampleType: stacks.sampleTypes[sampleType],
    absoluteTotal: absoluteSumOf(column),
    ...layout,
    ...values[0],
  };
}

/** One layout for several columns of values, such as the two sides of a diff. */
export function layOut(
  stacks: StackProfile,
  columns: readonly Int64Column[],
  { by = 'function', maxNodes = defaultMaxNodes }: FlameOptions,
): { layout: FlameLayout; values: FlameValues[] } {
  const flame = nameTree(stacks, by);
  const magnitude = magnitudeOf(flame, columns);
  const kept = keepLargest(flame, magnitude, maxNodes);
  const { order, parent, name, foldedChildren } = preOrder(flame, kept);

  const names: string[] = [];
  const nameNumbers = new Map<string, number>();
  const nameColumn = name.map((text) => {
    if (text === null) return -1;
    let number = nameNumbers.get(text);
    if (number === undefined) nameNumbers.set(text, (number = names.push(text) - 1));
    return number;
  });
  const values = columns.map((column) => {
    const totals = totalsOf(flame, column);
    const selfs = selfOf(flame, column);
    const total = order.map((node, i) =>
      node >= 0 ? exactAt(totals, node) : foldedChildren[i].reduce((sum, child) => sum + exactAt(totals, child), 0n),
    );
    return { total, self: order.map((node, i) => (node >= 0 ? exactAt(selfs, node) : total[i])) };
  });
  const nonEmpty = magnitude.reduce((count, size) => (size > 0 ? count + 1 : count), 0);
  const foldedNodes = Math.max(0, nonEmpty - kept.size);
  const layout = { names, name: nameColumn, parent, foldedNodes };
  return { layout, values };
}

/** The stacks as a tree whose siblings differ by name: what differs only in its line falls together. */
interface NameTree {
  readonly tree: StackTree;
  /** Node of each row. */
  readonly nodes: Int32Array;
  readonly nameOf: (node: number) => string;
}

function nameTree(stacks: StackProfile, by: 'function' | 'line'): NameTree {
  const { symbols } = stacks;
  const builder = new StackTreeBuilder();
  const nodes = retrace(stacks, (above, frame) =>
    builder.child(above, by === 'line' ? frame : symbols.frameFunction[frame]),
  );
  const tree = builder.build();
  const nameOf = (node: number): string => {
    if (by === 'function') return symbols.functions[tree.frame[node]];
    const frame = tree.frame[node];
    return lineName(
      symbols.functions[symbols.frameFunction[frame]],
      symbols.files[symbols.frameFile[frame]],
      symbols.frameLine[frame],
    );
  };
  return { tree, nodes, nameOf };
}

/** `main.handle /src/main.go:17`, as pprof prints a line of a function. */
export function lineName(functionName: string, file: string, line: number): string {
  if (line !== 0) return `${functionName} ${file}:${line}`;
  return file === '' ? functionName : `${functionName} ${file}`;
}

function totalsOf({ tree, nodes }: NameTree, column: Int64Column): ExactColumn {
  return linearPass(column, (values) => subtreeTotals(tree, nodes, values));
}

function selfOf({ tree, nodes }: NameTree, column: Int64Column): ExactColumn {
  return linearPass(column, (values) => {
    const sums = new Float64Array(tree.parent.length);
    for (let row = 0; row < nodes.length; row++) sums[nodes[row]] += values[row];
    return sums;
  });
}

/** Size of each node in all columns together, for ordering only: a rounded sum of absolute values. */
function magnitudeOf(flame: NameTree, columns: readonly Int64Column[]): Float64Array {
  const magnitude = new Float64Array(flame.tree.parent.length);
  for (const column of columns) {
    const totals = totalsOf(flame, absoluteValues(column));
    for (let node = 0; node < magnitude.length; node++) magnitude[node] += Number(totals[node]);
  }
  return magnitude;
}

/**
 * The nodes that stay, each with all its children in the order of their names. Goes from the root to ever smaller
 * nodes, so a node stays only if its parent does, and stops before `maxNodes` is exceeded, counting the `other` of
 * every node that loses children.
 */
function keepLargest(flame: NameTree, magnitude: Float64Array, maxNodes: number): Map<number, readonly number[]> {
  const lists = childLists(flame.tree);
  const kept = new Map<number, readonly number[]>();
  const lost = new Int32Array(magnitude.length);
  const frontier = new LargestFirst(magnitude);
  let count = 0;
  for (let node: number | undefined = 0; node !== undefined; node = frontier.pop()) {
    const children = childrenByName(flame, lists, magnitude, node);
    const parent = flame.tree.parent[node];
    const replacesOther = parent >= 0 && lost[parent] === 1;
    count += (replacesOther ? 0 : 1) + (children.length > 0 ? 1 : 0);
    if (count > maxNodes && node > 0) break;
    kept.set(node, children);
    lost[node] = children.length;
    if (parent >= 0) lost[parent]--;
    for (const child of children) frontier.push(child);
  }
  return kept;
}

function childrenByName(
  flame: NameTree,
  { firstChild, nextSibling }: ReturnType<typeof childLists>,
  magnitude: Float64Array,
  parent: number,
): number[] {
  const named: { node: number; name: string }[] = [];
  for (let node = firstChild[parent]; node > 0; node = nextSibling[node]) {
    // What holds nothing in any column is not there, as if its stack had no sample.
    if (magnitude[node] > 0) named.push({ node, name: flame.nameOf(node) });
  }
  return named.sort((a, b) => compareText(a.name, b.name)).map(({ node }) => node);
}

/** A binary heap of nodes: the largest first, and of equal ones that which was pushed first. */
class LargestFirst {
  readonly #nodes: number[] = [];
  readonly #arrivals: number[] = [];
  readonly #magnitude: Float64Array;
  #arrived = 0;

  constructor(magnitude: Float64Array) {
    this.#magnitude = magnitude;
  }

  push(node: number): void {
    const arrival = this.#arrived++;
    let slot = this.#nodes.length;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      if (!this.#before(node, arrival, this.#nodes[above], this.#arrivals[above])) break;
      this.#nodes[slot] = this.#nodes[above];
      this.#arrivals[slot] = this.#arrivals[above];
      slot = above;
    }
    this.#nodes[slot] = node;
    this.#arrivals[slot] = arrival;
  }

  pop(): number | undefined {
    const first = this.#nodes[0];
    const node = this.#nodes.pop();
    const arrival = this.#arrivals.pop();
    if (node === undefined || arrival === undefined || this.#nodes.length === 0) return first;
    let slot = 0;
    for (;;) {
      let below = 2 * slot + 1;
      if (below >= this.#nodes.length) break;
      const right = below + 1;
      if (
        right < this.#nodes.length &&
        this.#before(this.#nodes[right], this.#arrivals[right], this.#nodes[below], this.#arrivals[below])
      ) {
        below = right;
      }
      if (!this.#before(this.#nodes[below], this.#arrivals[below], node, arrival)) break;
      this.#nodes[slot] = this.#nodes[below];
      this.#arrivals[slot] = this.#arrivals[below];
      slot = below;
    }
    this.#nodes[slot] = node;
    this.#arrivals[slot] = arrival;
    return first;
  }

  #before(a: number, arrivalOfA: number, b: number, arrivalOfB: number): boolean {
    const [left, right] = [this.#magnitude[a], this.#magnitude[b]];
    return left === right ? arrivalOfA < arrivalOfB : left > right;
  }
}

interface PreOrder {
  /** Node of the name tree, or -1 for an `other`. */
  readonly order: number[];
  readonly parent: number[];
  readonly name: (string | null)[];
  /** Per place, the nodes that an `other` stands for. */
  readonly foldedChildren: (readonly number[])[];
}

function preOrder(flame: NameTree, kept: ReadonlyMap<number, readonly number[]>): PreOrder {
  const result: PreOrder = { order: [], parent: [], name: [], foldedChildren: [] };
  const open: { node: number; parent: number; folded: readonly number[] }[] = [{ node: 0, parent: -1, folded: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, parent, folded } = next;
    const here = result.order.push(node) - 1;
    result.parent.push(parent);
    result.foldedChildren.push(folded);
    if (node < 0) {
      result.name.push(markerFrames.other);
      continue;
    }
    result.name.push(node === 0 ? null : flame.nameOf(node));
    const children = kept.get(node) ?? [];
    const lost = children.filter((child) => !kept.has(child));
    if (lost.length > 0) open.push({ node: -1, parent: here, folded: lost });
    // What is pushed last comes first.
    for (let i = children.length - 1; i >= 0; i--) {
      if (kept.has(children[i])) open.push({ node: children[i], parent: here, folded: [] });
    }
  }
  return result;
}
