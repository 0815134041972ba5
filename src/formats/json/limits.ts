/**
 * What reading JSON may cost. An input beyond one of these is refused as `over-budget` with its name. What Go's own
 * programs write stays far below: a MemStats is 800 values, a dump of all runtime metrics 3,000.
 */
export interface JsonLimits {
  /** The whole input, all documents of a file together. */
  readonly jsonBytes: number;
  /** Objects and arrays inside each other. */
  readonly jsonDepth: number;
  /** Values of one document: members, elements and what holds them. */
  readonly jsonValues: number;
  /** Values that follow each other at the top of one file. */
  readonly jsonDocuments: number;
  /** One string or key, as bytes between its quotes. */
  readonly jsonStringBytes: number;
  /** The text of one number. */
  readonly jsonNumberBytes: number;
}

const MiB = 1024 * 1024;

export const jsonLimits: JsonLimits = {
  jsonBytes: 64 * MiB,
  jsonDepth: 64,
  jsonValues: 1_000_000,
  jsonDocuments: 20_000,
  jsonStringBytes: MiB,
  jsonNumberBytes: 1_024,
};
