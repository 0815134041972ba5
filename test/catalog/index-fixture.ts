import { createHash, randomUUID } from 'node:crypto';
import { type PartContent, type RecordedUpload, indexUploads } from '../../src/catalog/index-part.js';
import { recordUploads } from '../../src/catalog/record.js';
import type { Dictionary } from '../../src/catalog/dictionary.js';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { sumOf } from '../../src/formats/int64.js';
import type { Database, TenantId } from '../../src/platform/database.js';

const today = new Date();

/** Noon in the middle of last month: in the window that is kept, whenever the tests run. */
export const noon = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - 1, 15, 12));

/** The first day of that month, or of one before it. */
export function monthOfNoon(monthsBefore = 0): string {
  return new Date(Date.UTC(noon.getUTCFullYear(), noon.getUTCMonth() - monthsBefore, 1)).toISOString().slice(0, 10);
}

/** So many seconds after noon. */
export function after(seconds: number): Date {
  return new Date(noon.getTime() + seconds * 1000);
}

export interface TestService {
  readonly serviceId: string;
  readonly instanceIds: readonly string[];
}

/** A service of the tenant's first team, with instances. */
export async function insertService(
  db: Database,
  tenantId: TenantId,
  name = 'checkout',
  instances: readonly string[] = ['default'],
): Promise<TestService> {
  return db.withTenant(tenantId, async (tx) => {
    const [{ service_id: serviceId }] = await tx.query<{ service_id: string }[]>(
      `insert into service (tenant_id, name, team_id)
       select $1, $2, team_id from team where tenant_id = $1 limit 1 returning service_id`,
      [tenantId, name],
    );
    const rows = await tx.query<{ instance_id: string }[]>(
      `insert into instance (tenant_id, service_id, name, first_seen, last_seen)
       select $1, $2, unnest($3::text[]), $4, $4 returning instance_id`,
      [tenantId, serviceId, instances, noon],
    );
    return { serviceId, instanceIds: rows.map((row) => row.instance_id) };
  });
}

/** What the receipt of an upload writes: its bytes, itself, and its first snapshot, of which nothing is known yet. */
export async function insertUpload(
  db: Database,
  tenantId: TenantId,
  { serviceId, instanceId, ...upload }: Pick<RecordedUpload, 'serviceId' | 'instanceId'> & Partial<RecordedUpload>,
  { env = '', labels = {} }: { env?: string; labels?: Record<string, string> } = {},
): Promise<RecordedUpload> {
  const uploadId = upload.uploadId ?? randomUUID();
  const receivedAt = upload.receivedAt ?? noon;
  const sha256 = createHash('sha256').update(uploadId).digest();
  await db.withTenant(tenantId, async (tx) => {
    await tx.query('insert into blob (tenant_id, sha256, size_bytes) values ($1, $2, 1)', [tenantId, sha256]);
    await tx.query(
      `insert into upload (tenant_id, upload_id, service_id, instance_id, sha256, identity_at, size_bytes, received_at, state)
       values ($1, $2, $3, $4, $5, '-infinity', 1, $6, 'parsing')`,
      [tenantId, uploadId, serviceId, instanceId, sha256, receivedAt],
    );
    await tx.query(
      `insert into snapshot (tenant_id, snapshot_id, upload_id, service_id, instance_id, captured_at, captured_from, env, labels)
       values ($1, $2, $2, $3, $4, $5, 'receipt', $6, $7)`,
      [tenantId, uploadId, serviceId, instanceId, receivedAt, env, labels],
    );
  });
  return { uploadId, serviceId, instanceId, receivedAt, declared: upload.declared ?? {} };
}

export function contentOf(stacks: StackProfile, content: Partial<PartContent> = {}): PartContent {
  return {
    kind: 'heap',
    capturedAtNanos: null,
    delta: false,
    durationNanos: 0n,
    stacks,
    totals: stacks.values.map(sumOf),
    series: [],
    content: null,
    details: { warnings: [], losses: [] },
    ...content,
  };
}

/** The whole way of an upload into the index. */
export async function indexUpload(
  db: Database,
  dictionary: Dictionary,
  tenantId: TenantId,
  upload: RecordedUpload,
  contents: readonly PartContent[],
): Promise<void> {
  const indexed = await indexUploads(dictionary, tenantId, [{ upload, parts: contents }]);
  await db.withTenant(tenantId, (tx) => recordUploads(tx, tenantId, indexed));
}

/** Unix nanoseconds. */
export function nanos(at: Date): bigint {
  return BigInt(at.getTime()) * 1_000_000n;
}
