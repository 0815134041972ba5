import type { DiffTable, FlameDiff, FlatCum, StackDiff } from './diff.js';
import { decimal } from './exact.js';
import type { FlameGraph, FlameLayout } from './flame-graph.js';
import type { SampleType } from './stack-profile.js';
import type { Site, TopTable } from './top.js';

/*
 * Tables and flame graphs as they are written in JSON, by the API and by `tidemark … --json` alike: snake_case, 64-bit
 * integers as decimal strings, the unit beside them.
 */

export function topAnswer(table: TopTable) {
  return {
    ...sampleTypeAnswer(table.sampleType),
    by: table.by,
    sort: table.sort,
    total: decimal(table.total),
    row_count: table.rowCount,
    rows: table.rows.map((row) => ({
      ...siteAnswer(row),
      flat: decimal(row.flat),
      flat_share: row.flatShare,
      cum: decimal(row.cum),
      cum_share: row.cumShare,
    })),
  };
}

/** @param total what shares refer to, before any pattern */
export function flameGraphAnswer(flame: FlameGraph, total: bigint) {
  return {
    ...sampleTypeAnswer(flame.sampleType),
    total: decimal(total),
    ...layoutAnswer(flame),
    self: flame.self.map(decimal),
    cum: flame.total.map(decimal),
  };
}

/** What every answer about a diff says of its two sides. */
export function diffTotalsAnswer(diff: Pick<StackDiff, 'sampleType' | 'baseTotal' | 'targetTotal' | 'total'>) {
  return {
    ...sampleTypeAnswer(diff.sampleType),
    base_total: decimal(diff.baseTotal),
    target_total: decimal(diff.targetTotal),
    total: decimal(diff.total),
  };
}

/** @param share whether rows carry their shares of the total */
export function diffRowsAnswer(table: DiffTable, share: boolean) {
  return {
    by: table.by,
    sort: table.sort,
    row_count: table.rowCount,
    rows: table.rows.map((row) => ({
      ...siteAnswer(row),
      change: row.change,
      base: flatCumAnswer(row.base),
      target: flatCumAnswer(row.target),
      delta: flatCumAnswer(row.delta),
      ...(share ? { flat_share: row.flatShare, cum_share: row.cumShare } : {}),
    })),
  };
}

export function flameDiffAnswer(flame: FlameDiff) {
  return {
    ...layoutAnswer(flame),
    base_self: flame.base.self.map(decimal),
    base_cum: flame.base.total.map(decimal),
    target_self: flame.target.self.map(decimal),
    target_cum: flame.target.total.map(decimal),
  };
}

function sampleTypeAnswer({ type, unit }: SampleType) {
  return { sample_type: type, unit };
}

function siteAnswer({ function: name, file, line, package: packageName }: Site) {
  return { function: name, file, line, package: packageName };
}

function layoutAnswer({ names, name, parent, foldedNodes }: FlameLayout) {
  return { names, name, parent, folded_nodes: foldedNodes };
}

function flatCumAnswer({ flat, cum }: FlatCum) {
  return { flat: decimal(flat), cum: decimal(cum) };
}
