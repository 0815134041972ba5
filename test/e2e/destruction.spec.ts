import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { jest } from '@jest/globals';
import { FolderArchive } from '../../src/archive/folder-archive.js';
import { Database, type TenantId } from '../../src/platform/database.js';
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js';
import { failpoints } from '../../src/platform/failpoint.js';
import { migrate } from '../../src/platform/migrate.js';
import { isAlive } from '../../src/platform/process-files.js';
import { settle } from '../app.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { indexOf } from '../ingest/index-contents.js';
import { profileBytes } from '../ingest/profiles.js';
import {
  type ApiProcess,
  haveRedis,
  startApiProcess,
  startProcess,
  startRedis,
  startWorkerProcess,
  type TestProcess,
  until,
} from '../processes.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';

/*
 * Real processes are killed, frozen and cut off while a client keeps a ledger of what was acknowledged. In the end all
 * that was acknowledged is in the index, once, and as if nothing had happened.
 */

/** Time enough for several processes to start one after the other on a busy machine. */
jest.setTimeout(240_000);

const hour = Math.floor(Date.now() / 3_600_000 - 1) * 3_600_000;

/** What a client has sent and what it was told. */
class Ledger {
  /** Ids by number of the profile; one that was acknowledged several times must have one id. */
  readonly acknowledged = new Map<number, Set<string>>();
  private next = 1;

  constructor(
    readonly tenantId: TenantId,
    private readonly key: string,
  ) {}

  static body(number: number): Buffer {
    return profileBytes({
      inuse_space: BigInt(number),
      site: `main.site${number % 5}`,
      at: new Date(hour + number * 1_000),
    });
  }

  /** Sends one profile once. Whether it was acknowledged; without an answer it may be there or not. */
  async send(url: string, number: number): Promise<boolean> {
    const answer = await fetch(`${url}/api/v1/snapshots?service=shop`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.key}` },
      body: Ledger.body(number),
      signal: AbortSignal.timeout(10_000),
    }).catch(() => null);
    const body = (await answer?.json().catch(() => null)) as { id: string } | null | undefined;
    if (answer?.status !== 202 || !body) return false;
    const ids = this.acknowledged.get(number) ?? new Set();
    this.acknowledged.set(number, ids.add(body.id));
    return true;
  }

  /** Sends a new profile until it is acknowledged, by whichever address answers. */
  async push(...urls: (() => string)[]): Promise<void> {
    const number = this.next++;
    for (let i = 0; !(await this.send(urls[i % urls.length](), number)); i++);
  }

  async pushAll(count: number, ...urls: (() => string)[]): Promise<void> {
    for (let i = 0; i < count; i++) await this.push(...urls);
  }

  /** Nothing acknowledged is lost, nothing counts twice, and the index says what it says after a calm run. */
  async expectKept(db: Database, archive: FolderArchive): Promise<void> {
    await settle(db);
    for (const ids of this.acknowledged.values()) expect(ids.size).toBe(1);
    const uploads = await db.readTenant(this.tenantId, (tx) =>
      tx.query<{ upload_id: string; state: string; crashes: number; sha256: string }[]>(
        `select upload_id, state, crashes, encode(sha256, 'hex') as sha256 from upload`,
      ),
    );
    expect(uploads.filter(({ state, crashes }) => state !== 'indexed' || crashes > 0)).toEqual([]);
    const known = new Set(uploads.map((upload) => upload.upload_id));
    for (const [id] of this.acknowledged.values()) expect(known).toContain(id);
    for (const { sha256 } of uploads) {
      expect(await archive.verify(this.tenantId, Buffer.from(sha256, 'hex'))).toBe('intact');
    }
    const calm = [...this.acknowledged.keys()].map((number) => ({
      service: 'shop',
      kind: 'heap',
      capturedAt: new Date(hour + number * 1_000).toISOString(),
      capturedFrom: 'artefact',
      totals: { alloc_objects: '3', alloc_space: '4096', inuse_objects: '1', inuse_space: String(number) },
      stacks: [`main.main;main.site${number % 5} 3 4096 1 ${number}`],
    }));
    const found = await indexOf(db, this.tenantId);
    const byTime = (a: { capturedAt: string }, b: { capturedAt: string }) => a.capturedAt.localeCompare(b.capturedAt);
    expect(found.sort(byTime)).toEqual(calm.sort(byTime));
  }
}

const running: TestProcess[] = [];
const tracked = <P extends TestProcess>(process: P): P => {
  running.push(process);
  return process;
};

let folder: string;
let archive: FolderArchive;
let env: Record<string, string>;
const newLedger = async (db: Database) => {
  const { tenantId } = await insertTenant(db, `tenant-${Math.random()}`);
  return new Ledger(tenantId, (await insertTestKey(db, tenantId, 'ingest')).text);
};

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-destruction-'));
  archive = await FolderArchive.open(path.join(folder, 'archive'));
  env = {
    TIDEMARK_DATA: folder,
    ARCHIVE_URL: pathToFileURL(path.join(folder, 'archive')).href,
    TIDEMARK_SECRET: 'the same for all processes of an installation',
    TIDEMARK_PARSERS: '1',
    TIDEMARK_LEASE_SECONDS: '2',
    TIDEMARK_SWEEP_SECONDS: '0.5',
    TIDEMARK_COMPACTION_SECONDS: '3600',
    TIDEMARK_DATABASE_POOL: '6',
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

afterAll(async () => {
  for (const process of running) if (isAlive(process.pid)) await process.kill();
});

describe('with a database that stays', () => {
  let database: TestDatabase;
  let api: ApiProcess;
  let worker: TestProcess;

  beforeAll(async () => {
    database = await createTestDatabase();
    env = { ...env, DATABASE_URL: database.appUrl };
    [api, worker] = await Promise.all([startApiProcess(env), startWorkerProcess(env)]);
    tracked(api);
    tracked(worker);
  });
  afterAll(async () => {
    await api?.kill();
    await worker?.kill();
    await database?.drop();
  });

  it.each(failpoints.api)('an API that dies at %s loses nothing that it acknowledged', async (name) => {
    const ledger = await newLedger(database.db);
    const dying = tracked(await startApiProcess({ ...env, TIDEMARK_FAILPOINT: `${name}:3` }));
    // The client goes to the other process when one does not answer, and sends the same again.
    await ledger.pushAll(
      6,
      () => dying.url,
      () => api.url,
    );
    expect(await dying.exit).toMatchObject({ signal: 'SIGKILL' });
    await ledger.expectKept(database.db, archive);
  });

  it.each([
    ['archive-half-written:2', 0],
    ['archive-renamed-before-folder-sync:3', 0],
    ['after-archive-before-commit', 0],
    ['after-commit-before-announce', 1],
    ['after-announce-before-answer', 1],
  ])(
    'an API that dies at %s has recorded a capture whole or not at all, and the retry makes it one',
    async (point, kept) => {
      const { tenantId } = await insertTenant(database.db, `tenant-${Math.random()}`);
      const { text: key } = await insertTestKey(database.db, tenantId, 'ingest');
      const bodies = [1, 2, 3].map((number) => profileBytes({ inuse_space: BigInt(number), at: new Date(hour) }));
      const push = (url: string) => {
        const form = new FormData();
        for (const [i, body] of bodies.entries()) form.append('heap', new Blob([body]), `heap-${i}.pb`);
        const headers = { authorization: `Bearer ${key}` };
        return fetch(`${url}/api/v1/captures?service=shop`, { method: 'POST', headers, body: form });
      };
      const recorded = async () => {
        const [row] = await database.db.readTenant(tenantId, (tx) =>
          tx.query(`select (select count(*) from capture)::int as captures, (select count(*) from capture_part)::int as parts,
                         (select count(*) from upload)::int as uploads, (select count(*) from snapshot)::int as snapshots`),
        );
        return row as unknown;
      };
      const whole = { captures: 1, parts: 3, uploads: 3, snapshots: 3 };

      const dying = tracked(await startApiProcess({ ...env, TIDEMARK_FAILPOINT: point }));
      await expect(push(dying.url)).rejects.toThrow();
      expect(await dying.exit).toMatchObject({ signal: 'SIGKILL' });
      expect(await recorded()).toEqual(kept === 0 ? { captures: 0, parts: 0, uploads: 0, snapshots: 0 } : whole);

      const retried = await push(api.url);
      expect([retried.status, ((await retried.json()) as { duplicate: boolean }).duplicate]).toEqual([202, kept === 1]);
      expect(await recorded()).toEqual(whole);
      await settle(database.db);
      const states = await database.db.readTenant(tenantId, (tx) => tx.query('select distinct state from upload'));
      expect(states).toEqual([{ state: 'indexed' }]);
    },
  );

  it.each(failpoints.worker)(
    'a worker that dies at %s leaves its uploads to the next, which counts them once',
    async (name) => {
      const ledger = await newLedger(database.db);
      process.kill(worker.pid, 'SIGSTOP');
      try {
        await ledger.pushAll(4, () => api.url);
        const dying = tracked(startProcess('worker', { ...env, TIDEMARK_FAILPOINT: name }));
        expect(await dying.exit).toMatchObject({ signal: 'SIGKILL' });
      } finally {
        process.kill(worker.pid, 'SIGCONT');
      }
      await ledger.expectKept(database.db, archive);
    },
  );

  it('workers that are frozen beyond their lease, and thawed, write nothing twice', async () => {
    const ledger = await newLedger(database.db);
    const second = tracked(await startWorkerProcess(env));
    for (const frozen of [worker, second]) {
      await ledger.pushAll(6, () => api.url);
      process.kill(frozen.pid, 'SIGSTOP');
      await ledger.pushAll(2, () => api.url);
      await settle(database.db);
      process.kill(frozen.pid, 'SIGCONT');
    }
    await second.kill('SIGTERM');
    await ledger.expectKept(database.db, archive);
  });

  it('a worker that is told to stop gives back what it holds, and ends well', async () => {
    const ledger = await newLedger(database.db);
    process.kill(worker.pid, 'SIGSTOP');
    try {
      await ledger.pushAll(8, () => api.url);
      const stopping = tracked(await startWorkerProcess({ ...env, TIDEMARK_LEASE_SECONDS: '3600' }));
      await stopping.kill('SIGTERM');
      expect(await stopping.exit).toEqual({ code: 0, signal: null });
    } finally {
      process.kill(worker.pid, 'SIGCONT');
    }
    // With a lease of an hour, nothing would be finished had it not been given back.
    await ledger.expectKept(database.db, archive);
  });

  it('a storm of repetitions, disorder and kills ends like a calm run', async () => {
    const ledger = await newLedger(database.db);
    const seed = 20_261_123;
    const random = seededRandom(seed);
    const second = tracked(await startWorkerProcess(env));
    const dying = tracked(await startApiProcess({ ...env, TIDEMARK_FAILPOINT: 'after-commit-before-announce:9' }));
    const deliveries = Array.from({ length: 40 }, (_, i) =>
      Array.from({ length: 1 + Math.floor(random() * 3) }, () => i + 1),
    )
      .flat()
      .map((number) => ({ number, order: random() }))
      .sort((a, b) => a.order - b.order);
    const clients = Array.from({ length: 4 }, async () => {
      for (let delivery = deliveries.pop(); delivery; delivery = deliveries.pop()) {
        const { number } = delivery;
        const urls = random() < 0.5 ? [api.url, dying.url] : [dying.url, api.url];
        for (let i = 0; !(await ledger.send(urls[i % 2], number)); i++);
        if (number % 16 === 0) await second.kill();
      }
    });
    await Promise.all(clients);
    expect(ledger.acknowledged.size).toBe(40);
    if (isAlive(second.pid)) await second.kill();
    if (isAlive(dying.pid)) await dying.kill();
    await ledger.expectKept(database.db, archive);
  });

  const withRedis = haveRedis ? it : it.skip;
  if (!haveRedis) console.log('skipped: losing Redis needs redis-server (apt-get install redis-server)');

  withRedis('losing the queue is a delay, never a loss: FLUSHALL with work waiting, and Redis going away', async () => {
    const redis = await startRedis();
    try {
      const ledger = await newLedger(database.db);
      const redisEnv = { ...env, REDIS_URL: redis.url };
      process.kill(worker.pid, 'SIGSTOP');
      const [redisApi, redisWorker] = await Promise.all([startApiProcess(redisEnv), startWorkerProcess(redisEnv)]);
      tracked(redisApi);
      tracked(redisWorker);

      await ledger.pushAll(3, () => redisApi.url);
      await settle(database.db);

      process.kill(redisWorker.pid, 'SIGSTOP');
      await ledger.pushAll(5, () => redisApi.url);
      expect(Number(redis.command('DBSIZE'))).toBeGreaterThan(0);
      redis.command('FLUSHALL');
      process.kill(redisWorker.pid, 'SIGCONT');
      await settle(database.db);

      await redis.stop();
      await ledger.pushAll(5, () => redisApi.url);
      await ledger.expectKept(database.db, archive);
      // Not even stopping needs the queue.
      await Promise.all([redisApi.kill('SIGTERM'), redisWorker.kill('SIGTERM')]);
      expect([await redisApi.exit, await redisWorker.exit]).toEqual(Array(2).fill({ code: 0, signal: null }));
    } finally {
      process.kill(worker.pid, 'SIGCONT');
      await redis.stop();
    }
  });
});

describe('with a database that crashes', () => {
  it('a restart of Postgres in the middle of everything loses nothing that was acknowledged', async () => {
    const home = mkdtempSync(path.join(os.tmpdir(), 'tidemark-postgres-'));
    let postgres = await startEmbeddedPostgres(home);
    try {
      await migrate(postgres.ownerUrl, new URL(postgres.appUrl).username);
      const db = await Database.open(postgres.appUrl, { poolSize: 2 });
      const ledger = await newLedger(db);
      await db.close();
      const own = { ...env, DATABASE_URL: postgres.appUrl };
      const [api, worker] = await Promise.all([startApiProcess(own), startWorkerProcess(own)]);
      tracked(api);
      tracked(worker);
      for (let crash = 0; crash < 3; crash++) {
        const pushing = ledger.pushAll(10, () => api.url);
        await until(() => ledger.acknowledged.size >= crash * 10 + 4);
        // What `pg_ctl stop -m immediate` sends: no checkpoint, every connection cut.
        process.kill(postgres.pid, 'SIGQUIT');
        await until(() => !isAlive(postgres.pid));
        postgres = await startEmbeddedPostgres(home, { port: postgres.port });
        await pushing;
      }
      const after = await Database.open(postgres.appUrl, { poolSize: 2 });
      await ledger.expectKept(after, archive);
      await after.close();
      await Promise.all([api.kill('SIGTERM'), worker.kill('SIGTERM')]);
    } finally {
      for (const process of running) if (isAlive(process.pid)) await process.kill();
      await postgres.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });
});

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
