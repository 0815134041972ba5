/*
 * What is asked of a query thread about an execution trace. Whoever asks has made sure that the caller may see it.
 */

/** An indexed trace: where its summary is, and where its bytes are. */
export interface TraceSource {
  readonly snapshotId: string;
  /** RFC 3339, UTC, with microseconds: the summary lies in the partition of its month. */
  readonly capturedAt: string;
  readonly contentEncoding: 'identity' | 'gzip';
  /** Of the archived object on this machine. */
  readonly path: string;
  /** Hexadecimal; the bytes are used only if they have it. */
  readonly sha256: string;
}

export interface TraceSummaryRequest {
  readonly op: 'trace';
  readonly source: TraceSource;
  /** Of the ranked lists. */
  readonly offset: number;
  readonly limit: number;
  /** Only this one, listed or not. */
  readonly goroutine?: number;
}

export interface TraceEventsRequest {
  readonly op: 'trace-events';
  readonly source: TraceSource;
  readonly goroutine?: number;
  /** End of the window, as given: a distance to the start, or a time of day. */
  readonly before?: string;
  readonly windowNanos: number;
  readonly limit: number;
}

export type TraceRequest = TraceSummaryRequest | TraceEventsRequest;
