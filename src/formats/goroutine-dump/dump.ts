/**
 * Goroutine dumps as columns. Everything that repeats (functions, files, frames, stacks, states, label sets) stands
 * once, shared by all dumps of an input, and is referred to by its number.
 */
export interface GoroutineDumps {
  readonly dumps: readonly GoroutineDump[];
  readonly functions: readonly string[];
  readonly files: readonly string[];
  readonly frames: FrameTable;
  /** Stack s, leaf first: `stacks.frame[stacks.start[s] .. stacks.start[s + 1])`. */
  readonly stacks: StackTable;
  /** As Go spells them: `chan receive`, `select (no cases)`, `running`. */
  readonly states: readonly string[];
  readonly labelSets: readonly LabelSet[];
  readonly losses: readonly DumpLoss[];
}

export interface FrameTable {
  readonly count: number;
  /** Index into `functions`. Names stand as in the text, `main.(*Stack[...]).Push`. */
  readonly function: Int32Array;
  /** Index into `files`. */
  readonly file: Int32Array;
  /** 0: unknown. */
  readonly line: Int32Array;
}

export interface StackTable {
  readonly count: number;
  readonly start: Uint32Array;
  readonly frame: Int32Array;
}

/** Sorted by key. */
export type LabelSet = readonly { readonly key: string; readonly value: string }[];

/** One dump: the goroutines of one process at one moment. All columns have `count` entries, in the order of the text. */
export interface GoroutineDump {
  /** First and last line in the text, from 1. The first is the one of the crash, where there is one. */
  readonly startLine: number;
  readonly endLine: number;
  /** When its first line was written, Unix nanoseconds; null where nothing says so. */
  readonly atNanos: bigint | null;
  readonly crash: Crash | null;
  readonly count: number;
  readonly id: BigUint64Array;
  /** Index into `states`. */
  readonly state: Int32Array;
  /**
   * Whole minutes of waiting, -1 where the text does not say. It is a lower bound: Go counts from the first garbage
   * collection after the goroutine blocked, and says nothing below one minute.
   */
  readonly waitMinutes: Int32Array;
  /** Bits of `goroutineFlags`. */
  readonly flags: Uint8Array;
  /** The synctest bubble (up to Go 1.24: group); 0: none. */
  readonly bubble: BigUint64Array;
  /** Index into `labelSets`; -1: no labels. */
  readonly labelSet: Int32Array;
  /** Index into `stacks`. */
  readonly stack: Int32Array;
  /** The `go` statement: index into `frames`; -1: not said (the main goroutine, and those of the runtime). */
  readonly createdBy: Int32Array;
  /** The goroutine that executed it; 0: not said (before Go 1.21). */
  readonly creator: BigUint64Array;
  /** Goroutines beyond a limit, by state. They are in none of the columns. */
  readonly folded: readonly FoldedState[];
}

export const goroutineFlags = {
  locked: 1,
  scan: 2,
  /** Blocked in a synctest bubble, on something within it. */
  durable: 4,
  /** Found unreachable by the last goroutineleak profile. */
  leaked: 8,
  /** Part of its text is missing: torn by other output, or cut off. */
  torn: 16,
  /** It ran on another thread, so Go could not print its stack. */
  stackUnavailable: 32,
} as const;

export interface FoldedState {
  /** Index into `states`. */
  readonly state: number;
  readonly count: number;
}

/** Why the process wrote the dump: `panic: …`, `fatal error: …`, `SIGQUIT: quit`, with the lines that follow. */
export interface Crash {
  readonly kind: 'panic' | 'fatal error' | 'signal';
  readonly text: string;
}

export type DumpLossCode =
  | 'goroutines-folded'
  | 'dumps-dropped'
  | 'stacks-cut'
  | 'labels-dropped'
  | 'names-cut'
  | 'lines-torn'
  | 'frames-orphaned'
  | 'long-lines'
  | 'ended-early';

export interface DumpLoss {
  readonly code: DumpLossCode;
  readonly count: number;
  readonly detail: string;
}

/** Function of the frame that stands for those which Go did not print (`...23 frames elided...`). */
export const elidedFunction = '(elided)';

/** The state under which goroutines are counted whose own is beyond the limit of distinct states. */
export const otherState = 'other';
