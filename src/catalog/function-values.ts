import type { StackProfile } from '../analysis/stack-profile.js';
import { sumOf, type Int64Column } from '../formats/int64.js';
import type { TenantId, Tx } from '../platform/database.js';
import { monthOf } from './captured-at.js';
import type { StackStore } from './stack-store.js';
import type { Timing } from './timings.js';
import { decodeVector } from './vector.js';

/** Vectors are fetched in slices of this many, so that not all their bytes are in memory at once. */
const sliceLength = 500;

export interface FunctionColumn {
  /** `type/unit` */
  readonly sampleType: string;
  readonly functionId: number;
  readonly value: 'flat' | 'cum';
}

/**
 * The value of one function in each of some snapshots of a kind, from their vectors; a recursion counts once. In
 * nobody's order; by snapshot id.
 */
export async function readFunctionValues(
  tx: Tx,
  stackStore: StackStore,
  tenantId: TenantId,
  kind: string,
  timings: readonly Timing[],
  { sampleType, functionId, value }: FunctionColumn,
): Promise<Map<string, bigint>> {
  const values = new Map<string, bigint>();
  const counting = new Map<string, Uint8Array>();
  const ordered = timings.toSorted((a, b) => a.atMillis - b.atMillis);
  for (let start = 0; start < ordered.length; start += sliceLength) {
    const slice = new Map(ordered.slice(start, start + sliceLength).map((timing) => [timing.snapshotId, timing]));
    const inTime = [...slice.values()];
    const rows: { snapshot_id: string; data: Buffer }[] = await tx.query(
      `select snapshot_id, data from vector
        where tenant_id = $1 and kind = $2 and snapshot_id = any($3::uuid[]) and captured_at >= $4 and captured_at < $5`,
      [
        tenantId,
        kind,
        [...slice.keys()],
        new Date(inTime[0].atMillis),
        new Date(inTime[inTime.length - 1].atMillis + 1),
      ],
    );
    for (const row of rows) {
      const timing = slice.get(row.snapshot_id)!;
      const month = monthOf(new Date(timing.atMillis).toISOString());
      const key = `${timing.serviceId} ${month}`;
      let counts = counting.get(key);
      if (counts === undefined) {
        const stacks = await stackStore.load(tx, tenantId, timing.serviceId, month);
        counting.set(key, (counts = nodesThatCount(stacks, functionId, value)));
      }
      const vector = decodeVector(row.data, timing.sampleTypes.indexOf(sampleType));
      values.set(row.snapshot_id, sumWhere(vector.values[0], vector.nodes, counts));
    }
  }
  return values;
}

/** 1 for every node that is of the function (flat), or has it on its path (cum). */
function nodesThatCount(
  { symbols, tree }: Pick<StackProfile, 'symbols' | 'tree'>,
  functionId: number,
  value: 'flat' | 'cum',
): Uint8Array {
  const counts = new Uint8Array(tree.parent.length);
  for (let node = 1; node < counts.length; node++) {
    const own = symbols.frameFunction[tree.frame[node]] === functionId;
    if (own || (value === 'cum' && counts[tree.parent[node]] === 1)) counts[node] = 1;
  }
  return counts;
}

function sumWhere(column: Int64Column, nodes: Int32Array, counts: Uint8Array): bigint {
  if (column instanceof BigInt64Array) return sumOf(column.filter((_, row) => counts[nodes[row]] === 1));
  let sum = 0;
  for (let row = 0; row < nodes.length; row++) if (counts[nodes[row]] === 1) sum += column[row];
  return BigInt(sum);
}
