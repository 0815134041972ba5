import { createHash } from 'node:crypto';
import type { TenantId, Tx } from '../platform/database.js';
import { markLateArrival } from './compaction.js';
import type { IndexedPart, IndexedStacks, RecordedUpload } from './index-part.js';
import { writeContents } from './part-content.js';
import { writeSeries } from './series.js';

/**
 * The dictionary that the parts' numbers come from was dropped before they were recorded. Memory has forgotten it;
 * indexing the upload again succeeds.
 */
export class StaleDictionaryError extends Error {
  constructor(month: string) {
    super(`the stacks of ${month} were dropped meanwhile`);
    this.name = 'StaleDictionaryError';
  }
}

/** A row that many uploads share is written only when what it says would change by more than this. */
const seenWithinSeconds = 60;

interface PartRow {
  readonly snapshot_id: string;
  readonly part: number;
  readonly kind: string | null;
  readonly captured_at: string;
  readonly has_vector: boolean;
  readonly was_indexed: boolean;
}

/**
 * Puts what was found in an upload into the index: its snapshots' rows, vectors, series and contents, the build, when build and
 * instance were seen, and the word to the roll-ups. Part 0 is there since the receipt and has the upload's id; further
 * parts get ids that depend on the upload alone. Recording an upload again replaces what was there.
 *
 * Runs in the transaction that has made sure that the result may be written. Rows that uploads share are locked in one
 * order: the dictionaries, the build, the instance, the roll-ups' hours.
 *
 * @throws StaleDictionaryError
 */
export async function recordParts(
  tx: Tx,
  tenantId: TenantId,
  upload: RecordedUpload,
  parts: readonly IndexedPart[],
): Promise<void> {
  if (parts.length === 0) throw new RangeError('an upload without parts');
  const { serviceId, instanceId, uploadId } = upload;
  const before = await tx.query<PartRow[]>(
    `select snapshot_id, part, kind, sample_types <> '[]' as has_vector, details <> '{}' as was_indexed,
            to_char(captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as captured_at
       from snapshot where tenant_id = $1 and upload_id = $2 order by part for update`,
    [tenantId, uploadId],
  );
  await holdDictionaries(tx, tenantId, serviceId, parts);
  const replaced = before.filter((row) => row.has_vector);
  if (replaced.length > 0) await removeVectors(tx, tenantId, serviceId, replaced);
  const times = parts.map((part) => part.capturedAt).sort();
  const seen = { first: times[0], last: times[times.length - 1] };
  const buildId = await recordBuild(tx, tenantId, upload, parts, seen);
  const ids = parts.map((_, part) => before.find((row) => row.part === part)?.snapshot_id ?? partId(uploadId, part));
  await writeSnapshots(tx, tenantId, uploadId, buildId, ids, parts);
  if (before.length > parts.length) {
    await tx.query('delete from snapshot where tenant_id = $1 and upload_id = $2 and part >= $3', [
      tenantId,
      uploadId,
      parts.length,
    ]);
  }
  const found = parts.map((part, index) => ({ ...part, snapshotId: ids[index] }));
  await writeVectors(tx, tenantId, upload, buildId, found);
  const known = before.filter((row) => row.was_indexed).map((row) => row.snapshot_id);
  if (known.length > 0 || found.some(({ series }) => series.length > 0)) {
    await writeSeries(tx, tenantId, { serviceId, instanceId, buildId }, known, found);
  }
  if (known.length > 0 || found.some(({ content }) => content !== null)) {
    const contents = found.flatMap(({ snapshotId, capturedAt, content }) =>
      content === null ? [] : [{ snapshotId, capturedAt, data: content }],
    );
    await writeContents(tx, tenantId, [...known, ...ids], contents);
  }
  await tx.query(
    `update instance set first_seen = least(first_seen, $4), last_seen = greatest(last_seen, $5)
      where tenant_id = $1 and service_id = $2 and instance_id = $3
        and (first_seen > $4 or last_seen < $5::timestamptz - make_interval(secs => $6))`,
    [tenantId, serviceId, instanceId, seen.first, seen.last, seenWithinSeconds],
  );
  const marks = new Map<string, { kind: string; at: Date }>();
  for (const { kind, capturedAt } of [
    ...parts.filter(({ stacks }) => stacks !== null),
    ...replaced.map((row) => ({ kind: row.kind!, capturedAt: row.captured_at })),
  ]) {
    marks.set(`${kind} ${capturedAt.slice(0, 13)}`, { kind, at: new Date(capturedAt) });
  }
  for (const key of [...marks.keys()].sort()) {
    const { kind, at } = marks.get(key)!;
    await markLateArrival(tx, tenantId, serviceId, kind, instanceId, at);
  }
}

/** The id of a further part: a UUID of version 8 (RFC 9562) that indexing the same upload anew gives again. */
export function partId(uploadId: string, part: number): string {
  if (part === 0) return uploadId;
  const bytes = createHash('sha256').update(`${uploadId}/${part}`).digest().subarray(0, 16);
  bytes[6] = 0x80 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Keeps the dictionaries from being dropped until the vectors that need them are committed. Growth does not wait. */
async function holdDictionaries(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  parts: readonly IndexedPart[],
): Promise<void> {
  const dictionaries = parts.flatMap(({ stacks }) => (stacks === null ? [] : [stacks.dictionary]));
  if (dictionaries.length === 0) return;
  const heads = await tx.query<{ month: string; incarnation: string }[]>(
    `select month, incarnation from stack_head
      where tenant_id = $1 and service_id = $2 and month = any($3::date[]) order by month for key share`,
    [tenantId, serviceId, [...new Set(dictionaries.map(({ month }) => month))]],
  );
  for (const dictionary of dictionaries) {
    const head = heads.find(({ month }) => month === dictionary.month);
    if (head?.incarnation === dictionary.incarnation) continue;
    dictionary.forget();
    throw new StaleDictionaryError(dictionary.month);
  }
}

async function removeVectors(tx: Tx, tenantId: TenantId, serviceId: string, rows: readonly PartRow[]): Promise<void> {
  await tx.query(
    `delete from vector v using unnest($3::text[], $4::timestamptz[], $5::uuid[]) old (kind, captured_at, snapshot_id)
      where v.tenant_id = $1 and v.service_id = $2 and v.kind = old.kind and v.captured_at = old.captured_at
        and v.snapshot_id = old.snapshot_id`,
    [
      tenantId,
      serviceId,
      rows.map((row) => row.kind),
      rows.map((row) => row.captured_at),
      rows.map((row) => row.snapshot_id),
    ],
  );
}

async function recordBuild(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, declared }: RecordedUpload,
  parts: readonly IndexedPart[],
  seen: { first: string; last: string },
): Promise<string | null> {
  const own = parts.find(({ build }) => build !== undefined)?.build;
  const { build = own?.version ?? '', gitSha = own?.gitSha ?? '', ciBuild = '' } = declared;
  if (build === '' && gitSha === '' && ciBuild === '') return null;
  for (;;) {
    const [row] = await tx.query<{ build_id: string }[]>(
      `with known as (
         select build_id, first_seen, last_seen from build
          where tenant_id = $1 and service_id = $2 and version = $3 and git_sha = $4 and ci_build = $5
       ), made as (
         insert into build (tenant_id, service_id, version, git_sha, ci_build, first_seen, last_seen)
         select $1, $2, $3, $4, $5, $6, $7 where not exists (select from known)
         on conflict (tenant_id, service_id, version, git_sha, ci_build) do nothing
         returning build_id
       ), touched as (
         update build b set first_seen = least(b.first_seen, $6), last_seen = greatest(b.last_seen, $7)
           from known k
          where b.tenant_id = $1 and b.service_id = $2 and b.build_id = k.build_id
            and (k.first_seen > $6 or k.last_seen < $7::timestamptz - make_interval(secs => $8))
       )
       select build_id from known union all select build_id from made`,
      [tenantId, serviceId, build, gitSha, ciBuild, seen.first, seen.last, seenWithinSeconds],
    );
    // Neither known nor made: another transaction has made it meanwhile, and the next round sees it.
    if (row) return row.build_id;
  }
}

async function writeSnapshots(
  tx: Tx,
  tenantId: TenantId,
  uploadId: string,
  buildId: string | null,
  ids: readonly string[],
  parts: readonly IndexedPart[],
): Promise<void> {
  await tx.query(
    `insert into snapshot (tenant_id, snapshot_id, upload_id, part, service_id, instance_id, build_id, kind, captured_at,
                           captured_from, capture_ms, env, labels, delta, duration_nanos, sample_types, details, expires_at, held)
     select s.tenant_id, p.snapshot_id, s.upload_id, p.part - 1, s.service_id, s.instance_id, $3, p.kind, p.captured_at,
            p.captured_from, s.capture_ms, s.env, s.labels, p.delta, p.duration_nanos, p.sample_types, p.details, s.expires_at, s.held
       from snapshot s,
            unnest($4::uuid[], $5::text[], $6::timestamptz[], $7::text[], $8::boolean[], $9::bigint[], $10::jsonb[], $11::jsonb[])
              with ordinality as p (snapshot_id, kind, captured_at, captured_from, delta, duration_nanos, sample_types, details, part)
      where s.tenant_id = $1 and s.upload_id = $2 and s.part = 0
     on conflict (tenant_id, upload_id, part) do update
        set build_id = excluded.build_id, kind = excluded.kind, captured_at = excluded.captured_at,
            captured_from = excluded.captured_from, delta = excluded.delta, duration_nanos = excluded.duration_nanos,
            sample_types = excluded.sample_types, details = excluded.details`,
    [
      tenantId,
      uploadId,
      buildId,
      ids,
      parts.map((part) => part.kind),
      parts.map((part) => part.capturedAt),
      parts.map((part) => part.capturedFrom),
      parts.map((part) => part.delta),
      parts.map((part) => part.durationNanos.toString()),
      parts.map((part) => json(part.sampleTypes)),
      parts.map((part) => json(part.details)),
    ],
  );
}

async function writeVectors(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, instanceId }: RecordedUpload,
  buildId: string | null,
  found: readonly (IndexedPart & { readonly snapshotId: string })[],
): Promise<void> {
  const parts = found.filter((part): part is typeof part & { readonly stacks: IndexedStacks } => part.stacks !== null);
  if (parts.length === 0) return;
  await tx.query(
    `insert into vector (tenant_id, service_id, kind, captured_at, snapshot_id, instance_id, build_id, delta, duration_nanos,
                         sample_types, totals, data)
     select $1, $2, p.kind, p.captured_at, p.snapshot_id, $3, $4, p.delta, p.duration_nanos,
            array(select t.value #>> '{}' from jsonb_array_elements(p.sample_types) with ordinality t order by t.ordinality),
            p.totals::numeric[], p.data
       from unnest($5::text[], $6::timestamptz[], $7::uuid[], $8::boolean[], $9::bigint[], $10::jsonb[], $11::text[], $12::bytea[])
              p (kind, captured_at, snapshot_id, delta, duration_nanos, sample_types, totals, data)`,
    [
      tenantId,
      serviceId,
      instanceId,
      buildId,
      parts.map((part) => part.kind),
      parts.map((part) => part.capturedAt),
      parts.map((part) => part.snapshotId),
      parts.map((part) => part.delta),
      parts.map((part) => part.durationNanos.toString()),
      parts.map((part) => json(part.sampleTypes.map(({ type, unit }) => `${type}/${unit}`))),
      parts.map((part) => `{${part.sampleTypes.map(({ total }) => total).join(',')}}`),
      parts.map((part) => part.stacks.vector),
    ],
  );
}

/** JSON that Postgres takes: text there holds neither U+0000 nor half a surrogate pair. 64-bit integers are strings. */
function json(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    if (typeof inner === 'string') return Buffer.from(inner, 'utf8').toString('utf8').replaceAll('\0', '\ufffd');
    return inner;
  });
}
