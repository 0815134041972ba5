const cutMark = '…';
const cutMarkBytes = 3;

/**
 * The strings of a profile, by index; index 0 is `""`. They stay bytes until one is asked for: a profile of many
 * thousand names usually serves an answer that needs a few hundred of them.
 */
export class StringTable {
  readonly #data: Uint8Array;
  readonly #start: Uint32Array;
  readonly #end: Uint32Array;
  readonly #keptBytes: number;
  readonly #decoded: (string | undefined)[];

  /**
   * String i is `data[start[i] .. end[i])`, UTF-8. One of more than `keptBytes` is cut to that size, `…` included.
   */
  constructor(data: Uint8Array, start: Uint32Array, end: Uint32Array, keptBytes = Infinity) {
    this.#data = data;
    this.#start = start;
    this.#end = end;
    this.#keptBytes = keptBytes;
    this.#decoded = new Array<string | undefined>(start.length);
  }

  static of(strings: readonly string[]): StringTable {
    const encoder = new TextEncoder();
    const encoded = strings.map((s) => encoder.encode(s));
    const data = new Uint8Array(encoded.reduce((sum, bytes) => sum + bytes.length, 0));
    const start = new Uint32Array(strings.length);
    const end = new Uint32Array(strings.length);
    let offset = 0;
    encoded.forEach((bytes, i) => {
      data.set(bytes, offset);
      start[i] = offset;
      offset += bytes.length;
      end[i] = offset;
    });
    return new StringTable(data, start, end);
  }

  get length(): number {
    return this.#start.length;
  }

  /** The string; bytes that are not UTF-8 appear as U+FFFD. RangeError if there is no such index. */
  at(index: number): string {
    return this.#decoded[index] ?? this.#decode(index);
  }

  /** The bytes as they stood in the file (a view, not a copy); those of `at(index)` where the string was cut. */
  bytes(index: number): Uint8Array {
    const start = this.#start[index];
    const end = this.#end[index];
    if (end - start > this.#keptBytes) return new TextEncoder().encode(this.at(index));
    return this.#data.subarray(start, end);
  }

  /** Index of a string that is not cut, by its bytes; -1 if there is none. */
  find(text: string): number {
    const wanted = new TextEncoder().encode(text);
    next: for (let i = 0; i < this.length; i++) {
      const start = this.#start[i];
      if (this.#end[i] - start !== wanted.length) continue;
      for (let k = 0; k < wanted.length; k++) if (this.#data[start + k] !== wanted[k]) continue next;
      return i;
    }
    return -1;
  }

  /** How many strings are not valid UTF-8. */
  countInvalid(): number {
    const data = this.#data;
    let invalid = 0;
    for (let i = 0; i < this.length; i++) {
      const start = this.#start[i];
      const end = this.#end[i];
      let seen = 0;
      for (let p = start; p < end; p++) seen |= data[p];
      if (seen > 127 && !isUtf8(data.subarray(start, end))) invalid++;
    }
    return invalid;
  }

  #cut(start: number): string {
    let end = start + this.#keptBytes - cutMarkBytes;
    // Not in the middle of a character: continuation bytes are 10xxxxxx.
    while (end > start && (this.#data[end] & 0xc0) === 0x80) end--;
    return decodeUtf8(this.#data, start, end) + cutMark;
  }

  #decode(index: number): string {
    if (!(index >= 0 && index < this.#start.length)) throw new RangeError(`no string ${index} of ${this.length}`);
    const start = this.#start[index];
    const end = this.#end[index];
    return (this.#decoded[index] =
      end - start > this.#keptBytes ? this.#cut(start) : decodeUtf8(this.#data, start, end));
  }
}

// `ignoreBOM` keeps a leading U+FEFF: a string table is no text file.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strictUtf8.decode(bytes);
    return true;
  } catch {
    // The decoder has no other way to say no.
    return false;
  }
}

function decodeUtf8(data: Uint8Array, start: number, end: number): string {
  return utf8.decode(data.subarray(start, end));
}
