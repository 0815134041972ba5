import type { LineSink } from '../lines.js';
import { WallTime, type WallTimeOptions } from './wall-time.js';
import { type Peeled, type Wrapper, type WrapperName, wrappers } from './wrappers.js';

export interface UnwrapOptions extends WallTimeOptions {
  readonly lineBytes: number;
  readonly sampleLines: number;
  readonly sampleBytes: number;
}

/** Whoever counts the lines of the source: a LineSplitter, or the layer above. */
export interface LineNumbers {
  readonly lineNumber: number;
}

const empty = new Uint8Array(0);

/**
 * Takes off what wraps each line of a log and passes the inner line on with its wall time. Which wrapper it is, is
 * decided once, from the first `sampleLines` lines (which are held back until then): the one that most of them fit. A
 * line that does not fit passes as it is. Lines that a wrapper cut into pieces are joined, up to `lineBytes`.
 *
 * An own time of the source, given to `line`, goes before the one that is found here. So two layers can stand behind
 * each other: `app-1  | 2026-11-23T15:20:00Z gc 1 …`.
 */
export class UnwrapLines implements LineSink {
  /** The wrapper found, null while it is not decided or if there is none. */
  wrapper: WrapperName | null = null;
  /** During a call of the inner sink: the number of its line, of the first piece where it was joined. */
  lineNumber = 0;
  private readonly time: WallTime;
  private readonly peeled: Peeled = { bytes: empty, start: 0, end: 0, atNanos: null, partial: false, stream: 0 };
  private chosen: Wrapper | null = null;
  private decided = false;
  private readonly sample: SampledLine[] = [];
  private sampledBytes = 0;
  private readonly pieces: readonly [Pieces, Pieces];

  constructor(
    private readonly inner: LineSink,
    private readonly numbers: LineNumbers,
    private readonly options: UnwrapOptions,
  ) {
    this.time = new WallTime(options);
    this.pieces = [new Pieces(options.lineBytes), new Pieces(options.lineBytes)];
  }

  line(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null): void {
    if (this.decided) return this.unwrap(bytes, start, end, atNanos, this.numbers.lineNumber);
    this.sample.push({ bytes: bytes.slice(start, end), atNanos, lineNumber: this.numbers.lineNumber });
    this.sampledBytes += end - start;
    if (this.sample.length >= this.options.sampleLines || this.sampledBytes >= this.options.sampleBytes) this.decide();
  }

  end(cut: boolean): void {
    if (!this.decided) this.decide();
    let open = false;
    for (const pieces of this.pieces) {
      if (pieces.length === 0) continue;
      open = true;
      this.lineNumber = pieces.lineNumber;
      this.inner.line(pieces.bytes, 0, pieces.length, pieces.atNanos);
    }
    this.inner.end(cut || open);
  }

  private decide(): void {
    this.decided = true;
    this.chosen = choose(this.sample, this.time, this.peeled);
    this.wrapper = (this.chosen?.name ?? null) as WrapperName | null;
    for (const { bytes, atNanos, lineNumber } of this.sample) this.unwrap(bytes, 0, bytes.length, atNanos, lineNumber);
    this.sample.length = 0;
  }

  private unwrap(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null, lineNumber: number): void {
    const { peeled } = this;
    this.lineNumber = lineNumber;
    if (this.chosen === null || !this.chosen.peel(bytes, start, end, this.time, peeled)) {
      this.inner.line(bytes, start, end, atNanos);
      return;
    }
    const at = atNanos ?? peeled.atNanos;
    const pieces = this.pieces[peeled.stream];
    if (!peeled.partial && pieces.length === 0) {
      this.inner.line(peeled.bytes, peeled.start, peeled.end, at);
      return;
    }
    pieces.add(peeled, at, lineNumber);
    if (peeled.partial) return;
    this.lineNumber = pieces.lineNumber;
    const { length } = pieces;
    pieces.length = 0;
    this.inner.line(pieces.bytes, 0, length, pieces.atNanos);
  }
}

interface SampledLine {
  readonly bytes: Uint8Array;
  readonly atNanos: bigint | null;
  readonly lineNumber: number;
}

/** The pieces of one line of one stream. */
class Pieces {
  bytes = empty;
  length = 0;
  atNanos: bigint | null = null;
  lineNumber = 0;

  constructor(private readonly lineBytes: number) {}

  add({ bytes, start, end }: Peeled, atNanos: bigint | null, lineNumber: number): void {
    if (this.length === 0) {
      this.atNanos = atNanos;
      this.lineNumber = lineNumber;
    }
    const kept = bytes.subarray(start, Math.min(end, start + this.lineBytes - this.length));
    if (this.length + kept.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(4096, (this.length + kept.length) * 2));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(kept, this.length);
    this.length += kept.length;
  }
}

/**
 * The wrapper that fits most lines; a more specific one wins if it fits nine tenths of them. What stands around every
 * line must fit half of the lines. A logger's own prefix, which the runtime's lines lack, must be seen twice, or in all.
 */
function choose(sample: readonly SampledLine[], time: WallTime, into: Peeled): Wrapper | null {
  const lines = sample.filter(({ bytes }) => bytes.length > 0);
  const fits = (wrappers as readonly Wrapper[])
    .map((wrapper) => ({
      wrapper,
      count: lines.filter(({ bytes }) => wrapper.peel(bytes, 0, bytes.length, time, into)).length,
    }))
    .filter(({ wrapper, count }) =>
      wrapper.everyLine ? count > 0 && count * 2 >= lines.length : count >= 2 || (count > 0 && count === lines.length),
    );
  const most = Math.max(0, ...fits.map(({ count }) => count));
  return fits.find(({ count }) => count * 10 >= most * 9)?.wrapper ?? null;
}
