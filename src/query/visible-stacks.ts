import { Inject, Injectable } from '@nestjs/common';
import type { Kind } from '../formats/kind.js';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database } from '../platform/database.js';
import { Problem, type ProblemBody } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';
import { ServiceRegistry } from '../tenants/services.js';
import { resolveRange, type TimeRange } from '../platform/time-range.js';
import type { SelectionSource, SnapshotSource, StackOptions } from './query-request.js';
import type { StackOptionsDto, StatesDto } from './selection.dto.js';
import { type SnapshotRow, Snapshots } from './snapshots.js';

const defaultRangeMillis = 3_600_000;
const defaultKind: Kind = 'heap';

export interface Selectors extends TimeRange {
  readonly kind?: Kind;
  readonly instance?: string;
  readonly build?: string;
  readonly env?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Turns what a caller names into sources that a query thread may read, or refuses. */
@Injectable()
export class VisibleStacks {
  constructor(
    private readonly db: Database,
    private readonly snapshots: Snapshots,
    private readonly services: ServiceRegistry,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * One indexed snapshot.
   * @throws Problem `not-found`, `not-indexed-yet` (409), why it was rejected (422), `no-stacks` (422)
   */
  async ofSnapshot(caller: Caller, id: string): Promise<SnapshotSource> {
    return requireStacks(requireIndexed(await this.snapshots.getVisible(caller, id)));
  }

  /**
   * A service's snapshots in a range; by default heap profiles of the last hour.
   * @param prefix what the parameters are called, for the pointers of refusals: `base_` in a diff
   * @throws Problem `not-found`, `validation-failed` (an empty range)
   */
  async ofService(caller: Caller, name: string, selectors: Selectors, prefix = ''): Promise<SelectionSource> {
    const { instance, build, env, labels, kind = defaultKind } = selectors;
    const range = resolveRange(selectors, this.clock.now(), defaultRangeMillis, prefix);
    const service = await this.db.readTenant(caller.tenantId, (tx) => this.services.getVisible(tx, caller, name));
    return {
      is: 'selection',
      serviceId: service.serviceId,
      service: service.name,
      kind,
      from: range.from.getTime(),
      to: range.to.getTime(),
      ...(instance === undefined ? {} : { instance }),
      ...(build === undefined ? {} : { build }),
      ...(env === undefined ? {} : { env }),
      ...(labels === undefined ? {} : { labels }),
    };
  }
}

/** @throws Problem `not-indexed-yet` (409), or why it was rejected (422) */
export function requireIndexed(row: SnapshotRow): SnapshotRow & { kind: Kind } {
  const { state, kind } = row;
  if (state === 'indexed' && kind !== null) return { ...row, kind };
  if (state === 'rejected' || state === 'quarantined') throw asRefusal(row.problem);
  throw new Problem('not-indexed-yet', `The snapshot is ${state}; it can be read once it is indexed.`, {
    retryAfterSeconds: 1,
  });
}

/** A snapshot's own problem as the answer to whoever asks for its content: always 422, whatever it was at the time. */
function asRefusal(problem: ProblemBody | null): Problem {
  if (problem === null) return new Problem('snapshot-rejected', 'The snapshot could not be indexed.');
  const { code, detail, limit, actual, allowed, errors } = problem;
  const refusal = new Problem(code, detail, { limit, actual, allowed, errors });
  return refusal.status === 422 ? refusal : new Problem('snapshot-rejected', detail, refusal.options);
}

/** @throws Problem `no-stacks` (422) for a kind that is made of numbers alone */
export function requireStacks(row: SnapshotRow & { kind: Kind }): SnapshotSource {
  const { snapshot_id, service_id, service, kind, captured_at, details } = row;
  if (row.sample_types.length === 0) {
    throw new Problem('no-stacks', `A ${kind} is made of numbers, not of stacks: it has no profile.`);
  }
  return {
    is: 'snapshot',
    snapshotId: snapshot_id,
    serviceId: service_id,
    service,
    kind,
    capturedAt: captured_at,
    defaultSampleType: details.defaultSampleType ?? '',
  };
}

/** The parameters that choose a number and a part of the stacks, as a query thread takes them. */
export function stackOptions(query: StackOptionsDto & Partial<StatesDto>): StackOptions {
  const { sample_type: sampleType, focus, ignore, hide, show, states } = query;
  return { sampleType, focus, ignore, hide, show, states };
}
