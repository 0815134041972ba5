import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ChildSupervisor } from './platform/child-supervisor.js';
import { childEnvironment, type Config, loadUpConfig } from './platform/config.js';
import { Database } from './platform/database.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './platform/embedded-postgres.js';
import { migrate } from './platform/migrate.js';
import { isAlive } from './platform/process-files.js';
import { stopOnSignals } from './platform/shutdown.js';
import { siblingModule } from './platform/sibling-module.js';
import { runEntryPoint, startExitCodes } from './platform/start-failure.js';
import { startApi } from './start.js';
import { bootstrap } from './tenants/bootstrap.js';

const postgresCheckMillis = 1_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const warn = (line: string): void => void process.stderr.write(`tidemark: ${line}\n`);

/**
 * Everything from one command: the database (embedded unless DATABASE_URL is set), its migrations, a first tenant and
 * key, the API in this process and the worker in a child. Ends with SIGINT or SIGTERM.
 */
export async function up(): Promise<void> {
  await runEntryPoint(async () => {
    const stops: (() => Promise<void>)[] = [];
    let starting: Promise<void> = Promise.resolve();
    const stop = async (): Promise<void> => {
      // What is half started cannot be stopped; it is a matter of seconds.
      await starting.catch(() => undefined);
      for (const end of stops.splice(0).reverse()) await end();
    };
    stopOnSignals(async () => {
      say('stopping …');
      await stop();
    });
    starting = startAll(stops, stop);
    await starting.catch(async (error: unknown) => {
      await stop();
      throw error;
    });
  });
}

/** @param stops takes what has to be undone, in the order in which it was done */
async function startAll(stops: (() => Promise<void>)[], stop: () => Promise<void>): Promise<void> {
  let config = loadUpConfig();
  if (config.mode === 'embedded') config = await startDatabase(config, stops);
  else if (config.migrationDatabaseUrl !== null)
    await migrate(config.migrationDatabaseUrl, new URL(config.databaseUrl).username);
  const createdKey = await ensureSomebodyCanEnter(config);

  const api = await startApi({ config });
  stops.push(() => api.stop());
  const worker = new ChildSupervisor({
    entry: siblingModule(import.meta.url, 'worker'),
    env: childEnvironment(config),
    log: warn,
    onHopeless: () => void stop().finally(() => process.exit(startExitCodes.config)),
  });
  stops.push(() => worker.stop());
  await greet(api.url, config, createdKey);
}

async function startDatabase(config: Config, stops: (() => Promise<void>)[]): Promise<Config> {
  const postgres = await startEmbeddedPostgres(config.dataDir, { log: warn });
  stops.push(() => postgres.stop());
  await migrate(postgres.ownerUrl, new URL(postgres.appUrl).username);
  watchDatabase(config, postgres, stops);
  return { ...config, databaseUrl: postgres.appUrl };
}

/** PostgreSQL survives the crash of a connection by itself, but not the loss of its main process. */
function watchDatabase(config: Config, first: EmbeddedPostgres, stops: (() => Promise<void>)[]): void {
  let current = first;
  let restarting: Promise<void> | null = null;
  const check = async (): Promise<void> => {
    warn(`PostgreSQL (process ${current.pid}) is gone; it is started again`);
    const next = await startEmbeddedPostgres(config.dataDir, { port: current.port, log: warn });
    stops.unshift(() => next.stop());
    current = next;
  };
  const timer = setInterval(() => {
    if (restarting !== null || isAlive(current.pid)) return;
    restarting = check()
      .catch((error: Error) => warn(error.message))
      .finally(() => (restarting = null));
  }, postgresCheckMillis);
  stops.push(async () => {
    clearInterval(timer);
    await restarting;
  });
}

function adminKeyFile(config: Config): string {
  return path.join(config.dataDir, 'admin.key');
}

/** The first start makes a key and keeps it in the data folder; it is nowhere else in plain text. */
async function ensureSomebodyCanEnter(config: Config): Promise<string | null> {
  const db = await Database.open(config.databaseUrl, { poolSize: 1 });
  try {
    const { createdKey } = await bootstrap(db, { adminKey: config.adminKey });
    const key = createdKey ?? config.adminKey;
    if (key !== null) {
      const file = adminKeyFile(config);
      await writeFile(file, `${key}\n`, { mode: 0o600 });
      await chmod(file, 0o600);
    }
    return createdKey;
  } finally {
    await db.close();
  }
}

async function greet(url: string, config: Config, createdKey: string | null): Promise<void> {
  const file = adminKeyFile(config);
  const kept =
    createdKey ??
    (await readFile(file, 'utf8').then(
      (text) => text.trim(),
      () => null,
    ));
  say('');
  say(`Tidemark is up at ${url}`);
  if (createdKey !== null) say(`Admin key, made just now and kept in ${file}: ${createdKey}`);
  else if (kept !== null) say(`Admin key: see ${file}`);
  else say('Admin key: the one that was made when this database was new');
  say('');
  say('Send it a heap profile of a Go program that serves net/http/pprof:');
  say('');
  say('  curl -sS http://localhost:6060/debug/pprof/heap | curl -sS --data-binary @- \\');
  say(`       -H "Authorization: Bearer ${createdKey ?? (kept === null ? 'tmk_…' : `$(cat ${file})`)}" \\`);
  say(`       "${url}/api/v1/snapshots?service=checkout-api"`);
  say('');
}
