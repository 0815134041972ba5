import { trailerFields } from '../memstats/fields.js';
import type { Reading } from '../reading.js';
import { asciiText } from './scan.js';

/** Longest value of a scalar that is read: an integer of 64 bits or a float, twice over, with room. */
const scalarBytes = 96;
const nameBytes = 64;

/**
 * Reads the lines `# Alloc = 6341808`, `# Stack = 655360 / 655360` behind `# runtime.MemStats`. Each field is read once;
 * lists and names that no version of Go writes are left out.
 */
export class MemStatsTrailer {
  readonly readings: Reading[] = [];
  private readonly met = new Set<string>();

  /**
   * @param start offset behind the `# `
   * @returns false for a line that should hold numbers and does not
   */
  line(bytes: Uint8Array, start: number, end: number): boolean {
    const equals = bytes.subarray(start, Math.min(end, start + nameBytes)).indexOf(equalsSign);
    if (equals < 0) return false;
    const fields = trailerFields(asciiText(bytes, start, start + equals).trim());
    if (fields.length === 0) return true;
    const valueStart = start + equals + 1;
    if (end - valueStart > scalarBytes) return false;
    const parts = asciiText(bytes, valueStart, end).split('/');
    if (parts.length !== fields.length) return false;
    const readings: Reading[] = [];
    for (const [i, { name, unit, type, number }] of fields.entries()) {
      const value = number === 'float' ? float(parts[i].trim()) : integer(parts[i].trim());
      if (value === null) return false;
      readings.push({ name, unit, type, value });
    }
    for (const reading of readings) {
      if (this.met.has(reading.name)) continue;
      this.met.add(reading.name);
      this.readings.push(reading);
    }
    return true;
  }
}

const equalsSign = 61;

const uint64Max = 2n ** 64n - 1n;

function integer(text: string): bigint | null {
  if (!/^\d{1,20}$/.test(text)) return null;
  const value = BigInt(text);
  return value <= uint64Max ? value : null;
}

/** As Go prints a float64 with %v. */
function float(text: string): number | null {
  return /^-?\d{1,24}(?:\.\d{1,24})?(?:e[+-]\d{1,3})?$/.test(text) ? Number(text) : null;
}
