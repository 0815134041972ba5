import { ascii, startsWith } from './ascii.js';

const log = ascii('log');
const stream = ascii('stream');
const stderr = ascii('stderr');
const time = ascii('time');
const empty = new Uint8Array(0);

/**
 * One line of Docker's json-file driver, `{"log":"…\n","stream":"stderr","time":"…"}`: finds the three values in the
 * bytes of the line, in any order and with blanks between them; other members are skipped. Docker ends `log` with a
 * line feed unless the line goes on in the next entry (it cuts at 16 KiB).
 */
export class DockerJsonLine {
  /** The text, with its escapes undone and without its line feed: in the line itself, or in a buffer of this object. */
  text: Uint8Array = empty;
  textStart = 0;
  textEnd = 0;
  /** Whether the text ended with a line feed. */
  whole = false;
  stderr = false;
  /** Where the time stands in the line, without its quotes; both 0 where there is none. */
  timeStart = 0;
  timeEnd = 0;
  private unescaped = empty;
  private valueEnd = 0;

  read(bytes: Uint8Array, start: number, end: number): boolean {
    let at = skipBlanks(bytes, start, end);
    if (bytes[at] !== 123 || at >= end) return false;
    at = skipBlanks(bytes, at + 1, end);
    let found = false;
    this.timeStart = this.timeEnd = 0;
    this.stderr = false;
    while (at < end && bytes[at] === 34) {
      const key = at + 1;
      const keyEnd = stringEnd(bytes, key, end);
      if (keyEnd < 0) return false;
      at = skipBlanks(bytes, keyEnd + 1, end);
      if (bytes[at] !== 58 || at >= end) return false;
      at = skipBlanks(bytes, at + 1, end);
      if (at >= end) return false;
      if (bytes[at] === 34) {
        const valueEnd = stringEnd(bytes, at + 1, end);
        if (valueEnd < 0) return false;
        if (keyEnd - key === 3 && startsWith(bytes, key, keyEnd, log)) {
          this.setText(bytes, at + 1, valueEnd);
          found = true;
        } else if (keyEnd - key === 6 && startsWith(bytes, key, keyEnd, stream)) {
          this.stderr = startsWith(bytes, at + 1, valueEnd, stderr);
        } else if (keyEnd - key === 4 && startsWith(bytes, key, keyEnd, time)) {
          this.timeStart = at + 1;
          this.timeEnd = valueEnd;
        }
        at = valueEnd + 1;
      } else {
        at = otherEnd(bytes, at, end);
      }
      at = skipBlanks(bytes, at, end);
      if (bytes[at] === 44 && at < end) at = skipBlanks(bytes, at + 1, end);
    }
    // Without a time it may be an application's own JSON that happens to have a member `log`.
    return found && this.timeEnd > 0 && at < end && bytes[at] === 125;
  }

  private setText(bytes: Uint8Array, start: number, end: number): void {
    let backslash = start;
    while (backslash < end && bytes[backslash] !== 92) backslash++;
    if (backslash === end || (backslash === end - 2 && bytes[end - 1] === 110)) {
      this.text = bytes;
      this.textStart = start;
      this.textEnd = backslash;
      this.whole = backslash !== end;
      return;
    }
    if (this.unescaped.length < end - start) this.unescaped = new Uint8Array((end - start) * 2);
    const out = this.unescaped;
    out.set(bytes.subarray(start, backslash));
    this.valueEnd = backslash - start;
    for (let at = backslash; at < end;) {
      const byte = bytes[at];
      if (byte !== 92) {
        out[this.valueEnd++] = byte;
        at++;
      } else {
        at = this.unescape(bytes, at, end);
      }
    }
    this.text = out;
    this.textStart = 0;
    this.whole = this.valueEnd > 0 && out[this.valueEnd - 1] === 10;
    this.textEnd = this.whole ? this.valueEnd - 1 : this.valueEnd;
    if (this.whole && this.textEnd > 0 && out[this.textEnd - 1] === 13) this.textEnd--;
  }

  /** Undoes the escape at `at`; what is none stays as it is. Returns the position behind it. */
  private unescape(bytes: Uint8Array, at: number, end: number): number {
    const out = this.unescaped;
    const letter = at + 1 < end ? bytes[at + 1] : 0;
    const plain = simpleEscapes.get(letter);
    if (plain !== undefined) {
      out[this.valueEnd++] = plain;
      return at + 2;
    }
    let code = letter === 117 ? hex4(bytes, at + 2, end) : -1;
    if (code < 0) {
      out[this.valueEnd++] = 92;
      return at + 1;
    }
    let behind = at + 6;
    if (code >= 0xd800 && code < 0xdc00 && bytes[behind] === 92 && bytes[behind + 1] === 117) {
      const low = hex4(bytes, behind + 2, end);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        behind += 6;
      }
    }
    if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
    if (code < 0x80) {
      out[this.valueEnd++] = code;
    } else if (code < 0x800) {
      out[this.valueEnd++] = 0xc0 | (code >> 6);
      out[this.valueEnd++] = 0x80 | (code & 63);
    } else if (code < 0x10000) {
      out[this.valueEnd++] = 0xe0 | (code >> 12);
      out[this.valueEnd++] = 0x80 | ((code >> 6) & 63);
      out[this.valueEnd++] = 0x80 | (code & 63);
    } else {
      out[this.valueEnd++] = 0xf0 | (code >> 18);
      out[this.valueEnd++] = 0x80 | ((code >> 12) & 63);
      out[this.valueEnd++] = 0x80 | ((code >> 6) & 63);
      out[this.valueEnd++] = 0x80 | (code & 63);
    }
    return behind;
  }
}

const simpleEscapes = new Map(
  Object.entries({ n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '"': '"', '\\': '\\', '/': '/' }).map(([from, to]) => [
    from.charCodeAt(0),
    to.charCodeAt(0),
  ]),
);

function hex4(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  let value = 0;
  for (let i = 0; i < 4; i++) {
    const byte = bytes[at + i];
    const letter = byte | 32;
    if (byte >= 48 && byte <= 57) value = value * 16 + byte - 48;
    else if (letter >= 97 && letter <= 102) value = value * 16 + letter - 87;
    else return -1;
  }
  return value;
}

function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at++;
  return at;
}

/** Position of the quote that ends the string, or -1. */
function stringEnd(bytes: Uint8Array, at: number, end: number): number {
  for (; at < end; at++) {
    if (bytes[at] === 34) return at;
    if (bytes[at] === 92) at++;
  }
  return -1;
}

/** Position behind a value that is no string. */
function otherEnd(bytes: Uint8Array, at: number, end: number): number {
  let depth = 0;
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte === 34) {
      const close = stringEnd(bytes, at + 1, end);
      if (close < 0) return end;
      at = close;
    } else if (byte === 123 || byte === 91) {
      depth++;
    } else if (byte === 125 || byte === 93) {
      if (depth === 0) return at;
      depth--;
    } else if (byte === 44 && depth === 0) {
      return at;
    }
  }
  return end;
}
