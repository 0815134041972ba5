import type { topAnswer, diffRowsAnswer, diffTotalsAnswer, flameGraphAnswer } from '../analysis/answers.js';
import type { DiffTable, FlatCum } from '../analysis/diff.js';
import type { FlameGraph } from '../analysis/flame-graph.js';
import type { TopTable } from '../analysis/top.js';

/** The most rows that one page of the API holds. */
export const pageRows = 5_000;

export type TopAnswer = ReturnType<typeof topAnswer>;
export type FlameGraphAnswer = ReturnType<typeof flameGraphAnswer>;
export type DiffAnswer = ReturnType<typeof diffTotalsAnswer> & ReturnType<typeof diffRowsAnswer>;

/** The table that an answer of the API was written from. */
export function topTableOf(answer: TopAnswer): TopTable {
  return {
    sampleType: { type: answer.sample_type, unit: answer.unit },
    by: answer.by,
    sort: answer.sort,
    total: BigInt(answer.total),
    rowCount: answer.row_count,
    rows: answer.rows.map(({ flat, cum, flat_share, cum_share, ...site }) => ({
      ...site,
      flat: BigInt(flat),
      cum: BigInt(cum),
      flatShare: flat_share,
      cumShare: cum_share,
    })),
  };
}

export function flameGraphOf(answer: FlameGraphAnswer): FlameGraph {
  return {
    sampleType: { type: answer.sample_type, unit: answer.unit },
    absoluteTotal: BigInt(answer.total),
    names: answer.names,
    name: answer.name,
    parent: answer.parent,
    foldedNodes: answer.folded_nodes,
    self: answer.self.map(BigInt),
    total: answer.cum.map(BigInt),
  };
}

export function diffTableOf(answer: DiffAnswer): DiffTable {
  return {
    sampleType: { type: answer.sample_type, unit: answer.unit },
    by: answer.by,
    sort: answer.sort,
    total: BigInt(answer.total),
    baseTotal: BigInt(answer.base_total),
    targetTotal: BigInt(answer.target_total),
    rowCount: answer.row_count,
    rows: answer.rows.map(({ base, target, delta, flat_share, cum_share, ...row }) => ({
      ...row,
      base: flatCumOf(base),
      target: flatCumOf(target),
      delta: flatCumOf(delta),
      flatShare: flat_share ?? 0,
      cumShare: cum_share ?? 0,
    })),
  };
}

function flatCumOf({ flat, cum }: { flat: string; cum: string }): FlatCum {
  return { flat: BigInt(flat), cum: BigInt(cum) };
}
