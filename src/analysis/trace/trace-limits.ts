/**
 * How much of a trace a summary keeps apart. Nothing here refuses a trace: what goes beyond is added up in a remainder,
 * so that counts and sums stay exact.
 */
export interface TraceSummaryLimits {
  /** Goroutines listed one by one; all count in the group of their name. */
  readonly goroutines: number;
  readonly goroutineNames: number;
  readonly waitReasons: number;
  readonly rangeNames: number;
  /** Kept apart while the trace is read, and listed with their stacks in the end. */
  readonly blockingEntries: number;
  readonly blockingListed: number;
  readonly wakersPerEntry: number;
  readonly wakersListed: number;
  /** Nodes of the stack tree; later stacks become one, `(other stacks)`. */
  readonly stackNodes: number;
  /** Characters of all names of functions and files. */
  readonly symbolCharacters: number;
  readonly gcCycles: number;
  readonly stopTheWorlds: number;
  readonly heapSamples: number;
  readonly procs: number;
  readonly threads: number;
  readonly taskNames: number;
  readonly regionNames: number;
  readonly openTasks: number;
  readonly openRegions: number;
  readonly slowestTasks: number;
  readonly logs: number;
  readonly logCategories: number;
  readonly clockSnapshots: number;
}

export const traceSummaryLimits: TraceSummaryLimits = {
  goroutines: 2_000,
  goroutineNames: 20_000,
  waitReasons: 200,
  rangeNames: 100,
  blockingEntries: 20_000,
  blockingListed: 500,
  wakersPerEntry: 32,
  wakersListed: 5,
  stackNodes: 500_000,
  symbolCharacters: 64_000_000,
  gcCycles: 2_000,
  stopTheWorlds: 4_000,
  heapSamples: 2_000,
  procs: 4_096,
  threads: 4_096,
  taskNames: 2_000,
  regionNames: 2_000,
  openTasks: 500_000,
  openRegions: 500_000,
  slowestTasks: 20,
  logs: 1_000,
  logCategories: 1_000,
  clockSnapshots: 10_000,
};
