import { ascii, digits, indexOf, isDigit, startsWith } from '../log/ascii.js';

export const processorKeys = ['status', 'schedtick', 'syscalltick', 'm', 'runqsize', 'gfreecnt', 'timerslen'] as const;
export const threadKeys = [
  ...['p', 'curg', 'mallocing', 'throwing', 'preemptoff', 'locks', 'dying', 'spinning', 'blocked', 'lockedg'],
] as const;
export const goroutineKeys = ['status', 'm', 'lockedm'] as const;

const keysOf = new Map([
  [80, processorKeys.map((key) => ascii(`${key}=`))],
  [77, threadKeys.map((key) => ascii(`${key}=`))],
  [71, goroutineKeys.map((key) => ascii(`${key}=`))],
]);
/** Keys without which the line is not whole. `timerslen` came with 1.14. */
const requiredOf = new Map([
  [80, processorKeys.length - 1],
  [77, threadKeys.length],
  [71, goroutineKeys.length],
]);
const preemptoff = threadKeys.indexOf('preemptoff');
const locks = ascii(' locks=');
const reasonEnd = ascii(') m=');
const nil = ascii('nil');
const yes = ascii('true');
const no = ascii('false');

export type DetailTable = 'P' | 'M' | 'G';

/**
 * A line of the tables that scheddetail=1 prints behind a SCHED line (runtime/proc.go, schedtrace):
 *
 *       P1: status=1 schedtick=3 syscalltick=0 m=0 runqsize=0 gfreecnt=0 timerslen=0
 *       M0: p=1 curg=1 mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=false lockedg=1
 *       G2: status=4(force gc (idle)) m=nil lockedm=nil
 *
 * One object reads line after line.
 */
export class DetailLine {
  table: DetailTable = 'P';
  id = 0;
  /** In the order of the keys of the table; nil and -1 are -1, true and false are 1 and 0, what is missing is NaN. */
  readonly values = new Float64Array(threadKeys.length);
  /** Where the reason stands in the line: the wait reason of a G, the reason not to preempt an M. */
  reasonStart = 0;
  reasonEnd = 0;

  /** Whether it looks like one, by its beginning. */
  static begins(bytes: Uint8Array, start: number, end: number): boolean {
    const at = skipBlanks(bytes, start, end);
    const letter = bytes[at];
    if (at + 4 >= end || (letter !== 80 && letter !== 77 && letter !== 71) || !isDigit(bytes[at + 1])) return false;
    let here = at + 1;
    while (here < end && isDigit(bytes[here])) here++;
    return here + 2 < end && bytes[here] === 58 && bytes[here + 1] === 32;
  }

  read(bytes: Uint8Array, start: number, end: number): boolean {
    let at = skipBlanks(bytes, start, end);
    const letter = bytes[at];
    const keys = keysOf.get(letter);
    if (keys === undefined) return false;
    this.table = letter === 80 ? 'P' : letter === 77 ? 'M' : 'G';
    const number = at + 1;
    while (++at < end && isDigit(bytes[at]));
    this.id = digits(bytes, number, at);
    if (this.id < 0 || bytes[at] !== 58 || at >= end) return false;
    at++;
    this.values.fill(Number.NaN);
    this.reasonStart = this.reasonEnd = at;
    let expected = 0;
    while (at < end) {
      if (bytes[at] !== 32) return false;
      at++;
      let index = -1;
      for (let i = 0; i < keys.length && index < 0; i++) {
        const candidate = (expected + i) % keys.length;
        if (startsWith(bytes, at, end, keys[candidate])) index = candidate;
      }
      if (index < 0) {
        // A key of a later version.
        while (at < end && bytes[at] !== 32) at++;
        continue;
      }
      expected = index + 1;
      at += keys[index].length;
      at = this.value(bytes, at, end, index);
      if (at < 0) return false;
    }
    const required = requiredOf.get(letter)!;
    for (let i = 0; i < required; i++) if (Number.isNaN(this.values[i])) return false;
    return true;
  }

  /** Reads the value at `at`; returns the position behind it, or -1. */
  private value(bytes: Uint8Array, at: number, end: number, index: number): number {
    if (this.table === 'M' && index === preemptoff) {
      // The reason may hold blanks.
      const behind = indexOf(bytes, at, end, locks);
      if (behind < 0) return -1;
      this.reasonStart = at;
      this.reasonEnd = behind;
      this.values[index] = 0;
      return behind;
    }
    if (startsWith(bytes, at, end, nil)) {
      this.values[index] = -1;
      return at + nil.length;
    }
    if (startsWith(bytes, at, end, yes)) {
      this.values[index] = 1;
      return at + yes.length;
    }
    if (startsWith(bytes, at, end, no)) {
      this.values[index] = 0;
      return at + no.length;
    }
    const negative = bytes[at] === 45 && at < end;
    const from = negative ? at + 1 : at;
    let behind = from;
    while (behind < end && isDigit(bytes[behind])) behind++;
    const number = digits(bytes, from, behind);
    if (number < 0) return -1;
    this.values[index] = negative ? -number : number;
    if (this.table !== 'G' || index !== 0) return behind;
    if (bytes[behind] !== 40 || behind >= end) return -1;
    const close = indexOf(bytes, behind, end, reasonEnd);
    if (close < 0) return -1;
    this.reasonStart = behind + 1;
    this.reasonEnd = close;
    return close + 1;
  }
}

function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at++;
  return at;
}
