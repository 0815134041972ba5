import { setTimeout as sleep } from 'node:timers/promises';
import { reindex } from '../../src/ingest/reindex.js';
import { jest } from '@jest/globals';
import { startTestApp, type TestApp } from '../app.js';
import { leakingDump } from '../builders/goroutine-dump-text.js';
import { storedSuspects } from '../leaks/outcomes.js';
import { send, upload } from './uploads.js';

/*
 * The whole way: dumps of a service that leaks go in through the API, the worker ranks, and the API tells the suspect.
 */

/** Time enough for a worker and its threads to start on a busy machine. */
jest.setTimeout(240_000);

const minute = 60_000;
const minutesApart = 30;
const dumps = 8;
const leak = 'shop/watch.(*Watcher).wait';
/** When the first dump was taken. */
const start = Date.now() - dumps * minutesApart * minute;

let app: TestApp;
let ids: string[];

beforeAll(async () => {
  // A series is in the index before it is ranked, on a busy machine, too.
  app = await startTestApp({ env: { TIDEMARK_RANKING_DEBOUNCE_SECONDS: '4', TIDEMARK_SWEEP_SECONDS: '1' } });
  // In no order: what counts is when they were taken.
  ids = await Promise.all([3, 1, 8, 6, 2, 4, 7, 5].map((number) => sendDump('shop', number)));
  await ranked('shop');
});
afterAll(() => app?.close());

function sendDump(service: string, number: number, more: Record<string, string> = {}): Promise<string> {
  const captured_at = new Date(start + number * minutesApart * minute).toISOString();
  return send(app, leakingDump(number, minutesApart), { service, instance: 'pod-1', captured_at, ...more });
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- an answer over HTTP is unknown to the compiler
const get = async (path: string): Promise<any> => (await app.http(app.keys.read).get(`/api/v1/${path}`)).body;

/** Waits until all that was uploaded of a service has been ranked. */
async function ranked(service: string): Promise<void> {
  await app.settle();
  for (;;) {
    const { ranking } = await get(`services/${service}/suspects`);
    if (ranking.fault !== null) throw new Error(ranking.fault);
    if (ranking.ranked_at !== null && !ranking.pending) return;
    await sleep(100);
  }
}

test('a group of goroutines that leaks is a suspect, with its place, its numbers and its snapshots', async () => {
  const { rows, ranking } = await get('services/shop/suspects');
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({
    service: 'shop',
    team: 'default',
    state: 'open',
    phase: 'new',
    kind: 'goroutine',
    rank: 1,
    wait_state: 'chan receive',
    growth: { unit: 'goroutines', now: 20 * dumps },
    instances_affected: 1,
  });
  expect(rows[0].growth.perHour).toBeCloseTo(40, 0);
  expect(rows[0].function).toMatch(/^shop\/watch\./);
  expect(ranking.judged).toMatchObject({ goroutineSnapshots: dumps, instances: 1 });
  const details = await get(`suspects/${rows[0].id}`);
  expect(details.suspect.stack[0]).toMatchObject({ function: leak, line: 42 });
  expect(details.suspect.createdBy).toMatch(/Start$/);
  expect(details.suspect.why.length).toBeGreaterThan(0);
  const [{ before, after, diff }] = details.evidence;
  expect(ids).toEqual(expect.arrayContaining([before.id, after.id]));
  expect([before.pinned, after.pinned]).toEqual([true, true]);
  // The links are ready to be followed.
  const changes = (await get(diff.replace('/api/v1/', ''))).rows as { function: string }[];
  expect(changes.map((row) => row.function)).toContain(leak);
  expect((await get(`${after.self.replace('/api/v1/', '')}`)).id).toBe(after.id);
});

test('the same artefacts sent again change nothing', async () => {
  const before = await storedSuspects(app.db, app.tenantId);
  await Promise.all([2, 8, 5].map((number) => sendDump('shop', number)));
  await app.db.withTenant(app.tenantId, (tx) =>
    tx.query(`update leak_ranking set due_at = clock_timestamp(), remarked = true, ranked_at = null`),
  );
  await ranked('shop');
  expect(await storedSuspects(app.db, app.tenantId)).toEqual(before);
});

test('any window can be explained, and nothing of it is stored', async () => {
  const before = await storedSuspects(app.db, app.tenantId);
  const explain = async (body: object) =>
    app.http(app.keys.read).post('/api/v1/services/shop/suspects/explain').send(body);
  const whole = await explain({});
  expect(whole.status).toBe(200);
  expect(whole.body.suspects).toMatchObject([{ rank: 1, function: expect.stringMatching(/^shop\/watch\./) }]);
  const half = await explain({ to: new Date(start + 4.5 * minutesApart * minute).toISOString(), instance: 'pod-1' });
  expect(half.body.judged.goroutineSnapshots).toBe(4);
  expect((await explain({ limit: 1, from: '-1d', to: 'now' })).body.suspects).toHaveLength(1);
  expect((await explain({ instance: 'pod-9' })).status).toBe(404);
  const empty = await explain({ from: '-1h', to: '-2h' });
  expect([empty.status, empty.body.errors[0].pointer]).toEqual([422, '/from']);
  expect((await explain({ limit: 0 })).body.errors[0].pointer).toBe('/limit');
  expect(await storedSuspects(app.db, app.tenantId)).toEqual(before);
});

test('one snapshot shows no growth, and the list says so', async () => {
  await upload(app, leakingDump(1, minutesApart), { service: 'young' });
  await ranked('young');
  const { rows, ranking } = await get('services/young/suspects');
  expect(rows).toEqual([]);
  expect(ranking.notes.length).toBeGreaterThan(0);
  expect(ranking.judged.goroutineSnapshots).toBe(1);
});

test('what leaked in one build is gone in the next, on evidence, and back when a later one has it', async () => {
  const at = (step: number) => new Date(start + step * minutesApart * minute).toISOString();
  const service = 'released';
  const sendAll = async (from: number, numbers: readonly number[], build: string) => {
    await Promise.all(
      numbers.map((number, i) =>
        upload(app, leakingDump(number, minutesApart), {
          service,
          instance: `pod-of-${build}`,
          build,
          captured_at: at(from + i),
        }),
      ),
    );
    await ranked(service);
    const { rows } = await get(`services/${service}/suspects?state=open,acknowledged,resolved,ignored`);
    return get(`suspects/${rows[0].id}`);
  };
  const leaking = await sendAll(-40, [1, 2, 3, 4, 5, 6, 7, 8], 'v1');
  expect(leaking).toMatchObject({ state: 'open', phase: 'new' });
  await app.http().patch(`/api/v1/suspects/${leaking.id}`).send({ assignee: 'Ada' });
  const fixed = await sendAll(-32, [1, 1, 1, 1, 1, 1, 1, 1], 'v2');
  expect(fixed).toMatchObject({
    id: leaking.id,
    state: 'resolved',
    resolution: { by: 'ranking', build: 'v2', evidence: { reason: 'gone', snapshots: expect.any(Number) } },
  });
  expect((fixed.evidence as { before: { pinned: boolean } }[]).some(({ before }) => before?.pinned)).toBe(false);
  const back = await sendAll(-24, [1, 2, 3, 4, 5, 6, 7, 8], 'v3');
  expect(back).toMatchObject({ id: leaking.id, state: 'open', phase: 'regressed', regressions: 1, assignee: 'Ada' });
  expect((back.history as { what: string }[]).map(({ what }) => what)).toEqual([
    'regressed',
    'gone',
    'assigned',
    'opened',
  ]);
});

test('what shows a suspect can be indexed anew: it stays pinned, and the suspect is as it was', async () => {
  const before = await storedSuspects(app.db, app.tenantId);
  for await (const { uploads } of reindex(app.db, null)) expect(uploads).toBeGreaterThan(0);
  await Promise.all(['shop', 'young', 'released'].map(ranked));
  const after = await storedSuspects(app.db, app.tenantId);
  const known = ({ suspect, ...others }: { suspect: Record<string, unknown> }) => {
    const { fingerprint, state, function: name, peak, service_id, suspect_id } = suspect;
    return { fingerprint, state, name, peak, service_id, suspect_id, ...others };
  };
  const all = (stored: unknown[]) => (stored as { suspect: Record<string, unknown> }[]).map(known);
  expect(all(after)).toEqual(all(before));
});

test('a ranking that takes too long is given up, noted, and tried again later', async () => {
  const slow = await startTestApp({
    env: { TIDEMARK_RANKING_DEBOUNCE_SECONDS: '0', TIDEMARK_SWEEP_SECONDS: '0.5', TIDEMARK_RANKING_SECONDS: '0.1' },
  });
  try {
    // A tenth of a second is not enough for the thread to start.
    await upload(slow, leakingDump(1, minutesApart), { service: 'shop' });
    for (;;) {
      const { body } = await slow.http().get('/api/v1/services/shop/suspects');
      if (body.ranking.fault !== null) {
        expect(body.ranking).toMatchObject({
          ranked_at: null,
          pending: true,
          fault: expect.stringMatching(/too long/),
        });
        break;
      }
      await sleep(50);
    }
    const [{ failures, wait }] = await slow.db.readTenant(slow.tenantId, (tx) =>
      tx.query<{ failures: number; wait: number }[]>(
        'select failures, extract(epoch from due_at - clock_timestamp())::float8 as wait from leak_ranking',
      ),
    );
    expect(failures).toBe(1);
    expect(wait).toBeGreaterThan(10);
  } finally {
    await slow.close();
  }
});
