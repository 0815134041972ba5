// A whole Tidemark for benchmarks, as `npm start` runs it: embedded Postgres, API, worker, durable, in a scratch folder.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/platform/embedded-postgres.js';
import { repository, scratch } from './measure.mjs';

/** @param environment more settings, or others */
export async function startServer(environment = {}) {
  const data = scratch('server');
  // PostgreSQL runs as another user where this runs as root, and has to enter.
  chmodSync(data, 0o755);
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [...(process.env.BENCH_NODE_FLAGS?.split(' ') ?? []), join(repository, 'dist/cli.js'), 'up'],
    {
      env: {
        ...process.env,
        TIDEMARK_DATA: data,
        TIDEMARK_PORT: String(port),
        TIDEMARK_LOG_LEVEL: 'warn',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  child.stdout.resume();
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok);
  const key = readFileSync(join(data, 'admin.key'), 'utf8').trim();
  const database = await startEmbeddedPostgres(data);
  const watcher = new pg.Client(database.superuserUrl.replace(/[^/]+$/, 'tidemark'));
  await watcher.connect();
  await database.stop();
  const get = async (path) => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${key}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const post = async (path, body) => {
    const response = await fetch(url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const agent = new Agent({ keepAlive: true });
  return {
    url,
    key,
    data,
    get,
    post,
    /** The answer's bytes, as they come: what a client makes of them is not the server's time. */
    fetchBytes: (path) => fetchBytes(agent, url + path, key),
    /** The running database, for figures that no API gives and for rows that no API could load in time. */
    database: () => startEmbeddedPostgres(data),
    /** Resident memory of the API process in MiB. */
    apiRssMebibytes: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024,
    async push(service, bytes, parameters = {}) {
      const query = new URLSearchParams({ service, ...parameters });
      const response = await fetch(`${url}/api/v1/snapshots?${query}`, {
        method: 'POST',
        body: bytes,
        headers: { authorization: `Bearer ${key}` },
      });
      if (response.status !== 202) throw new Error(`upload: ${response.status} ${await response.text()}`);
      return response.json();
    },
    /** Waits until nothing is on the work list. It asks the database itself, or the asking would be most of the work. */
    async settled(service, count) {
      await until(async () => (await watcher.query('select from work limit 1')).rowCount === 0);
      const { rows } = await get(`/api/v1/snapshots?service=${service}&state=indexed&limit=5000`);
      if (rows.length !== count) throw new Error(`${rows.length} of ${count} uploads were indexed`);
    },
    /** CPU time used so far in milliseconds: user and system, of each kind of process and of those of it that have ended. */
    cpuMillis: () => cpuMillis(child.pid),
    async stop() {
      agent.destroy();
      await watcher.end();
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
      rmSync(data, { recursive: true, force: true });
    },
  };
}

export async function until(condition, millis = 20) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, millis));
}

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

function cpuMillis(root) {
  const sums = { api: 0, worker: 0, parsers: 0, postgres: 0 };
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // proc(5): utime, stime and those of the children it has waited for are the fields 14 to 17; the name in brackets is the second.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      const kind = /parser-process/.test(command)
        ? 'parsers'
        : /worker\.js/.test(command)
          ? 'worker'
          : /^\S*postgres/.test(command)
            ? 'postgres'
            : 'api';
      sums[kind] += (ticks * 1000) / ticksPerSecond;
      for (const task of readdirSync(`/proc/${pid}/task`)) {
        const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
        if (children !== '') waiting.push(...children.split(' '));
      }
    } catch (error) {
      // It has ended meanwhile; its parent will have its time.
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
  }
  return sums;
}

/** `fetch` itself would take two milliseconds of each request. */
function fetchBytes(agent, url, key) {
  return new Promise((resolve, reject) => {
    request(url, { agent, headers: { authorization: `Bearer ${key}` } }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const bytes = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve(bytes);
        else reject(new Error(`${url}: ${response.statusCode} ${bytes}`));
      });
    })
      .once('error', reject)
      .end();
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
