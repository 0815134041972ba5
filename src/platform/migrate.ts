import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { DEFAULT_SCHEMA as queueSchema, runMigrations as migrateQueue } from 'bullmq';
import pg from 'pg';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import type { Database } from './database.js';
import { packageRoot } from './package-root.js';

/** What the service's role may call. Everything else in the schema, procedures above all, is the owner's alone. */
export const appFunctions = ['current_tenant()', 'ensure_month(timestamptz)', 'claim_work(integer, interval)'];

const migrationsTable = 'migration';

/** A start-up condition that a person has to put right; the message says how. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/**
 * Brings the database up to what this version needs: the SQL files of migrations/, each in a transaction of its own,
 * the queue's schema, and the rights of the service's role. Safe to run from several processes at once and again.
 *
 * @param ownerUrl connects as the owner of the schema (MIGRATION_DATABASE_URL)
 * @param appRole the role the service logs in as; must exist
 * @throws MigrationError when a role is missing or is the owner itself
 */
export async function migrate(ownerUrl: string, appRole: string): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'tidemark migrate' });
  await client.connect();
  try {
    await checkRoles(client, appRole);
    // Held by the session, so that it covers all the transactions below and ends with the connection, whatever happens.
    await client.query(`select pg_advisory_lock(hashtext('tidemark.migrate'))`);
    await runSqlMigrations(ownerUrl);
    await migrateQueue(client, queueSchema);
    await grantRights(client, appRole);
  } finally {
    await client.end();
  }
}

/** Names of the migrations that this version has and the database has not. */
export async function pendingMigrations(db: Database): Promise<string[]> {
  const names = (await readMigrations()).map((migration) => migration.name);
  const table = await db.acrossTenants((tx) =>
    tx.query<{ found: boolean }[]>(`select to_regclass('public.${migrationsTable}') is not null as found`),
  );
  if (!table[0].found) return names;
  const rows = await db.acrossTenants((tx) => tx.query<{ name: string }[]>(`select name from ${migrationsTable}`));
  const applied = new Set(rows.map((row) => row.name));
  return names.filter((name) => !applied.has(name));
}

interface SqlMigration {
  readonly name: string;
  readonly sql: string;
}

async function readMigrations(): Promise<SqlMigration[]> {
  const folder = path.join(packageRoot, 'migrations');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file) => {
      const parts = /^(\d{13})-([a-z0-9-]+)\.sql$/.exec(file);
      if (!parts) throw new MigrationError(`migrations/${file} is not named <milliseconds>-<name>.sql`);
      // TypeORM orders by the thirteen digits at the end of the name.
      return { name: `${parts[2]}-${parts[1]}`, sql: await readFile(path.join(folder, file), 'utf8') };
    }),
  );
}

async function runSqlMigrations(ownerUrl: string): Promise<void> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: ownerUrl,
    applicationName: 'tidemark migrate',
    poolSize: 2,
    entities: [],
    migrations: (await readMigrations()).map(asMigrationClass),
    migrationsTableName: migrationsTable,
    migrationsTransactionMode: 'each',
    synchronize: false,
    installExtensions: false,
    logging: false,
  });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

function asMigrationClass({ name, sql }: SqlMigration): new () => MigrationInterface {
  return class implements MigrationInterface {
    readonly name = name;

    async up(runner: QueryRunner): Promise<void> {
      // Under forced row-level security the owner sees no rows, and an UPDATE would quietly do nothing; with
      // row_security off it fails instead. A DDL statement that cannot get its lock gives up before it blocks the service.
      await runner.query(`set local row_security = off; set local lock_timeout = '10s'`);
      await runner.query(sql);
    }

    down(): Promise<void> {
      return Promise.reject(new MigrationError('migrations go forward only; restore a backup to go back'));
    }
  };
}

async function checkRoles(client: pg.Client, appRole: string): Promise<void> {
  const { rows } = await client.query<{ owner: string; found: boolean }>(
    'select current_user as owner, exists (select from pg_roles where rolname = $1) as found',
    [appRole],
  );
  const { owner, found } = rows[0];
  if (!found) {
    throw new MigrationError(
      `the role "${appRole}" of DATABASE_URL does not exist; create it with: create role "${appRole}" login password '…'`,
    );
  }
  if (owner === appRole) {
    throw new MigrationError(
      `MIGRATION_DATABASE_URL and DATABASE_URL name the same role "${owner}"; the service must log in as a role that owns nothing`,
    );
  }
}

/**
 * Sets the rights of the service's role to exactly what it needs, in one transaction. Partitions get none: they are
 * reached through their parents. Nothing is left to PUBLIC.
 */
async function grantRights(client: pg.Client, appRole: string): Promise<void> {
  const role = pg.escapeIdentifier(appRole);
  const { rows } = await client.query<{ database: string; parents: string | null; partitions: string | null }>(
    `select current_database() as database,
            string_agg(oid::regclass::text, ', ') filter (where not relispartition and relname <> $1) as parents,
            string_agg(oid::regclass::text, ', ') filter (where relispartition) as partitions
       from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`,
    [migrationsTable],
  );
  const { database, parents, partitions } = rows[0];
  const statements = [
    `revoke all on database ${pg.escapeIdentifier(database)} from public`,
    `grant connect on database ${pg.escapeIdentifier(database)} to ${role}`,
    `revoke all on schema public from public`,
    `revoke all on all routines in schema public from public`,
    `revoke all on all tables in schema public from public, ${role}`,
    `grant usage on schema public to ${role}`,
    `grant select on ${migrationsTable} to ${role}`,
    parents && `grant select, insert, update, delete on ${parents} to ${role}`,
    partitions && `revoke all on ${partitions} from ${role}`,
    `grant usage, select on all sequences in schema public to ${role}`,
    ...appFunctions.map((signature) => `grant execute on function ${signature} to ${role}`),
    `revoke all on schema ${queueSchema} from public`,
    `revoke all on all routines in schema ${queueSchema} from public`,
    `grant usage on schema ${queueSchema} to ${role}`,
    `grant select, insert, update, delete on all tables in schema ${queueSchema} to ${role}`,
    `grant usage, select on all sequences in schema ${queueSchema} to ${role}`,
    `grant execute on all functions in schema ${queueSchema} to ${role}`,
  ].filter((statement) => statement !== null);
  await client.query(`begin; ${statements.join('; ')}; commit`);
}
