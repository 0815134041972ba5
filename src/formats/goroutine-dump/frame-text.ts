import type { GoroutineDumpLimits } from './limits.js';
import { hashSeed, hashStep, SequenceTable } from './sequence-table.js';
import { ascii, decimalAt, isBlank, isDigit, startsWith } from './text-bytes.js';

const lineFeed = 10;
const space = 0x20;
const openParenthesis = 0x28;
const closeParenthesis = 0x29;
const colon = 0x3a;

const createdBy = ascii('created by ');
const inGoroutine = ascii(' in goroutine ');

/** What waits for the line that says where it is. */
export type Pending = 'nothing' | 'function' | 'creator' | 'foreign';

/**
 * The two lines of a frame, and of a `go` statement:
 *
 * ```
 * main.(*Queue[...]).take(0xc000012345, {0x1?, ...})
 *         /src/queue.go:41 +0x7d fp=0xc00004e7b8 sp=0xc00004e770 pc=0x47f0a5
 * created by main.serve in goroutine 1
 *         /src/main.go:12 +0x3c
 * ```
 *
 * A frame is known by its bytes without arguments and addresses, `name LF file:line`, so that a frame seen before
 * costs a hash and a comparison, and no string.
 *
 * Source: Go runtime/traceback.go, traceback2, printcreatedby1, printOneCgoTraceback.
 */
export class FrameText {
  readonly table: SequenceTable<Uint8Array>;
  pending: Pending = 'nothing';
  /** Of the `created by` line that was read last; 0: not said. */
  creator: number | bigint = 0;
  namesCut = 0;
  /** Whether the location that was read last goes on behind its line number, so that the number is whole. */
  certain = true;
  /** Set by a location with `fp=`: the frames of the runtime are printed, too. */
  detailed = false;
  /** Whether it is one of C code: `file:line pc=0x…`. */
  foreign = false;
  readonly #nameBytes: number;
  /** Two halves: a line that turns out to be no name must not destroy the name that waits. */
  readonly #scratch: Uint8Array;
  #nameStart = 0;
  #nameEnd = 0;
  #nameHash = 0;
  #fileStart = 0;
  #fileEnd = 0;
  #lineEnd = 0;

  constructor(limits: GoroutineDumpLimits) {
    this.#nameBytes = limits.nameBytes;
    this.#scratch = new Uint8Array(2 * this.#half);
    this.table = new SequenceTable((length) => new Uint8Array(length), {
      entries: limits.frames,
      elements: limits.stringBytes,
    });
  }

  /** `name(arguments)`. The last parenthesis opens the arguments: they hold none, names do. */
  functionLine(bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes[end - 1] !== closeParenthesis) return false;
    let open = end - 2;
    while (open > start && bytes[open] !== openParenthesis) open--;
    if (open <= start || !this.#name(bytes, start, open)) return false;
    this.pending = 'function';
    return true;
  }

  /** A name without arguments, as symbolizers of C code print it; it counts only if a location of C code follows. */
  foreignLine(bytes: Uint8Array, start: number, end: number): void {
    if (this.pending !== 'nothing' || end - start > 256) return;
    if (this.#name(bytes, start, end)) this.pending = 'foreign';
  }

  /** `created by name in goroutine 7` */
  creatorLine(bytes: Uint8Array, start: number, end: number): boolean {
    if (!startsWith(bytes, start, end, createdBy)) return false;
    let digits = end;
    while (digits > start && isDigit(bytes[digits - 1])) digits--;
    const said = digits - inGoroutine.length;
    const named = digits < end && end - digits <= 20 && said > start && startsWith(bytes, said, end, inGoroutine);
    const nameStart = start + createdBy.length;
    if (!this.#name(bytes, nameStart, named ? said : end)) return false;
    this.creator = named ? decimalAt(bytes, digits, end) : 0;
    this.pending = 'creator';
    return true;
  }

  /** `file:line +0x7d …`, indented by whatever. The last colon counts: paths of Windows hold one. */
  locationLine(bytes: Uint8Array, start: number, end: number): boolean {
    let from = start;
    while (from < end && isBlank(bytes[from])) from++;
    let at = end - 1;
    while (at > from && bytes[at] !== colon) at--;
    if (at <= from) return false;
    let lineEnd = at + 1;
    while (lineEnd < end && isDigit(bytes[lineEnd])) lineEnd++;
    if (lineEnd === at + 1 || lineEnd - at > 10) return false;
    if (lineEnd < end) {
      // " +0x", " fp=", " pc=": anything else is no location, or one that was torn.
      if (bytes[lineEnd] !== space || lineEnd + 4 > end) return false;
      const mark = (bytes[lineEnd + 1] << 16) | (bytes[lineEnd + 2] << 8) | bytes[lineEnd + 3];
      if (mark !== 0x2b3078 && mark !== 0x66703d && mark !== 0x70633d) return false;
      this.foreign = mark === 0x70633d;
    } else {
      this.foreign = false;
    }
    this.certain = lineEnd < end;
    let next = lineEnd + 1;
    while (next < end && bytes[next] !== space) next++;
    if (next + 2 < end && bytes[next + 1] === 0x66 && bytes[next + 2] === 0x70) this.detailed = true;
    this.#fileStart = from;
    this.#fileEnd = at;
    this.#lineEnd = lineEnd;
    return true;
  }

  /** Number of the frame out of what waits and the location that was just read; -1: there is no room for it. */
  take(bytes: Uint8Array): number {
    const scratch = this.#scratch;
    let at = this.#nameEnd;
    let hash = hashStep(this.#nameHash, lineFeed);
    scratch[at++] = lineFeed;
    let fileEnd = this.#fileEnd;
    if (fileEnd - this.#fileStart > this.#nameBytes) {
      fileEnd = this.#fileStart + this.#nameBytes;
      this.namesCut++;
    }
    for (let i = this.#fileStart; i < fileEnd; i++) {
      scratch[at++] = bytes[i];
      hash = hashStep(hash, bytes[i]);
    }
    for (let i = this.#fileEnd; i < this.#lineEnd; i++) {
      scratch[at++] = bytes[i];
      hash = hashStep(hash, bytes[i]);
    }
    this.pending = 'nothing';
    return this.table.intern(scratch, this.#nameStart, at, hash);
  }

  /** The same where the location is missing. */
  takeName(): number {
    const at = this.#nameEnd;
    this.#scratch[at] = lineFeed;
    this.pending = 'nothing';
    return this.table.intern(this.#scratch, this.#nameStart, at + 1, hashStep(this.#nameHash, lineFeed));
  }

  /** Number of a frame that is none of a Go function. */
  marker(name: string): number {
    const waiting = [this.pending, this.#nameStart, this.#nameEnd, this.#nameHash] as const;
    const bytes = ascii(name);
    this.#name(bytes, 0, bytes.length, true);
    const frame = this.takeName();
    [this.pending, this.#nameStart, this.#nameEnd, this.#nameHash] = waiting;
    return frame;
  }

  /** Function, file and line of frame `number`; line 0 where the location is missing. */
  read(number: number): { function: string; file: string; line: number } {
    const bytes = this.table.at(number);
    const feed = bytes.indexOf(lineFeed);
    const mark = bytes.lastIndexOf(colon);
    const located = mark > feed;
    return {
      function: decoder.decode(bytes.subarray(0, feed)),
      file: located ? decoder.decode(bytes.subarray(feed + 1, mark)) : '',
      line: located ? Math.min(Number(decimalAt(bytes, mark + 1, bytes.length)), 0x7fff_ffff) : 0,
    };
  }

  get #half(): number {
    return 2 * this.#nameBytes + 16;
  }

  /** Copies a name and hashes it on the way; false if it has a space, which names in tracebacks never have. */
  #name(bytes: Uint8Array, start: number, end: number, spaces = false): boolean {
    const scratch = this.#scratch;
    const to = this.#nameStart === 0 ? this.#half : 0;
    const last = Math.min(end, start + this.#nameBytes);
    if (start >= last) return false;
    let hash = hashSeed;
    let at = to;
    for (let i = start; i < last; i++) {
      const byte = bytes[i];
      if (byte === space && !spaces) return false;
      scratch[at++] = byte;
      hash = hashStep(hash, byte);
    }
    if (last < end) this.namesCut++;
    this.#nameStart = to;
    this.#nameEnd = at;
    this.#nameHash = hash;
    return true;
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
