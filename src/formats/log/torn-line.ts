import { isDigit } from './ascii.js';

/** The exact form of a line, and how far bytes agree with it. */
export interface LineGrammar {
  /** Whether `bytes[start, end)` is such a line and nothing else. */
  match(bytes: Uint8Array, start: number, end: number): boolean;
  /** After `match`: the first byte that does not fit; the end if all of it does, as far as it goes. */
  readonly reached: number;
}

export interface TornLineEvents {
  /** Whether what the grammar read last is what one would expect next. */
  isNext(): boolean;
  /** Whether a line may be the rest of such a line: cheap, and true for every real one. */
  mayEnd(bytes: Uint8Array, start: number, end: number): boolean;
  /** The grammar holds the line that was put together. */
  repaired(atNanos: bigint | null, lineNumber: number): void;
  /** What had been written into the middle of the line. */
  foreign(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber: number): void;
}

/** So many lines of others may have come in between. */
const linesBetween = 3;
/** So many beginnings are tried, the longest first: a line with the queues of a thousand Ps has more. */
const cutsTried = 400;
const empty = new Uint8Array(0);

/**
 * Puts together again a line that the runtime printed piece by piece while another writer's line came in between
 * (`print` issues one write per argument):
 *
 *     gc 4422026/11/23 15:20:43 handled request id=184 path=/v1/items
 *      @1.904s 15%: 0.73+0.58+0.002 ms clock, …
 *
 * The torn line is held; each of the next lines is tried as its rest, behind every beginning of it. Of several that fit,
 * the one that is expected next wins, then one that leaves something that looks like a line of a log, then the longest
 * beginning. Nothing here grows with the log: a line of the grammar is short.
 */
export class TornLine {
  private held = empty;
  private heldLength = 0;
  /** Beginnings from `shortest` to `longest` bytes are tried. */
  private shortest = 0;
  private longest = 0;
  private joined = empty;
  private linesSince = 0;
  atNanos: bigint | null = null;
  lineNumber = 0;

  constructor(
    private readonly grammar: LineGrammar,
    private readonly events: TornLineEvents,
    private readonly longestLine: number,
  ) {}

  get holds(): boolean {
    return this.heldLength > 0;
  }

  /** The line that is held. */
  get bytes(): Uint8Array {
    return this.held.subarray(0, this.heldLength);
  }

  /** Holds a line of which the grammar accepts the bytes up to `reached`. */
  hold(
    bytes: Uint8Array,
    start: number,
    end: number,
    reached: number,
    shortest: number,
    atNanos: bigint | null,
    lineNumber: number,
  ): void {
    if (this.held.length < end - start) this.held = new Uint8Array((end - start) * 2);
    this.held.set(bytes.subarray(start, end));
    this.heldLength = end - start;
    this.longest = Math.min(reached - start, this.longestLine);
    this.shortest = shortest;
    this.linesSince = 0;
    this.atNanos = atNanos;
    this.lineNumber = lineNumber;
  }

  /** Tries a line as the rest of the held one. True if it was: then it is used up. */
  tryRest(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < this.longestLine && this.events.mayEnd(bytes, start, end) && this.complete(bytes, start, end)) {
      return true;
    }
    return end - start > 0 && this.tornAgain(bytes, start, end);
  }

  /** Counts a line that was not the rest. False when it is no use to wait longer. */
  wait(): boolean {
    return ++this.linesSince < linesBetween;
  }

  /** Forgets the line. */
  drop(): void {
    this.heldLength = 0;
  }

  private complete(bytes: Uint8Array, start: number, end: number): boolean {
    const { grammar, held } = this;
    let bestCut = -1;
    let bestScore = -1;
    let tried = 0;
    for (let cut = this.longest; cut >= this.shortest && bestScore < 3 && tried < cutsTried; cut--) {
      if (!this.mayCut(cut)) continue;
      tried++;
      const length = this.join(cut, bytes, start, end);
      if (!grammar.match(this.joined, 0, length)) continue;
      const score = (this.events.isNext() ? 2 : 0) + (looksLikeLog(held, cut, this.heldLength) ? 1 : 0);
      if (score > bestScore) {
        bestScore = score;
        bestCut = cut;
      }
    }
    if (bestCut < 0) return false;
    grammar.match(this.joined, 0, this.join(bestCut, bytes, start, end));
    const { heldLength, atNanos, lineNumber } = this;
    this.heldLength = 0;
    this.events.repaired(atNanos, lineNumber);
    if (bestCut < heldLength) this.events.foreign(held, bestCut, heldLength, atNanos, lineNumber);
    return true;
  }

  /** Whether the line goes on with the held one and is torn itself: `<beginning><foreign>⏎<middle><foreign>⏎<rest>`. */
  private tornAgain(bytes: Uint8Array, start: number, end: number): boolean {
    const { grammar, held } = this;
    let tried = 0;
    for (let cut = this.longest; cut >= this.shortest && tried < cutsTried; cut--) {
      if (!this.mayCut(cut)) continue;
      tried++;
      const window = Math.min(end, start + this.longestLine);
      const length = this.join(cut, bytes, start, window);
      grammar.match(this.joined, 0, length);
      const more = grammar.reached - cut;
      if (more < 4 || !leavesLog(bytes, start, start + more, end)) continue;
      if (cut < this.heldLength && !looksLikeLog(held, cut, this.heldLength)) continue;
      const { heldLength, atNanos, lineNumber } = this;
      const foreign = held.slice(cut, heldLength);
      const whole = new Uint8Array(cut + end - start);
      whole.set(held.subarray(0, cut));
      whole.set(bytes.subarray(start, end), cut);
      this.hold(whole, 0, whole.length, cut + more, cut + 1, atNanos, lineNumber);
      if (foreign.length > 0) this.events.foreign(foreign, 0, foreign.length, atNanos, lineNumber);
      return true;
    }
    return false;
  }

  /**
   * The runtime writes whole numbers and words, so a line is torn between them. Within the last word it may only seem
   * so, when a digit of the other line follows a number.
   */
  private mayCut(cut: number): boolean {
    const { held } = this;
    if (cut >= this.longest || cut === 0) return true;
    const before = held[cut - 1];
    const behind = held[cut];
    if (isDigit(before) !== isDigit(behind)) return true;
    if (!isDigit(before)) return before === 32 || behind === 32;
    for (let i = cut; i < this.longest; i++) if (!isDigit(held[i]) && held[i] !== 46) return false;
    return true;
  }

  private join(cut: number, bytes: Uint8Array, start: number, end: number): number {
    const length = cut + end - start;
    if (this.joined.length < length) this.joined = new Uint8Array(length * 2);
    this.joined.set(this.held.subarray(0, cut));
    this.joined.set(bytes.subarray(start, end), cut);
    return length;
  }
}

/** Whether what stands behind `at` looks like a log, or does with the digits before it, which fit both. */
function leavesLog(bytes: Uint8Array, start: number, at: number, end: number): boolean {
  for (;;) {
    if (looksLikeLog(bytes, at, end)) return true;
    if (at <= start || !isDigit(bytes[at - 1])) return false;
    at--;
  }
}

/** A timestamp, a JSON object, a level or a word with a blank behind it. */
function looksLikeLog(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 4) return false;
  const first = bytes[start];
  if (first === 123 || first === 91 || first === 60) return true;
  const letter = first | 32;
  if (letter >= 97 && letter <= 122) return true;
  // 2026/11/23, 2026-11-23, 15:20:43
  let at = start;
  while (at < end && at - start < 4 && isDigit(bytes[at])) at++;
  const separator = bytes[at];
  const year = at - start === 4 && (separator === 47 || separator === 45);
  return (year || (at - start === 2 && separator === 58)) && at + 1 < end && isDigit(bytes[at + 1]);
}
