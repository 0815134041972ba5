import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asArchiveProblem, writeAll } from './folder-archive.js';

const gatherBytes = 256 * 1024;
const createNew = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW;

/**
 * Keeps a body in a file while it is being taken apart, for formats that cannot be read from front to back. The file
 * loses its name as soon as it is open, so that it is gone once it is closed, however the process ends.
 */
export class Spool {
  constructor(private readonly folder: string) {}

  /**
   * The whole of `chunks` in a file that the caller closes.
   *
   * @throws Problem `archive-full` or `archive-unavailable`, or whatever `chunks` fails with; then nothing is left
   */
  async receive(chunks: AsyncIterable<Buffer>): Promise<FileHandle> {
    const file = await this.openNameless().catch((error: unknown) => {
      throw asArchiveProblem(error);
    });
    try {
      let gathered: Buffer[] = [];
      let gatheredBytes = 0;
      for await (const chunk of chunks) {
        gathered.push(chunk);
        gatheredBytes += chunk.length;
        if (gatheredBytes < gatherBytes) continue;
        await writeAll(file, gathered);
        gathered = [];
        gatheredBytes = 0;
      }
      await writeAll(file, gathered);
      return file;
    } catch (error) {
      await file.close();
      throw asArchiveProblem(error);
    }
  }

  private async openNameless(): Promise<FileHandle> {
    const path = join(this.folder, randomUUID());
    const file = await open(path, createNew, 0o600);
    await rm(path);
    return file;
  }
}
