import { randomUUID } from 'node:crypto';
import type { TenantId, Tx } from '../../src/platform/database.js';
import type { Problem } from '../../src/platform/problem.js';
import type { Caller } from '../../src/tenants/caller.js';
import { TenantLimits } from '../../src/tenants/limits.js';
import { ServiceRegistry } from '../../src/tenants/services.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { callerOf, countConnections, insertTenant, SetClock } from './fixture.js';

let database: TestDatabase;
let tenantId: TenantId;
let teamIds: Record<string, string>;
let clock: SetClock;
let registry: ServiceRegistry;
let admin: Caller;
let payments: Caller;
let search: Caller;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

beforeEach(async () => {
  ({ tenantId, teamIds } = await insertTenant(database.db, randomUUID(), ['default', 'payments', 'search']));
  clock = new SetClock();
  registry = newProcess();
  admin = callerOf(tenantId);
  payments = callerOf(tenantId, { role: 'ci', teamId: teamIds.payments, teamName: 'payments' });
  search = callerOf(tenantId, { role: 'ci', teamId: teamIds.search, teamName: 'search' });
});

/** As another process would be: the same database and time, a cache of its own. */
function newProcess(): ServiceRegistry {
  return new ServiceRegistry(database.db, new TenantLimits(database.db, clock), clock);
}

const inTenant = <T>(work: (tx: Tx) => Promise<T>) => database.db.withTenant(tenantId, work);
const ensure = (caller: Caller, name: string, team?: string, at = registry) =>
  inTenant((tx) => at.ensure(tx, caller, name, { team }));
const problemOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: Problem) => ({ code: error.code, message: error.message }),
  );

describe('a service', () => {
  it('is made by its first upload: for the team of the key, else the one named, else default', async () => {
    expect(await ensure(payments, 'a', 'search')).toMatchObject({ name: 'a', teamName: 'payments' });
    expect(await ensure(admin, 'b', 'search')).toMatchObject({ name: 'b', teamName: 'search' });
    expect(await ensure(admin, 'c')).toMatchObject({ name: 'c', teamName: 'default' });
  });

  it('keeps its owner whatever later uploads say, even about teams that do not exist', async () => {
    const first = await ensure(admin, 'a', 'payments');
    expect(await ensure(admin, 'a', 'search')).toEqual(first);
    expect(await ensure(admin, 'a', 'no-such-team')).toEqual(first);
    expect(await ensure(admin, 'a', undefined, newProcess())).toEqual(first);
  });

  it('is not made for a team that does not exist', async () => {
    expect(await problemOf(ensure(admin, 'a', 'payment'))).toMatchObject({ code: 'validation-failed' });
    expect(await inTenant((tx) => registry.findVisible(tx, admin, 'a'))).toBeNull();
  });

  it('is one, though many uploads and processes meet its name for the first time at once', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, () => ensure(admin, 'a', undefined, newProcess())));
    expect(new Set(all.map(({ serviceId }) => serviceId)).size).toBe(1);
  });

  it('does not exist for another team, in the same words as one that does not exist at all', async () => {
    await ensure(payments, 'theirs');
    const ask = (caller: Caller, name: string) => problemOf(inTenant((tx) => registry.getVisible(tx, caller, name)));
    const missing = await ask(search, 'nobodys');
    expect(missing).toMatchObject({ code: 'not-found' });
    const foreign = await ask(search, 'theirs');
    expect(foreign).toEqual({ ...missing, message: missing!.message.replace('nobodys', 'theirs') });
    expect(await problemOf(ensure(search, 'theirs'))).toEqual(foreign);
    expect(await inTenant((tx) => registry.findVisible(tx, search, 'theirs'))).toBeNull();
    expect(await inTenant((tx) => registry.findVisible(tx, payments, 'theirs'))).toMatchObject({ name: 'theirs' });
    expect(await inTenant((tx) => registry.findVisible(tx, admin, 'theirs'))).toMatchObject({ name: 'theirs' });
  });

  it('changes hands at once here and within five seconds elsewhere', async () => {
    const elsewhere = newProcess();
    const { serviceId } = await ensure(payments, 'a', undefined);
    await ensure(payments, 'a', undefined, elsewhere);
    expect(await registry.setOwner(admin, 'a', 'search')).toEqual({
      serviceId,
      name: 'a',
      teamId: teamIds.search,
      teamName: 'search',
    });
    const find = (at: ServiceRegistry, caller: Caller) => inTenant((tx) => at.findVisible(tx, caller, 'a'));
    expect(await find(registry, payments)).toBeNull();
    expect(await find(registry, search)).toMatchObject({ serviceId });
    clock.forward(5_000);
    expect(await find(elsewhere, payments)).toBeNull();
    expect(await find(elsewhere, search)).toMatchObject({ serviceId });
  });

  it('of the same name in two tenants is two services, and the cache knows it', async () => {
    const twin = await insertTenant(database.db, randomUUID());
    const ours = await ensure(admin, 'checkout-api');
    // Asked for once more, it is cached.
    await ensure(admin, 'checkout-api');
    const theirs = await database.db.withTenant(twin.tenantId, (tx) =>
      registry.ensure(tx, callerOf(twin.tenantId), 'checkout-api'),
    );
    expect(theirs.serviceId).not.toBe(ours.serviceId);
    expect((await ensure(admin, 'checkout-api')).serviceId).toBe(ours.serviceId);
  });

  it('that was rolled back is made anew, and its first id is forgotten', async () => {
    const lost = inTenant(async (tx) => {
      await registry.ensure(tx, admin, 'a');
      await registry.ensure(tx, admin, 'a');
      throw new Error('the upload failed');
    });
    await expect(lost).rejects.toThrow('the upload failed');
    const { serviceId } = await ensure(admin, 'a');
    const rows = await inTenant((tx) =>
      tx.query<unknown[]>('select service_id from service where tenant_id = $1', [tenantId]),
    );
    expect(rows).toEqual([{ service_id: serviceId }]);
  });

  it.each(['', '..', '../x', 'a b', 'a\0', 'x'.repeat(129)])('is not made with the name %j', async (name) => {
    expect(await problemOf(ensure(admin, name))).toMatchObject({ code: 'invalid-name' });
  });

  it('is not made beyond the tenant’s limit, while those that exist go on', async () => {
    await database.db.acrossTenants((tx) =>
      tx.query('update tenant set limits = $2 where tenant_id = $1', [tenantId, { services: 2 }]),
    );
    await ensure(admin, 'a');
    await ensure(admin, 'b');
    await expect(ensure(admin, 'c')).rejects.toMatchObject({ code: 'quota-exceeded' });
    expect(await ensure(admin, 'a')).toMatchObject({ name: 'a' });
  });
});

describe('an instance', () => {
  it('that was rolled back is made anew, and its first id is forgotten', async () => {
    const { serviceId } = await ensure(admin, 'a');
    const make = (tx: Tx) => registry.ensureInstance(tx, tenantId, serviceId, 'pod-1', clock.now());
    const lost = inTenant(async (tx) => {
      await make(tx);
      await make(tx);
      throw new Error('the upload failed');
    });
    await expect(lost).rejects.toThrow('the upload failed');
    const instanceId = await inTenant(make);
    const rows = await inTenant((tx) =>
      tx.query<unknown[]>('select instance_id from instance where tenant_id = $1', [tenantId]),
    );
    expect(rows).toEqual([{ instance_id: instanceId }]);
  });

  it('is one per service and name, with the time of its first sight', async () => {
    const { serviceId } = await ensure(admin, 'a');
    const { serviceId: other } = await ensure(admin, 'b');
    const seen = clock.now();
    const make = (service: string, at = registry) =>
      inTenant((tx) => at.ensureInstance(tx, tenantId, service, 'pod-1', clock.now()));
    const ids = await Promise.all(Array.from({ length: 8 }, () => make(serviceId, newProcess())));
    expect(new Set(ids).size).toBe(1);
    clock.forward(60_000);
    expect(await make(serviceId)).toBe(ids[0]);
    expect(await make(other)).not.toBe(ids[0]);
    const [row] = await inTenant((tx) =>
      tx.query<unknown[]>('select first_seen, last_seen from instance where tenant_id = $1 and service_id = $2', [
        tenantId,
        serviceId,
      ]),
    );
    expect(row).toEqual({ first_seen: seen, last_seen: seen });
  });

  it('is not made beyond the limit, unless the others were last seen over a day ago', async () => {
    await database.db.acrossTenants((tx) =>
      tx.query('update tenant set limits = $2 where tenant_id = $1', [tenantId, { instances_per_service: 2 }]),
    );
    const { serviceId } = await ensure(admin, 'a');
    const make = (name: string) =>
      inTenant((tx) => registry.ensureInstance(tx, tenantId, serviceId, name, clock.now()));
    const first = await make('pod-1');
    await make('pod-2');
    await expect(make('pod-3')).rejects.toMatchObject({ code: 'quota-exceeded' });
    expect(await make('pod-1')).toBe(first);
    clock.forward(86_400_000);
    expect(await make('pod-3')).toMatch(/^\d+$/);
  });
});

it('an upload of a known instance costs no query of the registry', async () => {
  const { serviceId } = await ensure(admin, 'a');
  await inTenant((tx) => registry.ensureInstance(tx, tenantId, serviceId, 'pod-1', clock.now()));
  const again = async (tx: Tx) => {
    const service = await registry.ensure(tx, admin, 'a');
    return registry.ensureInstance(tx, tenantId, service.serviceId, 'pod-1', clock.now());
  };
  await inTenant(again);
  // With a transaction that cannot run anything any more, only the caches can answer.
  const closed = await inTenant((tx) => Promise.resolve(tx));
  const { taken } = await countConnections(database.db, () => again(closed));
  expect(taken).toBe(0);
});
