import type { Int64Column } from '../formats/int64.js';
import { linearPass, toInt64Column } from './exact.js';
import type { StackProfile } from './stack-profile.js';

/**
 * The rows of a StackProfile out of loose ones: rows of the same node are summed, rows without a node (-1) are left
 * out, rows whose values are all zero are dropped, and what remains stands in the order of the nodes.
 *
 * @param nodeOfRow node of each loose row, below `nodeCount`, or -1
 */
export function gatherRows(
  nodeCount: number,
  nodeOfRow: Int32Array,
  columns: readonly Int64Column[],
): Pick<StackProfile, 'nodes' | 'values'> {
  const slotOfNode = new Int32Array(nodeCount).fill(-1);
  for (let row = 0; row < nodeOfRow.length; row++) {
    if (nodeOfRow[row] >= 0 && !isZeroRow(columns, row)) slotOfNode[nodeOfRow[row]] = 0;
  }
  let count = 0;
  for (let node = 0; node < nodeCount; node++) {
    if (slotOfNode[node] === 0) slotOfNode[node] = count++;
  }
  const nodes = new Int32Array(count);
  for (let node = 0; node < nodeCount; node++) {
    if (slotOfNode[node] >= 0) nodes[slotOfNode[node]] = node;
  }
  const values = columns.map((column) =>
    toInt64Column(
      linearPass(column, (input) => {
        const sums = new Float64Array(count);
        for (let row = 0; row < nodeOfRow.length; row++) {
          const slot = nodeOfRow[row] < 0 ? -1 : slotOfNode[nodeOfRow[row]];
          if (slot >= 0) sums[slot] += input[row];
        }
        return sums;
      }),
    ),
  );
  return withoutZeroRows({ nodes, values });
}

/** Whether every value of the row is zero. */
export function isZeroRow(columns: readonly Int64Column[], row: number): boolean {
  // `!column[row]` holds for 0 and for 0n alike.
  return columns.every((column) => !column[row]);
}

/** The rows for which `keep` holds 1. */
export function selectRows(
  { nodes, values }: Pick<StackProfile, 'nodes' | 'values'>,
  keep: Uint8Array,
): Pick<StackProfile, 'nodes' | 'values'> {
  return {
    nodes: nodes.filter((_, row) => keep[row] === 1),
    values: values.map((column) =>
      column instanceof Float64Array
        ? column.filter((_, row) => keep[row] === 1)
        : toInt64Column(Array.from(column.filter((_, row) => keep[row] === 1))),
    ),
  };
}

/** Positive and negative values of the same stack may cancel. */
function withoutZeroRows(rows: Pick<StackProfile, 'nodes' | 'values'>): Pick<StackProfile, 'nodes' | 'values'> {
  const keep = new Uint8Array(rows.nodes.length);
  let kept = 0;
  for (let row = 0; row < keep.length; row++) {
    if (!isZeroRow(rows.values, row)) {
      keep[row] = 1;
      kept++;
    }
  }
  return kept === keep.length ? rows : selectRows(rows, keep);
}
