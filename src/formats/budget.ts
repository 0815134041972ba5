/**
 * What a decoder may spend on one input. Real Go profiles stay far below every figure; an input beyond one of them is
 * refused as `over-budget` with the name of the limit, unless said otherwise.
 */
export interface Budget {
  /** Bytes after decompression. */
  readonly inflatedBytes: number;
  /** The same of an execution trace, which is read piece by piece and never held inflated. */
  readonly inflatedTraceBytes: number;
  /** Output bytes per input byte, enforced once `inflateRatioFromBytes` came out. Real profiles reach 3 to 10. */
  readonly inflateRatio: number;
  readonly inflateRatioFromBytes: number;
  /** Protobuf messages of any kind, nested ones included. */
  readonly messages: number;
  readonly samples: number;
  /** Samples that the index keeps apart; beyond it small stacks are folded, not refused. */
  readonly indexedSamples: number;
  readonly sampleTypes: number;
  /** Location references of all samples together. */
  readonly stackEntries: number;
  /** Deeper stacks lose their middle, not their ends: they are folded, not refused. */
  readonly stackDepth: number;
  readonly keptLeafFrames: number;
  readonly keptRootFrames: number;
  readonly locations: number;
  readonly linesPerLocation: number;
  readonly functions: number;
  readonly mappings: number;
  readonly labelsPerSample: number;
  readonly comments: number;
  readonly strings: number;
  readonly stringTableBytes: number;
  readonly stringBytes: number;
  /** Longer strings (up to `stringBytes`) are cut here, with a warning. */
  readonly keptStringBytes: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;

export const defaultBudget: Budget = {
  inflatedBytes: 64 * MiB,
  inflatedTraceBytes: 256 * MiB,
  inflateRatio: 200,
  inflateRatioFromBytes: 16 * MiB,
  messages: 4_000_000,
  samples: 2_000_000,
  indexedSamples: 500_000,
  sampleTypes: 64,
  stackEntries: 32_000_000,
  stackDepth: 1_024,
  keptLeafFrames: 768,
  keptRootFrames: 256,
  locations: 500_000,
  linesPerLocation: 256,
  functions: 500_000,
  mappings: 10_000,
  labelsPerSample: 64,
  comments: 1_000,
  strings: 1_000_000,
  stringTableBytes: 32 * MiB,
  stringBytes: MiB,
  keptStringBytes: 16 * KiB,
};
