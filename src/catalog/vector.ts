import type { Int64Column } from '../formats/int64.js';
import { ByteReader, ByteWriter, DamagedBlockError, openBlock, sealBlock, unzigzag, zigzag } from './block.js';

/**
 * One snapshot as the index keeps it: the stacks by dictionary node, and their values, column by column.
 *
 *     rows, columns           varints
 *     nodes                   per row the distance to the node before, a varint
 *     per column: bytes       varint, so that a reader can skip what it does not need
 *                 layout      one byte, see Layout
 *                 presence    one byte, see Presence; a bit per row if some rows are zero
 *                 values      of the rows that are not zero, as zigzag varints
 *
 * Sample types come in pairs, a count and a size (`inuse_objects`, `inuse_space`), and most stacks allocate one size of
 * object. A column may therefore be kept as what is left after division by the column before it: all quotients, then all
 * remainders. On heap profiles of Go that takes a fifth off the whole vector; the encoder estimates both and keeps the
 * smaller.
 */
const version = 1;

const Layout = { numbers: 0, ratios: 1, wideNumbers: 2, bigints: 3 } as const;
const Presence = { all: 0, none: 1, some: 2 } as const;

/** Up to here zigzag and the products of the ratio layout are exact in a double. */
const narrowLimit = 2 ** 52;

export interface SnapshotVector {
  /** Dictionary nodes, distinct and ascending. */
  readonly nodes: Int32Array;
  /** As many columns as sample types, one value per node. A Float64Array stays one, and so does a BigInt64Array. */
  readonly values: Int64Column[];
}

/**
 * @throws RangeError if nodes are not ascending, columns differ in length, or a value is not an integer that its column
 * holds exactly
 */
export async function encodeVector(nodes: Int32Array, values: readonly Int64Column[]): Promise<Buffer> {
  const out = new ByteWriter(nodes.length * (2 + values.length * 2) + 64);
  out.uint(nodes.length);
  out.uint(values.length);
  let before = -1;
  for (const node of nodes) {
    if (node <= before) throw new RangeError(`node ${node} follows ${before}`);
    out.uint(node - before - 1);
    before = node;
  }
  values.forEach((column, index) => {
    if (column.length !== nodes.length) throw new RangeError(`${column.length} values for ${nodes.length} nodes`);
    const bytes = encodeColumn(column, values[index - 1]);
    out.uint(bytes.length);
    out.raw(bytes);
  });
  return sealBlock(version, out.bytes());
}

/**
 * @param only decode this column alone; the others are then absent, and `values` has one entry
 * @throws DamagedBlockError
 */
export function decodeVector(data: Uint8Array, only?: number): SnapshotVector {
  const content = openBlock(version, data);
  const rows = content.count(1);
  const columns = content.count(2);
  const nodes = new Int32Array(rows);
  const gaps = roomForValues(rows);
  content.uints(gaps);
  let before = -1;
  for (let row = 0; row < rows; row++) {
    before += gaps[row] + 1;
    if (before > 0x7fffffff) throw new DamagedBlockError(`node ${before}`);
    nodes[row] = before;
  }
  const encoded: Uint8Array[] = [];
  for (let column = 0; column < columns; column++) encoded.push(content.raw(content.uint()));
  content.end();
  if (only !== undefined) return { nodes, values: [decodeColumn(encoded, only, rows)] };
  const values: Int64Column[] = [];
  for (let column = 0; column < columns; column++) values.push(decodeColumn(encoded, column, rows, values[column - 1]));
  return { nodes, values };
}

function encodeColumn(column: Int64Column, divisors: Int64Column | undefined): Uint8Array {
  if (column instanceof BigInt64Array) return encodeWide(Layout.bigints, column);
  let narrow = true;
  for (const value of column) {
    if (!Number.isSafeInteger(value)) {
      if (Math.abs(value) !== 2 ** 53) throw new RangeError(`${value} is not an exact integer`);
    }
    if (value > narrowLimit || value < -narrowLimit) narrow = false;
  }
  if (!narrow) return encodeWide(Layout.wideNumbers, BigInt64Array.from(column, BigInt));

  const plain = new ByteWriter(column.length * 3);
  for (const value of column) if (value !== 0) plain.uint(zigzag(value));
  if (!(divisors instanceof Float64Array) || !isNarrow(divisors)) return join(Layout.numbers, column, plain);

  const quotients = new ByteWriter(column.length * 2);
  const remainders = new ByteWriter(column.length * 2);
  for (let row = 0; row < column.length; row++) {
    const value = column[row];
    if (value === 0) continue;
    const divisor = divisorAt(divisors, row);
    const quotient = Math.trunc(value / divisor);
    quotients.uint(zigzag(quotient));
    remainders.uint(zigzag(value - quotient * divisor));
  }
  return estimatedBits(quotients) + estimatedBits(remainders) < estimatedBits(plain)
    ? join(Layout.ratios, column, quotients, remainders)
    : join(Layout.numbers, column, plain);
}

function encodeWide(layout: number, column: BigInt64Array): Uint8Array {
  const values = new ByteWriter(column.length * 5);
  for (const value of column) if (value !== 0n) values.int64(value);
  return join(layout, column, values);
}

function join(layout: number, column: Int64Column, ...values: ByteWriter[]): Uint8Array {
  const out = new ByteWriter(column.length * 4);
  out.byte(layout);
  writePresence(out, column);
  for (const part of values) out.raw(part.bytes());
  return out.bytes();
}

function decodeColumn(
  encoded: readonly Uint8Array[],
  index: number,
  rows: number,
  decodedBefore?: Int64Column,
): Int64Column {
  if (index >= encoded.length) throw new DamagedBlockError(`no column ${index} among ${encoded.length}`);
  const reader = new ByteReader(encoded[index]);
  const layout = reader.byte();
  if (layout > Layout.bigints) throw new DamagedBlockError(`column layout ${layout}`);
  let divisors: Float64Array | undefined;
  if (layout === Layout.ratios) {
    if (index === 0) throw new DamagedBlockError('the first column refers to the one before');
    // Before anything else is read: it takes the same room.
    const before = decodedBefore ?? decodeColumn(encoded, index - 1, rows);
    if (!(before instanceof Float64Array)) throw new DamagedBlockError('ratios to a column of bigints');
    divisors = before;
  }
  const present = readPresence(reader, rows);
  if (layout === Layout.bigints || layout === Layout.wideNumbers) {
    const column = new BigInt64Array(rows);
    for (const row of present) column[row] = reader.int64();
    reader.end();
    return layout === Layout.bigints ? column : Float64Array.from(column, Number);
  }
  const column = new Float64Array(rows);
  const read = roomForValues(present.length);
  reader.uints(read);
  for (let i = 0; i < read.length; i++) column[present[i]] = unzigzag(read[i]);
  if (divisors !== undefined) {
    reader.uints(read);
    for (let i = 0; i < read.length; i++) {
      const row = present[i];
      column[row] = column[row] * divisorAt(divisors, row) + unzigzag(read[i]);
    }
  }
  reader.end();
  return column;
}

function divisorAt(divisors: Float64Array, row: number): number {
  const divisor = divisors[row];
  return divisor === 0 ? 1 : divisor;
}

function isNarrow(column: Float64Array): boolean {
  return column.every((value) => value <= narrowLimit && value >= -narrowLimit);
}

function writePresence(out: ByteWriter, column: Int64Column): void {
  const bits = new Uint8Array((column.length + 7) >> 3);
  let present = 0;
  for (let row = 0; row < column.length; row++) {
    if (!column[row]) continue;
    bits[row >> 3] |= 1 << (row & 7);
    present++;
  }
  if (present === column.length) out.byte(Presence.all);
  else if (present === 0) out.byte(Presence.none);
  else {
    out.byte(Presence.some);
    out.raw(bits);
  }
}

/*
 * What is read is at once made into something else. A trend decodes hundreds of vectors, so the room for it is used again:
 * arrays of this size lie outside of V8's heap, and to give them back costs as much as to fill them.
 */
const roomRows = 65_536;
const roomOfValues = new Float64Array(roomRows);
const roomOfPresence = new Int32Array(roomRows);

function roomForValues(rows: number): Float64Array {
  return rows > roomRows ? new Float64Array(rows) : roomOfValues.subarray(0, rows);
}

/** The rows that have a value other than zero, ascending; valid until the next column is read. */
function readPresence(reader: ByteReader, rows: number): Int32Array {
  const present = rows > roomRows ? new Int32Array(rows) : roomOfPresence;
  let count = 0;
  switch (reader.byte()) {
    case Presence.all:
      while (count < rows) present[count] = count++;
      break;
    case Presence.none:
      break;
    case Presence.some: {
      const bits = reader.raw((rows + 7) >> 3);
      for (let row = 0; row < rows; row++) if ((bits[row >> 3] >> (row & 7)) & 1) present[count++] = row;
      break;
    }
    default:
      throw new DamagedBlockError('presence of a column');
  }
  return present.subarray(0, count);
}

/** What a coder of single bytes would need: close enough to deflate's result to choose between two layouts. */
function estimatedBits(values: ByteWriter): number {
  const bytes = values.bytes();
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]++;
  let bits = 0;
  for (const count of counts) if (count > 0) bits += count * Math.log2(bytes.length / count);
  return bits;
}
