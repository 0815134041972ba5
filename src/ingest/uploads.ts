import { createHash } from 'node:crypto';
import { type Database, prepared, type TenantId, type Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import type { ServiceRegistry } from '../tenants/services.js';
import type { DeclaredUpload } from './declared-upload.js';
import type { ContentEncoding } from './parsed-part.js';

/** An upload whose bytes are in the archive. */
export interface ArchivedUpload {
  readonly uploadId: string;
  readonly service: string;
  readonly instance: string;
  readonly team: string | undefined;
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  readonly contentEncoding: ContentEncoding;
  /** Whether the bytes themselves say when they were captured. */
  readonly ownClock: boolean;
  readonly receivedAt: Date;
  readonly declared: DeclaredUpload;
  readonly idempotencyKey: string | null;
}

export interface Receipt {
  readonly id: string;
  readonly kind: string | null;
  readonly state: string;
  readonly sha256: string;
  readonly duplicate: boolean;
}

export interface RecordedReceipt {
  readonly receipt: Receipt;
  /** The answer of an earlier request with the same Idempotency-Key. */
  readonly replayed: boolean;
}

/** Another request has used the same Idempotency-Key while this one was being recorded. */
class KeyTaken extends Error {}

/** How long an Idempotency-Key is remembered. */
const rememberedFor = `interval '24 hours'`;

/** Records uploads: the row that makes a 202 true. */
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
    const attempt = () => this.db.withTenant(caller.tenantId, (tx) => this.recordIn(tx, caller, upload));
    try {
      return await attempt();
    } catch (error) {
      // The other one has committed, so this time its answer is found.
      if (error instanceof KeyTaken) return attempt();
      throw error;
    }
  }

  private async recordIn(tx: Tx, caller: Caller, upload: ArchivedUpload): Promise<RecordedReceipt> {
    const { tenantId, keyId } = caller;
    const { idempotencyKey } = upload;
    const fingerprint = idempotencyKey === null ? null : fingerprintOf(upload);
    if (fingerprint) {
      const earlier = await findAnswer(tx, tenantId, keyId, idempotencyKey!);
      if (earlier && !earlier.fingerprint.equals(fingerprint)) {
        throw new Problem('idempotency-mismatch', 'This Idempotency-Key was used for another upload within 24 hours.');
      }
      if (earlier) return { receipt: earlier.response, replayed: true };
    }
    const { serviceId } = await this.services.ensure(tx, caller, upload.service, { team: upload.team });
    const instanceId = await this.services.ensureInstance(tx, tenantId, serviceId, upload.instance, upload.receivedAt);
    const receipt =
      (await accept(tx, tenantId, serviceId, instanceId, upload)) ??
      (await findSame(tx, tenantId, serviceId, instanceId, upload));
    if (fingerprint) await rememberAnswer(tx, tenantId, keyId, idempotencyKey!, fingerprint, receipt);
    return { receipt, replayed: false };
  }
}

/** SQL for the third part of an upload's identity; see the schema. Parameters: captured_at, own clock. */
const identityAt = `coalesce($5::timestamptz, case when $6::boolean then '-infinity'::timestamptz else now() end)`;

/** Null if the same upload is there already. */
async function accept(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  instanceId: string,
  upload: ArchivedUpload,
): Promise<Receipt | null> {
  const { declared } = upload;
  const accepted = await prepared<unknown[]>(
    tx,

    `with stored as (
       insert into blob (tenant_id, sha256, size_bytes) values ($1, $4, $8)
       on conflict (tenant_id, sha256) do nothing
     ), accepted as (
       insert into upload (tenant_id, upload_id, service_id, instance_id, sha256, identity_at, size_bytes,
                           content_encoding, received_at, declared, state)
       values ($1, $7, $2, $3, $4, ${identityAt}, $8, $9, now(), $10, 'stored')
       on conflict (tenant_id, service_id, instance_id, sha256, identity_at) do nothing
       returning upload_id, received_at
     ), found as (
       insert into snapshot (tenant_id, snapshot_id, upload_id, service_id, instance_id, kind, captured_at,
                             captured_from, capture_ms, env, labels, delta)
       select $1, upload_id, upload_id, $2, $3, $11, coalesce($5, received_at),
              case when $5 is null then 'receipt' else 'given' end, $12, $13, $14, $15
         from accepted
     ), waiting as (
       insert into work (tenant_id, upload_id, received_at) select $1, upload_id, received_at from accepted
     )
     select from accepted`,
    [
      tenantId,
      serviceId,
      instanceId,
      upload.sha256,
      declared.capturedAt ?? null,
      upload.ownClock,
      upload.uploadId,
      upload.sizeBytes,
      upload.contentEncoding,
      declared,
      declared.kind ?? null,
      declared.captureMs ?? null,
      declared.env ?? '',
      declared.labels ?? {},
      declared.delta ?? false,
    ],
  );
  if (accepted.length === 0) return null;
  return {
    id: upload.uploadId,
    kind: declared.kind ?? null,
    state: 'stored',
    sha256: upload.sha256.toString('hex'),
    duplicate: false,
  };
}

/** The upload that stood in the way of this one. */
async function findSame(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  instanceId: string,
  upload: ArchivedUpload,
): Promise<Receipt> {
  const [same] = await tx.query<{ upload_id: string; kind: string | null; state: string }[]>(
    `select u.upload_id, s.kind, u.state
       from upload u join snapshot s on s.tenant_id = u.tenant_id and s.upload_id = u.upload_id and s.part = 0
      where u.tenant_id = $1 and u.service_id = $2 and u.instance_id = $3 and u.sha256 = $4
        and u.identity_at = ${identityAt}`,
    [tenantId, serviceId, instanceId, upload.sha256, upload.declared.capturedAt ?? null, upload.ownClock],
  );
  return {
    id: same.upload_id,
    kind: same.kind,
    state: same.state,
    sha256: upload.sha256.toString('hex'),
    duplicate: true,
  };
}

async function findAnswer(
  tx: Tx,
  tenantId: TenantId,
  keyId: string,
  idempotencyKey: string,
): Promise<{ fingerprint: Buffer; response: Receipt } | undefined> {
  const [answer] = await tx.query<{ fingerprint: Buffer; response: Receipt }[]>(
    `select fingerprint, response from idempotency
      where tenant_id = $1 and key_id = $2 and idempotency_key = $3 and created_at > now() - ${rememberedFor}`,
    [tenantId, keyId, idempotencyKey],
  );
  return answer;
}

/** Only answers that stand are remembered: after an error the transaction is rolled back, and the client may try again. */
async function rememberAnswer(
  tx: Tx,
  tenantId: TenantId,
  keyId: string,
  idempotencyKey: string,
  fingerprint: Buffer,
  receipt: Receipt,
): Promise<void> {
  const remembered = await tx.query<unknown[]>(
    `insert into idempotency (tenant_id, key_id, idempotency_key, fingerprint, upload_id, response)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant_id, key_id, idempotency_key) do update
       set fingerprint = excluded.fingerprint, upload_id = excluded.upload_id, response = excluded.response,
           created_at = now()
       where idempotency.created_at <= now() - ${rememberedFor}
     returning key_id`,
    [tenantId, keyId, idempotencyKey, fingerprint, receipt.id, receipt],
  );
  if (remembered.length === 0) throw new KeyTaken();
}

/** Two requests are the same if all that they say, and the bytes, are. */
function fingerprintOf(upload: ArchivedUpload): Buffer {
  const { service, instance, team, contentEncoding, declared } = upload;
  const said = Object.entries(declared).map(([name, value]) =>
    name === 'labels' ? [name, Object.entries(value as object).sort()] : [name, value as unknown],
  );
  return createHash('sha256')
    .update(JSON.stringify([service, instance, team ?? null, contentEncoding, said.sort()]))
    .update(upload.sha256)
    .digest();
}
