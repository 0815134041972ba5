import { joinTables, type SeriesTable, sliceTable } from '../analysis/series-table.js';
import { prepared, type TenantId, type Tx } from '../platform/database.js';
import { decodeSeries, encodeSeries } from './series-chunk.js';

/** What one part said about one UTC day, ready to be written. */
export interface SealedSeries {
  readonly source: string;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly moments: number;
  readonly data: Buffer;
}

const dayNanos = 86_400_000_000_000n;

/**
 * Cuts a table, whose moments are of 1970 or later, at midnight UTC: so a chunk lies in one partition, and a range needs
 * to look only one day back.
 */
export async function sealSeries(source: string, table: SeriesTable): Promise<SealedSeries[]> {
  const { atNanos } = table;
  const sealed: SealedSeries[] = [];
  for (let start = 0; start < atNanos.length;) {
    const day = atNanos[start] / dayNanos;
    let end = start + 1;
    while (end < atNanos.length && atNanos[end] / dayNanos === day) end++;
    sealed.push({
      source,
      firstAt: timestampOf(atNanos[start]),
      lastAt: timestampOf(atNanos[end - 1]),
      moments: end - start,
      data: await encodeSeries(sliceTable(table, start, end)),
    });
    start = end;
  }
  return sealed;
}

/** RFC 3339, UTC, with the microseconds that Postgres keeps. */
export function timestampOf(nanos: bigint): string {
  const micros = nanos / 1000n;
  return `${new Date(Number(micros / 1_000_000n) * 1000).toISOString().slice(0, 19)}.${String(micros % 1_000_000n).padStart(6, '0')}Z`;
}

/** A chunk, and whose it is. */
export interface RecordedSeries extends SealedSeries {
  readonly serviceId: string;
  readonly instanceId: string;
  readonly buildId: string | null;
  readonly snapshotId: string;
}

/** @param replaced snapshots that had said something before, which is forgotten */
export async function writeSeries(
  tx: Tx,
  tenantId: TenantId,
  replaced: readonly string[],
  chunks: readonly RecordedSeries[],
): Promise<void> {
  if (replaced.length > 0) {
    await tx.query('delete from series_chunk where tenant_id = $1 and snapshot_id = any($2::uuid[])', [
      tenantId,
      replaced,
    ]);
  }
  if (chunks.length === 0) return;
  await prepared(
    tx,
    `insert into series_chunk (tenant_id, service_id, instance_id, build_id, source, first_at, last_at, snapshot_id, moments, data)
     select $1, c.service_id, c.instance_id, c.build_id, c.source, c.first_at, c.last_at, c.snapshot_id, c.moments, c.data
       from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::uuid[],
                   $9::int[], $10::bytea[])
              c (service_id, instance_id, build_id, source, first_at, last_at, snapshot_id, moments, data)`,
    [
      tenantId,
      chunks.map(({ serviceId }) => serviceId),
      chunks.map(({ instanceId }) => instanceId),
      chunks.map(({ buildId }) => buildId),
      chunks.map(({ source }) => source),
      chunks.map(({ firstAt }) => firstAt),
      chunks.map(({ lastAt }) => lastAt),
      chunks.map(({ snapshotId }) => snapshotId),
      chunks.map(({ moments }) => moments),
      chunks.map(({ data }) => data),
    ],
  );
}

/** Numbers of one service in a range. Who asks has made sure that the caller may see it. */
export interface SeriesSelection {
  readonly serviceId: string;
  /** All sources if absent. */
  readonly sources?: readonly string[];
  /** Milliseconds since 1970, half open. */
  readonly from: number;
  readonly to: number;
  /** Name of one instance. */
  readonly instance?: string;
  /** Only these. */
  readonly instanceIds?: readonly string[];
  /** Only what snapshots of this kind said. */
  readonly kind?: string;
  /**
   * Of what comes one moment at a time, as MemStats does, only the last of each step of this length is read: a month of
   * one a minute is then as many rows as the answer has points. Logs are read whole, unless `thinLogs` is set: then of
   * those that begin in one step the last one is.
   */
  readonly lastOfMillis?: number;
  readonly thinLogs?: boolean;
}

/** What one instance said through one source, all of it between two moments and in order. */
export interface InstanceSeries {
  readonly instance: string;
  readonly source: string;
  readonly table: SeriesTable;
}

/** A range that holds more chunks than one answer may read. */
export class SeriesTooLargeError extends Error {
  override readonly name = 'SeriesTooLargeError';
  readonly limit = 'series_chunks_per_range';

  constructor(readonly allowed: number) {
    super(`more than ${allowed} chunks of series`);
  }
}

/** Some 50 µs each. */
const chunksPerRange = 50_000;

/**
 * All numbers in the range, by instance and source.
 * @throws SeriesTooLargeError, DamagedBlockError
 */
export async function readSeries(tx: Tx, tenantId: TenantId, selection: SeriesSelection): Promise<InstanceSeries[]> {
  const { serviceId, sources, from, to, instance, instanceIds, kind, lastOfMillis, thinLogs = false } = selection;
  const rows = await tx.query<{ instance_id: string; source: string; data: Buffer }[]>(
    `with wanted as (
       select source, first_at, snapshot_id, instance_id, moments from series_chunk
        where tenant_id = $1 and service_id = $2 and ($3::text[] is null or source = any($3))
          and first_at >= date_trunc('day', $4::timestamptz) and first_at < $5 and last_at >= $4
          and ($6::text is null
               or instance_id = (select instance_id from instance where tenant_id = $1 and service_id = $2 and name = $6))
          and ($10::bigint[] is null or instance_id = any($10))
          and ($9::text is null
               or exists (select from snapshot s where s.tenant_id = $1 and s.snapshot_id = series_chunk.snapshot_id and s.kind = $9))
     ), thinned as (
       select source, first_at, snapshot_id from wanted where (moments > 1 and not $11) or $7::bigint is null
       union all
       (select distinct on (instance_id, source, floor(extract(epoch from first_at) * 1000 / $7))
               source, first_at, snapshot_id
          from wanted where (moments = 1 or $11) and $7::bigint is not null
         order by instance_id, source, floor(extract(epoch from first_at) * 1000 / $7), first_at desc, snapshot_id desc)
     )
     select c.instance_id, c.source, c.data
       from (select * from thinned limit $8) t
       join series_chunk c on c.tenant_id = $1 and c.service_id = $2 and c.source = t.source
                          and c.first_at = t.first_at and c.snapshot_id = t.snapshot_id
      order by c.instance_id, c.source, c.first_at, c.snapshot_id`,
    [
      tenantId,
      serviceId,
      sources ?? null,
      new Date(from),
      new Date(to),
      instance ?? null,
      lastOfMillis ?? null,
      chunksPerRange + 1,
      kind ?? null,
      instanceIds ?? null,
      thinLogs,
    ],
  );
  if (rows.length > chunksPerRange) throw new SeriesTooLargeError(chunksPerRange);
  const names = await instanceNames(tx, tenantId, serviceId, [...new Set(rows.map((row) => row.instance_id))]);
  const groups = new Map<string, { instance: string; source: string; tables: SeriesTable[] }>();
  const first = BigInt(from) * 1_000_000n;
  const last = BigInt(to) * 1_000_000n;
  for (const { instance_id, source, data } of rows) {
    const table = clip(decodeSeries(data), first, last);
    if (table.atNanos.length === 0) continue;
    const key = `${instance_id} ${source}`;
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { instance: names.get(instance_id)!, source, tables: [] }));
    group.tables.push(table);
  }
  return [...groups.values()]
    .map(({ instance: name, source, tables }) => ({ instance: name, source, table: joinTables(tables) }))
    .sort((a, b) => order(a.instance, b.instance) || order(a.source, b.source));
}

/** All that one snapshot said, by source. @throws DamagedBlockError */
export async function readSeriesOfSnapshot(
  tx: Tx,
  tenantId: TenantId,
  snapshotId: string,
): Promise<Omit<InstanceSeries, 'instance'>[]> {
  const rows = await tx.query<{ source: string; data: Buffer }[]>(
    'select source, data from series_chunk where tenant_id = $1 and snapshot_id = $2 order by source, first_at',
    [tenantId, snapshotId],
  );
  const tables = new Map<string, SeriesTable[]>();
  for (const { source, data } of rows) {
    const parts = tables.get(source);
    if (parts === undefined) tables.set(source, [decodeSeries(data)]);
    else parts.push(decodeSeries(data));
  }
  return Array.from(tables, ([source, parts]) => ({ source, table: joinTables(parts) }));
}

async function instanceNames(
  tx: Tx,
  tenantId: TenantId,
  serviceId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await tx.query<{ instance_id: string; name: string }[]>(
    'select instance_id, name from instance where tenant_id = $1 and service_id = $2 and instance_id = any($3::bigint[])',
    [tenantId, serviceId, ids],
  );
  return new Map(rows.map(({ instance_id, name }) => [instance_id, name]));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function clip(table: SeriesTable, first: bigint, last: bigint): SeriesTable {
  const { atNanos } = table;
  let start = 0;
  while (start < atNanos.length && atNanos[start] < first) start++;
  let end = atNanos.length;
  while (end > start && atNanos[end - 1] >= last) end--;
  return start === 0 && end === atNanos.length ? table : sliceTable(table, start, end);
}
