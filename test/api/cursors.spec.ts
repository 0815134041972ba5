import { startTestApp, type TestApp } from '../app.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';
import { heap, send, upload } from './uploads.js';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

const minute = 60_000;
const start = Date.now() - 24 * 60 * minute;

async function page(path: string, query: object, key = app.keys.read) {
  const { status, body } = await app.http(key).get(`/api/v1/${path}`).query(query);
  return { status, body: body as { rows: { id: string; name: string }[]; next: string | null; code?: string } };
}

/** All rows, page by page; `between` runs after each page. */
async function walk(path: string, query: object, between: (pages: number) => Promise<unknown> = async () => undefined) {
  const rows: { id: string; name: string }[] = [];
  let pages = 0;
  for (let cursor: string | null = ''; cursor !== null;) {
    const { status, body } = await page(path, { ...query, cursor });
    expect(status).toBe(200);
    rows.push(...body.rows);
    cursor = body.next;
    await between(++pages);
  }
  return { rows, pages };
}

describe('the list of snapshots', () => {
  test('has everything that was there on exactly one page, youngest first, while more arrive', async () => {
    const before: string[] = [];
    for (let i = 0; i < 20; i++) {
      // Two of each time: the time alone does not order them.
      const at = new Date(start + Math.floor(i / 2) * 10 * minute);
      before.push(await upload(app, heap(1000 + i, at), { service: 'crowded', instance: `pod-${i % 3}` }));
    }
    let arrived = 0;
    const { rows, pages } = await walk('snapshots', { service: 'crowded', limit: 3 }, async () => {
      for (const at of [start - 5 * minute, start + 45 * minute, start + 500 * minute]) {
        arrived++;
        await upload(app, heap(5000 + arrived, new Date(at + arrived)), { service: 'crowded' });
      }
    });
    expect(pages).toBeGreaterThan(6);
    const ids = rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => before.includes(id)).sort()).toEqual([...before].sort());
    const times = (rows as unknown as { captured_at: string }[]).map(({ captured_at }) => captured_at);
    expect(times).toEqual([...times].sort().reverse());
  });

  test.each([
    ['service', { service: 'filtered' }, ['a', 'b', 'c', 'd', 'e']],
    ['kind', { kind: 'heap', service: 'filtered' }, ['a', 'b', 'c', 'd']],
    ['another kind', { kind: 'cpu', service: 'filtered' }, []],
    ['kind alone', { kind: 'heap', from: '-2h', env: 'stage' }, ['b', 'd']],
    ['instance', { service: 'filtered', instance: 'one' }, ['a', 'b']],
    ['instance alone', { instance: 'two', env: 'stage' }, ['d']],
    ['build', { service: 'filtered', build: 'v2' }, ['b']],
    ['build alone', { build: 'v2' }, ['b']],
    ['env', { env: 'stage' }, ['b', 'd']],
    ['a label', { 'label.region': 'eu' }, ['a', 'c']],
    ['two labels', { 'label.region': 'eu', 'label.zone': '1' }, ['c']],
    ['a label that nothing has', { 'label.region': 'mars' }, []],
    ['from', { service: 'filtered', from: '-70m' }, ['c', 'd', 'e']],
    ['to', { service: 'filtered', to: '-70m' }, ['a', 'b']],
    ['state', { service: 'filtered', state: 'indexed' }, ['a', 'b', 'c', 'd']],
    ['state rejected', { service: 'filtered', state: 'rejected' }, ['e']],
    ['an unknown instance', { service: 'filtered', instance: 'none' }, []],
  ])('is narrowed by %s', async (_, query, expected) => {
    const ids = await filtered();
    const { rows } = await walk('snapshots', { ...query, limit: 2 });
    const names = rows.map(({ id }) => Object.keys(ids).find((name) => ids[name] === id) ?? id);
    expect(names.sort()).toEqual(expected);
  });

  let made: Promise<Record<string, string>> | undefined;

  function filtered(): Promise<Record<string, string>> {
    made ??= (async () => {
      const service = 'filtered';
      const ago = (minutes: number) => new Date(Date.now() - minutes * minute);
      return {
        a: await upload(app, heap(1, ago(100)), { service, instance: 'one', build: 'v1', 'label.region': 'eu' }),
        b: await upload(app, heap(2, ago(90)), { service, instance: 'one', build: 'v2', env: 'stage' }),
        c: await upload(app, heap(3, ago(50)), { service, instance: 'two', 'label.region': 'eu', 'label.zone': '1' }),
        d: await upload(app, heap(4, ago(40)), { service, instance: 'two', env: 'stage', 'label.region': 'us' }),
        e: await rejected(service),
      };
    })();
    return made;
  }

  async function rejected(service: string): Promise<string> {
    const id = await send(app, Buffer.from('nothing that anybody knows'), { service });
    await app.http().get(`/api/v1/snapshots/${id}?wait=30`);
    return id;
  }
});

test('services, builds and instances are on exactly one page each', async () => {
  for (let i = 0; i < 7; i++) {
    await upload(app, heap(10 + i, new Date(start)), { service: `many-${i}` });
    await upload(app, heap(10 + i, new Date(start)), { service: 'one', instance: `pod-${i}`, build: `v${i}` });
  }
  const services = (await walk('services', { limit: 2 })).rows.map(({ name }) => name);
  expect(services.filter((name) => name.startsWith('many-'))).toEqual([0, 1, 2, 3, 4, 5, 6].map((i) => `many-${i}`));
  expect(new Set(services).size).toBe(services.length);
  const seenAgain = async () => upload(app, heap(99, new Date()), { service: 'one', instance: 'pod-1', build: 'v1' });
  const instances = (await walk('services/one/instances', { limit: 2 }, seenAgain)).rows.map(({ name }) => name);
  expect(instances).toEqual([6, 5, 4, 3, 2, 1, 0].map((i) => `pod-${i}`));
  const builds = (await walk('services/one/builds', { limit: 3 }, seenAgain)).rows as unknown as { version: string }[];
  expect(builds.map(({ version }) => version)).toEqual([6, 5, 4, 3, 2, 1, 0].map((i) => `v${i}`));
});

describe('a cursor', () => {
  const lists = [
    'snapshots',
    'services',
    'services/cursors/instances',
    'services/cursors/top',
    'teams/default/services',
  ];

  beforeAll(async () => {
    await upload(app, heap(7, new Date()), { service: 'cursors', instance: 'a' });
    await upload(app, heap(8, new Date()), { service: 'cursors', instance: 'b', build: 'v1' });
  });

  const cursorOf = async (list: string, query: object = {}) => {
    const { body } = await page(list, { limit: 1, ...query });
    expect(body.next).not.toBeNull();
    return body.next!;
  };

  test.each(lists)('of %s leads on, with another limit too', async (list) => {
    const cursor = await cursorOf(list);
    expect((await page(list, { limit: 5, cursor })).status).toBe(200);
  });

  test.each(lists)('of %s is refused when it was changed', async (list) => {
    const cursor = await cursorOf(list);
    const forged = Buffer.from(cursor, 'base64url');
    forged[forged.length - 3] ^= 1;
    for (const bad of [
      forged.toString('base64url'),
      'x',
      `${cursor}A`,
      Buffer.from('{"offset":0}').toString('base64url'),
    ]) {
      expect(await page(list, { cursor: bad })).toMatchObject({ status: 400, body: { code: 'bad-cursor' } });
    }
  });

  test('is refused with other filters, on another list and in another tenant', async () => {
    const cursor = await cursorOf('snapshots');
    expect(await page('snapshots', { cursor, service: 'cursors' })).toMatchObject({ status: 400 });
    expect(await page('services', { cursor })).toMatchObject({ status: 400 });
    const instances = await cursorOf('services/cursors/instances');
    expect(await page('services/cursors/builds', { cursor: instances })).toMatchObject({ status: 400 });
    const top = await cursorOf('services/cursors/top');
    expect(await page('services/cursors/top', { cursor: top, sort: 'cum' })).toMatchObject({ status: 400 });

    const { tenantId } = await insertTenant(app.db, 'stranger');
    const stranger = await insertTestKey(app.db, tenantId, 'read');
    expect(await page('snapshots', { cursor }, stranger.text)).toMatchObject({
      status: 400,
      body: { code: 'bad-cursor' },
    });
  });
});
