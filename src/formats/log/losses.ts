/**
 * Why something in a log is not in the answer:
 * - `torn`: a line that other output was written into, and that could not be put together again;
 * - `cut`: the log ends within the line;
 * - `old-format`: a gctrace line of Go 1.4 or older, whose collections have no start time;
 * - `lifetimes`, `rows`, `reasons`: beyond the limit of that name.
 */
export type LossCode = 'torn' | 'cut' | 'old-format' | 'lifetimes' | 'rows' | 'reasons';

export interface LogLoss {
  readonly code: LossCode;
  readonly count: number;
  /** Numbers of the first lines concerned, from 1. */
  readonly lines: readonly number[];
}

/** Counts losses by code and keeps the first line numbers of each. */
export class LossLedger {
  private readonly byCode = new Map<LossCode, { count: number; lines: number[] }>();

  constructor(private readonly keptLines: number) {}

  add(code: LossCode, line: number): void {
    let entry = this.byCode.get(code);
    if (entry === undefined) this.byCode.set(code, (entry = { count: 0, lines: [] }));
    entry.count++;
    if (entry.lines.length < this.keptLines) entry.lines.push(line);
  }

  list(): LogLoss[] {
    return [...this.byCode].map(([code, { count, lines }]) => ({ code, count, lines }));
  }
}
