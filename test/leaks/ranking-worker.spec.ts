import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { jest } from '@jest/globals';
import { pino } from 'pino';
import { Histogram, Registry } from 'prom-client';
import { markForRanking } from '../../src/catalog/ranking-marks.js';
import { RankingWork } from '../../src/leaks/ranking-work.js';
import { RankingWorker } from '../../src/leaks/ranking-worker.js';
import { systemClock } from '../../src/platform/clock.js';
import type { TenantId } from '../../src/platform/database.js';
import { packageRoot } from '../../src/platform/package-root.js';
import { queryThreadDefaults, QueryThreads } from '../../src/platform/query-threads.js';
import { insertService } from '../catalog/index-fixture.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant } from '../tenants/fixture.js';

/** Time enough for a thread to start on a busy machine. */
jest.setTimeout(240_000);

const logger = pino({ enabled: false });
const day = 24 * 3_600_000;

let database: TestDatabase;
let worker: RankingWorker;

beforeAll(async () => {
  process.execArgv.splice(
    0,
    process.execArgv.length,
    '--import',
    new URL('../run-typescript.mjs', import.meta.url).href,
  );
  database = await createTestDatabase();
  const threads = new QueryThreads(
    {
      ...queryThreadDefaults,
      entry: pathToFileURL(path.join(packageRoot, 'src', 'query-thread.ts')),
      threads: 1,
      timeLimitMillis: 60_000,
      databaseUrl: database.appUrl,
    },
    logger,
  );
  const seconds = new Histogram({
    name: 'ranking',
    help: 'as the module has it',
    labelNames: ['outcome'] as const,
    registers: [new Registry()],
  });
  const work = new RankingWork(database.db, 60_000);
  const options = { windowMillis: 7 * day, debounceMillis: 0, sweepMillis: day, drainMillis: 1_000 };
  worker = new RankingWorker(database.db, work, threads, systemClock, logger, seconds, options);
});
afterAll(async () => {
  await worker?.close();
  await database?.drop();
});

async function tenantWithDue(services: number): Promise<TenantId> {
  const { tenantId } = await insertTenant(database.db, randomUUID());
  for (let i = 0; i < services; i++) {
    const { serviceId } = await insertService(database.db, tenantId, `service-${i}`);
    await database.db.withTenant(tenantId, (tx) => markForRanking(tx, tenantId, [serviceId], 0));
  }
  return tenantId;
}

const rankedAt = async (tenantId: TenantId): Promise<number[]> => {
  const rows = await database.db.readTenant(tenantId, (tx) =>
    tx.query<{ ranked_at: Date; due_at: Date | null }[]>(
      'select ranked_at, due_at from leak_ranking where due_at is null order by ranked_at',
    ),
  );
  return rows.map((row) => row.ranked_at.getTime());
};

it('ranks all that is due of who was woken, tenants in turn, and nothing of others', async () => {
  const busy = await tenantWithDue(4);
  const small = await tenantWithDue(1);
  const asleep = await tenantWithDue(1);
  await Promise.all([worker.wake(busy), worker.wake(small)]);
  const [first, second, third, fourth] = await rankedAt(busy);
  const [own] = await rankedAt(small);
  expect(await rankedAt(asleep)).toEqual([]);
  expect(own).toBeGreaterThanOrEqual(first);
  expect(own).toBeLessThanOrEqual(second);
  expect(third).toBeLessThanOrEqual(fourth);
});

it('finds what nobody was woken for by asking all tenants', async () => {
  const asleep = await tenantWithDue(1);
  worker.start();
  while ((await rankedAt(asleep)).length === 0) await sleep(20);
});

it('says of a service without a snapshot that there is nothing to see', async () => {
  const tenantId = await tenantWithDue(1);
  await worker.wake(tenantId);
  const rows = await database.db.readTenant(tenantId, (tx) =>
    tx.query<{ notes: string[]; judged: { goroutineSnapshots: number } }[]>('select notes, judged from leak_ranking'),
  );
  expect(rows).toMatchObject([{ judged: { goroutineSnapshots: 0, heapSnapshots: 0, lastAtMillis: null } }]);
  expect(rows[0].notes.length).toBeGreaterThan(0);
});
