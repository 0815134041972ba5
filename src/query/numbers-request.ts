/*
 * What is asked of a query thread about what a snapshot holds besides stacks. Whoever asks has made sure that the caller
 * may see it.
 */

export interface SnapshotSeriesRequest {
  readonly op: 'snapshot-series';
  readonly snapshotId: string;
  readonly kind: string;
  /** Only those of this name. */
  readonly name?: string;
  /** Of the moments of each source. */
  readonly offset: number;
  readonly limit: number;
}

export interface SnapshotContentRequest {
  readonly op: 'snapshot-content';
  readonly snapshotId: string;
  readonly kind: string;
  /** RFC 3339, UTC, with microseconds: the content lies in the partition of its month. */
  readonly capturedAt: string;
}

export type NumbersRequest = SnapshotSeriesRequest | SnapshotContentRequest;
