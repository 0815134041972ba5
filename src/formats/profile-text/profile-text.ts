import { FormatError } from '../format-error.js';
import type { Kind } from '../kind.js';
import type { ProfileKind } from '../pprof/kind.js';
import type { Profile } from '../pprof/profile.js';
import type { Reading } from '../reading.js';

/** What the text of a profile (`debug=1`) holds. */
export interface ProfileText {
  /** As the first line says. Heap and allocs have the same text: it is `heap` for both. */
  readonly kind: ProfileKind;
  /**
   * The profile in the shape in which its protobuf comes, with the same sample types and scaled values. The frames are
   * those of the `#` lines, one location each, inlined ones too; where a record has none, its return addresses stand in
   * for them, called `0x48676b`. Goroutine and heap texts leave out the runtime's innermost frames, and all of them
   * `runtime.goexit`. There is no time, no mapping and no start line.
   */
  readonly profile: Profile;
  /** Of each sample, how many program counters it has: Go limits these, and inlined or hidden frames are none. */
  readonly programCounters: Int32Array;
  /** The scalars of the trailer of a heap profile; null if there is none. */
  readonly memStats: readonly Reading[] | null;
  readonly warnings: readonly ProfileTextWarning[];
}

export type ProfileTextWarningCode =
  | 'text-cut'
  | 'total-mismatch'
  | 'unreadable-lines'
  | 'sampling-period'
  | 'string-cut'
  | 'invalid-utf8'
  | 'sum-overflow';

/** Something that a reader should know though there is a value. `count` says how often it was met. */
export interface ProfileTextWarning {
  readonly code: ProfileTextWarningCode;
  readonly count: number;
  readonly detail: string;
}

/**
 * What kind of profile this is, given what its sender says: a heap text may be of `allocs`.
 *
 * Throws FormatError `malformed` if the declared kind contradicts the text.
 */
export function kindOfText({ kind, profile }: ProfileText, declared?: Kind): ProfileKind {
  if (declared === undefined || declared === kind) return kind;
  if (declared === 'allocs' && kind === 'heap') return declared;
  if (declared === 'custom') return declared;
  const types = profile.sampleTypes.map(({ type, unit }) => `${type}/${unit}`).join(', ');
  throw new FormatError('malformed', `declared ${declared} but is a ${kind} profile in text form (${types})`);
}
