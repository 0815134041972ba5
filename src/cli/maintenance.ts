import { loadConfig } from '../platform/config.js';
import { migrate } from '../platform/migrate.js';
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

/** What keeps a process from starting keeps these from working, and is said in the same words. */
async function explained(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    const { message, exitCode } = explainStartFailure(error);
    if (exitCode === startExitCodes.software) throw error;
    throw new CliFailure(exitCode === startExitCodes.config ? 'config' : 'unavailable', message, { cause: error });
  }
}
