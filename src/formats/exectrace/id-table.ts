/**
 * Numbers the ids of a table from 1 in the order in which they come; id 0 is number 0. Ids are small and dense in real
 * traces, and anything in hostile ones.
 */
export class IdTable {
  #numbers = new Map<number, number>();
  #dense: Int32Array = new Int32Array(0);
  #largest = 0;

  get count(): number {
    return this.#numbers.size;
  }

  /** Number of a new id; 0 if it is not new. */
  add(id: number): number {
    if (this.#numbers.has(id)) return 0;
    const number = this.#numbers.size + 1;
    this.#numbers.set(id, number);
    if (id > this.#largest) this.#largest = id;
    return number;
  }

  /** Makes `get` fast; no id is added afterwards. */
  freeze(): void {
    this.#dense = new Int32Array(Math.min(this.#largest, 4 * this.#numbers.size + 1024) + 1).fill(-1);
    for (const [id, number] of this.#numbers) if (id >= 0 && id < this.#dense.length) this.#dense[id] = number;
    this.#dense[0] = 0;
  }

  /** Number of an id; -1 if there is none. */
  get(id: number): number {
    if (id >= 0 && id < this.#dense.length) return this.#dense[id];
    return this.#numbers.get(id) ?? -1;
  }
}
