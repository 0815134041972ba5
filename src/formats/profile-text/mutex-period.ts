import type { Header } from './header.js';
import type { Int64 } from './scale.js';
import { asciiText } from './scan.js';

export interface MutexPeriod {
  /** What the records are multiplied by. */
  readonly factor: Int64;
  /** What a reader should know about it; empty if nothing. */
  readonly detail: string;
}

/** Since this version the runtime multiplies when it records an event (runtime/mprof.go, saveblockevent). */
const firstScaledMinor = 20;
const searchedBytes = 256 * 1024;

/**
 * A mutex profile counts one event of `sampling period`. Up to Go 1.19 the text holds the events that were met, and its
 * reader multiplies. Since Go 1.20 it holds the estimate already, as the protobuf does, but the line with the period
 * has stayed: `go tool pprof` multiplies once more, and shows values that are too large by the period.
 *
 * Which Go it was shows in the paths of its sources, where they carry the version; else it is taken for a recent one.
 */
export function mutexPeriodOf(bytes: Uint8Array, { layout, kind, period, end }: Header): MutexPeriod {
  if (layout !== 'contention') return { factor: 1, detail: '' };
  if (Number(period) < 1) {
    // Sampling was off when the text was written; the events in it were recorded before.
    return { factor: 1, detail: `the sampling period is ${period}: go tool pprof takes the cycles for nanoseconds` };
  }
  if (kind !== 'mutex' || period === 1) return { factor: period, detail: '' };
  const text = asciiText(bytes, end, Math.min(bytes.length, end + searchedBytes));
  const found = /\/go-?1\.(\d{1,2})[^\s/]{0,40}\/src\//.exec(text);
  if (found !== null && Number(found[1]) < firstScaledMinor) return { factor: period, detail: '' };
  return {
    factor: 1,
    detail:
      `Go ${found === null ? '1.20 and later' : `1.${found[1]}`} has multiplied by the sampling period of ${period} ` +
      'already: go tool pprof does it twice in this text',
  };
}
