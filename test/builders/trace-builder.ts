/**
 * Writes traces in the wire format of Go 1.22 and later, sound or not, without any code of the reader. Numbers of an
 * event may be bigints.
 */
export class TraceBuilder {
  readonly #bytes: number[] = [];

  constructor(readonly version = 26) {
    this.raw(...new TextEncoder().encode(`go 1.${version} trace\0\0\0`));
  }

  raw(...bytes: readonly number[]): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  batch(generation: number | bigint, thread: number | bigint, time: number | bigint, data: readonly number[]): this {
    return this.raw(1, ...uvarint(generation), ...uvarint(thread), ...uvarint(time), ...uvarint(data.length)).raw(
      ...data,
    );
  }

  /** The clock: one unit is one nanosecond. */
  sync(generation: number, time = 0): this {
    const frequency = [8, ...uvarint(1_000_000_000)];
    if (this.version < 25) return this.batch(generation, noThread, time, frequency);
    const snapshot = [0x33, 0, ...uvarint(500), ...uvarint(1_700_000_000), ...uvarint(123)];
    return this.batch(generation, noThread, time, [0x32, ...frequency, ...snapshot]);
  }

  strings(generation: number, entries: Readonly<Record<number, string>>): this {
    const data = [4];
    for (const [id, text] of Object.entries(entries)) {
      const bytes = new TextEncoder().encode(text);
      data.push(5, ...uvarint(BigInt(id)), ...uvarint(bytes.length), ...bytes);
    }
    return this.batch(generation, noThread, 0, data);
  }

  /** Stacks by id: frames of function, file and line, the leaf first. */
  stacks(generation: number, entries: Readonly<Record<number, readonly (readonly [number, number, number])[]>>): this {
    const data = [2];
    for (const [id, frames] of Object.entries(entries)) {
      data.push(3, ...uvarint(BigInt(id)), ...uvarint(frames.length));
      for (const [name, file, line] of frames)
        data.push(...uvarint(4096 + line), ...uvarint(name), ...uvarint(file), ...uvarint(line));
    }
    return this.batch(generation, noThread, 0, data);
  }

  end(): this {
    return this.version < 26 ? this : this.raw(0x34);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

export const noThread = 2n ** 64n - 1n;

/** A timed event: its type, the time since the one before, and its arguments. */
export function event(type: number, delta: number | bigint, ...args: readonly (number | bigint)[]): number[] {
  return [type, ...uvarint(delta), ...args.flatMap(uvarint)];
}

export function uvarint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return bytes;
}
