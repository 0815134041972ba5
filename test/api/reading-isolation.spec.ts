import { randomUUID } from 'node:crypto';
import { startTestApp, type TestApp } from '../app.js';
import { traceBytes } from '../formats/trace-fixtures.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';
import { fixture, heap, send, upload } from './uploads.js';

let app: TestApp;
/** Ids and names that the routes below are filled with, by who owns them. */
let own: Things;
let foreign: Things;
let otherTeam: Things;
const random: Things = {
  id: randomUUID(),
  trace: randomUUID(),
  capture: randomUUID(),
  service: 'no-such-service',
  team: 'no-such-team',
};
let teamKey: string;

interface Things {
  id: string;
  trace: string;
  capture: string;
  service: string;
  team: string;
}

beforeAll(async () => {
  app = await startTestApp();
  for (const name of ['payments', 'search']) await app.http().post('/api/v1/teams').send({ name });
  const key = async (role: string, team?: string) =>
    (
      await app
        .http()
        .post('/api/v1/keys')
        .send({ name: `${role}-${team}`, role, team })
    ).body.key as string;
  const profile = fixture('go1.25/heap.pb.gz');
  const things = async (service: string, team: string, sender?: string): Promise<Things> => ({
    id: await upload(app, profile, { service, team }, sender),
    trace: await upload(app, traceBytes('go1.26-coroutines.trace'), { service, team }, sender),
    capture: await capture(profile, service, sender),
    service,
    team,
  });
  own = await things('pay', 'payments');
  otherTeam = await things('find', 'search');
  teamKey = await key('read', 'payments');

  const { tenantId } = await insertTenant(app.db, 'stranger', ['default', 'strangers']);
  const strangerKey = (await insertTestKey(app.db, tenantId, 'admin')).text;
  foreign = await things('foreign-service', 'strangers', strangerKey);
});
afterAll(() => app?.close());

/** Sends a profile as a capture of one file, without waiting for it to be indexed. */
async function capture(profile: Buffer, service: string, key = app.keys.ci): Promise<string> {
  const sent = await app.http(key).post('/api/v1/captures').query({ service }).attach('heap', profile, 'heap.pb.gz');
  if (sent.status !== 202) throw new Error(`the capture was answered ${sent.status}: ${sent.text}`);
  return (sent.body as { id: string }).id;
}

type Fill = (things: Things) => string;

/** Every route that reads, with what it is about. */
const routes: [name: string, fill: Fill][] = [
  ['snapshots/{id}', ({ id }) => `snapshots/${id}`],
  ['snapshots/{id}?wait', ({ id }) => `snapshots/${id}?wait=1`],
  ['snapshots/{id}/raw', ({ id }) => `snapshots/${id}/raw`],
  ['snapshots/{id}/profile.pb.gz', ({ id }) => `snapshots/${id}/profile.pb.gz`],
  ['snapshots/{id}/top', ({ id }) => `snapshots/${id}/top`],
  ['snapshots/{id}/flamegraph', ({ id }) => `snapshots/${id}/flamegraph`],
  ['snapshots/{id}/folded', ({ id }) => `snapshots/${id}/folded`],
  ['snapshots/{id}/series', ({ id }) => `snapshots/${id}/series`],
  ['snapshots/{id}/content', ({ id }) => `snapshots/${id}/content`],
  ['snapshots/{id}/trace', ({ trace }) => `snapshots/${trace}/trace`],
  ['snapshots/{id}/trace?goroutine', ({ trace }) => `snapshots/${trace}/trace?goroutine=1`],
  ['snapshots/{id}/trace/events', ({ trace }) => `snapshots/${trace}/trace/events`],
  ['captures/{id}', ({ capture }) => `captures/${capture}`],
  ['captures/{id}?wait', ({ capture }) => `captures/${capture}?wait=1`],
  ['captures?service', ({ service }) => `captures?service=${service}`],
  ['snapshots?service', ({ service }) => `snapshots?service=${service}`],
  ['services/{service}', ({ service }) => `services/${service}`],
  ['services/{service}/builds', ({ service }) => `services/${service}/builds`],
  ['services/{service}/instances', ({ service }) => `services/${service}/instances`],
  ['services/{service}/runtime', ({ service }) => `services/${service}/runtime`],
  ['services/{service}/runtime/gc', ({ service }) => `services/${service}/runtime/gc`],
  ['services/{service}/runtime/findings', ({ service }) => `services/${service}/runtime/findings`],
  ['services/{service}/verdict', ({ service }) => `services/${service}/verdict`],
  ['services/{service}/goroutines', ({ service }) => `services/${service}/goroutines`],
  ['services/{service}/top', ({ service }) => `services/${service}/top?from=2026-11-01`],
  ['services/{service}/flamegraph', ({ service }) => `services/${service}/flamegraph?from=2026-11-01`],
  ['services/{service}/profile.pb.gz', ({ service }) => `services/${service}/profile.pb.gz?from=2026-11-01`],
  ['services/{service}/trends', ({ service }) => `services/${service}/trends`],
  ['services/{service}/suspects', ({ service }) => `services/${service}/suspects`],
  ['suspects?service', ({ service }) => `suspects?service=${service}`],
  ['teams/{team}/suspects', ({ team }) => `teams/${team}/suspects`],
  ['teams/{team}/services', ({ team }) => `teams/${team}/services`],
  ['teams/{team}/trends', ({ team }) => `teams/${team}/trends`],
  ['diff base', ({ id }) => `diff?base=${id}&target=${own.id}`],
  ['diff target', ({ id }) => `diff?base=${own.id}&target=${id}`],
  ['diff base_service', ({ service }) => `diff?base_service=${service}&base_from=2026-11-01&target=${own.id}`],
  ['diff target_service', ({ service }) => `diff?base=${own.id}&target_service=${service}&target_from=2026-11-01`],
  ['diff/flamegraph base', ({ id }) => `diff/flamegraph?base=${id}&target=${own.id}`],
  [
    'diff/flamegraph target_service',
    ({ service }) => `diff/flamegraph?base=${own.id}&target_service=${service}&target_from=2026-11-01`,
  ],
];

const ask = async (path: string, key: string | null) => app.http(key).get(`/api/v1/${path}`);

/** The whole answer but for what is of the request itself and what the asker has named. */
async function answer(fill: Fill, things: Things, key: string) {
  const { status, headers, text } = await ask(fill(things), key);
  const {
    date: _date,
    'x-request-id': requestId,
    'content-length': _length,
    ...rest
  } = headers as Record<string, string>;
  const body = [requestId, things.id, things.trace, things.capture, things.service, things.team].reduce(
    (all, name) => all.replaceAll(name, '…'),
    text ?? '',
  );
  return { status, headers: rest, body };
}

describe.each(routes)('GET %s', (_, fill) => {
  test('answers 200 to a key that may read, also to one of the team', async () => {
    for (const key of [app.keys.read, app.keys.ci, app.keys.admin, teamKey]) {
      expect((await ask(fill(own), key)).status).toBe(200);
    }
  });

  test("answers for another tenant's exactly as for what does not exist: 404", async () => {
    const stranger = await answer(fill, foreign, app.keys.read);
    expect(stranger.status).toBe(404);
    expect(stranger).toEqual(await answer(fill, random, app.keys.read));
  });

  test("answers for another team's exactly as for what does not exist: 404", async () => {
    const stranger = await answer(fill, otherTeam, teamKey);
    expect(stranger.status).toBe(404);
    expect(stranger).toEqual(await answer(fill, random, teamKey));
  });

  test('answers 401 without a key, and 403 to a key that only sends', async () => {
    expect((await ask(fill(own), null)).status).toBe(401);
    const isItsOwn =
      /^(snapshots|captures)\/[^/]*$/.test(fill(own).replace(/\?wait.*/, '')) && !fill(own).includes('service');
    expect((await ask(fill(own), app.keys.ingest)).status).toBe(isItsOwn ? 200 : 403);
  });

  test('answers 400 to a parameter given twice and 422 to one that it does not have', async () => {
    const more = fill(own).includes('?') ? '&' : '?';
    const twice = await ask(`${fill(own)}${more}x=1&x=2`, app.keys.read);
    expect(twice.status).toBe(400);
    if (/snapshots\/[^/]*\/(raw|profile|content)|services\/[^/]*$/.test(fill(own).replace(/\?.*/, ''))) return;
    expect((await ask(`${fill(own)}${more}nonsense=1`, app.keys.read)).status).toBe(422);
  });
});

test('lists show the caller what is its own and nothing else', async () => {
  const services = async (key: string) =>
    ((await ask('services?limit=5000', key)).body.rows as { name: string }[]).map(({ name }) => name);
  expect(await services(app.keys.read)).toEqual(['find', 'pay']);
  expect(await services(teamKey)).toEqual(['pay']);
  const snapshots = async (query: string, key: string) =>
    ((await ask(`snapshots?limit=5000${query}`, key)).body.rows as { id: string }[]).map(({ id }) => id).sort();
  expect(await snapshots('', app.keys.read)).toEqual([own, otherTeam].flatMap(({ id, trace }) => [id, trace]).sort());
  for (const query of ['', '&instance=default', '&state=indexed']) {
    expect(await snapshots(query, teamKey)).toEqual([own.id, own.trace].sort());
  }
  expect(await snapshots('&kind=heap', teamKey)).toEqual([own.id]);
  const captures = async (key: string) =>
    ((await ask('captures', key)).body.rows as { id: string }[]).map(({ id }) => id).sort();
  expect(await captures(app.keys.read)).toEqual([own.capture, otherTeam.capture].sort());
  expect(await captures(teamKey)).toEqual([own.capture]);
  expect((await ask('teams/payments/services', app.keys.read)).body.rows).toMatchObject([{ name: 'pay' }]);
});

test('an ETag of another tenant or key opens nothing', async () => {
  const path = `snapshots/${own.id}/top`;
  const { etag } = (await ask(path, app.keys.read)).headers as { etag: string };
  const { tenantId } = await insertTenant(app.db, 'third');
  const third = await insertTestKey(app.db, tenantId, 'read');
  const stolen = await app.http(third.text).get(`/api/v1/${path}`).set('If-None-Match', etag);
  expect(stolen.status).toBe(404);
  expect(stolen.headers.etag).toBeUndefined();
  const twin = await upload(
    app,
    fixture('go1.25/heap.pb.gz'),
    { service: 'pay' },
    (await insertTestKey(app.db, tenantId, 'admin')).text,
  );
  const { headers } = await app.http(third.text).get(`/api/v1/snapshots/${twin}/raw`);
  const { headers: ours } = await app.http(app.keys.read).get(`/api/v1/snapshots/${own.id}/raw`);
  expect(headers.etag).not.toBe(ours.etag);
});

test('a service that moves to another team is seen by that team from then on', async () => {
  const id = await send(app, heap(5, new Date()), { service: 'moving', team: 'search' });
  expect((await ask(`snapshots/${id}`, teamKey)).status).toBe(404);
  await app.http().put('/api/v1/services/moving/owner').send({ team: 'payments' });
  expect((await ask(`snapshots/${id}`, teamKey)).status).toBe(200);
});
