import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import { canonical } from './cursor.js';
import type { TenantId } from './database.js';
import { Problem } from './problem.js';
import type { QueryAnswer } from './thread-protocol.js';

/**
 * Part of every ETag. To be raised whenever an answer for the same snapshot changes its form or its numbers, so that
 * nobody keeps what an older version said.
 */
export const answerVersion = 1;

/**
 * A strong entity tag of an answer that depends on nothing but immutable things: made from what was asked, so that it
 * is known before the answer is. It includes the tenant; the same question of two tenants has two tags.
 */
export function entityTag(tenantId: TenantId, ...asked: unknown[]): string {
  const text = JSON.stringify([answerVersion, tenantId, canonical(asked)]);
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
}

/**
 * Puts the tag on the answer and tells whether the client has it already; then the answer is 304 without a body, and is
 * sent. Only to be asked once the caller is known to be allowed the answer itself.
 */
export function sendIfFresh(request: Request, response: Response, tag: string): boolean {
  keepPrivately(response);
  response.setHeader('ETag', tag);
  if (!request.fresh) return false;
  response.status(304).end();
  return true;
}

/** `no-cache` means: keep it, and ask each time whether the key may still see it. */
export function keepPrivately(response: Response): void {
  response.setHeader('Cache-Control', 'private, no-cache');
  response.vary('Authorization');
}

export function send(response: Response, { contentType, headers, body }: QueryAnswer): void {
  response.status(200);
  for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', body.byteLength);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.end(body);
}

/** Headers of something that is to be saved, not shown. */
export function asDownload(response: Response, fileName: string, contentType = 'application/octet-stream'): void {
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Disposition', `attachment; filename="${fileName.replace(/[^A-Za-z0-9._-]/g, '_')}"`);
  response.setHeader('X-Content-Type-Options', 'nosniff');
}

/** Fires when the client has gone before its answer was complete. */
export function clientGone(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new Problem('bad-request', 'The client has gone.'));
  });
  return gone.signal;
}
