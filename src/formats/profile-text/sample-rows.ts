import type { Budget } from '../budget.js';
import { overBudget } from '../format-error.js';
import { Int64ColumnBuilder } from '../int64.js';
import type { LabelTable, SampleTable } from '../pprof/profile.js';
import { withCapacity } from '../pprof/tables.js';
import type { Int64 } from './scale.js';
import type { StringPool } from './string-pool.js';

/** Grows the samples of a profile row by row: values, then frames and labels, then the end of the row. */
export class SampleRows {
  count = 0;
  private capacity = 256;
  private stackStart = new Uint32Array(this.capacity + 1);
  private stack = new Uint32Array(4096);
  private depth = 0;
  private programCounters = new Int32Array(this.capacity);
  private readonly columns: Int64ColumnBuilder[];
  private labelStart = new Uint32Array(this.capacity + 1);
  private readonly labelKeys: number[] = [];
  private readonly labelStrings: number[] = [];
  private readonly labelNumbers: Int64[] = [];
  private rowLabels = 0;

  constructor(
    width: number,
    private readonly strings: StringPool,
    private readonly budget: Budget,
  ) {
    this.columns = Array.from({ length: width }, () => new Int64ColumnBuilder(this.capacity));
  }

  /** Begins a row with these values. */
  begin(values: readonly Int64[]): void {
    const { samples } = this.budget;
    if (this.count >= samples) throw overBudget('samples', this.count + 1, samples);
    if (this.count === this.capacity) this.grow();
    for (let column = 0; column < values.length; column++) put(this.columns[column], this.count, values[column]);
  }

  /** The next frame of the row, from the leaf outwards. */
  frame(location: number): void {
    if (this.depth === this.stack.length) {
      const { stackEntries } = this.budget;
      if (this.depth >= stackEntries) throw overBudget('stackEntries', this.depth + 1, stackEntries);
      this.stack = withCapacity(this.stack, Math.min(this.depth * 2, Math.max(stackEntries, this.depth + 1)));
    }
    this.stack[this.depth++] = location;
  }

  stringLabel(key: number, value: number): void {
    this.label(key, value, 0);
  }

  numberLabel(key: string, value: Int64): void {
    this.label(this.strings.of(key), 0, value);
  }

  end(programCounters: number): void {
    this.programCounters[this.count] = programCounters;
    this.count++;
    this.stackStart[this.count] = this.depth;
    this.labelStart[this.count] = this.labelKeys.length;
    this.rowLabels = 0;
  }

  build(): { samples: SampleTable; labels: LabelTable; programCounters: Int32Array } {
    const { count } = this;
    const labelCount = this.labelKeys.length;
    const numbers = new Int64ColumnBuilder(labelCount);
    this.labelNumbers.forEach((value, label) => put(numbers, label, value));
    return {
      samples: {
        count,
        stackStart: this.stackStart.slice(0, count + 1),
        stack: this.stack.slice(0, this.depth),
        values: this.columns.map((column) => column.finish(count)),
      },
      labels: {
        count: labelCount,
        start: this.labelStart.slice(0, count + 1),
        key: Uint32Array.from(this.labelKeys),
        str: Uint32Array.from(this.labelStrings),
        num: numbers.finish(labelCount),
        unit: new Uint32Array(labelCount),
      },
      programCounters: this.programCounters.slice(0, count),
    };
  }

  private label(key: number, str: number, num: Int64): void {
    const { labelsPerSample } = this.budget;
    if (++this.rowLabels > labelsPerSample) throw overBudget('labelsPerSample', this.rowLabels, labelsPerSample);
    this.labelKeys.push(key);
    this.labelStrings.push(str);
    this.labelNumbers.push(num);
  }

  private grow(): void {
    this.capacity *= 2;
    this.stackStart = withCapacity(this.stackStart, this.capacity + 1);
    this.labelStart = withCapacity(this.labelStart, this.capacity + 1);
    this.programCounters = withCapacity(this.programCounters, this.capacity);
    for (const column of this.columns) column.grow(this.capacity);
  }
}

function put(column: Int64ColumnBuilder, row: number, value: Int64): void {
  if (typeof value === 'number') column.put(row, value);
  else column.putHalves(row, Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
}
