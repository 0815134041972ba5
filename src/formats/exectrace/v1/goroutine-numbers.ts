import { overBudget } from '../../format-error.js';

/** Numbers the goroutines of a trace in the order in which it speaks of them, so that arrays can tell of them. 0 is none. */
export class GoroutineNumbers {
  readonly ids: number[] = [0];
  readonly #numbers = new Map<number, number>([[0, 0]]);

  constructor(private readonly limit: number) {}

  numberOf(id: number): number {
    let number = this.#numbers.get(id);
    if (number === undefined) {
      number = this.ids.push(id) - 1;
      if (number > this.limit) throw overBudget('wholeTraceGoroutines', number, this.limit);
      this.#numbers.set(id, number);
    }
    return number;
  }
}
