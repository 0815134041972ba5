import { type Budget, defaultBudget } from '../formats/budget.js';
import { canonicalFunction } from '../formats/go-names.js';
import { elidedFunction, type GoroutineDump, type GoroutineDumps } from '../formats/goroutine-dump/dump.js';
import { foldSmallStacks } from './fold-small.js';
import type { ConvertedProfile, StackNote } from './from-pprof.js';
import { creatorMarker, stateMarker } from './goroutine-markers.js';
import { markerFrames } from './marker-frames.js';
import { gatherRows } from './rows.js';
import { StackTreeBuilder, SymbolTableBuilder } from './stack-builder.js';
import type { SampleType, StackProfile } from './stack-profile.js';

/** Sample types of a goroutine dump. The second is the sum of the minutes that goroutines say they wait. */
export const goroutineDumpSampleTypes: readonly SampleType[] = [
  { type: 'goroutine', unit: 'count' },
  { type: 'wait', unit: 'minutes' },
];

/**
 * The goroutines of one dump as stacks: below the root the state, `[chan receive]`, then `created by main.serve` where
 * that is known, then the frames, root first. Goroutines that the decoder folded stand under their state and `other`.
 * What Go did not print is `(elided)`.
 *
 * Beyond `budget.indexedSamples` stacks the smallest become one under `other`, which keeps every total and leaves a note.
 */
export function stackProfileOfDump(
  dumps: GoroutineDumps,
  dump: GoroutineDump,
  budget: Pick<Budget, 'indexedSamples'> = defaultBudget,
): ConvertedProfile {
  const symbols = new SymbolTableBuilder();
  const tree = new StackTreeBuilder();
  const placing = new DumpPlacing(dumps, symbols, tree);
  const rowCount = dump.count + dump.folded.length;
  const nodeOfRow = new Int32Array(rowCount);
  const goroutines = new Float64Array(rowCount).fill(1);
  const minutes = new Float64Array(rowCount);
  for (let row = 0; row < dump.count; row++) {
    nodeOfRow[row] = placing.node(dump.state[row], dump.createdBy[row], dump.stack[row]);
    minutes[row] = Math.max(0, dump.waitMinutes[row]);
  }
  dump.folded.forEach(({ state, count }, i) => {
    nodeOfRow[dump.count + i] = placing.foldedNode(state);
    goroutines[dump.count + i] = count;
  });
  const whole: StackProfile = {
    symbols: symbols.build(),
    tree: tree.build(),
    sampleTypes: goroutineDumpSampleTypes,
    ...gatherRows(tree.size, nodeOfRow, [goroutines, minutes]),
  };
  const { stacks, count } = foldSmallStacks(whole, budget.indexedSamples);
  const detail = `the smallest stacks beyond ${budget.indexedSamples} became "other"`;
  const notes: StackNote[] = count === 0 ? [] : [{ code: 'stacks-folded', count, detail, loss: true }];
  const totals = [goroutines, minutes].map((column) => BigInt(column.reduce((sum, value) => sum + value, 0)));
  return { stacks, notes, totals, absoluteTotals: totals };
}

/** Where stacks of a dump stand in the tree. Nearly all goroutines share state, creator and stack with others. */
class DumpPlacing {
  readonly #frames = new Map<number, number>();
  readonly #nodes = new Map<string, number>();
  readonly #stateNodes = new Map<number, number>();

  constructor(
    private readonly dumps: GoroutineDumps,
    private readonly symbols: SymbolTableBuilder,
    private readonly tree: StackTreeBuilder,
  ) {}

  node(state: number, createdBy: number, stack: number): number {
    const key = `${state} ${createdBy} ${stack}`;
    let node = this.#nodes.get(key);
    if (node === undefined) {
      node = this.#stateNode(state);
      if (createdBy >= 0) {
        node = this.tree.child(node, this.symbols.frame(creatorMarker(this.#functionOf(createdBy)), '', 0));
      }
      const { start, frame } = this.dumps.stacks;
      for (let i = start[stack + 1] - 1; i >= start[stack]; i--) node = this.tree.child(node, this.#frame(frame[i]));
      this.#nodes.set(key, node);
    }
    return node;
  }

  foldedNode(state: number): number {
    return this.tree.child(this.#stateNode(state), this.symbols.frame(markerFrames.other, '', 0));
  }

  #stateNode(state: number): number {
    let node = this.#stateNodes.get(state);
    if (node === undefined) {
      node = this.tree.child(0, this.symbols.frame(stateMarker(this.dumps.states[state]), '', 0));
      this.#stateNodes.set(state, node);
    }
    return node;
  }

  #frame(number: number): number {
    let frame = this.#frames.get(number);
    if (frame === undefined) {
      const { files, frames } = this.dumps;
      frame = this.symbols.frame(this.#functionOf(number), files[frames.file[number]], frames.line[number]);
      this.#frames.set(number, frame);
    }
    return frame;
  }

  #functionOf(frame: number): string {
    const name = this.dumps.functions[this.dumps.frames.function[frame]];
    return name === elidedFunction ? markerFrames.elided : canonicalFunction(name);
  }
}
