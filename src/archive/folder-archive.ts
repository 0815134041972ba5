import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import {
  lstat,
  mkdir,
  open,
  opendir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline, Transform, type Readable } from 'node:stream';
import { LRUCache } from 'lru-cache';
import { asTenantId, type TenantId } from '../platform/database.js';
import { failpoint } from '../platform/failpoint.js';
import { Problem } from '../platform/problem.js';
import {
  ArchiveDamage,
  EmptyObject,
  type Archive,
  type ObjectCondition,
  type ReceivedObject,
  type ReceiveLimits,
} from './archive.js';

const headBytes = 4096;
/** Chunks are gathered up to this size, so that an ordinary snapshot is one write and a large one stays small in memory. */
const writeBytes = 256 * 1024;
const staleMillis = 60 * 60 * 1000;
const createNew = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
const readExisting = constants.O_RDONLY | constants.O_NOFOLLOW;

/**
 * The archive in a folder: `t/<tenant>/<first two hex digits>/<sha256>`, unfinished files in `tmp/`.
 *
 * The protocol of one object: write to a file in `tmp`, fsync it, rename it to its name, fsync the folder that now
 * names it. A rename replaces what is there: the bytes are the same by their name, and a copy that had been damaged is
 * healed. An fsync that fails is never repeated, since the kernel forgets the pages it could not write: the file is
 * given up and the sender has to send again.
 */
export class FolderArchive implements Archive {
  /** Folders whose existence is known to be on disk. */
  readonly #durableFolders = new LRUCache<string, true>({ max: 20_000 });

  private constructor(readonly root: string) {}

  /** Where files lie that are not objects yet, or never will be. */
  get unfinishedFolder(): string {
    return join(this.root, 'tmp');
  }

  /** Opens (and makes, if need be) the archive at `folder`, and removes what uploads that died left in it. */
  static async open(folder: string): Promise<FolderArchive> {
    await mkdir(join(folder, 'tmp'), { recursive: true, mode: 0o750 });
    await mkdir(join(folder, 't'), { recursive: true, mode: 0o750 });
    const archive = new FolderArchive(await realpath(folder));
    await syncFolder(archive.root);
    await archive.#sweepUnfinished();
    return archive;
  }

  async receive(tenantId: TenantId, stream: Readable, limits: ReceiveLimits): Promise<ReceivedObject> {
    const unfinished = join(this.unfinishedFolder, randomUUID());
    try {
      const received = await this.#write(unfinished, stream, limits);
      failpoint('archive-written-before-rename');
      const { folder, path } = this.#place(tenantId, received.sha256);
      await this.#makeFolder(tenantId, folder);
      await rename(unfinished, path);
      failpoint('archive-renamed-before-folder-sync');
      await syncFolder(folder);
      return received;
    } catch (error) {
      await rm(unfinished, { force: true });
      throw asArchiveProblem(error);
    }
  }

  async read(tenantId: TenantId, sha256: Uint8Array): Promise<Buffer> {
    const bytes = await this.#found(sha256, readFile(this.#place(tenantId, sha256).path, { flag: readExisting }));
    if (!createHash('sha256').update(bytes).digest().equals(sha256)) throw new ArchiveDamage('corrupt', sha256);
    return bytes;
  }

  async open(tenantId: TenantId, sha256: Uint8Array): Promise<Readable> {
    const handle = await this.#found(sha256, open(this.#place(tenantId, sha256).path, readExisting));
    const hash = createHash('sha256');
    const verified = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
      flush(done) {
        done(hash.digest().equals(sha256) ? null : new ArchiveDamage('corrupt', sha256));
      },
    });
    // A failure of either end destroys the other and reaches the reader as an error of the stream that it holds.
    return pipeline(createReadStream('', { fd: handle }), verified, () => {});
  }

  async localPath(tenantId: TenantId, sha256: Uint8Array): Promise<string> {
    return this.#place(tenantId, sha256).path;
  }

  async *list(tenantId: TenantId): AsyncIterable<Buffer> {
    const base = join(this.root, 't', asTenantId(tenantId));
    for (const prefix of await namesIn(base, /^[0-9a-f]{2}$/)) {
      for (const name of await namesIn(join(base, prefix), /^[0-9a-f]{64}$/)) yield Buffer.from(name, 'hex');
    }
  }

  async verify(tenantId: TenantId, sha256: Uint8Array): Promise<ObjectCondition> {
    try {
      for await (const _ of await this.open(tenantId, sha256));
      return 'intact';
    } catch (error) {
      if (error instanceof ArchiveDamage) return error.condition;
      throw error;
    }
  }

  /** Writes the stream to a new file and fsyncs it. */
  async #write(path: string, stream: Readable, limits: ReceiveLimits): Promise<ReceivedObject> {
    const hash = createHash('sha256');
    const file = await open(path, createNew, 0o640);
    try {
      let sizeBytes = 0;
      let head = Buffer.alloc(0);
      let gathered: Buffer[] = [];
      let gatheredBytes = 0;
      for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        sizeBytes += chunk.length;
        if (sizeBytes > limits.maxBytes) throw tooLarge(sizeBytes, limits);
        if (head.length < headBytes) head = Buffer.concat([head, chunk.subarray(0, headBytes - head.length)]);
        hash.update(chunk);
        gathered.push(chunk);
        gatheredBytes += chunk.length;
        if (gatheredBytes >= writeBytes) {
          await writeAll(file, gathered);
          failpoint('archive-half-written');
          gathered = [];
          gatheredBytes = 0;
        }
      }
      if (sizeBytes === 0) throw new EmptyObject('nothing was received');
      await writeAll(file, gathered);
      failpoint('archive-half-written');
      await file.sync();
      return { sha256: hash.digest(), sizeBytes, head };
    } finally {
      await file.close();
    }
  }

  /** Every part of the path is made of a checked UUID and of hex digits, so that no input can lead elsewhere. */
  #place(tenantId: TenantId, sha256: Uint8Array): { folder: string; path: string } {
    if (sha256.length !== 32) throw new Error(`a SHA-256 has 32 bytes, not ${sha256.length}`);
    const name = Buffer.from(sha256).toString('hex');
    const folder = join(this.root, 't', asTenantId(tenantId), name.slice(0, 2));
    return { folder, path: join(folder, name) };
  }

  /** Makes the folder of an object; a new folder is itself only durable once its parents have been synced. */
  async #makeFolder(tenantId: TenantId, folder: string): Promise<void> {
    if (this.#durableFolders.has(folder)) return;
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await syncFolder(join(this.root, 't', tenantId));
    await syncFolder(join(this.root, 't'));
    this.#durableFolders.set(folder, true);
  }

  async #found<T>(sha256: Uint8Array, access: Promise<T>): Promise<T> {
    try {
      return await access;
    } catch (error) {
      if (asSystemError(error).code === 'ENOENT') throw new ArchiveDamage('missing', sha256, { cause: error });
      if (asSystemError(error).code === 'ELOOP') throw new ArchiveDamage('corrupt', sha256, { cause: error });
      throw error;
    }
  }

  async #sweepUnfinished(): Promise<void> {
    const folder = this.unfinishedFolder;
    for await (const entry of await opendir(folder)) {
      const path = join(folder, entry.name);
      const found = await lstat(path).catch((error: unknown) => {
        // Another process that starts at the same moment sweeps the same folder.
        if (asSystemError(error).code === 'ENOENT') return null;
        throw error;
      });
      if (found && Date.now() - found.mtimeMs > staleMillis) await rm(path, { force: true });
    }
  }
}

/** `writev` may write less than it was given. */
export async function writeAll(file: FileHandle, chunks: Buffer[]): Promise<void> {
  if (chunks.length === 0) return;
  const wanted = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const { bytesWritten } = await file.writev(chunks);
  if (bytesWritten < wanted) await file.writeFile(Buffer.concat(chunks).subarray(bytesWritten));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function namesIn(folder: string, pattern: RegExp): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => pattern.test(name)).sort();
  } catch (error) {
    if (asSystemError(error).code === 'ENOENT') return [];
    throw error;
  }
}

function tooLarge(actual: number, { maxBytes, limitName }: ReceiveLimits): Problem {
  return new Problem('body-too-large', `The body has more than the ${maxBytes} bytes that are allowed.`, {
    limit: limitName,
    actual,
    allowed: maxBytes,
  });
}

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
/** Errors of the sender's connection, which carry a `syscall` as those of the file system do. */
const streamCodes = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNABORTED']);

/** Errors of the file system become problems; those of the stream (a sender that went away) and refusals stay. */
export function asArchiveProblem(error: unknown): unknown {
  const { code, syscall } = asSystemError(error);
  if (code === undefined || syscall === undefined || streamCodes.has(code)) return error;
  if (fullCodes.has(code)) {
    return new Problem('archive-full', 'The archive has no room for this snapshot; it was not stored.', {
      cause: error,
      retryAfterSeconds: 60,
    });
  }
  return new Problem('archive-unavailable', 'The archive could not store this snapshot.', {
    cause: error,
    retryAfterSeconds: 10,
  });
}

function asSystemError(error: unknown): { code?: string; syscall?: string } {
  return typeof error === 'object' && error !== null ? error : {};
}
