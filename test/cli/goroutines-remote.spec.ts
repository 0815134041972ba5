import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestApp, type TestApp } from '../app.js';
import { fixture, upload } from '../api/uploads.js';
import { Api } from '../../src/cli/api.js';
import { type GoroutinesCommandOptions, printGoroutinesOf } from '../../src/cli/goroutines-command.js';
import { dumpFixture } from '../formats/goroutine-dump-fixtures.js';

let app: TestApp;
let dump: string;
let profile: string;
const folder = mkdtempSync(join(tmpdir(), 'goroutines-'));
const file = join(folder, 'dump.txt');

beforeAll(async () => {
  app = await startTestApp();
  const bytes = dumpFixture('go1.26/goroutine-minutes.debug2.txt');
  writeFileSync(file, bytes);
  dump = await upload(app, bytes, { service: 'shop', instance: 'pod-1' });
  const captured_at = new Date(Date.now() - 600_000).toISOString();
  profile = await upload(app, fixture('go1.27/goroutine.pb.gz'), { service: 'shop', instance: 'pod-1', captured_at });
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await app?.close();
});

async function run(target: string, options: GoroutinesCommandOptions = {}) {
  const printed: string[] = [];
  const remarks: string[] = [];
  await printGoroutinesOf(() => new Api({ url: app.url, key: app.keys.read }), target, options, {
    print: (text) => printed.push(text),
    remark: (text) => remarks.push(text),
    progress: () => undefined,
  });
  return { text: printed.join('\n'), remarks };
}

describe('tidemark goroutines', () => {
  it('shows of a snapshot what it shows of the file, but for when it was captured', async () => {
    for (const options of [{}, { by: 'site', limit: '3' }, { state: 'chan send' }, { minWait: '3', limit: '0' }]) {
      const remote = await run(dump, options);
      expect(remote.text.replace(/, 20\S+Z/, '')).toBe((await run(file, options)).text);
      expect(remote.text).toMatch(/^Dump, 30 goroutines, 20\S+Z\n {2}12 chan receive/);
    }
  });

  it('shows what changed between two snapshots', async () => {
    const { text } = await run(dump, { by: 'site', base: profile });
    expect(text).toMatch(/\n\n\d+ .*; [+-]\d+ \((?:new|gone|grown|shrunk), \d+ before\)/);
    expect(text).toMatch(/\n\n11 chan receive; as before; /);
    await expect(run(dump, { base: file })).rejects.toThrow(/is not the id of a snapshot/);
    await expect(run(file, { base: dump })).rejects.toThrow(/is not a file/);
    await expect(run(dump, { base: randomUUID() })).rejects.toThrow(/There is no such thing/);
  });

  it('shows the groups of a service over time', async () => {
    const { text, remarks } = await run('shop', { by: 'site', from: '-1h', limit: '2' });
    expect(remarks.at(-1)).toMatch(/^goroutine, mean per 60 s, /);
    const lines = text.split('\n');
    expect(lines[0]).toMatch(/^STATE +FIRST +MAX +LAST +PER HOUR +GROUP/);
    expect(lines[1]).toMatch(/^all +\S+ +31 +31 +31 +0$/);
    expect(lines[2]).toMatch(/^chan receive +\S+ +11 +11 +11 +0 +main\.leakRecv$/);
    expect(lines).toHaveLength(5);
    expect(lines[4]).toMatch(/^other .* \d+ groups$/);
    const { remarks: empty } = await run('shop', { from: '-10h', to: '-9h' });
    expect(empty.at(-1)).toMatch(/^No snapshot in this range/);
    await expect(run('shop', { state: 'select' })).rejects.toThrow(/--state goes with a file or a snapshot/);
    await expect(run('nothing')).rejects.toThrow(/There is no such thing/);
  });

  it('prints JSON of all three', async () => {
    const json = async (target: string) => JSON.parse((await run(target, { json: true })).text) as object;
    expect(await json(file)).toMatchObject({ by: 'stack', captures: [{ goroutines: 30, group_count: 18 }] });
    expect(await json(dump)).toMatchObject({ by: 'stack', goroutines: 30, row_count: 18 });
    expect(await json('shop')).toMatchObject({ by: 'stack', kind: 'goroutine' });
  });
});
