import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { armFailpoint } from './failpoint.js';

export const CONFIG = Symbol('config');

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** All that the environment decides, read once. */
export interface Config {
  /** embedded: PostgreSQL, queue and archive live in the data folder, and one command runs everything. */
  readonly mode: 'embedded' | 'production';
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Where a worker answers /livez, /readyz and /metrics; null: nowhere. */
  readonly workerPort: number | null;
  readonly dataDir: string;
  /** The service's own role; owns nothing. */
  readonly databaseUrl: string;
  /** The owner of the schema; only `tidemark migrate` needs it. */
  readonly migrationDatabaseUrl: string | null;
  readonly databasePoolSize: number;
  /** Null: the queue lives in Postgres. */
  readonly redisUrl: string | null;
  /** file:///absolute/folder */
  readonly archiveUrl: string;
  /** Presets the first admin key. */
  readonly adminKey: string | null;
  /** Signs cursors; the same in all API processes. */
  readonly secret: string;
  /** Parser children per worker. */
  readonly parsers: number;
  /** Threads per API process for merges, diffs and long ranges. */
  readonly queryThreads: number;
  readonly logLevel: LogLevel;
  /** How long a worker may be silent before another takes its upload. */
  readonly leaseMillis: number;
  /** How often forgotten work is announced again. */
  readonly sweepMillis: number;
  /** How often the compaction looks for dirty hours. */
  readonly compactionMillis: number;
  /** How long after the first new evidence of a service its leak suspects are ranked. */
  readonly rankingDebounceMillis: number;
  /** How much of a service's past a ranking looks at, back from its youngest evidence. */
  readonly rankingWindowMillis: number;
  /** How long the ranking of one service may take. */
  readonly rankingMillisMax: number;
  /** Wall clock of one parse. */
  readonly parseMillisMax: number;
  /** Resident memory of one parser child. */
  readonly parserBytesMax: number;
  /** How long a stopping API still answers as before, so that load balancers see that it is not ready. */
  readonly drainDelayMillis: number;
  /** How long a stopping process waits for what is under way. */
  readonly drainMillis: number;
}

/** Everything that is wrong with the environment, in one message. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly string[]) {
    super(`the environment is not usable:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

/** Every variable that is read here, for the documentation and for the tests of the deployment files. */
export const variables = [
  'DATABASE_URL',
  'MIGRATION_DATABASE_URL',
  'REDIS_URL',
  'ARCHIVE_URL',
  'TIDEMARK_HOST',
  'TIDEMARK_PORT',
  'TIDEMARK_WORKER_PORT',
  'TIDEMARK_DATA',
  'TIDEMARK_ADMIN_KEY',
  'TIDEMARK_SECRET',
  'TIDEMARK_DATABASE_POOL',
  'TIDEMARK_PARSERS',
  'TIDEMARK_QUERY_THREADS',
  'TIDEMARK_LOG_LEVEL',
  'TIDEMARK_LEASE_SECONDS',
  'TIDEMARK_SWEEP_SECONDS',
  'TIDEMARK_COMPACTION_SECONDS',
  'TIDEMARK_RANKING_DEBOUNCE_SECONDS',
  'TIDEMARK_RANKING_WINDOW_DAYS',
  'TIDEMARK_RANKING_SECONDS',
  'TIDEMARK_PARSE_SECONDS',
  'TIDEMARK_PARSER_MEMORY_MB',
  'TIDEMARK_DRAIN_DELAY_SECONDS',
  'TIDEMARK_DRAIN_SECONDS',
  'TIDEMARK_FAILPOINT',
] as const;

type Variable = (typeof variables)[number];

/**
 * Reads the configuration of one process.
 *
 * @throws ConfigError that lists every fault
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const read = new Reader(env);
  const dataDir = path.resolve(read.text('TIDEMARK_DATA') ?? './data');
  const parallelism = os.availableParallelism();
  const databaseUrl = read.url('DATABASE_URL', ['postgres:', 'postgresql:']);
  if (databaseUrl === null)
    read.fault('DATABASE_URL', 'is needed; or run "tidemark up", which brings its own PostgreSQL');
  const failpoint = read.text('TIDEMARK_FAILPOINT');
  if (failpoint !== null) read.attempt('TIDEMARK_FAILPOINT', () => armFailpoint(failpoint));
  const config: Config = {
    mode: 'production',
    host: read.text('TIDEMARK_HOST') ?? '127.0.0.1',
    port: read.integer('TIDEMARK_PORT', 0, 65_535) ?? 4700,
    workerPort: read.integer('TIDEMARK_WORKER_PORT', 0, 65_535),
    dataDir,
    databaseUrl: databaseUrl ?? '',
    migrationDatabaseUrl: read.url('MIGRATION_DATABASE_URL', ['postgres:', 'postgresql:']),
    databasePoolSize: read.integer('TIDEMARK_DATABASE_POOL', 1, 1_000) ?? 10,
    redisUrl: read.url('REDIS_URL', ['redis:', 'rediss:']),
    archiveUrl: readArchiveUrl(read) ?? pathToFileURL(path.join(dataDir, 'archive')).href,
    adminKey: read.text('TIDEMARK_ADMIN_KEY'),
    secret: readSecret(read, dataDir),
    parsers: read.integer('TIDEMARK_PARSERS', 1, 256) ?? parallelism,
    queryThreads: read.integer('TIDEMARK_QUERY_THREADS', 1, 256) ?? Math.min(4, parallelism),
    logLevel: read.oneOf('TIDEMARK_LOG_LEVEL', logLevels) ?? 'info',
    leaseMillis: (read.number('TIDEMARK_LEASE_SECONDS', 0.1, 3_600) ?? 30) * 1_000,
    sweepMillis: (read.number('TIDEMARK_SWEEP_SECONDS', 0.1, 3_600) ?? 15) * 1_000,
    compactionMillis: (read.number('TIDEMARK_COMPACTION_SECONDS', 0.1, 86_400) ?? 60) * 1_000,
    rankingDebounceMillis: (read.number('TIDEMARK_RANKING_DEBOUNCE_SECONDS', 0, 86_400) ?? 10) * 1_000,
    rankingWindowMillis: (read.number('TIDEMARK_RANKING_WINDOW_DAYS', 0.01, 400) ?? 7) * 86_400_000,
    rankingMillisMax: (read.number('TIDEMARK_RANKING_SECONDS', 0.1, 3_600) ?? 60) * 1_000,
    parseMillisMax: (read.number('TIDEMARK_PARSE_SECONDS', 0.1, 3_600) ?? 60) * 1_000,
    parserBytesMax: (read.integer('TIDEMARK_PARSER_MEMORY_MB', 64, 1_048_576) ?? 1_024) * 1024 * 1024,
    drainDelayMillis: (read.number('TIDEMARK_DRAIN_DELAY_SECONDS', 0, 20) ?? 0) * 1_000,
    drainMillis: (read.number('TIDEMARK_DRAIN_SECONDS', 0, 25) ?? 20) * 1_000,
  };
  read.finish();
  return config;
}

/** The configuration from this process's own environment. */
export function loadConfig(): Config {
  return readConfig(process.env);
}

/** Stands for the database that `tidemark up` will start, while the rest of the environment is being checked. */
const databaseToCome = 'postgres://embedded';

/** The configuration of `tidemark up`: like production when DATABASE_URL is set, else with a PostgreSQL to be started. */
export function loadUpConfig(): Config {
  const given = process.env.DATABASE_URL !== undefined && process.env.DATABASE_URL !== '';
  const env = given ? process.env : { ...process.env, DATABASE_URL: databaseToCome };
  const config = readConfig({ ...env, TIDEMARK_LOG_LEVEL: env.TIDEMARK_LOG_LEVEL || 'warn' });
  return given ? config : { ...config, mode: 'embedded' };
}

/** The environment from which a child process reads this same configuration. */
export function childEnvironment(config: Config): NodeJS.ProcessEnv {
  const own: Partial<Record<Variable, string>> = {
    DATABASE_URL: config.databaseUrl,
    ARCHIVE_URL: config.archiveUrl,
    TIDEMARK_DATA: config.dataDir,
    TIDEMARK_LOG_LEVEL: config.logLevel,
  };
  const env = { ...process.env, ...own };
  // The owner's rights and the operator's key are not the worker's business.
  delete env.MIGRATION_DATABASE_URL;
  delete env.TIDEMARK_ADMIN_KEY;
  return env;
}

/** The folder of a file:// archive. */
export function archiveFolder(config: Config): string {
  return fileURLToPath(config.archiveUrl);
}

function readArchiveUrl(read: Reader): string | null {
  const url = read.url('ARCHIVE_URL', ['file:']);
  if (url === null) return null;
  read.attempt('ARCHIVE_URL', () => fileURLToPath(url));
  return url;
}

/** TIDEMARK_SECRET, or a random one that the data folder keeps. */
function readSecret(read: Reader, dataDir: string): string {
  const given = read.text('TIDEMARK_SECRET');
  if (given !== null) {
    if (given.length < 32) read.fault('TIDEMARK_SECRET', 'must have at least 32 characters');
    return given;
  }
  const file = path.join(dataDir, 'secret');
  return (
    read.attempt('TIDEMARK_DATA', () => {
      fs.mkdirSync(dataDir, { recursive: true, mode: 0o711 });
      if (!fs.existsSync(file)) makeSecret(file);
      const secret = fs.readFileSync(file, 'utf8').trim();
      if (secret.length < 32)
        throw new Error(`${file} is damaged; remove it, and cursors given out before become invalid`);
      return secret;
    }) ?? ''
  );
}

/** Of several processes that start at once one makes it, and the others find it whole. */
function makeSecret(file: string): void {
  const made = `${file}.${randomBytes(6).toString('hex')}`;
  fs.writeFileSync(made, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  try {
    fs.linkSync(made, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    fs.rmSync(made);
  }
}

class Reader {
  private readonly faults: string[] = [];

  constructor(private readonly env: NodeJS.ProcessEnv) {}

  fault(name: Variable, what: string): null {
    this.faults.push(`${name} ${what}`);
    return null;
  }

  /** An empty value is one that was not given: that is how compose files and shells leave a variable out. */
  text(name: Variable): string | null {
    const value = this.env[name]?.trim();
    return value === undefined || value === '' ? null : value;
  }

  number(name: Variable, min: number, max: number): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const value = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && value >= min && value <= max) return value;
    return this.fault(name, `must be a number from ${min} to ${max}, not ${JSON.stringify(text)}`);
  }

  integer(name: Variable, min: number, max: number): number | null {
    const value = this.number(name, min, max);
    if (value === null || Number.isInteger(value)) return value;
    return this.fault(name, `must be a whole number from ${min} to ${max}`);
  }

  oneOf<T extends string>(name: Variable, values: readonly T[]): T | null {
    const text = this.text(name);
    if (text === null) return null;
    return values.find((value) => value === text) ?? this.fault(name, `must be one of ${values.join(', ')}`);
  }

  /** Says nothing of the value itself: it may hold a password. */
  url(name: Variable, protocols: readonly string[]): string | null {
    const text = this.text(name);
    if (text === null) return null;
    if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text;
    return this.fault(name, `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}`);
  }

  attempt<T>(name: Variable, work: () => T): T | null {
    try {
      return work();
    } catch (error) {
      return this.fault(name, `cannot be used: ${(error as Error).message}`);
    }
  }

  finish(): void {
    if (this.faults.length > 0) throw new ConfigError(this.faults);
  }
}
