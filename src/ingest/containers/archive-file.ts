import { isNativeError } from 'node:util/types';
import { createGunzip } from 'node:zlib';
import type { Spool } from '../../archive/spool.js';
import { isGzip } from '../../formats/inflate.js';
import { Problem } from '../../platform/problem.js';
import { ByteSource } from './byte-source.js';
import type { TakeFile, UnpackingLimits } from './container.js';
import { isTarHeader, readTar } from './tar.js';
import { readZip } from './zip.js';

/**
 * Reads the files of a `.tar`, `.tar.gz` or `.zip`, told by its content. A tar is taken apart as it comes; a zip, whose
 * directory is at its end, when it has come.
 *
 * @param received how many bytes of `body` have come so far
 * @throws Problem `unrecognized-format`, `malformed`, `truncated`, `entry-refused`, a limit's own, or whatever `body`
 *   and `take` fail with
 */
export async function readArchiveFile(
  body: AsyncIterable<Buffer>,
  received: () => number,
  spool: Spool,
  limits: UnpackingLimits,
  take: TakeFile,
): Promise<void> {
  const source = new ByteSource(body);
  const head = await source.peek(512);
  if (isZip(head)) {
    const file = await spool.receive(source.rest());
    try {
      await readZip(file, limits, take);
    } finally {
      await file.close();
    }
  } else if (isGzip(head)) {
    const unpacked = gunzip(source, received, limits);
    try {
      const inner = new ByteSource(unpacked);
      if (!isTarHeader(await inner.peek(512))) throw notAnArchiveFile('gzip data that holds no tar');
      await readTar(inner, limits, take);
    } finally {
      await unpacked.return();
    }
  } else if (isTarHeader(head)) {
    await readTar(source, limits, take);
  } else {
    throw notAnArchiveFile('neither a form nor a tar, tar.gz or zip file');
  }
}

/** Yields what comes out of gzip. Bytes are given to it only when all that came out before was taken. */
async function* gunzip(
  source: ByteSource,
  received: () => number,
  limits: UnpackingLimits,
): AsyncGenerator<Buffer, void, undefined> {
  const inflating = createGunzip();
  let sourceFailure: { error: unknown } | null = null;
  let wake: () => void = () => undefined;
  // What goes wrong is seen by whoever reads; nobody may be reading just then.
  inflating
    .on('drain', () => wake())
    .on('close', () => wake())
    .on('error', () => undefined);
  void feed();
  try {
    for await (const chunk of inflating as AsyncIterable<Buffer>) {
      limits.countUnpacked(chunk.length, received());
      yield chunk;
    }
  } catch (error) {
    if (sourceFailure) throw (sourceFailure as { error: unknown }).error;
    throw asDamage(error);
  } finally {
    // Who feeds it may still wait for the sender; it is not waited for, and ends when it sees this.
    inflating.destroy();
  }

  async function feed(): Promise<void> {
    try {
      for await (const chunk of source.rest()) {
        if (inflating.destroyed) return;
        if (!inflating.write(chunk)) await new Promise<void>((resolve) => (wake = resolve));
      }
      inflating.end();
    } catch (error) {
      sourceFailure = { error };
      inflating.destroy(error as Error);
    }
  }
}

function isZip(head: Buffer): boolean {
  // An entry, or the directory of a zip file without any.
  const magic = head.length < 4 ? 0 : head.readUInt32LE();
  return magic === 0x04034b50 || magic === 0x06054b50;
}

function asDamage(error: unknown): unknown {
  const code = isNativeError(error) ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === 'Z_BUF_ERROR') return new Problem('truncated', 'The gzip data ends too early.', { cause: error });
  if (code?.startsWith('Z_')) return new Problem('malformed', 'The gzip data is damaged.', { cause: error });
  return error;
}

function notAnArchiveFile(what: string): Problem {
  return new Problem('unrecognized-format', `The body is ${what}. Send one artefact alone to POST /api/v1/snapshots.`);
}
