import type { Crash } from './dump.js';
import type { GoroutineDumpLimits } from './limits.js';
import { ascii, startsWith } from './text-bytes.js';

const beginnings: readonly (readonly [Uint8Array, Crash['kind']])[] = [
  [ascii('panic: '), 'panic'],
  [ascii('fatal error: '), 'fatal error'],
  [ascii('runtime: goroutine stack exceeds '), 'fatal error'],
  [ascii('unexpected fault address '), 'fatal error'],
];
const signal = ascii('SIG');
const colon = 0x3a;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** What stands above the goroutines of a process that died. */
export interface CrashPlace {
  readonly crash: Crash;
  readonly startLine: number;
  readonly atNanos: bigint | null;
}

/**
 * Collects what a Go process says before its last dump:
 *
 * ```
 * panic: runtime error: invalid memory address or nil pointer dereference
 * [signal SIGSEGV: segmentation violation code=0x1 addr=0x20 pc=0x6cba41]
 * ```
 * or `fatal error: all goroutines are asleep - deadlock!`, or `SIGQUIT: quit` and `PC=0x492521 m=0 sigcode=0`. It is
 * given up when no goroutine follows soon: then it was a message of the program, or a crash that printed no stack.
 *
 * Source: Go runtime/panic.go (printpanics, fatalthrow), runtime/signal_unix.go (sighandler).
 */
export class CrashText {
  #kind: Crash['kind'] | null = null;
  #text = '';
  #startLine = 0;
  #lastLine = 0;
  #atNanos: bigint | null = null;

  constructor(private readonly limits: GoroutineDumpLimits) {}

  /** Whether lines still belong to it. */
  get open(): boolean {
    return this.#kind !== null;
  }

  /** Whether the line is the first of a crash; it is taken then. */
  begin(bytes: Uint8Array, start: number, end: number, lineNumber: number, atNanos: bigint | null): boolean {
    const kind = kindOf(bytes, start, end);
    if (kind === null) return false;
    // "runtime: goroutine stack exceeds …" stands above "fatal error: stack overflow", and two threads may fail at once.
    const goesOn = this.#kind !== null && lineNumber - this.#lastLine === 1 && lineNumber - this.#startLine < 4;
    if (!goesOn) {
      this.#kind = kind;
      this.#text = '';
      this.#startLine = lineNumber;
      this.#atNanos = atNanos;
    }
    this.add(bytes, start, end, lineNumber);
    return true;
  }

  add(bytes: Uint8Array, start: number, end: number, lineNumber: number): void {
    if (lineNumber - this.#startLine >= this.limits.crashLines) {
      this.#kind = null;
      return;
    }
    const room = this.limits.crashBytes - this.#text.length;
    if (room > 0) {
      const line = decoder.decode(bytes.subarray(start, Math.min(end, start + this.limits.crashBytes)));
      this.#text += (this.#text === '' ? line : `\n${line}`).slice(0, room);
    }
    this.#lastLine = lineNumber;
  }

  /** What was collected, once. */
  take(): CrashPlace | null {
    if (this.#kind === null) return null;
    const place = {
      crash: { kind: this.#kind, text: this.#text },
      startLine: this.#startLine,
      atNanos: this.#atNanos,
    };
    this.#kind = null;
    return place;
  }
}

function kindOf(bytes: Uint8Array, start: number, end: number): Crash['kind'] | null {
  for (const [text, kind] of beginnings) {
    if (bytes[start] === text[0] && startsWith(bytes, start, end, text)) return kind;
  }
  return isSignalLine(bytes, start, end) ? 'signal' : null;
}

/** `SIGQUIT: quit` */
export function isSignalLine(bytes: Uint8Array, start: number, end: number): boolean {
  if (!startsWith(bytes, start, end, signal)) return false;
  let at = start + signal.length;
  while (at < end && ((bytes[at] >= 0x41 && bytes[at] <= 0x5a) || (bytes[at] >= 0x30 && bytes[at] <= 0x39))) at++;
  return at > start + signal.length && bytes[at] === colon && bytes[at + 1] === 0x20 && at + 2 < end;
}
