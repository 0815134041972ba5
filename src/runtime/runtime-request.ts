import type { Stat } from '../analysis/timeline-buckets.js';

/* What is asked of a query thread about the runtime of a service. Whoever asks has made sure that the caller may see it. */

export interface RuntimeRange {
  readonly serviceId: string;
  /** Milliseconds since 1970, half open. */
  readonly fromMillis: number;
  readonly toMillis: number;
  /** By name. */
  readonly instance?: string;
}

export interface TimelineRequest extends RuntimeRange {
  readonly op: 'runtime';
  readonly stepSeconds: number;
  readonly stat: Stat;
  readonly by?: 'instance';
}

/** One collection by its number, wherever it is in the range. */
export interface GcCycleRequest extends RuntimeRange {
  readonly op: 'runtime-gc-cycle';
  readonly number: number;
}

export interface GcComparisonRequest {
  readonly op: 'runtime-gc-comparison';
  readonly base: RuntimeRange;
  readonly target: RuntimeRange;
}

export interface FindingsRequest extends RuntimeRange {
  readonly op: 'runtime-findings';
}

export interface VerdictRequest extends RuntimeRange {
  readonly op: 'runtime-verdict';
}

export type RuntimeRequest = TimelineRequest | GcCycleRequest | GcComparisonRequest | FindingsRequest | VerdictRequest;
