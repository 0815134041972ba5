import { randomUUID } from 'node:crypto';
import {
  asTenantId,
  isDatabaseUnavailable,
  prepared,
  type Database,
  type TenantId,
} from '../../src/platform/database.js';
import { createTestDatabase, type TestDatabase } from '../database.js';

describe('Database', () => {
  let test: TestDatabase;
  let db: Database;
  let alpha: TenantId;
  let beta: TenantId;

  beforeAll(async () => {
    test = await createTestDatabase();
    db = test.db;
    [alpha, beta] = await Promise.all([addTenant('alpha'), addTenant('beta')]);
    for (const [tenant, name] of [
      [alpha, 'payments'],
      [beta, 'payments'],
    ] as const) {
      await db.withTenant(tenant, (tx) =>
        tx.query('insert into team (tenant_id, name) values ($1, $2)', [tenant, name]),
      );
    }
  });
  afterAll(() => test.drop());

  async function addTenant(name: string): Promise<TenantId> {
    const rows = await db.acrossTenants((tx) =>
      tx.query<{ tenant_id: string }[]>('insert into tenant (name) values ($1) returning tenant_id', [name]),
    );
    return asTenantId(rows[0].tenant_id);
  }
  const teams = (tenant: TenantId): Promise<{ tenant_id: string }[]> =>
    db.withTenant(tenant, (tx) => tx.query('select tenant_id from team'));

  it('shows a tenant its own rows only, although the query names no tenant', async () => {
    expect(await teams(alpha)).toEqual([{ tenant_id: alpha }]);
    expect(await teams(beta)).toEqual([{ tenant_id: beta }]);
  });

  it('shows no tenant rows without a tenant, also on a connection that served one before', async () => {
    for (let i = 0; i < 8; i++) {
      await teams(alpha);
      expect(await db.acrossTenants((tx) => tx.query('select * from team'))).toEqual([]);
    }
  });

  it('shows a tenant its own rows only in a prepared statement that another has used before', async () => {
    const text = 'select tenant_id from team where name = $1';
    for (let i = 0; i < 16; i++) {
      const tenant = i % 2 ? alpha : beta;
      expect(await db.withTenant(tenant, (tx) => prepared(tx, text, ['payments']))).toEqual([{ tenant_id: tenant }]);
    }
    expect(await db.acrossTenants((tx) => prepared(tx, text, ['payments']))).toEqual([]);
  });

  it('gives the same for a prepared statement as for any other', async () => {
    await db.withTenant(alpha, async (tx) => {
      const change = `update team set name = name where tenant_id = $1 returning name`;
      expect(await prepared(tx, change, [alpha])).toEqual(await tx.query(change, [alpha]));
      const failing = (run: Promise<unknown>) => run.catch((error: Error & { code?: string }) => error);
      const nested = tx.transaction((inner) => prepared(inner, 'select 1 / $1::int', [0]));
      expect(await failing(nested)).toMatchObject({ name: 'QueryFailedError', code: '22012' });
    });
  });

  it('refuses to write a row of another tenant', async () => {
    const write = db.withTenant(alpha, (tx) => tx.query(`insert into team (tenant_id, name) values ($1, 'x')`, [beta]));
    await expect(write).rejects.toThrow(/row-level security/);
  });

  it('keeps every answer with its caller when transactions of two tenants interleave and fail', async () => {
    const runs = Array.from({ length: 200 }, (_, i) => {
      const tenant = i % 2 ? alpha : beta;
      return db
        .withTenant(tenant, async (tx) => {
          const rows = await tx.query<{ tenant_id: string }[]>('select tenant_id from team');
          if (i % 5 === 0) throw new Error('given up');
          if (i % 7 === 0) await tx.query('select 1 / 0');
          return rows;
        })
        .then(
          (rows) => expect(rows).toEqual([{ tenant_id: tenant }]),
          (error: Error) => expect(error.message).toMatch(/given up|division by zero/),
        );
    });
    await Promise.all(runs);
  });

  it('undoes everything when the work throws', async () => {
    const work = db.withTenant(alpha, async (tx) => {
      await tx.query(`insert into team (tenant_id, name) values ($1, 'gone')`, [alpha]);
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(await teams(alpha)).toHaveLength(1);
  });

  it('nests a transaction as a savepoint of the first', async () => {
    await db.withTenant(alpha, async (tx) => {
      await tx.query(`insert into team (tenant_id, name) values ($1, 'outer')`, [alpha]);
      const inner = tx.transaction(async (nested) => {
        await nested.query(`insert into team (tenant_id, name) values ($1, 'inner')`, [alpha]);
        throw new Error('inner fails');
      });
      await expect(inner).rejects.toThrow('inner fails');
    });
    const names = await db.withTenant(alpha, (tx) =>
      tx.query<{ name: string }[]>('select name from team order by name'),
    );
    expect(names.map((row) => row.name)).toEqual(['outer', 'payments']);
    await db.withTenant(alpha, (tx) => tx.query(`delete from team where name = 'outer'`));
  });

  it('reads one moment, and writes nothing, in a read transaction', async () => {
    await db.readTenant(alpha, async (tx) => {
      const before = await tx.query('select name from team');
      await db.withTenant(alpha, (other) =>
        other.query(`insert into team (tenant_id, name) values ($1, 'new')`, [alpha]),
      );
      expect(await tx.query('select name from team')).toEqual(before);
      await expect(tx.query(`delete from team`)).rejects.toThrow(/read-only transaction/);
    });
    await db.withTenant(alpha, (tx) => tx.query(`delete from team where name = 'new'`));
  });

  it('takes no tenant id that is not a uuid', async () => {
    const forged = `x'; set local app.tenant = '${beta}` as TenantId;
    await expect(db.withTenant(forged, (tx) => tx.query('select 1'))).rejects.toThrow(TypeError);
    expect(() => asTenantId(randomUUID().toUpperCase())).toThrow(TypeError);
  });

  it('gives days as text, 64-bit numbers as strings and bytes as a Buffer', async () => {
    const rows = await db.acrossTenants((tx) =>
      tx.query(
        `select date '2026-11-01' as day, 9223372036854775807::bigint as big, 1e30::numeric as sum, '\\x00ff'::bytea as bytes`,
      ),
    );
    expect(rows).toEqual([
      { day: '2026-11-01', big: '9223372036854775807', sum: `1${'0'.repeat(30)}`, bytes: Buffer.from([0, 255]) },
    ]);
  });

  it('commits durably and in UTC whatever the role says', async () => {
    const rows = await db.acrossTenants((tx) =>
      tx.query(`select current_setting('synchronous_commit') as sync, current_setting('timezone') as zone`),
    );
    expect(rows).toEqual([{ sync: 'on', zone: 'UTC' }]);
  });

  it('tells a database that is away from a statement that is wrong', async () => {
    const wrong = await db.acrossTenants((tx) => tx.query('select nothing')).catch((error: unknown) => error);
    expect(isDatabaseUnavailable(wrong)).toBe(false);
    const away = await db
      .acrossTenants((tx) => tx.query('select pg_terminate_backend(pg_backend_pid())'))
      .catch((error: unknown) => error);
    expect(isDatabaseUnavailable(away)).toBe(true);
    expect(await teams(alpha)).toHaveLength(1);
  });
});
