/**
 * What is known of one service in one window: the input of the leak ranking. The index, a folder of files and a
 * recorded series all become this.
 *
 * Stacks stand once, and snapshots refer to them by number. No answer depends on the order of stacks, instances,
 * snapshots or rows.
 */
export interface LeakEvidence {
  readonly stacks: readonly EvidenceStack[];
  readonly instances: readonly InstanceEvidence[];
}

export interface EvidenceFrame {
  /** Canonical: `main.(*Stack[...]).Push`. */
  readonly function: string;
  readonly file: string;
  /** 0: unknown. */
  readonly line: number;
}

export interface EvidenceStack {
  /** Of goroutines, as Go spells it without the minutes: `chan receive`. Null for an allocation. */
  readonly state: string | null;
  /** Leaf first. */
  readonly frames: readonly EvidenceFrame[];
  readonly createdBy: string | null;
}

export interface InstanceEvidence {
  readonly name: string;
  readonly snapshots: readonly StackEvidence[];
  /** What else is known of its memory, in any order. */
  readonly memory: readonly MemoryEvidence[];
}

export type StackEvidence = GoroutineEvidence | HeapEvidence;

interface SnapshotFacts {
  /** The id of a snapshot, or the name of a file. */
  readonly id: string;
  readonly atMillis: number;
  /** Empty: unknown. */
  readonly build: string;
  /** Unix milliseconds; null: unknown. */
  readonly processStartMillis: number | null;
  /** Indices into `stacks`, each once. */
  readonly stacks: Int32Array;
}

/** The goroutines of an instance, or those that the runtime itself has found unreachable. */
export interface GoroutineEvidence extends SnapshotFacts {
  readonly kind: 'goroutine' | 'goroutineleak';
  /** Goroutines per stack. */
  readonly counts: Float64Array;
  /** How many of them a goroutineleak profile has marked `(leaked)`; null: the snapshot does not say. */
  readonly leaked: Float64Array | null;
  /** Every goroutine, where the snapshot lists them. */
  readonly members: GoroutineMembers | null;
}

export interface GoroutineMembers {
  /** Row r has the entries `start[r]` to `start[r + 1]`, ascending by id. */
  readonly start: Int32Array;
  readonly ids: Float64Array;
  /** Whole minutes; -1: not said, which in a dump means less than one. */
  readonly waitMinutes: Int32Array;
}

/** What is in use per allocation stack as of the last completed collection, and what was ever allocated. */
export interface HeapEvidence extends SnapshotFacts {
  readonly kind: 'heap';
  readonly inuseObjects: Float64Array;
  readonly inuseBytes: Float64Array;
  readonly allocObjects: Float64Array;
  readonly allocBytes: Float64Array;
  /** Mean number of bytes between two samples (runtime.MemProfileRate). */
  readonly sampleBytes: number;
}

/** One moment of what MemStats, metrics, gctrace and /proc say; what is missing is absent. All in bytes. */
export interface MemoryEvidence {
  readonly atMillis: number;
  /** What the last collection left: gctrace's third number, /gc/heap/live:bytes. */
  readonly heapLive?: number;
  readonly heapInuse?: number;
  readonly heapIdle?: number;
  readonly heapReleased?: number;
  readonly stackInuse?: number;
  /** All memory that the Go runtime has from the system. */
  readonly goSys?: number;
  readonly rss?: number;
  /** GOMEMLIMIT or the limit of the container, the smaller one. */
  readonly memoryLimit?: number;
}
