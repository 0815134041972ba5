import type { TenantId } from '../../src/platform/database.js';
import { defaultLimits } from '../../src/tenants/limits.js';
import { ServiceRegistry } from '../../src/tenants/services.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { callerOf, insertTenant, insertTestKey } from '../tenants/fixture.js';
import { startTenantsApi, type TenantsApi } from '../tenants/tenants-api.js';

let database: TestDatabase;
let api: TenantsApi;
let tenantId: TenantId;
let teamIds: Record<string, string>;
let admin: string;
let operator: string;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await startTenantsApi(database);
  ({ tenantId, teamIds } = await insertTenant(api.db, 'acme', ['default', 'payments']));
  admin = (await insertTestKey(api.db, tenantId, 'admin')).text;
  operator = (await insertTestKey(api.db, tenantId, 'admin', { operator: true })).text;
});
afterEach(async () => {
  await api?.close();
  await database.drop();
});

const names = (body: { rows: { name: string }[] }) => body.rows.map(({ name }) => name);

describe('a tenant', () => {
  it('is made with its team default and an admin key, by an operator', async () => {
    const { body } = await api.send('post', '/api/v1/tenants', operator, { name: 'globex' }).expect(201);
    expect(body).toMatchObject({ name: 'globex', id: expect.any(String), created_at: expect.any(String) });
    const teams = await api.send('get', '/api/v1/teams', body.admin_key).expect(200);
    expect(names(teams.body)).toEqual(['default']);
    await api.send('post', '/api/v1/keys', body.admin_key, { name: 'agents', role: 'ingest' }).expect(201);
    await api.send('post', '/api/v1/tenants', body.admin_key, { name: 'mine' }).expect(403);

    const list = await api.send('get', '/api/v1/tenants', operator).expect(200);
    expect(list.body).toMatchObject({
      rows: [
        { name: 'acme', id: tenantId },
        { name: 'globex', id: body.id },
      ],
      next: null,
    });
    expect(list.text).not.toContain('tmk_');
  });

  it('has a name that no other has; a refused one leaves nothing behind', async () => {
    const { body } = await api.send('post', '/api/v1/tenants', operator, { name: 'acme' }).expect(409);
    expect(body.code).toBe('conflict');
    const rows = await api.db.acrossTenants((tx) => tx.query('select from tenant'));
    expect(rows).toHaveLength(1);
    const keys = await api.db.acrossTenants((tx) => tx.query('select from api_key'));
    expect(keys).toHaveLength(2);
  });

  it('list comes in pages', async () => {
    for (const name of ['b', 'c', 'd']) await api.send('post', '/api/v1/tenants', operator, { name }).expect(201);
    const first = await api.send('get', '/api/v1/tenants?limit=3', operator).expect(200);
    expect(names(first.body)).toEqual(['acme', 'b', 'c']);
    const second = await api.send('get', `/api/v1/tenants?limit=3&cursor=${first.body.next}`, operator).expect(200);
    expect(second.body).toMatchObject({ rows: [{ name: 'd' }], next: null });
  });
});

describe('a team', () => {
  it('is made by an admin and seen by readers; a key with a team sees its own only', async () => {
    await api.send('post', '/api/v1/teams', admin, { name: 'search' }).expect(201);
    await api.send('post', '/api/v1/teams', admin, { name: 'search' }).expect(409);
    await api.send('post', '/api/v1/teams', admin, { name: 'a/b' }).expect(422);
    const read = await insertTestKey(api.db, tenantId, 'read');
    const scoped = await insertTestKey(api.db, tenantId, 'read', { teamId: teamIds.payments });
    expect(names((await api.send('get', '/api/v1/teams', read.text).expect(200)).body)).toEqual([
      'default',
      'payments',
      'search',
    ]);
    expect(names((await api.send('get', '/api/v1/teams', scoped.text).expect(200)).body)).toEqual(['payments']);
  });

  it('gets a service from an admin, slash in its name or not', async () => {
    for (const service of ['checkout-api', 'shop/checkout']) {
      await api.db.withTenant(tenantId, (tx) => api.app.get(ServiceRegistry).ensure(tx, callerOf(tenantId), service));
      const path = `/api/v1/services/${encodeURIComponent(service)}/owner`;
      const { body } = await api.send('put', path, admin, { team: 'payments' }).expect(200);
      expect(body).toEqual({ service, team: 'payments' });
      const unknown = await api.send('put', path, admin, { team: 'nobody' }).expect(422);
      expect(unknown.body.errors).toMatchObject([{ pointer: '/team', code: 'unknown-team' }]);
    }
    await api.send('put', '/api/v1/services/missing/owner', admin, { team: 'payments' }).expect(404);
    await api.send('put', '/api/v1/services/..%2Fx/owner', admin, { team: 'payments' }).expect(422);
  });
});

describe('limits', () => {
  it('are told to every key and set by an operator only', async () => {
    const ingest = await insertTestKey(api.db, tenantId, 'ingest');
    const { body } = await api.send('get', '/api/v1/limits', ingest.text).expect(200);
    expect(body).toEqual({ limits: defaultLimits, overrides: {} });
    await api.send('put', '/api/v1/limits', admin, { labels: 1_000 }).expect(403);
    const set = await api.send('put', '/api/v1/limits', operator, { labels: 1_000 }).expect(200);
    expect(set.body).toEqual({ limits: { ...defaultLimits, labels: 1_000 }, overrides: { labels: 1_000 } });
    const again = await api.send('put', '/api/v1/limits', operator, { services: 9 }).expect(200);
    expect(again.body).toEqual({ limits: { ...defaultLimits, services: 9 }, overrides: { services: 9 } });
  });

  it('of another tenant are an operator’s business, by the tenant’s name', async () => {
    const { body } = await api.send('post', '/api/v1/tenants', operator, { name: 'globex' }).expect(201);
    await api.send('put', '/api/v1/tenants/globex/limits', operator, { body_bytes: 1_000 }).expect(200);
    const theirs = await api.send('get', '/api/v1/limits', body.admin_key).expect(200);
    expect(theirs.body.limits.body_bytes).toBe(1_000);
    const ours = await api.send('get', '/api/v1/limits', admin).expect(200);
    expect(ours.body.limits.body_bytes).toBe(defaultLimits.body_bytes);
    await api.send('get', '/api/v1/tenants/globex/limits', admin).expect(403);
    await api.send('get', '/api/v1/tenants/nobody/limits', operator).expect(404);
  });

  it.each([
    { labels: -1 },
    { labels: 1.5 },
    { labels: '3' },
    { labels: null },
    { body_bytes: 0 },
    { bogus: 1 },
    { services: 1e300 },
  ])('cannot be %j', async (limits) => {
    await api.send('put', '/api/v1/limits', operator, limits).expect(422);
  });
});
