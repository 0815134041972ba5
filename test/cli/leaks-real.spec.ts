import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LeakRanking } from '../../src/analysis/leaks/suspect.js';
import { describeWithPprof } from '../oracle/pprof.js';
import { tidemark } from './command-line.js';

const workload = fileURLToPath(new URL('../workloads/leakserver', import.meta.url));

describeWithPprof('a program that leaks, from its own net/http/pprof', () => {
  let folder: string;
  let program: ChildProcess;
  const moments = 6;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-leakserver-'));
    const binary = join(folder, 'leakserver');
    execFileSync('go', ['build', '-o', binary, '.'], { cwd: workload, stdio: 'ignore' });
    const address = `127.0.0.1:${await freePort()}`;
    program = spawn(binary, ['-addr', address, '-every', '2ms'], { stdio: 'ignore' });
    const get = async (path: string): Promise<Buffer> => {
      const answer = await fetch(`http://${address}/debug/pprof/${path}`);
      return Buffer.from(await answer.arrayBuffer());
    };
    for (let moment = 0; moment < moments; moment++) {
      writeFileSync(join(folder, `${moment}.heap.pb.gz`), await whenUp(() => get('heap?gc=1')));
      writeFileSync(join(folder, `${moment}.goroutine-debug2.txt`), await get('goroutine?debug=2'));
      await sleep(1000);
    }
    rmSync(binary);
  }, 240_000);

  afterAll(() => {
    program?.kill();
    rmSync(folder, { recursive: true });
  });

  it('the goroutines that wait for ever and the sessions that stay are found, each as the first of its kind', async () => {
    const { code, stdout } = await tidemark(['leaks', folder, '--json']);
    expect(code).toBe(0);
    const { suspects, judged } = JSON.parse(stdout) as LeakRanking;
    expect(judged).toMatchObject({ instances: 1, goroutineSnapshots: moments, heapSnapshots: moments });
    expect(suspects.find(({ kind }) => kind === 'goroutine')).toMatchObject({
      tier: 'probable',
      function: 'main.askAndForget.func1',
      state: 'chan send',
      createdBy: 'main.askAndForget',
    });
    expect(suspects.find(({ kind }) => kind === 'heap')).toMatchObject({ function: 'main.(*store).open' });
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
      });
  });
}

async function whenUp<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= 200) throw error;
      await sleep(50);
    }
  }
}
