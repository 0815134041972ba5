import type { Batch, Generation } from './generation.js';
import { maxRelativeTime } from './generation.js';
import type { ThreadState } from './ordering.js';
import { VarintReader, type WideIds } from './varint.js';
import { argumentCounts } from './wire.js';

/** Walks over the timed events of one thread in one generation. The event it stands on is in its fields. */
export class ThreadCursor {
  /** Known to the ordering only once one of its events was tried. */
  state: ThreadState | null = null;
  type = 0;
  time = 0;
  argument0 = 0;
  argument1 = 0;
  argument2 = 0;
  argument3 = 0;
  /** Offset in the file of the event. */
  offset = 0;
  readonly #reader: VarintReader;
  #next = 0;

  constructor(
    readonly thread: number,
    private readonly batches: readonly Batch[],
    private readonly generation: Generation,
    private readonly wide: WideIds,
  ) {
    this.#reader = new VarintReader(wide);
  }

  /** Goes to the next event; false after the last one. FormatError if there is something that is no event. */
  next(): boolean {
    const reader = this.#reader;
    while (reader.position === reader.end) {
      if (this.#next === this.batches.length) return false;
      const batch = this.batches[this.#next++];
      reader.enter(this.generation.data, batch.start, batch.end, batch.offset);
      this.time = this.generation.traceClock.at(this.wide.double(batch.time));
    }
    this.offset = reader.offset;
    const type = reader.data[reader.position++];
    const count = argumentCounts[type];
    if (count === 255) throw reader.malformed(`type ${type} is no event with a time`);
    this.type = type;
    const units = reader.varint();
    this.time += Math.trunc((units < 0 ? this.wide.double(units) : units) * this.generation.traceClock.nanosPerUnit);
    if (!(Math.abs(this.time) <= maxRelativeTime)) throw reader.malformed('an event is 52 days away from the rest');
    if (count > 0) this.argument0 = reader.varint();
    if (count > 1) this.argument1 = reader.varint();
    if (count > 2) this.argument2 = reader.varint();
    if (count > 3) this.argument3 = reader.varint();
    return true;
  }
}

/** The cursors that stand on an event, the earliest first: a binary heap. */
export class Frontier<Cursor extends { readonly time: number } = ThreadCursor> {
  #cursors: Cursor[] = [];

  get size(): number {
    return this.#cursors.length;
  }

  get first(): Cursor {
    return this.#cursors[0];
  }

  at(index: number): Cursor {
    return this.#cursors[index];
  }

  add(cursor: Cursor): void {
    this.#up(this.#cursors.push(cursor) - 1);
  }

  /** Puts all in order of time; a sorted heap is still a heap. */
  sort(): void {
    this.#cursors.sort((a, b) => a.time - b.time);
  }

  /** After the cursor at `index` went on. */
  moved(index: number): void {
    if (this.#up(index) === index) this.#down(index);
  }

  remove(index: number): void {
    const last = this.#cursors.pop()!;
    if (index === this.#cursors.length) return;
    this.#cursors[index] = last;
    this.moved(index);
  }

  #up(start: number): number {
    const cursors = this.#cursors;
    const cursor = cursors[start];
    let index = start;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (cursors[above].time <= cursor.time) break;
      cursors[index] = cursors[above];
      index = above;
    }
    cursors[index] = cursor;
    return index;
  }

  #down(start: number): void {
    const cursors = this.#cursors;
    const cursor = cursors[start];
    let index = start;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= cursors.length) break;
      if (below + 1 < cursors.length && cursors[below + 1].time < cursors[below].time) below++;
      if (cursors[below].time >= cursor.time) break;
      cursors[index] = cursors[below];
      index = below;
    }
    cursors[index] = cursor;
  }
}
