import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { startTestApp, type TestApp } from '../app.js';
import { buildProfile } from '../builders/profile-builder.js';
import { dumpFixture } from '../formats/goroutine-dump-fixtures.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';
import { fixture, heap, upload } from './uploads.js';

let app: TestApp;
const minute = 60_000;
const hour = 60 * minute;
/** The first moment of a full hour some hours ago. */
const begin = Math.floor(Date.now() / hour) * hour - 5 * hour;
const at = (minutes: number) => new Date(begin + minutes * minute);
/** Snapshots of one small program, whose goroutines are known. */
const ids = new Map<string, string>();

beforeAll(async () => {
  app = await startTestApp();
  const known: [string, Uint8Array][] = [
    ['dump 1.15', dumpFixture('go1.15/goroutine.debug2.txt')],
    ['dump 1.27', dumpFixture('go1.27/goroutine.debug2.txt')],
    ['minutes', dumpFixture('go1.26/goroutine-minutes.debug2.txt')],
    ['labels', dumpFixture('go1.27/panic-error-labels.txt')],
    ['leaked dump', dumpFixture('go1.27/goroutineleak.debug2.txt')],
    ['cut', dumpFixture('damaged/truncated-midline.txt')],
    ['proto', fixture('go1.27/goroutine.pb.gz')],
    ['leak', fixture('go1.27/goroutineleak.pb.gz')],
    ['text', readFileSync(new URL('../fixtures/profile-text/go1.27/goroutine.debug1.txt', import.meta.url))],
    ['10k', fixture('go1.26/goroutine-10k.pb.gz')],
    ['heap', heap(1, new Date())],
  ];
  for (const [name, bytes] of known) {
    ids.set(name, await upload(app, bytes, { service: 'known', instance: name.replace(' ', '-') }));
  }
});
afterAll(() => app?.close());

const get = (path: string, query: object = {}, key = app.keys.read) =>
  app.http(key).get(`/api/v1/${path}`).query(query);

interface Group {
  state: string;
  category: string;
  name: string;
  count: number;
  leaked: number;
  oldest_wait_minutes: number | null;
  ages: { minutes: string; count: number }[];
  sample_ids: string[];
  change: string | null;
  base_count: number | null;
  delta: number | null;
}

interface Answer {
  basis: string;
  goroutines: number;
  matched: number;
  states: { state: string; count: number }[];
  unmatched: string[];
  row_count: number;
  rows: Group[];
  next: string | null;
}

const ask = (name: string, query: object = {}) =>
  get(`snapshots/${ids.get(name)}/goroutines`, { limit: 5000, ...query });
const answerOf = async (name: string, query: object = {}) => {
  const { status, body } = await ask(name, query);
  expect({ status, detail: body.detail }).toEqual({ status: 200, detail: undefined });
  return body as Answer;
};

/** But for those of whoever took the capture, which differ between text and protobuf, and the one that spins. */
const asText = ({ rows }: Answer) =>
  rows
    .filter(({ name }) => !/runtime\/pprof|recurseDeep|runtimeSpin/.test(name))
    .map(({ count, state, name }) => `${count} ${state} ${name}`);

describe('the goroutines of a snapshot', () => {
  it.each(['site', 'stack', 'state'])(
    'by %s are the same in dumps of Go 1.15 and 1.27 and in a protobuf',
    async (by) => {
      const old = await answerOf('dump 1.15', { by });
      const young = await answerOf('dump 1.27', { by });
      const proto = await answerOf('proto', { by });
      expect([old.basis, young.basis, proto.basis]).toEqual(['goroutines', 'goroutines', 'stacks']);
      expect(asText(young)).toEqual(asText(old));
      expect(asText(proto)).toEqual(asText(old));
      expect(asText(old).length).toBeGreaterThan(10);
      for (const answer of [old, young, proto]) {
        expect(answer).toMatchObject({ goroutines: 31, matched: 31, row_count: answer.rows.length, next: null });
        expect(answer.rows.reduce((sum, { count }) => sum + count, 0)).toBe(31);
        expect(answer.states.slice(0, 3)).toMatchObject([
          { state: 'chan receive', count: 13, category: 'channel', waits_for_goroutine: true },
          { state: 'chan send', count: 3 },
          { state: 'select', count: 2 },
        ]);
      }
    },
  );

  it('have their waits, ids, stack and creator where each is known', async () => {
    const [group] = (await answerOf('minutes')).rows;
    expect(group).toMatchObject({
      state: 'chan receive',
      category: 'channel',
      waits_for_goroutine: true,
      forever: false,
      name: 'main.leakRecv',
      count: 11,
      oldest_wait_minutes: 3,
      site: 'main.leakRecv',
      created_by: 'main.startBlocked',
      stack: [{ function: 'main.leakRecv', line: 139 }],
      stack_depth: 1,
      change: null,
    });
    expect(group.ages.filter(({ count }) => count > 0)).toEqual([{ minutes: '1-5', count: 11 }]);
    expect(group.sample_ids).toHaveLength(10);
  });

  it('by creator and by label', async () => {
    const creators = await answerOf('dump 1.27', { by: 'created-by' });
    expect(creators.rows[0]).toMatchObject({ name: 'main.startBlocked', state: 'chan receive' });
    const labels = await answerOf('labels', { by: 'label', label: 'tenant', state: 'chan receive' });
    expect(labels.rows.map(({ name, count }) => [name, count])).toEqual([
      ['', 8],
      ['acme', 4],
    ]);
  });

  it('tell which have leaked, of a dump and of a goroutineleak profile alike', async () => {
    const leakedOf = async (name: string) =>
      (await answerOf(name, { by: 'site' })).rows
        .filter(({ leaked }) => leaked > 0)
        .map(({ leaked, name: site, state }) => `${leaked} ${state} ${site}`)
        .sort();
    const profile = await leakedOf('leak');
    expect(profile).toContain('3 chan send main.leakSend');
    expect(profile).toHaveLength(6);
    expect(await leakedOf('leaked dump')).toEqual(profile);
  });

  it('can be narrowed; totals stay, and a filter that matches nothing is named', async () => {
    const only = async (query: object, name = 'minutes') => {
      const { goroutines, matched, rows, unmatched } = await answerOf(name, { by: 'site', ...query });
      expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(matched);
      expect(goroutines).toBe(30);
      return { matched, unmatched, names: rows.map((group) => group.name) };
    };
    expect(await only({ state: 'chan send' })).toEqual({ matched: 3, unmatched: [], names: ['main.leakSend'] });
    expect((await only({ category: 'channel' })).matched).toBe(17);
    expect(await only({ focus: '^main.leakSel' })).toMatchObject({
      matched: 2,
      names: expect.arrayContaining(['main.leakSelect', 'main.leakSelectNone']),
    });
    expect((await only({ focus: 'leakRecv', min_wait: 3 })).matched).toBe(11);
    expect((await only({ focus: 'leakRecv', min_wait: 4 })).matched).toBe(0);
    expect(await only({ state: 'chan recieve', category: 'synctest', focus: 'leak' })).toEqual({
      matched: 0,
      unmatched: ['state', 'category'],
      names: [],
    });
  });

  it('tell why the process died and what was lost', async () => {
    const { body } = await ask('labels');
    expect(body.crash).toEqual({ kind: 'panic', text: expect.stringMatching(/^panic: app error\n/) });
    expect((await ask('cut')).body.losses).toEqual([
      expect.objectContaining({ detail: 'the text ends within a goroutine', count: 1 }),
    ]);
    expect((await ask('text')).body).toMatchObject({ basis: 'stacks', crash: null, goroutines: 31 });
  });

  it('come page by page, each group on one page', async () => {
    const whole = await answerOf('dump 1.27');
    const rows: Group[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Answer = await answerOf('dump 1.27', { limit: 4, cursor });
      rows.push(...page.rows);
      cursor = page.next;
    }
    expect(rows).toEqual(whole.rows);
    const [, cursor] = [null, (await answerOf('dump 1.27', { limit: 4 })).next];
    expect((await ask('dump 1.15', { limit: 4, cursor })).body.code).toBe('bad-cursor');
  });

  it('carry an ETag that another question does not have', async () => {
    const path = `snapshots/${ids.get('proto')}/goroutines`;
    const { headers } = await get(path, { by: 'site' });
    expect((await get(path, { by: 'site' }).set('If-None-Match', headers.etag)).status).toBe(304);
    expect((await get(path, { by: 'state' }).set('If-None-Match', headers.etag)).status).toBe(200);
  });

  it.each<[string, string, object, string]>([
    ['another kind', 'heap', {}, 'no-goroutines'],
    ['labels of a profile', 'proto', { by: 'label' }, 'no-goroutines'],
    ['waits of a profile', 'proto', { min_wait: 1 }, 'no-goroutines'],
    ['a label without by=label', 'minutes', { label: 'tenant' }, 'validation-failed'],
    ['an unknown grouping', 'minutes', { by: 'colour' }, 'validation-failed'],
    ['an unknown category', 'minutes', { category: 'colour' }, 'validation-failed'],
    ['a pattern of another syntax', 'minutes', { focus: '(?=x)' }, 'bad-pattern'],
  ])('refuse %s', async (_, name, query, code) => {
    const { status, body } = await ask(name, query);
    expect({ status, code: body.code }).toEqual({ status: 422, code });
    expect(body.detail).toMatch(/\w/);
  });
});

describe('two snapshots side by side', () => {
  it('show what is new, gone, grown and shrunk, most first', async () => {
    const { body } = await ask('dump 1.27', { base: ids.get('leak'), by: 'site' });
    expect(body).toMatchObject({
      goroutines: 31,
      kind: 'goroutine-dump',
      base: { snapshot_id: ids.get('leak'), kind: 'goroutineleak', goroutines: 8 },
    });
    const rows = body.rows as Group[];
    const row = (name: string) => rows.find((group) => group.name === name);
    expect(rows[0]).toMatchObject({ name: 'main.leakRecv', change: 'new', base_count: 0, count: 11, delta: 11 });
    expect(row('main.leakSend')).toMatchObject({ change: 'same', base_count: 3, count: 3, delta: 0 });
    const sizes = rows.map(({ delta }) => Math.abs(delta!));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));

    const back = (await ask('leak', { base: ids.get('dump 1.27'), by: 'site' })).body.rows as Group[];
    expect(back[0]).toMatchObject({ name: 'main.leakRecv', change: 'gone', base_count: 11, count: 0, delta: -11 });
    expect(back[0].ages.every(({ count }) => count === 0)).toBe(true);
    expect(back[0].sample_ids).toEqual([]);
    expect(new Map(back.map(({ state, name, delta }) => [state + name, delta! + 0]))).toEqual(
      new Map(rows.map(({ state, name, delta }) => [state + name, 0 - delta!])),
    );
  });

  it('of one and the same snapshot differ in nothing', async () => {
    const { rows } = await answerOf('minutes', { base: ids.get('minutes') });
    expect(
      rows.every(({ change, delta, base_count, count }) => change === 'same' && !delta && base_count === count),
    ).toBe(true);
  });

  it('need a base that exists and tells of goroutines', async () => {
    expect((await ask('minutes', { base: randomUUID() })).status).toBe(404);
    expect((await ask('minutes', { base: ids.get('heap') })).body.code).toBe('no-goroutines');
    expect((await ask('minutes', { base: ids.get('proto'), min_wait: 1 })).body.code).toBe('no-goroutines');
  });
});

describe('stacks with states=true', () => {
  it('begin with state and creator, which patterns match; without it they do not', async () => {
    const folded = async (query: object) => (await get(`snapshots/${ids.get('minutes')}/folded`, query)).text;
    const sample_type = 'goroutine';
    expect(await folded({ sample_type, states: true })).toContain(
      '[chan receive];created by main.startBlocked;main.leakRecv 7\n',
    );
    expect(await folded({ sample_type })).not.toContain('[chan receive]');
    expect(await folded({ sample_type, states: false })).toBe(await folded({ sample_type }));
    const lines = (await folded({ sample_type, states: true, focus: '^\\[select\\]$' })).trim().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.every((line) => line.startsWith('[select];'))).toBe(true);

    const top = (await get(`snapshots/${ids.get('proto')}/top`, { states: true, sort: 'cum', limit: 5000 })).body;
    expect(top.rows).toContainEqual(expect.objectContaining({ function: '[chan receive]', cum: '13' }));
    const flame = (await get(`snapshots/${ids.get('proto')}/flamegraph`, { states: true })).body;
    expect(flame.names).toContain('[chan receive]');
    expect((await get(`snapshots/${ids.get('proto')}/flamegraph`)).body.names).not.toContain('[chan receive]');
    expect((await get(`snapshots/${ids.get('proto')}/top`, { states: 'perhaps' })).status).toBe(422);
  });
});

describe('the goroutines of a service over time', () => {
  const receive = ['runtime.chanrecv1', 'runtime.chanrecv chan.go:600', 'runtime.gopark'];
  const read = ['internal/poll.runtime_pollWait', 'runtime.netpollblock', 'runtime.gopark'];
  const profile = (minutes: number, groups: readonly (readonly [string, readonly string[], number])[]) =>
    buildProfile({
      sampleTypes: ['goroutine/count'],
      periodType: 'goroutine/count',
      period: 1,
      timeNanos: BigInt(at(minutes).getTime()) * 1_000_000n,
      samples: groups.map(([site, inside, count]) => ({ stack: [`${site} main.go:10`, ...inside], values: [count] })),
    });
  const range = { from: at(0).toISOString(), to: at(60).toISOString(), step: '10m' };

  beforeAll(async () => {
    // Every ten minutes for an hour two pods: pod-1 leaks ten more each time, pod-2 has a burst once.
    for (let i = 0; i < 6; i++) {
      const pod1 = profile(i * 10, [
        ['main.leak', receive, 10 * (i + 1)],
        ['main.serve', read, 100],
      ]);
      const pod2 = profile(i * 10, [
        ['main.leak', receive, 5],
        ['main.serve', read, 50],
        ...(i === 3 ? [['main.burst', receive, 600] as const] : []),
      ]);
      await upload(app, pod1, { service: 'shop', instance: 'pod-1', build: i < 3 ? 'v1' : 'v2' });
      await upload(app, pod2, { service: 'shop', instance: 'pod-2', build: 'v1' });
    }
  });

  const trend = async (query: object, service = 'shop') => {
    const { status, body } = await get(`services/${service}/goroutines`, query);
    expect({ status, detail: body.detail }).toEqual({ status: 200, detail: undefined });
    return body;
  };
  const line = (values: number[], growth: number) => ({
    values,
    first: values[0],
    last: values.at(-1),
    max: Math.max(...values),
    growth_per_hour: expect.closeTo(growth),
  });

  it('are sums over the instances; a group that a snapshot does not have is 0 there', async () => {
    const body = await trend({ ...range, by: 'site' });
    expect(body).toMatchObject({
      from: range.from,
      to: range.to,
      step_seconds: 600,
      by: 'site',
      kind: 'goroutine',
      note: null,
    });
    expect(body.at).toEqual([0, 10, 20, 30, 40, 50].map((minutes) => at(minutes).toISOString()));
    expect(body.covered_seconds).toEqual([600, 600, 600, 600, 600, 600]);
    expect(body.group_count).toBe(3);
    expect(body.other).toBeNull();
    expect(body.total.values).toEqual([165, 175, 185, 795, 205, 215]);
    expect(body.groups).toMatchObject([
      { state: 'IO wait', name: 'main.serve', ...line([150, 150, 150, 150, 150, 150], 0) },
      { state: 'chan receive', name: 'main.burst', ...line([0, 0, 0, 600, 0, 0], 0) },
      { state: 'chan receive', name: 'main.leak', ...line([15, 25, 35, 45, 55, 65], 60) },
    ]);
    expect(body.groups[2]).toMatchObject({ category: 'channel', waits_for_goroutine: true, forever: false });
  });

  it('show each group as the youngest snapshot has it that has it at all', async () => {
    const { groups } = await trend({ ...range, by: 'stack', instance: 'pod-2' });
    const burst = groups.find(({ name }: Group) => name === 'main.burst');
    expect(burst.youngest).toMatchObject({
      instance: 'pod-2',
      captured_at: at(30).toISOString().replace('.000Z', '.000000Z'),
      count: 600,
      stack: expect.arrayContaining([expect.objectContaining({ function: 'main.burst', line: 10 })]),
    });
    const leak = groups.find(({ name }: Group) => name === 'main.leak');
    expect(leak.youngest).toMatchObject({ captured_at: at(50).toISOString().replace('.000Z', '.000000Z'), count: 5 });
  });

  it('beyond the limit are summed up, so that nothing is missing', async () => {
    const { groups, other, total, group_count } = await trend({ ...range, by: 'site', limit: 1 });
    expect(groups.map(({ name }: Group) => name)).toEqual(['main.serve']);
    expect(group_count).toBe(3);
    expect(other).toMatchObject({ values: [15, 25, 35, 645, 55, 65], max: 645 });
    expect(total.values).toEqual(groups[0].values.map((value: number, i: number) => value + other.values[i]));
  });

  it('by state are the same from the series of states and from the stacks', async () => {
    const fromSeries = await trend({ ...range, by: 'state', instance: 'pod-2' });
    const fromStacks = await trend({ ...range, by: 'state', instance: 'pod-2', build: 'v1' });
    expect(fromSeries).toEqual(fromStacks);
    expect(fromSeries.groups).toMatchObject([
      { state: 'chan receive', name: 'chan receive', values: [5, 5, 5, 605, 5, 5], youngest: { count: 5 } },
      { state: 'IO wait', values: [50, 50, 50, 50, 50, 50], youngest: { instance: 'pod-2' } },
    ]);
    const both = await trend({ ...range, by: 'state' });
    expect(both.total.values).toEqual([165, 175, 185, 795, 205, 215]);
  });

  it('by state and by site are of one time, also where the sender knows it better than the profile', async () => {
    const captured_at = at(40).toISOString();
    await upload(app, fixture('go1.27/goroutine.pb.gz'), { service: 'later', instance: 'a', captured_at });
    for (const by of ['state', 'site']) {
      expect(await trend({ ...range, by }, 'later')).toMatchObject({ at: [captured_at], total: { values: [31] } });
    }
  });

  it('leave out what is a difference of two profiles', async () => {
    const difference = buildProfile({
      sampleTypes: ['goroutine/count'],
      periodType: 'goroutine/count',
      timeNanos: BigInt(at(10).getTime()) * 1_000_000n,
      durationNanos: 30_000_000_000n,
      samples: [{ stack: ['main.main', 'main.serve main.go:10', ...read], values: [-7] }],
    });
    const id = await upload(app, difference, { service: 'differences' });
    for (const by of ['state', 'site']) {
      expect(await trend({ ...range, by }, 'differences')).toMatchObject({ at: [], groups: [] });
    }
    expect((await get(`snapshots/${id}/goroutines`)).body).toMatchObject({ delta: true, rows: [{ count: -7 }] });
  });

  it('of a build are what its own snapshots held', async () => {
    const { groups, total } = await trend({ ...range, by: 'site', build: 'v2' });
    expect(total.values).toEqual([140, 150, 160]);
    expect(groups.map(({ name, values }: { name: string; values: number[] }) => [name, values])).toEqual([
      ['main.serve', [100, 100, 100]],
      ['main.leak', [40, 50, 60]],
    ]);
  });

  it('have waits and ids where the youngest is a dump, and a kind does not mix with another', async () => {
    const bytes = dumpFixture('go1.26/goroutine-minutes.debug2.txt');
    const captured_at = at(20).toISOString();
    await upload(app, bytes, { service: 'mixed', instance: 'a', captured_at });
    await upload(app, fixture('go1.27/goroutineleak.pb.gz'), { service: 'mixed', instance: 'a', captured_at });
    await upload(app, profile(20, [['main.serve', read, 7]]), { service: 'mixed', instance: 'a' });
    const dump = await trend({ ...range, kind: 'goroutine-dump', by: 'stack' }, 'mixed');
    expect(dump.groups[0]).toMatchObject({ name: 'main.leakRecv', values: [11], youngest: { oldest_wait_minutes: 3 } });
    expect(dump.groups[0].youngest.sample_ids).toHaveLength(10);
    // A snapshot without neighbours holds for five minutes.
    expect(dump).toMatchObject({
      at: [captured_at],
      covered_seconds: [300],
      total: { values: [30], growth_per_hour: null },
    });
    for (const by of ['state', 'site']) {
      expect((await trend({ ...range, kind: 'goroutine-dump', by }, 'mixed')).total.values).toEqual([30]);
      expect((await trend({ ...range, kind: 'goroutine', by }, 'mixed')).total.values).toEqual([7]);
      expect((await trend({ ...range, kind: 'goroutineleak', by }, 'mixed')).total.values).toEqual([8]);
    }
    const leaked = await trend({ ...range, kind: 'goroutineleak', by: 'state' }, 'mixed');
    expect(leaked.groups[0]).toMatchObject({ state: 'chan send', values: [3], youngest: { leaked: 3 } });
  });

  it('are thinned over long ranges by state, and empty where nothing was captured', async () => {
    const long = await trend({
      from: at(-60 * 24 * 100).toISOString(),
      to: at(60).toISOString(),
      step: '6h',
      by: 'state',
    });
    expect(long.thinned_to_seconds).toBeGreaterThan(6000);
    expect(long.groups.map(({ state }: Group) => state)).toContain('IO wait');
    expect(await trend({ from: at(-200).toISOString(), to: at(-100).toISOString() })).toMatchObject({
      at: [],
      total: { values: [], first: null, last: null, max: null, growth_per_hour: null },
      groups: [],
      other: null,
    });
  });

  it('refuse what does not exist and what is too much', async () => {
    const refused = async (query: object, service = 'shop') => {
      const { status, body } = await get(`services/${service}/goroutines`, { ...range, ...query });
      return [status, body.code, body.limit];
    };
    expect(await refused({ step: '1s' })).toEqual([422, 'too-many-points', 'goroutine-steps']);
    expect(await refused({ instance: 'pod-9' })).toEqual([404, 'not-found', undefined]);
    expect(await refused({ build: 'v9' })).toEqual([404, 'not-found', undefined]);
    expect(await refused({}, 'nothing')).toEqual([404, 'not-found', undefined]);
    for (const query of [{ by: 'label' }, { kind: 'heap' }, { limit: 101 }]) {
      expect((await refused(query)).slice(0, 2)).toEqual([422, 'validation-failed']);
    }
  });
});

describe("goroutines of another team's or tenant's snapshot", () => {
  it('are answered like a random id, as what is asked for and as base', async () => {
    await app.http().post('/api/v1/teams').send({ name: 'payments' });
    const { body } = await app.http().post('/api/v1/keys').send({ name: 'p', role: 'read', team: 'payments' });
    const teamKey = body.key as string;
    const profile = fixture('go1.25/goroutine.pb.gz');
    const own = await upload(app, profile, { service: 'pay', team: 'payments' });
    const { tenantId } = await insertTenant(app.db, 'stranger', ['default']);
    const strangerKey = (await insertTestKey(app.db, tenantId, 'admin')).text;
    const foreign = await upload(app, profile, { service: 'pay' }, strangerKey);
    const { etag } = (await get(`snapshots/${ids.get('proto')}/goroutines`)).headers;

    const comparable = async (path: string) => {
      const { status, body: problem, headers } = await get(path, {}, teamKey).set('If-None-Match', etag);
      return { status, problem: { ...problem, instance: null }, etag: headers.etag };
    };
    expect((await get(`snapshots/${own}/goroutines`, { base: own }, teamKey)).status).toBe(200);
    for (const path of ['snapshots/ID/goroutines', `snapshots/${own}/goroutines?base=ID`]) {
      const random = await comparable(path.replace('ID', randomUUID()));
      expect(random).toMatchObject({ status: 404, etag: undefined });
      expect(await comparable(path.replace('ID', foreign))).toEqual(random);
      expect(await comparable(path.replace('ID', ids.get('proto')!))).toEqual(random);
    }
    expect((await get('services/known/goroutines', {}, teamKey)).status).toBe(404);
    expect((await get(`snapshots/${own}/goroutines`, {}, app.keys.ingest)).status).toBe(403);
  });
});
