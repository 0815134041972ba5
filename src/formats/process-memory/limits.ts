/** What one text of process memory may take. Real ones are a few kilobytes; `ps` of a large host is a megabyte. */
export interface ProcessMemoryLimits {
  readonly textBytes: number;
  readonly processes: number;
  /** Readings of all processes together. */
  readonly readings: number;
  /** Longer names of processes and groups are cut here. */
  readonly keptNameCharacters: number;
}

export const processMemoryLimits: ProcessMemoryLimits = {
  textBytes: 4 * 1024 * 1024,
  processes: 50_000,
  readings: 200_000,
  keptNameCharacters: 1_024,
};
