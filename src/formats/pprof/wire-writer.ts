/** Writes protobuf's wire format into one growing buffer. */
export class WireWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(Math.max(capacity, 64));
  }

  /** Everything written so far: a view that the next write may outdate. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A varint field, left out if 0 as proto3 does. Numbers are integers within ±2^53, bigints within int64 or uint64. */
  integer(field: number, value: number | bigint): void {
    if (value === 0 || value === 0n) return;
    this.varint(field << 3);
    this.varint(value);
  }

  varint(value: number | bigint): void {
    if (this.#length + 10 > this.#bytes.length) this.#grow(10);
    if (typeof value === 'bigint') {
      this.#halves(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
    } else if (value >= 0 && value < 2 ** 31) {
      this.#halves(value, 0);
    } else {
      this.#halves(value >>> 0, Math.floor(value / 2 ** 32) >>> 0);
    }
  }

  /** A string or bytes field. */
  chunk(field: number, content: Uint8Array): void {
    this.varint((field << 3) | 2);
    this.varint(content.length);
    if (this.#length + content.length > this.#bytes.length) this.#grow(content.length);
    this.#bytes.set(content, this.#length);
    this.#length += content.length;
  }

  /** Begins a sub-message or a packed field; `close` takes what this returns. */
  open(field: number): number {
    this.varint((field << 3) | 2);
    if (this.#length === this.#bytes.length) this.#grow(1);
    return ++this.#length;
  }

  close(start: number): void {
    const length = this.#length - start;
    if (length < 128) {
      this.#bytes[start - 1] = length;
      return;
    }
    // The length takes more than the one byte that was left for it: the content moves to make room.
    let extra = 0;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) extra++;
    if (this.#length + extra > this.#bytes.length) this.#grow(extra);
    this.#bytes.copyWithin(start + extra, start, this.#length);
    this.#length = start - 1;
    this.#halves(length, 0);
    this.#length += length;
  }

  #halves(low: number, high: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    while (high !== 0) {
      bytes[at++] = (low & 127) | 128;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    while (low > 127) {
      bytes[at++] = (low & 127) | 128;
      low >>>= 7;
    }
    bytes[at++] = low;
    this.#length = at;
  }

  #grow(bytes: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
