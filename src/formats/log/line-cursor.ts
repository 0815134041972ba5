/** Reads the parts of a line from left to right, and knows how far they fit. */
export class LineCursor {
  /** The first byte that does not fit; the end if all of it does, as far as it goes. */
  reached = 0;
  protected bytes: Uint8Array = new Uint8Array(0);
  protected end = 0;
  /** The number that was read last. */
  protected value = 0;

  protected begin(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.end = end;
    this.reached = start;
  }

  protected literal(text: Uint8Array): boolean {
    const { bytes, end } = this;
    let here = this.reached;
    for (let i = 0; i < text.length; i++, here++) {
      if (here >= end || bytes[here] !== text[i]) {
        this.reached = here;
        return false;
      }
    }
    this.reached = here;
    return true;
  }

  /** At most 15 decimal digits, without needless zeros. */
  protected integer(): boolean {
    const { bytes, end, reached: start } = this;
    let here = start;
    let value = 0;
    while (here < end && here - start < 15) {
      const digit = bytes[here] - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      here++;
    }
    this.reached = here;
    this.value = value;
    return here > start && (bytes[start] !== 48 || here === start + 1);
  }
}
