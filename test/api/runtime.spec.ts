import { startTestApp, type TestApp } from '../app.js';
import { upload } from './uploads.js';

let app: TestApp;
const minute = 60_000;
const hour = 60 * minute;
const MiB = 2 ** 20;
/** The first moment of a full hour some hours ago. */
const begin = Math.floor(Date.now() / hour) * hour - 6 * hour;
const at = (minutes: number) => new Date(begin + minutes * minute);

/** A MemStats as json.Marshal writes it, of a process that has allocated so much. */
const memStats = (fields: Record<string, number>) => Buffer.from(JSON.stringify({ HeapInuse: 0, ...fields }));

const post = (bytes: Buffer, instance: string, minutes: number, build = 'v1') =>
  upload(app, bytes, { service: 'shop', instance, build, captured_at: at(minutes).toISOString() });

beforeAll(async () => {
  app = await startTestApp();
  // Two pods; pod-1 restarts with a new build after an hour, pod-2 is heard of in the first hour only.
  for (let i = 0; i < 12; i++) {
    const life = i < 6 ? i + 1 : i - 5;
    await post(
      memStats({
        HeapAlloc: (100 + 10 * i) * MiB,
        HeapInuse: 150 * MiB,
        HeapSys: 400 * MiB,
        HeapIdle: 250 * MiB,
        HeapReleased: 50 * MiB,
        Sys: 450 * MiB,
        TotalAlloc: life * 600 * MiB,
        NumGC: life * 20,
        GCCPUFraction: 0.25,
      }),
      'pod-1',
      i * 10,
      i < 6 ? 'v1' : 'v2',
    );
    if (i < 6)
      await post(
        memStats({ HeapAlloc: 5 * MiB, TotalAlloc: 10 * MiB, NumGC: 2, GCCPUFraction: 0.05 }),
        'pod-2',
        i * 10,
      );
  }
});
afterAll(() => app?.close());

const get = (what: string, query: object = {}, service = 'shop', key = app.keys.read) =>
  app.http(key).get(`/api/v1/services/${service}/${what}`).query(query);
const range = { from: at(0).toISOString(), to: at(120).toISOString() };

interface Series {
  name: string;
  unit: string;
  meaning: string;
  instance: string | null;
  sources: string[];
  basis: string | null;
  points: { at: string; value: string | number; per_second: number | null; covered_seconds: number }[];
}

const seriesOf = async (name: string, query: object) =>
  ((await get('runtime', query)).body.series as Series[]).filter((series) => series.name === name);

describe('the timeline of the runtime', () => {
  it('a gauge is the sum over the instances that hold a value; missing is never 0', async () => {
    const { status, body } = await get('runtime', { ...range, step: '10m' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...range, step_seconds: 600, stat: 'mean', note: null, thinned_to_seconds: null });
    const [heapAlloc] = (body.series as Series[]).filter(({ name }) => name === 'heap_alloc');
    expect(heapAlloc).toMatchObject({ unit: 'bytes', meaning: 'gauge', sources: ['memstats'], instance: null });
    const values = heapAlloc.points.map(({ value }) => Number(value) / MiB);
    expect(values.slice(0, 6)).toEqual([105, 115, 125, 135, 145, 155]);
    expect(values.slice(8)).toEqual([180, 190, 200, 210]);
    expect(heapAlloc.points[0]).toEqual({
      at: range.from,
      value: String(105 * MiB),
      per_second: null,
      covered_seconds: 600,
    });
    // Nobody sent an RSS.
    expect((body.series as Series[]).map(({ name }) => name)).not.toContain('rss');
  });

  it('a restart does not make a counter fall: what the new process allocated is growth', async () => {
    const [allocated] = await seriesOf('alloc_bytes_total', { ...range, step: '1h', instance: 'pod-1' });
    expect(allocated).toMatchObject({ meaning: 'growth', unit: 'bytes' });
    expect(allocated.points.map(({ value }) => Number(value) / MiB)).toEqual([3600, 3000]);
    expect(allocated.points[0].per_second).toBe(MiB);
    const [frequency] = await seriesOf('gc_cycles_per_minute', { ...range, step: '1h', instance: 'pod-1' });
    expect(frequency).toMatchObject({ unit: 'per_minute', meaning: 'rate' });
    expect(frequency.points.map(({ value }) => value)).toEqual([2, 2]);
  });

  it('restarts and new builds are markers', async () => {
    const { body } = await get('runtime', range);
    expect(body.markers).toEqual([
      { at: at(60).toISOString(), type: 'restart', instance: 'pod-1', detail: 'counter' },
      { at: at(60).toISOString(), type: 'build', instance: null, detail: 'v2' },
    ]);
    expect(body.instances).toMatchObject([
      { name: 'pod-1', sources: ['memstats'], lifetimes: [{ evidence: null }, { evidence: 'counter' }] },
      { name: 'pod-2', lifetimes: [{ from: at(0).toISOString(), to: at(50).toISOString(), evidence: null }] },
    ]);
  });

  it('ratios are averaged, and say when they are only known since the start', async () => {
    const [share] = await seriesOf('gc_cpu_share', {
      from: at(0).toISOString(),
      to: at(30).toISOString(),
      step: '30m',
    });
    expect(share).toMatchObject({ unit: 'ratio', basis: 'since-start', meaning: 'average' });
    expect(share.points.map(({ value }) => value)).toEqual([0.15]);
  });

  it('by instance there is a series each', async () => {
    const series = await seriesOf('heap_alloc', { ...range, step: '1h', by: 'instance', stat: 'last' });
    expect(series.map(({ instance, points }) => [instance, points.map(({ value }) => Number(value) / MiB)])).toEqual([
      ['pod-1', [150, 210]],
      ['pod-2', expect.arrayContaining([5])],
    ]);
  });

  it('an unknown service and an unknown instance are not found', async () => {
    expect((await get('runtime', range, 'nothing')).status).toBe(404);
    expect((await get('runtime', { ...range, instance: 'pod-9' })).status).toBe(404);
    expect((await get('runtime', { ...range, step: '1s' })).body.code).toBe('too-many-points');
    expect((await get('runtime', { ...range, stat: 'median' })).status).toBe(422);
  });
});
