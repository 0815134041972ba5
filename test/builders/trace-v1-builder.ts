import { uvarint } from './trace-builder.js';

/**
 * Writes traces in the wire format of Go 1.11 to 1.21, sound or not, without any code of the reader. Numbers may be
 * bigints; times are in ticks.
 */
export class TraceV1Builder {
  readonly #bytes: number[] = [];

  constructor(readonly version = 21) {
    this.raw(...new TextEncoder().encode(`go 1.${version} trace\0\0\0`));
  }

  raw(...bytes: readonly number[]): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  /** What one P wrote from a moment on. */
  batch(proc: number | bigint, time: number | bigint, ...events: readonly (readonly number[])[]): this {
    return this.raw(1 | (1 << 6), ...uvarint(proc), ...uvarint(time), ...events.flat());
  }

  frequency(ticksPerSecond: number | bigint = 1_000_000_000): this {
    return this.raw(2, ...uvarint(ticksPerSecond));
  }

  string(id: number, text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.raw(37, ...uvarint(id), ...uvarint(bytes.length), ...bytes);
  }

  /** Frames of program counter, function, file and line, the leaf first. */
  stack(id: number, ...frames: readonly (readonly [number, number, number, number])[]): this {
    return this.raw(...eventV1(3, id, frames.length, ...frames.flat()));
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** An event with its numbers, of which the first is mostly the time since the one before. */
export function eventV1(type: number, ...values: readonly (number | bigint)[]): number[] {
  const bytes = values.flatMap(uvarint);
  if (values.length < 4 && type !== 3) return [type | ((values.length - 1) << 6), ...bytes];
  return [type | (3 << 6), ...uvarint(bytes.length), ...bytes];
}

/** A log event: its time, task, category and stack, and its message. */
export function logV1(delta: number, task: number, category: number, stack: number, message: string): number[] {
  const text = new TextEncoder().encode(message);
  return [...eventV1(48, delta, task, category, stack), ...uvarint(text.length), ...text];
}
