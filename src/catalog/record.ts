import { createHash } from 'node:crypto';
import { prepared, type TenantId, type Tx } from '../platform/database.js';
import { storableText } from '../platform/storable-text.js';
import { type Arrival, markLateArrivals } from './compaction.js';
import type { IndexedPart, IndexedStacks, IndexedUpload, RecordedUpload } from './index-part.js';
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

/** A part that is there already: from the receipt, or from an earlier recording. */
interface EarlierPart {
  readonly upload_id: string;
  readonly snapshot_id: string;
  readonly part: number;
  readonly kind: string | null;
  readonly captured_at: string;
  readonly has_vector: boolean;
  readonly was_indexed: boolean;
}

/** A part as it goes into the tables. */
interface PartRow {
  readonly upload: RecordedUpload;
  readonly buildId: string | null;
  readonly part: number;
  readonly snapshotId: string;
  readonly content: IndexedPart;
}

/**
 * Puts what was found in some uploads of a tenant into the index: their snapshots' rows, vectors, series and contents, the
 * builds, when builds and instances were seen, and the word to the roll-ups. Part 0 is there since the receipt and has the upload's
 * id; further parts get ids that depend on the upload alone. Recording an upload again replaces what was there.
 *
 * Runs in the transaction that has made sure that the results may be written. Rows that uploads share are locked in one
 * order: the dictionaries, the builds, the instances, the roll-ups' hours, and of each kind in the order of their keys.
 *
 * @throws StaleDictionaryError
 */
export async function recordUploads(tx: Tx, tenantId: TenantId, uploads: readonly IndexedUpload[]): Promise<void> {
  const empty = uploads.find(({ parts }) => parts.length === 0);
  if (empty) throw new RangeError('an upload without parts');
  const earlier = await prepared<EarlierPart[]>(
    tx,
    `select upload_id, snapshot_id, part, kind, sample_types <> '[]' as has_vector, details <> '{}' as was_indexed,
            to_char(captured_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as captured_at
       from snapshot where tenant_id = $1 and upload_id = any($2::uuid[]) order by upload_id, part for update`,
    [tenantId, uploads.map(({ upload }) => upload.uploadId)],
  );
  await holdDictionaries(tx, tenantId, uploads);
  const replaced = await removeVectors(tx, tenantId, uploads, earlier);
  const builds = await recordBuilds(tx, tenantId, uploads);
  const idsBefore = new Map(earlier.map((row) => [`${row.upload_id}/${row.part}`, row.snapshot_id]));
  const rows = uploads.flatMap(({ upload, parts }) =>
    parts.map((content, part): PartRow => {
      const snapshotId = idsBefore.get(`${upload.uploadId}/${part}`) ?? partId(upload.uploadId, part);
      return { upload, buildId: builds.get(buildKey({ upload, parts })) ?? null, part, snapshotId, content };
    }),
  );
  await writeSnapshots(tx, tenantId, rows);
  await removeSurplus(tx, tenantId, uploads, earlier);
  await writeVectors(tx, tenantId, rows);
  await writeNumbers(tx, tenantId, earlier, rows);
  await touchInstances(tx, tenantId, uploads);
  const recorded = rows
    .filter(({ content }) => content.stacks !== null)
    .map(({ upload: { serviceId, instanceId }, content: { kind, capturedAt } }) => {
      return { serviceId, kind, instanceId, capturedAt };
    });
  await markLateArrivals(tx, tenantId, [...recorded, ...replaced]);
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
async function holdDictionaries(tx: Tx, tenantId: TenantId, uploads: readonly IndexedUpload[]): Promise<void> {
  const needed = new Map<string, { serviceId: string; month: string; stacks: IndexedStacks[] }>();
  for (const { upload, parts } of uploads) {
    for (const { stacks } of parts) {
      if (stacks === null) continue;
      const { serviceId } = upload;
      const { month } = stacks.dictionary;
      const same = needed.get(`${serviceId} ${month}`);
      if (same) same.stacks.push(stacks);
      else needed.set(`${serviceId} ${month}`, { serviceId, month, stacks: [stacks] });
    }
  }
  if (needed.size === 0) return;
  const heads = await prepared<{ service_id: string; month: string; incarnation: string }[]>(
    tx,
    `select h.service_id, h.month, h.incarnation
       from unnest($2::bigint[], $3::date[]) n (service_id, month)
       join stack_head h on h.tenant_id = $1 and h.service_id = n.service_id and h.month = n.month
      order by h.service_id, h.month for key share of h`,
    [tenantId, [...needed.values()].map((each) => each.serviceId), [...needed.values()].map((each) => each.month)],
  );
  for (const { serviceId, month, stacks } of needed.values()) {
    const head = heads.find((each) => each.service_id === serviceId && each.month === month);
    for (const { dictionary } of stacks) {
      if (head?.incarnation === dictionary.incarnation) continue;
      dictionary.forget();
      throw new StaleDictionaryError(month);
    }
  }
}

/** @returns where the vectors were that are gone now */
async function removeVectors(
  tx: Tx,
  tenantId: TenantId,
  uploads: readonly IndexedUpload[],
  earlier: readonly EarlierPart[],
): Promise<Arrival[]> {
  const uploadOf = new Map(uploads.map(({ upload }) => [upload.uploadId, upload]));
  const removed = earlier.filter((row) => row.has_vector);
  if (removed.length === 0) return [];
  const places = removed.map((row): Arrival => {
    const { serviceId, instanceId } = uploadOf.get(row.upload_id)!;
    return { serviceId, instanceId, kind: row.kind!, capturedAt: row.captured_at };
  });
  await tx.query(
    `delete from vector v
      using unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::uuid[]) old (service_id, kind, captured_at, snapshot_id)
      where v.tenant_id = $1 and v.service_id = old.service_id and v.kind = old.kind and v.captured_at = old.captured_at
        and v.snapshot_id = old.snapshot_id`,
    [
      tenantId,
      places.map((place) => place.serviceId),
      places.map((place) => place.kind),
      places.map((place) => place.capturedAt),
      removed.map((row) => row.snapshot_id),
    ],
  );
  return places;
}

/** What the sender says of the build counts; where it is silent, what the artefact itself says. */
function buildKey({ upload: { serviceId, declared }, parts }: IndexedUpload): string {
  const own = parts.find(({ build }) => build !== undefined)?.build;
  const { build = own?.version ?? '', gitSha = own?.gitSha ?? '', ciBuild = '' } = declared;
  return JSON.stringify([serviceId, build, gitSha, ciBuild]);
}

/** The ids of the builds that the uploads name, by `buildKey`. */
async function recordBuilds(
  tx: Tx,
  tenantId: TenantId,
  uploads: readonly IndexedUpload[],
): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const [key, times] of seenBy(uploads, buildKey)) {
    const [serviceId, ...names] = JSON.parse(key) as [string, string, string, string];
    if (names.some((name) => name !== '')) ids.set(key, await recordBuild(tx, tenantId, serviceId, names, times));
  }
  return ids;
}

async function recordBuild(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  names: readonly string[],
  { first, last }: Seen,
): Promise<string> {
  for (;;) {
    const [row] = await prepared<{ build_id: string }[]>(
      tx,
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
      [tenantId, serviceId, ...names, first, last, seenWithinSeconds],
    );
    // Neither known nor made: another transaction has made it meanwhile, and the next round sees it.
    if (row) return row.build_id;
  }
}

/** RFC 3339 */
interface Seen {
  readonly first: string;
  readonly last: string;
}

/** From when to when the uploads' snapshots were captured, by something that uploads share, in the order of its keys. */
function seenBy(uploads: readonly IndexedUpload[], keyOf: (upload: IndexedUpload) => string): [string, Seen][] {
  const times = new Map<string, string[]>();
  for (const upload of uploads) {
    const { parts } = upload;
    const key = keyOf(upload);
    const captured = parts.map((part) => part.capturedAt);
    times.set(key, [...(times.get(key) ?? []), ...captured]);
  }
  return [...times]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, captured]) => {
      captured.sort();
      return [key, { first: captured[0], last: captured[captured.length - 1] }];
    });
}

async function writeSnapshots(tx: Tx, tenantId: TenantId, rows: readonly PartRow[]): Promise<void> {
  await prepared(
    tx,
    `insert into snapshot (tenant_id, snapshot_id, upload_id, part, service_id, instance_id, build_id, kind, captured_at,
                           captured_from, capture_ms, env, labels, delta, duration_nanos, sample_types, details, expires_at, held)
     select s.tenant_id, p.snapshot_id, s.upload_id, p.part, s.service_id, s.instance_id, p.build_id, p.kind, p.captured_at,
            p.captured_from, s.capture_ms, s.env, s.labels, p.delta, p.duration_nanos, p.sample_types, p.details, s.expires_at, s.held
       from unnest($2::uuid[], $3::smallint[], $4::uuid[], $5::bigint[], $6::text[], $7::timestamptz[], $8::text[],
                   $9::boolean[], $10::bigint[], $11::jsonb[], $12::jsonb[])
              p (upload_id, part, snapshot_id, build_id, kind, captured_at, captured_from, delta, duration_nanos, sample_types, details)
       join snapshot s on s.tenant_id = $1 and s.upload_id = p.upload_id and s.part = 0
     on conflict (tenant_id, upload_id, part) do update
        set build_id = excluded.build_id, kind = excluded.kind, captured_at = excluded.captured_at,
            captured_from = excluded.captured_from, delta = excluded.delta, duration_nanos = excluded.duration_nanos,
            sample_types = excluded.sample_types, details = excluded.details`,
    [
      tenantId,
      rows.map(({ upload }) => upload.uploadId),
      rows.map(({ part }) => part),
      rows.map(({ snapshotId }) => snapshotId),
      rows.map(({ buildId }) => buildId),
      rows.map(({ content }) => content.kind),
      rows.map(({ content }) => content.capturedAt),
      rows.map(({ content }) => content.capturedFrom),
      rows.map(({ content }) => content.delta),
      rows.map(({ content }) => content.durationNanos.toString()),
      rows.map(({ content }) => json(content.sampleTypes)),
      rows.map(({ content }) => json(content.details)),
    ],
  );
}

/** Parts that an earlier recording has found and this one has not. */
async function removeSurplus(
  tx: Tx,
  tenantId: TenantId,
  uploads: readonly IndexedUpload[],
  earlier: readonly EarlierPart[],
): Promise<void> {
  const partsOf = new Map(uploads.map(({ upload, parts }) => [upload.uploadId, parts.length]));
  const surplus = earlier.filter((row) => row.part >= partsOf.get(row.upload_id)!);
  if (surplus.length === 0) return;
  await tx.query('delete from snapshot where tenant_id = $1 and snapshot_id = any($2::uuid[])', [
    tenantId,
    surplus.map((row) => row.snapshot_id),
  ]);
}

async function writeVectors(tx: Tx, tenantId: TenantId, parts: readonly PartRow[]): Promise<void> {
  const rows = parts.filter(({ content }) => content.stacks !== null);
  if (rows.length === 0) return;
  const vectors = rows.map(({ content }) => content.stacks!.vector);
  const firstBytes: number[] = [];
  vectors.reduce((first, vector) => (firstBytes.push(first), first + vector.length), 1);
  await prepared(
    tx,
    `insert into vector (tenant_id, service_id, kind, captured_at, snapshot_id, instance_id, build_id, delta, duration_nanos,
                         sample_types, totals, data)
     select $1, p.service_id, p.kind, p.captured_at, p.snapshot_id, p.instance_id, p.build_id, p.delta, p.duration_nanos,
            array(select t.value #>> '{}' from jsonb_array_elements(p.sample_types) with ordinality t order by t.ordinality),
            p.totals::numeric[], substring($12::bytea from p.first_byte for p.bytes)
       from unnest($2::bigint[], $3::text[], $4::timestamptz[], $5::uuid[], $6::bigint[], $7::bigint[], $8::boolean[],
                   $9::bigint[], $10::jsonb[], $11::text[], $13::integer[], $14::integer[])
              p (service_id, kind, captured_at, snapshot_id, instance_id, build_id, delta, duration_nanos, sample_types, totals,
                 first_byte, bytes)`,
    [
      tenantId,
      rows.map(({ upload }) => upload.serviceId),
      rows.map(({ content }) => content.kind),
      rows.map(({ content }) => content.capturedAt),
      rows.map(({ snapshotId }) => snapshotId),
      rows.map(({ upload }) => upload.instanceId),
      rows.map(({ buildId }) => buildId),
      rows.map(({ content }) => content.delta),
      rows.map(({ content }) => content.durationNanos.toString()),
      rows.map(({ content }) => json(content.sampleTypes.map(({ type, unit }) => `${type}/${unit}`))),
      rows.map(({ content }) => `{${content.sampleTypes.map(({ total }) => total).join(',')}}`),
      // All in one piece: that goes as bytes, where an array would go as text of twice the length.
      Buffer.concat(vectors),
      firstBytes,
      vectors.map((vector) => vector.length),
    ],
  );
}

/** Series and contents. What these parts had before is replaced; most uploads are profiles, which have neither. */
async function writeNumbers(
  tx: Tx,
  tenantId: TenantId,
  earlier: readonly EarlierPart[],
  rows: readonly PartRow[],
): Promise<void> {
  const before = earlier.filter((row) => row.was_indexed).map((row) => row.snapshot_id);
  const series = rows.flatMap(({ upload: { serviceId, instanceId }, buildId, snapshotId, content }) =>
    content.series.map((chunk) => ({ serviceId, instanceId, buildId, snapshotId, ...chunk })),
  );
  if (before.length > 0 || series.length > 0) await writeSeries(tx, tenantId, before, series);
  const contents = rows.flatMap(({ snapshotId, content: { capturedAt, content } }) =>
    content === null ? [] : [{ snapshotId, capturedAt, data: content }],
  );
  if (before.length > 0 || contents.length > 0) await writeContents(tx, tenantId, before, contents);
}

async function touchInstances(tx: Tx, tenantId: TenantId, uploads: readonly IndexedUpload[]): Promise<void> {
  const seen = seenBy(uploads, ({ upload: { serviceId, instanceId } }) => JSON.stringify([serviceId, instanceId]));
  const keys = seen.map(([key]) => JSON.parse(key) as [string, string]);
  await prepared(
    tx,
    `with stale as (
       select i.service_id, i.instance_id, s.first, s.last
         from unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::timestamptz[]) s (service_id, instance_id, first, last)
         join instance i on i.tenant_id = $1 and i.service_id = s.service_id and i.instance_id = s.instance_id
        where i.first_seen > s.first or i.last_seen < s.last - make_interval(secs => $6)
        order by i.service_id, i.instance_id for no key update of i
     )
     update instance i set first_seen = least(i.first_seen, stale.first), last_seen = greatest(i.last_seen, stale.last)
       from stale
      where i.tenant_id = $1 and i.service_id = stale.service_id and i.instance_id = stale.instance_id`,
    [
      tenantId,
      keys.map(([serviceId]) => serviceId),
      keys.map(([, instanceId]) => instanceId),
      seen.map(([, { first }]) => first),
      seen.map(([, { last }]) => last),
      seenWithinSeconds,
    ],
  );
}

/** JSON that Postgres takes. 64-bit integers are strings. */
function json(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    if (typeof inner === 'string') return storableText(inner);
    return inner;
  });
}
