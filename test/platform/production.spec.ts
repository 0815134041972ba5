import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { bootstrap } from '../../src/tenants/bootstrap.js';
import { insertTestKey } from '../tenants/fixture.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { testServer, withClient } from '../database-server.js';
import {
  closedPort,
  haveRedis,
  startApiProcess,
  startProcess,
  startRedis,
  startWorkerProcess,
  type TestProcess,
  type TestRedis,
  until,
} from '../processes.js';

describe('a production installation', () => {
  let database: TestDatabase;
  let folder: string;
  const running: TestProcess[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(path.join(os.tmpdir(), 'tidemark-production-'));
  });
  afterEach(async () => {
    for (const process of running.splice(0)) await process.kill('SIGTERM');
  });
  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const keep = <T extends TestProcess>(process: T): T => {
    running.push(process);
    return process;
  };
  const environment = (env: Readonly<Record<string, string>> = {}) => ({
    DATABASE_URL: database.appUrl,
    TIDEMARK_DATA: folder,
    ...env,
  });

  async function whyItDoesNotStart(entry: 'main' | 'worker', env: Readonly<Record<string, string>>): Promise<string> {
    const refused = startProcess(entry, environment({ TIDEMARK_PORT: '0', ...env }));
    const { code } = await refused.exit;
    return `${code}: ${refused.output()}`;
  }

  it('does not start as a role for which row-level security does not hold, and says the cure', async () => {
    const [asSuperuser, asOwner] = await Promise.all([
      whyItDoesNotStart('main', { DATABASE_URL: database.superuserUrl }),
      whyItDoesNotStart('worker', { DATABASE_URL: database.ownerUrl }),
    ]);
    expect(asSuperuser).toMatch(/^78: tidemark cannot start: .*\n.*superuser.*nosuperuser/);
    expect(asOwner).toMatch(/^78: tidemark cannot start: .*\n.*owns .*upload.*MIGRATION_DATABASE_URL/);
  });

  it('does not start on a database that was not migrated', async () => {
    const server = await testServer();
    const name = `empty_${process.pid}`;
    const admin = server.url('superuser', 'postgres');
    await withClient(admin, (client) => client.query(`create database ${name} owner tidemark_owner`));
    try {
      expect(await whyItDoesNotStart('main', { DATABASE_URL: server.url('app', name) })).toMatch(
        /^78: .*tidemark migrate/,
      );
      const migration = startProcess(
        'cli',
        environment({ DATABASE_URL: server.url('app', name), MIGRATION_DATABASE_URL: server.url('owner', name) }),
        ['migrate'],
      );
      expect(await migration.exit).toEqual({ code: 0, signal: null });
      const api = await startApiProcess(environment({ DATABASE_URL: server.url('app', name) }));
      await api.kill('SIGTERM');
      expect(await api.exit).toEqual({ code: 0, signal: null });
    } finally {
      await withClient(admin, (client) => client.query(`drop database ${name} with (force)`));
    }
  });

  it('gives another exit code when the database is merely away', async () => {
    const away = `postgres://tidemark_app:x@127.0.0.1:${await closedPort()}/tidemark`;
    expect(await whyItDoesNotStart('worker', { DATABASE_URL: away })).toMatch(
      /^69: tidemark cannot start: .*cannot be reached/,
    );
  });

  it('answers 503 while the database is away, and recovers by itself', async () => {
    const api = keep(await startApiProcess(environment()));
    const server = await testServer();
    await withClient(server.url('superuser', 'postgres'), async (client) => {
      const name = new URL(database.appUrl).pathname.slice(1);
      await client.query(`alter database ${name} allow_connections false`);
      await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [name]);
      try {
        const away = await fetch(`${api.url}/readyz`);
        expect(away.status).toBe(503);
        expect(away.headers.get('retry-after')).toBe('2');
        expect((await fetch(`${api.url}/livez`)).status).toBe(200);
      } finally {
        await client.query(`alter database ${name} allow_connections true`);
      }
    });
    await until(async () => (await fetch(`${api.url}/readyz`)).status === 200);
  });

  describe.each([
    ['PostgreSQL', true],
    ['Redis', haveRedis],
  ])('with its queue in %s', (name, possible) => {
    const test = possible ? it : it.skip;
    if (!possible) console.log('skipped: production with Redis (to run it: apt-get install redis-server)');

    test('takes an upload in one process and indexes it in another', async () => {
      const redis: TestRedis | null = name === 'Redis' ? await startRedis() : null;
      try {
        const env = environment(redis ? { REDIS_URL: redis.url } : {});
        const { tenantId } = await bootstrap(database.db, { adminKey: null });
        const { text: key } = await insertTestKey(database.db, tenantId, 'admin');
        const api = keep(await startApiProcess(env));
        const worker = keep(await startWorkerProcess({ ...env, TIDEMARK_WORKER_PORT: '0' }));
        const headers = { Authorization: `Bearer ${key}` };
        const sent = await fetch(`${api.url}/api/v1/snapshots?service=svc-${name.toLowerCase()}`, {
          method: 'POST',
          headers,
          body: 'this is no profile',
        });
        expect(sent.status).toBe(202);
        const { id } = (await sent.json()) as { id: string };
        await until(async () => {
          const answer = await fetch(`${api.url}/api/v1/snapshots/${id}`, { headers });
          return ((await answer.json()) as { state: string }).state === 'rejected';
        });
        const [, workerUrl] = /"url":"([^"]+)"/.exec(worker.output())!;
        const metrics = await (await fetch(`${workerUrl}/metrics`)).text();
        expect(metrics).toMatch(/tidemark_uploads_finished_total\{state="rejected"\} 1/);
        expect((await fetch(`${workerUrl}/api/v1/snapshots`)).status).toBe(404);
        for (const process of running.splice(0)) {
          await process.kill('SIGTERM');
          expect(await process.exit).toEqual({ code: 0, signal: null });
        }
      } finally {
        for (const process of running.splice(0)) await process.kill('SIGKILL');
        await redis?.stop();
      }
    });
  });
});
