import type { Damage } from '../damage.js';
import { FormatError } from '../format-error.js';
import type { JsonLimits } from './limits.js';
import { eachJson, type JsonObject, type JsonValue } from './reader.js';

/** What a file of JSON documents held: usually one, or one a line. */
export interface Documents<T> {
  /** In the order of the file; at least one. */
  readonly snapshots: readonly T[];
  /** What was left out because it is damaged, cut off or something else; null where nothing was. */
  readonly damage: Damage | null;
}

/**
 * Decodes every document of a file. One that `decode` refuses is left out and counted, like one that is no JSON.
 *
 * @param what stands in "no … in it" when the file is empty
 * @throws FormatError the first fault, where no document could be decoded
 */
export function decodeDocuments<T>(
  bytes: Uint8Array,
  what: string,
  decode: (value: JsonValue) => T,
  limits: JsonLimits,
): Documents<T> {
  const snapshots: T[] = [];
  let refused = 0;
  let first: FormatError | null = null;
  const damage = eachJson(
    bytes,
    (value, offset) => {
      try {
        snapshots.push(decode(value));
      } catch (error) {
        if (!(error instanceof FormatError) || error.fault === 'over-budget') throw error;
        refused++;
        first ??= new FormatError(error.fault, `${error.message}, in the JSON at byte ${offset}`, { offset });
      }
    },
    limits,
  );
  const fault = first ?? damage?.first;
  if (snapshots.length === 0) throw fault ?? new FormatError('unrecognized', `no JSON and so no ${what} in it`);
  return { snapshots, damage: fault === undefined ? null : { lost: refused + (damage?.lost ?? 0), first: fault } };
}

const maxUint64 = 2n ** 64n - 1n;

/**
 * A count or an amount, exact. Where another tool has rewritten a large integer with an exponent, digits are lost
 * already: then it is the double that the text names.
 *
 * @throws FormatError `malformed` for anything but an integer from 0 to 2^64 − 1
 */
export function unsignedOf(value: JsonValue | undefined, name: string): bigint {
  if (typeof value === 'bigint' && value >= 0n && value <= maxUint64) return value;
  if (typeof value === 'number' && value >= 0 && value < 2 ** 64 && Number.isInteger(value)) return BigInt(value);
  throw new FormatError('malformed', `${name} is no unsigned integer`);
}

/** @throws FormatError `malformed` for anything but a number */
export function numberOf(value: JsonValue | undefined, name: string): number {
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
  throw new FormatError('malformed', `${name} is no number`);
}

/** The elements; none for null and for a member that is missing, which is how Go writes an empty slice. */
export function elementsOf(value: JsonValue | undefined, name: string): readonly JsonValue[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw new FormatError('malformed', `${name} is no array`);
}

/** @throws FormatError `malformed` for anything but an object */
export function objectOf(value: JsonValue | undefined, name: string): JsonObject {
  if (value instanceof Map) return value;
  throw new FormatError('malformed', `${name} is no object`);
}

/** The text; empty for null and for a member that is missing. */
export function textOf(value: JsonValue | undefined, name: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new FormatError('malformed', `${name} is no string`);
}
