/** How two neighbouring rows become one, column by column. */
export type Fold = (typeof foldNames)[number];

const foldNames = ['sum', 'min', 'max', 'first', 'last'] as const;

/** What several tables share: how many rows they have together, and how many entries one row may hold. */
export class RowBudget {
  rows = 0;
  /** Entries that one row holds before the next row is begun; doubled whenever the rows are too many. */
  entriesPerRow = 1;
  private readonly tables: MergingRows[] = [];

  constructor(private readonly limit: number) {}

  join(table: MergingRows): void {
    this.tables.push(table);
  }

  /** To be called after each entry: merges neighbours when there are too many rows. */
  settle(): void {
    if (this.rows > this.limit) this.halve();
  }

  halve(): void {
    this.entriesPerRow *= 2;
    this.rows = 0;
    for (const table of this.tables) {
      table.mergePairs();
      this.rows += table.length;
    }
  }
}

/**
 * A table of numbers that stays bounded: rows come at its end, and when its budget is used up, every two neighbours
 * become one. Sums, smallest and largest values over any run of rows stay exact. A column holds doubles; NaN in a
 * `first` or `last` column means that nothing is known, and gives way to what is.
 *
 * Column 0 is the number of entries in the row, and is summed.
 */
export class MergingRows {
  length = 0;
  private values = new Float64Array(0);
  private readonly folds: Uint8Array;

  constructor(
    folds: readonly Fold[],
    private readonly budget: RowBudget,
    /** Called before row `from` is added to row `to`; what is kept elsewhere for a row must follow. */
    private readonly onMerge: (to: number, from: number) => void = () => undefined,
    private readonly onMove: (to: number, from: number) => void = () => undefined,
  ) {
    this.folds = Uint8Array.from(folds, (fold) => foldNames.indexOf(fold));
    budget.join(this);
  }

  /** Adds one entry. `entry[0]` must be 1. Returns its row. */
  add(entry: Float64Array): number {
    const width = this.folds.length;
    if (this.length > 0 && this.values[(this.length - 1) * width] < this.budget.entriesPerRow) {
      this.fold((this.length - 1) * width, entry, 0);
      return this.length - 1;
    }
    const at = this.length * width;
    if (at + width > this.values.length) {
      const larger = new Float64Array(Math.max(4 * width, this.values.length * 2));
      larger.set(this.values);
      this.values = larger;
    }
    this.values.set(entry, at);
    this.budget.rows++;
    return this.length++;
  }

  get(row: number, column: number): number {
    return this.values[row * this.folds.length + column];
  }

  mergePairs(): void {
    const width = this.folds.length;
    let to = 0;
    for (let from = 0; from < this.length; from += 2, to++) {
      if (to !== from) {
        this.values.copyWithin(to * width, from * width, (from + 1) * width);
        this.onMove(to, from);
      }
      if (from + 1 < this.length) {
        this.onMerge(to, from + 1);
        this.fold(to * width, this.values, (from + 1) * width);
      }
    }
    this.length = to;
  }

  private fold(at: number, other: Float64Array, from: number): void {
    const { folds, values } = this;
    for (let column = 0; column < folds.length; column++) {
      const here = values[at + column];
      const there = other[from + column];
      switch (folds[column]) {
        case 0: // sum
          values[at + column] = here + there;
          break;
        case 1: // min
          if (there < here) values[at + column] = there;
          break;
        case 2: // max
          if (there > here) values[at + column] = there;
          break;
        case 3: // first
          if (Number.isNaN(here)) values[at + column] = there;
          break;
        case 4: // last
          if (!Number.isNaN(there)) values[at + column] = there;
          break;
      }
    }
  }
}
