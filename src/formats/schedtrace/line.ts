import { ascii, startsWith } from '../log/ascii.js';
import { LineCursor } from '../log/line-cursor.js';

const sched = ascii('SCHED ');
const millis = ascii('ms:');
const list = ascii(' [');
const ticks = ascii(' schedticks=[');
const yes = ascii('true');
const no = ascii('false');

/** What SCHED lines say, by version; a key that is not here is passed over. */
const keys = [
  'gomaxprocs',
  'idleprocs',
  'threads',
  'spinningthreads',
  'needspinning',
  'idlethreads',
  'runqueue',
  'gcwaiting',
  'nmidlelocked',
  'stopwait',
  'sysmonwait',
] as const;

const keyBytes = keys.map(ascii);
const required = (['gomaxprocs', 'idleprocs', 'threads', 'runqueue'] as const).map((key) => keys.indexOf(key));
const sysmonwait = keys.indexOf('sysmonwait');
const keyLength = 32;

/**
 * The line of GODEBUG=schedtrace=N, Go 1.5 to 1.27 (runtime/proc.go, schedtrace):
 *
 *     SCHED 104ms: gomaxprocs=2 idleprocs=0 threads=8 spinningthreads=1 idlethreads=2 runqueue=1 [0 0]
 *     SCHED 104ms: gomaxprocs=2 … needspinning=1 idlethreads=1 runqueue=1 [ 0 0 ] schedticks=[ 2220 11365 ]
 *     SCHED 252ms: gomaxprocs=2 … runqueue=0 gcwaiting=false nmidlelocked=1 stopwait=0 sysmonwait=false
 *
 * One object reads line after line; its fields hold the last one that was read whole.
 */
export class SchedLine extends LineCursor {
  nanos = 0;
  /** Lengths of the local run queues, `queueCount` of them. */
  readonly queues: Float64Array;
  queueCount = 0;
  readonly ticks: Float64Array;
  tickCount = 0;
  private readonly values = new Float64Array(keys.length);
  private spaced = false;

  constructor(processors: number) {
    super();
    this.queues = new Float64Array(processors);
    this.ticks = new Float64Array(processors);
  }

  // Values of keys, true and false as 1 and 0; NaN where the line does not have the key. In the order of `keys`.
  get gomaxprocs(): number {
    return this.values[0];
  }
  get idleprocs(): number {
    return this.values[1];
  }
  get threads(): number {
    return this.values[2];
  }
  get spinningthreads(): number {
    return this.values[3];
  }
  get needspinning(): number {
    return this.values[4];
  }
  get idlethreads(): number {
    return this.values[5];
  }
  get runqueue(): number {
    return this.values[6];
  }
  get gcwaiting(): number {
    return this.values[7];
  }
  get nmidlelocked(): number {
    return this.values[8];
  }
  get stopwait(): number {
    return this.values[9];
  }
  get sysmonwait(): number {
    return this.values[10];
  }

  /** Whether the tables of scheddetail=1 follow. */
  get detail(): boolean {
    return this.queueCount === 0;
  }

  /** Whether `bytes[start, end)` is such a line and nothing else. */
  match(bytes: Uint8Array, start: number, end: number): boolean {
    this.begin(bytes, start, end);
    this.queueCount = this.tickCount = 0;
    this.values.fill(Number.NaN);
    if (!this.literal(sched) || !this.integer() || this.value > 9e9) return false;
    this.nanos = this.value * 1_000_000;
    if (!this.literal(millis)) return false;
    let next = 0;
    for (;;) {
      if (this.reached === end) return this.hasRequired() && !Number.isNaN(this.values[sysmonwait]);
      if (bytes[this.reached] !== 32) return false;
      if (this.reached + 1 < end && bytes[this.reached + 1] === 91) break;
      next = this.pair(next);
      if (next < 0) return false;
    }
    this.queueCount = this.listOf(list, this.queues);
    if (this.queueCount < 0 || !this.hasRequired()) return false;
    // Since 1.25 there are blanks within the brackets, and the ticks follow.
    if (this.reached === end && !this.spaced) return true;
    this.tickCount = this.listOf(ticks, this.ticks);
    return this.tickCount >= 0 && this.reached === end;
  }

  private hasRequired(): boolean {
    for (const key of required) if (Number.isNaN(this.values[key])) return false;
    return this.values[0] >= 1;
  }

  /** ` key=value`; returns the index of the key that is expected next, or -1. */
  private pair(expected: number): number {
    const { bytes, end } = this;
    const key = this.reached + 1;
    let equals = key;
    while (equals < end && bytes[equals] >= 97 && bytes[equals] <= 122 && equals - key < keyLength) equals++;
    this.reached = equals;
    if (equals === key || equals >= end || bytes[equals] !== 61) return -1;
    this.reached++;
    if (!this.scalar()) return -1;
    for (let i = 0; i < keys.length; i++) {
      const index = (expected + i) % keys.length;
      if (keyBytes[index].length !== equals - key || !startsWith(bytes, key, equals, keyBytes[index])) continue;
      this.values[index] = this.value;
      return index + 1;
    }
    return expected;
  }

  private scalar(): boolean {
    const first = this.bytes[this.reached];
    if (this.reached >= this.end) return false;
    if (first === 116 || first === 102) {
      this.value = first === 116 ? 1 : 0;
      return this.literal(first === 116 ? yes : no);
    }
    if (first !== 45) return this.integer();
    this.reached++;
    const read = this.integer();
    this.value = -this.value;
    return read;
  }

  /** ` [0 0]` or ` [ 0 0 ]`; returns how many numbers there are, or -1. */
  private listOf(opening: Uint8Array, into: Float64Array): number {
    const { bytes, end } = this;
    if (!this.literal(opening)) return -1;
    this.spaced = this.reached < end && bytes[this.reached] === 32;
    if (this.spaced) this.reached++;
    for (let count = 0; count < into.length;) {
      if (!this.integer()) return -1;
      into[count++] = this.value;
      if (this.reached >= end) return -1;
      if (bytes[this.reached] === 93) {
        this.reached++;
        return count;
      }
      if (bytes[this.reached] !== 32) return -1;
      this.reached++;
      if (!this.spaced || this.reached >= end || bytes[this.reached] !== 93) continue;
      this.reached++;
      return count;
    }
    return -1;
  }
}
