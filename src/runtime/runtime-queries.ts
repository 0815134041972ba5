import { runtimeTimeline } from '../analysis/runtime/timeline-answer.js';
import { bucketEdges } from '../analysis/timeline-buckets.js';
import type { Database, TenantId } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import { onlyDefaultInstance } from '../tenants/coverage-note.js';
import type { RuntimeTimelineDto } from './runtime.dto.js';
import { appearedBuilds, loadRuntime, thinningOf } from './runtime-loading.js';
import type { TimelineRequest } from './runtime-request.js';

const maxPoints = 5_000;

/** Answers what can be asked about the runtime of a service: reads in one transaction, then computes outside of it. */
export class RuntimeQueries {
  constructor(private readonly db: Database) {}

  /** @throws Problem `not-found` (instance), `too-many-points`; SeriesTooLargeError */
  async timeline(tenantId: TenantId, request: TimelineRequest): Promise<RuntimeTimelineDto> {
    const { serviceId, fromMillis, toMillis, stepSeconds, stat, by } = request;
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
      note: await onlyDefaultInstance(tx, tenantId, [serviceId], request),
    }));
    const edges = bucketEdges(fromMillis, toMillis, stepSeconds * 1000);
    const answer = runtimeTimeline(window, { edges, stepSeconds, stat, byInstance: by === 'instance', builds });
    return { ...answer, thinned_to_seconds: thinnedSeconds(request), note };
  }
}

function thinnedSeconds({ fromMillis, toMillis }: TimelineRequest): number | null {
  const millis = thinningOf(fromMillis, toMillis);
  return millis === null ? null : millis / 1000;
}
