import type { TenantId } from '../platform/database.js';
import type { Cursors } from '../platform/cursor.js';

/** A part of a list: at most `limit` rows behind the row at `after`, or from the beginning. */
export interface ListPage<Position> {
  readonly limit: number;
  readonly after: Position | null;
}

export interface ListQuery {
  readonly limit: number;
  readonly cursor?: string;
}

/**
 * One page of a list as `{rows, next}`. Reads one row more than asked for, which tells whether there is a next page.
 * @throws Problem `bad-cursor`
 */
export async function readPage<Row, Position>(
  cursors: Cursors,
  list: { tenantId: TenantId; endpoint: string; now: Date; filters?: object },
  query: ListQuery,
  read: (page: ListPage<Position>) => Promise<Row[]>,
  positionOf: (row: Row) => Position,
): Promise<{ rows: Row[]; next: string | null }> {
  const scope = { tenantId: list.tenantId, endpoint: list.endpoint, filters: list.filters ?? {} };
  const after = query.cursor === undefined ? null : cursors.open<Position>(scope, query.cursor, list.now);
  const found = await read({ limit: query.limit + 1, after });
  const rows = found.slice(0, query.limit);
  const next = found.length > rows.length ? cursors.seal(scope, positionOf(rows[rows.length - 1]), list.now) : null;
  return { rows, next };
}
