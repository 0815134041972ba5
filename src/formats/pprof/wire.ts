import { FormatError } from '../format-error.js';

export const wireType = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

/** The tag of field `field` with wire type `type`. */
export function tagOf(field: number, type: number): number {
  return (field << 3) | type;
}

/**
 * Reads protobuf's wire format strictly, field by field, without making an object: the caller asks for the next tag
 * and then for the value that belongs to it. 64-bit values are left as two halves, so that none is ever rounded.
 *
 * Every method throws FormatError: `malformed`, or the fault given as `overrun` where the current message ends in the
 * middle of a field (an input that stops early is `truncated`, a nested message that does is `malformed`).
 * Source: protobuf.dev/programming-guides/encoding; strictness beyond google/pprof `profile/proto.go`: a varint
 * that does not fit 64 bits is refused.
 */
export class WireReader {
  /** Offset of the next byte. */
  position = 0;
  /** Offset after the current message. */
  end: number;
  /** The varint read last: its lower and upper 32 bits, both unsigned. */
  low = 0;
  high = 0;

  constructor(
    readonly bytes: Uint8Array,
    private readonly overrun: 'truncated' | 'malformed',
  ) {
    this.end = bytes.length;
  }

  enter(start: number, end: number): void {
    this.position = start;
    this.end = end;
  }

  /**
   * The next tag, field number × 8 + wire type. Field numbers beyond those that protobuf allows read as field 0, which
   * no message has: both are skipped like any unknown field, as google/pprof does.
   */
  tag(): number {
    const tag = this.varint();
    return tag < 2 ** 32 ? this.low : this.low & 7;
  }

  /** Reads a varint into `low` and `high`; also returns it as an unsigned double, exact below 2^53. */
  varint(): number {
    const { bytes, position, end } = this;
    if (position < end) {
      const first = bytes[position];
      if (first < 128) {
        this.position = position + 1;
        this.high = 0;
        return (this.low = first);
      }
      const second = bytes[position + 1];
      if (second < 128 && position + 1 < end) {
        this.position = position + 2;
        this.high = 0;
        return (this.low = (first & 127) | (second << 7));
      }
    }
    return this.#longVarint();
  }

  #longVarint(): number {
    const { bytes, position, end } = this;
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      if (position + i >= end) throw new FormatError(this.overrun, 'bad varint: cut off', { offset: position });
      const byte = bytes[position + i];
      const bits = byte & 127;
      if (i < 4) {
        low |= bits << (7 * i);
      } else if (i === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else {
        high |= bits << (7 * i - 32);
      }
      if (byte < 128) {
        if (i === 9 && byte > 1) break;
        this.position = position + i + 1;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return this.high * 2 ** 32 + this.low;
      }
    }
    throw new FormatError('malformed', 'bad varint: more than 64 bits', { offset: position });
  }

  /** Reads a length and returns the offset where that many bytes from here end. */
  delimited(): number {
    const start = this.position;
    const length = this.varint();
    const end = this.position + length;
    if (end <= this.end) return end;
    const claimed = unsigned64(this.low, this.high);
    // protobuf allows no message over 2 GiB: a greater length is a lie, not a sign of missing bytes.
    const fault = length < 2 ** 31 ? this.overrun : 'malformed';
    throw new FormatError(
      fault,
      `too much data: a field of ${claimed} bytes where ${this.end - this.position} are left`,
      { offset: start },
    );
  }

  /** Skips the value that belongs to `tag`. */
  skip(tag: number): void {
    switch (tag & 7) {
      case wireType.varint:
        this.varint();
        return;
      case wireType.fixed64:
        return this.#advance(8);
      case wireType.delimited:
        this.position = this.delimited();
        return;
      case wireType.fixed32:
        return this.#advance(4);
      default:
        throw new FormatError('malformed', `unknown wire type: ${tag & 7}`, { offset: this.position });
    }
  }

  /** For a tag that the message's own cases did not take: skips a field above `known`, refuses one of 1 to `known`. */
  skipUnknown(tag: number, known: number, message: string): void {
    const field = tag >>> 3;
    if (field >= 1 && field <= known && isWireType(tag & 7)) {
      throw new FormatError('malformed', `type mismatch: ${message} field ${field} has wire type ${tag & 7}`, {
        offset: this.position,
      });
    }
    this.skip(tag);
  }

  #advance(bytes: number): void {
    if (this.end - this.position < bytes) {
      throw new FormatError(this.overrun, 'not enough data', { offset: this.position });
    }
    this.position += bytes;
  }
}

function isWireType(type: number): boolean {
  return type < 3 || type === 5;
}

/** The int64 with these halves, for messages. */
export function signed64(low: number, high: number): bigint {
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
}

/** The uint64 with these halves, for messages. */
export function unsigned64(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
