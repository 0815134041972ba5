import { fileURLToPath } from 'node:url';
import { startTestApp, type TestApp } from '../app.js';
import { tidemark } from './command-line.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/pprof/${name}`, import.meta.url));

describe('tidemark push --capture', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp();
  });
  afterAll(() => app?.close());

  const push = (...args: string[]) =>
    tidemark(['push', ...args, '--service', 'shop', '--capture'], {
      env: { TIDEMARK_URL: app.url, TIDEMARK_KEY: app.keys.ci },
    });

  it('sends all files as one capture, and says of each what became of it', async () => {
    const files = [fixture('go1.26/heap.pb.gz'), fixture('go1.26/goroutine.pb.gz')];
    const { code, stdout } = await push(...files, '--instance', 'pod-1', '--label', 'region=eu');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^\S+ {2}heap {2}indexed {2}heap\.pb\.gz\n\S+ {2}goroutine {2}indexed {2}goroutine\.pb\.gz\n$/,
    );
    const { body } = await app.http(app.keys.read).get('/api/v1/captures');
    expect(body.rows).toMatchObject([{ service: 'shop', instance: 'pod-1', files: 2, labels: { region: 'eu' } }]);
    expect((await push(...files, '--instance', 'pod-1', '--label', 'region=eu')).stdout).toContain('indexed (known)');
  });

  it('fails when one of them could not be indexed', async () => {
    const { code, stdout, stderr } = await push(
      fixture('go1.26/heap.pb.gz'),
      fixture('malformed/truncated-gzip-50pct.pb.gz'),
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(/rejected {2}truncated-gzip-50pct\.pb\.gz {2}The bytes end too early/);
    expect(stderr).toContain('1 of 2 could not be indexed');
  });
});
