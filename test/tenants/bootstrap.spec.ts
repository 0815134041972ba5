import { pino } from 'pino';
import { AdminKeyError, bootstrap } from '../../src/tenants/bootstrap.js';
import { KeyAuthentication } from '../../src/tenants/key-authentication.js';
import { generateKey, parseKey } from '../../src/tenants/key-format.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { SetClock } from './fixture.js';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const authenticate = (text: string) =>
  new KeyAuthentication(database.db, new SetClock(), pino({ enabled: false })).authenticate(text);
const keyIds = async () =>
  (await database.db.acrossTenants((tx) => tx.query<{ key_id: string }[]>('select key_id from api_key'))).map(
    (row) => row.key_id,
  );

describe('the first start', () => {
  it('makes the tenant default with its team and an operator’s admin key; the second makes nothing', async () => {
    const { tenantId, createdKey } = await bootstrap(database.db, { adminKey: null });
    expect(await authenticate(createdKey!)).toMatchObject({
      tenantId,
      tenantName: 'default',
      role: 'admin',
      operator: true,
      teamId: null,
    });
    const teams = await database.db.readTenant(tenantId, (tx) => tx.query('select name from team'));
    expect(teams).toEqual([{ name: 'default' }]);
    expect(await bootstrap(database.db, { adminKey: null })).toEqual({ tenantId, createdKey: null });
    expect(await keyIds()).toHaveLength(1);
  });

  it('makes one key, though several processes start together', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => bootstrap(database.db, { adminKey: null })));
    expect(all.filter(({ createdKey }) => createdKey !== null)).toHaveLength(1);
    expect(new Set(all.map(({ tenantId }) => tenantId)).size).toBe(1);

    // Again where tenant and team are there and only the keys are gone: no row is left to queue up for.
    await database.db.acrossTenants((tx) => tx.query('delete from api_key'));
    const again = await Promise.all(Array.from({ length: 4 }, () => bootstrap(database.db, { adminKey: null })));
    expect(again.filter(({ createdKey }) => createdKey !== null)).toHaveLength(1);
  });

  it('takes the preset key instead, and tells no key', async () => {
    const { text } = generateKey('admin');
    const { tenantId, createdKey } = await bootstrap(database.db, { adminKey: text });
    expect(createdKey).toBeNull();
    expect(await authenticate(text)).toMatchObject({ tenantId, role: 'admin', operator: true });
    expect(await keyIds()).toEqual([parseKey(text)!.id]);
  });
});

describe('a preset key', () => {
  it('is the way back in when other keys are lost', async () => {
    await bootstrap(database.db, { adminKey: null });
    const { text } = generateKey('admin');
    await bootstrap(database.db, { adminKey: text });
    expect(await authenticate(text)).toMatchObject({ operator: true });
  });

  it('stays revoked once it was', async () => {
    const { text, id } = generateKey('admin');
    await bootstrap(database.db, { adminKey: text });
    await database.db.acrossTenants((tx) => tx.query('update api_key set revoked_at = now() where key_id = $1', [id]));
    await bootstrap(database.db, { adminKey: text });
    expect(await authenticate(text)).toBe('revoked');
  });

  it.each(['secret', 'tmk_admin_short', generateKey('admin').text.slice(0, -1), generateKey('read').text])(
    'is refused as %s, with one that would do',
    async (adminKey) => {
      const refusal = await bootstrap(database.db, { adminKey }).catch((error: unknown) => error as Error);
      expect(refusal).toBeInstanceOf(AdminKeyError);
      const { message } = refusal as AdminKeyError;
      expect(message).not.toContain(adminKey);
      expect(parseKey(message.split(' ').at(-1)!)).toMatchObject({ role: 'admin' });
      expect(await keyIds()).toEqual([]);
    },
  );
});
