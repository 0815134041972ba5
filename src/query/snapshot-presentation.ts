import type { SnapshotDto } from './snapshots.dto.js';
import type { SnapshotRow } from './snapshots.js';

export function toSnapshotDto(row: SnapshotRow): SnapshotDto {
  const { version, git_sha, ci_build, details } = row;
  return {
    id: row.snapshot_id,
    upload_id: row.upload_id,
    part: row.part,
    capture_id: row.capture_id,
    name: row.name,
    service: row.service,
    team: row.team,
    instance: row.instance,
    kind: row.kind,
    state: row.state,
    captured_at: row.captured_at,
    captured_from: row.captured_from,
    received_at: row.received_at,
    finished_at: row.finished_at,
    capture_ms: row.capture_ms,
    build: version === null ? null : { version, git_sha: git_sha ?? '', ci_build: ci_build ?? '' },
    env: row.env,
    labels: row.labels,
    delta: row.delta,
    duration_nanos: row.duration_nanos,
    sample_types: row.sample_types.map(({ type, unit, total }) => ({ type, unit, total })),
    details: {
      period: details.period ?? null,
      period_type: details.periodType ?? null,
      default_sample_type: details.defaultSampleType ?? null,
      counts: details.counts ?? {},
      warnings: [...(details.warnings ?? [])],
      losses: [...(details.losses ?? [])],
    },
    sha256: row.sha256.toString('hex'),
    size_bytes: row.size_bytes,
    content_encoding: row.content_encoding,
    problem: row.problem,
    links: snapshotLinks(row.snapshot_id),
  };
}

/** Where everything about a snapshot is found. */
export function snapshotLinks(id: string) {
  const self = `/api/v1/snapshots/${id}`;
  return {
    self,
    raw: `${self}/raw`,
    profile: `${self}/profile.pb.gz`,
    top: `${self}/top`,
    flamegraph: `${self}/flamegraph`,
    folded: `${self}/folded`,
  };
}
