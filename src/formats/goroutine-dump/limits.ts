/**
 * What the decoder of goroutine dumps may keep of one input, all its dumps together. Real dumps stay below every
 * figure: Go itself cuts a dump at 64 MB. Nothing is refused: beyond a limit goroutines are counted by state, and the
 * loss is recorded.
 */
export interface GoroutineDumpLimits {
  /** Dumps in one input. */
  readonly dumps: number;
  /** Goroutines kept one by one. */
  readonly goroutines: number;
  /** Distinct frames (function, file, line) and distinct stacks. */
  readonly frames: number;
  readonly stacks: number;
  /** Frames of all distinct stacks together. */
  readonly stackEntries: number;
  /** Frames of one stack; Go prints 100 and then as many as were inlined into them. */
  readonly stackDepth: number;
  /** Bytes of all distinct frames together, and again of all labels together. */
  readonly stringBytes: number;
  /** Longer names and paths keep their beginning. */
  readonly nameBytes: number;
  /** Distinct states; Go has about 60. */
  readonly states: number;
  /** Distinct label sets, labels of one set. */
  readonly labelSets: number;
  readonly labelsPerSet: number;
  /** What is kept of a panic's or fatal error's own text, and how many lines it may have before the first goroutine. */
  readonly crashBytes: number;
  readonly crashLines: number;
  /** Lines of something else within one goroutine, after which that goroutine has ended. */
  readonly foreignLines: number;
  /** Bytes of a line, where the decoder cuts the text into lines itself. */
  readonly lineBytes: number;
  /** Lines written further apart belong to different dumps, where the log says when it was written. */
  readonly gapNanos: bigint;
}

const KiB = 1024;
const MiB = 1024 * KiB;

export const goroutineDumpLimits: GoroutineDumpLimits = {
  dumps: 4_096,
  goroutines: 1_000_000,
  frames: 500_000,
  stacks: 250_000,
  stackEntries: 8_000_000,
  stackDepth: 1_024,
  stringBytes: 32 * MiB,
  nameBytes: 16 * KiB,
  states: 1_000,
  labelSets: 100_000,
  labelsPerSet: 64,
  crashBytes: 4 * KiB,
  crashLines: 100,
  foreignLines: 100,
  lineBytes: 64 * KiB,
  gapNanos: 30_000_000_000n,
};
