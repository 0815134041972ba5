/**
 * Everything that can be refused, one entry per thing that a client would do differently. A code is part of the API:
 * clients branch on it. The title says what the code means, the detail of a Problem what happened this time.
 */
export const problems = {
  // The request
  'bad-request': { status: 400, title: 'The request cannot be understood' },
  'malformed-json': { status: 400, title: 'The body is not valid JSON' },
  'duplicate-parameter': { status: 400, title: 'A parameter was given more than once' },
  'idempotency-key-invalid': { status: 400, title: 'The Idempotency-Key is not usable' },
  'bad-cursor': { status: 400, title: 'The cursor is not valid for this list' },
  unauthenticated: { status: 401, title: 'A valid API key is needed' },
  'insufficient-scope': { status: 403, title: 'The API key may not do this' },
  'not-found': { status: 404, title: 'There is no such thing' },
  'method-not-allowed': { status: 405, title: 'This resource does not know that method' },
  'not-acceptable': { status: 406, title: 'None of the accepted formats can be given' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time' },
  conflict: { status: 409, title: 'This conflicts with what is there' },
  'idempotency-in-flight': { status: 409, title: 'A request with this Idempotency-Key is still under way' },
  'not-indexed-yet': { status: 409, title: 'The snapshot is not indexed yet' },
  'unsupported-media-type': { status: 415, title: 'This media type is not accepted here' },
  'unsupported-encoding': { status: 415, title: 'This content encoding is not accepted' },
  'validation-failed': { status: 422, title: 'A value is not what it must be' },
  'invalid-name': { status: 422, title: 'The name is not allowed' },
  'bad-pattern': { status: 422, title: 'The regular expression is not valid' },
  'entry-refused': { status: 422, title: 'The archive file holds an entry that is not accepted' },
  'outside-time-window': { status: 422, title: 'The time is outside what is kept' },
  'idempotency-mismatch': { status: 422, title: 'The Idempotency-Key was used for another request' },

  // Limits at the door
  'body-too-large': { status: 413, title: 'The body is too large' },
  'decompressed-too-large': { status: 413, title: 'The body is too large once decompressed' },
  'too-many-parts': { status: 422, title: 'There are too many files in one request' },
  'too-many-labels': { status: 422, title: 'There are too many labels' },
  'label-too-long': { status: 422, title: 'A label is too long' },
  'too-many-points': { status: 422, title: 'The answer would have too many points' },
  'selection-too-large': { status: 422, title: 'The range holds too many snapshots' },
  'rate-limited': { status: 429, title: 'Too much at once' },
  'quota-exceeded': { status: 429, title: 'The quota is used up' },
  'too-many-queries': { status: 429, title: 'Too many queries at once' },

  // What a snapshot turned out to be; the state of an upload, and the answer to whoever asks for its content
  'snapshot-rejected': { status: 422, title: 'The snapshot could not be indexed' },
  'unrecognized-format': { status: 422, title: 'The bytes are no artefact that we know' },
  malformed: { status: 422, title: 'The bytes are damaged' },
  truncated: { status: 422, title: 'The bytes end too early' },
  'over-budget': { status: 422, title: 'The artefact is too large to be decoded' },
  'kind-mismatch': { status: 422, title: 'The artefact is not of the declared kind' },
  'not-a-trace': { status: 422, title: 'The snapshot is no execution trace' },
  'no-stacks': { status: 422, title: 'The snapshot holds no stacks' },
  'no-goroutines': { status: 422, title: 'The snapshot does not tell this of goroutines' },
  quarantined: { status: 422, title: 'The artefact made the parser fail again and again' },
  'archive-corrupt': { status: 502, title: 'The archive does not hold what was received' },

  // Us
  internal: { status: 500, title: 'Something went wrong here' },
  unavailable: { status: 503, title: 'The service cannot answer now' },
  'shutting-down': { status: 503, title: 'The service is about to stop' },
  'archive-unavailable': { status: 503, title: 'The archive cannot be used now' },
  'query-failed': { status: 503, title: 'The query could not be completed' },
  'query-timeout': { status: 503, title: 'The query took too long' },
  'archive-full': { status: 507, title: 'The archive is full' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/** One fault among several; the pointer is `?name` for a query parameter, a JSON pointer (RFC 6901) into the body else. */
export interface ProblemError {
  readonly pointer: string;
  readonly code: string;
  readonly detail?: string;
}

export interface ProblemOptions {
  /** For the log only. */
  readonly cause?: unknown;
  /** The limit that refused, by name. */
  readonly limit?: string;
  readonly actual?: number | string;
  readonly allowed?: number | string;
  readonly retryAfterSeconds?: number;
  readonly errors?: readonly ProblemError[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** What goes out, RFC 9457. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly instance?: string;
  readonly limit?: string;
  readonly actual?: number | string;
  readonly allowed?: number | string;
  readonly errors?: readonly ProblemError[];
}

/** A refusal. The detail is for the caller, the cause for the log, and neither leaks into the other. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: number;

  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    readonly options: ProblemOptions = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = problems[code].status;
  }

  /** @param instance the request's id, by which its log lines can be found */
  toBody(instance?: string): ProblemBody {
    const { limit, actual, allowed, errors } = this.options;
    return {
      type: `urn:tidemark:problem:${this.code}`,
      title: problems[this.code].title,
      status: this.status,
      detail: this.detail,
      code: this.code,
      ...(instance === undefined ? {} : { instance }),
      ...(limit === undefined ? {} : { limit }),
      ...(actual === undefined ? {} : { actual }),
      ...(allowed === undefined ? {} : { allowed }),
      ...(errors === undefined ? {} : { errors }),
    };
  }
}
