import type { Budget } from '../budget.js';
import { FormatError, overBudget } from '../format-error.js';
import { Int64ColumnBuilder } from '../int64.js';
import type { IdIndex } from './id-index.js';
import type { Ranges } from './outline.js';
import type { LabelTable, SampleTable } from './profile.js';
import { readStringIndex, withCapacity } from './tables.js';
import { unsigned64, type WireReader } from './wire.js';

export interface DecodedSamples {
  readonly samples: SampleTable;
  readonly labels: LabelTable;
  /** Labels with both a string and a number, of which the number is dropped as google/pprof does. */
  readonly mixedLabels: number;
}

/**
 * Decodes all samples. The two loops over packed varints are the hot path of the product (nine bytes of ten of a
 * profile are stack entries and values), so they work on local variables and leave only what is rare to the reader.
 * Each is a function of its own: a small one is compiled long before the whole decoder would be, which counts where a
 * process reads one profile and ends.
 */
export function decodeSamples(
  reader: WireReader,
  ranges: Ranges,
  width: number,
  locations: IdIndex,
  strings: number,
  budget: Budget,
): DecodedSamples {
  const count = ranges.start.length;
  if (count > 0 && width === 0) throw new FormatError('malformed', 'missing sample type information');
  const { bytes } = reader;
  const dense = locations.dense;
  const stackStart = new Uint32Array(count + 1);
  // Ids mostly take one or two bytes. What is too much was never touched, and so costs no memory.
  let stack = new Uint32Array(Math.min(bytes.length >> 1, budget.stackEntries) + 64);
  let depth = 0;
  const columns = Array.from({ length: width }, () => new Int64ColumnBuilder(count));
  const labels = new LabelColumns(count, strings, budget);

  for (let row = 0; row < count; row++) {
    const end = ranges.end[row];
    let value = 0;
    reader.enter(ranges.start[row], end);
    while (reader.position < end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x0a: {
          const stop = reader.delimited();
          // Every entry takes at least one byte.
          const most = depth + stop - reader.position;
          if (most > stack.length) stack = grown(stack, most, budget.stackEntries);
          while (reader.position < stop) {
            depth = shortIds(reader, stop, dense, stack, depth);
            if (reader.position < stop) stack[depth++] = findLocation(reader, locations, row);
          }
          if (reader.position !== stop) throw cutVarint(stop);
          break;
        }
        case 0x08:
          if (depth === stack.length) stack = grown(stack, depth + 1, budget.stackEntries);
          stack[depth++] = findLocation(reader, locations, row);
          break;
        case 0x12: {
          const stop = reader.delimited();
          value = packedValues(reader, stop, columns, row, value);
          if (reader.position !== stop) throw cutVarint(stop);
          break;
        }
        case 0x10:
          reader.varint();
          if (value < width) columns[value].putHalves(row, reader.low, reader.high);
          value++;
          break;
        case 0x1a: {
          const stop = reader.delimited();
          reader.enter(reader.position, stop);
          labels.read(reader);
          reader.enter(stop, end);
          break;
        }
        default:
          reader.skipUnknown(tag, 3, 'sample');
      }
    }
    if (value !== width) {
      throw new FormatError('malformed', `mismatch: sample has ${value} values vs. ${width} types`, {
        offset: ranges.start[row],
      });
    }
    if (depth > budget.stackEntries) throw overBudget('stackEntries', depth, budget.stackEntries, end);
    stackStart[row + 1] = depth;
    labels.endRow(row);
  }

  const values = columns.map((column) => column.finish(count));
  return {
    samples: { count, stackStart, stack: stack.subarray(0, depth), values },
    labels: labels.finish(),
    mixedLabels: labels.mixed,
  };
}

/**
 * Reads location ids that take up to three bytes and lie in `dense` (rows plus one), from the reader's position to
 * `stop` or to the first id that needs the slow way, and returns how deep the stack is then.
 */
function shortIds(reader: WireReader, stop: number, dense: Int32Array, stack: Uint32Array, depth: number): number {
  const { bytes } = reader;
  const denseLength = dense.length;
  // Up to here three bytes can be read without a look at the end; reading beyond `stop` is noticed by the caller.
  const safe = Math.min(stop, bytes.length - 2);
  let p = reader.position;
  while (p < safe) {
    // Whether an id takes one byte or two is a coin toss that no branch predictor wins: so no branch.
    const low = bytes[p];
    const next = bytes[p + 1];
    const more = low >> 7;
    let id = (low & 127) | ((next & 127 & -more) << 7);
    let size = 1 + more;
    if ((more & (next >> 7)) !== 0) {
      const third = bytes[p + 2];
      // No row has id 0: it sends what is longer to the slow way.
      id = third > 127 ? 0 : id | (third << 14);
      size = 3;
    }
    const found = id < denseLength ? dense[id] : 0;
    if (found === 0) break;
    stack[depth++] = found - 1;
    p += size;
  }
  reader.position = p;
  return depth;
}

/** Puts the values from the reader's position to `stop` into their columns, from column `value` on; returns the next. */
function packedValues(
  reader: WireReader,
  stop: number,
  columns: readonly Int64ColumnBuilder[],
  row: number,
  value: number,
): number {
  const { bytes } = reader;
  let p = reader.position;
  while (p < stop) {
    const first = p;
    let number = bytes[p++];
    if (number > 127) {
      let byte = bytes[p++];
      number = (number & 127) | ((byte & 127) << 7);
      if (byte > 127) {
        byte = bytes[p++];
        number |= (byte & 127) << 14;
        if (byte > 127) {
          byte = bytes[p++];
          number |= (byte & 127) << 21;
          if (byte > 127) number = -1;
        }
      }
    }
    if (number >= 0) {
      if (value < columns.length) columns[value].put(row, number);
    } else {
      reader.position = first;
      reader.varint();
      p = reader.position;
      if (value < columns.length) columns[value].putHalves(row, reader.low, reader.high);
    }
    value++;
  }
  reader.position = p;
  return value;
}

/**
 * A stack array for `needed` entries, but never for more than `limit`: entries beyond it fall off the end of the array
 * while they are counted, and the sample that has them is refused.
 */
function grown(stack: Uint32Array<ArrayBuffer>, needed: number, limit: number): Uint32Array<ArrayBuffer> {
  if (stack.length >= limit) return stack;
  return withCapacity(stack, Math.min(Math.max(needed, stack.length + (stack.length >> 1)), limit));
}

/** Location row of the id at the reader, however large or oddly encoded it is. */
function findLocation(reader: WireReader, locations: IdIndex, row: number): number {
  reader.varint();
  const location = locations.find(reader.low, reader.high);
  if (location >= 0) return location;
  const id = unsigned64(reader.low, reader.high);
  throw new FormatError('malformed', `sample has nil location: sample ${row + 1} refers to id ${id}`, {
    offset: reader.position,
  });
}

function cutVarint(offset: number): FormatError {
  return new FormatError('malformed', 'bad varint: cut off', { offset });
}

class LabelColumns {
  mixed = 0;
  #count = 0;
  #capacity: number;
  readonly #start: Uint32Array;
  #key: Uint32Array;
  #str: Uint32Array;
  #unit: Uint32Array;
  readonly #num: Int64ColumnBuilder;
  // Labels met in the current sample, and before it: some are not kept.
  #met = 0;
  #metBefore = 0;

  constructor(
    samples: number,
    private readonly strings: number,
    private readonly budget: Budget,
  ) {
    this.#capacity = samples + 16;
    this.#start = new Uint32Array(samples + 1);
    this.#key = new Uint32Array(this.#capacity);
    this.#str = new Uint32Array(this.#capacity);
    this.#unit = new Uint32Array(this.#capacity);
    this.#num = new Int64ColumnBuilder(this.#capacity);
  }

  read(reader: WireReader): void {
    const { labelsPerSample, messages } = this.budget;
    if (++this.#met > labelsPerSample) {
      throw overBudget('labelsPerSample', this.#met, labelsPerSample, reader.position);
    }
    const total = this.#metBefore + this.#met;
    if (total > messages) throw overBudget('messages', total, messages, reader.position);
    let key = 0;
    let str = 0;
    let unit = 0;
    let low = 0;
    let high = 0;
    while (reader.position < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x08:
          key = readStringIndex(reader, this.strings);
          break;
        case 0x10:
          str = readStringIndex(reader, this.strings);
          break;
        case 0x18:
          reader.varint();
          low = reader.low;
          high = reader.high;
          break;
        case 0x20:
          unit = readStringIndex(reader, this.strings);
          break;
        default:
          reader.skipUnknown(tag, 4, 'label');
      }
    }
    const hasNumber = low !== 0 || high !== 0 || unit !== 0;
    if (str !== 0 && hasNumber) {
      this.mixed++;
      low = high = unit = 0;
    }
    // Neither a string nor a number: google/pprof cannot tell it from an absent label either, and drops it.
    if (str === 0 && !hasNumber) return;
    if (this.#count === this.#capacity) this.#grow();
    const at = this.#count++;
    this.#key[at] = key;
    this.#str[at] = str;
    this.#unit[at] = unit;
    this.#num.putHalves(at, low, high);
  }

  endRow(row: number): void {
    this.#metBefore += this.#met;
    this.#met = 0;
    this.#start[row + 1] = this.#count;
  }

  finish(): LabelTable {
    const count = this.#count;
    return {
      count,
      start: this.#start,
      key: this.#key.slice(0, count),
      str: this.#str.slice(0, count),
      num: this.#num.finish(count),
      unit: this.#unit.slice(0, count),
    };
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#key = withCapacity(this.#key, this.#capacity);
    this.#str = withCapacity(this.#str, this.#capacity);
    this.#unit = withCapacity(this.#unit, this.#capacity);
    this.#num.grow(this.#capacity);
  }
}
