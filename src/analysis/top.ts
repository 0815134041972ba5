import { packageOf } from '../formats/go-names.js';
import { absoluteSumOf, type ExactColumn, exactAt, magnitudes } from './exact.js';
import { framesInUse, type FrameGroups, type Granularity, groupingOf, groupSums, type GroupSums } from './grouping.js';
import type { SampleType, StackProfile, SymbolTable } from './stack-profile.js';

export type SortedBy = 'flat' | 'cum';

export interface TopOptions {
  /** Number of the sample type (see sampleTypeIndex). */
  readonly sampleType: number;
  readonly by?: Granularity;
  readonly sort?: SortedBy;
  readonly limit?: number;
  readonly offset?: number;
  /**
   * What counts as 100 %. Give the total of the unfiltered profile when `stacks` was filtered, as `go tool pprof`
   * shows shares of everything.
   */
  readonly total?: bigint;
}

export interface TopTable {
  readonly sampleType: SampleType;
  readonly by: Granularity;
  readonly sort: SortedBy;
  /** 100 %: the sum of the absolute values of all samples. */
  readonly total: bigint;
  /** How many rows there are before `offset` and `limit`. */
  readonly rowCount: number;
  readonly rows: readonly TopRow[];
}

/** What a row is about. Null is what its granularity does not say. */
export interface Site {
  readonly function: string | null;
  /** Of a function that lies in several files, the first by name. */
  readonly file: string | null;
  readonly line: number | null;
  readonly package: string | null;
}

export interface TopRow extends Site {
  readonly flat: bigint;
  readonly cum: bigint;
  /** Of the total; signed; 0 where the total is 0. */
  readonly flatShare: number;
  readonly cumShare: number;
}

/**
 * Flat and cumulative values by function, line, file or package, in the unit of the sample type. Equals `go tool
 * pprof -top` (`-lines`): a recursion counts once, an inlined function is a function, groups whose two values are zero
 * have no row, rows are ordered by magnitude and then by name.
 */
export function top(stacks: StackProfile, options: TopOptions): TopTable {
  const { sampleType, by = 'function' } = options;
  const values = stacks.values[sampleType];
  const sites = new Sites(stacks.symbols, by, groupingOf(stacks, by), framesInUse(stacks, [values]));
  const total = options.total ?? absoluteSumOf(values);
  return topTable(groupSums(stacks, values, by), sites, { ...options, total }, stacks.sampleTypes[sampleType]);
}

/** The table of groups whose sums are known. */
export function topTable(
  { flat, cum }: GroupSums,
  sites: Sites,
  options: TopOptions & { total: bigint },
  { type, unit }: SampleType,
): TopTable {
  const { sort = 'flat', limit = Infinity, offset = 0, total } = options;
  const present = presentGroups([flat, cum]);
  orderGroups(present, sort === 'flat' ? [flat, cum] : [cum, flat], sites);
  const rows = Array.from(present.subarray(offset, offset + limit), (group) => ({
    ...sites.site(group),
    flat: exactAt(flat, group),
    cum: exactAt(cum, group),
    flatShare: share(flat[group], total),
    cumShare: share(cum[group], total),
  }));
  return { sampleType: { type, unit }, by: sites.by, sort, total, rowCount: present.length, rows };
}

/** `value / total`, or 0 if there is nothing to share. */
export function share(value: bigint | number, total: bigint): number {
  return total === 0n ? 0 : Number(value) / Number(total);
}

/** Groups with a value other than zero in one of the columns. */
export function presentGroups(columns: readonly ExactColumn[]): Int32Array {
  const groups: number[] = [];
  for (let group = 0; group < columns[0].length; group++) {
    if (columns.some((column) => column[group])) groups.push(group);
  }
  return Int32Array.from(groups);
}

/**
 * Orders groups in place by the magnitude of the first column, then by name, then by the magnitude of the second, so
 * that no answer depends on how groups are numbered.
 */
export function orderGroups(groups: Int32Array, [first, second]: [ExactColumn, ExactColumn], sites: Sites): void {
  const [primary, secondary] = [magnitudes(first), magnitudes(second)];
  groups.sort((a, b) => {
    if (primary[a] !== primary[b]) return primary[a] > primary[b] ? -1 : 1;
    const order = sites.compare(a, b);
    if (order !== 0) return order;
    if (secondary[a] !== secondary[b]) return secondary[a] > secondary[b] ? -1 : 1;
    return 0;
  });
}

/** Names of the groups of one granularity. */
export class Sites {
  readonly #symbols: SymbolTable;
  /** A frame of each group that occurs: for a function the one in the first file by name. -1: none occurs. */
  readonly #frame: Int32Array;
  readonly #packages: string[] = [];

  /** @param used 1 for each frame that occurs */
  constructor(
    symbols: SymbolTable,
    readonly by: Granularity,
    { count, groupOfFrame }: FrameGroups,
    used: Uint8Array,
  ) {
    const { files, frameFile } = symbols;
    this.#symbols = symbols;
    this.#frame = new Int32Array(count).fill(-1);
    for (let frame = 0; frame < used.length; frame++) {
      if (used[frame] === 0) continue;
      const group = groupOfFrame[frame];
      const chosen = this.#frame[group];
      if (chosen < 0) this.#frame[group] = frame;
      else if (frameFile[chosen] !== frameFile[frame] && files[frameFile[frame]] < files[frameFile[chosen]]) {
        this.#frame[group] = frame;
      }
    }
    if (by === 'package') {
      for (let group = 0; group < count; group++) {
        this.#packages.push(this.#frame[group] < 0 ? '' : packageOf(this.#function(group)));
      }
    }
  }

  site(group: number): Site {
    const { files, frameFile, frameLine } = this.#symbols;
    const frame = this.#frame[group];
    switch (this.by) {
      case 'package':
        return { function: null, file: null, line: null, package: this.#packages[group] };
      case 'file':
        return { function: null, file: files[frameFile[frame]], line: null, package: null };
      case 'function':
      case 'line': {
        const name = this.#function(group);
        return {
          function: name,
          file: files[frameFile[frame]],
          line: this.by === 'line' ? frameLine[frame] : null,
          package: packageOf(name),
        };
      }
    }
  }

  compare(a: number, b: number): number {
    const { files, frameFile, frameLine } = this.#symbols;
    switch (this.by) {
      case 'package':
        return compareText(this.#packages[a], this.#packages[b]);
      case 'file':
        return compareText(files[a], files[b]);
      case 'function':
        return compareText(this.#symbols.functions[a], this.#symbols.functions[b]);
      case 'line':
        return (
          compareText(this.#function(a), this.#function(b)) ||
          compareText(files[frameFile[this.#frame[a]]], files[frameFile[this.#frame[b]]]) ||
          frameLine[this.#frame[a]] - frameLine[this.#frame[b]]
        );
    }
  }

  #function(group: number): string {
    return this.#symbols.functions[this.#symbols.frameFunction[this.#frame[group]]];
  }
}

/** Order of names: by UTF-16 unit, which for all but rare pairs of non-ASCII names is Go's order by byte. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
