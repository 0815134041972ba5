import { pino } from 'pino';
import { Announcer } from '../../src/ingest/announcer.js';
import { openQueue } from '../../src/platform/queue.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { closedPort } from '../processes.js';

const logger = pino({ enabled: false });
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('makes one job of many announcements', async () => {
  const queue = openQueue({ databaseUrl: database.appUrl, redisUrl: null }, 'many', () => undefined);
  const announcer = new Announcer(queue, logger);
  for (let i = 0; i < 100; i++) announcer.announce();
  await announcer.settled();
  for (let i = 0; i < 100; i++) announcer.announce();
  await announcer.settled();
  expect(await queue.depth()).toEqual({ waiting: 1, active: 0, delayed: 0 });
  await queue.close();
});

it('does not fail with a queue that fails, and announces again once it is asked to', async () => {
  const port = await closedPort();
  const queue = openQueue(
    { databaseUrl: `postgres://nobody@127.0.0.1:${port}/nothing`, redisUrl: null },
    'none',
    () => undefined,
  );
  const announcer = new Announcer(queue, logger);
  for (let i = 0; i < 3; i++) {
    expect(announcer.announce()).toBeUndefined();
    await announcer.settled();
  }
});
