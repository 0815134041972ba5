import type { SuspectInstance } from '../analysis/leaks/suspect.js';
import { evidenceOf } from './suspect-rows.js';
import type {
  EvidenceDto,
  EvidenceSnapshotDto,
  ResolutionDto,
  ServiceRankingDto,
  SuspectDetailsDto,
  SuspectDto,
  SuspectEventDto,
} from './suspects.dto.js';
import type { Resolution } from './life-cycle.js';
import type { EventRow, EvidenceRow, RankingRow, SuspectListRow, SuspectRow } from './suspects.js';

export function toSuspectDto(row: SuspectListRow): SuspectDto {
  const self = `/api/v1/suspects/${row.suspect_id}`;
  return {
    id: row.suspect_id,
    service: row.service,
    team: row.team,
    assignee: row.assignee,
    state: row.state,
    phase: row.phase,
    tier: row.tier,
    score: row.score,
    rank: row.rank,
    kind: row.kind,
    fingerprint: row.fingerprint,
    function: row.function,
    pivot: row.pivot,
    site: row.site,
    wait_state: row.wait_state,
    why: row.why,
    growth: row.growth,
    instances_affected: row.instances_affected,
    peak: row.peak,
    first_seen_at: row.first_seen_at,
    last_seen_at: row.last_seen_at,
    since_build: row.since_build,
    regressions: row.regressions,
    links: { self, history: `${self}/history` },
  };
}

export function toSuspectDetails(
  row: SuspectRow,
  snapshots: readonly EvidenceRow[],
  history: readonly EventRow[],
): SuspectDetailsDto {
  const { resolution, ignore_rule: rule, found } = row;
  return {
    ...toSuspectDto(row),
    resolution: resolution === null ? null : toResolution(resolution),
    ignored:
      rule === null ? null : { until: rule.untilMillis === null ? null : new Date(rule.untilMillis), over: rule.over },
    suspect: found as SuspectDetailsDto['suspect'],
    evidence: evidenceOf(found).map((instance) => toEvidence(instance, snapshots)),
    history: history.map(toEventDto),
  };
}

export function toEventDto(row: EventRow): SuspectEventDto {
  return {
    number: row.ordinal,
    at: row.at,
    what: row.what,
    by: row.key_id === null ? null : { key: row.key_id, name: row.key_name ?? '' },
    changes: row.changes,
    comment: row.comment,
  };
}

export function toServiceRanking(row: RankingRow | null): ServiceRankingDto {
  if (row === null) {
    const notes = ['No snapshot of this service has been indexed yet that shows goroutines or memory.'];
    return { ranked_at: null, window: null, notes, judged: null, pending: false, fault: null };
  }
  const { ranked_at, window_from, window_to, notes, judged, pending, fault } = row;
  const window = window_from === null || window_to === null ? null : { from: window_from, to: window_to };
  return { ranked_at, window, notes: [...notes], judged, pending, fault };
}

function toResolution({ by, atMillis, build, evidence }: Resolution): ResolutionDto {
  return {
    by,
    at: new Date(atMillis),
    build,
    evidence:
      evidence === null
        ? null
        : {
            reason: evidence.reason,
            from: new Date(evidence.fromMillis),
            to: new Date(evidence.toMillis),
            snapshots: evidence.snapshots,
            expected: evidence.expected,
          },
  };
}

function toEvidence({ name, before, after }: SuspectInstance, snapshots: readonly EvidenceRow[]): EvidenceDto {
  const of = (id: string) => snapshots.find(({ snapshot_id }) => snapshot_id === id) ?? null;
  const [base, target] = [of(before), of(after)];
  const isComparable = base !== null && target !== null && base !== target && base.kind === target.kind;
  const sampleType = base?.kind === 'heap' ? '&sample_type=inuse_space' : '';
  return {
    instance: name,
    before: base && toEvidenceSnapshot(base),
    after: target && toEvidenceSnapshot(target),
    diff: isComparable ? `/api/v1/diff?base=${before}&target=${after}${sampleType}` : null,
  };
}

function toEvidenceSnapshot({ snapshot_id: id, kind, captured_at, build, pinned }: EvidenceRow): EvidenceSnapshotDto {
  return { id, kind, captured_at, build, pinned, self: `/api/v1/snapshots/${id}` };
}
