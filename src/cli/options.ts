import type { Granularity } from '../analysis/grouping.js';
import type { SortedBy } from '../analysis/top.js';
import { escapeControl } from '../analysis/text-escape.js';
import type { ApiRequest } from './api.js';
import { CliFailure } from './failure.js';

/** Which number, and which stacks: the same words on the command line and in the REST API. */
export interface StackOptions {
  readonly sampleType?: string;
  readonly focus?: string;
  readonly ignore?: string;
  readonly hide?: string;
  readonly show?: string;
}

/** Which snapshots of a service. */
export interface RangeOptions {
  readonly kind?: string;
  readonly from?: string;
  readonly to?: string;
  readonly instance?: string;
  readonly build?: string;
  readonly env?: string;
}

export interface TableOptions extends StackOptions, RangeOptions {
  readonly by?: Granularity;
  readonly sort?: SortedBy;
  readonly limit?: string;
  readonly json?: boolean;
}

export interface FlameCommandOptions extends StackOptions, RangeOptions {
  readonly by?: 'function' | 'line';
  readonly maxNodes?: string;
  readonly json?: boolean;
}

type Query = NonNullable<ApiRequest['query']>;

export function stackQuery({ sampleType, focus, ignore, hide, show }: StackOptions): Query {
  return { sample_type: sampleType, focus, ignore, hide, show };
}

export function rangeQuery({ kind, from, to, instance, build, env }: RangeOptions): Query {
  return { kind, from, to, instance, build, env };
}

/** The number that was given for `--limit`; 0, which means no limit, where there is none. */
export function rowLimit(text: string | undefined): number {
  if (text === undefined) return 0;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 0) return limit;
  throw new CliFailure('usage', `${escapeControl(text)} is not a number of rows.`);
}
