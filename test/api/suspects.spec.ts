import { randomUUID } from 'node:crypto';
import type { TenantId } from '../../src/platform/database.js';
import { startTestApp, type TestApp } from '../app.js';
import { found, growing, hour, ranking } from '../leaks/found.js';
import { idOfService, recordOutcome, storedSuspects } from '../leaks/outcomes.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';
import { heap, send } from './uploads.js';

let app: TestApp;
let teamKey: string;
let strangerKey: string;
let strangerId: TenantId;
/** The evidence ends here, some days ago. */
const until = Math.floor(Date.now() / hour) * hour - 3 * 24 * hour;

beforeAll(async () => {
  // Rankings are written by the tests themselves, so that what they say is known.
  app = await startTestApp({ worker: false });
  for (const name of ['payments', 'search', 'core']) await app.http().post('/api/v1/teams').send({ name });
  teamKey = await keyOf('ci', 'payments');
  const { tenantId } = await insertTenant(app.db, 'stranger', ['default']);
  strangerId = tenantId;
  strangerKey = (await insertTestKey(app.db, tenantId, 'admin')).text;
});
afterAll(() => app?.close());

async function keyOf(role: string, team?: string): Promise<string> {
  const { body } = await app
    .http()
    .post('/api/v1/keys')
    .send({ name: `${role}-${team}`, role, team });
  return body.key as string;
}

let made = 0;

/** A service with these suspects; an upload makes it, and is what the evidence refers to. */
async function service(team: string, suspects: readonly Parameters<typeof found>[1][], key?: string) {
  const name = `service-${++made}`;
  const before = await send(app, heap(made, new Date(until - hour)), { service: name, team }, key);
  const after = await send(app, heap(made, new Date(until)), { service: name, team }, key);
  const tenantId = key === strangerKey ? strangerId : app.tenantId;
  const serviceId = await idOfService(app.db, tenantId, name);
  const all = suspects.map((more) => found(until, { instances: [growing(until, { before, after })], ...more }));
  const outcome = { tenantId, serviceId, ranking: ranking(until, all) };
  await recordOutcome(app.db, tenantId, serviceId, outcome.ranking);
  return { name, before, after, ...outcome };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- an answer over HTTP is unknown to the compiler
type Answer = { status: number; body: any; headers: Record<string, string> };

const get = async (path: string, key = app.keys.read): Promise<Answer> => app.http(key).get(`/api/v1/${path}`);
const patch = async (id: string, body: object, key = app.keys.ci): Promise<Answer> =>
  app.http(key).patch(`/api/v1/suspects/${id}`).send(body);
const idsOf = async (path: string, key?: string): Promise<string[]> =>
  ((await get(path, key)).body.rows as { id: string }[]).map(({ id }) => id);
const firstOf = async (name: string): Promise<string> => (await idsOf(`services/${name}/suspects`))[0];

describe('lists', () => {
  it('rank by tier, then by score, across services and kinds', async () => {
    const { name } = await service('core', [
      { function: 'a.low', tier: 'probable', score: 2 },
      { function: 'a.watch', tier: 'watch', score: 90 },
    ]);
    const other = await service('core', [
      { function: 'b.sure', tier: 'confirmed', score: 0.1 },
      { function: 'b.high', tier: 'probable', score: 7, kind: 'heap', state: null },
    ]);
    const { body } = await get('teams/core/suspects');
    expect((body.rows as { function: string }[]).map((row) => row.function)).toEqual([
      'b.sure',
      'b.high',
      'a.low',
      'a.watch',
    ]);
    expect(await idsOf(`teams/core/suspects?service=${name}`)).toHaveLength(2);
    const filtered = async (query: string) =>
      ((await get(`teams/core/suspects?${query}`)).body.rows as { function: string }[]).map((row) => row.function);
    expect(await filtered('tier=probable')).toEqual(['b.high', 'a.low']);
    expect(await filtered('kind=heap')).toEqual(['b.high']);
    expect(await filtered('function=B.S')).toEqual(['b.sure']);
    expect(await filtered('build=v9')).toEqual([]);
    expect(await filtered('since=-2d')).toEqual([]);
    expect(await filtered('since=-4d')).toHaveLength(4);
    expect(await filtered('state=resolved,ignored')).toEqual([]);
    const sure = await firstOf(other.name);
    await patch(sure, { state: 'ignored' });
    expect(await filtered('')).not.toContain('b.sure');
    expect(await filtered('state=ignored')).toEqual(['b.sure']);
    expect(await filtered('state=open,ignored')).toEqual(['b.high', 'a.low', 'a.watch', 'b.sure']);
    await patch(await firstOf(name), { assignee: 'Ada' });
    expect(await filtered('assignee=Ada')).toEqual(['a.low']);
  });

  it('come page by page as they come at once, also to a key with a team', async () => {
    const scores = [5, 1, 3, 3, 3, 2, 8];
    await service(
      'payments',
      scores.map((score, i) => ({ function: `p.f${i}`, score })),
    );
    await service(
      'payments',
      scores.map((score, i) => ({ function: `q.f${i}`, score })),
    );
    for (const [path, key] of [
      ['suspects', app.keys.read],
      ['suspects', teamKey],
      ['teams/payments/suspects', teamKey],
    ] as const) {
      const whole = await idsOf(`${path}?limit=5000`, key);
      const pages: string[] = [];
      let cursor = '';
      do {
        const { body } = await get(`${path}?limit=3&cursor=${cursor}`, key);
        pages.push(...(body.rows as { id: string }[]).map(({ id }) => id));
        cursor = (body.next as string | null) ?? '';
      } while (cursor !== '');
      expect(pages).toEqual(whole);
      expect(new Set(whole).size).toBe(whole.length);
    }
  });

  it('of a service say what they rest on, so that an empty one explains itself', async () => {
    await send(app, heap(1, new Date(until)), { service: 'silent' });
    expect((await get('services/silent/suspects')).body).toEqual({
      rows: [],
      next: null,
      ranking: {
        ranked_at: null,
        window: null,
        notes: [expect.stringMatching(/No snapshot/)],
        judged: null,
        pending: false,
        fault: null,
      },
    });
    const serviceId = await idOfService(app.db, app.tenantId, 'silent');
    const judged = { ...ranking(until, []), notes: ['Growth takes two snapshots of one process to see.'] };
    await recordOutcome(app.db, app.tenantId, serviceId, judged);
    expect((await get('services/silent/suspects')).body.ranking).toMatchObject({
      ranked_at: expect.any(String),
      window: { to: new Date(until).toISOString() },
      notes: judged.notes,
      judged: judged.judged,
      pending: false,
    });
  });

  it('put what the latest ranking does not see last, and keep it', async () => {
    const {
      name,
      ranking: first,
      serviceId,
    } = await service('search', [
      { function: 's.gone', tier: 'confirmed', score: 9 },
      { function: 's.stays', tier: 'watch', score: 1 },
    ]);
    await recordOutcome(app.db, app.tenantId, serviceId, ranking(until, [first.suspects[1]]));
    expect((await get(`services/${name}/suspects`)).body.rows).toMatchObject([
      { function: 's.stays', rank: 1 },
      { function: 's.gone', rank: null, state: 'open' },
    ]);
  });

  it('refuse a cursor of another list', async () => {
    const { body } = await get('suspects?limit=1');
    expect((await get(`teams/payments/suspects?limit=1&cursor=${body.next}`)).status).toBe(400);
    expect((await get(`suspects?limit=1&tier=watch&cursor=${body.next}`)).status).toBe(400);
  });
});

describe('a suspect', () => {
  it('is told with its reasons, its evidence with ready links, and its history', async () => {
    const { name, before, after, ranking: of } = await service('core', [{ function: 'd.leak', kind: 'heap' }]);
    const { body } = await get(`suspects/${await firstOf(name)}`);
    expect(body).toMatchObject({
      service: name,
      team: 'core',
      state: 'open',
      phase: 'new',
      rank: 1,
      suspect: of.suspects[0],
      evidence: [{ instance: 'pod-1', before: { id: before, pinned: true }, after: { id: after, pinned: true } }],
      history: [{ number: 1, what: 'opened', by: null, changes: { state: [null, 'open'] } }],
      resolution: null,
      ignored: null,
    });
    expect((await get(`snapshots/${after}`)).status).toBe(200);
    expect(body.links).toEqual({ self: `/api/v1/suspects/${body.id}`, history: `/api/v1/suspects/${body.id}/history` });
  });

  it('is changed by a person, and its history says by whom', async () => {
    const { name } = await service('core', [{ function: 'e.leak' }]);
    const id = await firstOf(name);
    expect(
      (await patch(id, { state: 'acknowledged', assignee: 'Ada Lovelace', comment: 'looking' })).body,
    ).toMatchObject({ state: 'acknowledged', phase: 'ongoing', assignee: 'Ada Lovelace' });
    expect((await patch(id, { team: 'search' })).body.team).toBe('search');
    expect((await patch(id, { state: 'resolved', resolved_in: { build: 'v2' } })).body).toMatchObject({
      state: 'resolved',
      phase: null,
      resolution: { by: 'key', build: 'v2', evidence: null },
    });
    expect((await patch(id, { state: 'ignored', ignore: { until: '+50%' } })).body.ignored).toEqual({
      until: null,
      over: 1800,
    });
    const { body } = await get(`suspects/${id}/history?limit=3`);
    expect(body.rows).toMatchObject([
      { number: 6, what: 'ignored', by: { name: 'ci' } },
      { number: 5, what: 'resolved', changes: { state: ['acknowledged', 'resolved'] } },
      { number: 4, what: 'team-changed' },
    ]);
    expect((await get(`suspects/${id}/history?limit=3&cursor=${body.next}`)).body).toMatchObject({
      rows: [
        { number: 3, what: 'assigned', changes: { assignee: [null, 'Ada Lovelace'] } },
        { number: 2, what: 'acknowledged', comment: 'looking' },
        { number: 1, what: 'opened' },
      ],
      next: null,
    });
    const [{ taken }] = await app.db.readTenant(app.tenantId, (tx) =>
      tx.query<{ taken: number }[]>('select count(*)::int as taken from suspect_event where suspect_id = $1', [id]),
    );
    await patch(id, { state: 'ignored', ignore: { until: '+50%' }, assignee: 'Ada Lovelace' });
    expect((await get(`suspects/${id}/history`)).body.rows).toHaveLength(taken);
  });

  it.each<[string, object, string | null]>([
    ['nothing', {}, ''],
    ['an unknown field', { stat: 'open' }, '/stat'],
    ['a state that there is not', { state: 'closed' }, '/state'],
    ['null for a state', { state: null }, '/state'],
    ['resolved_in without resolved', { state: 'open', resolved_in: 'now' }, '/resolved_in'],
    ['resolved_in alone', { resolved_in: { build: 'v1' } }, '/resolved_in'],
    ['resolved in no build', { state: 'resolved', resolved_in: {} }, '/resolved_in/build'],
    ['resolved in something else', { state: 'resolved', resolved_in: 'later' }, null],
    ['ignore without ignored', { state: 'resolved', ignore: { until: 'forever' } }, '/ignore'],
    ['ignored until nonsense', { state: 'ignored', ignore: { until: '+10%' } }, '/ignore/until'],
    ['ignored until a date that is over', { state: 'ignored', ignore: { until: '2020-01-01' } }, '/ignore/until'],
    ['an assignee with control characters', { assignee: 'a\u001bb' }, '/assignee'],
    ['an empty comment', { comment: '' }, '/comment'],
    ['a comment with control characters', { comment: 'a\u0000b' }, '/comment'],
    ['a team that does not exist', { team: 'nobody' }, '/team'],
  ])('refuses %s with a pointer, and changes nothing', async (_what, body, pointer) => {
    const { name, tenantId } = await service('core', [{ function: 'f.leak' }]);
    const id = await firstOf(name);
    const before = await storedSuspects(app.db, tenantId);
    const answer = await patch(id, body);
    expect([answer.status, answer.body.code]).toEqual([422, 'validation-failed']);
    if (pointer !== null) expect(answer.body.errors).toContainEqual(expect.objectContaining({ pointer }));
    expect(await storedSuspects(app.db, tenantId)).toEqual(before);
  });

  it('comes back as regressed with its owner, its assignee and its history', async () => {
    const made = await service('core', [{ function: 'g.leak' }]);
    const id = await firstOf(made.name);
    await patch(id, { assignee: 'Grace', team: 'search', state: 'acknowledged' });
    await patch(id, { state: 'resolved' });
    const later = Date.now() + 24 * hour;
    const instances = [growing(later, { before: made.before, after: made.after })];
    await recordOutcome(
      app.db,
      made.tenantId,
      made.serviceId,
      ranking(later, [found(later, { function: 'g.leak', instances })]),
    );
    const { body } = await get(`suspects/${id}`);
    expect(body).toMatchObject({
      state: 'open',
      phase: 'regressed',
      regressions: 1,
      assignee: 'Grace',
      team: 'search',
      resolution: null,
    });
    expect((body.history as { what: string }[]).map(({ what }) => what)).toEqual([
      'regressed',
      'resolved',
      'team-changed',
      'assigned',
      'acknowledged',
      'opened',
    ]);
  });

  it('that is ignored until a date has its service looked at then, without new evidence', async () => {
    const { name, serviceId } = await service('core', [{ function: 'h.leak' }]);
    const date = new Date(Date.now() + 48 * hour).toISOString();
    const due = async () =>
      app.db.readTenant(app.tenantId, (tx) =>
        tx.query<{ due_at: Date | null; remarked: boolean }[]>(
          'select due_at, remarked from leak_ranking where service_id = $1',
          [serviceId],
        ),
      );
    expect((await due())[0].due_at).toBeNull();
    await patch(await firstOf(name), { state: 'ignored', ignore: { until: date } });
    expect(await due()).toEqual([{ due_at: new Date(date), remarked: false }]);
    expect((await get(`services/${name}/suspects`)).body.ranking.pending).toBe(false);
    await recordOutcome(app.db, app.tenantId, serviceId, ranking(until, []));
    expect(await due()).toEqual([{ due_at: new Date(date), remarked: false }]);
  });
});

describe('who may', () => {
  it('read and ingest keys change nothing', async () => {
    const { name } = await service('core', [{ function: 'i.leak' }]);
    const id = await firstOf(name);
    for (const key of [app.keys.read, app.keys.ingest]) {
      expect((await patch(id, { state: 'resolved' }, key)).status).toBe(403);
    }
    for (const key of [app.keys.ci, app.keys.admin]) {
      expect((await patch(id, { comment: 'may' }, key)).status).toBe(200);
    }
    expect((await get('suspects', app.keys.ingest)).status).toBe(403);
    expect((await app.http(app.keys.ci).put('/api/v1/suspect-owners').send({ rules: [] })).status).toBe(403);
  });

  it("a foreign suspect's id answers exactly like a random one, whatever is asked of it", async () => {
    const foreign = await service('default', [{ function: 'j.leak' }], strangerKey);
    const [{ id: foreignId }] = (await get(`services/${foreign.name}/suspects`, strangerKey)).body.rows as {
      id: string;
    }[];
    const otherTeam = await firstOf((await service('search', [{ function: 'k.leak' }])).name);
    const strip = ({ status, body, headers }: Answer) => {
      const { instance: _, ...rest } = body as { instance: string };
      const { date: _date, 'x-request-id': _id, ...others } = headers;
      return { status, body: rest, headers: others };
    };
    for (const [key, id] of [
      [app.keys.ci, foreignId],
      [teamKey, foreignId],
      [teamKey, otherTeam],
    ]) {
      for (const ask of [
        (of: string) => get(`suspects/${of}`, key),
        (of: string) => get(`suspects/${of}/history`, key),
        (of: string) => patch(of, { state: 'resolved', comment: 'mine' }, key),
        (of: string) => patch(of, { state: 'ignored', ignore: { until: '2999-01-01' }, team: null }, key),
      ]) {
        const answer = await ask(id);
        expect(answer.status).toBe(404);
        expect(strip(answer)).toEqual(strip(await ask(randomUUID())));
        expect(strip(answer)).toEqual(strip(await ask('no-id')));
      }
    }
    expect(await idsOf('suspects?limit=5000')).not.toContain(foreignId);
    expect((await get(`suspects/${foreignId}`, strangerKey)).body).toMatchObject({ state: 'open', history: [{}] });
  });

  it('a key with a team sees what its team owns and what its services have, and no other', async () => {
    const own = await service('payments', [{ function: 'mine.leak' }, { function: 'theirs/lib.leak' }]);
    const other = await service('search', [{ function: 'shared/pay.leak' }, { function: 'search.leak' }]);
    const [mine, delegated] = await idsOf(`services/${own.name}/suspects`);
    const [shared, hidden] = await idsOf(`services/${other.name}/suspects`);
    await patch(delegated, { team: 'search' });
    await patch(shared, { team: 'payments' });
    const all = await idsOf('suspects?limit=5000', teamKey);
    expect(all).toEqual(expect.arrayContaining([mine, delegated, shared]));
    expect(all).not.toContain(hidden);
    expect(await idsOf('teams/payments/suspects?limit=5000', teamKey)).toEqual(expect.arrayContaining([mine, shared]));
    expect(await idsOf('teams/payments/suspects?limit=5000', teamKey)).not.toContain(delegated);
    expect((await get('teams/search/suspects', teamKey)).status).toBe(404);
    expect((await get(`services/${other.name}/suspects`, teamKey)).status).toBe(404);
    expect((await patch(shared, { state: 'acknowledged' }, teamKey)).status).toBe(200);
    // It knows of no other team, so it can give to none.
    const away = await patch(mine, { team: 'search' }, teamKey);
    const nowhere = await patch(mine, { team: 'nobody' }, teamKey);
    expect([away.status, nowhere.status]).toEqual([422, 422]);
    expect(away.body.errors[0].code).toBe(nowhere.body.errors[0].code);
    expect((await patch(delegated, { team: 'payments' }, teamKey)).body.team).toBe('payments');
  });

  it('suspects follow their service to another team, unless they have a team of their own', async () => {
    const { name } = await service('search', [{ function: 'moves.leak' }, { function: 'stays.leak' }]);
    const [moves, stays] = await idsOf(`services/${name}/suspects`);
    await patch(stays, { team: 'core' });
    await app.http().put(`/api/v1/services/${name}/owner`).send({ team: 'payments' });
    expect((await get(`suspects/${moves}`)).body.team).toBe('payments');
    expect((await get(`suspects/${stays}`)).body.team).toBe('core');
    expect(await idsOf('teams/payments/suspects?limit=5000', teamKey)).toContain(moves);
  });
});

describe('owner rules', () => {
  const put = async (rules: object[]): Promise<Answer> => app.http().put('/api/v1/suspect-owners').send({ rules });
  afterEach(() => put([]));

  it('the last rule that matches the function or its file names the team; without one it is the service’s', async () => {
    const { name } = await service('core', [
      { function: 'github.com/acme/pay/db.(*Pool).Get' },
      { function: 'github.com/acme/pay/api.Serve' },
      { function: 'github.com/other.Run' },
    ]);
    const teams = async () =>
      ((await get(`services/${name}/suspects`)).body.rows as { function: string; team: string }[])
        .sort((a, b) => (a.function < b.function ? -1 : 1))
        .map(({ team }) => team);
    expect(await teams()).toEqual(['core', 'core', 'core']);
    const rules = [
      { pattern: 'github.com/acme/**', team: 'payments' },
      { pattern: 'github.com/acme/pay/db.*', team: 'search' },
    ];
    expect((await put(rules)).body).toEqual({ rules });
    expect((await get('suspect-owners')).body).toEqual({ rules });
    expect(await teams()).toEqual(['payments', 'search', 'core']);
    await put([...rules].reverse());
    expect(await teams()).toEqual(['payments', 'payments', 'core']);
    const [id] = await idsOf(`services/${name}/suspects?function=other.Run`);
    await patch(id, { team: 'search' });
    await put([{ pattern: '**', team: 'payments' }]);
    expect(await teams()).toEqual(['payments', 'payments', 'search']);
    await patch(id, { team: null });
    expect(await teams()).toEqual(['payments', 'payments', 'payments']);
    await put([]);
    expect(await teams()).toEqual(['core', 'core', 'core']);
  });

  it('hold for suspects that come later', async () => {
    await put([{ pattern: 'late/**', team: 'payments' }]);
    const { name } = await service('core', [{ function: 'late/x.leak' }]);
    expect((await get(`suspects/${await firstOf(name)}`)).body.team).toBe('payments');
  });

  it('are replaced as a whole or not at all: each fault has a pointer', async () => {
    await put([{ pattern: 'a/**', team: 'core' }]);
    const answer = await put([
      { pattern: 'ok/**', team: 'core' },
      { pattern: ' spaced', team: 'core' },
      { pattern: 'b/**', team: 'nobody' },
    ]);
    expect(answer.status).toBe(422);
    expect((answer.body.errors as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual([
      '/rules/1/pattern',
      '/rules/2/team',
    ]);
    expect((await get('suspect-owners')).body.rules).toEqual([{ pattern: 'a/**', team: 'core' }]);
  });

  it('of another tenant are another tenant’s', async () => {
    await put([{ pattern: 'a/**', team: 'core' }]);
    expect((await get('suspect-owners', strangerKey)).body.rules).toEqual([]);
    expect((await app.http(strangerKey).put('/api/v1/suspect-owners').send({ rules: [] })).status).toBe(200);
    expect((await get('suspect-owners')).body.rules).toHaveLength(1);
  });
});
