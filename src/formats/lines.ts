/**
 * Whoever reads a text line by line. `bytes[start, end)` is one line without its end (LF, or CR LF), valid during the
 * call only; it may be empty. `atNanos` is when the line was written, Unix nanoseconds, where whatever wrapped the log
 * says so.
 */
export interface LineSink {
  line(bytes: Uint8Array, start: number, end: number, atNanos: bigint | null): void;
  /** No line follows. The last one may have come without an end of its own: then `cut` is true. */
  end(cut: boolean): void;
}

const lineFeed = 10;
const carriageReturn = 13;
const empty = new Uint8Array(0);

/**
 * Cuts a text that comes in chunks of any size into lines. Where the chunks are cut makes no difference to the sink.
 * Lines inside a chunk are not copied. Of a line longer than `lineBytes` the sink sees the first `lineBytes`, and
 * `longLines` counts it: memory stays bounded whatever comes.
 */
export class LineSplitter {
  /** Lines given to the sink so far; during a call of the sink, the number of its line from 1. */
  lineNumber = 0;
  longLines = 0;
  private carried = empty;
  private carriedBytes = 0;

  constructor(
    private readonly sink: LineSink,
    private readonly lineBytes: number,
  ) {}

  push(chunk: Uint8Array): void {
    let start = 0;
    if (this.carriedBytes > 0) {
      const first = chunk.indexOf(lineFeed);
      this.carry(chunk.subarray(0, first === -1 ? chunk.length : first));
      if (first === -1) return;
      this.emitCarried();
      start = first + 1;
    }
    for (let feed = chunk.indexOf(lineFeed, start); feed !== -1; feed = chunk.indexOf(lineFeed, start)) {
      this.emit(chunk, start, feed);
      start = feed + 1;
    }
    if (start < chunk.length) this.carry(chunk.subarray(start));
  }

  end(): void {
    const cut = this.carriedBytes > 0;
    if (cut) this.emitCarried();
    this.sink.end(cut);
  }

  /** Keeps one byte more than a line may have, to know that it was longer. */
  private carry(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.lineBytes + 1 - this.carriedBytes);
    if (this.carriedBytes + kept.length > this.carried.length) {
      const larger = new Uint8Array(Math.max(4096, (this.carriedBytes + kept.length) * 2));
      larger.set(this.carried.subarray(0, this.carriedBytes));
      this.carried = larger;
    }
    this.carried.set(kept, this.carriedBytes);
    this.carriedBytes += kept.length;
  }

  private emitCarried(): void {
    const length = this.carriedBytes;
    this.carriedBytes = 0;
    this.emit(this.carried, 0, length);
  }

  private emit(bytes: Uint8Array, start: number, end: number): void {
    this.lineNumber++;
    let last = end > start && bytes[end - 1] === carriageReturn ? end - 1 : end;
    if (last - start > this.lineBytes) {
      this.longLines++;
      last = start + this.lineBytes;
    }
    this.sink.line(bytes, start, last, null);
  }
}
