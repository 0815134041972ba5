import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FolderArchive } from '../../src/archive/folder-archive.js';
import { ParserPool } from '../../src/ingest/parser-pool.js';
import { reindex } from '../../src/ingest/reindex.js';
import { WorkList } from '../../src/ingest/work-list.js';
import type { TenantId } from '../../src/platform/database.js';
import { type JobQueue, openQueue } from '../../src/platform/queue.js';
import { settle } from '../app.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant } from '../tenants/fixture.js';
import { finishOne } from './finish-one.js';
import { makeWorker, type WorkerSetting } from './index-worker-fixture.js';
import { indexOf } from './index-contents.js';
import { openParsers, parserOptions } from './parsers.js';
import { profileBytes } from './profiles.js';
import { UploadFixture } from './upload-fixture.js';

let database: TestDatabase;
let folder: string;
let archive: FolderArchive;
let queue: JobQueue<unknown>;
let uploads: UploadFixture;
let tenantId: TenantId;
const cleanUps: (() => Promise<void>)[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-worker-'));
  archive = await FolderArchive.open(folder);
  queue = openQueue({ databaseUrl: database.appUrl, redisUrl: null }, 'ingest', () => undefined);
  uploads = new UploadFixture(database.db, archive);
  ({ tenantId } = await insertTenant(database.db, 'acme'));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await queue.close();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function start(parsers: ParserPool, setting: Partial<WorkerSetting> = {}) {
  const worker = makeWorker({ db: database.db, archive, parsers, queue, ...setting });
  cleanUps.push(
    () => parsers.close(),
    () => worker.close(),
  );
  worker.start();
  return worker;
}

const at = (minute: number) => new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 3_600_000 + minute * 60_000);
const stateOf = async (uploadId: string) => {
  const [row] = await database.db.readTenant(tenantId, (tx) =>
    tx.query<{ state: string; problem: Record<string, unknown> | null; crashes: number }[]>(
      'select state, problem, crashes from upload where upload_id = $1',
      [uploadId],
    ),
  );
  return row;
};

describe('a worker', () => {
  it('indexes what waits when it starts', async () => {
    const id = await uploads.add(tenantId, profileBytes({ inuse_space: 5n, at: at(1) }));
    start(openParsers('real'));
    await settle(database.db);
    expect(await stateOf(id)).toMatchObject({ state: 'indexed', problem: null });
    expect(await indexOf(database.db, tenantId)).toEqual([
      {
        service: 'shop',
        kind: 'heap',
        capturedAt: at(1).toISOString(),
        capturedFrom: 'artefact',
        totals: { alloc_objects: '3', alloc_space: '4096', inuse_objects: '1', inuse_space: '5' },
        stacks: ['main.main;main.leak 3 4096 1 5'],
      },
    ]);
  });

  it('contains poison: innocents are indexed, the poisonous end in quarantine with a reason', async () => {
    const poisons = ['exit', 'kill', 'abort', 'loop', 'buffers', 'throw'].map((kind) => `poison: ${kind}`);
    const innocent: string[] = [];
    const poisonous = new Map<string, string>();
    for (const [i, poison] of poisons.entries()) {
      for (let n = 0; n < 3; n++)
        innocent.push(await uploads.add(tenantId, profileBytes({ inuse_space: BigInt(i * 3 + n + 1), at: at(i) })));
      poisonous.set(await uploads.add(tenantId, Buffer.from(poison)), poison);
    }
    start(openParsers('hostile', 2, { wallMillis: 1_500, residentBytes: 300 * 1024 * 1024 }));
    await settle(database.db);
    for (const id of innocent) expect(await stateOf(id)).toMatchObject({ state: 'indexed', crashes: 0 });
    for (const [id, poison] of poisonous) {
      const { state, crashes, problem } = await stateOf(id);
      expect([poison, state, crashes, problem?.code]).toEqual([poison, 'quarantined', 3, 'quarantined']);
      expect(problem?.detail).toMatch(/^The parser failed 3 times; the last time it /);
    }
    expect(await indexOf(database.db, tenantId)).toHaveLength(innocent.length);
  });

  it('ends what is no profile as rejected, with a problem that its sender understands', async () => {
    const html = await uploads.add(tenantId, Buffer.from('<!doctype html><title>404</title>'));
    const cut = await uploads.add(tenantId, profileBytes({ inuse_space: 1n }).subarray(0, -5));
    const noise = await uploads.add(tenantId, Buffer.from('what is this?\n'));
    start(openParsers('real'));
    await settle(database.db);
    expect(await stateOf(html)).toMatchObject({
      state: 'rejected',
      problem: { code: 'unrecognized-format', status: 422 },
    });
    expect((await stateOf(html)).problem?.detail).toContain('an HTML page');
    expect(await stateOf(cut)).toMatchObject({ state: 'rejected', problem: { code: 'truncated' } });
    expect((await stateOf(noise)).problem?.detail).toContain('it begins with "what is this?"');
  });

  it('makes no numbers of damaged evidence', async () => {
    const body = profileBytes({ inuse_space: 1n });
    const id = await uploads.add(tenantId, body);
    for await (const sha256 of archive.list(tenantId)) {
      writeFileSync(await archive.localPath(tenantId, sha256), profileBytes({ inuse_space: 2n }));
    }
    start(openParsers('real'));
    await settle(database.db);
    expect(await stateOf(id)).toMatchObject({ state: 'quarantined', problem: { code: 'archive-corrupt' } });
    expect(await indexOf(database.db, tenantId)).toEqual([]);
  });

  it('takes an upload that lands while a drain ends, without the sweeper', async () => {
    const worker = start(openParsers('real'));
    for (let i = 0; i < 20; i++) {
      await uploads.add(tenantId, profileBytes({ inuse_space: BigInt(i + 1), at: at(1) }));
      // As the queue does it: not waiting for the drain that may just be ending.
      void worker.wake();
    }
    await settle(database.db);
    expect(await indexOf(database.db, tenantId)).toHaveLength(20);
  });

  it('finds by itself what nobody announced', async () => {
    start(openParsers('real'), { sweepMillis: 100 });
    await uploads.add(tenantId, profileBytes({ inuse_space: 1n }));
    await settle(database.db);
  });

  it('takes over from one that vanished, and the vanished one cannot write any more', async () => {
    const id = await uploads.add(tenantId, profileBytes({ inuse_space: 1n }));
    const vanished = new WorkList(database.db, 100);
    const [claim] = await vanished.claim(1);
    start(openParsers('real'), { sweepMillis: 100 });
    await settle(database.db);
    expect(await stateOf(id)).toMatchObject({ state: 'indexed' });
    expect(
      await finishOne(vanished, claim, { state: 'indexed', problem: null }, () => Promise.reject(new Error('written'))),
    ).toBe(false);
  });

  it('blames no upload when no parser can be started, and goes on once it can', async () => {
    const id = await uploads.add(tenantId, profileBytes({ inuse_space: 1n }));
    const entry = path.join(folder, 'parser.ts');
    const options = parserOptions('real');
    const parsers = new ParserPool({ ...options, entry: new URL(`file://${entry}`) });
    const worker = start(parsers);
    await worker.wake();
    while ((await stateOf(id)).state !== 'stored') await new Promise((resolve) => setTimeout(resolve, 20));
    writeFileSync(entry, `import ${JSON.stringify(options.entry.href)};`);
    await settle(database.db);
    expect(await stateOf(id)).toMatchObject({ state: 'indexed', crashes: 0 });
  });

  it('that stops finishes what it holds and claims nothing more', async () => {
    const parsers = openParsers('real');
    const worker = makeWorker({ db: database.db, archive, parsers, queue, slots: 2 });
    cleanUps.push(() => parsers.close());
    for (let i = 0; i < 6; i++) await uploads.add(tenantId, profileBytes({ inuse_space: BigInt(i + 1) }));
    worker.start();
    await worker.close();
    const rows = await database.db.acrossTenants((tx) =>
      tx.query<{ lease_until: Date | null }[]>('select lease_until from work'),
    );
    expect(rows.length).toBeLessThanOrEqual(6);
    expect(rows.filter((row) => row.lease_until !== null)).toEqual([]);
    const states = await database.db.readTenant(tenantId, (tx) =>
      tx.query<{ state: string }[]>('select state from upload'),
    );
    expect(states.filter(({ state }) => state === 'parsing')).toEqual([]);
  });
});

describe('the order of uploads', () => {
  it('and repetition do not change the index', async () => {
    const bodies = Array.from({ length: 12 }, (_, i) =>
      profileBytes({ inuse_space: BigInt(i + 1) * 1000n, site: `main.site${i % 4}`, at: at(i) }),
    );
    const calm = await insertTenant(database.db, 'calm');
    for (const body of bodies) await uploads.add(calm.tenantId, body);
    const wild = [...bodies].reverse().flatMap((body, i) => (i % 3 === 0 ? [body, body] : [body]));
    const worker = start(openParsers('real', 2));
    for (const body of [...wild, ...bodies]) {
      await uploads.add(tenantId, body);
      void worker.wake();
    }
    await settle(database.db);
    expect(await indexOf(database.db, tenantId)).toEqual(await indexOf(database.db, calm.tenantId));
    expect(await indexOf(database.db, tenantId)).toHaveLength(bodies.length);
  });
});

describe('reindexing', () => {
  it('gives the same index again, from the archive alone', async () => {
    for (let i = 0; i < 8; i++) {
      const service = i % 2 === 0 ? 'shop' : 'search';
      await uploads.add(tenantId, profileBytes({ inuse_space: BigInt(i + 1), site: `main.site${i}`, at: at(i) }), {
        service,
      });
    }
    const other = await insertTenant(database.db, 'other');
    await uploads.add(other.tenantId, profileBytes({ inuse_space: 1n, at: at(1) }));
    const worker = start(openParsers('real', 2));
    await settle(database.db);
    const before = await indexOf(database.db, tenantId);
    expect(before).toHaveLength(8);

    const services = [];
    for await (const service of reindex(database.db, 'acme')) services.push(service);
    expect(services).toEqual([
      { tenant: 'acme', service: 'search', uploads: 4 },
      { tenant: 'acme', service: 'shop', uploads: 4 },
    ]);
    await worker.wake();
    await settle(database.db);
    expect(await indexOf(database.db, tenantId)).toEqual(before);
    await expect(reindex(database.db, 'nobody').next()).rejects.toMatchObject({ code: 'not-found' });
  });

  it('refuses the result of a parse that was under way', async () => {
    const id = await uploads.add(tenantId, profileBytes({ inuse_space: 1n }));
    const work = new WorkList(database.db, 60_000);
    const [claim] = await work.claim(1);
    for await (const _ of reindex(database.db, null));
    expect(await finishOne(work, claim, { state: 'indexed', problem: null }, () => Promise.resolve())).toBe(false);
    expect((await stateOf(id)).state).toBe('stored');
    expect(await work.claim(1)).toMatchObject([{ uploadId: id }]);
  });

  it('gives what was rejected another chance', async () => {
    const body = profileBytes({ inuse_space: 1n });
    const id = await uploads.add(tenantId, body);
    const work = new WorkList(database.db, 60_000);
    const [claim] = await work.claim(1);
    const problem = { type: 't', title: 't', status: 422, detail: 'd', code: 'malformed' } as const;
    await finishOne(work, claim, { state: 'rejected', problem }, () => Promise.resolve());
    for await (const _ of reindex(database.db, null));
    start(openParsers('real'));
    await settle(database.db);
    expect(await stateOf(id)).toMatchObject({ state: 'indexed', problem: null });
    expect(readFileSync(await archive.localPath(tenantId, await firstHash()))).toHaveLength(body.length);
  });
});

async function firstHash(): Promise<Buffer> {
  for await (const sha256 of archive.list(tenantId)) return sha256;
  throw new Error('the archive is empty');
}
