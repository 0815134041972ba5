import { type RuntimeWindow, runtimeWindow } from '../analysis/runtime/runtime-window.js';
import { readSeries } from '../catalog/series.js';
import type { TenantId, Tx } from '../platform/database.js';
import { getInstanceId } from '../tenants/instance-id.js';
import type { RuntimeRange } from './runtime-request.js';

const minuteMillis = 60_000;
const hourMillis = 60 * minuteMillis;

/**
 * How far around a range is read: what holds into it, and from where counters grow. A process that reports less often
 * than every two hours begins with its first word inside.
 */
const marginMillis = 2 * hourMillis;
/** Longer ranges are thinned. */
const wholeRangeMillis = 6 * hourMillis;
/** Moments per instance and source that a thinned range has at most. */
const thinnedMoments = 1_440;

/** Of snapshots only the last of each so many milliseconds counts in a range of this length; null: all do. */
export function thinningOf(fromMillis: number, toMillis: number): number | null {
  const length = toMillis - fromMillis;
  return length <= wholeRangeMillis ? null : Math.ceil(length / thinnedMoments);
}

/** @throws Problem `not-found` (instance), SeriesTooLargeError */
export async function loadRuntime(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, fromMillis, toMillis, instance }: RuntimeRange,
): Promise<RuntimeWindow> {
  if (instance !== undefined) await getInstanceId(tx, tenantId, serviceId, instance);
  const lastOfMillis = thinningOf(fromMillis, toMillis) ?? undefined;
  const from = Math.max(0, fromMillis - marginMillis);
  const to = toMillis + marginMillis;
  const sources = await readSeries(tx, tenantId, { serviceId, from, to, instance, lastOfMillis });
  return runtimeWindow(sources, fromMillis, toMillis);
}

/** Builds that were first heard of inside the range, though others were heard of just before it, or earlier in it. */
export async function appearedBuilds(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, fromMillis, toMillis }: RuntimeRange,
): Promise<{ atMillis: number; build: string }[]> {
  const rows = await tx.query<{ name: string; first_at: Date }[]>(
    `select concat_ws(' ', nullif(b.version, ''), nullif(b.git_sha, ''), nullif(b.ci_build, '')) as name, c.first_at
       from (select build_id, min(first_at) as first_at from series_chunk
              where tenant_id = $1 and service_id = $2 and first_at >= $3 and first_at < $4 and build_id is not null
              group by build_id) c
       join build b on b.tenant_id = $1 and b.service_id = $2 and b.build_id = c.build_id
      order by c.first_at, name`,
    [tenantId, serviceId, new Date(Math.max(0, fromMillis - marginMillis)), new Date(toMillis)],
  );
  return rows.slice(1).map(({ name, first_at }) => ({ atMillis: first_at.getTime(), build: name }));
}
