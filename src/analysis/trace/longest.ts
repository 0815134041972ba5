/** Keeps the longest of many things that took time. */
export class Longest<T extends { readonly start: number; readonly nanos: number }> {
  #items: T[] = [];

  constructor(private readonly limit: number) {}

  add(item: T): void {
    this.#items.push(item);
    if (this.#items.length >= 2 * this.limit) this.#prune();
  }

  inOrder(): T[] {
    this.#prune();
    return this.#items.toSorted((a, b) => a.start - b.start);
  }

  /** The longest first. */
  ranked(): T[] {
    this.#prune();
    return [...this.#items];
  }

  #prune(): void {
    this.#items.sort((a, b) => b.nanos - a.nanos || a.start - b.start);
    this.#items.length = Math.min(this.#items.length, this.limit);
  }
}
