import { Injectable } from '@nestjs/common';
import { Problem } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';

/** Idempotency-Keys of requests that are under way in this process; across processes the row decides. */
@Injectable()
export class InFlightKeys {
  private readonly held = new Set<string>();

  /** @throws Problem `idempotency-in-flight` while another request of the caller holds the same key */
  async holding<T>(caller: Caller, idempotencyKey: string | null, work: () => Promise<T>): Promise<T> {
    if (idempotencyKey === null) return work();
    const held = `${caller.tenantId}/${caller.keyId}/${idempotencyKey}`;
    if (this.held.has(held)) {
      throw new Problem('idempotency-in-flight', 'A request with this Idempotency-Key has not been answered yet.', {
        retryAfterSeconds: 1,
      });
    }
    this.held.add(held);
    try {
      return await work();
    } finally {
      this.held.delete(held);
    }
  }
}
