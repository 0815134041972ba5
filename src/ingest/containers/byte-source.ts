import { Problem } from '../../platform/problem.js';

/** Bytes that come in chunks, to be read from front to back in pieces of any size; holds one chunk at a time. */
export class ByteSource {
  private readonly chunks: AsyncIterator<Buffer>;
  private held: Buffer = Buffer.alloc(0);
  private ended = false;
  /** How many bytes have been read. */
  position = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, or fewer at the end, without reading them. `length` is small: they are held. */
  async peek(length: number): Promise<Buffer> {
    while (this.held.length < length && (await this.more()));
    return this.held.subarray(0, length);
  }

  /** The next `length` bytes, or fewer at the end. */
  async read(length: number): Promise<Buffer> {
    const bytes = await this.peek(length);
    this.advance(bytes.length);
    return bytes;
  }

  /** The next `length` bytes as they come. @throws Problem `truncated` if there are not as many */
  async *take(length: number): AsyncGenerator<Buffer, void, undefined> {
    let left = length;
    while (left > 0) {
      if (this.held.length === 0 && !(await this.more())) {
        throw new Problem('truncated', `The archive file ends ${left} bytes before the end of an entry.`);
      }
      const piece = this.held.subarray(0, left);
      this.advance(piece.length);
      left -= piece.length;
      if (piece.length > 0) yield piece;
    }
  }

  /** Everything that is left. */
  async *rest(): AsyncGenerator<Buffer, void, undefined> {
    do {
      const piece = this.held;
      this.advance(piece.length);
      if (piece.length > 0) yield piece;
    } while (await this.more());
  }

  private advance(length: number): void {
    this.held = this.held.subarray(length);
    this.position += length;
  }

  private async more(): Promise<boolean> {
    if (this.ended) return false;
    const next = await this.chunks.next();
    this.ended = next.done ?? false;
    if (this.ended) return false;
    const chunk = next.value as Buffer;
    this.held = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    return true;
  }
}
