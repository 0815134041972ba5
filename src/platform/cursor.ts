import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { TenantId } from './database.js';
import { Problem } from './problem.js';

const lifetimeMillis = 24 * 3600 * 1000;
const signatureBytes = 16;

/** What a cursor is good for: one tenant, one endpoint, one set of filters. */
export interface CursorScope {
  readonly tenantId: TenantId;
  readonly endpoint: string;
  /** The filters of the list, whatever they are; not the limit, so that a reader may change the size of a page. */
  readonly filters: object;
}

/**
 * The `next` of a list. A cursor is a position signed with HMAC-SHA256 together with the scope it was made in, which
 * itself does not travel: base64url(signature (16 bytes) | expiry (8 bytes, big endian, milliseconds) | position as JSON).
 * The position is not secret, only authentic: a reader can neither move it nor carry it to another tenant or list.
 */
export class Cursors {
  private readonly key: Buffer;

  constructor(secret: string) {
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'tidemark cursor', 32));
  }

  seal(scope: CursorScope, position: unknown, now: Date): string {
    const expiry = Buffer.alloc(8);
    expiry.writeBigUInt64BE(BigInt(now.getTime() + lifetimeMillis));
    const body = Buffer.concat([expiry, Buffer.from(JSON.stringify(position))]);
    return Buffer.concat([this.sign(scope, body), body]).toString('base64url');
  }

  /**
   * The position in a cursor made by `seal` with the same scope.
   * @throws Problem `bad-cursor` when it was forged, made for another tenant, list or set of filters, or is older than
   *   24 hours. The four are one answer: which it was is of no use to anyone honest.
   */
  open<T>(scope: CursorScope, cursor: string, now: Date): T {
    const bytes = Buffer.from(cursor, 'base64url');
    const body = bytes.subarray(signatureBytes);
    // Node ignores what is not base64url, so several texts decode to the same bytes; only the one that was given is accepted.
    const authentic =
      body.length > 8 &&
      bytes.toString('base64url') === cursor &&
      timingSafeEqual(bytes.subarray(0, signatureBytes), this.sign(scope, body));
    if (!authentic || body.readBigUInt64BE() < BigInt(now.getTime())) {
      throw new Problem('bad-cursor', 'The cursor is not one that this list gave out within the last 24 hours.', {
        errors: [{ pointer: '?cursor', code: 'bad-cursor' }],
      });
    }
    return JSON.parse(body.subarray(8).toString('utf8')) as T;
  }

  private sign(scope: CursorScope, body: Buffer): Buffer {
    const context = JSON.stringify([scope.tenantId, scope.endpoint, canonical(scope.filters)]);
    return createHmac('sha256', this.key)
      .update(createHash('sha256').update(context).digest())
      .update(body)
      .digest()
      .subarray(0, signatureBytes);
  }
}

/** The same filters are the same text, in whatever order they were given; what is undefined was not given. */
export function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(canonical);
  return Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => [k, canonical(v)]);
}
