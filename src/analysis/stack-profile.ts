import type { Int64Column } from '../formats/int64.js';

/**
 * Stacks with values: the one shape that everything in `analysis/` takes and gives, whether it came from one decoded
 * file, from one indexed snapshot or from a merge over a thousand of them.
 *
 * The stacks are a prefix tree. A node stands for the path from the root to it; node 0 is the root and has no frame;
 * a parent's number is always smaller than its child's, so one pass upwards or downwards over the arrays is a
 * traversal. Inlined frames are nodes of their own.
 */
export interface StackProfile {
  readonly symbols: SymbolTable;
  readonly tree: StackTree;
  readonly sampleTypes: readonly SampleType[];
  /** Leaf node of each row: distinct, ascending. A row may sit on an inner node, or on the root (an empty stack). */
  readonly nodes: Int32Array;
  /** One column per sample type, one value per row. */
  readonly values: readonly Int64Column[];
}

export interface SampleType {
  readonly type: string;
  readonly unit: string;
}

/** Functions, files and frames by dense number. Function names are canonical (`main.Sum[...]`). */
export interface SymbolTable {
  readonly functions: readonly string[];
  readonly files: readonly string[];
  readonly frameFunction: Int32Array;
  readonly frameFile: Int32Array;
  /** 0 where the line is unknown. */
  readonly frameLine: Int32Array;
}

/** `parent[n] < n` for every n > 0; `parent[0]` and `frame[0]` are -1. No two children of a node have the same frame. */
export interface StackTree {
  readonly parent: Int32Array;
  readonly frame: Int32Array;
}
