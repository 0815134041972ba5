import type { Int64Column } from '../formats/int64.js';
import { absoluteSumOf } from './exact.js';
import { markerFrames } from './marker-frames.js';
import { gatherRows } from './rows.js';
import { StackJoin } from './stack-builder.js';
import type { StackProfile } from './stack-profile.js';

export interface FoldedStacks {
  readonly stacks: StackProfile;
  /** How many rows became one. */
  readonly count: number;
}

/**
 * Leaves the `maxRows - 1` largest rows and sums all others into one row under a frame named `other`, so that every
 * total stays. How large a row is says its greatest share in any of the sample types: what stands out in one of them
 * stays visible.
 */
export function foldSmallStacks(stacks: StackProfile, maxRows: number): FoldedStacks {
  const { nodes, values } = stacks;
  if (nodes.length <= maxRows) return { stacks, count: 0 };
  const size = greatestShares(values, nodes.length);
  // Rows of equal size in the order of the nodes: any choice among them is as good.
  const bySize = Int32Array.from(nodes, (_, row) => row).sort((a, b) => size[b] - size[a] || a - b);
  const stays = new Uint8Array(nodes.length);
  for (let i = 0; i < maxRows - 1; i++) stays[bySize[i]] = 1;

  const join = new StackJoin();
  const other = join.tree.child(0, join.symbols.frame(markerFrames.other, '', 0));
  const places = join.add({ ...stacks, nodes: nodes.filter((_, row) => stays[row] === 1) });
  let next = 0;
  const nodeOfRow = nodes.map((_, row) => (stays[row] === 1 ? places[next++] : other));
  return {
    stacks: {
      symbols: join.symbols.build(),
      tree: join.tree.build(),
      sampleTypes: stacks.sampleTypes,
      ...gatherRows(join.tree.size, nodeOfRow, values),
    },
    count: nodes.length - (maxRows - 1),
  };
}

function greatestShares(columns: readonly Int64Column[], rowCount: number): Float64Array {
  const size = new Float64Array(rowCount);
  for (const column of columns) {
    const total = Number(absoluteSumOf(column)) || 1;
    for (let row = 0; row < rowCount; row++) {
      size[row] = Math.max(size[row], Math.abs(Number(column[row])) / total);
    }
  }
  return size;
}
