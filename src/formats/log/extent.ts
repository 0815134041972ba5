/** From which line to which something was found in a log, and when those were written. */
export class Extent {
  /** 0 while nothing was found. */
  firstLine = 0;
  lastLine = 0;
  firstAtNanos: bigint | null = null;
  lastAtNanos: bigint | null = null;

  add(atNanos: bigint | null, line: number): void {
    if (this.firstLine === 0) {
      this.firstLine = line;
      this.firstAtNanos = atNanos;
    }
    this.lastLine = line;
    if (atNanos !== null) this.lastAtNanos = atNanos;
  }
}
