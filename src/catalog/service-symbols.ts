import type { StackTree, SymbolTable } from '../analysis/stack-profile.js';
import { DamagedBlockError } from './block.js';
import { GrowingColumn, IntTable } from './int-table.js';

/** What a name costs in memory besides its characters, about. */
const bytesPerName = 64;

export interface SymbolCounts {
  readonly functions: number;
  readonly files: number;
  readonly frames: number;
}

/** The functions, files and frames of one service as far as they are known here. They only ever grow in number. */
export class ServiceSymbols {
  private readonly functions: string[] = [];
  private readonly files: string[] = [];
  private readonly frameFunction = new GrowingColumn();
  private readonly frameFile = new GrowingColumn();
  private readonly frameLine = new GrowingColumn();
  private readonly frames = new IntTable(this.frameFunction, this.frameFile, this.frameLine);
  private readonly functionNumbers = new Map<string, number>();
  private readonly fileNumbers = new Map<string, number>();
  private nameBytes = 0;
  private table: SymbolTable | null = null;

  get counts(): SymbolCounts {
    return { functions: this.functions.length, files: this.files.length, frames: this.frameLine.length };
  }

  get bytes(): number {
    return this.nameBytes + this.frameLine.bytes * 3 + this.frames.bytes;
  }

  /**
   * Adds a block; what is already known of it is passed over.
   * @throws DamagedBlockError if symbols before it are missing, or it refers to what is not there
   */
  append(first: SymbolCounts, block: SymbolTable): void {
    const known = this.counts;
    if (first.functions > known.functions || first.files > known.files || first.frames > known.frames) {
      throw new DamagedBlockError(`symbols from frame ${first.frames} on, where ${known.frames} are known`);
    }
    const functions = block.functions.slice(known.functions - first.functions);
    const files = block.files.slice(known.files - first.files);
    const skip = known.frames - first.frames;
    const frameFunction = block.frameFunction.subarray(skip);
    const frameFile = block.frameFile.subarray(skip);
    requireBelow(frameFunction, known.functions + functions.length);
    requireBelow(frameFile, known.files + files.length);
    for (const name of functions) this.functionNumbers.set(this.keep(name), this.functions.push(name) - 1);
    for (const name of files) this.fileNumbers.set(this.keep(name), this.files.push(name) - 1);
    this.frameFunction.append(frameFunction);
    this.frameFile.append(frameFile);
    this.frameLine.append(block.frameLine.subarray(skip));
    this.table = null;
  }

  /** The number of a function, or -1. */
  findFunction(name: string): number {
    return this.functionNumbers.get(name) ?? -1;
  }

  /** The number of a file, or -1. */
  findFile(name: string): number {
    return this.fileNumbers.get(name) ?? -1;
  }

  /** The number of a frame by those of its function and file, or -1. */
  findFrame(functionNumber: number, fileNumber: number, line: number): number {
    return this.frames.find(functionNumber, fileNumber, line);
  }

  /** What is known now; it stays as it is when more becomes known. */
  view(): SymbolTable {
    this.table ??= {
      functions: this.functions.slice(),
      files: this.files.slice(),
      frameFunction: this.frameFunction.view(),
      frameFile: this.frameFile.view(),
      frameLine: this.frameLine.view(),
    };
    return this.table;
  }

  private keep(name: string): string {
    this.nameBytes += name.length + bytesPerName;
    return name;
  }
}

/** The stacks of one service and month as far as they are known here. They only ever grow in number. */
export class MonthTree {
  private readonly parent = new GrowingColumn();
  private readonly frame = new GrowingColumn();
  private readonly nodes = new IntTable(this.parent, this.frame, null, 1);
  private tree: StackTree | null = null;
  /** So many frames must be known to read the stacks. */
  framesNeeded = 0;

  constructor() {
    this.parent.push(-1);
    this.frame.push(-1);
  }

  get size(): number {
    return this.parent.length;
  }

  get bytes(): number {
    return this.parent.bytes * 2 + this.nodes.bytes;
  }

  /**
   * Adds a block; what is already known of it is passed over.
   * @throws DamagedBlockError if nodes before it are missing
   */
  append(first: number, block: StackTree): void {
    if (first > this.size) throw new DamagedBlockError(`nodes from ${first} on, where ${this.size} are known`);
    const skip = this.size - first;
    const frame = block.frame.subarray(skip);
    for (const number of frame) if (number >= this.framesNeeded) this.framesNeeded = number + 1;
    this.parent.append(block.parent.subarray(skip));
    this.frame.append(frame);
    this.tree = null;
  }

  /** The node below `parent` with that frame, or -1. */
  find(parent: number, frame: number): number {
    // Nodes are numbered depth first, so that most often the first child is the very next node.
    const next = parent + 1;
    if (next > 0 && next < this.size && this.parent.at(next) === parent && this.frame.at(next) === frame) return next;
    return this.nodes.find(parent, frame);
  }

  /** What is known now; it stays as it is when more becomes known. */
  view(): StackTree {
    this.tree ??= { parent: this.parent.view(), frame: this.frame.view() };
    return this.tree;
  }
}

function requireBelow(numbers: Int32Array, limit: number): void {
  for (const number of numbers) {
    if (number < 0 || number >= limit) throw new DamagedBlockError(`symbol ${number} of ${limit}`);
  }
}
