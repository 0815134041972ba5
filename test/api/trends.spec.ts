import { startTestApp, type TestApp } from '../app.js';
import { heap, upload } from './uploads.js';

let app: TestApp;
const minute = 60_000;
const hour = 60 * minute;
/** The first moment of a full hour some hours ago. */
const begin = Math.floor(Date.now() / hour) * hour - 6 * hour;
const at = (minutes: number) => new Date(begin + minutes * minute);

beforeAll(async () => {
  app = await startTestApp();
  // pod-1 grows by 10 every ten minutes for two hours; pod-2 holds 5 in the first hour only.
  for (let i = 0; i < 12; i++) {
    await upload(app, heap(100 + i * 10, at(i * 10), 'main.grow'), { service: 'shop', instance: 'pod-1', build: 'v1' });
    if (i < 6)
      await upload(app, heap(5, at(i * 10), 'main.still'), { service: 'shop', instance: 'pod-2', build: 'v2' });
  }
});
afterAll(() => app?.close());

const get = (query: object, service = 'shop') =>
  app.http(app.keys.read).get(`/api/v1/services/${service}/trends`).query(query);
const range = { from: at(0).toISOString(), to: at(120).toISOString() };

interface Series {
  name: string | null;
  other: boolean;
  points: { at: string; value: string; covered_seconds: number }[];
}

test('a gauge in steps of ten minutes is the sum over the instances that hold a value', async () => {
  const { status, body } = await get({ ...range, step: '10m' });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    kind: 'heap',
    sample_type: 'inuse_space',
    unit: 'bytes',
    semantics: 'gauge',
    stat: 'mean',
    step_seconds: 600,
    from: range.from,
    to: range.to,
    note: null,
  });
  const [{ points }] = body.series as Series[];
  expect(points.slice(0, 6).map(({ value }) => value)).toEqual(['105', '115', '125', '135', '145', '155']);
  expect(points[0]).toEqual({ at: range.from, value: '105', covered_seconds: 600 });
  expect(points.slice(8, 12).map(({ value }) => value)).toEqual(['180', '190', '200', '210']);
});

test('steps of an hour give hourly points, by mean, last and max', async () => {
  const hourly = async (stat: string) =>
    ((await get({ ...range, step: '1h', stat, instance: 'pod-1' })).body.series as Series[])[0].points.map(
      (p) => p.value,
    );
  expect(await hourly('mean')).toEqual(['125', '185']);
  expect(await hourly('last')).toEqual(['150', '210']);
  expect(await hourly('max')).toEqual(['150', '210']);
});

test('by instance and by build there is a series each, the largest first', async () => {
  const byInstance = (await get({ ...range, step: '1h', by: 'instance' })).body.series as Series[];
  expect(byInstance.map(({ name, other }) => [name, other])).toEqual([
    ['pod-1', false],
    ['pod-2', false],
  ]);
  // Missing is not zero: pod-2 was silent in the second hour, so there is no point that says 0.
  expect(byInstance[1].points.every(({ value }) => value === '5')).toBe(true);
  const byBuild = (await get({ ...range, step: '1h', by: 'build' })).body.series as Series[];
  expect(byBuild.map(({ name }) => name)).toEqual(['v1', 'v2']);
  const oneBuild = (await get({ ...range, step: '1h', build: 'v2' })).body.series as Series[];
  expect(oneBuild[0].points[0].value).toBe('5');
});

test('one function is followed by its name, flat or cum', async () => {
  const values = async (query: object) =>
    ((await get({ ...range, step: '1h', ...query })).body.series as Series[])[0]?.points.map(({ value }) => value);
  expect(await values({ function: 'main.grow' })).toEqual(['125', '185']);
  expect(await values({ function: 'main.grow', value: 'flat' })).toEqual(['125', '185']);
  expect((await values({ function: 'main.main', value: 'flat' })) ?? ['0']).toEqual(expect.arrayContaining(['0']));
  expect((await get({ function: 'main.absent' })).status).toBe(404);
});

test('a counter reads what it grew by', async () => {
  const { body } = await get({ ...range, step: '1h', sample_type: 'alloc_space', instance: 'pod-1' });
  expect(body).toMatchObject({ semantics: 'counter', unit: 'bytes' });
  const sum = (body.series as Series[])[0].points.reduce((total, { value }) => total + BigInt(value), 0n);
  // From 200 at the first snapshot to 420 at the last.
  expect(sum).toBe(220n);
});

test('the step is chosen when it is not given: up to 800 points', async () => {
  const step = async (from: string) => (await get({ from, to: 'now' })).body.step_seconds as number;
  expect(await step('-1h')).toBe(60);
  expect(await step('-1d')).toBe(300);
  expect(await step('-30d')).toBe(3600);
  expect(await step('-400d')).toBe(86_400);
});

test.each([
  [{ from: '-401d' }, 'validation-failed'],
  [{ from: '-1h', to: '-2h' }, 'validation-failed'],
  [{ step: '90m' }, 'validation-failed'],
  [{ step: '0' }, 'validation-failed'],
  [{ step: 'fast' }, 'validation-failed'],
  [{ by: 'colour' }, 'validation-failed'],
  [{ from: '-30d', step: '1s' }, 'too-many-points'],
])('%j is refused with 422', async (query, code) => {
  expect(await get(query).then(({ status, body }) => [status, body.code])).toEqual([422, code]);
});

test.each([{ kind: 'cpu' }, { instance: 'pod-9' }, { build: 'v9' }])(
  'what is not there is not found: %j',
  async (query) => {
    expect((await get(query)).status).toBe(404);
  },
);
