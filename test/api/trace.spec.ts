import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { connect } from '../../src/cli/connection.js';
import { printTrace, type TraceOptions } from '../../src/cli/trace.js';
import { decodePprof } from '../../src/formats/pprof/decode.js';
import type { TraceDto, TraceEventsDto } from '../../src/query/trace.dto.js';
import { startTestApp, type TestApp } from '../app.js';
import { event, noThread, TraceBuilder } from '../builders/trace-builder.js';
import { traceBytes } from '../formats/trace-fixtures.js';
import { fixture, send, upload } from './uploads.js';

let app: TestApp;
let id: string;
const busy = traceBytes('go1.26-cpusamples.trace');

beforeAll(async () => {
  app = await startTestApp();
  id = await upload(app, gzipSync(busy), { service: 'busy' });
});
afterAll(() => app?.close());

const get = (route: string, query: object = {}) => app.http(app.keys.read).get(`/api/v1/${route}`).query(query);
const trace = async (query: object = {}) => (await get(`snapshots/${id}/trace`, query)).body as TraceDto;
const events = async (query: object = {}) => (await get(`snapshots/${id}/trace/events`, query)).body as TraceEventsDto;

describe('an execution trace that was sent', () => {
  test('is a delta of its own length, with a CPU profile beside it', async () => {
    const { body } = await get(`snapshots/${id}`);
    expect(body).toMatchObject({ kind: 'exectrace', delta: true, duration_nanos: '1529126977' });
    expect(body.parts.map(({ kind }: { kind: string }) => kind)).toEqual(['exectrace', 'cpu']);
    expect(body.details.default_sample_type).toBe('sync');
    const cpu = await get(`snapshots/${body.parts[1].id}/top`);
    expect(cpu.body).toMatchObject({ sample_type: 'cpu', total: '180000000' });
  });

  test('is one snapshot when it is sent again, though it has no clock', async () => {
    const old = traceBytes('go1.22-mixed.trace');
    const first = await upload(app, old, { service: 'old' });
    expect(await send(app, old, { service: 'old' })).toBe(first);
    const { body } = await get(`snapshots/${first}`);
    expect(body).toMatchObject({ captured_from: 'receipt' });
    expect((await get(`snapshots/${first}/trace`)).body).toMatchObject({ version: '1.22', started_at_nanos: null });
  });

  test('that is damaged is kept as far as it goes, and says how far', async () => {
    const cut = await upload(app, busy.subarray(0, busy.length - 100), { service: 'cut' });
    const { body } = await get(`snapshots/${cut}`);
    expect(body.details.losses).toMatchObject([{ code: 'truncated' }]);
    expect(body.details.losses[0].detail).toMatch(/usable up to generation \d+ \(1 in all\)$/);
    const end = await get(`snapshots/${cut}/trace/events`, { before: '2m' });
    expect(end.body.fault).toMatch(/usable up to generation/);
  });

  test('of which nothing can be read is rejected', async () => {
    const sent = await send(app, busy.subarray(0, 5_000), { service: 'cut' });
    const { body } = await get(`snapshots/${sent}`, { wait: 30 });
    expect(body).toMatchObject({ state: 'rejected', problem: { code: 'truncated' } });
    expect((await get(`snapshots/${sent}/trace`)).body).toMatchObject({ status: 422, code: 'truncated' });
  });

  test('shows its delays as stacks of any kind', async () => {
    const { body: snapshot } = await get(`snapshots/${id}`);
    for (const { type, total } of snapshot.sample_types as { type: string; total: string }[]) {
      const top = await get(`snapshots/${id}/top`, { sample_type: type });
      expect(top.body).toMatchObject({ sample_type: type, unit: 'nanoseconds', total });
      const flame = await get(`snapshots/${id}/flamegraph`, { sample_type: type });
      expect(flame.status).toBe(200);
    }
    const { body } = await get(`snapshots/${id}/top`, { by: 'function', sort: 'cum' });
    expect(body.sample_type).toBe('sync');
    expect(body.rows.map((row: { function: string }) => row.function)).toContain('main.worker');
    const folded = await get(`snapshots/${id}/folded`, { sample_type: 'scheduler' });
    expect(folded.headers['x-unit']).toBe('nanoseconds');
    const profile = await get(`snapshots/${id}/profile.pb.gz`).responseType('blob');
    const decoded = decodePprof(gunzipSync(profile.body as Buffer));
    expect(decoded.sampleTypes.map(({ type }) => type)).toEqual(['sync', 'network', 'syscall', 'scheduler']);
  });

  test('has its heap among the series of its service', async () => {
    const rows = await app.db.readTenant(app.tenantId, (tx) =>
      tx.query<{ moments: number }[]>(`select moments from series_chunk where source = 'exectrace'`),
    );
    expect(rows.some(({ moments }) => moments > 1_000)).toBe(true);
  });
});

describe('the summary of a trace', () => {
  test('says what Go says of it', async () => {
    const answer = await trace();
    expect(answer).toMatchObject({
      version: '1.26',
      started_at_nanos: expect.stringMatching(/^1795447908685\d{6}$/),
      events: 33282,
      generations: 2,
      goroutine_count: 21,
      cpu_samples: 18,
    });
    const worst = answer.blocking.entries.find(({ reason }) => reason === 'chan send')!;
    expect(worst).toMatchObject({ goroutine_name: 'main.worker', caller: 'main.worker' });
    expect(worst.stack.some((frame) => frame.function === 'main.worker' && frame.line > 0)).toBe(true);
    expect(worst.wakers[0].stack.length).toBeGreaterThan(0);
    expect(answer.gc.heap.length).toBeGreaterThan(100);
  });

  test('gives any part of its lists', async () => {
    const all = await trace({ limit: 1000 });
    expect(all.list_lengths).toEqual({
      groups: all.groups.length,
      goroutines: all.goroutines.length,
      blocking: all.blocking.entries.length,
    });
    const joined = [await trace({ limit: 3 }), await trace({ limit: 1000, offset: 3 })];
    expect(joined.flatMap(({ goroutines }) => goroutines)).toEqual(all.goroutines);
    expect(joined.flatMap(({ groups }) => groups)).toEqual(all.groups);
    expect(joined.flatMap(({ blocking }) => blocking.entries)).toEqual(all.blocking.entries);
    expect(joined[0].blocking.total).toEqual(all.blocking.total);
  });

  test('gives one goroutine, listed or not', async () => {
    const [first] = (await trace({ limit: 1 })).goroutines;
    expect((await trace({ goroutine: first.id })).goroutines).toEqual([first]);
    const missing = await get(`snapshots/${id}/trace`, { goroutine: 987_654 });
    expect(missing.body).toMatchObject({ status: 404, code: 'not-found' });
  });

  test('gives a goroutine that is not among those that are kept, by reading the bytes again', async () => {
    const data = [...event(13, 1, 0, 1), ...event(25, 1, 1, noThread, 2)];
    for (let goroutine = 100; goroutine < 400; goroutine++) data.push(...event(14, 5, goroutine, 1, 0));
    const builder = new TraceBuilder().batch(1, 5, 10, data).sync(1).strings(1, { 1: 'main.late' });
    builder.stacks(1, { 1: [[1, 0, 7]] }).end();
    const many = await upload(app, gzipSync(builder.bytes()), { service: 'many' });
    const { body } = await get(`snapshots/${many}/trace`, { limit: 1000 });
    expect(body).toMatchObject({ goroutine_count: 301, list_lengths: { goroutines: 200 } });
    expect(body.goroutines.map((each: { id: string }) => each.id)).not.toContain('399');
    const one = await get(`snapshots/${many}/trace`, { goroutine: 399 });
    expect(one.body.goroutines).toMatchObject([{ id: '399', name: 'main.late' }]);
    expect((await get(`snapshots/${many}/trace/events`, { goroutine: 399 })).body.goroutine).toEqual(
      one.body.goroutines[0],
    );
    expect((await get(`snapshots/${many}/trace`, { goroutine: 400 })).status).toBe(404);
  });

  test('never changes, and has a tag of its own for every question', async () => {
    const { headers } = await get(`snapshots/${id}/trace`, { limit: 3 });
    const again = await get(`snapshots/${id}/trace`, { limit: 3 }).set('If-None-Match', headers.etag);
    expect(again.status).toBe(304);
    expect((await get(`snapshots/${id}/trace`, { limit: 4 })).headers.etag).not.toBe(headers.etag);
    const window = await get(`snapshots/${id}/trace/events`, { limit: 3 });
    expect(
      (await get(`snapshots/${id}/trace/events`, { limit: 3 }).set('If-None-Match', window.headers.etag)).status,
    ).toBe(304);
  });
});

describe('what happened in a trace', () => {
  test('before the longest block of a goroutine ends with that block', async () => {
    const { goroutine, events: list, to_nanos, from_nanos } = await events({ goroutine: 1, window: '5ms' });
    expect(goroutine).toMatchObject({ id: '1', name: 'main.main' });
    expect(to_nanos).toBe(goroutine!.longest_block!.at_nanos);
    expect(to_nanos - from_nanos).toBeLessThanOrEqual(5e6);
    expect(list.at(-1)).toMatchObject({ kind: 'goroutine', subject: '1', from: 'Running', to: 'Waiting' });
  });

  test('before a moment is the same by the start of the trace and by the time of day', async () => {
    const window = await events({ before: '100ms', window: '1ms' });
    expect(window).toMatchObject({ from_nanos: 99e6, to_nanos: 100e6, goroutine: null, fault: null, left_out: 0 });
    expect(window.events.length).toBeGreaterThan(0);
    for (const { at_nanos } of window.events) expect(at_nanos >= 99e6 && at_nanos <= 100e6).toBe(true);
    const at = BigInt((await trace()).started_at_nanos!) + 100_000_000n;
    const fraction = String(at % 1_000_000_000n).padStart(9, '0');
    const before = `${new Date(Number(at / 1_000_000n)).toISOString().slice(0, 19)}.${fraction}Z`;
    expect(await events({ before, window: '1ms' })).toEqual(window);
  });

  test('is as much as is asked for, the last of it', async () => {
    const all = await events({ before: '200ms', window: '20ms', limit: 10_000 });
    const few = await events({ before: '200ms', window: '20ms', limit: 7 });
    expect(few.events).toEqual(all.events.slice(-7));
    expect(few.left_out).toBe(all.events.length - 7);
  });

  test.each([
    ['a goroutine that is none', { goroutine: 'x' }, 422, 'validation-failed'],
    ['a window that is no duration', { window: 'soon' }, 422, 'validation-failed'],
    ['a moment that is none', { before: 'noon' }, 422, 'validation-failed'],
    ['too many events', { limit: 10_001 }, 422, 'validation-failed'],
    ['a goroutine that is not there', { goroutine: 987_654 }, 404, 'not-found'],
  ])('is refused for %s', async (_, query, status, code) => {
    expect((await get(`snapshots/${id}/trace/events`, query)).body).toMatchObject({ status, code });
  });

  test('by the time of day is refused where there is none', async () => {
    const old = await upload(app, traceBytes('go1.22-mixed.trace'), { service: 'old' });
    const { body } = await get(`snapshots/${old}/trace/events`, { before: '2026-01-01T00:00:00Z' });
    expect(body).toMatchObject({ status: 422, errors: [{ pointer: '?before', code: 'is-trace-moment' }] });
  });
});

test('what is no trace is refused by name, and what waits to be indexed with the time to come back', async () => {
  const heap = await upload(app, fixture('go1.25/heap.pb.gz'), { service: 'busy' });
  const { body } = await get(`snapshots/${id}`);
  for (const route of ['trace', 'trace/events']) {
    expect((await get(`snapshots/${heap}/${route}`)).body).toMatchObject({ status: 422, code: 'not-a-trace' });
    expect((await get(`snapshots/${body.parts[1].id}/${route}`)).body).toMatchObject({ code: 'not-a-trace' });
  }
});

test('bytes that are not those that were received are not read', async () => {
  const bytes = traceBytes('go1.26-coroutines.trace');
  const snapshot = await upload(app, bytes, { service: 'spoilt' });
  const { body } = await get(`snapshots/${snapshot}`);
  const file = await archived(body.sha256 as string);
  const spoilt = Buffer.from(await readFile(file));
  spoilt[spoilt.length >> 1] ^= 1;
  await writeFile(`${file}.new`, spoilt);
  await rename(`${file}.new`, file);
  expect((await get(`snapshots/${snapshot}/trace/events`)).body).toMatchObject({
    status: 502,
    code: 'archive-corrupt',
  });
  await mkdir(`${file}.away`);
  await rename(file, path.join(`${file}.away`, 'x'));
  expect((await get(`snapshots/${snapshot}/trace/events`)).body).toMatchObject({
    status: 502,
    code: 'archive-corrupt',
  });
  expect((await get(`snapshots/${snapshot}/trace`)).status).toBe(200);
});

test('tidemark trace ID says the same as the API, and shows windows of what is on the server', async () => {
  const run = async (options: TraceOptions): Promise<string> => {
    const printed: string[] = [];
    const out = { print: (text: string) => void printed.push(text), remark() {}, progress() {} };
    await printTrace(() => connect({ url: app.url, key: app.keys.read }, {}), id, options, out);
    return printed.join('\n');
  };
  expect(JSON.parse(await run({ json: true }))).toEqual({
    ...(await trace({ limit: 1000 })),
    window: null,
    fault: null,
  });
  expect(await run({ goroutine: '1', window: '5ms' })).toMatch(/^Goroutine 1 main\.main, from /);
});

/** Where the archive of the test keeps an object. */
async function archived(sha256: string): Promise<string> {
  const found = await readdir(app.config.dataDir, { recursive: true });
  return path.join(
    app.config.dataDir,
    found.find((name) => name.endsWith(sha256))!,
  );
}
