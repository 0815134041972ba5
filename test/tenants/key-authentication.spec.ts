import { pino } from 'pino';
import type { TenantId } from '../../src/platform/database.js';
import type { Caller } from '../../src/tenants/caller.js';
import { KeyAuthentication } from '../../src/tenants/key-authentication.js';
import { generateKey, hashesMatch, parseKey } from '../../src/tenants/key-format.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { withClient } from '../database-server.js';
import { countConnections, insertTenant, insertTestKey, SetClock } from './fixture.js';

let database: TestDatabase;
let tenantId: TenantId;
let teamIds: Record<string, string>;
let clock: SetClock;
let logged: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  ({ tenantId, teamIds } = await insertTenant(database.db, 'acme', ['default', 'payments']));
});
afterAll(() => database.drop());

beforeEach(() => {
  clock = new SetClock();
  logged = [];
});

/** As another API process would be: the same database and time, a cache of its own. */
function newProcess(): KeyAuthentication {
  return new KeyAuthentication(database.db, clock, pino({ level: 'info' }, { write: (line) => logged.push(line) }));
}

async function revoke(keyId: string): Promise<void> {
  await database.db.acrossTenants((tx) =>
    tx.query('update api_key set revoked_at = $2 where key_id = $1', [keyId, clock.now()]),
  );
}

async function lastUsedAt(keyId: string): Promise<Date | null> {
  const [row] = await database.db.acrossTenants((tx) =>
    tx.query<{ last_used_at: Date | null }[]>('select last_used_at from api_key where key_id = $1', [keyId]),
  );
  return row.last_used_at;
}

describe('a presented key', () => {
  it('tells tenant, role and team', async () => {
    const key = await insertTestKey(database.db, tenantId, 'read', { teamId: teamIds.payments });
    expect(await newProcess().authenticate(key.text)).toEqual<Caller>({
      tenantId,
      tenantName: 'acme',
      keyId: key.id,
      role: 'read',
      operator: false,
      teamId: teamIds.payments,
      teamName: 'payments',
    });
  });

  it('opens nothing if nobody issued it, or if only its id is right', async () => {
    const keys = newProcess();
    expect(await keys.authenticate(generateKey('admin').text)).toBe('unknown');

    const real = await insertTestKey(database.db, tenantId, 'admin');
    const forged = generateKey('admin');
    await database.db.acrossTenants((tx) =>
      tx.query('update api_key set key_id = $2 where key_id = $1', [real.id, forged.id]),
    );
    expect(await keys.authenticate(forged.text)).toBe('unknown');
  });

  it('is no key after it expired, to the millisecond and whatever is cached', async () => {
    const key = await insertTestKey(database.db, tenantId, 'ci', {
      expiresAt: new Date(clock.now().getTime() + 1_000),
    });
    const keys = newProcess();
    expect(await keys.authenticate(key.text)).toMatchObject({ keyId: key.id });
    clock.forward(999);
    expect(await keys.authenticate(key.text)).toMatchObject({ keyId: key.id });
    clock.forward(1);
    expect(await keys.authenticate(key.text)).toBe('expired');
  });

  it('is refused within five seconds after another process revoked it, and at once where it was revoked', async () => {
    const key = await insertTestKey(database.db, tenantId, 'ingest');
    const [here, elsewhere] = [newProcess(), newProcess()];
    expect(await here.authenticate(key.text)).toMatchObject({ keyId: key.id });
    expect(await elsewhere.authenticate(key.text)).toMatchObject({ keyId: key.id });
    await revoke(key.id);
    here.forget(key.id);
    expect(await here.authenticate(key.text)).toBe('revoked');
    clock.forward(5_000);
    expect(await elsewhere.authenticate(key.text)).toBe('revoked');
  });

  it('is not believed for longer because the clock was set back', async () => {
    const key = await insertTestKey(database.db, tenantId, 'ingest');
    const keys = newProcess();
    await keys.authenticate(key.text);
    await revoke(key.id);
    clock.forward(-3_600_000);
    expect(await keys.authenticate(key.text)).toBe('revoked');
  });
});

describe('what a key costs the database', () => {
  it('is nothing for noise, typos and wrong checksums, however many', async () => {
    const { text } = await insertTestKey(database.db, tenantId, 'ingest');
    const keys = newProcess();
    const bad = [...text].slice(11).map((_, i) => `${text.slice(0, 11 + i)}~${text.slice(12 + i)}`);
    const { taken, result } = await countConnections(database.db, () =>
      Promise.all([...bad, '', 'x'.repeat(100_000), text.slice(1)].map((noise) => keys.authenticate(noise))),
    );
    expect(new Set(result)).toEqual(new Set(['malformed']));
    expect(taken).toBe(0);
  });

  it('is one look-up in five seconds for a good key and for a bad one, also when all come at once', async () => {
    const good = await insertTestKey(database.db, tenantId, 'ingest');
    const bad = generateKey('ingest');
    const keys = newProcess();
    await keys.authenticate(good.text);
    await keys.onModuleDestroy();
    clock.forward(5_000);
    for (const { text } of [good, bad]) {
      const { taken } = await countConnections(database.db, async () => {
        await Promise.all(Array.from({ length: 500 }, () => keys.authenticate(text)));
        clock.forward(4_999);
        await keys.authenticate(text);
      });
      expect(taken).toBe(1);
    }
  });

  it('is one connection at a time for a flood of well-formed keys that nobody issued, and good ones get through', async () => {
    const good = await insertTestKey(database.db, tenantId, 'ingest');
    const keys = newProcess();
    const flood = Array.from({ length: 3_000 }, () => generateKey('ingest').text);
    const { taken, result } = await countConnections(database.db, () =>
      Promise.all([...flood.map((text) => keys.authenticate(text)), keys.authenticate(good.text)]),
    );
    expect(result.filter((answer) => answer === 'unknown')).toHaveLength(3_000);
    expect(result.at(-1)).toMatchObject({ keyId: good.id });
    // The first alone, the others by the thousand, and the last use of the good one.
    expect(taken).toBeLessThanOrEqual(6);
  });
});

describe('the last use of a key', () => {
  it('is recorded once a minute', async () => {
    const key = await insertTestKey(database.db, tenantId, 'ingest');
    const keys = newProcess();
    const first = clock.now();
    await keys.authenticate(key.text);
    await keys.onModuleDestroy();
    expect(await lastUsedAt(key.id)).toEqual(first);
    clock.forward(59_000);
    await keys.authenticate(key.text);
    await keys.onModuleDestroy();
    expect(await lastUsedAt(key.id)).toEqual(first);
    clock.forward(5_000);
    await keys.authenticate(key.text);
    await keys.onModuleDestroy();
    expect(await lastUsedAt(key.id)).toEqual(clock.now());
  });

  it('that cannot be recorded is logged without a secret, and the caller gets in', async () => {
    const key = await insertTestKey(database.db, tenantId, 'ingest');
    const keys = newProcess();
    const owner = (sql: string) => withClient(database.ownerUrl, (client) => client.query(sql));
    await owner('revoke update on api_key from tidemark_app');
    try {
      expect(await keys.authenticate(key.text)).toMatchObject({ keyId: key.id });
      await keys.onModuleDestroy();
    } finally {
      await owner('grant update on api_key to tidemark_app');
    }
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(key.id);
    expect(logged[0]).not.toContain(key.text);
  });
});

it('a key lies in the database as a hash alone', async () => {
  const key = await insertTestKey(database.db, tenantId, 'admin');
  const [row] = await database.db.acrossTenants((tx) =>
    tx.query<{ secret_hash: Buffer; whole: string }[]>(
      'select secret_hash, k::text as whole from api_key k where key_id = $1',
      [key.id],
    ),
  );
  const secret = key.text.slice(-38, -6);
  expect(row.whole).not.toContain(secret);
  expect(row.whole).not.toContain(Buffer.from(secret).toString('hex'));
  expect(hashesMatch(row.secret_hash, parseKey(key.text)!.hash)).toBe(true);
});
