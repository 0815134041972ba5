import { Readable } from 'node:stream';
import type { Limits } from '../../tenants/limits.js';
import { requireWithin } from '../../tenants/limits.js';
import { entryName, refusedEntry } from './entry-name.js';

/** One file in a container. `bytes` has to be read to its end, unless nothing of the container is to be read any more. */
export interface ContainedFile {
  readonly name: string;
  readonly bytes: Readable;
}

/** Takes a file; resolves when its bytes have been read. */
export type TakeFile = (file: ContainedFile) => Promise<void>;

/** Up to so much no ratio is asked for: a small file of zeros is no bomb. */
const ratioFromBytes = 1024 * 1024;

/** Counts what comes out of a tar or zip against the tenant's limits, before it is kept. */
export class UnpackingLimits {
  private readonly names = new Set<string>();
  private entries = 0;
  private unpacked = 0;

  constructor(private readonly limits: Limits) {}

  /** @throws Problem `too-many-parts` */
  countEntry(): void {
    this.requireEntries(++this.entries);
  }

  /** @throws Problem `too-many-parts` */
  requireEntries(entries: number): void {
    requireWithin(this.limits, 'archive_entries', entries);
  }

  /**
   * @param packed how many bytes it came out of, so far
   * @throws Problem `decompressed-too-large`
   */
  countUnpacked(bytes: number, packed: number): void {
    this.unpacked += bytes;
    requireWithin(this.limits, 'unpacked_bytes', this.unpacked);
    if (this.unpacked > ratioFromBytes) {
      requireWithin(this.limits, 'unpacked_ratio', Math.ceil(this.unpacked / Math.max(packed, 1)));
    }
  }

  /** @throws Problem `body-too-large`: known from the header, before a byte is read */
  requireFileSize(bytes: number): void {
    requireWithin(this.limits, 'body_bytes', bytes);
  }

  /** The name as it is kept. @throws Problem `entry-refused` for one that leads elsewhere or was there before */
  takeName(raw: string): string {
    const name = entryName(raw);
    if (this.names.has(name)) throw refusedEntry(raw, 'has the name of an earlier entry');
    this.names.add(name);
    return name;
  }
}

/** A stream of bytes made of what a generator yields, which is told when nobody reads on. */
export async function withReadable(
  chunks: AsyncGenerator<Buffer, void, undefined>,
  take: (bytes: Readable) => Promise<void>,
): Promise<void> {
  const bytes = Readable.from(chunks, { objectMode: false });
  try {
    await take(bytes);
  } finally {
    bytes.destroy();
  }
}
