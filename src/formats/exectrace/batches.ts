import { FormatError } from '../format-error.js';
import { wireLimits } from './limits.js';
import type { WideIds } from './varint.js';
import { wire } from './wire.js';

/** What stands before the data of a batch. Numbers may be handles of WideIds. */
export interface BatchHeader {
  generation: number;
  thread: number;
  time: number;
  bytes: number;
  /** 0, or the number of the experiment that the data belong to. */
  experiment: number;
  /** Offset in the file of the data. */
  offset: number;
}

/** Whoever takes the batches of a file as they come. */
export interface BatchSink {
  /** The data follow, `header.bytes` of them. The object is reused. */
  batch(header: BatchHeader): void;
  /** Some of the data of the current batch. */
  data(bytes: Uint8Array): void;
  /** The current batch is complete. */
  batchEnd(): void;
  endOfGeneration(offset: number): void;
}

const fieldsOfHeader = 4;
const maxVarintBytes = 10;

/** Cuts a file after its 16-byte header into batches. Where the chunks are cut makes no difference to the sink. */
export class BatchSplitter {
  /** Whether what came is no batch, or ends in one; the rest of the file cannot be read. */
  isBroken = false;
  readonly #header: BatchHeader = { generation: 0, thread: 0, time: 0, bytes: 0, experiment: 0, offset: 0 };
  readonly #fields = [0, 0, 0, 0];
  /** Number of header fields read; -2: the type comes next; -1: the experiment does. */
  #field = -2;
  #fieldBytes = 0;
  #low = 0;
  #wide = 0n;
  #dataLeft = 0;

  constructor(
    private readonly sink: BatchSink,
    private readonly wide: WideIds,
    /** Offset in the file of the next byte. */
    private offset: number,
  ) {}

  push(chunk: Uint8Array): void {
    let position = 0;
    while (position < chunk.length) {
      if (this.#dataLeft > 0) {
        const end = Math.min(chunk.length, position + this.#dataLeft);
        this.sink.data(chunk.subarray(position, end));
        this.#dataLeft -= end - position;
        this.offset += end - position;
        position = end;
        if (this.#dataLeft === 0) this.sink.batchEnd();
      } else {
        this.#headerByte(chunk[position++]);
        this.offset++;
      }
    }
  }

  /** FormatError `truncated` if the file ended in the middle of a batch. */
  end(): void {
    if (this.#dataLeft > 0) {
      const { bytes, offset } = this.#header;
      this.isBroken = true;
      const message = `the file ends in a batch: ${this.offset - offset} of its ${bytes} bytes are there`;
      throw new FormatError('truncated', message, { offset: this.offset });
    }
    if (this.#field !== -2) {
      this.isBroken = true;
      throw new FormatError('truncated', 'the file ends in the header of a batch', { offset: this.offset });
    }
  }

  #headerByte(byte: number): void {
    if (this.#field >= 0) return this.#fieldByte(byte);
    const header = this.#header;
    if (this.#field === -1) {
      header.experiment = byte;
      this.#field = 0;
    } else if (byte === wire.eventBatch) {
      header.experiment = 0;
      this.#field = 0;
    } else if (byte === wire.experimentalBatch) {
      this.#field = -1;
    } else if (byte === wire.endOfGeneration) {
      this.sink.endOfGeneration(this.offset);
    } else {
      throw this.#malformed(`a batch is expected, not type ${byte}`);
    }
  }

  #fieldByte(byte: number): void {
    const index = this.#fieldBytes++;
    if (index === maxVarintBytes - 1 && byte > 1) throw this.#malformed('a number does not fit 64 bits');
    if (index < 4) this.#low += (byte & 127) * 2 ** (7 * index);
    else this.#wide += BigInt(byte & 127) << BigInt(7 * index);
    if (byte >= 128) return;
    const value = this.#wide + BigInt(this.#low);
    this.#fields[this.#field++] = value < 2n ** 53n ? Number(value) : this.wide.handleOf(value);
    this.#fieldBytes = 0;
    this.#low = 0;
    this.#wide = 0n;
    if (this.#field === fieldsOfHeader) this.#begin();
  }

  #begin(): void {
    const header = this.#header;
    [header.generation, header.thread, header.time, header.bytes] = this.#fields;
    header.offset = this.offset + 1;
    if (header.bytes < 0 || header.bytes > wireLimits.batchBytes) {
      throw this.#malformed(`a batch says that it has ${this.wide.exact(header.bytes)} bytes, of at most 65536`);
    }
    this.#field = -2;
    this.#dataLeft = header.bytes;
    this.sink.batch(header);
    if (header.bytes === 0) this.sink.batchEnd();
  }

  #malformed(message: string): FormatError {
    this.isBroken = true;
    return new FormatError('malformed', `${message} (byte ${this.offset})`, { offset: this.offset });
  }
}
