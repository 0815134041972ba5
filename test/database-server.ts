import { readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres, stopEmbeddedPostgres } from '../src/platform/embedded-postgres.js';
import { migrate } from '../src/platform/migrate.js';
import { isAlive } from '../src/platform/process-files.js';

/*
 * One PostgreSQL server per run of the suite, started by the first test that asks for a database: by default the
 * embedded one, in a folder of this run; with TIDEMARK_TEST_DATABASE_URL (a superuser's) a server that is there.
 */

export interface TestServer {
  url(role: 'superuser' | 'owner' | 'app', database: string): string;
}

const templateName = (run: string): string => `tidemark_template_${run}`;
const roles = { owner: 'tidemark_owner', app: 'tidemark_app' } as const;

let server: Promise<TestServer & { template: string }> | null = null;

/** The server of this run and the name of its migrated template database. */
export function testServer(): Promise<TestServer & { template: string }> {
  return (server ??= connect());
}

async function connect(): Promise<TestServer & { template: string }> {
  const folder = process.env.TIDEMARK_TEST_FOLDER;
  if (!folder) throw new Error('the tests run under jest: npm test');
  const external = process.env.TIDEMARK_TEST_DATABASE_URL;
  const found = external ? await prepareExternal(external) : await startOwn(folder);
  const template = external ? templateName(path.basename(folder).slice(-6).toLowerCase()) : templateName('own');
  await withClient(found.url('superuser', 'postgres'), async (client) => {
    await client.query(`select pg_advisory_lock(hashtext('tidemark.test.template'))`);
    const { rowCount } = await client.query('select from pg_database where datname = $1 and datistemplate', [template]);
    if (rowCount) return;
    await client.query(`drop database if exists ${template}`);
    await client.query(`create database ${template} owner ${roles.owner}`);
    await migrate(found.url('owner', template), roles.app);
    await client.query(`alter database ${template} is_template true`);
  });
  return { ...found, template };
}

async function startOwn(folder: string): Promise<TestServer> {
  // This process may end long before the suite does (jest recycles its workers); only the tear-down stops the server.
  const own = await startEmbeddedPostgres(folder, { durable: false, settings: { max_connections: '300' } });
  const urls = { superuser: own.superuserUrl, owner: own.ownerUrl, app: own.appUrl };
  return { url: (role, database) => withDatabase(urls[role], database) };
}

async function prepareExternal(superuserUrl: string): Promise<TestServer> {
  const password = 'tidemark-test';
  await withClient(superuserUrl, async (client) => {
    await client.query(`select pg_advisory_lock(hashtext('tidemark.test.roles'))`);
    for (const role of Object.values(roles)) {
      const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
      if (!rowCount) await client.query(`create role ${role} login`);
      await client.query(
        `alter role ${role} login nosuperuser nobypassrls nocreatedb nocreaterole password '${password}'`,
      );
    }
  });
  return {
    url(role, database) {
      const url = new URL(withDatabase(superuserUrl, database));
      if (role !== 'superuser') Object.assign(url, { username: roles[role], password });
      return url.href;
    },
  };
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Stops what a run started and removes its folder. */
export async function removeServer(folder: string): Promise<void> {
  const external = process.env.TIDEMARK_TEST_DATABASE_URL;
  if (external) {
    const template = templateName(path.basename(folder).slice(-6).toLowerCase());
    await withClient(external, async (client) => {
      const { rowCount } = await client.query('select from pg_database where datname = $1', [template]);
      if (!rowCount) return;
      await client.query(`alter database ${template} is_template false`);
      await client.query(`drop database ${template} with (force)`);
    });
  }
  if (readdirSync(folder).includes('postgres')) await stopEmbeddedPostgres(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** Runs that were killed leave their server behind; the next run stops it. */
export async function sweepAbandonedServers(): Promise<void> {
  for (const name of readdirSync(os.tmpdir())) {
    if (!name.startsWith('tidemark-test-')) continue;
    const folder = path.join(os.tmpdir(), name);
    try {
      const pid = Number(readFileSync(path.join(folder, 'suite.pid'), 'utf8'));
      if (!isAlive(pid)) await removeServer(folder);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Being removed by its own run just now, or another user's.
      if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ENOTDIR') throw error;
    }
  }
}
