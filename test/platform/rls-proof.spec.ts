import { Database } from '../../src/platform/database.js';
import { IsolationError, proveIsolation } from '../../src/platform/rls-proof.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { withClient } from '../database-server.js';

describe('proveIsolation', () => {
  let test: TestDatabase;

  beforeEach(async () => {
    test = await createTestDatabase();
  });
  afterEach(() => test.drop());

  const asOwner = (sql: string) => withClient(test.ownerUrl, (client) => client.query(sql));

  async function faultsSeenBy(url: string): Promise<readonly string[]> {
    const db = await Database.open(url, { poolSize: 1 });
    try {
      await proveIsolation(db);
      return [];
    } catch (error) {
      if (error instanceof IsolationError) return error.faults;
      throw error;
    } finally {
      await db.close();
    }
  }

  it('holds for the migrated schema, with its monthly partitions, and the role of the service', async () => {
    await test.db.acrossTenants((tx) => tx.query('select ensure_month(now())'));
    await expect(proveIsolation(test.db)).resolves.toBeUndefined();
  });

  it.each([
    ['a superuser', () => test.superuserUrl, /superuser/],
    ['the owner', () => test.ownerUrl, /owns .*upload/],
  ])('refuses %s', async (_who, url, fault) => {
    expect(await faultsSeenBy(url())).toEqual(expect.arrayContaining([expect.stringMatching(fault)]));
  });

  it('refuses a role that can become the owner', async () => {
    await withClient(test.superuserUrl, async (client) => {
      await client.query(`create role member_of_owner login password 'x' in role tidemark_owner`);
      try {
        const url = Object.assign(new URL(test.appUrl), { username: 'member_of_owner', password: 'x' }).href;
        expect(await faultsSeenBy(url)).toContainEqual(expect.stringMatching(/owns .*upload/));
      } finally {
        await client.query('drop role member_of_owner');
      }
    });
  });

  it.each([
    ['row-level security off', 'alter table upload disable row level security', /upload is off/],
    ['row-level security not forced', 'alter table vector no force row level security', /vector is not forced/],
    ['no policy', 'drop policy tenant_isolation on service', /service must have exactly the policy/],
    ['a wider policy beside the right one', 'create policy all_of_it on team using (true)', /team must have exactly/],
    [
      'a policy that checks reads only',
      'alter policy tenant_isolation on blob with check (true)',
      /blob must have exactly/,
    ],
    ['a new table that nobody protected', 'create table note (tenant_id uuid, text text)', /note is off/],
    ['a table without a tenant', 'create table setting (name text primary key)', /setting has no tenant_id/],
    ['a unique key across tenants', 'create unique index team_name on team (name)', /unique index team_name of team/],
    [
      'a foreign key that can point into another tenant',
      'alter table symbol_head drop constraint symbol_head_tenant_id_service_id_fkey; ' +
        'create unique index service_alone on service (tenant_id, service_id); ' +
        'alter table service add constraint global_id unique (service_id); ' +
        'alter table symbol_head add constraint crossing foreign key (service_id) references service (service_id)',
      /foreign key crossing of symbol_head/,
    ],
    ["a view with its owner's rights", 'create view everything as select * from upload', /view everything reads/],
    ['a materialised view', 'create materialized view copy as select 1 as tenant_id', /materialised view copy/],
    ['a right to truncate', 'grant truncate on upload to tidemark_app', /may truncate or reference upload/],
  ])('refuses %s', async (_what, sql, fault) => {
    await asOwner(sql);
    expect(await faultsSeenBy(test.appUrl)).toEqual(expect.arrayContaining([expect.stringMatching(fault)]));
  });
});
