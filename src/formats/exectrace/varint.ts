import { FormatError, overBudget } from '../format-error.js';

/**
 * Gives each 64-bit integer of 2^53 and more a negative number of its own, so that ids stay numbers and two that differ
 * stay two. 2^64-1, with which the format says "none", is -1.
 */
export class WideIds {
  readonly #handles = new Map<bigint, number>([[2n ** 64n - 1n, -1]]);
  readonly #values: bigint[] = [2n ** 64n - 1n];

  constructor(private readonly limit: number) {}

  handleOf(value: bigint): number {
    let handle = this.#handles.get(value);
    if (handle === undefined) {
      if (this.#values.length > this.limit) throw overBudget('wideIds', this.#values.length, this.limit);
      handle = -this.#values.push(value);
      this.#handles.set(value, handle);
    }
    return handle;
  }

  /** The integer that a number read from the trace stands for. */
  exact(id: number): bigint {
    return id < 0 ? this.#values[-id - 1] : BigInt(id);
  }

  /** The same as the nearest double. */
  double(id: number): number {
    return id < 0 ? Number(this.#values[-id - 1]) : id;
  }
}

/** Reads uvarints of encoding/binary from part of an array. */
export class VarintReader {
  data: Uint8Array = new Uint8Array(0);
  position = 0;
  end = 0;
  /** Offset in the file of `data[0]`, if the part that is read were the only one. */
  fileOffset = 0;

  constructor(readonly wide: WideIds) {}

  /** Reads from `data[start, end)`, which stands at `offset` in the file. */
  enter(data: Uint8Array, start: number, end: number, offset: number): void {
    this.data = data;
    this.position = start;
    this.end = end;
    this.fileOffset = offset - start;
  }

  get offset(): number {
    return this.fileOffset + this.position;
  }

  byte(): number {
    if (this.position >= this.end) throw this.malformed('a batch ends in the middle of an entry');
    return this.data[this.position++];
  }

  /** The next uvarint: a number below 2^53, or the handle of a larger one. */
  varint(): number {
    const { data, end } = this;
    let position = this.position;
    let shift = 0;
    let value = 0;
    while (position < end) {
      const byte = data[position++];
      if (byte < 128) {
        this.position = position;
        return value | (byte << shift);
      }
      value |= (byte & 127) << shift;
      shift += 7;
      if (shift === 28) break;
    }
    return this.#long(value, position);
  }

  malformed(message: string): FormatError {
    return new FormatError('malformed', `${message} (byte ${this.offset})`, { offset: this.offset });
  }

  /** What to throw when the part ends in the middle of a number. */
  protected ended(): FormatError {
    return this.malformed('a batch ends in the middle of a number');
  }

  /** Goes on after four bytes. */
  #long(low: number, start: number): number {
    const { data, end } = this;
    let position = start;
    let value = low;
    let factor = 2 ** 28;
    for (let index = 4; position < end && index < 10; index++) {
      const byte = data[position++];
      value += (byte & 127) * factor;
      factor *= 128;
      if (byte >= 128) continue;
      if (index === 9 && byte > 1) break;
      this.position = position;
      return value < 2 ** 53 ? value : this.#wide(start - 4, position);
    }
    if (position >= end) throw this.ended();
    throw this.malformed('a number does not fit 64 bits');
  }

  #wide(start: number, end: number): number {
    let value = 0n;
    for (let position = end - 1; position >= start; position--)
      value = (value << 7n) | BigInt(this.data[position] & 127);
    return this.wide.handleOf(value);
  }
}
