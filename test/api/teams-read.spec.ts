import { startTestApp, type TestApp } from '../app.js';
import { heap, upload } from './uploads.js';

let app: TestApp;
const now = Date.now();
const minute = 60_000;

beforeAll(async () => {
  app = await startTestApp();
  await app.http().post('/api/v1/teams').send({ name: 'payments' });
  await app.http().post('/api/v1/teams').send({ name: 'idle' });
  for (let i = 0; i < 6; i++) {
    const at = new Date(now - (30 - i * 5) * minute);
    await upload(app, heap(100, at), { service: 'pay', team: 'payments', instance: 'a' });
    await upload(app, heap(30, at), { service: 'pay', team: 'payments', instance: 'b' });
    await upload(app, heap(7, at), { service: 'refund', team: 'payments', instance: 'a' });
    await upload(app, heap(1000, at), { service: 'elsewhere' });
  }
});
afterAll(() => app?.close());

const get = (path: string, query: object = {}) => app.http(app.keys.read).get(`/api/v1/${path}`).query(query);

test('the services of a team are its own', async () => {
  const { body } = await get('teams/payments/services');
  expect(body).toMatchObject({
    rows: [
      { name: 'pay', team: 'payments' },
      { name: 'refund', team: 'payments' },
    ],
    next: null,
  });
  expect((await get('teams/idle/services')).body).toEqual({ rows: [], next: null });
});

test('the trend of a team is the sum over all instances of its services', async () => {
  const range = {
    from: new Date(now - 25 * minute).toISOString(),
    to: new Date(now - 10 * minute).toISOString(),
    step: '5m',
  };
  const { status, body } = await get('teams/payments/trends', range);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    kind: 'heap',
    sample_type: 'inuse_space',
    unit: 'bytes',
    semantics: 'gauge',
    step_seconds: 300,
  });
  expect(body.series).toHaveLength(1);
  const values = (body.series[0].points as { value: string }[]).map(({ value }) => value);
  expect(values.length).toBeGreaterThan(1);
  expect(new Set(values)).toEqual(new Set(['137']));

  const parts = (await get('teams/payments/trends', { ...range, by: 'service' })).body.series;
  expect(parts).toMatchObject([
    { name: 'pay', other: false },
    { name: 'refund', other: false },
  ]);
  expect(parts[0].points[1].value).toBe('130');
  expect(parts[1].points[1].value).toBe('7');
});

test('a team without snapshots has no trend', async () => {
  expect((await get('teams/idle/trends')).status).toBe(404);
});
