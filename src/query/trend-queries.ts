import type { StackStore } from '../catalog/stack-store.js';
import { readTeamTrend, readTrend, type Trend } from '../catalog/trends.js';
import { hourMillis, hourOf } from '../analysis/timeline.js';
import { sampleTypeIndex } from '../analysis/sample-type.js';
import type { Database, TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import { onlyDefaultInstance } from '../tenants/coverage-note.js';
import { getBuildIds } from '../tenants/build-ids.js';
import { getInstanceId } from '../tenants/instance-id.js';
import type { ServiceTrendRequest, TeamTrendRequest, TrendRequest } from './query-request.js';
import type { TrendDto } from './trends.dto.js';

/** Answers questions about numbers over time: reads in one transaction, and gives series names for ids. */
export class TrendQueries {
  constructor(
    private readonly db: Database,
    private readonly store: StackStore,
  ) {}

  /** @throws Problem `not-found` (instance, build, function), `validation-failed`, `too-many-points` */
  ofService(tenantId: TenantId, request: ServiceTrendRequest): Promise<TrendDto> {
    const { serviceId, instance, build, functionName, value, by } = request;
    return this.db.readTenant(tenantId, async (tx) => {
      const range = await rangeOf(tx, tenantId, [serviceId], request);
      const instanceId = instance === undefined ? undefined : await getInstanceId(tx, tenantId, serviceId, instance);
      const buildIds = build === undefined ? undefined : await getBuildIds(tx, tenantId, serviceId, build);
      const query = { ...range, serviceId, instanceId, buildIds, functionName, value, by };
      const trend = await readTrend(tx, this.store, tenantId, query);
      const names =
        by === undefined
          ? noNames
          : await (by === 'instance' ? instanceNames : buildNames)(tx, tenantId, serviceId, trend);
      return answerOf(request, range, trend, names, await onlyDefaultInstance(tx, tenantId, [serviceId], range));
    });
  }

  ofTeam(tenantId: TenantId, request: TeamTrendRequest): Promise<TrendDto> {
    return this.db.readTenant(tenantId, async (tx) => {
      const services = await tx.query<{ id: string; name: string }[]>(
        'select service_id as id, name from service where tenant_id = $1 and team_id = $2',
        [tenantId, request.teamId],
      );
      const serviceIds = services.map(({ id }) => id);
      const range = await rangeOf(tx, tenantId, serviceIds, request);
      const trend = await readTeamTrend(tx, tenantId, { ...range, serviceIds, by: request.by });
      const note = await onlyDefaultInstance(tx, tenantId, serviceIds, range);
      return answerOf(request, range, trend, asMap(services), note);
    });
  }
}

type Names = ReadonlyMap<string, string>;
const noNames: Names = new Map();

interface ResolvedRange {
  readonly kind: string;
  readonly sampleType: string;
  readonly stat: TrendRequest['stat'];
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly stepSeconds: number;
}

/** Steps of an hour and more begin and end with full hours; the sample type is the one that the profiles show first. */
async function rangeOf(
  tx: Tx,
  tenantId: TenantId,
  serviceIds: readonly string[],
  { kind, sampleType, stat, fromMillis, toMillis, stepSeconds }: TrendRequest,
): Promise<ResolvedRange> {
  const hourly = stepSeconds * 1000 >= hourMillis;
  return {
    kind,
    sampleType: sampleType ?? (await firstSampleType(tx, tenantId, serviceIds, kind)),
    stat,
    stepSeconds,
    fromMillis: hourly ? hourOf(fromMillis) : fromMillis,
    toMillis: hourly ? hourOf(toMillis - 1) + hourMillis : toMillis,
  };
}

async function firstSampleType(
  tx: Tx,
  tenantId: TenantId,
  serviceIds: readonly string[],
  kind: string,
): Promise<string> {
  const [youngest] = await tx.query<{ sample_types: { type: string; unit: string }[]; by_default: string | null }[]>(
    `select s.sample_types, s.details ->> 'defaultSampleType' as by_default
       from unnest($2::bigint[]) wanted (service_id)
      cross join lateral (
        select sample_types, details, captured_at from snapshot s
         where s.tenant_id = $1 and s.service_id = wanted.service_id and s.kind = $3 and s.sample_types <> '[]'
         order by s.captured_at desc, s.snapshot_id desc limit 1) s
      order by s.captured_at desc limit 1`,
    [tenantId, serviceIds, kind],
  );
  if (!youngest) throw new Problem('not-found', `There is no indexed snapshot of the kind ${kind}.`);
  const { sample_types: types, by_default } = youngest;
  return types[sampleTypeIndex(types, '', by_default ?? '')].type;
}

async function instanceNames(tx: Tx, tenantId: TenantId, serviceId: string, trend: Trend): Promise<Names> {
  return asMap(
    await tx.query(
      `select instance_id as id, name from instance
        where tenant_id = $1 and service_id = $2 and instance_id = any ($3::bigint[])`,
      [tenantId, serviceId, keysOf(trend)],
    ),
  );
}

async function buildNames(tx: Tx, tenantId: TenantId, serviceId: string, trend: Trend): Promise<Names> {
  return asMap(
    await tx.query(
      `select build_id as id, concat_ws(' ', nullif(version, ''), nullif(git_sha, ''), nullif(ci_build, '')) as name
         from build where tenant_id = $1 and service_id = $2 and build_id = any ($3::bigint[])`,
      [tenantId, serviceId, keysOf(trend)],
    ),
  );
}

function keysOf({ series }: Trend): string[] {
  return series.flatMap(({ key }) => (key === null ? [] : [key]));
}

function asMap(rows: readonly { id: string; name: string }[]): Names {
  return new Map(rows.map(({ id, name }) => [id, name]));
}

function answerOf(
  { stat }: TrendRequest,
  range: ResolvedRange,
  trend: Trend,
  names: Names,
  note: string | null,
): TrendDto {
  return {
    kind: range.kind,
    sample_type: range.sampleType.split('/')[0],
    unit: trend.unit,
    semantics: trend.semantics,
    stat,
    step_seconds: range.stepSeconds,
    from: new Date(range.fromMillis).toISOString(),
    to: new Date(range.toMillis).toISOString(),
    note,
    series: trend.series.map(({ key, isOther, points }) => ({
      name: key === null ? null : (names.get(key) ?? null),
      other: isOther,
      points: points.map(({ atMillis, value, coveredMillis }) => ({
        at: new Date(atMillis).toISOString(),
        value,
        covered_seconds: coveredMillis / 1000,
      })),
    })),
  };
}
