import { IdTable } from './id-table.js';

/** Where the strings of a generation lie; a string is decoded when it is asked for. */
export class StringEntries {
  readonly ids = new IdTable();
  #start = new Int32Array(256);
  #end = new Int32Array(256);
  #count = 1;
  readonly #decoded: (string | undefined)[] = [''];
  readonly #extra = new Map<string, number>([['', 0]]);

  constructor(private readonly data: Uint8Array) {}

  /** How many strings there are, with the empty one. */
  get count(): number {
    return this.#count;
  }

  put(index: number, start: number, end: number): void {
    if (index >= this.#start.length) {
      this.#start = grown(this.#start);
      this.#end = grown(this.#end);
    }
    this.#start[index] = start;
    this.#end[index] = end;
    this.#count = index + 1;
  }

  /** Index of a string that is not in the table of the file. */
  indexOf(text: string): number {
    let index = this.#extra.get(text);
    if (index === undefined) {
      index = this.#count++;
      this.#decoded[index] = text;
      this.#extra.set(text, index);
    }
    return index;
  }

  at(index: number): string {
    return (this.#decoded[index] ??= decoder.decode(this.data.subarray(this.#start[index], this.#end[index])));
  }
}

export const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A copy with room for twice as many. */
export function grown(values: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(values.length * 2);
  larger.set(values);
  return larger;
}
