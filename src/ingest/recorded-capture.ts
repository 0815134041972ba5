import { createHash } from 'node:crypto';
import type { Tx } from '../platform/database.js';
import { acceptUploads, type AcceptedUpload, type ArchivedBytes, type UploadPlace } from './accepted-uploads.js';
import type { DeclaredUpload } from './declared-upload.js';

/** A file of a capture that no upload was made of, and why. */
export interface SkippedFile {
  readonly name: string;
  /** `empty`: without a byte; `metadata`: written by an operating system beside the files themselves. */
  readonly reason: 'empty' | 'metadata';
}

export interface CapturedFile extends ArchivedBytes {
  readonly name: string;
}

/** A capture all of whose bytes are in the archive. */
export interface ArchivedCapture {
  readonly captureId: string;
  readonly service: string;
  readonly instance: string;
  readonly team: string | undefined;
  readonly receivedAt: Date;
  /** What the sender said of all of them. */
  readonly declared: DeclaredUpload;
  /** At least one, in the order in which they were sent. */
  readonly files: readonly CapturedFile[];
  readonly skipped: readonly SkippedFile[];
  readonly idempotencyKey: string | null;
}

export interface CaptureReceipt {
  readonly id: string;
  readonly service: string;
  readonly instance: string;
  /** RFC 3339 in UTC with microseconds. */
  readonly captured_at: string;
  readonly duplicate: boolean;
  readonly snapshots: readonly (AcceptedUpload & { readonly name: string })[];
  readonly skipped: readonly SkippedFile[];
}

/** Writes a capture and its uploads; or finds the capture of the same uploads. */
export async function acceptCapture(tx: Tx, place: UploadPlace, capture: ArchivedCapture): Promise<CaptureReceipt> {
  const { captureId, files } = capture;
  const names = files.map(({ name }) => name);
  const uploads = await acceptUploads(tx, place, files, { id: captureId, names });
  const made = await insertCapture(tx, place, capture, identityOf(uploads));
  if (!made.duplicate) {
    await tx.query(
      `insert into capture_part (tenant_id, capture_id, ordinal, upload_id, name)
       select $1, $2, p.ordinal - 1, p.upload_id, p.name
         from unnest($3::uuid[], $4::text[]) with ordinality as p (upload_id, name, ordinal)`,
      [place.tenantId, captureId, uploads.map(({ id }) => id), names],
    );
    await adopt(tx, place, captureId, uploads, names);
  }
  return {
    id: made.id,
    service: capture.service,
    instance: capture.instance,
    captured_at: made.capturedAt,
    duplicate: made.duplicate,
    snapshots: uploads.map((upload, i) => ({ ...upload, name: names[i] })),
    skipped: capture.skipped,
  };
}

/** The same artefacts are the same capture, in whatever order and under whatever names. */
function identityOf(uploads: readonly AcceptedUpload[]): Buffer {
  const ids = [...new Set(uploads.map(({ id }) => id))].sort();
  return createHash('sha256').update(ids.join('\n')).digest();
}

/** SQL: as it is shown everywhere, because a Date has no microseconds. */
const capturedAtText = `to_char(captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as captured_at`;

async function insertCapture(
  tx: Tx,
  { tenantId, serviceId, instanceId }: UploadPlace,
  { captureId, declared, skipped }: ArchivedCapture,
  identity: Buffer,
): Promise<{ id: string; capturedAt: string; duplicate: boolean }> {
  const [inserted] = await tx.query<{ captured_at: string }[]>(
    `insert into capture (tenant_id, capture_id, service_id, instance_id, identity, captured_at, captured_from, received_at,
                          capture_ms, build, git_sha, ci_build, env, labels, skipped)
     values ($1, $2, $3, $4, $5, coalesce($6::timestamptz, now()), case when $6 is null then 'receipt' else 'given' end,
             now(), $7, $8, $9, $10, $11, $12, $13)
     on conflict (tenant_id, service_id, instance_id, identity) do nothing
     returning ${capturedAtText}`,
    [
      tenantId,
      captureId,
      serviceId,
      instanceId,
      identity,
      declared.capturedAt ?? null,
      declared.captureMs ?? null,
      declared.build ?? '',
      declared.gitSha ?? '',
      declared.ciBuild ?? '',
      declared.env ?? '',
      declared.labels ?? {},
      JSON.stringify(skipped),
    ],
  );
  if (inserted) return { id: captureId, capturedAt: inserted.captured_at, duplicate: false };
  const [same] = await tx.query<{ capture_id: string; captured_at: string }[]>(
    `select capture_id, ${capturedAtText} from capture
      where tenant_id = $1 and service_id = $2 and instance_id = $3 and identity = $4`,
    [tenantId, serviceId, instanceId, identity],
  );
  return { id: same.capture_id, capturedAt: same.captured_at, duplicate: true };
}

/** What was sent alone before belongs to this capture from now on; what is another's already stays there. */
async function adopt(
  tx: Tx,
  { tenantId }: UploadPlace,
  captureId: string,
  uploads: readonly AcceptedUpload[],
  names: readonly string[],
): Promise<void> {
  const known = new Map<string, string>();
  uploads.forEach(({ id, duplicate }, i) => {
    if (duplicate && !known.has(id)) known.set(id, names[i]);
  });
  if (known.size === 0) return;
  // Locked in the order of their ids, as every other capture does.
  await tx.query(
    `with free as materialized (
       select u.upload_id from upload u
        where u.tenant_id = $1 and u.upload_id = any ($3::uuid[]) and u.capture_id is null
        order by u.upload_id for no key update
     )
     update upload u set capture_id = $2, name = k.name
       from unnest($3::uuid[], $4::text[]) as k (upload_id, name)
      where u.tenant_id = $1 and u.upload_id = k.upload_id and u.upload_id in (select upload_id from free)
        and u.capture_id is null`,
    [tenantId, captureId, [...known.keys()], [...known.values()]],
  );
}
