import type { Int64Column } from '../formats/int64.js';
import { absoluteSumOf, differences, exactAt, toInt64Column } from './exact.js';
import { type FilteredStacks, filterStacks, type StackFilter } from './filter.js';
import { type FlameLayout, type FlameOptions, type FlameValues, layOut } from './flame-graph.js';
import { framesInUse, type Granularity, groupingOf, groupSums } from './grouping.js';
import { columnIn, commonSampleTypes } from './merge.js';
import { sampleTypeIndex } from './sample-type.js';
import { StackJoin } from './stack-builder.js';
import type { SampleType, StackProfile } from './stack-profile.js';
import { orderGroups, presentGroups, share, type Site, Sites, type SortedBy } from './top.js';

/** Two profiles side by side on one tree, in one sample type and one unit. */
export interface StackDiff {
  readonly sampleType: SampleType;
  /** Two columns: the base and the target. */
  readonly joined: StackProfile;
  readonly baseTotal: bigint;
  readonly targetTotal: bigint;
  /**
   * 100 %: the sum of the absolute values of the base, as `go tool pprof -diff_base` has it; of the target where the
   * base holds nothing (google/pprof internal/report, computeTotal).
   */
  readonly total: bigint;
}

export interface DiffOptions {
  readonly by?: Granularity;
  readonly sort?: SortedBy;
  readonly limit?: number;
  readonly offset?: number;
}

/**
 * What became of a function between base and target: `new` and `gone` if one side does not have it at all, otherwise
 * by the difference of the value that the table is sorted by.
 */
export type Change = 'new' | 'gone' | 'grown' | 'shrunk' | 'same';

export interface FlatCum {
  readonly flat: bigint;
  readonly cum: bigint;
}

export interface DiffRow extends Site {
  readonly base: FlatCum;
  readonly target: FlatCum;
  /** `target - base`. */
  readonly delta: FlatCum;
  /** The deltas, relative to the total of the diff. */
  readonly flatShare: number;
  readonly cumShare: number;
  readonly change: Change;
}

export interface DiffTable {
  readonly sampleType: SampleType;
  readonly by: Granularity;
  readonly sort: SortedBy;
  readonly total: bigint;
  readonly baseTotal: bigint;
  readonly targetTotal: bigint;
  readonly rowCount: number;
  readonly rows: readonly DiffRow[];
}

export interface FlameDiff extends FlameLayout {
  readonly sampleType: SampleType;
  readonly total: bigint;
  readonly base: FlameValues;
  readonly target: FlameValues;
}

/**
 * Puts two profiles, which may come from different builds, side by side by function name, file and line. Only sample
 * types that both have can be compared; values are converted to the finer unit of the two.
 *
 * @param asked sample type by name; by default the target's default one, else the last that both have
 * @throws IncompatibleProfilesError, SampleTypeError
 */
export function diffStacks(base: StackProfile, target: StackProfile, asked = '', defaultType = ''): StackDiff {
  const common = commonSampleTypes([target.sampleTypes, base.sampleTypes]);
  const sampleType = common[sampleTypeIndex(common, asked, defaultType)];
  const join = new StackJoin();
  const baseNodes = join.add(base);
  const targetNodes = join.add(target);
  const tree = join.tree.build();
  const baseColumn = columnIn(base, sampleType);
  const targetColumn = columnIn(target, sampleType);
  const nodeCount = tree.parent.length;
  const baseTotal = absoluteSumOf(baseColumn);
  const targetTotal = absoluteSumOf(targetColumn);
  return {
    sampleType,
    joined: {
      symbols: join.symbols.build(),
      tree,
      sampleTypes: [sampleType, sampleType],
      nodes: Int32Array.from(tree.parent, (_, node) => node),
      values: [spread(nodeCount, baseNodes, baseColumn), spread(nodeCount, targetNodes, targetColumn)],
    },
    baseTotal,
    targetTotal,
    total: baseTotal > 0n ? baseTotal : targetTotal,
  };
}

/** A row per node. */
function spread(nodeCount: number, nodes: Int32Array, column: Int64Column): Int64Column {
  if (column instanceof Float64Array) {
    const values = new Float64Array(nodeCount);
    for (let row = 0; row < nodes.length; row++) values[nodes[row]] += column[row];
    return values;
  }
  const values = new Array<bigint>(nodeCount).fill(0n);
  for (let row = 0; row < nodes.length; row++) values[nodes[row]] += column[row];
  return toInt64Column(values);
}

/**
 * Filters both sides alike. Shares still refer to the whole base, and what a filter left out of both sides is neither
 * new nor gone.
 */
export function filterDiff(
  diff: StackDiff,
  filter: StackFilter,
): { diff: StackDiff; unmatched: FilteredStacks['unmatched'] } {
  const { stacks, unmatched } = filterStacks(diff.joined, filter);
  return { diff: { ...diff, joined: stacks }, unmatched };
}

/** Both sides by function, line, file or package; what changed most comes first, what did not change last. */
export function diffTable(diff: StackDiff, options: DiffOptions = {}): DiffTable {
  const { by = 'function', sort = 'flat', limit = Infinity, offset = 0 } = options;
  const { joined, sampleType, total, baseTotal, targetTotal } = diff;
  const [base, target] = joined.values.map((column) => groupSums(joined, column, by));
  const flatDelta = differences(target.flat, base.flat);
  const cumDelta = differences(target.cum, base.cum);
  const groups = presentGroups([base.flat, base.cum, target.flat, target.cum]);
  const sites = new Sites(joined.symbols, by, groupingOf(joined, by), framesInUse(joined, joined.values));
  orderGroups(groups, sort === 'flat' ? [flatDelta, cumDelta] : [cumDelta, flatDelta], sites);

  const rows = Array.from(groups.subarray(offset, offset + limit), (group): DiffRow => {
    const sides = {
      base: { flat: exactAt(base.flat, group), cum: exactAt(base.cum, group) },
      target: { flat: exactAt(target.flat, group), cum: exactAt(target.cum, group) },
    };
    const delta = { flat: exactAt(flatDelta, group), cum: exactAt(cumDelta, group) };
    return {
      ...sites.site(group),
      ...sides,
      delta,
      flatShare: share(delta.flat, total),
      cumShare: share(delta.cum, total),
      change: changeOf(sides.base, sides.target, delta[sort]),
    };
  });
  return { sampleType, by, sort, total, baseTotal, targetTotal, rowCount: groups.length, rows };
}

function changeOf(base: FlatCum, target: FlatCum, delta: bigint): Change {
  if (base.flat === 0n && base.cum === 0n) return 'new';
  if (target.flat === 0n && target.cum === 0n) return 'gone';
  if (delta === 0n) return 'same';
  return delta > 0n ? 'grown' : 'shrunk';
}

/** One tree with the values of both sides on each node; a branch is as large as both sides together. */
export function diffFlameGraph(diff: StackDiff, options: FlameOptions = {}): FlameDiff {
  const { layout, values } = layOut(diff.joined, diff.joined.values, options);
  return { sampleType: diff.sampleType, total: diff.total, ...layout, base: values[0], target: values[1] };
}
