import { createTestDatabase } from '../database.js';
import { until } from '../processes.js';

it('makes the partitions of a month once, when two ask at the same time', async () => {
  const { db, drop } = await createTestDatabase();
  try {
    const ask = 'select ensure_month(now())';
    let second: Promise<unknown> = Promise.resolve();
    await db.acrossTenants(async (tx) => {
      await tx.query(ask);
      second = db.acrossTenants((other) => other.query(ask));
      await until(async () => {
        const waiting = await tx.query<unknown[]>(`select from pg_locks where locktype = 'advisory' and not granted`);
        return waiting.length > 0;
      });
    });
    await second;
    const partitions = await db.acrossTenants((tx) =>
      tx.query<unknown[]>(`select from pg_inherits i join pg_class c on c.oid = i.inhrelid where c.relkind = 'r'`),
    );
    expect(partitions).toHaveLength(5);
  } finally {
    await drop();
  }
});
