import { sliceTable, type SeriesColumn } from '../analysis/series-table.js';
import { readContent } from '../catalog/part-content.js';
import { readSeriesOfSnapshot, timestampOf } from '../catalog/series.js';
import type { Database, TenantId } from '../platform/database.js';
import type { SnapshotContentDto, SnapshotSeriesDto } from './numbers.dto.js';
import type { SnapshotContentRequest, SnapshotSeriesRequest } from './numbers-request.js';

/** Answers what a snapshot holds besides stacks, as it was found. Runs in a query thread. */
export class NumbersQueries {
  constructor(private readonly db: Database) {}

  async series(
    tenantId: TenantId,
    { snapshotId, kind, name, offset, limit }: SnapshotSeriesRequest,
  ): Promise<SnapshotSeriesDto> {
    const found = await this.db.readTenant(tenantId, (tx) => readSeriesOfSnapshot(tx, tenantId, snapshotId));
    const sources = found.map(({ source, table }) => {
      const part = sliceTable(table, offset, Math.min(table.atNanos.length, offset + limit));
      const columns = part.columns.filter((column) => name === undefined || column.name === name);
      return {
        source,
        moments: table.atNanos.length,
        at: Array.from(part.atNanos, timestampOf),
        series: columns.map((column) => ({
          name: column.name,
          unit: column.unit,
          type: column.type,
          values: valuesOf(column),
        })),
      };
    });
    return { snapshot_id: snapshotId, kind, offset, sources };
  }

  async content(
    tenantId: TenantId,
    { snapshotId, kind, capturedAt }: SnapshotContentRequest,
  ): Promise<SnapshotContentDto> {
    const content = await this.db.readTenant(tenantId, (tx) => readContent(tx, tenantId, { capturedAt, snapshotId }));
    return { snapshot_id: snapshotId, kind, content };
  }
}

/** Integers as decimal strings, fractions as numbers, null where there is no value (or none that JSON has a word for). */
function valuesOf({ values, present }: SeriesColumn): (string | number | null)[] {
  return Array.from<bigint | number, string | number | null>(values, (value, row) => {
    if (present?.[row] === 0) return null;
    if (typeof value === 'bigint') return value.toString();
    return Number.isFinite(value) ? value : null;
  });
}
