/** What names beyond a limit are counted under. */
export const otherName = '(other)';

/** Numbers distinct names from 0, which is "", up to a limit; the rest share the number of `(other)`, 1. */
export class Names {
  readonly values: string[] = ['', otherName];
  readonly #numbers = new Map<string, number>([['', 0]]);

  constructor(private readonly limit: number) {}

  number(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.values.length >= this.limit + 2) return 1;
    const number = this.values.push(name) - 1;
    this.#numbers.set(name, number);
    return number;
  }
}

/** A few amounts by small number, in the order in which they came: goroutines have one or two, and there are many. */
export class Amounts {
  #pairs: number[] | null = null;

  add(key: number, amount: number): void {
    const pairs = (this.#pairs ??= []);
    for (let i = 0; i < pairs.length; i += 2) {
      if (pairs[i] !== key) continue;
      pairs[i + 1] += amount;
      return;
    }
    pairs.push(key, amount);
  }

  get sum(): number {
    let sum = 0;
    this.forEach((_, amount) => (sum += amount));
    return sum;
  }

  forEach(take: (key: number, amount: number) => void): void {
    const pairs = this.#pairs ?? [];
    for (let i = 0; i < pairs.length; i += 2) take(pairs[i], pairs[i + 1]);
  }

  /** The amounts by name, those with the largest first. */
  named(names: Names): NamedNanos[] {
    const list: NamedNanos[] = [];
    this.forEach((key, nanos) => list.push({ name: names.values[key], nanos }));
    return list.sort((a, b) => b.nanos - a.nanos || (a.name < b.name ? -1 : 1));
  }
}

export interface NamedNanos {
  readonly name: string;
  readonly nanos: number;
}
