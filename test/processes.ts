import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

/*
 * Real processes, as an installation has them, for tests that kill, restart and starve them. They run the sources, so
 * that no test can pass or fail on a stale build.
 */

export interface TestProcess {
  readonly pid: number;
  /** Everything written to stdout and stderr so far. */
  output(): string;
  /** Resolves with the first match in the output. Rejects, with the output, when the process ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal (SIGKILL unless told) and resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Closes the pipes that the process writes to, as the end of `| head` does. */
  stopReading(): void;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

export type Entry = 'main' | 'worker' | 'cli';

const root = fileURLToPath(new URL('..', import.meta.url));
const runTypescript = new URL('./run-typescript.mjs', import.meta.url).href;

export function startProcess(
  entry: Entry,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): TestProcess {
  const child = spawn(process.execPath, ['--import', runTypescript, `src/${entry}.ts`, ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return observe(child);
}

function observe(child: ChildProcess): TestProcess {
  let output = '';
  const watchers = new Set<() => void>();
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
    for (const watch of watchers) watch();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return {
    pid: child.pid!,
    exit,
    output: () => output,
    waitFor(pattern) {
      return new Promise((resolve, reject) => {
        const watch = (): void => {
          const match = pattern.exec(output);
          if (!match) return;
          watchers.delete(watch);
          resolve(match);
        };
        watchers.add(watch);
        watch();
        void exit.then(() => reject(new Error(`the process ended without writing ${pattern}; it wrote:\n${output}`)));
      });
    },
    stopReading() {
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await exit;
    },
  };
}

export interface ApiProcess extends TestProcess {
  readonly url: string;
}

/** `node main.js`; resolves when it listens. TIDEMARK_PORT is any free one unless given. */
export async function startApiProcess(env: Readonly<Record<string, string>>): Promise<ApiProcess> {
  const api = startProcess('main', { TIDEMARK_PORT: '0', TIDEMARK_LOG_LEVEL: 'info', ...env });
  const [, url] = await api.waitFor(/"url":"([^"]+)".*"api is listening"/);
  return { ...api, url };
}

/** `node worker.js`; resolves when it takes work. */
export async function startWorkerProcess(env: Readonly<Record<string, string>>): Promise<TestProcess> {
  const worker = startProcess('worker', { TIDEMARK_LOG_LEVEL: 'info', ...env });
  await worker.waitFor(/"worker is ready"/);
  return worker;
}

export interface UpProcess extends TestProcess {
  readonly url: string;
}

/** `tidemark up`; resolves when it has greeted. */
export async function startUp(env: Readonly<Record<string, string>>): Promise<UpProcess> {
  const up = startProcess('cli', { TIDEMARK_PORT: '0', ...env }, ['up']);
  const [, url] = await up.waitFor(/Tidemark is up at (http\S+)/);
  await up.waitFor(/snapshots\?service=/);
  return { ...up, url };
}

export const haveRedis = spawnSync('redis-server', ['--version']).status === 0;

export interface TestRedis {
  readonly url: string;
  /** One command, as redis-cli would send it: `command('FLUSHALL')`. */
  command(...words: string[]): string;
  stop(): Promise<void>;
}

/** A Redis of its own that keeps nothing. Ask `haveRedis` first. */
export async function startRedis(): Promise<TestRedis> {
  const port = await closedPort();
  const child = spawn('redis-server', [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
  ]);
  const redis = observe(child);
  await redis.waitFor(/Ready to accept connections/);
  return {
    url: `redis://127.0.0.1:${port}`,
    command(...words) {
      const { stdout, stderr, status } = spawnSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
      return stdout.trim();
    },
    stop: () => redis.kill('SIGTERM'),
  };
}

/** A port on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Polls until the condition holds; a test's own time limit is what ends it otherwise. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

/** Waits until a query gives a row, through connections that may break. */
export async function untilRow(url: string, sql: string, parameters: unknown[] = []): Promise<void> {
  await until(async () => {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return ((await client.query(sql, parameters)).rowCount ?? 0) > 0;
    } catch {
      return false; // the server is away or starting: that is what this waits through
    } finally {
      await client.end().catch(() => undefined);
    }
  });
}
