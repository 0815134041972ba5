import type { Budget } from '../../formats/budget.js';
import type { TraceSink } from '../../formats/exectrace/events.js';
import { TraceReader } from '../../formats/exectrace/reader.js';
import { FormatError } from '../../formats/format-error.js';
import { inflatePieces } from '../../formats/inflate.js';

export interface TraceReading {
  readonly reader: TraceReader;
  /** What is wrong with the bytes; null if nothing is, or if the listener had enough before it showed. */
  readonly fault: FormatError | null;
}

/**
 * Reads a trace from its bytes, plain or gzip, piece by piece: whatever gzip holds is never in memory as a whole.
 *
 * Throws nothing for any bytes: what stands before damage has been told to `sink`, and `fault` says what is wrong and up
 * to which generation everything was there.
 *
 * @param isEnough asked after each piece; what follows is not read
 */
export function readTrace(
  bytes: Uint8Array,
  sink: TraceSink,
  { inflatedTraceBytes, inflateRatio, inflateRatioFromBytes }: Budget,
  isEnough: () => boolean = () => false,
): TraceReading {
  const reader = new TraceReader(sink);
  const limits = { maxBytes: inflatedTraceBytes, limit: 'inflatedTraceBytes', inflateRatio, inflateRatioFromBytes };
  let stopped = false;
  let readerFault: FormatError | null = null;
  const tell = (work: () => void): boolean => {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      readerFault = error;
      return false;
    }
  };
  try {
    inflatePieces(bytes, limits, (piece) => {
      if (!tell(() => reader.push(piece))) return false;
      stopped = isEnough();
      return !stopped;
    });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    // The gzip is broken. The trace ends there, and may have been complete up to there before Go 1.26.
    tell(() => reader.end());
    return { reader, fault: new FormatError(error.fault, `${error.message}; ${usableText(reader)}`, error.at) };
  }
  if (!stopped && readerFault === null) tell(() => reader.end());
  return { reader, fault: readerFault };
}

function usableText({ generations, lastGeneration }: TraceReader): string {
  return generations === 0
    ? 'no generation of the trace is complete'
    : `the trace is usable up to generation ${lastGeneration} (${generations} in all)`;
}
