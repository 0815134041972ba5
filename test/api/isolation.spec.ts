import { Controller, Get, Param, Post } from '@nestjs/common';
import fc from 'fast-check';
import type { Response } from 'supertest';
import { Database } from '../../src/platform/database.js';
import { Problem } from '../../src/platform/problem.js';
import { Allow } from '../../src/tenants/allow.js';
import { type Caller, CurrentCaller } from '../../src/tenants/caller.js';
import { generateKey } from '../../src/tenants/key-format.js';
import { ServiceRegistry } from '../../src/tenants/services.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';
import { startTenantsApi, type TenantsApi } from '../tenants/tenants-api.js';

/** Reads and writes as the parts that keep profiles do, and fails in the middle as they might. */
@Controller('probe')
@Allow('admin', 'ci')
class ProbeController {
  constructor(
    private readonly db: Database,
    private readonly services: ServiceRegistry,
  ) {}

  @Get('services')
  async list(@CurrentCaller() caller: Caller): Promise<unknown[]> {
    // No condition on the tenant: what keeps others' rows away here is the database alone.
    return this.db.readTenant(caller.tenantId, (tx) => tx.query('select name from service order by name'));
  }

  @Get('services/:name')
  async get(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<{ name: string; team: string }> {
    const service = await this.db.readTenant(caller.tenantId, (tx) => this.services.getVisible(tx, caller, name));
    return { name: service.name, team: service.teamName };
  }

  @Post('services/:name')
  async ensure(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<{ id: string }> {
    const service = await this.db.withTenant(caller.tenantId, (tx) => this.services.ensure(tx, caller, name));
    return { id: service.serviceId };
  }

  @Post('refused/:name')
  async refuse(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<void> {
    await this.db.withTenant(caller.tenantId, async (tx) => {
      await this.services.ensure(tx, caller, name);
      throw new Problem('conflict', 'refused after the write');
    });
  }

  @Post('broken/:name')
  async break(@CurrentCaller() caller: Caller, @Param('name') name: string): Promise<void> {
    await this.db.withTenant(caller.tenantId, async (tx) => {
      await this.services.ensure(tx, caller, name);
      await tx.query('select 1 / 0');
    });
  }
}

interface Twin {
  readonly name: string;
  readonly canary: string;
  readonly admin: string;
  readonly scoped: string;
  readonly keyIds: string[];
}

let database: TestDatabase;
let api: TenantsApi;
let a: Twin;
let b: Twin;

/** A tenant with the same team and service names as its twin, and names of its own that must be seen nowhere else. */
async function makeTwin(name: string, canary: string): Promise<Twin> {
  const { tenantId, teamIds } = await insertTenant(api.db, name, ['default', 'payments', `team-${canary}`]);
  const admin = await insertTestKey(api.db, tenantId, 'admin', { name: 'first' });
  const scoped = await insertTestKey(api.db, tenantId, 'ci', { name: `key-${canary}`, teamId: teamIds.payments });
  for (const service of ['checkout-api', `service-${canary}`]) {
    await api.send('post', `/probe/services/${service}`, admin.text).expect(201);
  }
  await api.send('post', '/probe/services/ledger', scoped.text).expect(201);
  return { name, canary, admin: admin.text, scoped: scoped.text, keyIds: [admin.id, scoped.id] };
}

beforeAll(async () => {
  database = await createTestDatabase();
  // One connection for everybody: whatever one request leaves behind on it, the next one finds.
  api = await startTenantsApi(database, { controllers: [ProbeController], poolSize: 1 });
  a = await makeTwin('acme', 'canaryofacme000000000000');
  b = await makeTwin('globex', 'canaryofglobex0000000000');
});
afterAll(async () => {
  await api?.close();
  await database.drop();
});

/** All that a client sees of an answer, but for what differs between any two: the time, the request's id, a hash of both. */
function seen({ status, headers, text }: Response, requested: string): unknown {
  const { date: _, etag: __, 'x-request-id': requestId, ...rest } = headers as Record<string, string>;
  return { status, headers: rest, text: text.replaceAll(requestId, '<request>').replaceAll(requested, '<requested>') };
}

describe('twin tenants', () => {
  it('see nothing of each other in any list', async () => {
    for (const path of ['/api/v1/teams', '/api/v1/keys', '/probe/services', '/probe/services/checkout-api']) {
      for (const [own, other] of [
        [a, b],
        [b, a],
      ]) {
        const { text } = await api.send('get', path, own.admin).expect(200);
        expect(text).not.toContain(other.canary);
        for (const id of other.keyIds) expect(text).not.toContain(id);
        if (path !== '/probe/services/checkout-api') expect(text).toContain(own.canary);
      }
    }
  });

  it('are answered about a foreign id, byte for byte, as about a random one', async () => {
    const random = generateKey('read').id;
    // As long as the foreign name, so that the lengths of the answers may be compared too.
    const nobodys = 'canaryofnobody0000000000';
    for (const [method, pathOf, foreign, unknown, body] of [
      ['delete', (id: string) => `/api/v1/keys/${id}`, b.keyIds[0], random, undefined],
      ['get', (name: string) => `/probe/services/${name}`, `service-${b.canary}`, `service-${nobodys}`, undefined],
      [
        'put',
        (name: string) => `/api/v1/services/${name}/owner`,
        `service-${b.canary}`,
        `service-${nobodys}`,
        { team: 'payments' },
      ],
    ] as const) {
      const ask = async (id: string) => seen(await api.send(method, pathOf(id), a.admin, body), id);
      const aboutForeign = (await ask(foreign)) as { status: number };
      expect(aboutForeign.status).toBe(404);
      expect(aboutForeign).toEqual(await ask(unknown));
    }
    // And nothing happened to what was asked for.
    await api.send('get', '/api/v1/keys', b.admin).expect(200);
    const { body } = await api.send('get', `/probe/services/service-${b.canary}`, b.admin).expect(200);
    expect(body.team).toBe('default');
  });

  it('cannot use each other’s cursors', async () => {
    const { body } = await api.send('get', '/api/v1/keys?limit=1', a.admin).expect(200);
    await api.send('get', `/api/v1/keys?limit=1&cursor=${body.next}`, a.admin).expect(200);
    await api.send('get', `/api/v1/keys?limit=1&cursor=${body.next}`, b.admin).expect(400);
  });

  it('may give the same names to their teams and services', async () => {
    const name = { name: 'same' };
    await api.send('post', '/api/v1/teams', a.admin, name).expect(201);
    await api.send('post', '/api/v1/teams', b.admin, name).expect(201);
    const ofA = await api.send('post', '/probe/services/same', a.admin).expect(201);
    const ofB = await api.send('post', '/probe/services/same', b.admin).expect(201);
    expect(ofA.body.id).not.toBe(ofB.body.id);
  });
});

describe('a key with a team', () => {
  it('is answered about another team’s service as about one that does not exist, to read or to write', async () => {
    const read = async (name: string) => seen(await api.send('get', `/probe/services/${name}`, a.scoped), name);
    const foreign = await read('checkout-api');
    expect(foreign).toMatchObject({ status: 404 });
    expect(foreign).toEqual(await read('nothing-here'));
    const written = await api.send('post', '/probe/services/checkout-api', a.scoped).expect(404);
    expect(seen(written, 'checkout-api')).toEqual(foreign);
  });

  it('sees its own team’s', async () => {
    const { body } = await api.send('get', '/probe/services/ledger', a.scoped).expect(200);
    expect(body).toEqual({ name: 'ledger', team: 'payments' });
  });
});

it('with one connection, any order of requests, refusals and failures gives each tenant its own rows and no other’s', async () => {
  const twins = [a, b];
  const before = await Promise.all(
    twins.map(async ({ admin }) => (await api.send('get', '/probe/services', admin)).text),
  );
  const step = fc.record({
    of: fc.constantFrom(0, 1),
    what: fc.constantFrom('list', 'get', 'refused', 'broken', 'conflict', 'unauthenticated', 'forbidden'),
    name: fc.constantFrom('p', 'q', 'r'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      await Promise.all(
        steps.map(async ({ of, what, name }) => {
          const { admin, scoped, canary } = twins[of];
          switch (what) {
            case 'list':
              expect((await api.send('get', '/probe/services', admin)).text).toBe(before[of]);
              break;
            case 'get':
              await api.send('get', `/probe/services/service-${canary}`, admin).expect(200);
              await api.send('get', `/probe/services/service-${twins[1 - of].canary}`, admin).expect(404);
              break;
            case 'refused':
              await api.send('post', `/probe/refused/${name}`, admin).expect(409);
              break;
            case 'broken':
              await api.send('post', `/probe/broken/${name}`, admin).expect(500);
              break;
            case 'conflict':
              await api.send('post', '/api/v1/teams', admin, { name: 'payments' }).expect(409);
              break;
            case 'unauthenticated':
              await api.send('get', '/probe/services', generateKey('admin').text).expect(401);
              break;
            case 'forbidden':
              await api.send('get', '/api/v1/keys', scoped).expect(403);
              break;
          }
        }),
      );
    }),
    { numRuns: 25 },
  );
  const left = await api.db.acrossTenants((tx) => tx.query<unknown[]>('select from service'));
  expect(left).toEqual([]);
});
