import type { Int64Column } from '../formats/int64.js';
import { absoluteSumOf, toInt64Column } from './exact.js';
import { gatherRows } from './rows.js';
import { StackJoin } from './stack-builder.js';
import type { SampleType, StackProfile } from './stack-profile.js';
import { finerUnit, scale } from './units.js';

export interface MergeInput {
  readonly stacks: StackProfile;
  /** Factor of every value; 1 by default. Integer factors (1, -1, a count) keep the result exact. */
  readonly weight?: number;
}

/** Profiles that have no sample type in common, or one of the same name in units that cannot be converted. */
export class IncompatibleProfilesError extends Error {
  override readonly name = 'IncompatibleProfilesError';
}

/**
 * Sums profiles whose symbol tables differ into one, by function name, file and line. The result has the sample types
 * that all of them have, in the order of the first, in the finest unit among them (google/pprof
 * CompatibilizeSampleTypes, ScaleProfiles). With whole weights the order of the
 * inputs changes no answer; with fractional ones each value of the result is rounded once, to the nearest integer.
 *
 * @throws IncompatibleProfilesError
 */
export function mergeStacks(inputs: readonly MergeInput[]): StackProfile {
  const sampleTypes = commonSampleTypes(inputs.map(({ stacks }) => stacks.sampleTypes));
  const join = new StackJoin();
  const nodesOfInput = inputs.map(({ stacks }) => join.add(stacks));
  const tree = join.tree.build();
  const values = sampleTypes.map((sampleType) => {
    const parts = inputs.map(({ stacks, weight = 1 }, i) => ({
      nodes: nodesOfInput[i],
      values: columnIn(stacks, sampleType),
      weight,
    }));
    return weightedSum(tree.parent.length, parts);
  });
  const everyNode = Int32Array.from(tree.parent, (_, node) => node);
  return { symbols: join.symbols.build(), tree, sampleTypes, ...gatherRows(tree.parent.length, everyNode, values) };
}

interface WeightedColumn {
  readonly nodes: Int32Array;
  readonly values: Int64Column;
  readonly weight: number;
}

/** Per node the weighted sum of the values that stand on it. */
function weightedSum(nodeCount: number, parts: readonly WeightedColumn[]): Int64Column {
  const wholeWeights = parts.every(({ weight }) => Number.isSafeInteger(weight));
  const bound = parts.reduce(
    (sum, { values, weight }) => sum + absoluteSumOf(values) * BigInt(Math.ceil(Math.abs(weight))),
    0n,
  );
  if (wholeWeights && bound > BigInt(Number.MAX_SAFE_INTEGER)) {
    const sums = new Array<bigint>(nodeCount).fill(0n);
    for (const { nodes, values, weight } of parts) {
      for (let row = 0; row < nodes.length; row++) sums[nodes[row]] += BigInt(values[row]) * BigInt(weight);
    }
    return toInt64Column(sums);
  }
  const sums = new Float64Array(nodeCount);
  for (const { nodes, values, weight } of parts) {
    for (let row = 0; row < nodes.length; row++) sums[nodes[row]] += Number(values[row]) * weight;
  }
  return toInt64Column(wholeWeights ? sums : sums.map(Math.round));
}

/** Sample types by name that all lists have, in the order of the first, each in the finest unit that occurs. */
export function commonSampleTypes(lists: readonly (readonly SampleType[])[]): SampleType[] {
  const [first, ...others] = lists;
  if (first === undefined) throw new IncompatibleProfilesError('there are no profiles to merge');
  const common = first.flatMap(({ type, unit }) => {
    let finest = unit;
    for (const list of others) {
      const same = list.find((other) => other.type === type);
      if (same === undefined) return [];
      const finer = finerUnit(finest, same.unit);
      if (finer === null) {
        throw new IncompatibleProfilesError(`"${type}" is in ${finest} here and in ${same.unit} there`);
      }
      finest = finer;
    }
    return [{ type, unit: finest }];
  });
  if (common.length > 0) return common;
  const names = lists.map((list) => list.map(({ type }) => type).join(', '));
  throw new IncompatibleProfilesError(`the profiles have no sample type in common: ${[...new Set(names)].join(' | ')}`);
}

/** The column of a sample type, converted to its unit. */
export function columnIn(stacks: StackProfile, { type, unit }: SampleType): Int64Column {
  const index = stacks.sampleTypes.findIndex((candidate) => candidate.type === type);
  const column = stacks.values[index];
  const ratio = scale(1, stacks.sampleTypes[index].unit, unit).value;
  if (ratio === 1) return column;
  return toInt64Column(
    Array.from({ length: column.length }, (_, row) =>
      Number.isInteger(ratio) ? BigInt(column[row]) * BigInt(ratio) : BigInt(Math.round(Number(column[row]) * ratio)),
    ),
  );
}
