import { readFileSync } from 'node:fs';
import type { SnapshotContentDto, SnapshotSeriesDto } from '../../src/query/numbers.dto.js';
import { startTestApp, type TestApp } from '../app.js';
import { fixture, upload } from './uploads.js';

let app: TestApp;
const bytes = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));

beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

const get = (route: string, query: object = {}) =>
  app.http(app.keys.read).get(`/api/v1/snapshots/${route}`).query(query);
const send = (name: string) => upload(app, bytes(name), { service: 'checkout', captured_at: new Date().toISOString() });

describe('the series of a snapshot', () => {
  test('are every field of MemStats, exact', async () => {
    const id = await send('json/go1.26/memstats.json');
    const { sources } = (await get(`${id}/series`)).body as SnapshotSeriesDto;
    expect(sources.map(({ source, moments, at }) => [source, moments, at.length])).toEqual([['memstats', 1, 1]]);
    const written = /"LastGC":\s*(\d+)/.exec(bytes('json/go1.26/memstats.json').toString())![1];
    expect(sources[0].series).toContainEqual({
      name: 'LastGC',
      unit: 'unix-nanoseconds',
      type: 'gauge',
      values: [written],
    });
  });

  test('are a moment for each GC cycle, in pages, or one column of them', async () => {
    const id = await send('logs/go1.26/gctrace-leak.log');
    const all = (await get(`${id}/series`)).body as SnapshotSeriesDto;
    const [{ moments, at }] = all.sources;
    expect(at).toHaveLength(moments);
    expect([...at].sort()).toEqual(at);
    const page = (await get(`${id}/series`, { name: 'lastNumber', offset: 1, limit: 2 })).body as SnapshotSeriesDto;
    expect(page.sources[0].at).toEqual(at.slice(1, 3));
    const numbers = all.sources[0].series.find(({ name }) => name === 'lastNumber')!.values;
    expect(page.sources[0].series).toEqual([expect.objectContaining({ values: numbers.slice(1, 3) })]);
  });

  test('are none of a profile that is all stacks', async () => {
    const id = await upload(app, fixture('go1.26/heap.pb.gz'), { service: 'checkout' });
    expect((await get(`${id}/series`)).body).toMatchObject({ kind: 'heap', sources: [] });
    expect((await get(`${id}/content`)).body).toMatchObject({ kind: 'heap', content: null });
  });
});

test('the content of a scheddetail log are its tables of P, M and G', async () => {
  const id = await send('logs/go1.26/scheddetail.log');
  const { kind, content } = (await get(`${id}/content`)).body as SnapshotContentDto & {
    content: { detail: { blocks: number; kept: { goroutines: { rows: number; id: number[] } }[] } };
  };
  expect(kind).toBe('schedtrace');
  expect(content.detail.blocks).toBe(5);
  for (const { goroutines } of content.detail.kept) expect(goroutines.id).toHaveLength(goroutines.rows);
});

test('an answer that the client has already is not sent again', async () => {
  const id = await send('json/go1.15/expvar.json');
  for (const route of ['series', 'content']) {
    const { headers } = await get(`${id}/${route}`);
    expect((await get(`${id}/${route}`).set('If-None-Match', headers.etag)).status).toBe(304);
  }
});
