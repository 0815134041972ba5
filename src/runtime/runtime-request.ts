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

export type RuntimeRequest = TimelineRequest;
