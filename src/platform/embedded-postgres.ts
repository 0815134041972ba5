import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import {
  canEnter,
  EmbeddedPostgresError,
  locateBinaries,
  type ServerUser,
  unprivilegedUser,
} from './embedded-binaries.js';
import { LockFile, Presence, isAlive, processName } from './process-files.js';

/*
 * A PostgreSQL server of our own in the data folder, for running without any installed database.
 *
 *   <data>/postgres/cluster/       PGDATA, owned by the user the server runs as
 *   <data>/postgres/secrets.json   passwords of the three roles, mode 600
 *   <data>/postgres/server.log     what the server says
 *   <data>/postgres/users/         one file per process that uses the server
 *   <data>/postgres/lock           held while the server is being started or stopped
 *
 * Several processes may ask for the same folder: the first starts the server, the others adopt it, and the last one to
 * leave stops it. A server whose starter was killed is adopted by the next process that comes, and stopped by it.
 *
 *   absent ──initdb──▶ stopped ──start──▶ starting ──▶ ready ──(last user leaves)──▶ stopping ──▶ stopped
 *                         ▲                              │
 *                         └──── postmaster.pid is stale ◀┘ kill -9
 */

export interface EmbeddedPostgres {
  /** Connects as the owner of the schema, which is no superuser. */
  readonly ownerUrl: string;
  /** Connects as the service's role, which owns nothing and cannot bypass row-level security. */
  readonly appUrl: string;
  readonly superuserUrl: string;
  readonly port: number;
  /** Of the postmaster. */
  readonly pid: number;
  /** The server was running already. */
  readonly adopted: boolean;
  /** Leaves the server, and stops it when nobody else uses it. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** A fixed port instead of any free one. */
  readonly port?: number;
  /** Server settings on top of ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** False for data that nobody will miss (tests): nothing is flushed to disk. */
  readonly durable?: boolean;
  /** Where root keeps what the server's unprivileged user could not reach otherwise. */
  readonly sharedFolder?: string;
  readonly log?: (message: string) => void;
}

const superuser = 'postgres';
const owner = 'tidemark_owner';
const app = 'tidemark_app';
const databaseName = 'tidemark';

const startTimeoutMillis = 60_000;
const logBytesMax = 16 * 1024 * 1024;

type Secrets = Readonly<Record<typeof superuser | typeof owner | typeof app, string>>;

interface Site {
  readonly home: string;
  readonly cluster: string;
  readonly user: ServerUser | null;
  readonly binary: (name: string) => string;
  readonly options: EmbeddedPostgresOptions;
}

interface Running {
  readonly pid: number;
  readonly port: number;
}

/**
 * Starts the server in `<dataDir>/postgres`, or adopts the one that runs there, and makes the roles and the database.
 *
 * @throws EmbeddedPostgresError when the platform has no binaries or the server does not start
 */
export async function startEmbeddedPostgres(
  dataDir: string,
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const site = prepareSite(path.resolve(dataDir), options);
  const lock = new LockFile(path.join(site.home, 'lock'));
  const presence = new Presence(path.join(site.home, 'users'));
  return lock.whileHeld(async () => {
    await initialise(site);
    const secrets = readSecrets(site);
    const before = await findRunning(site);
    const server = before ?? (await launch(site));
    presence.enter();
    try {
      await ensureRoles(server, secrets);
    } catch (error) {
      presence.leave();
      throw error;
    }
    const url = (role: keyof Secrets, database: string): string =>
      `postgres://${role}:${secrets[role]}@127.0.0.1:${server.port}/${database}`;
    return {
      ownerUrl: url(owner, databaseName),
      appUrl: url(app, databaseName),
      superuserUrl: url(superuser, 'postgres'),
      port: server.port,
      pid: server.pid,
      adopted: before !== null,
      stop: () =>
        lock.whileHeld(async () => {
          presence.leave();
          if (!presence.anyone()) await stopServer(site);
        }),
    };
  });
}

/** Stops the server of a data folder whoever uses it; does nothing when none runs. */
export async function stopEmbeddedPostgres(dataDir: string, options: EmbeddedPostgresOptions = {}): Promise<void> {
  const site = prepareSite(path.resolve(dataDir), options);
  await new LockFile(path.join(site.home, 'lock')).whileHeld(() => stopServer(site));
}

function prepareSite(dataDir: string, options: EmbeddedPostgresOptions): Site {
  const sharedFolder = options.sharedFolder ?? '/var/lib/tidemark';
  const user = unprivilegedUser();
  const binaries = locateBinaries(user, sharedFolder);
  fs.mkdirSync(dataDir, { recursive: true, mode: user ? 0o711 : 0o700 });
  let home = path.join(dataDir, 'postgres');
  if (user && !canEnter(dataDir, user) && canEnter(path.dirname(fs.realpathSync(dataDir)), user)) {
    // Only the data folder itself is closed, and it is ours: let others pass through it, which shows them nothing in it.
    fs.chmodSync(dataDir, fs.statSync(dataDir).mode | 0o001);
  }
  if (user && !canEnter(dataDir, user)) {
    // Root's own folders are closed to the user that the server has to run as; the name follows from the data folder,
    // so that the next start finds the same cluster.
    const name = createHash('sha256').update(fs.realpathSync(dataDir)).digest('hex').slice(0, 16);
    home = path.join(sharedFolder, `data-${name}`, 'postgres');
    options.log?.(`${dataDir} cannot be entered by the user "${user.name}"; PostgreSQL keeps its data in ${home}`);
  }
  fs.mkdirSync(home, { recursive: true, mode: user ? 0o711 : 0o700 });
  return {
    home,
    cluster: path.join(home, 'cluster'),
    user,
    binary: (name) => path.join(binaries, 'bin', process.platform === 'win32' ? `${name}.exe` : name),
    options,
  };
}

/** Makes the cluster beside its place and moves it there, so that a half-made one is never taken for a whole one. */
async function initialise(site: Site): Promise<void> {
  if (fs.existsSync(path.join(site.cluster, 'PG_VERSION'))) return checkVersion(site);
  const fresh = `${site.cluster}.new`;
  const passwordFile = path.join(site.home, 'initial-password');
  fs.rmSync(fresh, { recursive: true, force: true });
  fs.mkdirSync(fresh, { mode: 0o700 });
  const password = (): string => randomBytes(24).toString('base64url');
  const secrets: Secrets = { [superuser]: password(), [owner]: password(), [app]: password() };
  fs.writeFileSync(path.join(site.home, 'secrets.json'), `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  fs.writeFileSync(passwordFile, secrets[superuser], { mode: 0o600 });
  if (site.user) for (const file of [fresh, passwordFile]) fs.chownSync(file, site.user.uid, site.user.gid);
  try {
    await run(site, 'initdb', [
      ...['-D', fresh, '-U', superuser, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`],
      ...['--encoding=UTF8', '--locale=C', '--no-instructions'],
      ...(site.options.durable === false ? ['--no-sync'] : []),
    ]);
  } finally {
    fs.rmSync(passwordFile, { force: true });
  }
  fs.renameSync(fresh, site.cluster);
}

async function checkVersion(site: Site): Promise<void> {
  const data = fs.readFileSync(path.join(site.cluster, 'PG_VERSION'), 'utf8').trim();
  const { stdout } = await run(site, 'postgres', ['--version']);
  const binaries = /\d+/.exec(stdout)?.[0];
  if (data === binaries) return;
  throw new EmbeddedPostgresError(
    `${site.cluster} was made by PostgreSQL ${data}, but PostgreSQL ${binaries} is installed. ` +
      'Dump it with the old version and load it with the new one, or set TIDEMARK_DATA to another folder.',
  );
}

function readSecrets(site: Site): Secrets {
  const file = path.join(site.home, 'secrets.json');
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Secrets;
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `${file} cannot be read (${(cause as Error).message}). It holds the passwords of the database beside it: restore it, ` +
        'run as the user that made it, or set TIDEMARK_DATA to another folder.',
      { cause },
    );
  }
}

/** What postmaster.pid says: pid, data folder, start time, port, socket folder, address, shared memory, status. */
function readPostmaster(site: Site): (Running & { status: string }) | null {
  let lines: string[];
  try {
    lines = fs.readFileSync(path.join(site.cluster, 'postmaster.pid'), 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return { pid: Number(lines[0]), port: Number(lines[3]), status: (lines[7] ?? '').trim() };
}

/** The server that runs on this cluster, waited for while it starts or stops. Removes what a killed one left behind. */
async function findRunning(site: Site): Promise<Running | null> {
  const deadline = Date.now() + startTimeoutMillis;
  for (;;) {
    const found = readPostmaster(site);
    if (!found) return null;
    if (!isAlive(found.pid)) return null; // The server itself replaces a file whose process is gone.
    const name = processName(found.pid);
    if (name !== null && !name.startsWith('postgres')) {
      // The number was given to another program since; PostgreSQL would take that one for its predecessor.
      fs.rmSync(path.join(site.cluster, 'postmaster.pid'), { force: true });
      return null;
    }
    if (found.status === 'ready') return found;
    if (Date.now() > deadline) {
      throw new EmbeddedPostgresError(
        `the PostgreSQL server ${found.pid} of ${site.cluster} is "${found.status}" and does not become ready`,
      );
    }
    await sleep(50);
  }
}

async function launch(site: Site): Promise<Running> {
  const logFile = path.join(site.home, 'server.log');
  for (let attempt = 1; ; attempt++) {
    const logStart = rotateLog(logFile);
    const port = site.options.port ?? (await freePort());
    const started = await tryLaunch(site, port, logFile);
    if (started) return started;
    const said = fs.readFileSync(logFile, 'utf8').slice(logStart);
    // Between our look for a free port and the server's bind another program may have taken it; and after a kill -9 the
    // old server's children need a moment to notice that it is gone.
    const passing = /pre-existing shared memory block/.test(said);
    const lostPort = site.options.port === undefined && /could not bind IPv4|could not create any TCP/.test(said);
    if (attempt >= 25 || !(passing || lostPort)) {
      throw new EmbeddedPostgresError(`PostgreSQL did not start; ${logFile} ends with:\n${said.trim().slice(-2_000)}`);
    }
    await sleep(200);
  }
}

async function tryLaunch(site: Site, port: number, logFile: string): Promise<Running | null> {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '100',
    shared_buffers: '128MB',
    max_wal_size: '1GB',
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(site.options.durable === false
      ? { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off', autovacuum_naptime: '10min' }
      : {}),
    ...site.options.settings,
  };
  const args = ['-D', site.cluster, '-p', String(port)];
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
  const log = fs.openSync(logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    // Detached, because a Ctrl-C in the terminal must reach Tidemark first and the server only when it is drained.
    child = spawn(site.binary('postgres'), args, {
      ...identity(site.user),
      cwd: site.home,
      detached: true,
      stdio: ['ignore', log, log],
      windowsHide: true,
    });
  } finally {
    fs.closeSync(log);
  }
  let ended = false;
  child.once('exit', () => (ended = true));
  child.once('error', () => (ended = true));
  child.unref();
  const deadline = Date.now() + startTimeoutMillis;
  while (!ended && Date.now() < deadline) {
    const found = readPostmaster(site);
    if (found && found.pid === child.pid && found.status === 'ready') return found;
    await sleep(10);
  }
  if (!ended) child.kill('SIGQUIT');
  return null;
}

async function stopServer(site: Site): Promise<void> {
  const running = await findRunning(site);
  if (!running) return;
  try {
    await run(site, 'pg_ctl', ['stop', '-D', site.cluster, '-m', 'fast', '-w', '-t', '30']);
  } catch (error) {
    if (!isAlive(running.pid)) return;
    site.options.log?.(
      `PostgreSQL did not stop in time (${(error as Error).message}); it will recover at its next start`,
    );
    await run(site, 'pg_ctl', ['stop', '-D', site.cluster, '-m', 'immediate', '-w', '-t', '10']);
  }
}

/** Two roles as production has them, neither a superuser, and the database that the one owns and the other may use. */
async function ensureRoles(server: Running, secrets: Secrets): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: server.port,
    user: superuser,
    password: secrets[superuser],
    database: 'postgres',
  });
  await client.connect();
  try {
    for (const role of [owner, app] as const) {
      const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role]);
      if (rowCount) continue;
      await client.query(
        `create role ${role} login nosuperuser nobypassrls nocreatedb nocreaterole password ${pg.escapeLiteral(secrets[role])}`,
      );
    }
    const { rowCount } = await client.query('select from pg_database where datname = $1', [databaseName]);
    if (!rowCount) await client.query(`create database ${databaseName} owner ${owner}`);
  } finally {
    await client.end();
  }
}

function run(site: Site, binary: string, args: string[]): Promise<{ stdout: string }> {
  const options = { ...identity(site.user), cwd: site.home, windowsHide: true };
  return promisify(execFile)(site.binary(binary), args, options).catch((cause: Error & { stderr?: string }) => {
    throw new EmbeddedPostgresError(`${binary} failed: ${cause.stderr?.trim() || cause.message}`, { cause });
  });
}

function identity(user: ServerUser | null): { uid?: number; gid?: number } {
  return user ? { uid: user.uid, gid: user.gid } : {};
}

/** Keeps one older log; gives the length of the current one. */
function rotateLog(logFile: string): number {
  const size = fs.statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size < logBytesMax) return size;
  fs.renameSync(logFile, `${logFile}.1`);
  return 0;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
