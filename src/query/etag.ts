import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import { canonical } from '../platform/cursor.js';
import type { TenantId } from '../platform/database.js';

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
 * Puts the tag on the answer and tells whether the client has it already, in which case the answer is 304 without a
 * body. Only to be asked once the caller is known to be allowed the answer itself.
 */
export function isFresh(request: Request, response: Response, tag: string): boolean {
  response.setHeader('ETag', tag);
  // `no-cache` means: keep it, and ask each time whether the key may still see it.
  response.setHeader('Cache-Control', 'private, no-cache');
  response.vary('Authorization');
  if (!request.fresh) return false;
  response.status(304);
  return true;
}
