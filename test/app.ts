import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplication, INestApplicationContext } from '@nestjs/common';
import { type Logger, pino } from 'pino';
import request from 'supertest';
import type { Clock } from '../src/platform/clock.js';
import { type Config, readConfig } from '../src/platform/config.js';
import type { Database, TenantId } from '../src/platform/database.js';
import { type RunningApi, type RunningWorker, startApi, startWorker } from '../src/start.js';
import { bootstrap } from '../src/tenants/bootstrap.js';
import type { Role } from '../src/tenants/key-format.js';
import { createTestDatabase } from './database.js';
import { insertTestKey } from './tenants/fixture.js';

export interface TestApp {
  readonly url: string;
  /** A supertest agent that sends a key with every request: the admin's unless another (or null for none) is given. */
  http(key?: string | null): ReturnType<typeof request.agent>;
  readonly db: Database;
  readonly appUrl: string;
  readonly ownerUrl: string;
  readonly config: Config;
  /** The tenant `default`. */
  readonly tenantId: TenantId;
  /** One key per role for the whole tenant; the admin's is also an operator's. */
  readonly keys: Readonly<Record<Role, string>>;
  readonly app: INestApplication<Server>;
  /** The worker's container, for what HTTP does not show; null with `worker: false`. */
  readonly worker: INestApplicationContext | null;
  /** Resolves when nothing is left to be parsed. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export interface TestAppOptions {
  readonly clock?: Clock;
  /** Environment variables on top of the test's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** False leaves uploads unparsed. */
  readonly worker?: boolean;
  readonly logger?: Logger;
}

/** The real API, and the real worker in the same process, on a database, an archive and a port of their own. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  runTypescriptInChildren();
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'tidemark-data-'));
  const config = readConfig({
    DATABASE_URL: database.appUrl,
    TIDEMARK_DATA: dataDir,
    TIDEMARK_PORT: '0',
    TIDEMARK_PARSERS: '1',
    TIDEMARK_QUERY_THREADS: '1',
    TIDEMARK_DATABASE_POOL: '4',
    ...options.env,
  });
  const logger = options.logger ?? pino({ enabled: false });
  const { tenantId, createdKey } = await bootstrap(database.db, { adminKey: config.adminKey });
  const insertKey = async (role: Role): Promise<string> => (await insertTestKey(database.db, tenantId, role)).text;
  const keys = {
    admin: createdKey ?? config.adminKey ?? '',
    ingest: await insertKey('ingest'),
    read: await insertKey('read'),
    ci: await insertKey('ci'),
  };
  let api: RunningApi | null = null;
  let worker: RunningWorker | null = null;
  const close = async (): Promise<void> => {
    await api?.stop();
    await worker?.stop();
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const startOptions = { config, logger, ...(options.clock ? { clock: options.clock } : {}) };
    api = await startApi(startOptions);
    if (options.worker !== false) worker = await startWorker(startOptions);
  } catch (error) {
    await close();
    throw error;
  }
  const { url, app } = api;
  return {
    url,
    http(key = keys.admin) {
      const agent = request.agent(url);
      if (key !== null) agent.set('Authorization', `Bearer ${key}`);
      return agent;
    },
    db: database.db,
    appUrl: database.appUrl,
    ownerUrl: database.ownerUrl,
    config,
    tenantId,
    keys,
    app,
    worker: worker?.context ?? null,
    settle: () => settle(database.db),
    close,
  };
}

/** Waits until the work list is empty. */
export async function settle(db: Database): Promise<void> {
  for (;;) {
    const [{ open }] = await db.acrossTenants((tx) =>
      tx.query<{ open: boolean }[]>('select exists (select from work) as open'),
    );
    if (!open) return;
    await sleep(20);
  }
}

/** Parser processes and query threads run the same sources as the tests. */
function runTypescriptInChildren(): void {
  process.execArgv.splice(
    0,
    process.execArgv.length,
    '--import',
    new URL('./run-typescript.mjs', import.meta.url).href,
  );
}
