/**
 * Why bytes could not become a value. Four different answers:
 * - `unrecognized`: this is not the format at all (the message says what it looks like, where that is known);
 * - `malformed`: it is the format, and breaks its rules;
 * - `truncated`: it is the format, right so far, and ends too early;
 * - `over-budget`: it may be right, and is larger than the named limit allows.
 */
export type FormatFault = 'unrecognized' | 'malformed' | 'truncated' | 'over-budget';

export interface FaultPlace {
  /** Byte offset in the decompressed input (in the compressed one for errors of the compression). */
  readonly offset?: number;
  /** Name of the limit in `Budget` that was exceeded, with what was met and what is allowed. */
  readonly limit?: string;
  readonly actual?: number;
  readonly allowed?: number;
}

/** The only error that a decoder throws for any input. Its message is fit to be shown to whoever sent the bytes. */
export class FormatError extends Error {
  override readonly name = 'FormatError';

  constructor(
    readonly fault: FormatFault,
    message: string,
    readonly at: FaultPlace = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** FormatError `over-budget` for the limit `limit`. */
export function overBudget(limit: string, actual: number, allowed: number, offset?: number): FormatError {
  return new FormatError('over-budget', `${limit}: ${actual} is over the limit of ${allowed}`, {
    limit,
    actual,
    allowed,
    ...(offset === undefined ? {} : { offset }),
  });
}
