import { escapeControl } from '../analysis/text-escape.js';
import { existsSync } from 'node:fs';
import type { ApiRequest } from './api.js';
import { CliFailure } from './failure.js';
import { rangeQuery, type RangeOptions } from './options.js';

/** What an argument names: a file here, a snapshot on the server, or a service on the server. */
export type Target =
  | { readonly is: 'file'; readonly path: string }
  | { readonly is: 'snapshot'; readonly id: string }
  | { readonly is: 'service'; readonly name: string };

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A file that exists comes first, then an id, then the name of a service; what looks like a file but is none is an error. */
export function targetOf(argument: string): Target {
  if (argument === '-' || existsSync(argument)) return { is: 'file', path: argument };
  if (uuid.test(argument)) return { is: 'snapshot', id: argument.toLowerCase() };
  if (/^[./~]|\.(gz|pb|prof|pprof|trace|log|json|txt|out)$/.test(argument)) {
    throw new CliFailure('noInput', `There is no file ${escapeControl(argument)}.`);
  }
  return { is: 'service', name: argument };
}

/** Where the API has what lies on the server. */
export function remotePath(target: Exclude<Target, { is: 'file' }>): string {
  return target.is === 'snapshot'
    ? `/api/v1/snapshots/${target.id}`
    : `/api/v1/services/${encodeURIComponent(target.name)}`;
}

/** A service wants a range; a snapshot is one moment. */
export function remoteQuery(target: Target, options: RangeOptions): NonNullable<ApiRequest['query']> {
  return target.is === 'service' ? rangeQuery(options) : {};
}
