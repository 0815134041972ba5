import type { StackProfile, StackTree, SymbolTable } from '../analysis/stack-profile.js';
import type { MonthTree, ServiceSymbols } from './service-symbols.js';

/** How large a dictionary may become. Addresses instead of names, new with every start of a process, would fill any. */
export interface DictionaryCapacity {
  /** Of one service, for good. */
  readonly frames: number;
  /** Of one service and month. */
  readonly nodes: number;
}

/** Where the stacks of some profiles lie in a dictionary, and what the dictionary lacks for that. */
export interface Placement {
  /** As many as profiles, in their order. */
  readonly placed: readonly PlacedProfile[];
  /** What is to be added, numbered on from what is there; empty if all is known. */
  readonly symbols: SymbolTable;
  readonly tree: StackTree;
}

export interface PlacedProfile {
  /** Dictionary node of each node of the profile's tree. */
  readonly nodes: Int32Array;
  /** Nodes of the profile that found no room: their place is that of the nearest node above them that did. */
  readonly folded: number;
}

const unknown = -1;

/**
 * Finds every stack of some profiles in a dictionary, and numbers those that are new: functions, files and frames sorted
 * by name and line, nodes depth first and children by frame, so that their blocks compress well. Nothing is changed.
 *
 * Two functions, frames or nodes that are the same by name get the same number, in one profile or in several.
 */
export function place(
  symbols: ServiceSymbols,
  tree: MonthTree,
  profiles: readonly StackProfile[],
  capacity: DictionaryCapacity,
): Placement {
  const newFrames = new CandidateFrames(symbols, capacity.frames);
  const frameNumbers = profiles.map((profile) => placeFrames(symbols, newFrames, profile));
  const addedFrames = newFrames.number();
  const newNodes = new CandidateTree(tree.size);
  const nodeNumbers = profiles.map((profile, index) => {
    const numbers = frameNumbers[index];
    for (let frame = 0; frame < numbers.length; frame++) {
      const added = numbers[frame] - newFrames.first;
      if (added >= 0) numbers[frame] = addedFrames.numbers[added];
    }
    return placeNodes(tree, newNodes, profile.tree, numbers);
  });
  const addedNodes = newNodes.number(Math.max(0, capacity.nodes - tree.size));
  const placed = profiles.map(({ tree: { parent } }, index) => {
    const nodes = nodeNumbers[index];
    let folded = 0;
    for (let node = 1; node < nodes.length; node++) {
      if (nodes[node] >= tree.size) nodes[node] = addedNodes.numbers[nodes[node] - tree.size];
      if (nodes[node] === nodes[parent[node]]) folded++;
    }
    return { nodes, folded };
  });
  return { placed, symbols: addedFrames.symbols, tree: addedNodes.tree };
}

/** The number of each frame of the profile, a preliminary one if it is new; `unknown` if it is not used or finds no room. */
function placeFrames(
  symbols: ServiceSymbols,
  newFrames: CandidateFrames,
  { symbols: table, tree }: StackProfile,
): Int32Array {
  const functions = table.functions.map((name) => symbols.findFunction(name));
  const files = table.files.map((name) => symbols.findFile(name));
  const numbers = new Int32Array(table.frameLine.length).fill(unknown);
  const isUsed = new Uint8Array(numbers.length);
  for (let node = 1; node < tree.frame.length; node++) isUsed[tree.frame[node]] = 1;
  for (let frame = 0; frame < numbers.length; frame++) {
    if (isUsed[frame] === 0) continue;
    const inFunction = table.frameFunction[frame];
    const inFile = table.frameFile[frame];
    const line = table.frameLine[frame];
    if (functions[inFunction] !== unknown && files[inFile] !== unknown) {
      numbers[frame] = symbols.findFrame(functions[inFunction], files[inFile], line);
    }
    if (numbers[frame] === unknown) {
      numbers[frame] = newFrames.frame(table.functions[inFunction], table.files[inFile], line);
    }
  }
  return numbers;
}

/** The number of each node of the profile, a preliminary one if it is new. */
function placeNodes(
  tree: MonthTree,
  newNodes: CandidateTree,
  { parent, frame }: StackTree,
  frameNumbers: Int32Array,
): Int32Array {
  const nodes = new Int32Array(parent.length);
  for (let node = 1; node < parent.length; node++) {
    const above = nodes[parent[node]];
    const number = frameNumbers[frame[node]];
    if (number === unknown) nodes[node] = above;
    else {
      const found = above < tree.size ? tree.find(above, number) : unknown;
      nodes[node] = found === unknown ? newNodes.child(above, number) : found;
    }
  }
  return nodes;
}

/** Frames that the dictionary lacks, by preliminary numbers from `first` on. */
class CandidateFrames {
  readonly first: number;
  private readonly numbers = new Map<string, number>();
  private readonly frames: { readonly functionName: string; readonly file: string; readonly line: number }[] = [];

  constructor(
    private readonly symbols: ServiceSymbols,
    private readonly capacity: number,
  ) {
    this.first = symbols.counts.frames;
  }

  /** The preliminary number of a frame, or `unknown` if there is no room for it. */
  frame(functionName: string, file: string, line: number): number {
    // Neither can contain the other's end: JSON quotes them.
    const key = JSON.stringify([functionName, file, line]);
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.first + this.frames.length;
      if (number >= this.capacity) return unknown;
      this.frames.push({ functionName, file, line });
      this.numbers.set(key, number);
    }
    return number;
  }

  /** Gives the final numbers. @returns that of each candidate, and what is to be added */
  number(): { numbers: Int32Array; symbols: SymbolTable } {
    const { counts } = this.symbols;
    const functions = new NewNames(counts.functions, (name) => this.symbols.findFunction(name));
    const files = new NewNames(counts.files, (name) => this.symbols.findFile(name));
    for (const { functionName, file } of this.frames) {
      functions.add(functionName);
      files.add(file);
    }
    functions.number();
    files.number();
    const rows = this.frames.map(({ functionName, file, line }, candidate) => {
      return { candidate, functionNumber: functions.get(functionName), fileNumber: files.get(file), line };
    });
    rows.sort((a, b) => a.functionNumber - b.functionNumber || a.fileNumber - b.fileNumber || a.line - b.line);
    const numbers = new Int32Array(rows.length);
    rows.forEach(({ candidate }, index) => (numbers[candidate] = this.first + index));
    const symbols = {
      functions: functions.names,
      files: files.names,
      frameFunction: Int32Array.from(rows, (row) => row.functionNumber),
      frameFile: Int32Array.from(rows, (row) => row.fileNumber),
      frameLine: Int32Array.from(rows, (row) => row.line),
    };
    return { numbers, symbols };
  }
}

class NewNames {
  private readonly numbers = new Map<string, number>();
  names: string[] = [];

  constructor(
    private readonly first: number,
    private readonly findKnown: (name: string) => number,
  ) {}

  add(name: string): void {
    if (!this.numbers.has(name) && this.findKnown(name) === unknown) this.numbers.set(name, unknown);
  }

  number(): void {
    this.names = [...this.numbers.keys()].sort();
    this.names.forEach((name, index) => this.numbers.set(name, this.first + index));
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
