import { byte } from './scan.js';

/** Takes the labels of a record one after the other: two strings in UTF-8, as bytes. */
export type LabelSink = (key: Uint8Array, value: Uint8Array) => void;

/**
 * Reads `{"endpoint":"/v1/items \"q\"", "tenant":"acme"}` at `bytes[start, end)`: keys and values as Go quotes them.
 *
 * @returns false where it breaks off or breaks the rules; labels before that were given
 *
 * Sources: Go runtime/pprof/label.go, labelMap.String; strconv.Quote.
 */
export function readLabels(bytes: Uint8Array, start: number, end: number, sink: LabelSink): boolean {
  const reader = new QuotedReader(bytes, start, end);
  if (!reader.sign(openBrace)) return false;
  if (reader.sign(closeBrace)) return true;
  for (;;) {
    const key = reader.quoted();
    if (key === null || !reader.sign(byte.colon)) return false;
    reader.spaces();
    const value = reader.quoted();
    if (value === null) return false;
    sink(key, value);
    if (reader.sign(closeBrace)) return true;
    if (!reader.sign(comma)) return false;
    reader.spaces();
  }
}

const openBrace = 123;
const closeBrace = 125;
const comma = 44;
const quote = 34;
const backslash = 92;

/** The one-letter escapes: \a \b \f \n \r \t \v \\ \' \" */
const escapes: ReadonlyMap<number, number> = new Map(
  [...'abfnrtv\\\'"'].map((letter, i) => [letter.charCodeAt(0), [7, 8, 12, 10, 13, 9, 11, 92, 39, 34][i]]),
);

const encoder = new TextEncoder();

class QuotedReader {
  constructor(
    private readonly bytes: Uint8Array,
    private position: number,
    private readonly end: number,
  ) {}

  sign(code: number): boolean {
    if (this.position >= this.end || this.bytes[this.position] !== code) return false;
    this.position++;
    return true;
  }

  spaces(): void {
    while (this.sign(byte.space));
  }

  /** The bytes of a Go string literal, a view where nothing is escaped in it; null if it is none. */
  quoted(): Uint8Array | null {
    if (!this.sign(quote)) return null;
    const start = this.position;
    while (this.position < this.end) {
      const code = this.bytes[this.position];
      if (code === quote) return this.bytes.subarray(start, this.position++);
      if (code === backslash) return this.unquoted(start);
      this.position++;
    }
    return null;
  }

  private unquoted(start: number): Uint8Array | null {
    let close = this.position;
    while (close < this.end && this.bytes[close] !== quote) close += this.bytes[close] === backslash ? 2 : 1;
    // No escape is shorter than what it stands for.
    const out = new Uint8Array(Math.min(close, this.end) - start);
    out.set(this.bytes.subarray(start, this.position));
    let length = this.position - start;
    while (this.position < this.end) {
      const code = this.bytes[this.position++];
      if (code === quote) return out.subarray(0, length);
      if (code !== backslash) {
        out[length++] = code;
        continue;
      }
      const kind = this.bytes[this.position++];
      const single = escapes.get(kind);
      if (single !== undefined) {
        out[length++] = single;
        continue;
      }
      const digits = kind === 0x78 ? 2 : kind === 0x75 ? 4 : kind === 0x55 ? 8 : 0;
      const value = digits === 0 ? null : this.hex(digits);
      if (value === null || value > 0x10ffff) return null;
      if (digits === 2) {
        out[length++] = value;
      } else {
        const encoded = encoder.encode(String.fromCodePoint(value));
        out.set(encoded, length);
        length += encoded.length;
      }
    }
    return null;
  }

  private hex(digits: number): number | null {
    let value = 0;
    for (let i = 0; i < digits; i++) {
      const code = this.position < this.end ? this.bytes[this.position++] : 0;
      const digit = code >= 48 && code <= 57 ? code - 48 : (code | 32) - 87;
      if (digit < 0 || digit > 15 || (code > 57 && digit < 10)) return null;
      value = value * 16 + digit;
    }
    return value;
  }
}
