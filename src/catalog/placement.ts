import type { StackProfile, StackTree, SymbolTable } from '../analysis/stack-profile.js';
import type { MonthTree, ServiceSymbols } from './service-symbols.js';

/** How large a dictionary may become. Addresses instead of names, new with every start of a process, would fill any. */
export interface DictionaryCapacity {
  /** Of one service, for good. */
  readonly frames: number;
  /** Of one service and month. */
  readonly nodes: number;
}

/** Where the stacks of a profile lie in a dictionary, and what the dictionary lacks for that. */
export interface Placement {
  /** Dictionary node of each node of the profile's tree. */
  readonly nodes: Int32Array;
  /** Nodes of the profile that found no room: their place is that of the nearest node above them that did. */
  readonly folded: number;
  /** What is to be added, numbered on from what is there; empty if all is known. */
  readonly symbols: SymbolTable;
  readonly tree: StackTree;
}

const unknown = -1;

/**
 * Finds every stack of a profile in a dictionary, and numbers those that are new: functions, files and frames sorted by
 * name and line, nodes depth first and children by frame, so that their blocks compress well. Nothing is changed.
 *
 * Two functions, frames or nodes of the profile that are the same by name get the same number.
 */
export function place(
  symbols: ServiceSymbols,
  tree: MonthTree,
  stacks: StackProfile,
  capacity: DictionaryCapacity,
): Placement {
  const frames = placeFrames(symbols, stacks, capacity.frames);
  const { parent, frame } = stacks.tree;
  const nodes = new Int32Array(parent.length);
  const candidates = new CandidateTree(tree.size);
  for (let node = 1; node < parent.length; node++) {
    const above = nodes[parent[node]];
    const number = frames.numbers[frame[node]];
    if (number === unknown) nodes[node] = above;
    else {
      const found = above < tree.size ? tree.find(above, number) : unknown;
      nodes[node] = found === unknown ? candidates.child(above, number) : found;
    }
  }
  const room = Math.max(0, capacity.nodes - tree.size);
  const added = candidates.number(room);
  let folded = 0;
  for (let node = 1; node < nodes.length; node++) {
    if (nodes[node] >= tree.size) nodes[node] = added.numbers[nodes[node] - tree.size];
    if (nodes[node] === nodes[parent[node]]) folded++;
  }
  return { nodes, folded, symbols: frames.added, tree: added.tree };
}

/** The dictionary's number of each frame of the profile, `unknown` where there is no room for it. */
function placeFrames(
  symbols: ServiceSymbols,
  { symbols: table, tree }: StackProfile,
  capacity: number,
): { numbers: Int32Array; added: SymbolTable } {
  const functions = new NewNames((name) => symbols.findFunction(name));
  const files = new NewNames((name) => symbols.findFile(name));
  const functionNumbers = table.functions.map((name) => symbols.findFunction(name));
  const fileNumbers = table.files.map((name) => symbols.findFile(name));

  const numbers = new Int32Array(table.frameLine.length).fill(unknown);
  const isUsed = new Uint8Array(numbers.length);
  for (let node = 1; node < tree.frame.length; node++) isUsed[tree.frame[node]] = 1;
  const missing = new Map<string, number[]>();
  let room = Math.max(0, capacity - symbols.counts.frames);
  for (let frame = 0; frame < numbers.length; frame++) {
    if (isUsed[frame] === 0) continue;
    const functionNumber = functionNumbers[table.frameFunction[frame]];
    const fileNumber = fileNumbers[table.frameFile[frame]];
    if (functionNumber !== unknown && fileNumber !== unknown) {
      numbers[frame] = symbols.findFrame(functionNumber, fileNumber, table.frameLine[frame]);
    }
    if (numbers[frame] !== unknown) continue;
    const name = table.functions[table.frameFunction[frame]];
    const file = table.files[table.frameFile[frame]];
    // Neither can contain the other's end: JSON quotes them.
    const key = JSON.stringify([name, file, table.frameLine[frame]]);
    const same = missing.get(key);
    if (same !== undefined) same.push(frame);
    else if (room > 0) {
      missing.set(key, [frame]);
      functions.add(name);
      files.add(file);
      room--;
    }
  }

  functions.number(symbols.counts.functions);
  files.number(symbols.counts.files);
  const rows = [...missing.values()].map((same) => ({
    same,
    functionNumber: functions.get(table.functions[table.frameFunction[same[0]]]),
    fileNumber: files.get(table.files[table.frameFile[same[0]]]),
    line: table.frameLine[same[0]],
  }));
  rows.sort((a, b) => a.functionNumber - b.functionNumber || a.fileNumber - b.fileNumber || a.line - b.line);
  rows.forEach(({ same }, index) => {
    for (const frame of same) numbers[frame] = symbols.counts.frames + index;
  });
  const added = {
    functions: functions.names,
    files: files.names,
    frameFunction: Int32Array.from(rows, (row) => row.functionNumber),
    frameFile: Int32Array.from(rows, (row) => row.fileNumber),
    frameLine: Int32Array.from(rows, (row) => row.line),
  };
  return { numbers, added };
}

class NewNames {
  private readonly numbers = new Map<string, number>();
  names: string[] = [];

  constructor(private readonly findKnown: (name: string) => number) {}

  add(name: string): void {
    if (!this.numbers.has(name) && this.findKnown(name) === unknown) this.numbers.set(name, unknown);
  }

  number(first: number): void {
    this.names = [...this.numbers.keys()].sort();
    this.names.forEach((name, index) => this.numbers.set(name, first + index));
  }

  get(name: string): number {
    return this.numbers.get(name) ?? this.findKnown(name);
  }
}

/** Nodes that the dictionary lacks, by preliminary numbers from `first` on. */
class CandidateTree {
  private readonly parent: number[] = [];
  private readonly frame: number[] = [];
  private readonly byFrame = new Map<number, Map<number, number>>();

  constructor(private readonly first: number) {}

  /** The preliminary number of the node below `parent`, which is a node of the dictionary or a candidate itself. */
  child(parent: number, frame: number): number {
    let siblings = this.byFrame.get(parent);
    if (siblings === undefined) this.byFrame.set(parent, (siblings = new Map<number, number>()));
    let number = siblings.get(frame);
    if (number === undefined) {
      number = this.first + this.parent.push(parent) - 1;
      this.frame.push(frame);
      siblings.set(frame, number);
    }
    return number;
  }

  /**
   * Gives the final numbers.
   * @param room for so many nodes
   * @returns the final number of each candidate; for one that found no room, that of the nearest node above it
   */
  number(room: number): { numbers: Int32Array; tree: StackTree } {
    const count = this.parent.length;
    const numbers = new Int32Array(count).fill(unknown);
    const parent = new Int32Array(Math.min(count, room));
    const frame = new Int32Array(parent.length);
    let used = 0;
    const roots = [...this.byFrame.keys()].filter((above) => above < this.first).sort((a, b) => a - b);
    for (const root of roots) {
      const waiting = this.childrenLastFirst(root);
      for (let candidate = waiting.pop(); candidate !== undefined; candidate = waiting.pop()) {
        const index = candidate - this.first;
        const above = this.parent[index] < this.first ? this.parent[index] : numbers[this.parent[index] - this.first];
        if (used === parent.length) numbers[index] = above;
        else {
          parent[used] = above;
          frame[used] = this.frame[index];
          numbers[index] = this.first + used++;
        }
        for (const child of this.childrenLastFirst(candidate)) waiting.push(child);
      }
    }
    return { numbers, tree: { parent, frame } };
  }

  private childrenLastFirst(parent: number): number[] {
    const siblings = this.byFrame.get(parent);
    if (siblings === undefined) return [];
    return [...siblings].sort(([a], [b]) => b - a).map(([, number]) => number);
  }
}
