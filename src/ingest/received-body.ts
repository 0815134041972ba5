import type { Request } from 'express';
import { Problem } from '../platform/problem.js';
import { type Limits, requireWithin } from '../tenants/limits.js';

/** The body of a request as it comes, counted, and refused when it has more bytes than the tenant may send. */
export class ReceivedBody {
  /** How many bytes have come so far. */
  sizeBytes = 0;

  constructor(
    private readonly request: Request,
    private readonly limits: Limits,
  ) {}

  /**
   * The chunks, once. The request itself is left where it was when nobody reads on, since it still has to be answered.
   *
   * @throws Problem `body-too-large`, or `bad-request` when the sender went away
   */
  async *chunks(): AsyncGenerator<Buffer, void, undefined> {
    const incoming = this.request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
    try {
      for (;;) {
        const next = await incoming.next().catch((error: unknown) => {
          throw this.gone(error);
        });
        if (next.done) break;
        this.sizeBytes += next.value.length;
        requireWithin(this.limits, 'body_bytes', this.sizeBytes);
        yield next.value;
      }
    } finally {
      await incoming.return?.();
    }
    if (!this.request.complete) throw this.gone(new Error('the request ended before its body was complete'));
  }

  /** Nobody is there to read this; it is for the log. */
  private gone(cause: unknown): Problem {
    return new Problem('bad-request', 'The body did not arrive as it was announced.', { cause });
  }
}
