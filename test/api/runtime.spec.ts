import { readFileSync } from 'node:fs';
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

const fixtureFile = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

describe('a MemStats as Go writes it, posted at several times', () => {
  const bytes = fixtureFile('json/go1.26/memstats.json');
  const said = JSON.parse(bytes.toString()) as Record<string, number>;

  beforeAll(async () => {
    for (let i = 0; i < 6; i++) {
      await upload(app, bytes, { service: 'real', instance: 'pod-1', captured_at: at(i * 10).toISOString() });
    }
  });

  it('reads as it is, and grows by nothing', async () => {
    const { body } = await get('runtime', { from: at(0).toISOString(), to: at(60).toISOString(), step: '1h' }, 'real');
    const values = new Map((body.series as Series[]).map(({ name, points }) => [name, points.map((p) => p.value)]));
    expect(values.get('heap_alloc')).toEqual([String(said.HeapAlloc)]);
    expect(values.get('footprint')).toEqual([String(said.Sys - said.HeapReleased)]);
    expect(values.get('alloc_bytes_total')).toEqual(['0']);
    expect(values.get('gc_cycles_per_minute')).toEqual([0]);
    const pause = (body.series as Series[]).find(({ name }) => name === 'gc_pause_max');
    expect(pause).toMatchObject({ basis: 'last-256-pauses', sources: ['memstats'] });
    // A young process has fewer collections than the ring has places.
    const pauses = (said.PauseNs as unknown as number[]).slice(0, said.NumGC);
    expect(pause?.points[0].value).toBe(String(Math.max(...pauses)));
  });

  it('gives no verdict of growth', async () => {
    const { body } = await get('verdict', { from: at(0).toISOString(), to: at(60).toISOString() }, 'real');
    expect(body).toMatchObject({ verdict: 'none', growth: { series: 'footprint', bytes_per_hour: 0, steady: false } });
    expect(body.missing.join()).toContain('No RSS was sent');
  });
});

describe('collections', () => {
  it('two ranges are compared: rates, means, and how they differ', async () => {
    const query = {
      base_from: at(0).toISOString(),
      base_to: at(60).toISOString(),
      target_from: at(60).toISOString(),
      target_to: at(120).toISOString(),
      instance: 'pod-1',
    };
    const { status, body } = await get('runtime/gc', query);
    expect(status).toBe(200);
    expect(body).toMatchObject({ base: { from: query.base_from, to: query.base_to }, target: { to: query.target_to } });
    const rows = new Map((body.rows as { name: string }[]).map((row) => [row.name, row]));
    expect(rows.get('heap_alloc')).toEqual({
      name: 'heap_alloc',
      unit: 'bytes',
      basis: null,
      sources: ['memstats'],
      base: String(125 * MiB),
      target: String(185 * MiB),
      delta: String(60 * MiB),
      ratio: 1.48,
    });
    expect(rows.get('gc_cycles_per_minute')).toMatchObject({ base: 2, target: 2, delta: 0, ratio: 1 });
    expect(rows.get('alloc_bytes_total')).toMatchObject({ unit: 'bytes_per_second', base: MiB, target: MiB, delta: 0 });
    expect(rows.has('heap_live')).toBe(false);
  });

  it('the base is by default what came just before the target', async () => {
    const { body } = await get('runtime/gc', { target_from: at(60).toISOString(), target_to: at(120).toISOString() });
    expect(body.base).toEqual({ from: at(0).toISOString(), to: at(60).toISOString() });
  });

  it('one of them has a before and an after, by the snapshots around it', async () => {
    const { body } = await get('runtime/gc', { ...range, gc: 30, instance: 'pod-1' });
    expect(body.cycles).toHaveLength(2);
    expect(body.cycles[0]).toMatchObject({
      instance: 'pod-1',
      number: 30,
      at: null,
      before: { at: at(0).toISOString(), gc_count: '20', heap_alloc: String(100 * MiB), sys: String(450 * MiB) },
      completion: { heap_alloc: null, heap_live: null, heap_goal: null },
      after: { at: at(10).toISOString(), gc_count: '40', alloc_bytes_total: String(1200 * MiB), next_gc: null },
    });
    expect(body.cycles[1].before.at).toBe(at(60).toISOString());
  });

  it('one of a log has its phases', async () => {
    const captured_at = at(30).toISOString();
    // Without the lines that say when they were written, the last is of the capture.
    const lines = fixtureFile('logs/go1.26/gctrace.log').toString().split('\n');
    const text = lines.filter((each) => each.startsWith('gc ')).join('\n');
    await upload(app, Buffer.from(text), { service: 'traced', instance: 'pod-1', captured_at });
    const [, live, goal] = /^gc 5 .* \d+->\d+->(\d+) MB, (\d+) MB goal/m.exec(text)!;
    const { body } = await get('runtime/gc', { ...range, gc: 5 }, 'traced');
    expect(body.cycles).toHaveLength(1);
    expect(body.cycles[0]).toMatchObject({
      number: 5,
      completion: { heap_live: String(Number(live) * MiB), heap_goal: String(Number(goal) * MiB) },
    });
    expect(Number(body.cycles[0].pause_nanos)).toBeGreaterThan(0);
    const { body: timeline } = await get('runtime', { ...range, step: '2h' }, 'traced');
    const pause = (timeline.series as Series[]).find(({ name }) => name === 'gc_pause_p99');
    expect(pause).toMatchObject({ basis: 'cycles', sources: ['gctrace'] });
  });

  it.each([
    [{ gc: 10_000_000, from: at(0).toISOString(), to: at(120).toISOString() }, 404],
    [{ gc: 0 }, 422],
    [{ gc: 5, base_from: '-1h' }, 422],
    [{ from: '-1h' }, 422],
    [{ target_from: '-1h', target_to: '-2h' }, 422],
  ])('%j is answered %i', async (query, expected) => {
    expect((await get('runtime/gc', query)).status).toBe(expected);
  });
});

describe('findings', () => {
  const codes = async () =>
    ((await get('runtime/findings', range)).body.findings as { code: string }[]).map(({ code }) => code);

  afterAll(() => app.http().put('/api/v1/thresholds').send({}));

  it('name what exceeds a threshold, with the numbers', async () => {
    const { status, body } = await get('runtime/findings', { ...range, instance: 'pod-1' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...range, instances: 1, note: null, thinned_to_seconds: null });
    expect(body.findings[0]).toMatchObject({
      code: 'gc-cpu',
      severity: 'warning',
      sentence: 'pod-1: the garbage collector takes 25 % of the CPU time since the process started, more than 15 %.',
      evidence: [{ series: 'gc_cpu_share', instance: 'pod-1', ...range, value: 0.25, unit: 'ratio' }],
      threshold: { name: 'gc_cpu_share', value: 0.15, unit: 'ratio' },
    });
  });

  it('follow the thresholds of the tenant, which an admin sets and a reader reads', async () => {
    expect(await codes()).not.toContain('memory-not-returned');
    const put = await app
      .http()
      .put('/api/v1/thresholds')
      .send({ idle_unreturned_bytes: 100 * MiB, gc_cpu_share: 0.5 });
    expect(put.status).toBe(200);
    expect(put.body.own).toEqual({ idle_unreturned_bytes: 100 * MiB, gc_cpu_share: 0.5 });
    const read = await app.http(app.keys.read).get('/api/v1/thresholds');
    expect(read.body.thresholds).toMatchObject({ idle_unreturned_bytes: 100 * MiB, gc_pause_p99_ms: 5 });
    expect(await codes()).toContain('memory-not-returned');
    expect(await codes()).not.toContain('gc-cpu');
    await app.http().put('/api/v1/thresholds').send({});
    expect(await codes()).toContain('gc-cpu');
  });

  it.each([
    { gc_cpu_share: 1.5 },
    { gc_cpu_share: '0.5' },
    { gc_cpu_share: null },
    { nonsense: 1 },
    { goroutine_state_count: -1 },
  ])('a threshold of %j is refused', async (own) => {
    expect((await app.http().put('/api/v1/thresholds').send(own)).status).toBe(422);
  });

  it('thresholds are not for a reader to set, nor for an uploader to read', async () => {
    expect((await app.http(app.keys.read).put('/api/v1/thresholds').send({})).status).toBe(403);
    expect((await app.http(app.keys.ingest).get('/api/v1/thresholds')).status).toBe(403);
  });
});

describe('the verdict', () => {
  it('a heap that grows by what lives in it is told from one that does not', async () => {
    // One document a minute, as an agent appends them to a file.
    const lines = Array.from({ length: 60 }, (_, m) => {
      const live = (100 + m) * MiB;
      const alloc = Math.round(live * (1 + ((m * 0.37) % 1)));
      return JSON.stringify({
        time: at(m).toISOString(),
        HeapAlloc: alloc,
        HeapInuse: 2 * live,
        HeapIdle: 10 * MiB,
        HeapReleased: 10 * MiB,
        Sys: 2 * live + 30 * MiB,
        TotalAlloc: m * MiB,
      });
    });
    await upload(app, Buffer.from(lines.join('\n')), { service: 'leaky', instance: 'pod-1' });
    const { status, body } = await get('verdict', { from: at(0).toISOString(), to: at(60).toISOString() }, 'leaky');
    expect(status).toBe(200);
    expect(body).toMatchObject({ verdict: 'live-heap', growth: { series: 'footprint', steady: true } });
    expect(body.growth.bytes_per_hour / MiB).toBeCloseTo(120, 0);
    expect(body.candidates[0].share).toBeGreaterThan(0.8);
    expect(body.instances).toMatchObject([{ instance: 'pod-1', series: 'footprint', steady: true }]);
  });

  it('of nothing is unknown, and says what to send', async () => {
    const { body } = await get('verdict', { from: '-1m' });
    expect(body).toMatchObject({ verdict: 'unknown', growth: null, candidates: [] });
    expect(body.missing).toHaveLength(5);
  });
});
