import type { Request } from 'express';
import { sniff, sniffHead } from '../formats/detect.js';
import { inflateHead, isGzip } from '../formats/inflate.js';
import { findMoment } from '../platform/moment.js';
import { Problem } from '../platform/problem.js';
import type { DeclaredUpload } from './declared-upload.js';
import type { ContentEncoding } from './parsed-part.js';

const dayMillis = 24 * 60 * 60 * 1000;
/** Trends are kept for so long; older snapshots would have no place. */
const oldestMillis = 400 * dayMillis;
/** Clocks may differ by so much. */
const youngestMillis = 10 * 60 * 1000;

/** What a request that brings artefacts says in its headers. Throws Problem `unsupported-encoding`. */
export function readContentEncoding(request: Request): ContentEncoding {
  const given = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (given === 'identity' || given === '') return 'identity';
  if (given === 'gzip' || given === 'x-gzip') return 'gzip';
  throw new Problem('unsupported-encoding', `The Content-Encoding ${JSON.stringify(given)} is not accepted; gzip is.`, {
    headers: { 'Accept-Encoding': 'gzip, identity' },
  });
}

export function isForm(request: Request): boolean {
  return /^multipart\//i.test(request.headers['content-type']?.trim() ?? '');
}

/** Throws Problem `idempotency-key-invalid`. */
export function readIdempotencyKey(request: Request): string | null {
  const key = request.get('idempotency-key');
  if (key === undefined) return null;
  if (/^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(key)) return key;
  throw new Problem('idempotency-key-invalid', 'An Idempotency-Key has 1 to 255 printable ASCII characters.');
}

/** Null when the body comes in chunks. Node has refused what is no number, and a second header that differs. */
export function readContentLength(request: Request): number | null {
  const length = request.headers['content-length'];
  if (length !== undefined) return Number(length);
  return request.headers['transfer-encoding'] === undefined ? 0 : null;
}

/** The parameters of an upload or of a capture that are kept beside the bytes. */
export interface GivenParameters extends Omit<
  DeclaredUpload,
  'capturedAt' | 'processStart' | 'gitSha' | 'ciBuild' | 'captureMs'
> {
  readonly captured_at?: string;
  readonly process_start?: string;
  readonly git_sha?: string;
  readonly ci_build?: string;
  readonly capture_ms?: number;
}

/** Throws Problem `validation-failed` or `outside-time-window` for a time that cannot be taken. */
export function readDeclared(query: GivenParameters, now: Date): DeclaredUpload {
  const said: DeclaredUpload = {
    kind: query.kind,
    capturedAt: readTime('captured_at', query.captured_at, now)?.toISOString(),
    processStart: readTime('process_start', query.process_start, now)?.toISOString(),
    build: query.build,
    gitSha: query.git_sha,
    ciBuild: query.ci_build,
    captureMs: query.capture_ms,
    env: query.env,
    labels: query.labels,
    delta: query.delta,
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}

function readTime(name: string, text: string | undefined, now: Date): Date | undefined {
  if (text === undefined) return undefined;
  // A time relative to now would make every retry another snapshot.
  const moment = /^(now|-)/.test(text) ? null : findMoment(text, now);
  if (!moment) {
    const detail = `${name} must be RFC 3339, or Unix time in seconds or milliseconds`;
    throw new Problem('validation-failed', detail, {
      errors: [{ pointer: `?${name}`, code: 'is-moment', detail }],
    });
  }
  const ageMillis = now.getTime() - moment.getTime();
  if (ageMillis > oldestMillis || ageMillis < -youngestMillis) {
    throw new Problem(
      'outside-time-window',
      `${name} is ${moment.toISOString()}; it must lie between 400 days ago and 10 minutes from now.`,
      { errors: [{ pointer: `?${name}`, code: 'outside-time-window' }] },
    );
  }
  return moment;
}

/** Whether the bytes hold readings of a clock, so that they alone say which capture they are (see `Sniffed`). */
export function hasOwnClock(head: Uint8Array, contentEncoding: ContentEncoding): boolean {
  const outer = contentEncoding === 'gzip' && isGzip(head) ? inflateHead(head, head.length) : head;
  return (isGzip(outer) ? sniff(outer) : sniffHead(outer))?.ownClock ?? false;
}

/** @param example how to send what was not sent */
export function emptyBody(example: string): Problem {
  return new Problem('validation-failed', `The body is empty. ${example}`, {
    errors: [{ pointer: '', code: 'empty-body' }],
  });
}
