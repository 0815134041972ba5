import { type Int64, int64 } from './scale.js';

export const byte = {
  tab: 9,
  lineFeed: 10,
  carriageReturn: 13,
  space: 32,
  hash: 35,
  plus: 43,
  minus: 45,
  zero: 48,
  colon: 58,
  x: 120,
} as const;

const int64Max = 2n ** 63n - 1n;

/** Reads numbers and signs out of one line; `position` is behind what was read last. */
export class LineScanner {
  position = 0;
  end = 0;
  /** Whether a number was met that no int64 holds. */
  overflow = false;

  constructor(readonly bytes: Uint8Array) {}

  /** Goes to the line `bytes[start, end)`. */
  enter(start: number, end: number): this {
    this.position = start;
    this.end = end;
    this.overflow = false;
    return this;
  }

  /** Whether `code` comes next, which is then read. */
  sign(code: number): boolean {
    if (this.position >= this.end || this.bytes[this.position] !== code) return false;
    this.position++;
    return true;
  }

  spaces(): this {
    while (this.position < this.end && this.bytes[this.position] === byte.space) this.position++;
    return this;
  }

  /** The decimal integer that comes next, or null. */
  integer(): Int64 | null {
    const start = this.position;
    const negative = this.sign(byte.minus);
    const first = this.position;
    let value = 0;
    for (; this.position < this.end; this.position++) {
      const digit = this.bytes[this.position] - byte.zero;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (this.position === first) {
      this.position = start;
      return null;
    }
    if (value < 2 ** 53) return negative && value !== 0 ? -value : value;
    let significant = first;
    while (this.bytes[significant] === byte.zero) significant++;
    // More than 19 digits are too many in any case: the size of a bigint is bounded before it is made.
    const exact =
      this.position - significant > 19 ? int64Max + 2n : BigInt(asciiText(this.bytes, significant, this.position));
    if (exact > (negative ? int64Max + 1n : int64Max)) this.overflow = true;
    return int64(negative ? -exact : exact);
  }

  /** Whether the line goes on with `text`, ASCII, which is then read. */
  word(text: string): boolean {
    if (!startsWith(this.bytes, this.position, this.end, text)) return false;
    this.position += text.length;
    return true;
  }
}

/** Whether `bytes[start, end)` begins with `text`, ASCII. */
export function startsWith(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Byte by byte: for what is ASCII, or is only shown. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

export function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Whether the byte is a digit of a hexadecimal number in Go's lower case. */
export function isHexDigit(code: number): boolean {
  return isDigit(code) || (code >= 97 && code <= 102);
}

/** Where the run of tabs and spaces ends that begins at `position`. */
export function afterBlanks(bytes: Uint8Array, position: number, end: number): number {
  while (position < end && (bytes[position] === byte.tab || bytes[position] === byte.space)) position++;
  return position;
}
