import { setTimeout as sleep } from 'node:timers/promises';
import { escapeControl } from '../analysis/text-escape.js';
import { reindex } from '../ingest/reindex.js';
import { loadConfig, loadUpConfig } from '../platform/config.js';
import { Database } from '../platform/database.js';
import { startEmbeddedPostgres } from '../platform/embedded-postgres.js';
import { migrate } from '../platform/migrate.js';
import { Problem } from '../platform/problem.js';
import { explainStartFailure, startExitCodes } from '../platform/start-failure.js';
import { CliFailure } from './failure.js';
import type { Terminal } from './terminal.js';

/** `migrate`: the schema, the queue's schema and the rights of the service's role. */
export async function runMigrations(out: Terminal): Promise<void> {
  await explained(async () => {
    const { databaseUrl, migrationDatabaseUrl } = loadConfig();
    if (migrationDatabaseUrl === null) {
      throw new CliFailure('config', 'MIGRATION_DATABASE_URL is not set: it connects as the owner of the schema.');
    }
    await migrate(migrationDatabaseUrl, new URL(databaseUrl).username);
    out.remark('The database is up to date.');
  });
}

const progressEveryMillis = 500;

/**
 * `reindex`: puts every upload back on the work list and shows how the workers get on. Works beside a running service;
 * with an embedded one that is not running, its workers do the rest when it is started.
 */
export async function reindexArchive(options: { tenant?: string }, out: Terminal): Promise<void> {
  await explained(async () => {
    const config = loadUpConfig();
    const embedded = config.mode === 'embedded' ? await startEmbeddedPostgres(config.dataDir) : null;
    try {
      const db = await Database.open(embedded?.appUrl ?? config.databaseUrl, { poolSize: 1 });
      try {
        let uploads = 0;
        for await (const service of reindex(db, options.tenant ?? null)) {
          uploads += service.uploads;
          out.print(`${escapeControl(service.tenant)}/${escapeControl(service.service)}: ${service.uploads} uploads`);
        }
        if (embedded !== null && !embedded.adopted) {
          return out.remark(`${uploads} uploads wait; they are indexed when Tidemark is started.`);
        }
        await followWork(db, out);
      } finally {
        await db.close();
      }
    } finally {
      await embedded?.stop();
    }
  });
}

async function followWork(db: Database, out: Terminal): Promise<void> {
  for (;;) {
    const [{ left }] = await db.acrossTenants((tx) =>
      tx.query<{ left: string }[]>('select count(*) as left from work'),
    );
    if (left === '0') break;
    out.progress(`${left} uploads left`);
    await sleep(progressEveryMillis);
  }
  out.progress(null);
  out.remark('The index is rebuilt.');
}

/** What keeps a process from starting keeps these from working, and is said in the same words. */
async function explained(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    if (error instanceof Problem) throw new CliFailure('failed', error.message, { cause: error });
    const { message, exitCode } = explainStartFailure(error);
    if (exitCode === startExitCodes.software) throw error;
    throw new CliFailure(exitCode === startExitCodes.config ? 'config' : 'unavailable', message, { cause: error });
  }
}
