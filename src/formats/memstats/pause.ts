import { FormatError } from '../format-error.js';

/** How long one garbage collection stopped the world: all its stops together (usually two). */
export interface Pause {
  /** The collection, counted from 1 since the start of the process. */
  readonly gc: number;
  /** When the last of its stops ended. */
  readonly endUnixNanos: bigint;
  readonly pauseNanos: bigint;
}

/** Length of MemStats.PauseNs and PauseEnd, and of the history that debug.GCStats gives. */
export const pauseRingLength = 256;

/**
 * The pauses that the circular buffers of a MemStats hold, the oldest first: the last 256 collections, or all there
 * were. Collection n lies at (n + 255) % 256 (Go runtime/mstats.go, PauseNs).
 *
 * A place whose end is 0 was never written, and is left out. Buffers that were shortened on the way can be read only
 * while they have not wrapped around; after that, no place in them is sure, and the answer is empty.
 *
 * @param gcCount MemStats.NumGC
 * @throws FormatError `malformed` where the two buffers differ in length
 */
export function pausesOfRing(
  gcCount: number,
  pauseNanos: readonly bigint[],
  pauseEndUnixNanos: readonly bigint[],
): Pause[] {
  const length = pauseNanos.length;
  if (pauseEndUnixNanos.length !== length) {
    const actual = `${length} and ${pauseEndUnixNanos.length}`;
    throw new FormatError('malformed', `PauseNs and PauseEnd differ in length: ${actual}`);
  }
  if (length > pauseRingLength || (length < pauseRingLength && gcCount > length)) return [];
  const pauses: Pause[] = [];
  for (let gc = Math.max(1, gcCount - length + 1); gc <= gcCount; gc++) {
    const place = (gc - 1) % pauseRingLength;
    if (pauseEndUnixNanos[place] === 0n) continue;
    pauses.push({ gc, endUnixNanos: pauseEndUnixNanos[place], pauseNanos: pauseNanos[place] });
  }
  return pauses;
}
