import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ConfigError, readConfig } from '../../src/platform/config.js';

const compiled = new URL('../../dist/platform/config.js', import.meta.url).href;

describe('readConfig', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'tidemark-config-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const read = (env: Readonly<Record<string, string>> = {}) =>
    readConfig({ DATABASE_URL: 'postgres://app:secret@db/tidemark', TIDEMARK_DATA: folder, ...env });
  const faultsOf = (env: Readonly<Record<string, string>>): readonly string[] => {
    try {
      read(env);
    } catch (error) {
      if (error instanceof ConfigError) return error.faults;
      throw error;
    }
    return [];
  };

  it('listens on this machine only, at 4700, with the archive in the data folder, unless told otherwise', () => {
    expect(read()).toMatchObject({
      mode: 'production',
      host: '127.0.0.1',
      port: 4700,
      dataDir: folder,
      archiveUrl: `file://${folder}/archive`,
      redisUrl: null,
      adminKey: null,
      logLevel: 'info',
    });
  });

  it('reports every fault at once, by the name of the variable', () => {
    const faults = faultsOf({
      DATABASE_URL: '',
      REDIS_URL: 'localhost:6379',
      ARCHIVE_URL: 's3://bucket',
      TIDEMARK_PORT: '99999',
      TIDEMARK_PARSERS: '1.5',
      TIDEMARK_LOG_LEVEL: 'loud',
      TIDEMARK_SECRET: 'short',
      TIDEMARK_FAILPOINT: 'nowhere',
    });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual([
      'ARCHIVE_URL',
      'DATABASE_URL',
      'REDIS_URL',
      'TIDEMARK_FAILPOINT',
      'TIDEMARK_LOG_LEVEL',
      'TIDEMARK_PARSERS',
      'TIDEMARK_PORT',
      'TIDEMARK_SECRET',
    ]);
  });

  it('repeats no value that may hold a password', () => {
    expect(faultsOf({ DATABASE_URL: 'mysql://app:hunter2@db' }).join()).not.toContain('hunter2');
    expect(faultsOf({ TIDEMARK_SECRET: 'hunter2' }).join()).not.toContain('hunter2');
  });

  it.each(['1e3', '0x10', ' ', '-1', 'NaN', '4700 '])(
    'reads %j as what it is: a number as written, or nothing',
    (port) => {
      const trimmed = port.trim();
      if (trimmed === '') expect(read({ TIDEMARK_PORT: port }).port).toBe(4700);
      else if (trimmed === '4700') expect(read({ TIDEMARK_PORT: port }).port).toBe(4700);
      else expect(faultsOf({ TIDEMARK_PORT: port })).toHaveLength(1);
    },
  );

  it('makes one secret for all processes that start at once, and leaves nothing else behind', async () => {
    const shared = await mkdtemp(path.join(folder, 'shared-'));
    const env = { DATABASE_URL: 'postgres://app:secret@db/tidemark', TIDEMARK_DATA: shared };
    const script = `import { readConfig } from ${JSON.stringify(compiled)}; console.log(readConfig(process.env).secret)`;
    const starting = Array.from({ length: 8 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env }),
    );
    const secrets = new Set((await Promise.all(starting)).map(({ stdout }) => stdout));
    expect(secrets.size).toBe(1);
    expect(await readdir(shared)).toEqual(['secret']);
  });

  it('makes a secret of its own once, readable by nobody else, and refuses a damaged one', async () => {
    const first = read().secret;
    expect(read().secret).toBe(first);
    const file = path.join(folder, 'secret');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readFile(file, 'utf8')).trim()).toBe(first);
    await writeFile(file, 'x');
    expect(faultsOf({})).toEqual([expect.stringContaining('damaged')]);
    await rm(file);
  });
});
