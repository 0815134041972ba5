/**
 * What one execution trace may cost. Real traces stay far below; one beyond a figure ends with FormatError `over-budget`
 * and the name of the limit. Generations are read one at a time, so that most limits are per generation: about a second
 * of a program's life. A trace of Go 1.21 or older is one generation, and is ordered as a whole.
 */
export interface TraceLimits {
  /** Bytes of all batches of a generation. */
  readonly generationBytes: number;
  readonly generations: number;
  readonly batches: number;
  /** Threads that have events in a generation. */
  readonly threads: number;
  readonly eventsPerGeneration: number;
  /**
   * How often events of other threads may be tried in a generation where the earliest event had to wait. Real
   * programs need a few per thousand events.
   */
  readonly advanceAttempts: number;
  readonly strings: number;
  readonly stacks: number;
  /** Frames of all stacks of a generation. */
  readonly frames: number;
  readonly cpuSamples: number;
  /** Goroutines alive at one time, as far as the trace speaks of them. */
  readonly goroutines: number;
  readonly procs: number;
  /** Threads over the whole trace. */
  readonly allThreads: number;
  /** User tasks open at one time. */
  readonly activeTasks: number;
  /** Distinct ids of 2^53 and more. */
  readonly wideIds: number;
  /** Events of a trace of Go 1.21 or older, of which each takes 24 bytes beside those of the trace. */
  readonly wholeTraceEvents: number;
  /** Goroutines of which such a trace speaks. */
  readonly wholeTraceGoroutines: number;
}

export const traceLimits: TraceLimits = {
  generationBytes: 256 * 1024 * 1024,
  generations: 1_000_000,
  batches: 262_144,
  threads: 65_536,
  eventsPerGeneration: 50_000_000,
  advanceAttempts: 300_000_000,
  strings: 1_000_000,
  stacks: 1_000_000,
  frames: 8_000_000,
  cpuSamples: 500_000,
  goroutines: 500_000,
  procs: 65_536,
  allThreads: 262_144,
  activeTasks: 500_000,
  wideIds: 65_536,
  wholeTraceEvents: 20_000_000,
  wholeTraceGoroutines: 2_000_000,
};

/** Limits of the format itself (Go src/internal/trace/tracev2/events.go). */
export const wireLimits = { batchBytes: 65_536, stackFrames: 128, stringBytes: 1_024 } as const;
