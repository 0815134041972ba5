import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { isAlive } from '../../src/platform/process-files.js';
import { startProcess, startUp, type TestProcess, until, type UpProcess } from '../processes.js';

describe('tidemark up', () => {
  let folder: string;
  const running: TestProcess[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tidemark-up-'));
    await chmod(folder, 0o711);
  });
  afterEach(async () => {
    for (const process of running.splice(0)) await process.kill('SIGTERM');
    await rm(folder, { recursive: true, force: true });
  });

  async function up(env: Readonly<Record<string, string>> = {}): Promise<UpProcess> {
    const started = await startUp({ TIDEMARK_DATA: folder, ...env });
    running.push(started);
    return started;
  }
  const adminKey = async () => (await readFile(path.join(folder, 'admin.key'), 'utf8')).trim();
  const postmaster = async () =>
    Number((await readFile(path.join(folder, 'postgres/cluster/postmaster.pid'), 'utf8')).split('\n')[0]);
  async function childrenOf(pid: number): Promise<number[]> {
    return (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ').filter(Boolean).map(Number);
  }
  async function workerOf({ pid }: TestProcess): Promise<number | undefined> {
    for (const child of await childrenOf(pid)) {
      if ((await readFile(`/proc/${child}/cmdline`, 'utf8')).includes('worker')) return child;
    }
    return undefined;
  }
  const teams = (url: string, key: string) =>
    fetch(`${url}/api/v1/teams`, { headers: { Authorization: `Bearer ${key}` } });

  it('greets with the address, a new key and a line to copy, and lets that key in', async () => {
    const { url, output } = await up();
    const key = await adminKey();
    expect(output()).toContain(`Tidemark is up at ${url}`);
    expect(output()).toContain(key);
    expect(output()).toContain(`-H "Authorization: Bearer ${key}"`);
    expect(output()).toContain(`"${url}/api/v1/snapshots?service=checkout-api"`);
    expect((await teams(url, key)).status).toBe(200);
    expect((await stat(path.join(folder, 'admin.key'))).mode & 0o777).toBe(0o600);
  });

  it('stops everything on Ctrl-C, and goes on with the same key and data', async () => {
    const first = await up();
    const key = await adminKey();
    const [postgres, worker] = [await postmaster(), await workerOf(first)];
    process.kill(first.pid, 'SIGINT');
    await first.kill('SIGINT'); // under npm, one Ctrl-C arrives twice
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(isAlive(postgres)).toBe(false);
    expect(worker !== undefined && isAlive(worker)).toBe(false);

    const second = await up();
    expect(await adminKey()).toBe(key);
    expect(second.output()).not.toContain(key);
    expect((await teams(second.url, key)).status).toBe(200);
  });

  it('stops everything when its terminal goes away, and whoever read what it wrote', async () => {
    const started = await up();
    const postgres = await postmaster();
    started.stopReading();
    await started.kill('SIGHUP');
    expect(await started.exit).toEqual({ code: 0, signal: null });
    expect(isAlive(postgres)).toBe(false);
  });

  it('leaves no worker behind when it is killed, and takes its database over again', async () => {
    const first = await up();
    const [postgres, worker] = [await postmaster(), await workerOf(first)];
    await first.kill('SIGKILL');
    await until(() => worker !== undefined && !isAlive(worker));
    const second = await up();
    expect(await postmaster()).toBe(postgres);
    await second.kill('SIGTERM');
    expect(isAlive(postgres)).toBe(false);
  });

  it('starts a worker again that died', async () => {
    const started = await up();
    const worker = (await workerOf(started))!;
    process.kill(worker, 'SIGKILL');
    await started.waitFor(/worker process ended \(SIGKILL\)/);
    await until(async () => ((await workerOf(started)) ?? worker) !== worker);
  });

  it('starts PostgreSQL again when its main process was killed', async () => {
    const { url } = await up();
    const postgres = await postmaster();
    process.kill(postgres, 'SIGKILL');
    await until(async () => !isAlive(postgres) && (await fetch(`${url}/readyz`)).status === 200);
    expect((await teams(url, await adminKey())).status).toBe(200);
  });

  it('takes the key that the environment presets', async () => {
    const first = await up();
    const preset = await adminKey();
    await first.kill('SIGTERM');
    await rm(folder, { recursive: true });
    const { url, output } = await up({ TIDEMARK_ADMIN_KEY: preset });
    expect((await teams(url, preset)).status).toBe(200);
    expect(output()).not.toContain(preset);
  });

  it('says so when the port is taken, and leaves nothing running', async () => {
    const { url } = await up();
    const { port } = new URL(url);
    const other = path.join(folder, 'other');
    const second = startProcess('cli', { TIDEMARK_DATA: other, TIDEMARK_PORT: port }, ['up']);
    expect(await second.exit).toEqual({ code: 69, signal: null });
    expect(second.output()).toMatch(new RegExp(`port ${port} of 127.0.0.1 is in use.*TIDEMARK_PORT`));
    await expect(stat(path.join(other, 'postgres/cluster/postmaster.pid'))).rejects.toThrow(/ENOENT/);
  });

  it('reports all that is wrong with its environment at once', async () => {
    const env = { TIDEMARK_DATA: folder, TIDEMARK_PORT: 'http', TIDEMARK_PARSERS: '0', REDIS_URL: 'localhost:6379' };
    const broken = startProcess('cli', env, ['up']);
    expect(await broken.exit).toEqual({ code: 78, signal: null });
    for (const name of ['TIDEMARK_PORT', 'TIDEMARK_PARSERS', 'REDIS_URL'])
      expect(broken.output()).toContain(`- ${name} must be`);
  });
});
