import type { Budget } from '../budget.js';
import { overBudget } from '../format-error.js';
import type { FunctionTable, LocationTable } from '../pprof/profile.js';
import { withCapacity } from '../pprof/tables.js';
import { afterBlanks, asciiText, byte, isDigit, isHexDigit } from './scan.js';
import type { StringPool } from './string-pool.js';

/** A root for stacks of which the text lacks the rest; `analysis/` gives the same name to stacks that Go has cut. */
const cutRoot = '(truncated)';

const maxInt32 = 2 ** 31 - 1;

/**
 * The frames of a text profile as locations of one line each, every one once. A frame line is compared as bytes with
 * the frame that was met first at its program counter: the same stacks come again and again, and only the first of
 * their lines becomes strings. The runs of tabs between the columns differ from record to record and do not count.
 */
export class FrameLines {
  private count = 0;
  private address = new BigUint64Array(256);
  private functionOf = new Uint32Array(256);
  private lineOf = new Int32Array(256);
  // The text of each location: digits of the program counter, then what follows it in the line.
  private pcStart = new Uint32Array(256);
  private textStart = new Uint32Array(256);
  private textEnd = new Uint32Array(256);
  private hashOf = new Int32Array(256);
  /** 1 for return addresses: the same digits in a frame line are the address of a call. */
  private isReturn = new Uint8Array(256);
  /** Open addressing by the digits: location plus one. */
  private slots = new Int32Array(1024);

  private readonly words: DataView;
  private readonly functionNumbers = new Map<number, number>();
  private readonly functionNames: number[] = [];
  private readonly functionFiles: number[] = [];
  private cutRootLocation = -1;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly strings: StringPool,
    private readonly budget: Budget,
  ) {
    this.words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /**
   * Location of a line `#\t0x6d1305\tmain.main+0xc4\t/src/main.go:540`, or `#\t0x6d1305` for code without a function,
   * which is called by its address.
   *
   * @param pcStart offset of the `0x`
   * @param end end of the line
   * @returns -1 if the line is no frame
   */
  ofLine(pcStart: number, end: number): number {
    const { bytes } = this;
    let hash = 0;
    let p = pcStart + 2;
    for (; p < end && isHexDigit(bytes[p]); p++) hash = Math.imul(hash, 31) + bytes[p];
    if (p === pcStart + 2 || (p < end && bytes[p] !== byte.tab && bytes[p] !== byte.space)) return -1;
    const text = afterBlanks(bytes, p, end);
    return this.find(hash, pcStart, p, text, end, 0);
  }

  /** Location of a return address `0x6d1306` of a record, for records without frame lines. */
  ofReturnAddress(pcStart: number, pcEnd: number): number {
    let hash = 0;
    for (let p = pcStart + 2; p < pcEnd; p++) hash = Math.imul(hash, 31) + this.bytes[p];
    return this.find(~hash, pcStart, pcEnd, pcEnd, pcEnd, 1);
  }

  /** Location that stands for the missing rest of a stack. */
  ofCutRoot(): number {
    if (this.cutRootLocation < 0) {
      this.cutRootLocation = this.append(0n, this.functionNumber(this.strings.of(cutRoot), 0), 0, 0, 0, 0);
    }
    return this.cutRootLocation;
  }

  build(): { locations: LocationTable; functions: FunctionTable } {
    const { count } = this;
    const functionCount = this.functionNames.length;
    return {
      locations: {
        count,
        mapping: new Int32Array(count).fill(-1),
        address: this.address.slice(0, count),
        folded: new Uint8Array(count),
        lineStart: Uint32Array.from({ length: count + 1 }, (_, i) => i),
        lineFunction: this.functionOf.slice(0, count),
        lineNumber: this.lineOf.slice(0, count),
        lineColumn: new Int32Array(count),
      },
      functions: {
        count: functionCount,
        name: Uint32Array.from(this.functionNames),
        systemName: Uint32Array.from(this.functionNames),
        filename: Uint32Array.from(this.functionFiles),
        startLine: new Int32Array(functionCount),
      },
    };
  }

  private find(hash: number, pcStart: number, pcEnd: number, text: number, end: number, isReturn: 0 | 1): number {
    const mask = this.slots.length - 1;
    let slot = (hash ^ (hash >>> 15)) & mask;
    for (; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const known = this.slots[slot] - 1;
      if (this.hashOf[known] !== hash || this.isReturn[known] !== isReturn) continue;
      if (this.sameDigits(known, pcStart, pcEnd) && this.sameText(known, text, end)) return known;
    }
    const location = isReturn === 1 ? this.newReturnAddress(pcStart, pcEnd) : this.newFrame(pcStart, pcEnd, text, end);
    if (location < 0) return location;
    this.hashOf[location] = hash;
    this.isReturn[location] = isReturn;
    this.slots[slot] = location + 1;
    if (this.count * 2 > mask) this.growSlots();
    return location;
  }

  /** Digits end at the first byte that is none, in the line before as in this one. */
  private sameDigits(location: number, pcStart: number, pcEnd: number): boolean {
    const { bytes } = this;
    const known = this.pcStart[location];
    for (let i = 2; pcStart + i < pcEnd; i++) if (bytes[known + i] !== bytes[pcStart + i]) return false;
    return !isHexDigit(bytes[known + pcEnd - pcStart]);
  }

  /** Four bytes at a time: this is where the time goes. */
  private sameText(location: number, start: number, end: number): boolean {
    const { bytes, words } = this;
    const knownEnd = this.textEnd[location];
    let known = this.textStart[location];
    let p = start;
    for (;;) {
      const wordsEnd = Math.min(end, p + knownEnd - known) - 4;
      while (p <= wordsEnd && words.getInt32(p, true) === words.getInt32(known, true)) {
        p += 4;
        known += 4;
      }
      while (p < end && known < knownEnd && bytes[p] === bytes[known]) {
        p++;
        known++;
      }
      if (p === end || known === knownEnd) return p === end && known === knownEnd;
      // They differ: one run of tabs may be longer than the other.
      if (p === start || bytes[p - 1] !== byte.tab) return false;
      const [pBefore, knownBefore] = [p, known];
      while (p < end && bytes[p] === byte.tab) p++;
      while (known < knownEnd && bytes[known] === byte.tab) known++;
      if (p === pBefore && known === knownBefore) return false;
    }
  }

  private newFrame(pcStart: number, pcEnd: number, text: number, end: number): number {
    const address = addressOf(this.bytes, pcStart, pcEnd);
    if (address === null) return -1;
    if (text === end) {
      const named = this.functionNumber(this.strings.of(`0x${address.toString(16)}`), 0);
      return this.append(address, named, 0, pcStart, text, end);
    }
    const frame = splitFrame(this.bytes, text, end);
    if (frame === null) return -1;
    const name = this.strings.ofBytes(this.bytes, text, frame.nameEnd);
    const file = this.strings.ofBytes(this.bytes, frame.fileStart, frame.fileEnd);
    return this.append(address, this.functionNumber(name, file), frame.line, pcStart, text, end);
  }

  /** A call lies one byte before the address to which it returns: google/pprof counts so, and Go's own frame lines. */
  private newReturnAddress(pcStart: number, pcEnd: number): number {
    const returnAddress = addressOf(this.bytes, pcStart, pcEnd);
    if (returnAddress === null) return -1;
    const address = returnAddress === 0n ? 0n : returnAddress - 1n;
    const named = this.functionNumber(this.strings.of(`0x${address.toString(16)}`), 0);
    return this.append(address, named, 0, pcStart, pcEnd, pcEnd);
  }

  private functionNumber(name: number, file: number): number {
    const key = name * 2 ** 26 + file;
    let number = this.functionNumbers.get(key);
    if (number === undefined) {
      number = this.functionNames.push(name) - 1;
      this.functionFiles.push(file);
      this.functionNumbers.set(key, number);
      const { functions } = this.budget;
      if (number >= functions) throw overBudget('functions', number + 1, functions);
    }
    return number;
  }

  private append(
    address: bigint,
    functionNumber: number,
    line: number,
    pcStart: number,
    textStart: number,
    textEnd: number,
  ): number {
    const location = this.count++;
    const { locations } = this.budget;
    if (location >= locations) throw overBudget('locations', location + 1, locations, pcStart);
    if (location === this.address.length) this.grow(location * 2);
    this.address[location] = address;
    this.functionOf[location] = functionNumber;
    this.lineOf[location] = line;
    this.pcStart[location] = pcStart;
    this.textStart[location] = textStart;
    this.textEnd[location] = textEnd;
    return location;
  }

  private grow(capacity: number): void {
    const address = new BigUint64Array(capacity);
    address.set(this.address);
    this.address = address;
    this.lineOf = withCapacity(this.lineOf, capacity);
    this.functionOf = withCapacity(this.functionOf, capacity);
    this.pcStart = withCapacity(this.pcStart, capacity);
    this.textStart = withCapacity(this.textStart, capacity);
    this.textEnd = withCapacity(this.textEnd, capacity);
    this.hashOf = withCapacity(this.hashOf, capacity);
    const isReturn = new Uint8Array(capacity);
    isReturn.set(this.isReturn);
    this.isReturn = isReturn;
  }

  private growSlots(): void {
    const old = this.slots;
    this.slots = new Int32Array(old.length * 2);
    const mask = this.slots.length - 1;
    for (const entry of old) {
      if (entry === 0) continue;
      const hash = this.hashOf[entry - 1];
      let slot = (hash ^ (hash >>> 15)) & mask;
      while (this.slots[slot] !== 0) slot = (slot + 1) & mask;
      this.slots[slot] = entry;
    }
  }
}

/** The number of `0x…` at `bytes[start, end)`; null if it has more than 64 bits. */
function addressOf(bytes: Uint8Array, start: number, end: number): bigint | null {
  while (end - start > 18 && bytes[start + 2] === byte.zero) start++;
  if (end - start > 18) return null;
  return BigInt(`0x${asciiText(bytes, start + 2, end)}`);
}

interface Frame {
  readonly nameEnd: number;
  readonly fileStart: number;
  readonly fileEnd: number;
  readonly line: number;
}

/** The columns of `main.main+0xc4\t/src/main.go:540`. Where tabs were expanded, they are told apart by the offset. */
function splitFrame(bytes: Uint8Array, start: number, end: number): Frame | null {
  const tab = bytes.subarray(start, end).indexOf(byte.tab);
  const columnEnd = tab < 0 ? columnEndBySpace(bytes, start, end) : start + tab;
  const nameEnd = offsetStart(bytes, start, columnEnd);
  if (nameEnd < 0) return null;
  const fileStart = afterBlanks(bytes, columnEnd, end);
  let fileEnd = end - 1;
  while (fileEnd > fileStart && isDigit(bytes[fileEnd])) fileEnd--;
  if (fileEnd === end - 1 || fileEnd <= fileStart || bytes[fileEnd] !== byte.colon) return null;
  let line = 0;
  for (let p = fileEnd + 1; p < end; p++) line = Math.min(line * 10 + bytes[p] - byte.zero, maxInt32);
  return { nameEnd, fileStart, fileEnd, line };
}

/** Where the `+0xc4` begins with which `bytes[start, end)` ends, behind a name of at least one byte; else -1. */
function offsetStart(bytes: Uint8Array, start: number, end: number): number {
  let p = end - 1;
  while (p > start && isHexDigit(bytes[p])) p--;
  if (p === end - 1 || bytes[p] !== byte.x || bytes[p - 1] !== byte.zero || bytes[p - 2] !== byte.plus) return -1;
  return p - 2 > start ? p - 2 : -1;
}

/** The first space that stands behind an offset; names may hold spaces themselves. `end` if there is none. */
function columnEndBySpace(bytes: Uint8Array, start: number, end: number): number {
  for (let p = start; p < end; p++) {
    if (bytes[p] === byte.space && p > start && isHexDigit(bytes[p - 1]) && offsetStart(bytes, start, p) >= 0) return p;
  }
  return end;
}
