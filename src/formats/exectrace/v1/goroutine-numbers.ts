import { overBudget } from '../../format-error.js';

/** Ids below this are looked up in an array: a map of as many is several times slower. */
const denseIds = 1 << 22;

/** Numbers the goroutines of a trace in the order in which it speaks of them, so that arrays can tell of them. 0 is none. */
export class GoroutineNumbers {
  readonly ids: number[] = [0];
  /** By id; 0 for one that is not known. */
  #dense = new Int32Array(1024);
  readonly #sparse = new Map<number, number>();

  constructor(private readonly limit: number) {}

  numberOf(id: number): number {
    if (id >= 0 && id < denseIds) {
      if (id < this.#dense.length && (this.#dense[id] > 0 || id === 0)) return this.#dense[id];
      if (id >= this.#dense.length) this.#grow(id);
      return (this.#dense[id] = this.#add(id));
    }
    let number = this.#sparse.get(id);
    if (number === undefined) this.#sparse.set(id, (number = this.#add(id)));
    return number;
  }

  #add(id: number): number {
    const number = this.ids.push(id) - 1;
    if (number > this.limit) throw overBudget('wholeTraceGoroutines', number, this.limit);
    return number;
  }

  #grow(id: number): void {
    let size = this.#dense.length;
    while (size <= id) size *= 2;
    const larger = new Int32Array(size);
    larger.set(this.#dense);
    this.#dense = larger;
  }
}
