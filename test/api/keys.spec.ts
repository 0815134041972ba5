import type { TenantId } from '../../src/platform/database.js';
import { keyPattern, parseKey } from '../../src/tenants/key-format.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';
import { startTenantsApi, type TenantsApi } from '../tenants/tenants-api.js';

let database: TestDatabase;
let api: TenantsApi;
let tenantId: TenantId;
let admin: string;
let operator: string;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startTenantsApi(database);
});
afterAll(async () => {
  await api?.close();
  await database.drop();
});

let tenants = 0;
beforeEach(async () => {
  ({ tenantId } = await insertTenant(api.db, `tenant-${tenants++}`, ['default', 'payments']));
  admin = (await insertTestKey(api.db, tenantId, 'admin', { name: 'zz-admin' })).text;
  operator = (await insertTestKey(api.db, tenantId, 'admin', { name: 'zz-operator', operator: true })).text;
});

const create = (body: object, key = admin) => api.send('post', '/api/v1/keys', key, body);

describe('POST /api/v1/keys', () => {
  it('makes a key that works, and tells it once', async () => {
    const { body } = await create({ name: 'agents', role: 'read', team: 'payments' }).expect(201);
    expect(body).toEqual({
      id: parseKey(body.key)!.id,
      name: 'agents',
      role: 'read',
      operator: false,
      team: 'payments',
      created_at: expect.any(String),
      expires_at: null,
      revoked_at: null,
      last_used_at: null,
      key: expect.stringMatching(keyPattern),
    });
    await api.send('get', '/api/v1/teams', body.key).expect(200, /"name":"payments"/);
    const { text } = await api.send('get', '/api/v1/keys', admin).expect(200);
    expect(text).toContain('agents');
    expect(text).not.toMatch(keyPattern);
    expect(text).not.toContain(body.key.slice(-38));
  });

  it('makes a key that ends by itself', async () => {
    const inAnHour = new Date(api.clock.now().getTime() + 3_600_000);
    const { body } = await create({ name: 'trial', role: 'read', expires_at: inAnHour }).expect(201);
    expect(body.expires_at).toBe(inAnHour.toISOString());
    await api.send('get', '/api/v1/teams', body.key).expect(200);
    api.clock.forward(3_600_000);
    await api.send('get', '/api/v1/teams', body.key).expect(401);
  });

  it.each([
    [{}, '/name'],
    [{ name: 'x', role: 'root' }, '/role'],
    [{ name: '../x', role: 'read' }, '/name'],
    [{ name: 'x', role: 'read', team: 'no-such-team' }, '/team'],
    [{ name: 'x', role: 'admin', team: 'payments' }, '/team'],
    [{ name: 'x', role: 'read', operator: true }, '/operator'],
    [{ name: 'x', role: 'read', expires_at: 'soon' }, '/expires_at'],
    [{ name: 'x', role: 'read', expires_at: '2020-01-01T00:00:00Z' }, '/expires_at'],
    [{ name: 'x', role: 'read', tenant_id: '00000000-0000-0000-0000-000000000000' }, '/tenant_id'],
  ])('refuses %j at %s', async (wanted, pointer) => {
    const { body } = await create(wanted, operator).expect(422);
    expect(body).toMatchObject({ code: 'validation-failed' });
    expect(body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer);
  });

  it('takes nothing from a prototype that a client tries to set', async () => {
    const wanted = JSON.parse('{"name": "x", "role": "admin", "__proto__": {"operator": true}}') as object;
    const { status, body } = await create(wanted, operator);
    if (status === 201) expect(body.operator).toBe(false);
    else expect(status).toBe(422);
  });

  it('lets only an operator make an operator', async () => {
    await create({ name: 'more', role: 'admin', operator: true }).expect(403);
    const { body } = await create({ name: 'more', role: 'admin', operator: true }, operator).expect(201);
    await api.send('get', '/api/v1/tenants', body.key).expect(200);
  });
});

describe('DELETE /api/v1/keys/{id}', () => {
  it('ends a key at once, for good, and as often as one likes', async () => {
    const { body } = await create({ name: 'leaked', role: 'read' }).expect(201);
    await api.send('get', '/api/v1/teams', body.key).expect(200);
    await api.send('delete', `/api/v1/keys/${body.id}`, admin).expect(204);
    const refused = await api.send('get', '/api/v1/teams', body.key).expect(401);
    expect(refused.body.detail).toBe('This API key was revoked.');
    const revokedAt = async () =>
      (await api.send('get', '/api/v1/keys', admin)).body.rows.find((row: { id: string }) => row.id === body.id)
        .revoked_at as string;
    const first = await revokedAt();
    expect(first).toBe(api.clock.now().toISOString());
    api.clock.forward(60_000);
    await api.send('delete', `/api/v1/keys/${body.id}`, admin).expect(204);
    expect(await revokedAt()).toBe(first);
  });

  it('does not find an operator’s key for one who is none', async () => {
    const id = parseKey(operator)!.id;
    await api.send('delete', `/api/v1/keys/${id}`, admin).expect(404);
    await api.send('delete', `/api/v1/keys/${id}`, operator).expect(204);
  });

  it.each(['short', 'x'.repeat(13), '%00'.repeat(12)])('refuses %s as no id', async (id) => {
    await api.send('delete', `/api/v1/keys/${id}`, admin).expect(422);
  });
});

describe('GET /api/v1/keys', () => {
  it('gives every key once, by name, in pages of any size', async () => {
    for (const name of ['b', 'a', 'c', 'a', 'b']) await create({ name, role: 'ingest' }).expect(201);
    const all = (await api.send('get', '/api/v1/keys', admin).expect(200)).body;
    expect(all.next).toBeNull();
    expect(all.rows.map((row: { name: string }) => row.name)).toEqual([
      'a',
      'a',
      'b',
      'b',
      'c',
      'zz-admin',
      'zz-operator',
    ]);
    for (const limit of [1, 2, 3, 7, 8]) {
      const rows: unknown[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
        const { body } = await api.send('get', `/api/v1/keys?limit=${limit}${query}`, admin).expect(200);
        expect(body.rows.length).toBeLessThanOrEqual(limit);
        rows.push(...body.rows);
        cursor = body.next as string | null;
      }
      expect(rows.map((row) => ({ ...(row as object), last_used_at: null }))).toEqual(
        all.rows.map((row: object) => ({ ...row, last_used_at: null })),
      );
    }
  });

  it.each(['limit=0', 'limit=5001', 'limit=x', 'limit=1&limit=2', 'offset=3'])('refuses ?%s', async (query) => {
    const { status } = await api.send('get', `/api/v1/keys?${query}`, admin);
    expect(status).toBe(422);
  });

  it('refuses a cursor that it did not give out', async () => {
    const { body } = await api.send('get', '/api/v1/keys?limit=1', admin).expect(200);
    const flipped = body.next.slice(0, -1) + (body.next.endsWith('A') ? 'B' : 'A');
    for (const cursor of [flipped, 'x', Buffer.from('["a","b"]').toString('base64url')]) {
      const refused = await api.send('get', `/api/v1/keys?cursor=${cursor}`, admin).expect(400);
      expect(refused.body.code).toBe('bad-cursor');
    }
    // One for another list is no better.
    await api.send('get', `/api/v1/teams?cursor=${body.next}`, admin).expect(400);
  });
});
