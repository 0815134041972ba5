import type { Budget } from '../budget.js';
import { FormatError, overBudget } from '../format-error.js';
import { putHalves } from '../int64.js';
import { IdIndex } from './id-index.js';
import type { Ranges } from './outline.js';
import { type FunctionTable, type LocationTable, mappingFlags, type MappingTable, type ValueType } from './profile.js';
import type { StringTable } from './string-table.js';
import { signed64, unsigned64, type WireReader } from './wire.js';

/** A table with the index of its rows by the ids of the file. */
export interface Indexed<T> {
  readonly table: T;
  readonly ids: IdIndex;
}

/** Reads a string index; FormatError `malformed` unless the string table has it. */
export function readStringIndex(reader: WireReader, strings: number): number {
  const index = reader.varint();
  if (index < strings) return index;
  throw new FormatError(
    'malformed',
    `string index ${signed64(reader.low, reader.high)} out of range: string_table has ${strings} entries`,
    { offset: reader.position },
  );
}

export function decodeValueTypes(reader: WireReader, ranges: Ranges, strings: StringTable): ValueType[] {
  const types: ValueType[] = [];
  for (let row = 0; row < ranges.start.length; row++) {
    let type = 0;
    let unit = 0;
    reader.enter(ranges.start[row], ranges.end[row]);
    while (reader.position < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x08:
          type = readStringIndex(reader, strings.length);
          break;
        case 0x10:
          unit = readStringIndex(reader, strings.length);
          break;
        default:
          reader.skipUnknown(tag, 2, 'value type');
      }
    }
    types.push({ type: strings.at(type), unit: strings.at(unit) });
  }
  return types;
}

export function decodeFunctions(
  reader: WireReader,
  ranges: Ranges,
  strings: number,
  lines: LineClamp,
): Indexed<FunctionTable> {
  const count = ranges.start.length;
  const name = new Uint32Array(count);
  const systemName = new Uint32Array(count);
  const filename = new Uint32Array(count);
  const startLine = new Int32Array(count);
  const ids = new IdIndex(count, 'function');
  for (let row = 0; row < count; row++) {
    let low = 0;
    let high = 0;
    reader.enter(ranges.start[row], ranges.end[row]);
    while (reader.position < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x08:
          reader.varint();
          low = reader.low;
          high = reader.high;
          break;
        case 0x10:
          name[row] = readStringIndex(reader, strings);
          break;
        case 0x18:
          systemName[row] = readStringIndex(reader, strings);
          break;
        case 0x20:
          filename[row] = readStringIndex(reader, strings);
          break;
        case 0x28:
          startLine[row] = lines.read(reader);
          break;
        default:
          reader.skipUnknown(tag, 5, 'function');
      }
    }
    ids.add(low, high, row);
  }
  return { table: { count, name, systemName, filename, startLine }, ids };
}

export function decodeMappings(reader: WireReader, ranges: Ranges, strings: number): Indexed<MappingTable> {
  const count = ranges.start.length;
  const memoryStart = new BigUint64Array(count);
  const memoryLimit = new BigUint64Array(count);
  const fileOffset = new BigUint64Array(count);
  const filename = new Uint32Array(count);
  const buildId = new Uint32Array(count);
  const flags = new Uint8Array(count);
  const ids = new IdIndex(count, 'mapping');
  for (let row = 0; row < count; row++) {
    let low = 0;
    let high = 0;
    reader.enter(ranges.start[row], ranges.end[row]);
    while (reader.position < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x08:
          reader.varint();
          low = reader.low;
          high = reader.high;
          break;
        case 0x10:
          memoryStart[row] = readUint64(reader);
          break;
        case 0x18:
          memoryLimit[row] = readUint64(reader);
          break;
        case 0x20:
          fileOffset[row] = readUint64(reader);
          break;
        case 0x28:
          filename[row] = readStringIndex(reader, strings);
          break;
        case 0x30:
          buildId[row] = readStringIndex(reader, strings);
          break;
        case 0x38:
          flags[row] = withFlag(flags[row], mappingFlags.functions, reader);
          break;
        case 0x40:
          flags[row] = withFlag(flags[row], mappingFlags.filenames, reader);
          break;
        case 0x48:
          flags[row] = withFlag(flags[row], mappingFlags.lineNumbers, reader);
          break;
        case 0x50:
          flags[row] = withFlag(flags[row], mappingFlags.inlineFrames, reader);
          break;
        default:
          reader.skipUnknown(tag, 10, 'mapping');
      }
    }
    ids.add(low, high, row);
  }
  return { table: { count, memoryStart, memoryLimit, fileOffset, filename, buildId, flags }, ids };
}

/**
 * Locations with their lines. `unknownMappings` counts locations whose mapping is not in the file; google/pprof takes
 * them as locations without mapping. A line must have a function.
 */
export function decodeLocations(
  reader: WireReader,
  ranges: Ranges,
  mappings: IdIndex,
  functions: IdIndex,
  lines: LineClamp,
  budget: Budget,
): Indexed<LocationTable> & { unknownMappings: number } {
  const count = ranges.start.length;
  const mapping = new Int32Array(count).fill(-1);
  const address = new BigUint64Array(count);
  const addressHalves = new Uint32Array(address.buffer);
  const folded = new Uint8Array(count);
  const lineStart = new Uint32Array(count + 1);
  let lineFunction = new Uint32Array(count + (count >> 1));
  let lineNumber = new Int32Array(lineFunction.length);
  let lineColumn = new Int32Array(lineFunction.length);
  let line = 0;
  let unknownMappings = 0;
  const ids = new IdIndex(count, 'location');

  for (let row = 0; row < count; row++) {
    let low = 0;
    let high = 0;
    const end = ranges.end[row];
    reader.enter(ranges.start[row], end);
    while (reader.position < end) {
      const tag = reader.tag();
      switch (tag) {
        case 0x08:
          reader.varint();
          low = reader.low;
          high = reader.high;
          break;
        case 0x10:
          if (reader.varint() === 0) {
            mapping[row] = -1;
          } else if ((mapping[row] = mappings.find(reader.low, reader.high)) < 0) {
            unknownMappings++;
          }
          break;
        case 0x18:
          reader.varint();
          putHalves(addressHalves, row, reader.low, reader.high);
          break;
        case 0x22: {
          if (line - lineStart[row] >= budget.linesPerLocation) {
            const limit = budget.linesPerLocation;
            throw overBudget('linesPerLocation', limit + 1, limit, reader.position);
          }
          if (line === budget.messages) throw overBudget('messages', line + 1, line, reader.position);
          if (line === lineFunction.length) {
            lineFunction = withCapacity(lineFunction, line * 2 + 16);
            lineNumber = withCapacity(lineNumber, line * 2 + 16);
            lineColumn = withCapacity(lineColumn, line * 2 + 16);
          }
          let functionLow = 0;
          let functionHigh = 0;
          const lineEnd = reader.delimited();
          reader.enter(reader.position, lineEnd);
          while (reader.position < lineEnd) {
            const lineTag = reader.tag();
            switch (lineTag) {
              case 0x08:
                reader.varint();
                functionLow = reader.low;
                functionHigh = reader.high;
                break;
              case 0x10:
                lineNumber[line] = lines.read(reader);
                break;
              case 0x18:
                lineColumn[line] = lines.read(reader);
                break;
              default:
                reader.skipUnknown(lineTag, 3, 'line');
            }
          }
          reader.enter(lineEnd, end);
          const found = functions.find(functionLow, functionHigh);
          if (found < 0) {
            const which =
              functionLow === 0 && functionHigh === 0 ? '' : ` (id ${unsigned64(functionLow, functionHigh)})`;
            throw new FormatError('malformed', `location ${row + 1} has a line with nil function${which}`, {
              offset: lineEnd,
            });
          }
          lineFunction[line++] = found;
          break;
        }
        case 0x28:
          folded[row] = reader.varint() === 0 ? 0 : 1;
          break;
        default:
          reader.skipUnknown(tag, 5, 'location');
      }
    }
    lineStart[row + 1] = line;
    ids.add(low, high, row);
  }
  const table = {
    count,
    mapping,
    address,
    folded,
    lineStart,
    lineFunction: lineFunction.slice(0, line),
    lineNumber: lineNumber.slice(0, line),
    lineColumn: lineColumn.slice(0, line),
  };
  return { table, ids, unknownMappings };
}

/** Reads line and column numbers into 32 bits; counts those that had to be clamped. */
export class LineClamp {
  clamped = 0;

  read(reader: WireReader): number {
    reader.varint();
    const { low, high } = reader;
    if (high === 0 && low < 2 ** 31) return low;
    if (high === 2 ** 32 - 1 && low >= 2 ** 31) return low | 0;
    this.clamped++;
    return high < 2 ** 31 ? 2 ** 31 - 1 : -(2 ** 31);
  }
}

/** A copy of `array` with room for `capacity` elements. */
export function withCapacity<T extends Uint32Array | Int32Array>(array: T, capacity: number): T {
  const larger = new (array.constructor as new (length: number) => T)(capacity);
  larger.set(array);
  return larger;
}

function readUint64(reader: WireReader): bigint {
  reader.varint();
  return unsigned64(reader.low, reader.high);
}

function withFlag(flags: number, flag: number, reader: WireReader): number {
  return reader.varint() === 0 ? flags & ~flag : flags | flag;
}
