import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Archive } from '../../src/archive/archive.js';
import { newUploadId } from '../../src/ingest/upload-id.js';
import { Uploads } from '../../src/ingest/uploads.js';
import { systemClock } from '../../src/platform/clock.js';
import type { Database, TenantId } from '../../src/platform/database.js';
import { TenantLimits } from '../../src/tenants/limits.js';
import { ServiceRegistry } from '../../src/tenants/services.js';
import { callerOf } from '../tenants/fixture.js';

/** Puts uploads on the work list as the API does, without HTTP. */
export class UploadFixture {
  private readonly uploads: Uploads;

  constructor(
    db: Database,
    private readonly archive: Archive | null = null,
  ) {
    this.uploads = new Uploads(db, new ServiceRegistry(db, new TenantLimits(db, systemClock), systemClock));
  }

  /** @returns the upload's id; its bytes are in the archive, if there is one */
  async add(tenantId: TenantId, body: Buffer, { service = 'shop', ownClock = true } = {}): Promise<string> {
    if (this.archive) await this.archive.receive(tenantId, Readable.from([body]), { maxBytes: 1e9, limitName: 'none' });
    const receivedAt = new Date();
    const { receipt } = await this.uploads.record(callerOf(tenantId), {
      uploadId: newUploadId(receivedAt),
      service,
      instance: 'default',
      team: undefined,
      sha256: createHash('sha256').update(body).digest(),
      sizeBytes: body.length,
      contentEncoding: 'identity',
      ownClock,
      receivedAt,
      declared: {},
      idempotencyKey: null,
    });
    return receipt.id;
  }
}
