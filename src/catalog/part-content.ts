import type { TenantId, Tx } from '../platform/database.js';
import { openBlock, sealBlock } from './block.js';

/**
 * What is kept of a snapshot to be shown as it was found, beside what is indexed: JSON, whose 64-bit integers are decimal
 * strings, in a sealed block.
 */
const version = 1;

export interface ContentKey {
  /** RFC 3339, UTC, with microseconds: the row lies in the partition of its month. */
  readonly capturedAt: string;
  readonly snapshotId: string;
}

export async function encodeContent(content: object): Promise<Buffer> {
  const text = JSON.stringify(content, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
  return sealBlock(version, new TextEncoder().encode(text));
}

/** @throws DamagedBlockError */
export function decodeContent(data: Uint8Array): unknown {
  const reader = openBlock(version, data);
  return JSON.parse(new TextDecoder().decode(reader.raw(reader.remaining)));
}

export interface SealedContent extends ContentKey {
  readonly data: Buffer;
}

/** @param replaced snapshots that had contents before, which are forgotten */
export async function writeContents(
  tx: Tx,
  tenantId: TenantId,
  replaced: readonly string[],
  contents: readonly SealedContent[],
): Promise<void> {
  if (replaced.length > 0) {
    await tx.query('delete from part_content where tenant_id = $1 and snapshot_id = any($2::uuid[])', [
      tenantId,
      replaced,
    ]);
  }
  if (contents.length === 0) return;
  await tx.query(
    `insert into part_content (tenant_id, captured_at, snapshot_id, data)
     select $1, c.captured_at, c.snapshot_id, c.data
       from unnest($2::timestamptz[], $3::uuid[], $4::bytea[]) c (captured_at, snapshot_id, data)`,
    [
      tenantId,
      contents.map(({ capturedAt }) => capturedAt),
      contents.map(({ snapshotId }) => snapshotId),
      contents.map(({ data }) => data),
    ],
  );
}

/** Null if nothing was kept. @throws DamagedBlockError */
export async function readContent(tx: Tx, tenantId: TenantId, key: ContentKey): Promise<unknown> {
  const [row] = await tx.query<{ data: Buffer }[]>(
    'select data from part_content where tenant_id = $1 and captured_at = $2 and snapshot_id = $3',
    [tenantId, key.capturedAt, key.snapshotId],
  );
  return row ? decodeContent(row.data) : null;
}
