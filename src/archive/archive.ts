import type { Readable } from 'node:stream';
import type { TenantId } from '../platform/database.js';

/** Injection token of the process's archive. */
export const ARCHIVE = Symbol('archive');

export interface ReceiveLimits {
  /** The most bytes that one object may have; one more and the stream is refused. */
  readonly maxBytes: number;
  /** What the refusal calls this limit. */
  readonly limitName: string;
}

export interface ReceivedObject {
  /** SHA-256 of the bytes as they came, 32 bytes: the object's name. */
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  /** The first bytes (at most 4 KiB), from which the format can be told. */
  readonly head: Uint8Array;
}

export type ObjectCondition = 'intact' | 'corrupt' | 'missing';

/**
 * Raw bytes as received, by tenant and content hash.
 *
 * An object is whole or it is not there: nobody ever sees a part of one, and once `receive` has resolved it survives
 * the loss of power. The name is the hash of the content, so that the same bytes are stored once and damage shows.
 */
export interface Archive {
  /**
   * Stores what the stream yields. The stream is read to its end, or left where it was when the object is refused; it
   * is never destroyed here, because an HTTP request still has to be answered.
   *
   * @throws Problem `body-too-large`, `archive-full` or `archive-unavailable`; EmptyObject; or whatever error the stream
   *   fails with. In each case nothing is left behind.
   */
  receive(tenantId: TenantId, stream: Readable, limits: ReceiveLimits): Promise<ReceivedObject>;

  /**
   * The whole object, verified against its hash.
   *
   * @throws ArchiveDamage when it is missing or its bytes are not what was received.
   */
  read(tenantId: TenantId, sha256: Uint8Array): Promise<Buffer>;

  /**
   * The object as a stream, which fails at its end when the bytes do not have the hash.
   *
   * @throws ArchiveDamage when it is missing.
   */
  open(tenantId: TenantId, sha256: Uint8Array): Promise<Readable>;

  /** A path on this machine at which another process can read the object; whoever reads it there verifies the hash. */
  localPath(tenantId: TenantId, sha256: Uint8Array): Promise<string>;

  /** The hashes of all objects of a tenant, ascending. */
  list(tenantId: TenantId): AsyncIterable<Buffer>;

  verify(tenantId: TenantId, sha256: Uint8Array): Promise<ObjectCondition>;
}

/** The stream ended without a byte. */
export class EmptyObject extends Error {
  override readonly name = 'EmptyObject';
}

/** What the archive holds under a hash is not what was received: the evidence is gone, and no number may be made of it. */
export class ArchiveDamage extends Error {
  override readonly name = 'ArchiveDamage';

  constructor(
    readonly condition: Exclude<ObjectCondition, 'intact'>,
    sha256: Uint8Array,
    options?: ErrorOptions,
  ) {
    const hash = Buffer.from(sha256).toString('hex');
    super(
      condition === 'missing'
        ? `the archive has no object ${hash}`
        : `the object ${hash} in the archive has other bytes than were received`,
      options,
    );
  }
}
