import { createHash } from 'node:crypto';
import type { Database, Tx } from '../platform/database.js';
import type { Caller } from '../tenants/caller.js';
import type { ServiceRegistry } from '../tenants/services.js';
import { acceptUploads, type AcceptedUpload, type ArchivedBytes, type UploadPlace } from './accepted-uploads.js';
import type { DeclaredUpload } from './declared-upload.js';
import { answerOnce } from './idempotent-answers.js';
import { acceptCapture, type ArchivedCapture, type CaptureReceipt } from './recorded-capture.js';

/** Where an upload or a capture comes from. */
interface Origin {
  readonly service: string;
  readonly instance: string;
  readonly team: string | undefined;
  readonly receivedAt: Date;
}

/** An upload whose bytes are in the archive. */
export interface ArchivedUpload extends ArchivedBytes, Origin {
  readonly idempotencyKey: string | null;
}

export type Receipt = AcceptedUpload;

export interface RecordedReceipt {
  readonly receipt: Receipt;
  /** The answer of an earlier request with the same Idempotency-Key. */
  readonly replayed: boolean;
}

export interface RecordedCapture {
  readonly receipt: CaptureReceipt;
  readonly replayed: boolean;
}

/** Records uploads, alone or several as a capture: the rows that make a 202 true. */
export class Uploads {
  constructor(
    private readonly db: Database,
    private readonly services: ServiceRegistry,
  ) {}

  /**
   * Records an upload, part 0 of its snapshots and the work to do, in one short transaction; or finds the one that is
   * the same. What is the same, see `upload.identity_at` in the schema.
   *
   * @throws Problem `not-found`, `validation-failed`, `quota-exceeded` (see ServiceRegistry), `idempotency-mismatch`
   */
  async record(caller: Caller, upload: ArchivedUpload): Promise<RecordedReceipt> {
    const fingerprint = () => fingerprintOf(upload, upload.declared, [upload.contentEncoding], [upload.sha256]);
    const { answer, replayed } = await this.once(caller, upload.idempotencyKey, fingerprint, async (tx) => {
      const [receipt] = await acceptUploads(tx, await this.ensurePlace(tx, caller, upload), [upload]);
      return { answer: receipt, uploadId: receipt.id };
    });
    return { receipt: answer, replayed };
  }

  /**
   * Records a capture with all its uploads, their snapshots and the work to do, in one short transaction; or finds the
   * one of the same uploads. An upload that was here before is the same upload still.
   *
   * @throws Problem as `record`
   */
  async recordCapture(caller: Caller, capture: ArchivedCapture): Promise<RecordedCapture> {
    const fingerprint = () =>
      fingerprintOf(
        capture,
        capture.declared,
        ['capture', ...capture.files.map(({ name, declared: { kind } }) => [name, kind ?? null])],
        capture.files.map(({ sha256 }) => sha256),
      );
    const { answer, replayed } = await this.once(caller, capture.idempotencyKey, fingerprint, async (tx) => {
      const receipt = await acceptCapture(tx, await this.ensurePlace(tx, caller, capture), capture);
      return { answer: receipt, uploadId: receipt.snapshots[0].id };
    });
    return { receipt: answer, replayed };
  }

  private once<Answer>(
    caller: Caller,
    key: string | null,
    fingerprint: () => Buffer,
    work: (tx: Tx) => Promise<{ answer: Answer; uploadId: string }>,
  ): Promise<{ answer: Answer; replayed: boolean }> {
    return answerOnce(
      (run) => this.db.withTenant(caller.tenantId, run),
      key === null ? null : { caller, key, fingerprint: fingerprint() },
      work,
    );
  }

  private async ensurePlace(
    tx: Tx,
    caller: Caller,
    { service, instance, team, receivedAt }: Origin,
  ): Promise<UploadPlace> {
    const { tenantId } = caller;
    const { serviceId } = await this.services.ensure(tx, caller, service, { team });
    const instanceId = await this.services.ensureInstance(tx, tenantId, serviceId, instance, receivedAt);
    return { tenantId, serviceId, instanceId };
  }
}

/** Two requests are the same if all that they say, and the bytes, are. */
function fingerprintOf(
  { service, instance, team }: Origin,
  declared: DeclaredUpload,
  form: readonly unknown[],
  hashes: readonly Buffer[],
): Buffer {
  const said = Object.entries(declared).map(([name, value]) =>
    name === 'labels' ? [name, Object.entries(value as object).sort()] : [name, value as unknown],
  );
  const hash = createHash('sha256').update(JSON.stringify([service, instance, team ?? null, ...form, said.sort()]));
  for (const sha256 of hashes) hash.update(sha256);
  return hash.digest();
}
