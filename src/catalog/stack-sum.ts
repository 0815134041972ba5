import { type ExactColumn, toInt64Column } from '../analysis/exact.js';
import type { SampleType, StackProfile, StackTree, SymbolTable } from '../analysis/stack-profile.js';
import { roundedQuotient } from '../analysis/timeline-buckets.js';
import type { Int64Column } from '../formats/int64.js';
import { DamagedBlockError } from './block.js';
import { GrowingColumn, IntTable } from './int-table.js';

const unmapped = -1;

/**
 * Adds up vectors of one service, from any months, into a StackProfile of its own: with the stacks and symbols that it
 * needs, whatever the dictionaries hold besides.
 */
export class StackSum {
  private readonly parent = new GrowingColumn();
  private readonly frame = new GrowingColumn();
  private readonly nodes = new IntTable(this.parent, this.frame, null, 1);
  private readonly nodesOfMonth = new Map<StackTree, Int32Array>();
  private readonly sums: WeightedSums[];

  constructor(private readonly sampleTypes: readonly SampleType[]) {
    this.sums = sampleTypes.map(() => new WeightedSums());
    this.parent.push(-1);
    this.frame.push(-1);
  }

  /**
   * Where the rows of a vector lie in the sum.
   * @param month the tree that the vector's nodes, which ascend, belong to
   * @throws DamagedBlockError if they cannot
   */
  place(month: StackTree, nodes: Int32Array): Int32Array {
    if (nodes.length > 0 && nodes[nodes.length - 1] >= month.parent.length) {
      throw new DamagedBlockError(`stack ${nodes[nodes.length - 1]} of ${month.parent.length}`);
    }
    let placed = this.nodesOfMonth.get(month);
    if (placed === undefined) {
      placed = new Int32Array(month.parent.length).fill(unmapped);
      placed[0] = 0;
      this.nodesOfMonth.set(month, placed);
    }
    const path: number[] = [];
    const places = new Int32Array(nodes.length);
    for (let row = 0; row < nodes.length; row++) {
      let node = nodes[row];
      for (; placed[node] === unmapped; node = month.parent[node]) path.push(node);
      for (let child = path.pop(); child !== undefined; child = path.pop()) {
        placed[child] = this.child(placed[month.parent[child]], month.frame[child]);
      }
      places[row] = placed[nodes[row]];
    }
    return places;
  }

  /** @param weight an integer */
  add(column: number, places: Int32Array, values: Int64Column, weight: number): void {
    this.sums[column].add(this.parent.length, places, values, weight);
  }

  /** @param divisors per sample type, an integer above 0; quotients are rounded to integers, halves away from zero */
  finish(symbols: SymbolTable, divisors: readonly number[]): StackProfile {
    const tree = { parent: this.parent.view(), frame: this.frame.view() };
    const size = tree.parent.length;
    const columns = this.sums.map((sums, column) => sums.quotients(size, divisors[column]));
    const rows = new Int32Array(size);
    let count = 0;
    for (let node = 0; node < size; node++) {
      // `!column[node]` holds for 0 and for 0n alike.
      if (!columns.every((column) => !column[node])) rows[count++] = node;
    }
    const nodes = rows.slice(0, count);
    return {
      ...compact(symbols, tree),
      sampleTypes: this.sampleTypes,
      nodes,
      values: columns.map((c) => pick(c, nodes)),
    };
  }

  /** Nodes of one month are different stacks, so a second month is the first reason to look for what is there. */
  private child(parent: number, frame: number): number {
    const found = this.nodesOfMonth.size > 1 ? this.nodes.find(parent, frame) : unmapped;
    if (found !== unmapped) return found;
    this.parent.push(parent);
    this.frame.push(frame);
    return this.parent.length - 1;
  }
}

function pick(column: ExactColumn, nodes: Int32Array): Int64Column {
  if (column instanceof Float64Array) return toInt64Column(Float64Array.from(nodes, (node) => column[node]));
  return toInt64Column(Array.from(nodes, (node) => column[node]));
}

/** The bits that `low` holds; a weight of 36 hours in milliseconds times that many bits is far from 2^53. */
const lowBits = 20;
const lowUnit = 2 ** lowBits;
const exactLimit = 2 ** 52;

/**
 * Exact sums of weighted 64-bit values per node: as two doubles, the low one below 2^20, which together hold 72 bits;
 * as bigints once that may not suffice.
 */
class WeightedSums {
  private low = new Float64Array(1024);
  private high = new Float64Array(1024);
  private wide: bigint[] | null = null;
  /** No `high` is greater. */
  private bound = 0;

  add(size: number, places: Int32Array, values: Int64Column, weight: number): void {
    if (weight === 0) return;
    if (this.wide === null) {
      let magnitude = 0;
      if (values instanceof Float64Array) for (const value of values) magnitude += Math.abs(value);
      else magnitude = Infinity;
      this.bound += Math.abs(weight) * (magnitude / lowUnit + 1) + 1;
      if (this.bound > exactLimit) this.wide = this.toBigints();
    }
    if (this.wide !== null) {
      while (this.wide.length < size) this.wide.push(0n);
      const factor = BigInt(weight);
      for (let row = 0; row < places.length; row++) this.wide[places[row]] += BigInt(values[row]) * factor;
      return;
    }
    this.reserve(size);
    const { low, high } = this;
    const numbers = values as Float64Array;
    for (let row = 0; row < places.length; row++) {
      const value = numbers[row];
      if (value === 0) continue;
      const place = places[row];
      const upper = Math.floor(value / lowUnit);
      const sum = low[place] + (value - upper * lowUnit) * weight;
      const carry = Math.floor(sum / lowUnit);
      low[place] = sum - carry * lowUnit;
      high[place] += upper * weight + carry;
    }
  }

  quotients(size: number, divisor: number): ExactColumn {
    if (this.wide === null) {
      this.reserve(size);
      const quotients = new Float64Array(size);
      let safe = true;
      for (let node = 0; node < size && safe; node++) {
        const sum = this.high[node] * lowUnit + this.low[node];
        safe = Math.abs(sum) < exactLimit;
        quotients[node] = roundedDivision(sum, divisor);
      }
      if (safe) return quotients;
    }
    const sums = this.wide ?? this.toBigints();
    while (sums.length < size) sums.push(0n);
    sums.length = size;
    return divisor === 1 ? sums : sums.map((sum) => roundedQuotient(sum, BigInt(divisor)));
  }

  private toBigints(): bigint[] {
    return Array.from(this.high, (high, node) => (BigInt(high) << BigInt(lowBits)) + BigInt(this.low[node]));
  }

  private reserve(size: number): void {
    if (size <= this.low.length) return;
    const grown = (values: Float64Array) => {
      const larger = new Float64Array(Math.max(size, values.length * 2));
      larger.set(values);
      return larger;
    };
    this.low = grown(this.low);
    this.high = grown(this.high);
  }
}

/** To the nearest integer, halves away from zero, exactly. @param dividend an integer within 2^52 */
function roundedDivision(dividend: number, divisor: number): number {
  const magnitude = Math.abs(dividend);
  let quotient = Math.floor(magnitude / divisor);
  let rest = magnitude - quotient * divisor;
  // The division was rounded, so its floor may be one too many or too few.
  if (rest < 0) {
    quotient--;
    rest += divisor;
  }
  if (rest * 2 >= divisor) quotient += Math.floor((rest * 2 + divisor) / (divisor * 2));
  return dividend < 0 && quotient > 0 ? -quotient : quotient;
}

/** The tree with only those symbols that it refers to. */
function compact(symbols: SymbolTable, tree: StackTree): Pick<StackProfile, 'symbols' | 'tree'> {
  const frames = new Renumbering(symbols.frameLine.length);
  const functions = new Renumbering(symbols.functions.length);
  const files = new Renumbering(symbols.files.length);
  const frame = tree.frame.map((number) => (number < 0 ? number : frames.of(number)));
  return {
    symbols: {
      frameFunction: Int32Array.from(frames.kept, (number) => functions.of(symbols.frameFunction[number])),
      frameFile: Int32Array.from(frames.kept, (number) => files.of(symbols.frameFile[number])),
      frameLine: Int32Array.from(frames.kept, (number) => symbols.frameLine[number]),
      functions: functions.kept.map((number) => symbols.functions[number]),
      files: files.kept.map((number) => symbols.files[number]),
    },
    tree: { parent: tree.parent, frame },
  };
}

class Renumbering {
  readonly kept: number[] = [];
  private readonly numbers: Int32Array;

  constructor(size: number) {
    this.numbers = new Int32Array(size).fill(unmapped);
  }

  of(number: number): number {
    if (this.numbers[number] === unmapped) this.numbers[number] = this.kept.push(number) - 1;
    return this.numbers[number];
  }
}
