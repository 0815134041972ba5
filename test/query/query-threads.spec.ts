import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { asTenantId, type TenantId } from '../../src/platform/database.js';
import type { QueryAnswer, ThreadRequest } from '../../src/platform/thread-protocol.js';
import { QueryThreads, type QueryThreadsOptions } from '../../src/platform/query-threads.js';

const entry = new URL('./thread-entries/obedient.mjs', import.meta.url);
const a = asTenantId(randomUUID());
const b = asTenantId(randomUUID());
const open: QueryThreads[] = [];

function threads(options: Partial<QueryThreadsOptions> = {}): QueryThreads {
  const made = new QueryThreads(
    {
      entry,
      threads: 1,
      maxWaitingPerTenant: 3,
      timeLimitMillis: 20_000,
      heapMegabytes: 256,
      databaseUrl: 'postgres://nowhere',
      ...options,
    },
    pino({ enabled: false }),
  );
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

/** The thread of these tests reads its orders from the name of the operation. */
const order = (op: string, more: object = {}) => ({ op, ...more }) as unknown as ThreadRequest;

function contentOf({ body }: QueryAnswer) {
  return JSON.parse(new TextDecoder().decode(body)) as { tenantId: TenantId; text: string; threadId: number };
}

/** Holds a thread until it is opened. */
function gate() {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  return {
    request: order('wait', { gate: cell }),
    open() {
      Atomics.store(cell, 0, 1);
      Atomics.notify(cell, 0);
    },
  };
}

test('an answer comes back as bytes, and the thread stays for the next', async () => {
  const pool = threads();
  const first = contentOf(await pool.run(a, order('answer one')));
  const second = contentOf(await pool.run(b, order('answer two')));
  expect(first).toMatchObject({ tenantId: a, text: 'one', workerData: { databaseUrl: 'postgres://nowhere' } });
  expect(second).toMatchObject({ tenantId: b, text: 'two', threadId: first.threadId });
});

test('a Problem crosses the boundary whole, any other failure as a failure of ours; the thread stays', async () => {
  const pool = threads();
  const { threadId } = contentOf(await pool.run(a, order('answer x')));
  await expect(pool.run(a, order('refuse unclosed'))).rejects.toMatchObject({
    code: 'bad-pattern',
    status: 422,
    detail: 'unclosed',
    options: { limit: 'x' },
  });
  await expect(pool.run(a, order('fail text'))).rejects.toMatchObject({ message: 'a query failed', cause: 'text' });
  expect(contentOf(await pool.run(a, order('answer y'))).threadId).toBe(threadId);
});

test.each(['exit', 'throw', 'exhaust'])(
  'a thread that dies (%s) fails its own query only and is replaced',
  async (how) => {
    const pool = threads({ heapMegabytes: 32 });
    const failing = pool.run(a, order(how));
    const waiting = pool.run(a, order('answer later'));
    await expect(failing).rejects.toMatchObject({ code: 'query-failed', status: 503 });
    expect(contentOf(await waiting).text).toBe('later');
  },
);

test('a query that runs too long ends with its thread, which is replaced', async () => {
  const pool = threads({ timeLimitMillis: 300 });
  const { request } = gate();
  await expect(pool.run(a, request)).rejects.toMatchObject({
    code: 'query-timeout',
    status: 503,
    options: { limit: 'query_seconds', allowed: 0.3 },
  });
});

test('a query that waits too long ends without ever running', async () => {
  const pool = threads({ timeLimitMillis: 300 });
  const { request } = gate();
  const outcomes = await Promise.allSettled([pool.run(a, request), pool.run(a, order('exit'))]);
  expect(outcomes.map((o) => o.status === 'rejected' && o.reason.code)).toEqual(['query-timeout', 'query-timeout']);
});

test('tenants take turns, however many one of them has waiting', async () => {
  const pool = threads();
  const held = gate();
  const order_ = (tenant: TenantId, name: string) =>
    pool.run(tenant, order(`answer ${name}`)).then(() => served.push(name));
  const served: string[] = [];
  const running = pool.run(a, held.request);
  const all = [order_(a, 'a1'), order_(a, 'a2'), order_(a, 'a3'), order_(b, 'b1'), order_(b, 'b2')];
  held.open();
  await Promise.all([running, ...all]);
  expect(served).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
});

test('a tenant with too many waiting is refused, and no other', async () => {
  const pool = threads();
  const held = gate();
  const running = pool.run(a, held.request);
  const waiting = [1, 2, 3].map((n) => pool.run(a, order(`answer ${n}`)));
  await expect(pool.run(a, order('answer 4'))).rejects.toMatchObject({
    code: 'too-many-queries',
    status: 429,
    options: { limit: 'queries_waiting', actual: 4, allowed: 3 },
  });
  const other = pool.run(b, order('answer b'));
  held.open();
  await expect(Promise.all([running, ...waiting, other])).resolves.toHaveLength(5);
});

test('a query whose client has gone does not run', async () => {
  const pool = threads();
  const held = gate();
  const running = pool.run(a, held.request);
  const gone = new AbortController();
  const left = pool.run(a, order('exit'), gone.signal);
  gone.abort(new Error('gone'));
  await expect(left).rejects.toThrow('gone');
  held.open();
  await running;
  expect(contentOf(await pool.run(a, order('answer still here'))).text).toBe('still');
});

test('closing answers everyone and takes nothing new', async () => {
  const pool = threads();
  const { request } = gate();
  const outcomes = Promise.allSettled([pool.run(a, request), pool.run(a, order('answer x'))]);
  await pool.close();
  expect((await outcomes).map((o) => o.status === 'rejected' && o.reason.code)).toEqual([
    'shutting-down',
    'shutting-down',
  ]);
  await expect(pool.run(a, order('answer x'))).rejects.toMatchObject({ code: 'shutting-down' });
});
