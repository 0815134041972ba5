import type { Kind } from '../formats/kind.js';

/** What the sender says of an upload, as it is kept beside it; what was not said is not there. */
export interface DeclaredUpload {
  readonly kind?: Kind;
  /** RFC 3339 in UTC with milliseconds. */
  readonly capturedAt?: string;
  /** When the process of a log started, likewise. */
  readonly processStart?: string;
  readonly build?: string;
  readonly gitSha?: string;
  readonly ciBuild?: string;
  readonly captureMs?: number;
  readonly env?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly delta?: boolean;
}
