import { Api } from '../../src/cli/api.js';
import { listSuspects, showSuspect, type SuspectOptions, type SuspectsOptions } from '../../src/cli/suspects.js';
import { startTestApp, type TestApp } from '../app.js';
import { send, heap } from '../api/uploads.js';
import { found, hour, ranking } from '../leaks/found.js';
import { idOfService, recordOutcome } from '../leaks/outcomes.js';

let app: TestApp;
const until = Math.floor(Date.now() / hour) * hour - hour;

beforeAll(async () => {
  app = await startTestApp({ worker: false });
  for (const service of ['shop', 'quiet']) await send(app, heap(1, new Date(until)), { service });
  const serviceId = await idOfService(app.db, app.tenantId, 'shop');
  const suspects = [
    found(until, { function: 'shop.Watch', tier: 'confirmed' }),
    found(until, {
      function: 'shop.Cache',
      kind: 'heap',
      state: null,
      growth: { unit: 'bytes', perHour: 2 ** 20, now: 2 ** 24 },
    }),
  ];
  await recordOutcome(app.db, app.tenantId, serviceId, ranking(until, suspects));
});
afterAll(() => app?.close());

function recorded() {
  const printed: string[] = [];
  const remarks: string[] = [];
  const out = {
    print: (text: string) => void printed.push(text),
    remark: (text: string) => void remarks.push(text),
    progress: () => undefined,
  };
  return { out, printed, remarks };
}

const api = (key = app.keys.ci) => new Api({ url: app.url, key });

async function list(service?: string, options: SuspectsOptions = {}) {
  const { out, printed, remarks } = recorded();
  await listSuspects(api(), service, options, out);
  return { text: printed.join('\n'), remarks };
}

async function show(id: string, options: SuspectOptions = {}, key = app.keys.ci): Promise<string> {
  const { out, printed } = recorded();
  await showSuspect(api(key), id, options, out);
  return printed.join('\n');
}

const idOf = async (name: string): Promise<string> => {
  const { rows } = JSON.parse((await list('shop', { function: name, json: true })).text) as { rows: { id: string }[] };
  return rows[0].id;
};

describe('tidemark suspects', () => {
  it('lists those of a service, a team and the tenant, the surest first', async () => {
    for (const [service, options] of [
      ['shop', {}],
      [undefined, { team: 'default' }],
      [undefined, {}],
    ] as const) {
      const lines = (await list(service, options)).text.split('\n');
      expect(lines[0]).toMatch(/^ID +TIER +STATE +SERVICE +KIND +PER HOUR +NOW +OWNER +FUNCTION$/);
      expect(lines[1]).toMatch(/confirmed +open, new +shop +goroutine +100 +1200 +default +shop\.Watch$/);
      expect(lines[2]).toMatch(/probable +open, new +shop +heap +1MB +16MB +default +shop\.Cache$/);
    }
    expect((await list('shop', { limit: '1' })).text.split('\n')).toHaveLength(2);
    expect((await list('shop', { kind: 'heap' })).text).not.toMatch(/shop\.Watch/);
    await expect(list('shop', { team: 'default' })).rejects.toThrow(/not both/);
    await expect(list('shop', { limit: '0' })).rejects.toThrow(/--limit/);
  });

  it('says why a list is empty', async () => {
    const { text, remarks } = await list('quiet');
    expect(text).toBe('');
    expect(remarks).toEqual([expect.stringMatching(/No snapshot/), 'No suspect.']);
  });
});

describe('tidemark suspect', () => {
  it('shows a suspect with its reasons and its history', async () => {
    const text = await show(await idOf('Watch'));
    expect(text).toMatch(/^open, new, shop, default, last seen /);
    expect(text).toMatch(/shop\.Watch/);
    expect(text).toMatch(/It grows by 100 goroutines an hour\./);
    expect(text).toMatch(/history\n {3}20\S+ opened by the ranking$/);
  });

  it('changes what it is told to, and shows what it is then', async () => {
    const id = await idOf('Cache');
    expect(await show(id, { acknowledge: true, assign: 'Ada', comment: 'mine' })).toMatch(
      /^acknowledged, ongoing, shop, default, Ada, [\s\S]*acknowledged by ci: mine/,
    );
    const detailsOf = async (options: SuspectOptions) =>
      JSON.parse(await show(id, { ...options, json: true })) as object;
    expect(await detailsOf({ resolve: 'v2' })).toMatchObject({ state: 'resolved', resolution: { build: 'v2' } });
    expect(await detailsOf({ resolve: true })).toMatchObject({ state: 'resolved', resolution: { build: null } });
    expect(await detailsOf({ ignore: '+50%' })).toMatchObject({ state: 'ignored', ignored: { over: 1.5 * 2 ** 24 } });
    expect(await detailsOf({ ignore: true })).toMatchObject({ state: 'ignored', ignored: { until: null, over: null } });
    expect(await detailsOf({ reopen: true, assign: '' })).toMatchObject({ state: 'open', assignee: null });
    await expect(show(id, { reopen: true, acknowledge: true })).rejects.toThrow(/One of/);
    await expect(show(id, { reopen: true }, app.keys.read)).rejects.toMatchObject({ reason: 'noPermission' });
  });
});
