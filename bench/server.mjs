// A whole Tidemark for benchmarks, as `npm start` runs it: embedded Postgres, API, worker, durable, in a scratch folder.
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../dist/platform/embedded-postgres.js';
import { repository, scratch } from './measure.mjs';

export async function startServer() {
  const data = scratch('server');
  // PostgreSQL runs as another user where this runs as root, and has to enter.
  chmodSync(data, 0o755);
  const port = await freePort();
  const child = spawn(process.execPath, [join(repository, 'dist/cli.js'), 'up'], {
    env: { ...process.env, TIDEMARK_DATA: data, TIDEMARK_PORT: String(port), TIDEMARK_LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.resume();
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/readyz`).catch(() => null))?.ok);
  const key = readFileSync(join(data, 'admin.key'), 'utf8').trim();
  const get = async (path) => {
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${key}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    url,
    key,
    data,
    get,
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
    async settled(service, count) {
      await until(
        async () => (await get(`/api/v1/snapshots?service=${service}&state=indexed&limit=5000`)).rows.length >= count,
      );
    },
    async stop() {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
      rmSync(data, { recursive: true, force: true });
    },
  };
}

export async function until(condition, millis = 20) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, millis));
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
