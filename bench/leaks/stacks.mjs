import { gatherRows } from '../../dist/analysis/rows.js';
import { StackTreeBuilder, SymbolTableBuilder } from '../../dist/analysis/stack-builder.js';

/** Rows of frames, leaf first, with a value in each column, as a StackProfile. */
export function stackProfileOfRows(rows, sampleTypes, columns) {
  const symbols = new SymbolTableBuilder();
  const tree = new StackTreeBuilder();
  const nodes = Int32Array.from(rows, (frames) =>
    frames.reduceRight((node, { function: name, file, line }) => tree.child(node, symbols.frame(name, file, line)), 0),
  );
  return {
    symbols: symbols.build(),
    tree: tree.build(),
    sampleTypes,
    ...gatherRows(tree.size, nodes, columns),
  };
}
