import { Controller, Get, Post } from '@nestjs/common';
import { PprofRoute } from '../../src/platform/problem.filter.js';
import { Public } from '../../src/platform/public-route.js';
import { Allow } from '../../src/tenants/allow.js';
import { type Caller, CurrentCaller } from '../../src/tenants/caller.js';
import { generateKey } from '../../src/tenants/key-format.js';
import { RouteAccessCheck } from '../../src/tenants/route-access.js';
import type { TenantId } from '../../src/platform/database.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant, insertTestKey } from './fixture.js';
import { type Method, startTenantsApi, type TenantsApi } from './tenants-api.js';

@Controller('probe')
@Allow('admin')
class ProbeController {
  @Get('caller')
  @Allow('ingest', 'read', 'ci', 'admin')
  caller(@CurrentCaller() caller: Caller): Caller {
    return caller;
  }

  @Get('open')
  @Public()
  open(): string {
    return 'open';
  }

  @Get('profile.pb.gz')
  @Allow('read')
  @PprofRoute()
  profile(): string {
    return 'profile';
  }

  @Post('of-the-class')
  ofTheClass(): string {
    return 'class';
  }
}

@Controller('forgotten')
class ForgottenController {
  @Get('decided')
  @Public()
  decided(): string {
    return '';
  }

  @Get('undecided')
  undecided(): string {
    return '';
  }
}

let database: TestDatabase;
let api: TenantsApi;
let tenantId: TenantId;
let keys: Record<'ingest' | 'read' | 'ci' | 'admin' | 'operator', string>;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await startTenantsApi(database, { controllers: [ProbeController] });
  ({ tenantId } = await insertTenant(api.db, 'acme'));
  const make = async (role: 'ingest' | 'read' | 'ci' | 'admin', operator = false) =>
    (await insertTestKey(api.db, tenantId, role, { operator })).text;
  keys = {
    ingest: await make('ingest'),
    read: await make('read'),
    ci: await make('ci'),
    admin: await make('admin'),
    operator: await make('admin', true),
  };
});
afterAll(async () => {
  await api?.close();
  await database.drop();
});

describe('every route', () => {
  it('is for exactly whom its mark names, for every key and for none', async () => {
    for (const { method, path, access } of api.app.get(RouteAccessCheck).routes()) {
      for (const [kind, key] of [['none', null], ...Object.entries(keys)] as [string, string | null][]) {
        const url = path.replace(/:\w+/g, 'x');
        const { status } = await api.send(method.toLowerCase() as Method, url, key);
        const may = access === 'public' || access!.some((p) => p === kind || (kind === 'operator' && p === 'admin'));
        const expected = may ? 'passes' : key === null ? '401' : '403';
        const answered = status === 401 || status === 403 ? String(status) : 'passes';
        expect(`${method} ${path} ${kind}: ${answered}`).toBe(`${method} ${path} ${kind}: ${expected}`);
      }
    }
  });

  it('of this part is on the list of who may do what', () => {
    const routes = api.app.get(RouteAccessCheck).routes();
    const table = Object.fromEntries(
      routes
        .filter(({ path }) => path.startsWith('/api/'))
        .map(({ method, path, access }) => [`${method} ${path}`, [access].flat().join(' ')]),
    );
    expect(table).toEqual({
      'POST /api/v1/keys': 'admin',
      'GET /api/v1/keys': 'admin',
      'DELETE /api/v1/keys/:id': 'admin',
      'GET /api/v1/limits': 'ingest read ci admin',
      'PUT /api/v1/limits': 'operator',
      'GET /api/v1/thresholds': 'read ci admin',
      'PUT /api/v1/thresholds': 'admin',
      'GET /api/v1/tenants/:tenant/limits': 'operator',
      'PUT /api/v1/tenants/:tenant/limits': 'operator',
      'POST /api/v1/teams': 'admin',
      'GET /api/v1/teams': 'read ci admin',
      'PUT /api/v1/services/:service/owner': 'admin',
      'POST /api/v1/tenants': 'operator',
      'GET /api/v1/tenants': 'operator',
    });
  });

  it('needs a decision, or the process does not start', async () => {
    await expect(startTenantsApi(database, { controllers: [ForgottenController] })).rejects.toThrow(
      'Every route needs @Allow(...) or @Public(); these have neither: ' +
        'GET /forgotten/undecided (ForgottenController.undecided)',
    );
  });

  it('may override the mark of its controller, in both directions', () => {
    const access = Object.fromEntries(
      api.app
        .get(RouteAccessCheck)
        .routes()
        .map((route) => [route.path, route.access]),
    );
    expect(access['/probe/open']).toBe('public');
    expect(access['/probe/of-the-class']).toEqual(['admin']);
    expect(access['/probe/caller']).toEqual(['ingest', 'read', 'ci', 'admin']);
  });
});

describe('a key', () => {
  const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const probe = (authorization?: string) => {
    const sent = api.send('get', '/probe/caller');
    return authorization === undefined ? sent : sent.set('Authorization', authorization);
  };

  it('comes as Bearer or as the password of Basic, whatever the user', async () => {
    for (const authorization of [
      `Bearer ${keys.read}`,
      `bearer   ${keys.read}`,
      basic('any', keys.read),
      basic('', keys.read),
      basic('grafana@acme', keys.read),
    ]) {
      const { body } = await probe(authorization).expect(200);
      expect(body).toMatchObject({ tenantId, tenantName: 'acme', role: 'read' });
    }
  });

  it('that is missing, noise or unknown is answered 401 with a challenge and no hint of what exists', async () => {
    const answers = [
      await probe(),
      await probe(''),
      await probe('Bearer'),
      await probe('Bearer x'),
      await probe(`Digest ${keys.read}`),
      await probe(`Bearer ${keys.read} ${keys.read}`),
      await probe(basic(keys.read, '')),
      await probe('Basic !!!'),
      await probe(`Bearer ${generateKey('admin').text}`),
    ];
    for (const { status, body, headers } of answers) {
      expect(status).toBe(401);
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(body).toMatchObject({ code: 'unauthenticated', status: 401 });
      expect(headers['www-authenticate']).toMatch(/^Bearer realm="tidemark"/);
      expect(JSON.stringify(body)).not.toContain(keys.read);
    }
  });

  it('that is revoked or expired says so', async () => {
    const expired = await insertTestKey(api.db, tenantId, 'read', { expiresAt: api.clock.now() });
    const { body, headers } = await probe(`Bearer ${expired.text}`).expect(401);
    expect(body.detail).toBe('This API key has expired.');
    expect(headers['www-authenticate']).toBe('Bearer realm="tidemark", error="invalid_token"');
  });

  it('with the wrong role is told which one is needed', async () => {
    const { body, headers } = await api.send('get', '/api/v1/keys', keys.read).expect(403);
    expect(body).toMatchObject({
      code: 'insufficient-scope',
      detail: 'This needs a key with the role admin; the one presented has the role read.',
    });
    expect(headers['www-authenticate']).toBe('Bearer realm="tidemark", error="insufficient_scope"');
  });

  it('belongs to one tenant, and X-Scope-OrgID must name that one', async () => {
    const scoped = (tenant: string) => probe(`Bearer ${keys.read}`).set('X-Scope-OrgID', tenant);
    await scoped('acme').expect(200);
    await scoped(tenantId).expect(200);
    for (const other of ['other', 'ACME', 'acme|other', 'anonymous', '']) {
      const { body } = await scoped(other).expect(403);
      expect(body.code).toBe('insufficient-scope');
    }
  });
});

describe('an answer', () => {
  it('to a key is for nobody else’s cache, refusals as well', async () => {
    for (const key of [keys.read, keys.ingest, null]) {
      const { headers } = await api.send('get', '/api/v1/teams', key);
      expect(headers['cache-control']).toBe('private, no-cache');
      expect(headers.vary).toMatch(/\bAuthorization\b/);
    }
  });

  it('on a pprof route is an error text that go tool pprof shows', async () => {
    for (const [key, status, text] of [
      [null, 401, 'An API key is needed'],
      [keys.ingest, 403, 'the role read'],
    ] as const) {
      const answer = await api.send('get', '/probe/profile.pb.gz', key).expect(status);
      expect(answer.headers['content-type']).toMatch(/^text\/plain/);
      expect(answer.headers['x-go-pprof']).toBe('1');
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(answer.text).toContain(text);
    }
  });

  it('on a public route needs no key and minds no bad one', async () => {
    await api.send('get', '/probe/open').expect(200, 'open');
    await api.send('get', '/probe/open', 'nonsense').expect(200, 'open');
  });
});
