import type { SampleType, StackProfile } from '../analysis/stack-profile.js';
import type { SeriesTable } from '../analysis/series-table.js';
import type { FaultPlace, FormatFault } from '../formats/format-error.js';
import type { Format } from '../formats/detect.js';
import type { Kind } from '../formats/kind.js';

/** One snapshot found in an upload. An upload of one profile has one part; a log may hold several. */
export interface ParsedPart {
  readonly kind: Kind;
  /** The artefact's own clock, Unix nanoseconds; null where it has none. */
  readonly capturedAtNanos: bigint | null;
  /** The values cover a duration rather than the life of the process, so they are never differenced. */
  readonly delta: boolean;
  /** 0: unknown, or a moment. */
  readonly durationNanos: bigint;
  /** Null where the kind has none. */
  readonly stacks: StackProfile | null;
  /** Sum of each sample type over everything in the artefact; may exceed 64 bits. */
  readonly totals: readonly bigint[];
  /** Numbers over time, by source. */
  readonly series: readonly ParsedSeries[];
  /** What is shown as it was found: JSON, but for bigints, which become decimal strings. */
  readonly content: object | null;
  /** What the artefact says of the binary; counts where the sender says nothing. */
  readonly build?: PartBuild;
  readonly details: PartDetails;
}

export interface PartBuild {
  /** Of the main module; empty if it is not known. */
  readonly version: string;
  readonly gitSha: string;
}

export interface ParsedSeries {
  /** What said it: `memstats`, `gctrace`, `goroutine-states`, … */
  readonly source: string;
  /** Whether the table's moments are times, or only distances to the capture. */
  readonly anchor: 'time' | 'capture';
  readonly table: SeriesTable;
}

export interface PartDetails {
  /** How the artefact is written: `pprof`, `profile-text`, `goroutine-dump`, … One kind may come in several. */
  readonly format: Format;
  readonly period?: string;
  readonly periodType?: SampleType;
  readonly defaultSampleType?: string;
  /** Size of the artefact in its own terms (`samples`, `locations`, ...). */
  readonly counts: Readonly<Record<string, number>>;
  readonly warnings: readonly PartNote[];
  /** What the index does not hold apart, though the totals contain it. */
  readonly losses: readonly PartNote[];
}

export interface PartNote {
  readonly code: string;
  readonly count: number;
  readonly detail: string;
}

export interface ParseRequest {
  readonly path: string;
  /** The bytes at `path` are used only if they have this hash. */
  readonly sha256: Uint8Array;
  readonly contentEncoding: ContentEncoding;
  readonly declaredKind: Kind | null;
  /** The sender says that the values are deltas (or that they are not); null: the artefact decides. */
  readonly declaredDelta: boolean | null;
  /** What the sender calls the file. */
  readonly name: string | null;
  /** The given time of capture, else that of receipt, Unix nanoseconds. */
  readonly aroundNanos: bigint;
  /** When the process started, Unix nanoseconds, if the sender says so. */
  readonly processStartNanos?: bigint;
}

/** The bytes are no good, or not what the sender said. */
export type RefusalFault = FormatFault | 'kind-mismatch';

export type ContentEncoding = 'identity' | 'gzip';

/** What a parser process answers. Anything else that happens to it is a crash. */
export type ParseAnswer =
  | { readonly outcome: 'parsed'; readonly parts: readonly ParsedPart[] }
  | { readonly outcome: 'refused'; readonly fault: RefusalFault; readonly message: string; readonly at: FaultPlace }
  | { readonly outcome: 'damaged'; readonly condition: 'missing' | 'corrupt' }
  /** The file cannot be reached at present: the fault of neither the upload nor the parser. */
  | { readonly outcome: 'unreadable'; readonly message: string }
  /** The parser threw something that is not a FormatError: a mistake of ours that this upload brings out. */
  | { readonly outcome: 'crashed'; readonly reason: CrashReason; readonly detail: string };

export type CrashReason = 'exception' | 'exit' | 'signal' | 'timeout' | 'memory';
