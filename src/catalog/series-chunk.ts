import type { SeriesColumn, SeriesTable } from '../analysis/series-table.js';
import { type ByteReader, ByteWriter, DamagedBlockError, openBlock, sealBlock, unzigzag, zigzag } from './block.js';

/**
 * A stretch of a series table as the index keeps it:
 *
 *     rows, columns         varints
 *     moments               the first as an int64, then the distances in nanoseconds as varints
 *     per column: name, unit  each a length and UTF-8
 *                 type      one byte, see types
 *                 layout    one byte, see Layout
 *                 presence  one byte: 0 all, 1 a bit per row follows
 *                 values    of the rows that have one
 *
 * Integers are differences to the value before, as zigzag varints: counters and gauges move slowly.
 */
const version = 1;

const types = ['gauge', 'counter', 'event'] as const;
const Layout = { integers: 0, wideIntegers: 1, doubles: 2 } as const;

const narrowLimit = 2n ** 51n;
const utf8 = new TextEncoder();
const text = new TextDecoder();

/** @throws RangeError if the moments do not ascend, or a column has another length */
export async function encodeSeries({ atNanos, columns }: SeriesTable): Promise<Buffer> {
  const rows = atNanos.length;
  const out = new ByteWriter(64 + rows * (4 + columns.length * 3));
  out.uint(rows);
  out.uint(columns.length);
  if (rows > 0) out.int64(atNanos[0]);
  for (let row = 1; row < rows; row++) {
    const distance = atNanos[row] - atNanos[row - 1];
    if (distance < 0n || distance > 2n ** 53n) throw new RangeError(`moment ${row} follows after ${distance} ns`);
    out.uint(Number(distance));
  }
  for (const column of columns) {
    if (column.values.length !== rows) throw new RangeError(`${column.values.length} values for ${rows} moments`);
    writeText(out, column.name);
    writeText(out, column.unit);
    out.byte(types.indexOf(column.type));
    writeValues(out, column);
  }
  return sealBlock(version, out.bytes());
}

/** @throws DamagedBlockError */
export function decodeSeries(data: Uint8Array): SeriesTable {
  const reader = openBlock(version, data);
  const rows = reader.count(0);
  // A row costs a byte for its moment, but for the first.
  if (rows > reader.remaining + 1) throw new DamagedBlockError(`${rows} moments in ${reader.remaining} bytes`);
  const columns = reader.count(5);
  const atNanos = new BigInt64Array(rows);
  if (rows > 0) atNanos[0] = reader.int64();
  for (let row = 1; row < rows; row++) atNanos[row] = atNanos[row - 1] + BigInt(reader.uint());
  const decoded: SeriesColumn[] = [];
  for (let column = 0; column < columns; column++) {
    const name = readText(reader);
    const unit = readText(reader);
    const type = types[reader.byte()] as SeriesColumn['type'] | undefined;
    if (type === undefined) throw new DamagedBlockError('type of a series');
    decoded.push({ name, unit, type, ...readValues(reader, rows) });
  }
  reader.end();
  return { atNanos, columns: decoded };
}

function writeValues(out: ByteWriter, { values, present }: SeriesColumn): void {
  const isMissing = (row: number): boolean => present?.[row] === 0;
  if (values instanceof Float64Array) {
    out.byte(Layout.doubles);
    writePresence(out, present);
    const doubles = Float64Array.from(values).filter((_, row) => !isMissing(row));
    return out.raw(new Uint8Array(doubles.buffer));
  }
  const isNarrow = values.every((value) => value < narrowLimit && value > -narrowLimit);
  out.byte(isNarrow ? Layout.integers : Layout.wideIntegers);
  writePresence(out, present);
  let before = 0n;
  values.forEach((value, row) => {
    if (isMissing(row)) return;
    if (isNarrow) out.uint(zigzag(Number(value - before)));
    // Two's complement wraps, here and on the way back.
    else out.int64(BigInt.asIntN(64, value - before));
    before = value;
  });
}

function readValues(reader: ByteReader, rows: number): Pick<SeriesColumn, 'values' | 'present'> {
  const layout = reader.byte();
  const present = readPresence(reader, rows);
  const isMissing = (row: number): boolean => present?.[row] === 0;
  if (layout === Layout.doubles) {
    const values = new Float64Array(rows);
    let count = 0;
    for (let row = 0; row < rows; row++) if (!isMissing(row)) count++;
    const bytes = reader.raw(count * 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let row = 0, at = 0; row < rows; row++) {
      if (isMissing(row)) continue;
      values[row] = view.getFloat64(at, true);
      at += 8;
    }
    return { values, present };
  }
  if (layout !== Layout.integers && layout !== Layout.wideIntegers) throw new DamagedBlockError(`layout ${layout}`);
  const values = new BigInt64Array(rows);
  let before = 0n;
  for (let row = 0; row < rows; row++) {
    if (isMissing(row)) continue;
    const step = layout === Layout.integers ? BigInt(unzigzag(reader.uint())) : reader.int64();
    values[row] = before = BigInt.asIntN(64, before + step);
  }
  return { values, present };
}

function writePresence(out: ByteWriter, present: Uint8Array | null): void {
  out.byte(present === null ? 0 : 1);
  if (present === null) return;
  const bits = new Uint8Array((present.length + 7) >> 3);
  present.forEach((is, row) => (bits[row >> 3] |= (is === 0 ? 0 : 1) << (row & 7)));
  out.raw(bits);
}

function readPresence(reader: ByteReader, rows: number): Uint8Array | null {
  const some = reader.byte();
  if (some === 0) return null;
  if (some !== 1) throw new DamagedBlockError('presence of a series');
  const bits = reader.raw((rows + 7) >> 3);
  return Uint8Array.from({ length: rows }, (_, row) => (bits[row >> 3] >> (row & 7)) & 1);
}

function writeText(out: ByteWriter, value: string): void {
  const bytes = utf8.encode(value);
  out.uint(bytes.length);
  out.raw(bytes);
}

function readText(reader: ByteReader): string {
  return text.decode(reader.raw(reader.count(1)));
}
