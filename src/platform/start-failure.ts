import { ConfigError } from './config.js';
import { isDatabaseUnavailable } from './database.js';
import { EmbeddedPostgresError } from './embedded-binaries.js';
import { MigrationError } from './migrate.js';
import { IsolationError } from './rls-proof.js';
import { SchemaError } from './schema-error.js';

/** From sysexits.h, so that whoever supervises can tell what a restart may cure from what it cannot. */
export const startExitCodes = { unavailable: 69, software: 70, config: 78 } as const;

/**
 * Says why a process could not start: one message without a stack for what a person has to put right, the whole error
 * for a bug. Gives the exit code.
 */
export function explainStartFailure(error: unknown): { message: string; exitCode: number } {
  if (!(error instanceof Error)) return { message: String(error), exitCode: startExitCodes.software };
  for (const known of [ConfigError, IsolationError, SchemaError, MigrationError, EmbeddedPostgresError]) {
    if (error instanceof known) return { message: error.message, exitCode: startExitCodes.config };
  }
  // By name, because who checks the key is above this module.
  if (error.name === 'AdminKeyError') return { message: error.message, exitCode: startExitCodes.config };
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return {
      message: `port ${port} of ${address} is in use, perhaps by another Tidemark; stop that, or set TIDEMARK_PORT`,
      exitCode: startExitCodes.unavailable,
    };
  }
  if (code === 'EACCES' && port !== undefined) {
    return { message: `port ${port} needs more rights; set TIDEMARK_PORT above 1023`, exitCode: startExitCodes.config };
  }
  if (isDatabaseUnavailable(error)) {
    return { message: `the database cannot be reached: ${error.message}`, exitCode: startExitCodes.unavailable };
  }
  if (code === '28P01' || code === '28000' || code === '3D000') {
    return { message: `DATABASE_URL is refused by the database: ${error.message}`, exitCode: startExitCodes.config };
  }
  return { message: error.stack ?? error.message, exitCode: startExitCodes.software };
}

/** Runs an entry point; when it cannot start, says why on stderr and ends the process. */
export async function runEntryPoint(start: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (error) {
    const { message, exitCode } = explainStartFailure(error);
    console.error(`tidemark cannot start: ${message}`);
    process.exit(exitCode);
  }
}
