import { ascii, isDigit, startsWith } from '../log/ascii.js';
import { LineCursor } from '../log/line-cursor.js';

const gc = ascii('gc ');
const at = ascii(' @');
const leakCheck = ascii(' (checking for goroutine leaks)');
const clock = ascii(' ms clock, ');
const cpu = ascii(' ms cpu, ');
const arrow = ascii('->');
const goal = ascii(' MB goal, ');
const heapEnd = ascii(' MB, ');
const stacks = ascii(' MB stacks, ');
const globals = ascii(' MB globals, ');
const forced = ascii(' (forced)');
const colon = ascii(': ');

const mebibyte = 1024 * 1024;
/** Longer than the runtime ever prints: each figure has at most 15 digits. */
export const gcLineBytes = 512;

/**
 * The line that GODEBUG=gctrace=1 prints after each collection, Go 1.5 to 1.27 (runtime/mgc.go, gcMarkTermination):
 *
 *     gc 187 @2.030s 14%: 0.67+11+0.005 ms clock, 1.3+0.079/5.1/0+0.010 ms cpu, 16->18->5 MB, 22 MB goal, 0 MB stacks, 0 MB globals, 2 P
 *     gc 2 @0.033s 1% (checking for goroutine leaks): 0.041+0.84+0.002 ms clock, … 2 P (forced)
 *     gc 5 @0.021s 3%: 0.010+0.25+0.032+0.11+0.16 ms clock, 0.03+0.25+0.01+0.02/0.1/0+0.5 ms cpu, 4->4->2 MB, 4 MB goal, 4 P
 *
 * One object reads line after line; its fields hold the last one that was read whole. The grammar is the exact form
 * that Go prints, because a line that other output was written into is put together again by trying where it fits.
 */
export class GcLine extends LineCursor {
  number = 0;
  startNanos = 0;
  cpuPercent = 0;
  leakCheck = false;
  forced = false;
  sweepTerminationNanos = 0;
  markNanos = 0;
  markTerminationNanos = 0;
  sweepTerminationCpuNanos = 0;
  assistCpuNanos = 0;
  /** Dedicated and fractional workers; in Go 1.5 also the phases "scan" and "install write barrier". */
  backgroundCpuNanos = 0;
  idleCpuNanos = 0;
  markTerminationCpuNanos = 0;
  heapStartBytes = 0;
  heapEndBytes = 0;
  heapLiveBytes = 0;
  goalBytes = 0;
  /** NaN before Go 1.18. */
  stacksBytes = Number.NaN;
  globalsBytes = Number.NaN;
  processors = 0;

  /** After `match`: where the line could have ended before ` (forced)`, or -1 if it was not complete by then. */
  complete = -1;

  /** Whether `bytes[start, end)` is such a line and nothing else. */
  match(bytes: Uint8Array, start: number, end: number): boolean {
    this.begin(bytes, start, end);
    this.complete = -1;
    return end - start <= gcLineBytes ? this.whole() : (this.whole(), false);
  }

  private whole(): boolean {
    if (!this.literal(gc) || !this.integer()) return false;
    this.number = this.value;
    if (!this.literal(at) || !this.seconds()) return false;
    this.startNanos = this.value;
    if (!this.byte(115) || !this.byte(32) || !this.integer()) return false;
    this.cpuPercent = this.value;
    if (!this.byte(37)) return false;
    this.leakCheck = this.peek(0) === 32;
    if (this.leakCheck && !this.literal(leakCheck)) return false;
    if (!this.literal(colon) || !this.phases()) return false;
    if (!this.integer()) return false;
    this.heapStartBytes = this.value * mebibyte;
    if (!this.literal(arrow) || !this.integer()) return false;
    this.heapEndBytes = this.value * mebibyte;
    if (!this.literal(arrow) || !this.integer()) return false;
    this.heapLiveBytes = this.value * mebibyte;
    if (!this.literal(heapEnd) || !this.integer()) return false;
    this.goalBytes = this.value * mebibyte;
    if (!this.literal(goal) || !this.integer()) return false;
    this.stacksBytes = this.globalsBytes = Number.NaN;
    if (this.peek(1) === 77) {
      this.stacksBytes = this.value * mebibyte;
      if (!this.literal(stacks) || !this.integer()) return false;
      this.globalsBytes = this.value * mebibyte;
      if (!this.literal(globals) || !this.integer()) return false;
    }
    this.processors = this.value;
    if (!this.byte(32) || !this.byte(80)) return false;
    this.complete = this.reached;
    this.forced = this.reached < this.end;
    return !this.forced || (this.literal(forced) && ((this.complete = this.reached), this.reached === this.end));
  }

  private phases(): boolean {
    if (!this.millis()) return false;
    this.sweepTerminationNanos = this.value;
    if (!this.byte(43) || !this.millis()) return false;
    this.markNanos = this.value;
    if (!this.byte(43) || !this.millis()) return false;
    const five = this.peek(0) === 43;
    if (five) {
      this.markNanos += this.value;
      if (!this.byte(43) || !this.millis()) return false;
      this.markNanos += this.value;
      if (!this.byte(43) || !this.millis()) return false;
    }
    this.markTerminationNanos = this.value;
    if (!this.literal(clock) || !this.millis()) return false;
    this.sweepTerminationCpuNanos = this.value;
    let before = 0;
    if (five) {
      if (!this.byte(43) || !this.millis()) return false;
      before = this.value;
      if (!this.byte(43) || !this.millis()) return false;
      before += this.value;
    }
    if (!this.byte(43) || !this.millis()) return false;
    this.assistCpuNanos = this.value;
    if (!this.byte(47) || !this.millis()) return false;
    this.backgroundCpuNanos = before + this.value;
    if (!this.byte(47) || !this.millis()) return false;
    this.idleCpuNanos = this.value;
    if (!this.byte(43) || !this.millis()) return false;
    this.markTerminationCpuNanos = this.value;
    return this.literal(cpu);
  }

  private peek(ahead: number): number {
    return this.reached + ahead < this.end ? this.bytes[this.reached + ahead] : -1;
  }

  private byte(expected: number): boolean {
    if (this.peek(0) !== expected) return false;
    this.reached++;
    return true;
  }

  /** `12.345`, into nanoseconds. */
  private seconds(): boolean {
    if (!this.integer() || this.value > 9_000_000) return false;
    const whole = this.value;
    if (!this.byte(46)) return false;
    let fraction = 0;
    for (let i = 0; i < 3; i++) {
      const digit = this.peek(0) - 48;
      if (digit < 0 || digit > 9) return false;
      fraction = fraction * 10 + digit;
      this.reached++;
    }
    this.value = whole * 1_000_000_000 + fraction * 1_000_000;
    return true;
  }

  /**
   * Milliseconds as fmtNSAsMS of the runtime prints them, into nanoseconds: two significant digits, at most three
   * decimals, an integer from 10 on.
   */
  private millis(): boolean {
    const { bytes, end, reached: start } = this;
    const first = start < end ? bytes[start] - 48 : -1;
    if (first < 0 || first > 9) return false;
    let here = start + 1;
    if (here < end && isDigit(bytes[here])) {
      const read = this.integer();
      this.value *= 1_000_000;
      return read && this.value < 1e15;
    }
    if (here >= end || bytes[here] !== 46) {
      this.reached = here;
      this.value = 0;
      return first === 0;
    }
    here++;
    // Behind 1 to 9 there is one decimal; behind 0 the decimals end with the second digit that counts.
    let micros = 0;
    let decimals = 0;
    while (decimals < 3 && here < end && isDigit(bytes[here])) {
      micros = micros * 10 + bytes[here++] - 48;
      decimals++;
      if (first > 0 || micros >= 10) break;
    }
    this.reached = here;
    if (first > 0 ? decimals !== 1 : micros === 0 || (micros < 10 && decimals !== 3)) return false;
    this.value = first * 1_000_000 + micros * (decimals === 1 ? 100_000 : decimals === 2 ? 10_000 : 1_000);
    return true;
  }
}

/** The line of Go 1.4 and older: `gc12(4): 1+0+51+0 us, …`. */
export function isOldGcLine(bytes: Uint8Array, start: number, end: number): boolean {
  if (!startsWith(bytes, start, end, oldGc)) return false;
  let here = start + oldGc.length;
  const number = here;
  while (here < end && isDigit(bytes[here])) here++;
  if (here === number || bytes[here] !== 40) return false;
  const threads = ++here;
  while (here < end && isDigit(bytes[here])) here++;
  return here > threads && startsWith(bytes, here, end, oldBehind) && isDigit(bytes[here + oldBehind.length]);
}

const oldGc = ascii('gc');
const oldBehind = ascii('): ');
