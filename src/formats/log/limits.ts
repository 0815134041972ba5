/** What reading one log may spend, whatever its length. Real logs of weeks stay below every figure. */
export interface LogLimits {
  /** Bytes of one line after unwrapping; what is longer is seen up to here only. */
  readonly lineBytes: number;
  /** Lines and bytes that are looked at before it is decided what wraps them. */
  readonly sampleLines: number;
  readonly sampleBytes: number;
  /** Rows of GC cycles kept; beyond it, neighbouring cycles are merged. */
  readonly gcRows: number;
  /** Rows of scavenger lines kept; beyond it, neighbours are merged. */
  readonly scavengeRows: number;
  /** Rows of SCHED lines kept; beyond it, neighbouring samples are merged. */
  readonly schedRows: number;
  /** Rows times Ps of SCHED lines kept; beyond it, neighbouring samples are merged. */
  readonly schedCells: number;
  /** Ps in one SCHED line; what lists more is no line of a Go process. */
  readonly processors: number;
  /** Process lifetimes in one log; cycles and samples of further ones are lost, and counted. */
  readonly lifetimes: number;
  /** Processes that write into one log at the same time. */
  readonly openLifetimes: number;
  /** Scheduler blocks (scheddetail) kept whole: the first and the last ones. */
  readonly keptBlocks: number;
  /** Rows of one table (P, M or G) of one scheduler block. */
  readonly blockRows: number;
  /** Distinct wait reasons. */
  readonly waitReasons: number;
  /** Bytes of a wait reason or of the reason not to be preempted. */
  readonly reasonBytes: number;
  /** Line numbers kept of each kind of loss; all are counted. */
  readonly lossLines: number;
}

const KiB = 1024;

export const defaultLogLimits: LogLimits = {
  lineBytes: 256 * KiB,
  sampleLines: 256,
  sampleBytes: 256 * KiB,
  gcRows: 100_000,
  scavengeRows: 10_000,
  schedRows: 50_000,
  schedCells: 1_000_000,
  processors: 4_096,
  lifetimes: 10_000,
  openLifetimes: 16,
  keptBlocks: 8,
  blockRows: 100_000,
  waitReasons: 512,
  reasonBytes: 128,
  lossLines: 100,
};
