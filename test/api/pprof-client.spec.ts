import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { startTestApp, type TestApp } from '../app.js';
import { describeWithPprof, exactFlags, parseTop, pprofBinary, runPprof } from '../oracle/pprof.js';
import { fixture, heap, send, upload } from './uploads.js';

describeWithPprof('go tool pprof', () => {
  let app: TestApp;
  let folder: string;
  beforeAll(async () => {
    app = await startTestApp();
    folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-pprof-'));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await app?.close();
  });

  async function pprof(flags: readonly string[], route: string, key = app.keys.read) {
    const url = `http://anyone:${key}@${app.url.replace('http://', '')}/api/v1/${route}`;
    const env = { PATH: process.env.PATH, TZ: 'UTC', HOME: folder, PPROF_TMPDIR: folder, PPROF_BINARY_PATH: folder };
    // The API answers in this process, so this one must not wait for pprof idly.
    return promisify(execFile)(pprofBinary!, ['-symbolize=none', ...flags, url], { env, cwd: folder }).then(
      ({ stdout }) => ({ failed: false, output: stdout }),
      (error: { stderr: string }) => ({ failed: true, output: error.stderr }),
    );
  }

  test.each(['go1.25/heap.pb.gz', 'go1.25/cpu.pb.gz', 'go1.21/heap-rate512.pb.gz'])(
    'fetches a snapshot by its address, key included, and reads %s as from the file',
    async (name) => {
      const id = await upload(app, fixture(name), { service: 'fetched' });
      const { output } = await pprof(['-top', '-nodecount=50'], `snapshots/${id}/profile.pb.gz`);
      const table = (text: string) => text.slice(text.indexOf('Showing nodes'));
      expect(table(output)).toBe(table(runPprof(['-top', '-nodecount=50'], [fixture(name)])));
    },
  );

  test('fetches a merge and reads the numbers of the merged top', async () => {
    await upload(app, fixture('go1.21/heap-rate512.pb.gz'), { service: 'merged', instance: 'a' });
    await upload(app, fixture('go1.21/heap2-rate512.pb.gz'), { service: 'merged', instance: 'b' });
    for (const [type, unit] of [
      ['inuse_space', 'B'],
      ['alloc_objects', 'count'],
    ] as const) {
      const { output, failed } = await pprof(exactFlags(type, unit), 'services/merged/profile.pb.gz?from=2026-11-01');
      expect(failed).toBe(false);
      const printed = parseTop(output);
      const { body } = await app
        .http(app.keys.read)
        .get('/api/v1/services/merged/top')
        .query({ from: '2026-11-01', sample_type: type, limit: 5000 });
      expect(body.total).toBe(String(printed.total));
      const rows = body.rows as { function: string; flat: string; cum: string }[];
      expect(Object.fromEntries(rows.map((row) => [row.function, [row.flat, row.cum]]))).toEqual(
        Object.fromEntries([...printed.rows].map(([name, { flat, cum }]) => [name, [String(flat), String(cum)]])),
      );
    }
  });

  test('shows why it gets nothing', async () => {
    const rejected = await send(app, Buffer.from('no profile at all'), { service: 'fetched' });
    await app.settle();
    const { output, failed } = await pprof(['-top'], `snapshots/${rejected}/profile.pb.gz`);
    expect(failed).toBe(true);
    expect(output).toMatch(/422/);
    expect(output).toMatch(/server response:.*begins with/s);
    const unknown = await pprof(['-top'], 'services/unknown/profile.pb.gz');
    expect(unknown.output).toMatch(/This key sees no service named/);
    const id = await upload(app, heap(1, new Date()), { service: 'fetched' });
    const keyless = await pprof(['-top'], `snapshots/${id}/profile.pb.gz`, 'tmk_nonsense');
    expect(keyless.output).toMatch(/hold no valid API key/);
  });
});
