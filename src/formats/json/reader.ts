import type { Damage } from '../damage.js';
import { FormatError, overBudget } from '../format-error.js';
import { type JsonLimits, jsonLimits } from './limits.js';

/** An object in the order of its members. A Map, so that `__proto__` is a key like any other. */
export type JsonObject = Map<string, JsonValue>;

/**
 * A number written without fraction and exponent is a number within ±(2^53 − 1) and a bigint beyond; one written with
 * either is the nearest double, as JSON.parse reads it.
 */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;

/**
 * The one JSON value (RFC 8259) that the bytes hold; a byte order mark before it is ignored. Reads what JSON.parse reads
 * and refuses what it refuses, and further an object with the same key twice and text that is no UTF-8: Go writes
 * neither, and to choose between two values of one name would be a guess.
 *
 * @throws FormatError `malformed`, `truncated` or `over-budget`, with the byte offset
 */
export function readJson(bytes: Uint8Array, limits: JsonLimits = jsonLimits): JsonValue {
  checkSize(bytes, limits);
  const reader = new JsonReader(bytes, limits);
  reader.skipSpace();
  const value = reader.document();
  reader.skipSpace();
  if (reader.position < bytes.length) throw reader.malformed('more text after the value');
  return value;
}

/**
 * Every value of a file of JSON lines, or of values written one after the other. A document that is damaged or cut off is
 * left out: reading goes on at the next line that starts one (an object or array in the first column). A file in
 * which no document can be read is refused with what is wrong in the first; an empty one holds none.
 *
 * @param take called with each value and the range of bytes that it came from
 * @returns what was left out, or null
 * @throws FormatError as readJson; `over-budget` always, also after values were taken
 */
export function eachJson(
  bytes: Uint8Array,
  take: (value: JsonValue, start: number, end: number) => void,
  limits: JsonLimits = jsonLimits,
): Damage | null {
  checkSize(bytes, limits);
  const reader = new JsonReader(bytes, limits);
  let documents = 0;
  let lost = 0;
  let first: FormatError | null = null;
  for (;;) {
    reader.skipSpace();
    const start = reader.position;
    if (start >= bytes.length) break;
    if (documents + lost >= limits.jsonDocuments) {
      throw overBudget('jsonDocuments', documents + lost + 1, limits.jsonDocuments, start);
    }
    let value: JsonValue;
    try {
      value = reader.document();
    } catch (error) {
      if (!(error instanceof FormatError) || error.fault === 'over-budget') throw error;
      lost++;
      first ??= error;
      reader.position = nextDocumentLine(bytes, start + 1);
      continue;
    }
    take(value, start, reader.position);
    documents++;
  }
  if (first === null) return null;
  if (documents === 0) throw first;
  return { lost, first };
}

/** Bytes from which the first line after `from` starts an object or an array, or the end. */
function nextDocumentLine(bytes: Uint8Array, from: number): number {
  for (let feed = bytes.indexOf(lineFeed, from); feed !== -1; feed = bytes.indexOf(lineFeed, feed + 1)) {
    if (bytes[feed + 1] === openBrace || bytes[feed + 1] === openBracket) return feed + 1;
  }
  return bytes.length;
}

function checkSize(bytes: Uint8Array, limits: JsonLimits): void {
  if (bytes.length > limits.jsonBytes) throw overBudget('jsonBytes', bytes.length, limits.jsonBytes);
}

const lineFeed = 10;
const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Integers of so few digits are exact while they are added up. */
const exactDigits = 15;
/** Keys are short and repeat: up to this length they are put together without a decoder. */
const shortString = 24;

const escapes = new Map([...'"\\/bfnrt'].map((letter, i) => [letter.charCodeAt(0), '"\\/\b\f\n\r\t'[i]]));

class JsonReader {
  position: number;
  #values = 0;
  #depth = 0;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(
    private readonly bytes: Uint8Array,
    private readonly limits: JsonLimits,
  ) {
    this.position = bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  }

  skipSpace(): void {
    const { bytes } = this;
    let at = this.position;
    while (at < bytes.length && isSpace(bytes[at])) at++;
    this.position = at;
  }

  /** One value, from a budget of its own, that does not run into the next. */
  document(): JsonValue {
    this.#values = 0;
    this.#depth = 0;
    const start = this.bytes[this.position];
    const value = this.#value();
    const closed = start === openBrace || start === openBracket || start === quote;
    if (!closed && this.position < this.bytes.length && !isSpace(this.bytes[this.position])) {
      throw this.malformed('no space after the value');
    }
    return value;
  }

  malformed(what: string, offset = this.position): FormatError {
    return new FormatError('malformed', `not JSON: ${what} at byte ${offset}`, { offset });
  }

  #truncated(): FormatError {
    const offset = this.bytes.length;
    return new FormatError('truncated', `the JSON ends too early, at byte ${offset}`, { offset });
  }

  /** The next byte that is no space; the value is not complete without one. */
  #next(): number {
    this.skipSpace();
    if (this.position >= this.bytes.length) throw this.#truncated();
    return this.bytes[this.position];
  }

  #value(): JsonValue {
    if (++this.#values > this.limits.jsonValues) {
      throw overBudget('jsonValues', this.#values, this.limits.jsonValues, this.position);
    }
    const byte = this.#next();
    switch (byte) {
      case openBrace:
        return this.#object();
      case openBracket:
        return this.#array();
      case quote:
        return this.#string();
      case 0x74:
        return this.#word('true', true);
      case 0x66:
        return this.#word('false', false);
      case 0x6e:
        return this.#word('null', null);
      default:
        if (byte === minus || isDigit(byte)) return this.#number();
        throw this.malformed('no value');
    }
  }

  #enter(): void {
    if (++this.#depth > this.limits.jsonDepth) {
      throw overBudget('jsonDepth', this.#depth, this.limits.jsonDepth, this.position);
    }
    this.position++;
  }

  #leave(): void {
    this.#depth--;
    this.position++;
  }

  #object(): JsonObject {
    const members: JsonObject = new Map();
    this.#enter();
    if (this.#next() === closeBrace) {
      this.#leave();
      return members;
    }
    for (;;) {
      if (this.#next() !== quote) throw this.malformed('no key');
      const start = this.position;
      const key = this.#string();
      if (this.#next() !== colon) throw this.malformed('no colon after the key');
      this.position++;
      const value = this.#value();
      if (members.has(key)) throw this.malformed('a key that the object has already', start);
      members.set(key, value);
      const after = this.#next();
      if (after === closeBrace) break;
      if (after !== comma) throw this.malformed('neither a comma nor the end of the object');
      this.position++;
    }
    this.#leave();
    return members;
  }

  #array(): JsonValue[] {
    const elements: JsonValue[] = [];
    this.#enter();
    if (this.#next() === closeBracket) {
      this.#leave();
      return elements;
    }
    for (;;) {
      elements.push(this.#value());
      const after = this.#next();
      if (after === closeBracket) break;
      if (after !== comma) throw this.malformed('neither a comma nor the end of the array');
      this.position++;
    }
    this.#leave();
    return elements;
  }

  #word<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) {
      const at = this.position + i;
      if (at >= this.bytes.length) throw this.#truncated();
      if (this.bytes[at] !== word.charCodeAt(i)) throw this.malformed('no value');
    }
    this.position += word.length;
    return value;
  }

  #number(): number | bigint {
    const { bytes } = this;
    const start = this.position;
    let at = start;
    const negative = bytes[at] === minus;
    if (negative) at++;
    const digits = at;
    at = this.#digits(at);
    if (bytes[digits] === zero && at > digits + 1) throw this.malformed('a number with a leading zero', digits);
    const wholeEnd = at;
    if (bytes[at] === point) at = this.#digits(at + 1);
    if (bytes[at] === 0x65 || bytes[at] === 0x45) {
      at++;
      if (bytes[at] === minus || bytes[at] === 0x2b) at++;
      at = this.#digits(at);
    }
    this.position = at;
    if (at - start > this.limits.jsonNumberBytes) {
      throw overBudget('jsonNumberBytes', at - start, this.limits.jsonNumberBytes, start);
    }
    if (at > wholeEnd) return Number(asciiText(bytes, start, at));
    if (wholeEnd - digits <= exactDigits) {
      let value = 0;
      for (let i = digits; i < wholeEnd; i++) value = value * 10 + bytes[i] - zero;
      return negative ? -value : value;
    }
    const exact = BigInt(asciiText(bytes, start, at));
    const near = Number(exact);
    return Number.isSafeInteger(near) ? near : exact;
  }

  /** Where the digits from `at` on end; there is at least one. */
  #digits(at: number): number {
    const { bytes } = this;
    const start = at;
    while (at < bytes.length && isDigit(bytes[at])) at++;
    if (at === start) throw at >= bytes.length ? this.#truncated() : this.malformed('a number without digits', at);
    return at;
  }

  #string(): string {
    const { bytes } = this;
    const start = this.position + 1;
    let at = start;
    let text = '';
    let pieceStart = start;
    let plain = true;
    for (;;) {
      if (at - start > this.limits.jsonStringBytes) {
        throw overBudget('jsonStringBytes', at - start, this.limits.jsonStringBytes, start - 1);
      }
      if (at >= bytes.length) throw this.#truncated();
      const byte = bytes[at];
      if (byte === quote) break;
      if (byte === backslash) {
        text += this.#piece(pieceStart, at, plain);
        text += this.#escape(at);
        at = pieceStart = at + (bytes[at + 1] === 0x75 ? 6 : 2);
        plain = true;
        continue;
      }
      if (byte < 0x20) throw this.malformed('a control character in a string', at);
      if (byte > 0x7f) plain = false;
      at++;
    }
    this.position = at + 1;
    const last = this.#piece(pieceStart, at, plain);
    return text === '' ? last : text + last;
  }

  #piece(start: number, end: number, plain: boolean): string {
    if (plain && end - start <= shortString) return asciiText(this.bytes, start, end);
    try {
      return this.#utf8.decode(this.bytes.subarray(start, end));
    } catch {
      // A fatal decoder throws for nothing else.
      throw this.malformed('a string that is no UTF-8', start);
    }
  }

  /** What the escape at `at` stands for. A lone half of a surrogate pair stays one, as in JSON.parse. */
  #escape(at: number): string {
    const { bytes } = this;
    if (at + 1 >= bytes.length) throw this.#truncated();
    const simple = escapes.get(bytes[at + 1]);
    if (simple !== undefined) return simple;
    if (bytes[at + 1] !== 0x75) throw this.malformed('an unknown escape', at);
    let unit = 0;
    for (let i = at + 2; i < at + 6; i++) {
      if (i >= bytes.length) throw this.#truncated();
      const digit = hexDigit(bytes[i]);
      if (digit === -1) throw this.malformed('an escape without four hexadecimal digits', at);
      unit = unit * 16 + digit;
    }
    return String.fromCharCode(unit);
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === lineFeed || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function hexDigit(byte: number): number {
  if (isDigit(byte)) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]);
  return text;
}
