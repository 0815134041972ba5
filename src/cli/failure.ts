/**
 * What a command line ends with when it does not succeed. The codes follow sysexits.h where one fits, so that a script
 * can tell its own mistake from a refused file and from a server that is away.
 */
export const exitCodes = {
  /** The work was done and the answer is no: a rejected snapshot, a broken file. */
  failed: 1,
  /** What was looked for, and was to be a failure if it is there, is there. */
  found: 3,
  /** The command line itself is wrong. */
  usage: 64,
  /** A file cannot be read. */
  noInput: 66,
  /** The server cannot be reached, or is not able to answer now. */
  unavailable: 69,
  /** A bug in Tidemark. */
  software: 70,
  /** The key is missing, wrong, or may not do this. */
  noPermission: 77,
  /** The environment or the database is not set up for this. */
  config: 78,
} as const;

export type ExitReason = keyof typeof exitCodes;

/** A failure that the user should read; anything else that is thrown is a bug and is shown as one. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';

  constructor(
    readonly reason: ExitReason,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** Told by its name: what works on the database is loaded from outside the bundled command line, with its own class. */
export function isCliFailure(error: unknown): error is CliFailure {
  return error instanceof Error && error.name === 'CliFailure';
}
