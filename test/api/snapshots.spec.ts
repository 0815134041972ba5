import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { canonicalFunction } from '../../src/formats/go-names.js';
import { startTestApp, type TestApp } from '../app.js';
import { fixture, heap, send, upload } from './uploads.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

const get = (path: string, query: object = {}) => app.http(app.keys.read).get(`/api/v1/${path}`).query(query);

interface Summary {
  SampleTypes: string[];
  Totals: number[];
  AbsTotals: number[];
  TopByCum: { Name: string; Flat: number[]; Cum: number[] }[];
}

describe('top of a snapshot', () => {
  test.each([
    'go1.15/heap.pb.gz',
    'go1.15/block.pb.gz',
    'go1.19/cpu.pb.gz',
    'go1.25/goroutine.pb.gz',
    'go1.21/heap-rate512.pb.gz',
    'real/go1.26-test-encoding-json.mutex.pb.gz',
    'synthetic/recursive.pb.gz',
    'synthetic/inlined.pb.gz',
    'synthetic/negative.pb.gz',
  ])('holds what google/pprof reads in %s, for every sample type, flat and cum', async (name) => {
    const summary = JSON.parse(fixture(`${name}.summary.json`).toString('utf8')) as Summary;
    const id = await upload(app, fixture(name), {
      service: 'golden',
      kind: name.startsWith('synthetic') ? 'custom' : undefined,
    });
    const { body: snapshot } = await get(`snapshots/${id}`);
    const types = snapshot.sample_types as { type: string; unit: string; total: string }[];
    expect(types.map(({ type, unit }) => `${type}/${unit}`)).toEqual(summary.SampleTypes);
    expect(types.map(({ total }) => total)).toEqual(summary.Totals.map(String));

    for (const [index, { type, unit }] of types.entries()) {
      const { status, body } = await get(`snapshots/${id}/top`, { sample_type: type, sort: 'cum', limit: 5000 });
      expect(status).toBe(200);
      expect(body).toMatchObject({ sample_type: type, unit, total: String(summary.AbsTotals[index]) });
      const rows = new Map((body.rows as { function: string }[]).map((row) => [row.function, row]));
      for (const { Name, Flat, Cum } of summary.TopByCum) {
        // Shapes of one generic function are one row here and several there.
        if (Name.includes('[') || (Flat[index] === 0 && Cum[index] === 0)) continue;
        expect(rows.get(canonicalFunction(Name))).toMatchObject({ flat: String(Flat[index]), cum: String(Cum[index]) });
      }
    }
  });

  test('keeps 64 bits exact', async () => {
    const most = 2n ** 63n - 1n;
    const id = await upload(app, heap(most / 4n, new Date()), { service: 'wide' });
    const { body } = await get(`snapshots/${id}/top`);
    expect(body.rows[0]).toMatchObject({ function: 'main.leak', flat: String(most / 4n) });
    expect(body.total).toBe(String(most / 4n));
  });

  test('gives every row on exactly one page, and the whole in the order of one page', async () => {
    const id = await upload(app, fixture('go1.21/heap-rate512.pb.gz'), { service: 'paged' });
    const whole = (await get(`snapshots/${id}/top`, { limit: 5000 })).body;
    expect(whole.next).toBeNull();
    const rows: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await get(`snapshots/${id}/top`, { limit: 7, cursor });
      rows.push(...(body.rows as unknown[]));
      cursor = body.next as string | null;
    }
    expect(rows).toEqual(whole.rows);
    expect(whole.row_count).toBe(rows.length);
  });

  test.each([
    ['function', { function: 'main.leak', file: 'leak.go', line: null, package: 'main' }],
    ['line', { function: 'main.leak', file: 'leak.go', line: 20, package: 'main' }],
    ['file', { function: null, file: 'leak.go', line: null, package: null }],
    ['package', { function: null, file: null, line: null, package: 'main' }],
  ])('by %s says what a row is', async (by, site) => {
    const id = await upload(app, heap(4096, new Date()), { service: 'sites' });
    const { body } = await get(`snapshots/${id}/top`, { by });
    expect(body.by).toBe(by);
    expect(body.rows[0]).toMatchObject({ ...site, flat: '4096', flat_share: 1 });
  });

  test('shares are of everything, whatever the patterns leave, and a pattern that matches nothing is named', async () => {
    const id = await upload(app, fixture('go1.25/goroutine.pb.gz'), { service: 'patterns' });
    const all = (await get(`snapshots/${id}/top`)).body;
    const focused = (await get(`snapshots/${id}/top`, { focus: 'leakRecv', ignore: 'no such thing' })).body;
    expect(focused.total).toBe(all.total);
    expect(focused.unmatched).toEqual(['ignore']);
    expect(focused.row_count).toBeLessThan(all.row_count);
    const shown = (await get(`snapshots/${id}/top`, { show: 'leakRecv' })).body;
    expect(shown.rows).toMatchObject([{ function: 'main.leakRecv', flat: '11', cum: '11' }]);
    expect(shown.rows[0].flat_share).toBeCloseTo(11 / Number(all.total));
  });
});

test('flame graph and folded stacks hold the same sums as top', async () => {
  const id = await upload(app, fixture('go1.15/heap.pb.gz'), { service: 'shapes' });
  const top = (await get(`snapshots/${id}/top`, { sample_type: 'alloc_space', limit: 5000 })).body;
  const flame = (await get(`snapshots/${id}/flamegraph`, { sample_type: 'alloc_space' })).body;
  const { text: folded, headers } = await get(`snapshots/${id}/folded`, { sample_type: 'alloc_space' });
  expect(headers).toMatchObject({ 'x-sample-type': 'alloc_space', 'x-unit': 'bytes' });

  expect(flame).toMatchObject({ sample_type: 'alloc_space', unit: 'bytes', total: top.total });
  expect(flame.cum[0]).toBe(top.total);
  const flat = new Map<string, bigint>();
  for (let box = 1; box < flame.name.length; box++) {
    const name = flame.names[flame.name[box]] as string;
    flat.set(name, (flat.get(name) ?? 0n) + BigInt(flame.self[box]));
  }
  for (const row of top.rows) expect(flat.get(row.function)).toBe(BigInt(row.flat));
  const sum = folded
    .trimEnd()
    .split('\n')
    .reduce((total, line) => total + BigInt(line.slice(line.lastIndexOf(' ') + 1)), 0n);
  expect(String(sum)).toBe(top.total);

  const small = (await get(`snapshots/${id}/flamegraph`, { sample_type: 'alloc_space', max_nodes: 5 })).body;
  expect(small.name.length).toBeLessThanOrEqual(5);
  expect(small.folded_nodes).toBeGreaterThan(0);
  expect(small.cum[0]).toBe(top.total);
});

describe('the bytes', () => {
  const zipped = fixture('go1.25/heap.pb.gz');
  const raw = gunzipSync(zipped);

  test('come back as they were received', async () => {
    const id = await upload(app, raw, { service: 'bytes', instance: 'raw' });
    const response = await fetchBytes(`snapshots/${id}/raw`);
    expect(response.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(raw.length),
      'x-content-type-options': 'nosniff',
      'content-disposition': expect.stringMatching(/^attachment; /),
    });
    expect(sha256(response.body)).toBe(sha256(raw));
  });

  test('come back with the Content-Encoding they came with', async () => {
    const sent = await app
      .http(app.keys.ci)
      .post('/api/v1/snapshots?service=bytes&instance=encoded')
      .set('Content-Encoding', 'gzip')
      .send(gzipSync(raw));
    expect(sent.status).toBe(202);
    await get(`snapshots/${sent.body.id}`, { wait: 30 });
    const response = await fetchBytes(`snapshots/${sent.body.id}/raw`);
    expect(response.headers['content-encoding']).toBe('gzip');
    // fetch has taken the encoding off.
    expect(sha256(response.body)).toBe(sha256(raw));
  });

  test.each([
    ['a raw profile', raw, undefined],
    ['a gzipped profile', zipped, undefined],
    ['a raw profile in an encoded body', gzipSync(raw), 'gzip'],
    ['a gzipped profile in an encoded body', gzipSync(zipped), 'gzip'],
  ])('of %s can be had as a profile with one layer of gzip', async (what, body, encoding) => {
    const request = app.http(app.keys.ci).post('/api/v1/snapshots').query({ service: 'bytes', instance: what });
    if (encoding !== undefined) request.set('Content-Encoding', encoding);
    const sent = await request.send(body);
    await get(`snapshots/${sent.body.id}`, { wait: 30 });
    const response = await fetchBytes(`snapshots/${sent.body.id}/profile.pb.gz`);
    expect(response.status).toBe(200);
    expect(response.headers['content-encoding']).toBeUndefined();
    expect(sha256(gunzipSync(response.body))).toBe(sha256(raw));
  });
});

describe('a snapshot', () => {
  test('is described with all that was said and found', async () => {
    const id = await upload(app, fixture('go1.25/heap.pb.gz'), {
      service: 'described',
      instance: 'pod-1',
      build: 'v1.2.3',
      git_sha: 'abc',
      ci_build: '77',
      env: 'prod',
      capture_ms: 12,
      'label.region': 'eu',
    });
    const { body } = await get(`snapshots/${id}`);
    expect(body).toMatchObject({
      id,
      upload_id: id,
      part: 0,
      parts: [{ id, part: 0, kind: 'heap' }],
      service: 'described',
      team: 'default',
      instance: 'pod-1',
      kind: 'heap',
      state: 'indexed',
      captured_from: 'artefact',
      capture_ms: 12,
      build: { version: 'v1.2.3', git_sha: 'abc', ci_build: '77' },
      env: 'prod',
      labels: { region: 'eu' },
      delta: false,
      duration_nanos: '0',
      sha256: sha256(fixture('go1.25/heap.pb.gz')),
      size_bytes: String(fixture('go1.25/heap.pb.gz').length),
      problem: null,
      links: { self: `/api/v1/snapshots/${id}`, raw: `/api/v1/snapshots/${id}/raw` },
    });
    for (const link of Object.values(body.links as Record<string, string>)) {
      expect((await app.http(app.keys.read).get(link)).status).toBe(200);
    }
  });

  test('that was rejected says why, and its content answers so', async () => {
    const id = await send(app, Buffer.from('<!doctype html><title>404</title>'), { service: 'refused' });
    const { body } = await get(`snapshots/${id}`, { wait: 30 });
    expect(body.state).toBe('rejected');
    for (const part of ['top', 'flamegraph', 'folded']) {
      const answer = await get(`snapshots/${id}/${part}`);
      expect(answer.status).toBe(422);
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(answer.body).toMatchObject({ detail: body.problem.detail, code: body.problem.code });
    }
    const forPprof = await get(`snapshots/${id}/profile.pb.gz`);
    expect(forPprof.status).toBe(422);
    expect(forPprof.headers).toMatchObject({ 'x-go-pprof': '1', 'content-type': 'text/plain; charset=utf-8' });
    expect(forPprof.text).toContain(body.problem.detail);
    expect((await get(`snapshots/${id}/raw`)).status).toBe(200);
  });

  test('may be asked for by the key that sends', async () => {
    const id = await upload(app, heap(1, new Date()), { service: 'agents' }, app.keys.ingest);
    const { status } = await app.http(app.keys.ingest).get(`/api/v1/snapshots/${id}/top`);
    expect(status).toBe(403);
  });
});

describe('answers about an indexed snapshot', () => {
  test.each(['top', 'top?by=line&limit=3', 'flamegraph', 'folded', 'raw', 'profile.pb.gz'])(
    '%s: have a strong ETag, and nothing is sent to who has them',
    async (part) => {
      const id = await upload(app, fixture('go1.15/heap.pb.gz'), {
        service: 'tagged',
        instance: part.replace(/\W/g, '-'),
      });
      const first = await get(`snapshots/${id}/${part}`);
      const etag = first.headers.etag;
      expect(etag).toMatch(/^"[\w-]{27}"$/);
      expect(first.headers).toMatchObject({ 'cache-control': 'private, no-cache', vary: 'Authorization' });
      const again = await get(`snapshots/${id}/${part}`).set('If-None-Match', etag);
      expect(again.status).toBe(304);
      expect(again.text).toBe('');
      const other = await get(`snapshots/${id}/${part}`).set('If-None-Match', '"another"');
      expect(other.status).toBe(200);
      const unauthorised = await app.http(null).get(`/api/v1/snapshots/${id}/${part}`).set('If-None-Match', etag);
      expect(unauthorised.status).toBe(401);
    },
  );

  test('have another ETag for another question', async () => {
    const id = await upload(app, fixture('go1.15/heap.pb.gz'), { service: 'tagged', instance: 'questions' });
    const paths = [
      'top',
      'top?by=file',
      'top?limit=1',
      'top?focus=x',
      'flamegraph',
      'flamegraph?focus=x',
      'folded',
      'raw',
    ];
    const tags = await Promise.all(paths.map(async (path) => (await get(`snapshots/${id}/${path}`)).headers.etag));
    expect(new Set(tags).size).toBe(paths.length);
  });
});

describe('waiting', () => {
  let idle: TestApp;
  beforeAll(async () => {
    idle = await startTestApp({ worker: false });
  });
  afterAll(() => idle?.close());

  test('ends with the time that was given, and the content is not there yet', async () => {
    const id = await send(idle, heap(1, new Date()), { service: 'waiting' });
    const { status, body } = await idle.http().get(`/api/v1/snapshots/${id}?wait=1`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'stored', finished_at: null });
    for (const part of ['top', 'flamegraph', 'folded', 'profile.pb.gz']) {
      const answer = await idle.http().get(`/api/v1/snapshots/${id}/${part}`);
      expect(answer.status).toBe(409);
      expect(answer.headers['retry-after']).toBe('1');
    }
    expect((await idle.http().get(`/api/v1/snapshots/${id}/raw`)).status).toBe(200);
    expect((await idle.http().get(`/api/v1/diff?base=${id}&target=${id}`)).status).toBe(409);
  });

  test('ends as soon as the upload is off the work list', async () => {
    const id = await send(idle, heap(2, new Date()), { service: 'waiting' });
    const waiting = idle.http().get(`/api/v1/snapshots/${id}?wait=60`).then();
    await idle.db.withTenant(idle.tenantId, async (tx) => {
      await tx.query(
        "update upload set state = 'rejected', finished_at = now() where tenant_id = $1 and upload_id = $2",
        [idle.tenantId, id],
      );
      await tx.query('delete from work where tenant_id = $1 and upload_id = $2', [idle.tenantId, id]);
    });
    expect((await waiting).body.state).toBe('rejected');
  });

  test('does not keep the process from closing', async () => {
    const other = await startTestApp({ worker: false, env: { TIDEMARK_DRAIN_SECONDS: '0' } });
    const id = await send(other, heap(3, new Date()), { service: 'waiting' });
    const waiting = other
      .http()
      .get(`/api/v1/snapshots/${id}?wait=60`)
      .then(
        ({ status }) => status,
        () => 'broken off',
      );
    await other.close();
    expect([200, 503, 'broken off']).toContain(await waiting);
  });
});

async function fetchBytes(path: string) {
  const response = await fetch(`${app.url}/api/v1/${path}`, { headers: { authorization: `Bearer ${app.keys.read}` } });
  const body = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: Object.fromEntries(response.headers), body };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
