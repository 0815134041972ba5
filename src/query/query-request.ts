import type { Granularity } from '../analysis/grouping.js';
import type { Stat } from '../analysis/timeline-buckets.js';
import type { SortedBy } from '../analysis/top.js';
import type { Kind } from '../formats/kind.js';

/*
 * What the API's event loop asks of a query thread and what it gets: plain data that can be cloned, because nothing
 * else crosses from one thread to another. Whoever makes a request has made sure that the caller may see what it names.
 */

/** Where stacks come from: one indexed snapshot, or all of a service in a range, merged. */
export type StacksSource = SnapshotSource | SelectionSource;

export interface SnapshotSource {
  readonly is: 'snapshot';
  readonly snapshotId: string;
  readonly serviceId: string;
  readonly service: string;
  readonly kind: Kind;
  /** RFC 3339, UTC, with microseconds: the vector lies in the partition of its month. */
  readonly capturedAt: string;
  /** What the profile itself says is to be shown first; empty: it says nothing. */
  readonly defaultSampleType: string;
}

export interface SelectionSource {
  readonly is: 'selection';
  readonly serviceId: string;
  readonly service: string;
  readonly kind: Kind;
  /** Milliseconds since 1970, half open. */
  readonly from: number;
  readonly to: number;
  readonly instance?: string;
  readonly build?: string;
  readonly env?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Which number of which stacks. Patterns have not been compiled yet. */
export interface StackOptions {
  readonly sampleType?: string;
  readonly focus?: string;
  readonly ignore?: string;
  readonly hide?: string;
  readonly show?: string;
  /** Whether stacks of goroutines begin with their state and creator. */
  readonly states?: boolean;
}

/** A part of a list. `next` is the sealed cursor of the part behind it, for the answer if there is one. */
export interface PagePart {
  readonly offset: number;
  readonly limit: number;
  readonly next: string;
}

export interface RankingPart extends PagePart {
  readonly by: Granularity;
  readonly sort: SortedBy;
}

export type FlameNames = 'function' | 'line';

export type QueryRequest = StackRequest | ServiceTrendRequest | TeamTrendRequest;

export type StackRequest =
  | { readonly op: 'top'; readonly source: StacksSource; readonly options: StackOptions; readonly part: RankingPart }
  | {
      readonly op: 'flamegraph';
      readonly source: StacksSource;
      readonly options: StackOptions;
      readonly by: FlameNames;
      readonly maxNodes: number;
    }
  | { readonly op: 'folded'; readonly source: StacksSource; readonly options: StackOptions }
  | { readonly op: 'pprof'; readonly source: StacksSource }
  | {
      readonly op: 'diff';
      readonly base: StacksSource;
      readonly target: StacksSource;
      readonly options: StackOptions;
      readonly part: RankingPart;
      readonly share: boolean;
    }
  | {
      readonly op: 'diff-flamegraph';
      readonly base: StacksSource;
      readonly target: StacksSource;
      readonly options: StackOptions;
      readonly by: FlameNames;
      readonly maxNodes: number;
    };

export interface TrendRequest {
  readonly kind: Kind;
  /** By default what the profiles themselves show first. */
  readonly sampleType?: string;
  readonly stat: Stat;
  readonly fromMillis: number;
  readonly toMillis: number;
  readonly stepSeconds: number;
}

export interface ServiceTrendRequest extends TrendRequest {
  readonly op: 'trend';
  readonly serviceId: string;
  readonly functionName?: string;
  readonly value: 'flat' | 'cum';
  readonly by?: 'instance' | 'build';
  /** By name. */
  readonly instance?: string;
  /** By version. */
  readonly build?: string;
}

export interface TeamTrendRequest extends TrendRequest {
  readonly op: 'team-trend';
  readonly teamId: string;
  readonly by?: 'service';
}
