import { startTestApp, type TestApp } from '../app.js';
import { describeWithPprof, exactFlags, parseTop, runPprof } from '../oracle/pprof.js';
import { fixture, heap, upload } from './uploads.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

const get = (query: object, path = 'diff') => app.http(app.keys.read).get(`/api/v1/${path}`).query(query);
const minute = 60_000;

interface DiffRow {
  function: string;
  change: string;
  base: FlatCum;
  target: FlatCum;
  delta: FlatCum;
  flat_share?: number;
}
interface FlatCum {
  flat: string;
  cum: string;
}

describeWithPprof('a diff of two snapshots', () => {
  const pairs = [
    ['go1.21/heap-rate512.pb.gz', 'go1.21/heap2-rate512.pb.gz'],
    ['go1.15/heap.pb.gz', 'go1.15/heap2.pb.gz'],
    ['go1.15/goroutine.pb.gz', 'go1.25/goroutine.pb.gz'],
  ] as const;

  test.each(pairs)('equals go tool pprof -diff_base %s %s', async (baseName, targetName) => {
    const base = await upload(app, fixture(baseName), { service: 'pairs', instance: 'base' });
    const target = await upload(app, fixture(targetName), { service: 'pairs', instance: 'target' });
    const { body: snapshot } = await app.http().get(`/api/v1/snapshots/${target}`);
    for (const { type, unit } of snapshot.sample_types as { type: string; unit: string }[]) {
      const printed = parseTop(
        runPprof(exactFlags(type, unit === 'bytes' ? 'B' : unit), [fixture(targetName)], {
          '-diff_base': fixture(baseName),
        }),
      );
      const { body } = await get({ base, target, sample_type: type, limit: 5000 });
      expect(body.total).toBe(String(printed.total));
      const changed = (body.rows as DiffRow[]).filter(({ delta }) => delta.flat !== '0' || delta.cum !== '0');
      expect(Object.fromEntries(changed.map((row) => [row.function, [row.delta.flat, row.delta.cum]]))).toEqual(
        Object.fromEntries(
          [...printed.rows].filter(([, v]) => v.flat || v.cum).map(([name, v]) => [name, [`${v.flat}`, `${v.cum}`]]),
        ),
      );
    }
  });
});

describe('a diff', () => {
  let base: string;
  let target: string;
  beforeAll(async () => {
    const now = Date.now();
    base = await upload(app, heap(100, new Date(now - 10 * minute), 'main.old'), { service: 'shop', build: 'v1' });
    target = await upload(app, heap(140, new Date(now - 5 * minute), 'main.fresh'), { service: 'shop', build: 'v2' });
  });

  test('says what is new, gone, grown and shrunk, in absolute numbers', async () => {
    const { body } = await get({ base, target, sort: 'cum' });
    expect(body).toMatchObject({
      sample_type: 'inuse_space',
      unit: 'bytes',
      base_total: '100',
      target_total: '140',
      total: '100',
    });
    const rows = Object.fromEntries((body.rows as DiffRow[]).map((row) => [row.function, row]));
    expect(rows['main.fresh']).toMatchObject({
      change: 'new',
      base: { flat: '0' },
      target: { flat: '140' },
      delta: { flat: '140' },
    });
    expect(rows['main.old']).toMatchObject({
      change: 'gone',
      target: { flat: '0' },
      delta: { flat: '-100', cum: '-100' },
    });
    expect(rows['main.main']).toMatchObject({ change: 'grown', delta: { flat: '0', cum: '40' } });
    expect((await get({ base: target, target: base, sort: 'cum' })).body.rows.map((r: DiffRow) => r.change)).toContain(
      'shrunk',
    );
    expect(rows['main.fresh'].flat_share).toBeUndefined();
  });

  test('gives shares on request', async () => {
    const { body } = await get({ base, target, share: 'true' });
    expect((body.rows as DiffRow[])[0]).toMatchObject({ function: 'main.fresh', flat_share: 1.4 });
  });

  test('of a snapshot with itself changes nothing', async () => {
    const { body } = await get({ base, target: base });
    expect((body.rows as DiffRow[]).every(({ change, delta }) => change === 'same' && delta.flat === '0')).toBe(true);
  });

  test('takes selections on either side, by time and by build', async () => {
    const byBuild = await get({ base_service: 'shop', base_build: 'v1', target_service: 'shop', target_build: 'v2' });
    expect(byBuild.body).toMatchObject({ base_total: '100', target_total: '140' });
    expect(byBuild.body.base).toMatchObject({ snapshot_id: null, service: 'shop', coverage: { snapshots: 1 } });
    const mixed = await get({ base, target_service: 'shop', target_build: 'v2', target_from: '-1h', target_to: 'now' });
    expect(mixed.body.rows).toEqual(byBuild.body.rows);
    expect(mixed.body.base).toMatchObject({ snapshot_id: base, coverage: null });
    expect(mixed.headers.etag).toBeUndefined();
  });

  test('is drawn as one flame graph with both sides on each box', async () => {
    const { body } = await get({ base, target }, 'diff/flamegraph');
    const box = (name: string) => body.name.findIndex((n: number) => body.names[n] === name);
    expect([body.base_cum[0], body.target_cum[0]]).toEqual(['100', '140']);
    expect([body.base_self[box('main.old')], body.target_self[box('main.old')]]).toEqual(['100', '0']);
    expect([body.base_self[box('main.fresh')], body.target_self[box('main.fresh')]]).toEqual(['0', '140']);
    expect(body.parent[box('main.fresh')]).toBe(box('main.main'));
  });

  test('keeps its totals whatever the patterns leave', async () => {
    const { body } = await get({ base, target, focus: 'fresh' });
    expect(body).toMatchObject({ base_total: '100', target_total: '140', total: '100', unmatched: [] });
    expect((body.rows as DiffRow[]).map((row) => row.function).sort()).toEqual(['main.fresh', 'main.main']);
  });

  test('of two snapshots never changes and has an ETag', async () => {
    for (const path of ['diff', 'diff/flamegraph']) {
      const first = await get({ base, target }, path);
      const again = await get({ base, target }, path).set('If-None-Match', first.headers.etag);
      expect(again.status).toBe(304);
    }
  });

  test.each([
    [{}, '?base'],
    [{ base: 'x' }, '?target'],
    [{ base: 'x', base_service: 'shop', target: 'y' }, '?base'],
    [{ base: 'x', base_from: '-1h', target: 'y' }, '?base'],
    [{ base_service: 'shop', base_from: 'now', target_service: 'shop' }, '?base_from'],
    [{ base_service: 'shop', target_service: 'shop', target_to: 'soon' }, '?target_to'],
  ])('with the sides %j is refused with 422', async (query, pointer) => {
    const { status, body } = await get(query);
    expect([status, body.errors?.[0]?.pointer]).toEqual([422, pointer]);
  });

  test('of profiles that have nothing in common is refused with 422', async () => {
    const goroutines = await upload(app, fixture('go1.25/goroutine.pb.gz'), { service: 'shop' });
    const { status, body } = await get({ base, target: goroutines });
    expect([status, body.code]).toEqual([422, 'validation-failed']);
  });
});
