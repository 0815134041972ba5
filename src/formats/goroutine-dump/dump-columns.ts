import { putHalves } from '../int64.js';
import { type Crash, type GoroutineDump, goroutineFlags } from './dump.js';

/** One goroutine as it is read, before it becomes a row. */
export interface GoroutineRow {
  id: number | bigint;
  state: number;
  waitMinutes: number;
  flags: number;
  bubble: bigint;
  labelSet: number;
  stack: number;
  createdBy: number;
  creator: number | bigint;
}

/** Grows the columns of one dump. */
export class DumpColumns {
  count = 0;
  endLine: number;
  readonly #folded = new Map<number, number>();
  #id = new BigUint64Array(8);
  #idHalves = new Uint32Array(this.#id.buffer);
  #creator = new BigUint64Array(8);
  #creatorHalves = new Uint32Array(this.#creator.buffer);
  #bubble = new BigUint64Array(8);
  #state = new Int32Array(8);
  #waitMinutes = new Int32Array(8);
  #flags = new Uint8Array(8);
  #labelSet = new Int32Array(8);
  #stack = new Int32Array(8);
  #createdBy = new Int32Array(8);

  constructor(
    readonly startLine: number,
    readonly atNanos: bigint | null,
    readonly crash: Crash | null,
    /** Go stopped the world and listed the goroutine that asked first. */
    readonly callerFirst: boolean,
  ) {
    this.endLine = startLine;
  }

  push(row: GoroutineRow): void {
    if (this.count === this.#state.length) this.#grow();
    const at = this.count++;
    put(this.#id, this.#idHalves, at, row.id);
    put(this.#creator, this.#creatorHalves, at, row.creator);
    // Nearly always none, and the column is zero already.
    if (row.bubble !== 0n) this.#bubble[at] = row.bubble;
    this.#state[at] = row.state;
    this.#waitMinutes[at] = row.waitMinutes;
    this.#flags[at] = row.flags;
    this.#labelSet[at] = row.labelSet;
    this.#stack[at] = row.stack;
    this.#createdBy[at] = row.createdBy;
  }

  /** Takes the rows from `row` on out of this dump, which ends with `endLine`, and makes them a dump of their own. */
  splitAt(row: number, endLine: number, startLine: number, atNanos: bigint | null): DumpColumns {
    const rest = new DumpColumns(startLine, atNanos, null, true);
    rest.endLine = this.endLine;
    for (let at = row; at < this.count; at++) {
      rest.push({
        id: this.#id[at],
        state: this.#state[at],
        waitMinutes: this.#waitMinutes[at],
        flags: this.#flags[at],
        bubble: this.#bubble[at],
        labelSet: this.#labelSet[at],
        stack: this.#stack[at],
        createdBy: this.#createdBy[at],
        creator: this.#creator[at],
      });
      this.#bubble[at] = 0n;
    }
    this.count = Math.min(row, this.count);
    this.endLine = endLine;
    return rest;
  }

  /** The last row lacks something after all. */
  tearLast(): void {
    if (this.count > 0) this.#flags[this.count - 1] |= goroutineFlags.torn;
  }

  fold(state: number): void {
    this.#folded.set(state, (this.#folded.get(state) ?? 0) + 1);
  }

  /** @param frameNumber new number of each frame that is in use */
  build(frameNumber: Int32Array): GoroutineDump {
    return {
      startLine: this.startLine,
      endLine: this.endLine,
      atNanos: this.atNanos,
      crash: this.crash,
      count: this.count,
      id: this.#id.slice(0, this.count),
      state: this.#state.slice(0, this.count),
      waitMinutes: this.#waitMinutes.slice(0, this.count),
      flags: this.#flags.slice(0, this.count),
      bubble: this.#bubble.slice(0, this.count),
      labelSet: this.#labelSet.slice(0, this.count),
      stack: this.#stack.slice(0, this.count),
      createdBy: this.#createdBy.slice(0, this.count).map((frame) => (frame < 0 ? -1 : frameNumber[frame])),
      creator: this.#creator.slice(0, this.count),
      folded: Array.from(this.#folded, ([state, count]) => ({ state, count })),
    };
  }

  markFrames(used: Uint8Array): void {
    for (let row = 0; row < this.count; row++) if (this.#createdBy[row] >= 0) used[this.#createdBy[row]] = 1;
  }

  #grow(): void {
    const capacity = this.#state.length * 2;
    this.#id = into(new BigUint64Array(capacity), this.#id);
    this.#idHalves = new Uint32Array(this.#id.buffer);
    this.#creator = into(new BigUint64Array(capacity), this.#creator);
    this.#creatorHalves = new Uint32Array(this.#creator.buffer);
    this.#bubble = into(new BigUint64Array(capacity), this.#bubble);
    this.#state = into(new Int32Array(capacity), this.#state);
    this.#waitMinutes = into(new Int32Array(capacity), this.#waitMinutes);
    this.#flags = into(new Uint8Array(capacity), this.#flags);
    this.#labelSet = into(new Int32Array(capacity), this.#labelSet);
    this.#stack = into(new Int32Array(capacity), this.#stack);
    this.#createdBy = into(new Int32Array(capacity), this.#createdBy);
  }
}

function into<A extends { set(values: A): void }>(larger: A, values: A): A {
  larger.set(values);
  return larger;
}

function put(column: BigUint64Array, halves: Uint32Array, at: number, value: number | bigint): void {
  if (typeof value === 'bigint') column[at] = value;
  else putHalves(halves, at, value >>> 0, Math.floor(value / 2 ** 32));
}
