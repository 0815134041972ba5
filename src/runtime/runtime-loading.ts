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

/** Builds that were first heard of inside the range, but for the first one of the service. */
export async function appearedBuilds(
  tx: Tx,
  tenantId: TenantId,
  { serviceId, fromMillis, toMillis }: RuntimeRange,
): Promise<{ atMillis: number; build: string }[]> {
  const rows = await tx.query<{ name: string; first_seen: Date }[]>(
    `select concat_ws(' ', nullif(version, ''), nullif(git_sha, ''), nullif(ci_build, '')) as name, first_seen
       from build b
      where tenant_id = $1 and service_id = $2 and first_seen >= $3 and first_seen < $4
        and exists (select from build o where o.tenant_id = $1 and o.service_id = $2 and o.first_seen < b.first_seen)
      order by first_seen, name`,
    [tenantId, serviceId, new Date(fromMillis), new Date(toMillis)],
  );
  return rows.map(({ name, first_seen }) => ({ atMillis: first_seen.getTime(), build: name }));
}
