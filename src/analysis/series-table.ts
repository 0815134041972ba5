import type { Reading } from '../formats/reading.js';

/**
 * Numbers of one process over time: moments, ascending, and one column per name. What MemStats, a metrics page or /proc
 * say is a table of one moment; a log of GC cycles is a table of thousands.
 */
export interface SeriesTable {
  /** Unix nanoseconds; or, in a table that only knows how its moments lie to each other, nanoseconds to its capture. */
  readonly atNanos: BigInt64Array;
  readonly columns: readonly SeriesColumn[];
}

export interface SeriesColumn {
  readonly name: string;
  /** `bytes`, `nanoseconds`, `count`, `ratio`, … */
  readonly unit: string;
  /** A counter only grows during the life of the process; an event is true of its moment alone, as a pause is. */
  readonly type: 'gauge' | 'counter' | 'event';
  /** Integers in a BigInt64Array are exact to 64 bits; a Float64Array may hold fractions. */
  readonly values: BigInt64Array | Float64Array;
  /** Per moment whether there is a value; null where all have one. */
  readonly present: Uint8Array | null;
}

/** The table of one moment. Of two readings with one name the first counts; values beyond 64 bits become doubles. */
export function momentTable(atNanos: bigint, readings: readonly Reading[]): SeriesTable {
  const columns = new Map<string, SeriesColumn>();
  for (const { name, unit, type, value } of readings) {
    if (columns.has(name)) continue;
    const fits = typeof value === 'bigint' && BigInt.asIntN(64, value) === value;
    const values = fits ? BigInt64Array.of(value) : Float64Array.of(Number(value));
    columns.set(name, { name, unit, type, values, present: null });
  }
  return { atNanos: BigInt64Array.of(atNanos), columns: [...columns.values()] };
}

/** The rows [start, end) of a table. */
export function sliceTable({ atNanos, columns }: SeriesTable, start: number, end: number): SeriesTable {
  return {
    atNanos: atNanos.subarray(start, end),
    columns: columns.map((column) => ({
      ...column,
      values: column.values.subarray(start, end),
      present: column.present?.subarray(start, end) ?? null,
    })),
  };
}

/** Moments times names of one table: as much as a file of MemStats, one a second for a day, has. */
export const tableCells = 4_000_000;

/**
 * The table of several moments, in order of time. It is as wide as all names together and as long as all moments, so that
 * moments with names of their own each would make a table the square of them: names that come when there is no more room
 * are left out, and counted.
 */
export function momentsTable(
  moments: readonly { readonly atNanos: bigint; readonly readings: readonly Reading[] }[],
  cells = tableCells,
): { readonly table: SeriesTable; readonly namesLeftOut: number } {
  const room = Math.max(1, Math.floor(cells / Math.max(1, moments.length)));
  const kept = new Set<string>();
  const left = new Set<string>();
  for (const { readings } of moments) {
    for (const { name } of readings) if (!kept.has(name)) (kept.size < room ? kept : left).add(name);
  }
  const tables = moments.map(({ atNanos, readings }) =>
    momentTable(atNanos, left.size === 0 ? readings : readings.filter(({ name }) => kept.has(name))),
  );
  return { table: joinTables(tables), namesLeftOut: left.size };
}

/**
 * One table of many, in order of time. Columns meet by name; a name that is an integer in one table and a fraction in
 * another becomes a column of doubles. Moments that are equal stay apart, in the order of the tables.
 */
export function joinTables(tables: readonly SeriesTable[]): SeriesTable {
  if (tables.length === 1) return tables[0];
  const count = tables.reduce((sum, { atNanos }) => sum + atNanos.length, 0);
  const joined = new BigInt64Array(count);
  const rows: { table: number; row: number; at: bigint }[] = [];
  tables.forEach(({ atNanos }, table) => atNanos.forEach((at, row) => rows.push({ table, row, at })));
  rows.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.table - b.table || a.row - b.row));
  rows.forEach(({ at }, index) => (joined[index] = at));

  const byName = new Map<string, (SeriesColumn | undefined)[]>();
  tables.forEach(({ columns }, table) => {
    for (const column of columns) {
      let found = byName.get(column.name);
      if (found === undefined) byName.set(column.name, (found = []));
      found[table] = column;
    }
  });
  const columns = [...byName.values()].map((parts): SeriesColumn => {
    const known = parts.filter((part) => part !== undefined);
    const { name, unit, type } = known[0];
    const isExact = known.every(({ values }) => values instanceof BigInt64Array);
    const wide = isExact ? new BigInt64Array(count) : null;
    const narrow = isExact ? null : new Float64Array(count);
    const present = new Uint8Array(count);
    let missing = 0;
    rows.forEach(({ table, row }, index) => {
      const part = parts[table];
      if (part === undefined || part.present?.[row] === 0) return void missing++;
      present[index] = 1;
      if (wide !== null) wide[index] = part.values[row] as bigint;
      else narrow![index] = Number(part.values[row]);
    });
    return { name, unit, type, values: wide ?? narrow!, present: missing === 0 ? null : present };
  });
  return { atNanos: joined, columns };
}
