import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Job,
  type JobQueue,
  type JobWorker,
  openQueue,
  openWorker,
  type QueueSettings,
  QueueUnavailable,
} from '../../src/platform/queue.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { closedPort, haveRedis, startRedis, type TestRedis, until } from '../processes.js';

interface Ping {
  readonly n: number;
}

const ignore = () => undefined;

describe('the queue in Postgres', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.drop());

  laws(() => ({ databaseUrl: test.appUrl, redisUrl: null }));

  it('fails at once when the database is away', async () => {
    const queue = openQueue<Ping>(
      { databaseUrl: `postgres://x@127.0.0.1:${await closedPort()}/x`, redisUrl: null },
      'away',
      ignore,
    );
    await expect(queue.add('ping', { n: 1 })).rejects.toThrow(QueueUnavailable);
    await queue.close();
  });
});

const describeRedis = haveRedis ? describe : describe.skip;
if (!haveRedis) console.log('skipped: the queue in Redis (to run it: apt-get install redis-server)');

describeRedis('the queue in Redis', () => {
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  laws(() => ({ databaseUrl: 'postgres://unused', redisUrl: redis.url }));

  it('fails at once when Redis is away, or does not answer', async () => {
    const silent = createServer(ignore).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    for (const port of [await closedPort(), (silent.address() as AddressInfo).port]) {
      const queue = openQueue<Ping>(
        { databaseUrl: 'postgres://unused', redisUrl: `redis://127.0.0.1:${port}` },
        'away',
        ignore,
      );
      await expect(queue.add('ping', { n: 1 })).rejects.toThrow(QueueUnavailable);
      await queue.close();
    }
    silent.close();
  });
});

/** What holds whichever back end is used. */
function laws(settings: () => QueueSettings): void {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    // The worker first: it was opened last.
    for (const end of open.splice(0).reverse()) await end.close();
  });
  const producer = (name: string): JobQueue<Ping> => keep(openQueue<Ping>(settings(), name, ignore));
  const consumer = (
    name: string,
    handler: (job: Job<Ping>) => Promise<void>,
    concurrency = 1,
    onError: (error: Error) => void = ignore,
  ): JobWorker => keep(openWorker<Ping>(settings(), name, handler, { concurrency }, onError));
  function keep<T extends { close(): Promise<void> }>(end: T): T {
    open.push(end);
    return end;
  }

  it('brings every job to a worker once, also those announced before it came', async () => {
    const queue = producer('every');
    for (let n = 0; n < 5; n++) await queue.add('ping', { n });
    const seen: number[] = [];
    consumer('every', async ({ data }) => void seen.push(data.n), 2);
    for (let n = 5; n < 10; n++) await queue.add('ping', { n });
    await until(() => seen.length >= 10);
    expect(seen.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('merges jobs of one id while the first waits', async () => {
    const queue = producer('merge');
    for (let n = 0; n < 5; n++) await queue.add('ping', { n }, { jobId: 'wake-up' });
    expect(await queue.depth()).toEqual({ waiting: 1, active: 0, delayed: 0 });
  });

  it('merges announcements while one waits, and takes another while it is being handled', async () => {
    const queue = openQueue<Ping>(settings(), 'announce', ignore);
    const announce = (n: number) => queue.add('ping', { n }, { deduplication: { id: 'wake' } });
    for (let n = 0; n < 5; n++) await announce(n);
    expect(await queue.depth()).toEqual({ waiting: 1, active: 0, delayed: 0 });
    const seen: number[] = [];
    const handler = async ({ data }: Job<Ping>) => {
      if (seen.push(data.n) > 1) return;
      for (let n = 5; n < 10; n++) await announce(n);
    };
    const worker = openWorker<Ping>(settings(), 'announce', handler, { concurrency: 1 }, ignore);
    await until(() => seen.length === 2);
    expect(seen).toEqual([0, 5]);
    await worker.close();
    expect(await queue.depth()).toEqual({ waiting: 0, active: 0, delayed: 0 });
    await queue.close();
  });

  it('reports a handler that throws, and goes on', async () => {
    const queue = producer('throws');
    const errors: string[] = [];
    const seen: number[] = [];
    const handler = async ({ data }: Job<Ping>) => {
      if (data.n === 0) throw new Error('the first fails');
      seen.push(data.n);
    };
    consumer('throws', handler, 1, (error) => errors.push(error.message));
    await queue.add('ping', { n: 0 });
    await queue.add('ping', { n: 1 });
    await until(() => seen.length === 1 && errors.length === 1);
    expect(errors).toEqual(['the first fails']);
  });

  it('lets a running job end before it closes', async () => {
    const queue = producer('close');
    let begun = false;
    let ended = false;
    const handler = async () => {
      begun = true;
      await sleep(200);
      ended = true;
    };
    const worker = consumer('close', handler);
    await queue.add('ping', { n: 0 });
    await until(() => begun);
    await worker.close();
    expect(ended).toBe(true);
  });
}
