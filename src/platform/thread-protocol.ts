import type { TenantId } from './database.js';
import type { ProblemCode, ProblemOptions } from './problem.js';

/*
 * What the API's event loop and a query thread say to each other: plain data that can be cloned, because nothing else
 * crosses from one thread to another.
 */

/** What a thread is asked; which operations there are, and what else they say, those who ask and answer agree on. */
export interface ThreadRequest {
  readonly op: string;
}

/** An answer, ready to be sent. */
export interface QueryAnswer {
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export function asJson(value: object): QueryAnswer {
  // TextEncoder gives bytes of their own; a small Buffer is a slice of a pool and cannot be handed to another thread.
  return { contentType: 'application/json; charset=utf-8', body: new TextEncoder().encode(JSON.stringify(value)) };
}

export interface ThreadSettings {
  readonly databaseUrl: string;
  readonly timeLimitMillis: number;
}

export interface ThreadJob<Request extends ThreadRequest = ThreadRequest> {
  readonly id: number;
  readonly tenantId: TenantId;
  readonly request: Request;
}

/** A Problem crosses as its parts; the cause of it, or of any other failure, as its text. */
export type ThreadOutcome =
  | { readonly id: number; readonly is: 'answer'; readonly answer: QueryAnswer }
  | {
      readonly id: number;
      readonly is: 'problem';
      readonly code: ProblemCode;
      readonly detail: string;
      readonly options: ProblemOptions;
    }
  | { readonly id: number; readonly is: 'error'; readonly cause: string };
