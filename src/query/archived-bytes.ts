import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Response } from 'express';
import { type Archive, ArchiveDamage } from '../archive/archive.js';
import { inflateHead, isGzip } from '../formats/inflate.js';
import type { TenantId } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import { asDownload } from '../platform/sending.js';
import type { SnapshotRow } from './snapshots.js';

/** An archived object, or a Problem that says that it is not what was received. */
export async function openArchived(archive: Archive, tenantId: TenantId, sha256: Uint8Array): Promise<Readable> {
  try {
    return await archive.open(tenantId, sha256);
  } catch (error) {
    if (!(error instanceof ArchiveDamage)) throw error;
    throw new Problem('archive-corrupt', 'The archive no longer holds the bytes that were received.', { cause: error });
  }
}

/** The bytes as they were received, with the Content-Encoding that they were received with. */
export async function sendRaw(response: Response, bytes: Readable, row: SnapshotRow): Promise<void> {
  asDownload(response, `${row.service}-${row.upload_id}`);
  if (row.content_encoding !== 'identity') response.setHeader('Content-Encoding', row.content_encoding);
  response.setHeader('Content-Length', row.size_bytes);
  await flow(response, bytes);
}

/**
 * The profile as one layer of gzip, which is what `go tool pprof` expects of a file: the bytes as archived if they are
 * that, what is under the encoding of the transport if that is one layer more, and compressed if there is none.
 */
export async function sendArchivedProfile(response: Response, bytes: Readable, row: SnapshotRow): Promise<void> {
  asDownload(response, `${row.service}-${row.kind ?? 'profile'}-${row.snapshot_id}.pb.gz`);
  const { head, stream } = await peek(bytes);
  const twice = row.content_encoding === 'gzip' && isGzip(inflateHead(head, magicBytes));
  if (twice) await flow(response, stream, createGunzip());
  else if (isGzip(head)) await flow(response, stream);
  else await flow(response, stream, createGzip());
}

const magicBytes = 16;

async function flow(response: Response, from: Readable, through?: Transform): Promise<void> {
  try {
    await (through ? pipeline(from, through, response) : pipeline(from, response));
  } catch (error) {
    // The client has gone: nobody is left to be told, and nothing has gone wrong here.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** The first bytes of a stream, and a stream that still has them. */
async function peek(stream: Readable): Promise<{ head: Buffer; stream: Readable }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await chunks.next();
  if (first.done) return { head: Buffer.alloc(0), stream: Readable.from([]) };
  async function* whole(): AsyncGenerator<Buffer> {
    yield first.value as Buffer;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { head: first.value, stream: Readable.from(whole(), { objectMode: false }) };
}
