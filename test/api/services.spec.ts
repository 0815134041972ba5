import { startTestApp, type TestApp } from '../app.js';
import { fixture, heap, send, upload } from './uploads.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

const get = (path: string, query: object = {}) => app.http(app.keys.read).get(`/api/v1/${path}`).query(query);
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

describe('a service', () => {
  test('says what can be asked about it', async () => {
    await upload(app, fixture('go1.25/heap.pb.gz'), { service: 'shop/checkout', instance: 'pod-1', build: 'v1' });
    await upload(app, fixture('go1.25/goroutine.pb.gz'), { service: 'shop/checkout', instance: 'pod-1', build: 'v1' });
    await send(app, Buffer.from('not a profile'), { service: 'shop/checkout' });
    await app.settle();
    const { status, body } = await get(`services/${encodeURIComponent('shop/checkout')}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: 'shop/checkout', team: 'default' });
    expect(body.kinds).toMatchObject([
      { kind: 'goroutine', sample_types: [{ type: 'goroutine', unit: 'count' }] },
      {
        kind: 'heap',
        sample_types: [
          { type: 'alloc_objects', unit: 'count' },
          { type: 'alloc_space', unit: 'bytes' },
          { type: 'inuse_objects', unit: 'count' },
          { type: 'inuse_space', unit: 'bytes' },
        ],
      },
    ]);
    expect((await get(`services/${encodeURIComponent('shop/checkout')}/builds`)).body.rows).toMatchObject([
      { version: 'v1', git_sha: '', ci_build: '' },
    ]);
    const instances = (await get(`services/${encodeURIComponent('shop/checkout')}/instances`)).body.rows;
    expect(instances.map(({ name }: { name: string }) => name)).toEqual(['default', 'pod-1']);
  });

  test('that does not exist is not found', async () => {
    for (const part of ['', '/builds', '/instances', '/top', '/flamegraph', '/trends', '/profile.pb.gz']) {
      expect((await get(`services/nobody${part}`)).status).toBe(404);
    }
  });
});

describe('a merge', () => {
  test('of one snapshot reads that snapshot', async () => {
    const id = await upload(app, fixture('go1.25/heap.pb.gz'), { service: 'lone' });
    const from = '2026-11-01';
    const alone = (await get(`snapshots/${id}/top`, { limit: 5000 })).body;
    const merged = (await get('services/lone/top', { from, limit: 5000 })).body;
    expect(merged).toMatchObject({ rows: alone.rows, total: alone.total, unit: 'bytes' });
    expect(merged.source).toMatchObject({
      snapshot_id: null,
      service: 'lone',
      kind: 'heap',
      coverage: { snapshots: 1, instances: 1, note: expect.stringContaining('without an instance') },
    });
    const flame = (await get('services/lone/flamegraph', { from })).body;
    expect(flame.cum[0]).toBe(alone.total);
  });

  test('of three pods of 1 GiB that are replaced daily reads about 3 GiB, over an hour and over days', async () => {
    const gibibyte = 2 ** 30;
    const days = 3;
    const begin = Math.floor(Date.now() / hour) * hour - (days + 1) * day;
    const every = 30 * minute;
    const sending: Promise<string>[] = [];
    for (let step = 0; step < (days * day) / every; step++) {
      const at = begin + step * every;
      for (let pod = 0; pod < 3; pod++) {
        const instance = `pod-${Math.floor((at - begin) / day)}-${pod}`;
        sending.push(send(app, heap(gibibyte, new Date(at + pod * 1000)), { service: 'replaced', instance }));
        if (sending.length % 8 === 0) await Promise.all(sending);
      }
    }
    await Promise.all(sending);
    await app.settle();

    const range = (from: number, to: number) => ({
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
    });
    const sums = [];
    for (const asked of [
      range(begin + 6 * hour, begin + 7 * hour),
      range(begin + day + 3 * hour, begin + day + 4 * hour),
      range(begin, begin + days * day),
    ]) {
      const { body } = await get('services/replaced/top', asked);
      expect(body.rows[0].function).toBe('main.leak');
      sums.push(Number(body.total) / gibibyte);
      expect(body.source.coverage.note).toBeNull();
    }
    for (const sum of sums) {
      expect(sum).toBeGreaterThan(2.9);
      expect(sum).toBeLessThan(3.15);
    }
    const trend = (await get('services/replaced/trends', { ...range(begin, begin + days * day), step: '1d' })).body;
    for (const { value } of trend.series[0].points) expect(Number(value) / gibibyte).toBeCloseTo(3, 0);
  }, 120_000);

  test('is narrowed by instance, build, env and labels', async () => {
    const now = Date.now();
    const service = 'selected';
    await upload(app, heap(100, new Date(now - 4 * minute)), {
      service,
      instance: 'a',
      build: 'v1',
      'label.zone': '1',
    });
    await upload(app, heap(20, new Date(now - 3 * minute)), { service, instance: 'b', build: 'v2', env: 'stage' });
    const total = async (query: object) => (await get(`services/${service}/top`, query)).body.total as string;
    expect(await total({ instance: 'a' })).toBe('100');
    expect(await total({ build: 'v2' })).toBe('20');
    expect(await total({ env: 'stage' })).toBe('20');
    expect(await total({ 'label.zone': '1' })).toBe('100');
    expect((await get(`services/${service}/top`, { instance: 'c' })).status).toBe(404);
    expect((await get(`services/${service}/top`, { kind: 'cpu' })).status).toBe(404);
  });

  test('is refused with an empty range, a bad pattern or an unknown sample type, naming the parameter', async () => {
    await upload(app, heap(1, new Date()), { service: 'refusals' });
    const refusal = async (query: object) => {
      const { status, body } = await get('services/refusals/top', query);
      return [status, body.code, body.errors?.[0]?.pointer];
    };
    expect(await refusal({ from: 'now' })).toEqual([422, 'validation-failed', '?from']);
    expect(await refusal({ focus: '(' })).toEqual([422, 'bad-pattern', '?focus']);
    expect(await refusal({ ignore: '(?=lookahead)' })).toEqual([422, 'bad-pattern', '?ignore']);
    expect(await refusal({ hide: 'x'.repeat(257) })).toEqual([422, 'validation-failed', '?hide']);
    expect(await refusal({ sample_type: 'nonsense' })).toEqual([422, 'validation-failed', '?sample_type']);
    expect(await refusal({ limit: 5001 })).toEqual([422, 'validation-failed', '?limit']);
  });

  test('keeps its range from page to page, though it was given as relative to now', async () => {
    await upload(app, heap(1, new Date(Date.now() - minute)), { service: 'pinned' });
    const first = (await get('services/pinned/top', { from: '-1h', limit: 1 })).body;
    await upload(app, heap(1000, new Date()), { service: 'pinned', instance: 'later' });
    const second = (await get('services/pinned/top', { from: '-1h', limit: 1, cursor: first.next })).body;
    expect(second.source.coverage.to).toBe(first.source.coverage.to);
    expect(second.source.coverage.from).toBe(first.source.coverage.from);
    expect(second.rows).toHaveLength(1);
    expect(second.rows[0].function).not.toBe(first.rows[0].function);
  });
});
