import { appFunctions, migrate, MigrationError, pendingMigrations } from '../../src/platform/migrate.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { testServer, withClient } from '../database-server.js';

describe('migrate', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.drop());

  it('leaves nothing to be done, and may be run again and by several at once', async () => {
    await Promise.all([1, 2, 3].map(() => migrate(test.ownerUrl, 'tidemark_app')));
    expect(await pendingMigrations(test.db)).toEqual([]);
  });

  it('names what is missing, in order', async () => {
    const done = await withClient(test.ownerUrl, async (client) => {
      const { rows } = await client.query<{ timestamp: string; name: string }>(
        'delete from migration returning timestamp, name',
      );
      return rows;
    });
    try {
      const inOrder = done.toSorted((a, b) => Number(a.timestamp) - Number(b.timestamp));
      expect(await pendingMigrations(test.db)).toEqual(inOrder.map(({ name }) => name));
    } finally {
      await withClient(test.ownerUrl, async (client) => {
        for (const { timestamp, name } of done) {
          await client.query('insert into migration (timestamp, name) values ($1, $2)', [timestamp, name]);
        }
      });
    }
  });

  it('refuses a role that does not exist, or that is the owner', async () => {
    await expect(migrate(test.ownerUrl, 'nobody_here')).rejects.toThrow(MigrationError);
    await expect(migrate(test.ownerUrl, 'tidemark_owner')).rejects.toThrow(/owns nothing/);
  });

  describe('gives the service', () => {
    const privileges = (sql: string, parameters: unknown[] = []) =>
      withClient(test.appUrl, async (client) =>
        (await client.query<{ name: string }>(sql, parameters)).rows.map((r) => r.name),
      );

    it('no right on a partition, and on every other table exactly four', async () => {
      await test.db.acrossTenants((tx) => tx.query('select ensure_month(now())'));
      await migrate(test.ownerUrl, 'tidemark_app');
      const rows = await withClient(test.appUrl, (client) =>
        client.query<{ name: string; partition: boolean; rights: string }>(`
          select c.relname as name, c.relispartition as partition,
                 (select coalesce(string_agg(right_name, ' ' order by right_name), '') from unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) right_name
                   where has_table_privilege(c.oid, right_name)) as rights
            from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'migration'`),
      );
      expect(rows.rows.length).toBeGreaterThan(15);
      for (const { partition, rights } of rows.rows)
        expect(rights).toBe(partition ? '' : 'delete insert select update');
    });

    it('only the functions that it needs', async () => {
      const callable = await privileges(
        `select proname as name from pg_proc where pronamespace = 'public'::regnamespace and has_function_privilege(oid, 'execute') order by 1`,
      );
      expect(callable).toEqual(appFunctions.map((signature) => signature.replace(/\(.*/, '')).sort());
    });

    it('no right to make anything of its own', async () => {
      for (const sql of ['create table x ()', 'create schema x', 'create table bullmq.x ()']) {
        await expect(privileges(sql)).rejects.toThrow(/permission denied/);
      }
    });
  });

  it('builds the same from nothing as the template holds', async () => {
    const server = await testServer();
    expect(server.template).toMatch(/^tidemark_template_/);
    const dump = (url: string) =>
      withClient(url, async (client) => {
        const { rows } = await client.query(
          `select table_name, column_name, data_type, is_nullable from information_schema.columns where table_schema = 'public' and table_name !~ '_\\d{6}$' order by 1, 2`,
        );
        return rows as unknown[];
      });
    const name = `fresh_${process.pid}`;
    const admin = server.url('superuser', 'postgres');
    await withClient(admin, (client) => client.query(`create database ${name} owner tidemark_owner`));
    try {
      await migrate(server.url('owner', name), 'tidemark_app');
      expect(await dump(server.url('owner', name))).toEqual(await dump(test.ownerUrl));
    } finally {
      await withClient(admin, (client) => client.query(`drop database ${name} with (force)`));
    }
  });
});
