import { randomBytes } from 'node:crypto';
import { Database } from '../src/platform/database.js';
import { testServer, withClient } from './database-server.js';

export interface TestDatabase {
  /** Connects as the service does: neither owner nor superuser. */
  readonly appUrl: string;
  readonly ownerUrl: string;
  readonly superuserUrl: string;
  /** A pool of four, as the service's role. */
  readonly db: Database;
  /** Closes the pool and removes the database, whoever is still connected. */
  drop(): Promise<void>;
}

/** An empty, migrated database of its own, cloned from the template of this run (some 60 ms). */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = await testServer();
  const name = `test_${randomBytes(6).toString('hex')}`;
  const admin = server.url('superuser', 'postgres');
  await withClient(admin, (client) =>
    client.query(`create database ${name} template ${server.template} owner tidemark_owner`),
  );
  const appUrl = server.url('app', name);
  const db = await Database.open(appUrl, { poolSize: 4, applicationName: 'tidemark test' });
  return {
    appUrl,
    ownerUrl: server.url('owner', name),
    superuserUrl: server.url('superuser', name),
    db,
    async drop() {
      await db.close();
      await withClient(admin, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}
