import type { UploadLinksDto } from './upload.dto.js';

/** Where everything about an upload's snapshot is found. */
export function uploadLinks(id: string): UploadLinksDto {
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
