import type { CaptureDto, CaptureWithSnapshotsDto } from './captures.dto.js';
import type { CaptureFileRow, CaptureRow, FoundPart } from './captures.js';
import { toSnapshotDto } from './snapshot-presentation.js';
import type { PartDto } from './snapshots.dto.js';

export function toCaptureDto(row: CaptureRow): CaptureDto {
  const { build: version, git_sha, ci_build } = row;
  const states = { stored: 0, parsing: 0, indexed: 0, rejected: 0, quarantined: 0, ...row.states };
  return {
    id: row.capture_id,
    service: row.service,
    team: row.team,
    instance: row.instance,
    captured_at: row.captured_at,
    captured_from: row.captured_from,
    received_at: row.received_at,
    capture_ms: row.capture_ms,
    build: version === '' && git_sha === '' && ci_build === '' ? null : { version, git_sha, ci_build },
    env: row.env,
    labels: row.labels,
    files: Object.values(states).reduce((sum, files) => sum + files, 0),
    states,
    settled: states.stored + states.parsing === 0,
    skipped: [...row.skipped],
    links: { self: `/api/v1/captures/${row.capture_id}` },
  };
}

export function toCaptureWithSnapshots(found: {
  capture: CaptureRow;
  files: readonly CaptureFileRow[];
  parts: readonly FoundPart[];
}): CaptureWithSnapshotsDto {
  const ofUpload = new Map<string, PartDto[]>();
  for (const { upload_id, snapshot_id, part, kind } of found.parts) {
    const parts = ofUpload.get(upload_id) ?? [];
    ofUpload.set(upload_id, parts);
    parts.push({ id: snapshot_id, part, kind });
  }
  return {
    ...toCaptureDto(found.capture),
    snapshots: found.files.map((file) => ({
      ...toSnapshotDto(file),
      name: file.file_name,
      parts: ofUpload.get(file.upload_id) ?? [],
    })),
  };
}
