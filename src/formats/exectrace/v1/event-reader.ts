import { FormatError } from '../../format-error.js';
import { VarintReader, type WideIds } from '../varint.js';
import { endsWithStack, valueCounts, wireV1, wireV1Limits, wireV1Name } from './wire.js';

/** Bits of the first byte beyond the type: one less than the count of numbers, or that their length in bytes follows. */
const lengthFollows = 3;

/**
 * Reads the events of a trace of Go 1.21 or older, one after the other. The one that was read last is in the fields;
 * numbers may be handles of WideIds.
 */
export class EventReader {
  /** Stands behind the event. */
  readonly bytes: VarintReader;
  type = 0;
  /** Where the event begins. */
  start = 0;
  /** Time since the event before, in ticks; 0 for what has no time. */
  delta = 0;
  argument0 = 0;
  argument1 = 0;
  argument2 = 0;
  /** Id of the stack; 0 for none. */
  stack = 0;
  /** string: its bytes. userLog: those of the message. stack: its numbers, unread. */
  dataStart = 0;
  dataEnd = 0;
  readonly #values = [0, 0, 0, 0, 0];

  constructor(
    data: Uint8Array,
    readonly size: number,
    /** Offset in the file of `data[0]`. */
    offset: number,
    wide: WideIds,
  ) {
    this.bytes = new TraceBytes(size, wide);
    this.bytes.enter(data, 0, size, offset);
  }

  at(position: number): this {
    this.bytes.position = position;
    this.next();
    return this;
  }

  /** Reads the event that begins where the last one ended. */
  next(): void {
    const { bytes } = this;
    this.start = bytes.position;
    const first = bytes.data[bytes.position++];
    const type = (this.type = first & 63);
    const form = first >> 6;
    this.delta = this.argument0 = this.argument1 = this.argument2 = this.stack = 0;
    const count = valueCounts[type];
    if (count !== 255) return this.#numbers(type, form, count);
    switch (type) {
      case wireV1.batch:
        if (form !== 1) throw this.malformed('a batch does not have two numbers');
        this.argument0 = bytes.varint();
        this.argument1 = bytes.varint();
        return;
      case wireV1.string:
        this.argument0 = bytes.varint();
        return this.#text();
      case wireV1.stack:
        if (form !== lengthFollows) throw this.malformed('a stack has too few numbers');
        this.dataEnd = this.#argumentsEnd();
        this.dataStart = bytes.position;
        bytes.position = this.dataEnd;
        return;
      default:
        throw this.malformed(`type ${type} is not known`);
    }
  }

  malformed(message: string): FormatError {
    const offset = this.bytes.fileOffset + this.start;
    return new FormatError('malformed', `${message} (byte ${offset})`, { offset });
  }

  #numbers(type: number, form: number, count: number): void {
    const { bytes } = this;
    const values = this.#values;
    if (form === lengthFollows) {
      const end = this.#argumentsEnd();
      bytes.end = end;
      for (let i = 0; i < count; i++) values[i] = bytes.varint();
      bytes.end = this.size;
      if (bytes.position !== end) throw this.malformed(`${wireV1Name(type)} has more numbers than ${count}`);
      if (type === wireV1.userLog) this.#text();
    } else {
      if (form + 1 !== count) throw this.malformed(`${wireV1Name(type)} has ${form + 1} numbers, not ${count}`);
      for (let i = 0; i < count; i++) values[i] = bytes.varint();
    }
    if (type === wireV1.frequency || type === wireV1.timerGoroutine) {
      this.argument0 = values[0];
      return;
    }
    this.delta = values[0];
    if (count > 1) this.argument0 = values[1];
    if (count > 2) this.argument1 = values[2];
    if (count > 3) this.argument2 = values[3];
    if (endsWithStack[type] === 1) this.stack = values[count - 1];
  }

  #argumentsEnd(): number {
    const { bytes } = this;
    const length = bytes.varint();
    if (length < 0 || length > wireV1Limits.argumentBytes) {
      throw this.malformed(`the numbers of ${wireV1Name(this.type)} take more than 2048 bytes`);
    }
    return this.#within(length);
  }

  #text(): void {
    const length = this.bytes.varint();
    if (length < 0 || length > wireV1Limits.stringBytes) throw this.malformed('a string has more than 10^6 bytes');
    this.dataEnd = this.#within(length);
    this.dataStart = this.bytes.position;
    this.bytes.position = this.dataEnd;
  }

  #within(length: number): number {
    const end = this.bytes.position + length;
    if (end <= this.size) return end;
    throw endsIn(wireV1Name(this.type), this.bytes.fileOffset + this.size);
  }
}

/** Knows the end of the file from the end of an event's numbers. */
class TraceBytes extends VarintReader {
  constructor(
    private readonly size: number,
    wide: WideIds,
  ) {
    super(wide);
  }

  protected override ended(): FormatError {
    if (this.end === this.size) return endsIn('a number', this.fileOffset + this.size);
    return this.malformed('an event has fewer numbers than it should');
  }
}

function endsIn(what: string, offset: number): FormatError {
  return new FormatError('truncated', `the file ends in ${what}`, { offset });
}
