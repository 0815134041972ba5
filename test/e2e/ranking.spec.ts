import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import type { TenantId } from '../../src/platform/database.js';
import { failpoints } from '../../src/platform/failpoint.js';
import { isAlive } from '../../src/platform/process-files.js';
import { settle } from '../app.js';
import { leakingDump } from '../builders/goroutine-dump-text.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { type ApiProcess, startApiProcess, startProcess, startWorkerProcess, type TestProcess } from '../processes.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';

/*
 * Workers that are killed while they rank: whatever they die of, the service stays due, and in the end its suspects are
 * what they are after a calm ranking.
 */

/** Time enough for several processes to start one after the other on a busy machine. */
jest.setTimeout(240_000);

const start = Date.now() - 8 * 3_600_000;
const running: TestProcess[] = [];
let folder: string;
let database: TestDatabase;
let env: Record<string, string>;
let api: ApiProcess;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-ranking-'));
  database = await createTestDatabase();
  env = {
    DATABASE_URL: database.appUrl,
    TIDEMARK_DATA: folder,
    TIDEMARK_SECRET: 'the same for all processes of an installation',
    TIDEMARK_PARSERS: '1',
    TIDEMARK_LEASE_SECONDS: '2',
    TIDEMARK_SWEEP_SECONDS: '0.5',
    TIDEMARK_COMPACTION_SECONDS: '3600',
    TIDEMARK_DATABASE_POOL: '6',
    TIDEMARK_RANKING_DEBOUNCE_SECONDS: '3',
  };
  api = await startApiProcess(env);
  running.push(api);
});
afterAll(async () => {
  for (const process of running) if (isAlive(process.pid)) await process.kill();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

async function sendSeries(): Promise<TenantId> {
  const { tenantId } = await insertTenant(database.db, `tenant-${Math.random()}`);
  const key = (await insertTestKey(database.db, tenantId, 'ingest')).text;
  for (let number = 1; number <= 6; number++) {
    const captured_at = new Date(start + number * 30 * 60_000).toISOString();
    const query = new URLSearchParams({ service: 'shop', captured_at });
    const answer = await fetch(`${api.url}/api/v1/snapshots?${query.toString()}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: leakingDump(number, 30),
    });
    if (answer.status !== 202) throw new Error(await answer.text());
  }
  return tenantId;
}

const rows = <T>(tenantId: TenantId, sql: string): Promise<T[]> =>
  database.db.readTenant(tenantId, (tx) => tx.query<T[]>(sql));

/** Everything that there is of a suspect, as a person would know it again. */
async function suspects(tenantId: TenantId): Promise<unknown[]> {
  for (;;) {
    const [due] = await rows<{ due_at: Date | null }>(tenantId, 'select due_at from leak_ranking');
    if (due?.due_at === null) break;
    await sleep(50);
  }
  return rows(
    tenantId,
    `select fingerprint, state, phase, tier, round(score::numeric, 6) as score, function, rank, peak, events,
            found -> 'growth' as growth,
            (select count(*)::int from suspect_event e where e.suspect_id = s.suspect_id) as history,
            (select count(*)::int from suspect_evidence e where e.suspect_id = s.suspect_id) as pins
       from suspect s order by fingerprint`,
  );
}

it.each(failpoints.ranking)(
  'a worker that dies at %s leaves the service due, and the next ranks it once',
  async (name) => {
    const tenantId = await sendSeries();
    const dying = startProcess('worker', { ...env, TIDEMARK_FAILPOINT: name });
    running.push(dying);
    expect(await dying.exit).toMatchObject({ signal: 'SIGKILL' });
    expect(await rows(tenantId, 'select from suspect')).toEqual([]);
    const [{ due_at: dueAt }] = await rows<{ due_at: Date | null }>(tenantId, 'select due_at from leak_ranking');
    expect(dueAt).not.toBeNull();

    const worker = await startWorkerProcess(env);
    running.push(worker);
    await settle(database.db);
    const after = await suspects(tenantId);
    expect(after).toMatchObject([{ state: 'open', phase: 'new', peak: 120, events: 1, history: 1, pins: 2 }]);
    const calm = await sendSeries();
    await settle(database.db);
    expect(await suspects(calm)).toEqual(after);
    await worker.kill('SIGTERM');
    expect(await worker.exit).toEqual({ code: 0, signal: null });
  },
);
