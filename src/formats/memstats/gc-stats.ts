import { FormatError } from '../format-error.js';
import { documentTime } from '../json/document-time.js';
import { decodeDocuments, type Documents, elementsOf, textOf, unsignedOf } from '../json/documents.js';
import { type JsonLimits, jsonLimits } from '../json/limits.js';
import type { JsonValue } from '../json/reader.js';
import type { Reading } from '../reading.js';
import { rfc3339Nanos } from '../rfc3339.js';
import { type Pause, pauseRingLength } from './pause.js';

/** What one debug.GCStats says. */
export interface GcStatsSnapshot {
  /** When the document says that it was written; null if it does not, as Go's own never do. */
  readonly atUnixNanos: bigint | null;
  /** NumGC, PauseTotal and, after a first collection, LastGC. */
  readonly readings: readonly Reading[];
  /** The last collections, at most 256, the oldest first. */
  readonly pauses: readonly Pause[];
  /**
   * Pauses in nanoseconds from the shortest to the longest, as many as whoever asked wanted, at even steps of rank: five
   * are 0, 25, 50, 75 and 100 %. Empty if none were asked for.
   */
  readonly quantileNanos: readonly bigint[];
}

/** More quantiles than this, nobody asks for. */
const quantilesKept = 1_001;

/**
 * `json.Marshal(debug.GCStats)`, one or several in a file (Go runtime/debug/garbage.go). Durations are nanoseconds,
 * times are RFC 3339 with nanoseconds, and the history starts with the most recent collection.
 *
 * @throws FormatError
 */
export function decodeGcStats(bytes: Uint8Array, limits: JsonLimits = jsonLimits): Documents<GcStatsSnapshot> {
  return decodeDocuments(bytes, 'GCStats', gcStatsOf, limits);
}

/** Whether a text starts as the JSON of a GCStats. */
export function sniffGcStats(_: Uint8Array, text: string): boolean {
  return /^\s*\{/.test(text) && /"(?:PauseTotal|PauseQuantiles)"\s*:/.test(text) && !/"HeapAlloc"\s*:/.test(text);
}

function gcStatsOf(value: JsonValue): GcStatsSnapshot {
  if (!(value instanceof Map) || !value.has('NumGC') || !(value.has('PauseTotal') || value.has('PauseQuantiles'))) {
    throw new FormatError('unrecognized', 'no GCStats: NumGC with PauseTotal or PauseQuantiles is not in it');
  }
  const gcCount = unsignedOf(value.get('NumGC'), 'NumGC');
  if (gcCount > 2n ** 63n - 1n) throw new FormatError('malformed', 'NumGC is over an int64');
  const readings: Reading[] = [{ name: 'NumGC', unit: 'count', type: 'counter', value: gcCount }];
  const pauseTotal = value.get('PauseTotal');
  if (pauseTotal !== undefined) {
    const nanos = unsignedOf(pauseTotal, 'PauseTotal');
    readings.push({ name: 'PauseTotal', unit: 'nanoseconds', type: 'counter', value: nanos });
  }
  // Before the first collection it is the zero of Unix time in the zone of the machine.
  if (value.has('LastGC') && gcCount > 0n) {
    const at = momentOf(value.get('LastGC'), 'LastGC');
    readings.push({ name: 'LastGC', unit: 'unix-nanoseconds', type: 'gauge', value: at });
  }
  return {
    atUnixNanos: documentTime(value),
    readings,
    pauses: pausesOf(Number(gcCount), value.get('Pause'), value.get('PauseEnd')),
    quantileNanos: elementsOf(value.get('PauseQuantiles'), 'PauseQuantiles')
      .slice(0, quantilesKept)
      .map((element) => unsignedOf(element, 'PauseQuantiles')),
  };
}

function pausesOf(gcCount: number, pauseList: JsonValue | undefined, endList: JsonValue | undefined): Pause[] {
  const pauses = elementsOf(pauseList, 'Pause');
  const ends = elementsOf(endList, 'PauseEnd');
  if (endList === undefined || pauseList === undefined) return [];
  if (pauses.length !== ends.length) {
    throw new FormatError('malformed', `Pause and PauseEnd differ in length: ${pauses.length} and ${ends.length}`);
  }
  if (pauses.length > pauseRingLength || pauses.length > gcCount) {
    throw new FormatError('malformed', `Pause has ${pauses.length} entries after ${gcCount} collections`);
  }
  return pauses
    .map((pause, i) => ({
      gc: gcCount - i,
      endUnixNanos: momentOf(ends[i], 'PauseEnd'),
      pauseNanos: unsignedOf(pause, 'Pause'),
    }))
    .reverse();
}

function momentOf(value: JsonValue | undefined, name: string): bigint {
  const nanos = rfc3339Nanos(textOf(value, name));
  if (nanos === null) throw new FormatError('malformed', `${name} is no RFC 3339 time`);
  return nanos;
}
