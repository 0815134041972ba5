import type { TraceGeneration } from '../../formats/exectrace/events.js';
import { canonicalFunction } from '../../formats/go-names.js';
import { Int64ColumnBuilder } from '../../formats/int64.js';
import { StackTreeBuilder, SymbolTableBuilder } from '../stack-builder.js';
import type { SampleType, StackProfile, StackTree, SymbolTable } from '../stack-profile.js';

/** What stacks beyond the limit are counted under. */
export const otherStacks = '(other stacks)';

export interface NamedFrame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
}

/**
 * Gives the stacks of all generations one numbering: that of the nodes of one prefix tree. A generation numbers its
 * stacks anew; here a stack is looked at once per generation, when it is first met.
 */
export class TraceStacks {
  readonly #symbols = new SymbolTableBuilder();
  readonly #tree = new StackTreeBuilder();
  #generation: TraceGeneration | null = null;
  /** Node of a stack of this generation, plus one; 0 for one that was not met yet. */
  #nodes = new Int32Array(0);
  #characters = 0;
  #frames = 0;
  #built: { readonly symbols: SymbolTable; readonly tree: StackTree } | null = null;

  constructor(
    private readonly nodeLimit: number,
    private readonly characterLimit: number,
  ) {}

  begin(generation: TraceGeneration): void {
    this.#generation = generation;
    this.#nodes = new Int32Array(generation.stacks.count);
  }

  /** Node of a stack of the current generation; 0, the root, for no stack. */
  node(stack: number): number {
    if (stack === 0) return 0;
    const known = this.#nodes[stack];
    if (known !== 0) return known - 1;
    const node = this.#intern(stack);
    this.#nodes[stack] = node + 1;
    return node;
  }

  /** The function at the root of a stack of the current generation: what its goroutine was started with. */
  rootFunction(stack: number): string {
    const { stacks } = this.#generation!;
    const end = stacks.start[stack + 1];
    if (end === stacks.start[stack]) return '';
    return canonicalFunction(this.#generation!.string(stacks.functions[end - 1]));
  }

  /** Frames of a node, the leaf first. */
  frames(node: number): NamedFrame[] {
    const { symbols, tree } = this.#finished();
    const frames: NamedFrame[] = [];
    for (let n = node; n > 0; n = tree.parent[n]) {
      const frame = tree.frame[n];
      frames.push({
        function: symbols.functions[symbols.frameFunction[frame]],
        file: symbols.files[symbols.frameFile[frame]],
        line: symbols.frameLine[frame],
      });
    }
    return frames;
  }

  /** @param columns per sample type, the value of each row; rows are `nodes`, distinct and ascending */
  profile(sampleTypes: readonly SampleType[], nodes: readonly number[], columns: readonly number[][]): StackProfile {
    const values = columns.map((column) => {
      const builder = new Int64ColumnBuilder(column.length);
      column.forEach((value, row) => builder.put(row, value));
      return builder.finish(column.length);
    });
    return { ...this.#finished(), sampleTypes, nodes: Int32Array.from(nodes), values };
  }

  #intern(stack: number): number {
    const { stacks } = this.#generation!;
    this.#built = null;
    let node = 0;
    for (let i = stacks.start[stack + 1] - 1; i >= stacks.start[stack]; i--) {
      if (this.#tree.size >= this.nodeLimit || this.#characters >= this.characterLimit) {
        return this.#tree.child(0, this.#symbols.frame(otherStacks, '', 0));
      }
      // The runtime pads some stacks with a frame that says nothing, as it does in thread profiles.
      const isPadding = this.#generation!.string(stacks.functions[i]) === '' && stacks.lines[i] === 0;
      if (!isPadding) node = this.#tree.child(node, this.#frame(i));
    }
    return node;
  }

  #frame(index: number): number {
    const generation = this.#generation!;
    const { functions, files, lines } = generation.stacks;
    const name = canonicalFunction(generation.string(functions[index]));
    const file = generation.string(files[index]);
    const frame = this.#symbols.frame(name, file, lines[index]);
    if (frame >= this.#frames) {
      this.#frames = frame + 1;
      this.#characters += name.length + file.length;
    }
    return frame;
  }

  #finished(): { readonly symbols: SymbolTable; readonly tree: StackTree } {
    return (this.#built ??= { symbols: this.#symbols.build(), tree: this.#tree.build() });
  }
}
