import { prepared, type TenantId, type Tx } from '../platform/database.js';
import type { DeclaredUpload } from './declared-upload.js';
import type { ContentEncoding } from './parsed-part.js';

/** An artefact whose bytes are in the archive. */
export interface ArchivedBytes {
  readonly uploadId: string;
  readonly sha256: Buffer;
  readonly sizeBytes: number;
  readonly contentEncoding: ContentEncoding;
  /** Whether the bytes hold readings of a clock, so that they alone say which capture they are. */
  readonly ownClock: boolean;
  readonly declared: DeclaredUpload;
}

export interface AcceptedUpload {
  /** Its own, or that of the upload that is the same. */
  readonly id: string;
  readonly kind: string | null;
  readonly state: string;
  readonly sha256: string;
  readonly duplicate: boolean;
}

/** Where uploads belong. */
export interface UploadPlace {
  readonly tenantId: TenantId;
  readonly serviceId: string;
  readonly instanceId: string;
}

/**
 * Writes uploads, part 0 of the snapshots of each, and the work to do, with two statements however many there are; or
 * finds the ones that are the same. What is the same, see `upload.identity_at` in the schema; two of `uploads` may be.
 *
 * @param capture the capture that the new ones come in, and the names that they have there, in the order of `uploads`
 * @returns one for each of `uploads`, in their order
 */
export async function acceptUploads(
  tx: Tx,
  { tenantId, serviceId, instanceId }: UploadPlace,
  uploads: readonly ArchivedBytes[],
  capture: { id: string; names: readonly string[] } | null = null,
): Promise<AcceptedUpload[]> {
  const accepted = await prepared<{ upload_id: string }[]>(
    tx,
    `with given as (
       select *, ${identityAt} as identity_at
         from unnest($4::uuid[], $5::bytea[], $6::bigint[], $7::text[], $8::boolean[], $9::jsonb[], $10::text[])
           with ordinality as g (upload_id, sha256, size_bytes, content_encoding, own_clock, declared, name, ordinal)
     ), stored as (
       insert into blob (tenant_id, sha256, size_bytes)
       select $1, sha256, size_bytes from given order by sha256
       on conflict (tenant_id, sha256) do nothing
     ), accepted as (
       insert into upload (tenant_id, upload_id, service_id, instance_id, sha256, identity_at, size_bytes,
                           content_encoding, received_at, declared, state, capture_id, name)
       select $1, upload_id, $2, $3, sha256, identity_at, size_bytes, content_encoding, now(), declared, 'stored', $11, name
         from given order by sha256, identity_at, ordinal
       on conflict (tenant_id, service_id, instance_id, sha256, identity_at) do nothing
       returning upload_id, received_at, declared
     ), found as (
       insert into snapshot (tenant_id, snapshot_id, upload_id, service_id, instance_id, kind, captured_at,
                             captured_from, capture_ms, env, labels, delta)
       select $1, upload_id, upload_id, $2, $3, declared->>'kind',
              coalesce((declared->>'capturedAt')::timestamptz, received_at),
              case when declared ? 'capturedAt' then 'given' else 'receipt' end,
              (declared->>'captureMs')::integer, coalesce(declared->>'env', ''), coalesce(declared->'labels', '{}'),
              coalesce((declared->>'delta')::boolean, false)
         from accepted
     ), waiting as (
       insert into work (tenant_id, upload_id, received_at) select $1, upload_id, received_at from accepted
     )
     select upload_id from accepted`,
    [
      tenantId,
      serviceId,
      instanceId,
      uploads.map(({ uploadId }) => uploadId),
      uploads.map(({ sha256 }) => sha256),
      uploads.map(({ sizeBytes }) => sizeBytes),
      uploads.map(({ contentEncoding }) => contentEncoding),
      uploads.map(({ ownClock }) => ownClock),
      uploads.map(({ declared }) => JSON.stringify(declared)),
      capture?.names ?? uploads.map(() => null),
      capture?.id ?? null,
    ],
  );
  const fresh = new Set(accepted.map((row) => row.upload_id));
  const others = uploads.filter(({ uploadId }) => !fresh.has(uploadId));
  const known = others.length === 0 ? [] : await findSame(tx, { tenantId, serviceId, instanceId }, others);
  let next = 0;
  return uploads.map(({ uploadId, sha256, declared }) => {
    const hash = sha256.toString('hex');
    if (!fresh.has(uploadId)) return { ...known[next++], sha256: hash, duplicate: true };
    return { id: uploadId, kind: declared.kind ?? null, state: 'stored', sha256: hash, duplicate: false };
  });
}

/**
 * SQL for the last part of an upload's identity; see the schema. Rows are written in the order of their identities, so
 * that two captures that share artefacts never wait for each other in a ring.
 */
const identityAt = `coalesce((declared->>'capturedAt')::timestamptz,
                             case when own_clock then '-infinity'::timestamptz else now() end)`;

/**
 * The uploads that stood in the way of these, in the same order. Each is looked up by itself (`limit 1`), so that the plan
 * is right also while the statistics still say that the tables are empty.
 */
async function findSame(
  tx: Tx,
  { tenantId, serviceId, instanceId }: UploadPlace,
  uploads: readonly ArchivedBytes[],
): Promise<{ id: string; kind: string | null; state: string }[]> {
  return tx.query(
    `select u.upload_id as id, s.kind, u.state
       from (select sha256, ${identityAt} as identity_at, ordinal
               from unnest($4::bytea[], $5::boolean[], $6::jsonb[])
                 with ordinality as g (sha256, own_clock, declared, ordinal)) g
      cross join lateral (
        select * from upload
         where tenant_id = $1 and service_id = $2 and instance_id = $3 and sha256 = g.sha256
           and identity_at = g.identity_at
         limit 1) u
      cross join lateral (
        select kind from snapshot where tenant_id = $1 and upload_id = u.upload_id and part = 0 limit 1) s
      order by g.ordinal`,
    [
      tenantId,
      serviceId,
      instanceId,
      uploads.map(({ sha256 }) => sha256),
      uploads.map(({ ownClock }) => ownClock),
      uploads.map(({ declared }) => JSON.stringify(declared)),
    ],
  );
}
