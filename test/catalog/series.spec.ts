import { randomUUID } from 'node:crypto';
import { momentTable, type SeriesTable } from '../../src/analysis/series-table.js';
import { Dictionary } from '../../src/catalog/dictionary.js';
import type { PartContent } from '../../src/catalog/index-part.js';
import { readContent } from '../../src/catalog/part-content.js';
import { readSeries } from '../../src/catalog/series.js';
import { StackStore } from '../../src/catalog/stack-store.js';
import type { TenantId } from '../../src/platform/database.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant } from '../tenants/fixture.js';
import { after, indexUpload, insertService, insertUpload, nanos, noon, type TestService } from './index-fixture.js';

let test: TestDatabase;
let tenantId: TenantId;
let dictionary: Dictionary;
let service: TestService;

beforeAll(async () => {
  test = await createTestDatabase();
  ({ tenantId } = await insertTenant(test.db, 'acme'));
  dictionary = new Dictionary(test.db, new StackStore());
});
afterAll(() => test.drop());
beforeEach(async () => {
  service = await insertService(test.db, tenantId, `service-${randomUUID()}`, ['one', 'two']);
});

const part = (content: Partial<PartContent>): PartContent => ({
  kind: 'memstats',
  capturedAtNanos: null,
  delta: false,
  durationNanos: 0n,
  stacks: null,
  totals: [],
  series: [],
  content: null,
  details: { warnings: [], losses: [] },
  ...content,
});

const heap = (value: bigint, atNanos = 0n): SeriesTable =>
  momentTable(atNanos, [{ name: 'HeapInuse', unit: 'bytes', type: 'gauge', value }]);

async function index(
  parts: readonly PartContent[],
  receivedAt = noon,
  instance = 0,
  uploadId?: string,
): Promise<string> {
  const upload = await insertUpload(test.db, tenantId, {
    serviceId: service.serviceId,
    instanceId: service.instanceIds[instance],
    receivedAt,
    ...(uploadId === undefined ? {} : { uploadId }),
  });
  await indexUpload(test.db, dictionary, tenantId, upload, parts);
  return upload.uploadId;
}

const read = (from: Date, to: Date, instance?: string, lastOfMillis?: number) =>
  test.db.readTenant(tenantId, (tx) =>
    readSeries(tx, tenantId, {
      serviceId: service.serviceId,
      from: from.getTime(),
      to: to.getTime(),
      instance,
      lastOfMillis,
    }),
  );

it('what a clockless artefact says is of the time of its capture', async () => {
  const series = [{ source: 'memstats', anchor: 'capture' as const, table: heap(7n) }];
  await index([part({ series })]);
  await index([part({ series })], after(60));
  const [{ instance, source, table }, ...rest] = await read(after(-1), after(61));
  expect(rest).toEqual([]);
  expect({ instance, source }).toEqual({ instance: 'one', source: 'memstats' });
  expect([...table.atNanos]).toEqual([nanos(noon), nanos(after(60))]);
  expect([...table.columns[0].values]).toEqual([7n, 7n]);
});

it('a log over midnight is read whole, cut, and from either side', async () => {
  const midnight = new Date(Date.UTC(noon.getUTCFullYear(), noon.getUTCMonth(), noon.getUTCDate()));
  const at = (seconds: number) => nanos(new Date(midnight.getTime() + seconds * 1000));
  const table: SeriesTable = {
    atNanos: BigInt64Array.of(at(-20), at(-10), at(0), at(10)),
    columns: [{ name: 'n', unit: 'count', type: 'event', values: BigInt64Array.of(1n, 2n, 3n, 4n), present: null }],
  };
  await index([part({ kind: 'gctrace', series: [{ source: 'gctrace', anchor: 'time', table }] })]);
  const numbers = async (from: number, to: number) => {
    const found = await read(new Date(midnight.getTime() + from * 1000), new Date(midnight.getTime() + to * 1000));
    return found.flatMap((each) => [...each.table.columns[0].values].map(Number));
  };
  expect(await numbers(-100, 100)).toEqual([1, 2, 3, 4]);
  expect(await numbers(-10, 10)).toEqual([2, 3]);
  expect(await numbers(5, 100)).toEqual([4]);
  expect(await numbers(-15, 0)).toEqual([2]);
  expect(await numbers(11, 100)).toEqual([]);
});

it('indexing an upload again replaces what it said', async () => {
  const series = (value: bigint) => [{ source: 'memstats', anchor: 'capture' as const, table: heap(value) }];
  const upload = await insertUpload(test.db, tenantId, {
    serviceId: service.serviceId,
    instanceId: service.instanceIds[0],
  });
  for (const value of [1n, 2n]) {
    await indexUpload(test.db, dictionary, tenantId, upload, [
      part({ series: series(value), content: { value } }),
      part({ series: value === 1n ? series(10n) : [] }),
    ]);
  }
  const [{ table }] = await read(after(-1), after(1));
  expect([...table.columns[0].values]).toEqual([2n]);
  const key = { capturedAt: noon.toISOString(), snapshotId: upload.uploadId };
  expect(await test.db.readTenant(tenantId, (tx) => readContent(tx, tenantId, key))).toEqual({ value: '2' });
});

it('instances stay apart, and one can be asked for alone', async () => {
  const series = (value: bigint) => [{ source: 'memstats', anchor: 'capture' as const, table: heap(value) }];
  await index([part({ series: series(1n) })], noon, 0);
  await index([part({ series: series(2n) })], noon, 1);
  const all = await read(after(-1), after(1));
  expect(all.map(({ instance, table }) => [instance, table.columns[0].values[0]])).toEqual([
    ['one', 1n],
    ['two', 2n],
  ]);
  expect((await read(after(-1), after(1), 'two')).map(({ instance }) => instance)).toEqual(['two']);
});

it('moments that cannot be are left out, and that is recorded', async () => {
  const table: SeriesTable = {
    atNanos: BigInt64Array.of(0n, nanos(noon)),
    columns: [{ name: 'n', unit: 'count', type: 'event', values: BigInt64Array.of(1n, 2n), present: null }],
  };
  const id = await index([part({ kind: 'gctrace', series: [{ source: 'gctrace', anchor: 'time', table }] })]);
  expect((await read(after(-1), after(1)))[0].table.columns[0].values).toEqual(BigInt64Array.of(2n));
  const [row] = await test.db.readTenant(tenantId, (tx) =>
    tx.query<{ details: { losses: unknown } }[]>(
      'select details from snapshot where tenant_id = $1 and snapshot_id = $2',
      [tenantId, id],
    ),
  );
  expect(row.details.losses).toEqual([expect.objectContaining({ code: 'impossible-time', count: 1 })]);
});

it('a long range reads the last of each step of what comes one moment at a time, and logs whole', async () => {
  for (let second = 0; second < 60; second += 10) {
    const series = [{ source: 'memstats', anchor: 'capture' as const, table: heap(BigInt(second)) }];
    await index([part({ series })], after(second));
  }
  const log: SeriesTable = {
    atNanos: BigInt64Array.from([1, 2, 3], (second) => nanos(after(second))),
    columns: [{ name: 'n', unit: 'count', type: 'event', values: BigInt64Array.of(1n, 2n, 3n), present: null }],
  };
  await index([part({ kind: 'gctrace', series: [{ source: 'gctrace', anchor: 'time', table: log }] })]);
  const found = await read(noon, after(60), undefined, 30_000);
  expect(found.map(({ source, table }) => [source, [...table.columns[0].values]])).toEqual([
    ['gctrace', [1n, 2n, 3n]],
    ['memstats', [20n, 50n]],
  ]);
});
