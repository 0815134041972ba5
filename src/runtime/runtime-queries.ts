import { findings } from '../analysis/runtime/findings.js';
import { compareGc, gcCycle } from '../analysis/runtime/gc-comparison.js';
import { moment, runtimeTimeline } from '../analysis/runtime/timeline-answer.js';
import { verdictOf } from '../analysis/runtime/verdict.js';
import { bucketEdges } from '../analysis/timeline-buckets.js';
import type { Database, TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import { onlyDefaultInstance } from '../tenants/coverage-note.js';
import { readThresholds } from '../tenants/thresholds.js';
import type { FindingsDto, GcComparisonDto, GcCycleDto, VerdictDto } from './judgement.dto.js';
import type { RuntimeTimelineDto } from './runtime.dto.js';
import { appearedBuilds, loadRuntime, thinningOf } from './runtime-loading.js';
import type {
  FindingsRequest,
  GcComparisonRequest,
  GcCycleRequest,
  RuntimeRange,
  RuntimeRequest,
  TimelineRequest,
  VerdictRequest,
} from './runtime-request.js';

const maxPoints = 5_000;

/** Answers what can be asked about the runtime of a service: reads in one transaction, then computes outside of it. */
export class RuntimeQueries {
  constructor(private readonly db: Database) {}

  /** @throws Problem `not-found` (instance, cycle), `too-many-points`; SeriesTooLargeError */
  answer(tenantId: TenantId, request: RuntimeRequest): Promise<object> {
    switch (request.op) {
      case 'runtime':
        return this.timeline(tenantId, request);
      case 'runtime-gc-cycle':
        return this.gcCycle(tenantId, request);
      case 'runtime-gc-comparison':
        return this.gcComparison(tenantId, request);
      case 'runtime-findings':
        return this.findings(tenantId, request);
      case 'runtime-verdict':
        return this.verdict(tenantId, request);
    }
  }

  private async timeline(tenantId: TenantId, request: TimelineRequest): Promise<RuntimeTimelineDto> {
    const { fromMillis, toMillis, stepSeconds, stat, by } = request;
    const points = Math.ceil((toMillis - fromMillis) / (stepSeconds * 1000)) + 1;
    if (points > maxPoints) {
      throw new Problem('too-many-points', 'Choose a longer step or a shorter range.', {
        limit: 'runtime-points',
        actual: points,
        allowed: maxPoints,
      });
    }
    const { window, builds, note } = await this.db.readTenant(tenantId, async (tx) => ({
      window: await loadRuntime(tx, tenantId, request),
      builds: await appearedBuilds(tx, tenantId, request),
      note: await noteOn(tx, tenantId, request),
    }));
    const edges = bucketEdges(fromMillis, toMillis, stepSeconds * 1000);
    const answer = runtimeTimeline(window, { edges, stepSeconds, stat, byInstance: by === 'instance', builds });
    return { ...answer, thinned_to_seconds: thinnedSeconds(request), note };
  }

  private async gcCycle(tenantId: TenantId, request: GcCycleRequest): Promise<GcCycleDto> {
    const window = await this.db.readTenant(tenantId, (tx) => loadRuntime(tx, tenantId, request));
    const cycles = gcCycle(window, request.number);
    if (cycles.length === 0) {
      throw new Problem('not-found', `No process of the service shows collection ${request.number} in this range.`);
    }
    return { from: moment(request.fromMillis), to: moment(request.toMillis), cycles };
  }

  private async gcComparison(tenantId: TenantId, { base, target }: GcComparisonRequest): Promise<GcComparisonDto> {
    const windows = await this.db.readTenant(tenantId, async (tx) => ({
      base: await loadRuntime(tx, tenantId, base),
      target: await loadRuntime(tx, tenantId, target),
      note: await noteOn(tx, tenantId, target),
    }));
    return { ...compareGc(windows.base, windows.target), note: windows.note };
  }

  private async findings(tenantId: TenantId, request: FindingsRequest): Promise<FindingsDto> {
    const { window, thresholds, note } = await this.readJudged(tenantId, request);
    const { fromMillis, toMillis, instances } = window;
    return {
      from: moment(fromMillis),
      to: moment(toMillis),
      instances: instances.length,
      thinned_to_seconds: thinnedSeconds(request),
      note,
      findings: findings(window, thresholds),
    };
  }

  private async verdict(tenantId: TenantId, request: VerdictRequest): Promise<VerdictDto> {
    const { window, thresholds, note } = await this.readJudged(tenantId, request);
    return { ...verdictOf(window, thresholds), thinned_to_seconds: thinnedSeconds(request), note };
  }

  private readJudged(tenantId: TenantId, range: RuntimeRange) {
    return this.db.readTenant(tenantId, async (tx) => ({
      window: await loadRuntime(tx, tenantId, range),
      thresholds: await readThresholds(tx, tenantId),
      note: await noteOn(tx, tenantId, range),
    }));
  }
}

function noteOn(tx: Tx, tenantId: TenantId, range: RuntimeRange): Promise<string | null> {
  return onlyDefaultInstance(tx, tenantId, [range.serviceId], range);
}

function thinnedSeconds({ fromMillis, toMillis }: RuntimeRange): number | null {
  const millis = thinningOf(fromMillis, toMillis);
  return millis === null ? null : millis / 1000;
}
