import { FormatError } from '../format-error.js';
import { documentTime } from '../json/document-time.js';
import { decodeDocuments, type Documents, elementsOf, numberOf, objectOf, unsignedOf } from '../json/documents.js';
import { type JsonLimits, jsonLimits } from '../json/limits.js';
import type { JsonObject, JsonValue } from '../json/reader.js';
import type { Reading } from '../reading.js';
import { memStatsField } from './fields.js';
import { type Pause, pauseRingLength, pausesOfRing } from './pause.js';

/** What one runtime.MemStats says. */
export interface MemStatsSnapshot {
  /** When the document says that it was written; null if it does not, as Go's own never do. */
  readonly atUnixNanos: bigint | null;
  /** Its scalar fields in the order of the document. */
  readonly readings: readonly Reading[];
  /** The last collections, at most 256, the oldest first. */
  readonly pauses: readonly Pause[];
  /** BySize: the small size classes. Large objects and the largest classes are in none of them. */
  readonly sizeClasses: readonly SizeClass[];
}

export interface SizeClass {
  readonly objectBytes: bigint;
  /** Cumulative counts of objects. */
  readonly mallocs: bigint;
  readonly frees: bigint;
}

/** Size classes that are kept: Go writes 61. */
const sizeClassesKept = 256;

/**
 * `json.Marshal(runtime.MemStats)` of any Go version, one or several in a file. Fields may be missing, and what is no
 * field of MemStats is passed over; a field of another type than Go's makes the document malformed.
 *
 * @throws FormatError
 */
export function decodeMemStats(bytes: Uint8Array, limits: JsonLimits = jsonLimits): Documents<MemStatsSnapshot> {
  return decodeDocuments(bytes, 'MemStats', memStatsOf, limits);
}

/** Whether a text starts as the JSON of a MemStats, whatever the order of its keys. */
export function sniffMemStats(_: Uint8Array, text: string): boolean {
  return (
    /^\s*\{/.test(text) &&
    /"(?:HeapAlloc|HeapInuse|HeapSys|TotalAlloc|BuckHashSys|BySize)"\s*:/.test(text) &&
    !/"memstats"\s*:/.test(text)
  );
}

/** @throws FormatError `unrecognized` for another value, `malformed` for a field of a wrong type */
export function memStatsOf(value: JsonValue): MemStatsSnapshot {
  if (!(value instanceof Map) || !isMemStats(value)) {
    throw new FormatError('unrecognized', 'no MemStats: neither HeapAlloc nor HeapInuse nor HeapSys is in it');
  }
  const readings: Reading[] = [];
  for (const [key, member] of value) {
    const field = memStatsField(key);
    if (field === undefined) continue;
    const { name, unit, type } = field;
    readings.push({
      name,
      unit,
      type,
      value: field.number === 'float' ? numberOf(member, name) : unsignedOf(member, name),
    });
  }
  return { atUnixNanos: documentTime(value), readings, pauses: pausesIn(value), sizeClasses: sizeClassesIn(value) };
}

function isMemStats(value: JsonObject): boolean {
  return value.has('HeapAlloc') || value.has('HeapInuse') || value.has('HeapSys');
}

function pausesIn(value: JsonObject): Pause[] {
  const [gcCount, pauses, ends] = ['NumGC', 'PauseNs', 'PauseEnd'].map((name) => value.get(name));
  if (gcCount === undefined || pauses === undefined || ends === undefined) return [];
  return pausesOfRing(Number(unsignedOf(gcCount, 'NumGC')), ring(pauses, 'PauseNs'), ring(ends, 'PauseEnd'));
}

function ring(value: JsonValue, name: string): bigint[] {
  const elements = elementsOf(value, name);
  if (elements.length > pauseRingLength) {
    throw new FormatError('malformed', `${name} has ${elements.length} places, more than ${pauseRingLength}`);
  }
  return elements.map((element) => unsignedOf(element, name));
}

function sizeClassesIn(value: JsonObject): SizeClass[] {
  return elementsOf(value.get('BySize'), 'BySize')
    .slice(0, sizeClassesKept)
    .map((element) => {
      const sizeClass = objectOf(element, 'an element of BySize');
      return {
        objectBytes: unsignedOf(sizeClass.get('Size'), 'Size'),
        mallocs: unsignedOf(sizeClass.get('Mallocs'), 'Mallocs'),
        frees: unsignedOf(sizeClass.get('Frees'), 'Frees'),
      };
    });
}
