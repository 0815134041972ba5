import type { GoroutineFilterOptions } from '../analysis/goroutine-filter.js';
import type { GoroutineGrouping } from '../analysis/goroutine-groups.js';
import type { PagePart, SnapshotSource } from './query-request.js';

/* What is asked of a query thread about goroutines. Whoever asks has made sure that the caller may see it. */

/** Kinds of snapshots whose stacks are goroutines, one by one or counted. */
export const goroutineKinds = ['goroutine', 'goroutine-dump', 'goroutineleak'] as const;
export type GoroutineKind = (typeof goroutineKinds)[number];

export interface GoroutineSource extends SnapshotSource {
  readonly kind: GoroutineKind;
  /** Whether it is a difference between two moments. */
  readonly delta: boolean;
  /** What was lost on the way into the index. */
  readonly losses: readonly { readonly code: string; readonly count: number; readonly detail: string }[];
}

/** Which goroutines in which groups. The pattern has not been compiled yet. */
export interface GoroutineOptions extends GoroutineFilterOptions {
  readonly by: GoroutineGrouping;
  /** With `by: 'label'`. */
  readonly label?: string;
}

export type GoroutineRequest = GroupsRequest | GroupTrendRequest;

export interface GroupsRequest {
  readonly op: 'goroutines';
  readonly source: GoroutineSource;
  /** Compared with it. */
  readonly base: GoroutineSource | null;
  readonly options: GoroutineOptions;
  readonly part: PagePart;
}

export interface GroupTrendRequest {
  readonly op: 'goroutine-trend';
  readonly serviceId: string;
  readonly kind: GoroutineKind;
  readonly by: Exclude<GoroutineGrouping, 'label'>;
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly stepSeconds: number;
  /** By name. */
  readonly instance?: string;
  /** By version. */
  readonly build?: string;
  /** Groups that stand alone. */
  readonly limit: number;
}
