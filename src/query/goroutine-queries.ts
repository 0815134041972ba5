import {
  groupAnswer,
  groupChangeAnswer,
  loneGroupAnswer,
  statesAnswer,
  withinText,
} from '../analysis/goroutine-answers.js';
import { diffGoroutineGroups } from '../analysis/goroutine-diff.js';
import {
  compileGoroutineFilter,
  filterGoroutines,
  type FilteredGoroutines,
  type GoroutineFilter,
  goroutineFilterNames,
  goroutinesOf,
} from '../analysis/goroutine-filter.js';
import { type GoroutineGroup, groupGoroutines, groupKey } from '../analysis/goroutine-groups.js';
import { type GroupCounts, type GroupLine, groupTrend } from '../analysis/goroutine-trend.js';
import { bucketEdges } from '../analysis/timeline-buckets.js';
import {
  type CountedGoroutines,
  countByStacks,
  countByStateSeries,
  findGoroutineSnapshots,
  type NamedSnapshot,
} from '../catalog/goroutine-counts.js';
import type { StackStore } from '../catalog/stack-store.js';
import { meaningOf } from '../formats/goroutine-dump/wait-reasons.js';
import type { Database, TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import { asJson, type QueryAnswer } from '../platform/thread-protocol.js';
import { getBuildIds } from '../tenants/build-ids.js';
import { onlyDefaultInstance } from '../tenants/coverage-note.js';
import { getInstanceId } from '../tenants/instance-id.js';
import { type LoadedGoroutines, loadGoroutines, loadStackRows } from './goroutine-loading.js';
import type {
  GoroutineOptions,
  GoroutineRequest,
  GoroutineSource,
  GroupsRequest,
  GroupTrendRequest,
} from './goroutine-request.js';
import type { GoroutinesDto, GoroutineTrendDto, SeenGroupDto } from './goroutines.dto.js';

/** Steps of a trend of groups: each has a number per group. */
export const maxGroupSteps = 2_000;

/**
 * Answers questions about goroutines. A trend is computed while its transaction is open, as those of totals are. Runs in a
 * query thread.
 */
export class GoroutineQueries {
  constructor(
    private readonly db: Database,
    private readonly store: StackStore,
  ) {}

  /** @throws Problem, and what `refusalOf` knows of `analysis/` and `catalog/` */
  async answer(tenantId: TenantId, request: GoroutineRequest): Promise<QueryAnswer> {
    switch (request.op) {
      case 'goroutines':
        return asJson(await this.groups(tenantId, request));
      case 'goroutine-trend':
        return asJson(await this.trend(tenantId, request));
    }
  }

  private async groups(tenantId: TenantId, { source, base, options, part }: GroupsRequest): Promise<GoroutinesDto> {
    const filter = compileGoroutineFilter(options);
    const target = await this.load(tenantId, source, options, filter);
    const compared = base === null ? null : await this.load(tenantId, base, options, filter);
    const own = groupGoroutines(target.filtered.rows, options);
    const rows =
      compared === null
        ? own.map(loneGroupAnswer)
        : diffGoroutineGroups(groupGoroutines(compared.filtered.rows, options), own).map(groupChangeAnswer);
    return {
      ...describe(source, target),
      base: base === null || compared === null ? null : describe(base, compared),
      by: options.by,
      label: options.label ?? null,
      unmatched: goroutineFilterNames.filter(
        (name) =>
          target.filtered.unmatched.includes(name) && (compared === null || compared.filtered.unmatched.includes(name)),
      ),
      row_count: rows.length,
      rows: withinText(rows.slice(part.offset, part.offset + part.limit)),
      next: rows.length > part.offset + part.limit ? part.next : null,
    };
  }

  private async load(
    tenantId: TenantId,
    source: GoroutineSource,
    options: GoroutineOptions,
    filter: GoroutineFilter,
  ): Promise<ChosenGoroutines> {
    const loaded = await this.db.readTenant(tenantId, (tx) => loadGoroutines(tx, this.store, tenantId, source));
    if (loaded.basis === 'stacks') {
      // A profile that is answered with one group of everything, or with nothing, would say what nobody knows.
      if (options.by === 'label') throw unknownOf(source, 'by', 'labels');
      if (options.minWaitMinutes !== undefined) throw unknownOf(source, 'min_wait', 'how long a goroutine waits');
    }
    return { ...loaded, filtered: filterGoroutines(loaded.rows, filter) };
  }

  private async trend(tenantId: TenantId, request: GroupTrendRequest): Promise<GoroutineTrendDto> {
    const { serviceId, kind, by, fromMillis, toMillis, stepSeconds, limit } = request;
    const steps = Math.ceil((toMillis - fromMillis) / (stepSeconds * 1000)) + 1;
    if (steps > maxGroupSteps) {
      throw new Problem('too-many-points', 'Choose a longer step or a shorter range.', {
        limit: 'goroutine-steps',
        actual: steps,
        allowed: maxGroupSteps,
      });
    }
    return this.db.readTenant(tenantId, async (tx) => {
      const { counted, ...selection } = await this.count(tx, tenantId, request);
      const edges = bucketEdges(fromMillis, toMillis, stepSeconds * 1000);
      const trend = groupTrend(counted.captures, counted.groups.map(groupKey), { edges, limit, ...selection });
      const shown = trend.groups.map(({ group, ...line }) => ({ ...counted.groups[group], group, line }));
      const seen = await this.youngest(tx, tenantId, request, counted, shown, selection);
      return {
        kind,
        by,
        from: timeOf(fromMillis),
        to: timeOf(toMillis),
        step_seconds: stepSeconds,
        thinned_to_seconds: counted.thinnedToMillis === null ? null : counted.thinnedToMillis / 1000,
        note: await onlyDefaultInstance(tx, tenantId, [serviceId], request),
        at: trend.atMillis.map(timeOf),
        covered_seconds: trend.coveredMillis.map((millis) => millis / 1000),
        total: lineAnswer(trend.total),
        group_count: trend.groupCount,
        groups: shown.map(({ state, name, line }) => {
          const { category, waitsForGoroutine, forever } = meaningOf(state);
          return {
            state,
            category,
            waits_for_goroutine: waitsForGoroutine,
            forever,
            name,
            ...lineAnswer(line),
            youngest: seen.get(groupKey({ state, name })) ?? null,
          };
        }),
        other: trend.other === null ? null : lineAnswer(trend.other),
      };
    });
  }

  private async count(
    tx: Tx,
    tenantId: TenantId,
    request: GroupTrendRequest,
  ): Promise<Selection & { readonly counted: CountedGoroutines }> {
    const { serviceId, kind, by, instance, build } = request;
    const instanceId = instance === undefined ? undefined : await getInstanceId(tx, tenantId, serviceId, instance);
    const buildIds = build === undefined ? undefined : await getBuildIds(tx, tenantId, serviceId, build);
    // Series tell no builds, and a goroutineleak profile writes none.
    const counted =
      by === 'state' && kind !== 'goroutineleak' && buildIds === undefined
        ? await countByStateSeries(tx, tenantId, request)
        : await countByStacks(tx, this.store, tenantId, { ...request, instanceId });
    return { counted, instanceId, buildIds };
  }

  /** The groups as the youngest snapshot has them that has them at all; of series, only as the youngest of all has them. */
  private async youngest(
    tx: Tx,
    tenantId: TenantId,
    request: GroupTrendRequest,
    { captures, fromSeries }: CountedGoroutines,
    groups: readonly { readonly group: number }[],
    { instanceId, buildIds }: Selection,
  ): Promise<Map<string, SeenGroupDto>> {
    const seen = new Map<string, SeenGroupDto>();
    if (groups.length === 0) return seen;
    const inTime = captures.filter(
      ({ atMillis, buildId }) =>
        atMillis < request.toMillis && (buildIds === undefined || (buildId !== null && buildIds.includes(buildId))),
    );
    const ids = fromSeries
      ? undefined
      : youngestIds(
          inTime,
          groups.map(({ group }) => group),
        );
    // In the order of time, so that the youngest has the last word.
    for (const snapshot of await findGoroutineSnapshots(tx, tenantId, request, { ids, instanceId })) {
      for (const group of await this.groupsIn(tx, tenantId, request, snapshot)) {
        const { snapshotId, instance, capturedAt } = snapshot;
        const at = { snapshot_id: snapshotId, instance, captured_at: capturedAt };
        seen.set(groupKey(group), { ...at, ...groupAnswer(group) });
      }
    }
    return seen;
  }

  /** As each goroutine is known, and as stacks, which may have been cut or folded otherwise. */
  private async groupsIn(
    tx: Tx,
    tenantId: TenantId,
    { serviceId, kind, by }: GroupTrendRequest,
    { snapshotId, capturedAt }: NamedSnapshot,
  ): Promise<GoroutineGroup[]> {
    const key = { serviceId, kind, capturedAt, snapshotId };
    const { basis, rows } = await loadGoroutines(tx, this.store, tenantId, key);
    const groups = groupGoroutines(rows, { by });
    if (basis === 'stacks') return groups;
    return [...groupGoroutines(await loadStackRows(tx, this.store, tenantId, key), { by }), ...groups];
  }
}

interface Selection {
  readonly instanceId?: string;
  readonly buildIds?: readonly string[];
}

/** Of each group, the youngest capture that has it. */
function youngestIds(captures: readonly GroupCounts[], wanted: readonly number[]): string[] {
  const isWanted = new Set(wanted);
  const youngest = new Map<number, GroupCounts>();
  for (const capture of captures) {
    capture.groups.forEach((group, i) => {
      if (!isWanted.has(group) || capture.counts[i] <= 0) return;
      const known = youngest.get(group);
      const isYounger =
        known === undefined ||
        capture.atMillis > known.atMillis ||
        (capture.atMillis === known.atMillis && capture.id > known.id);
      if (isYounger) youngest.set(group, capture);
    });
  }
  return [...new Set(Array.from(youngest.values(), ({ id }) => id))];
}

type ChosenGoroutines = LoadedGoroutines & { readonly filtered: FilteredGoroutines };

function unknownOf({ kind }: GoroutineSource, parameter: string, what: string): Problem {
  const detail = `Of a snapshot of the kind ${kind} only stacks are kept, which do not tell ${what}; goroutine dumps do.`;
  return new Problem('no-goroutines', detail, {
    errors: [{ pointer: `?${parameter}`, code: 'no-goroutines', detail }],
  });
}

function describe(source: GoroutineSource, { basis, rows, folded, crash, filtered }: ChosenGoroutines) {
  return {
    snapshot_id: source.snapshotId,
    service: source.service,
    kind: source.kind,
    captured_at: source.capturedAt,
    delta: source.delta,
    basis,
    crash,
    goroutines: goroutinesOf(rows) + folded.reduce((sum, { count }) => sum + count, 0),
    matched: goroutinesOf(filtered.rows),
    states: statesAnswer(rows, folded),
    folded: [...folded],
    losses: [...source.losses],
  };
}

function lineAnswer({ values, first, last, max, perHour }: GroupLine) {
  return { values: [...values], first, last, max, growth_per_hour: perHour };
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString();
}
