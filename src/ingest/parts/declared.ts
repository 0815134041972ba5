import { FormatError } from '../../formats/format-error.js';
import type { Kind } from '../../formats/kind.js';
import type { ContentEncoding } from '../parsed-part.js';

/** What the sender said about the bytes. */
export interface Declared {
  /** How the bytes are wrapped, apart from the compression that belongs to the artefact. */
  readonly contentEncoding: ContentEncoding;
  readonly declaredKind: Kind | null;
  /** Whether the values are deltas; null: the artefact tells. */
  readonly declaredDelta: boolean | null;
  /** What the sender calls the file, with or without folders; it counts only where the bytes alone cannot be told. */
  readonly name: string | null;
  /** About when it was captured, Unix nanoseconds: the given time, else the receipt. Gives times without a year theirs. */
  readonly aroundNanos: bigint;
  /** When the process started, Unix nanoseconds, if the sender says so. */
  readonly processStartNanos?: bigint;
}

/** The artefact is sound, but not of the kind that the sender declared. */
export class KindMismatch extends FormatError {}

/** Runs what decides the kind: its refusal is the sender's mistake about the kind, not a fault of the bytes. */
export function refusingKind<T>(decide: () => T): T {
  try {
    return decide();
  } catch (error) {
    if (error instanceof FormatError) throw new KindMismatch(error.fault, error.message, error.at, { cause: error });
    throw error;
  }
}
