import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { tracePath } from '../formats/trace-fixtures.js';
import { tidemark } from './command-line.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tidemark-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

const busy = tracePath('go1.26-cpusamples.trace');
const heap = fixture('pprof/go1.26/heap.pb.gz');

describe('tidemark inspect FOLDER', () => {
  const some = join(folder, 'some');
  mkdirSync(join(some, 'deep/er'), { recursive: true });
  writeFileSync(join(some, 'b.trace'), readFileSync(busy).subarray(0, -100));
  writeFileSync(join(some, 'deep/er/heap.pb.gz'), readFileSync(heap));
  symlinkSync(join(some, 'deep'), join(some, 'ring'));

  it('shows every file in it and its folders, a line each, with kinds, counts and losses', async () => {
    const { code, stdout } = await tidemark(['inspect', some]);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^b\.trace: exectrace: \d+ events, 1 generations, .*; lost: truncated, .* usable up to .*; cpu: /,
    );
    expect(lines[1]).toMatch(/^deep\/er\/heap\.pb\.gz: heap: \d+ samples, /);
  });

  it('shows all of them and fails if any cannot be read', async () => {
    writeFileSync(join(some, 'a\u001b[31m.bin'), Buffer.from([0, 1, 2, 3]));
    const { code, stdout, stderr } = await tidemark(['inspect', some]);
    expect(code).toBe(1);
    expect(stdout.trim().split('\n')).toHaveLength(3);
    expect(stdout).toMatch(/^a\\u001b\[31m\.bin: unrecognized: /m);
    expect(stderr).toBe('tidemark: 1 of 3 files cannot be read.\n');
    const json = JSON.parse((await tidemark(['inspect', some, '--json'])).stdout) as { file: string; error?: string }[];
    expect(json.map(({ error }) => error === undefined)).toEqual([false, true, true]);
  });
});

describe('tidemark inspect FILE', () => {
  const inspect = async (path: string): Promise<string> => (await tidemark(['inspect', path])).stdout;

  it('shows a trace in a few lines, its series, and the profile in it', async () => {
    const text = await inspect(busy);
    expect(text).toMatch(/^Kind: +exectrace, a delta$/m);
    expect(text).toMatch(/^ {2}sync +9\.66s/m);
    expect(text).toMatch(/^ {2}Format go 1\.26: 33282 events in 2 generations over 1\.53s$/m);
    expect(text).toMatch(/chan send in main\.worker, mostly woken by main\.pipeline\.func1$/m);
    expect(text).toMatch(/^Series from exectrace \(\d+ moments\), last values:$/m);
    expect(text).toMatch(/^ {2}\/gc\/heap\/goal:bytes +7\.33MB +bytes$/m);
    expect(text).toMatch(/^Kind: +cpu$/m);
    expect(text).toMatch(/^Note: .*100 samples a second/m);
  });

  it.each([
    ['goroutine-dumps/go1.26/panic-deadlock.txt', /^Series from goroutine-states \(one moment/m, /deadlock!$/m],
    ['goroutine-dumps/go1.26/goroutine.debug2.txt', /^Series from goroutine-states/m, /^ {2}total +\d+ +count$/m],
    ['logs/go1.26/gctrace.log', /^Series from gctrace \(\d+ moments/m, /^ {2}Process 1: \d+ cycles, pause p50 /m],
    ['logs/go1.26/schedtrace.log', /^Series from schedtrace/m, /^ {2}Process 1: \d+ samples, \d+ Ps, /m],
  ])('shows what is in %s', async (name, series, content) => {
    const text = await inspect(fixture(name));
    expect(text).toMatch(series);
    expect(text).toMatch(content);
  });

  it('gives series and contents as JSON, with 64-bit integers as text', async () => {
    const { stdout } = await tidemark(['inspect', busy, '--json']);
    const [trace] = JSON.parse(stdout) as {
      kind: string;
      content: { goroutine_count: number };
      series: { columns: { name: string; last: string }[] }[];
    }[];
    expect(trace).toMatchObject({ kind: 'exectrace', content: { goroutine_count: 21 } });
    expect(trace.series[0].columns[0].last).toMatch(/^\d+$/);
  });
});

describe('commands on traces and logs', () => {
  it('tidemark trace reads a file or standard input', async () => {
    const { code, stdout } = await tidemark(['trace', busy, '--limit', '3']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Execution trace of format go 1\.26: 33282 events/);
    const piped = await tidemark(['trace', '-', '--limit', '3'], { stdin: gzipSync(readFileSync(busy)) });
    expect(piped.stdout).toBe(stdout);
    const window = await tidemark(['trace', busy, '--goroutine', '1', '--window', '5ms']);
    expect(window.stdout).toMatch(/^Goroutine 1 main\.main, from /);
    expect((await tidemark(['trace', 'nowhere.trace'])).code).toBe(66);
    expect((await tidemark(['trace', 'checkout-api'])).code).toBe(64);
  });

  it('tidemark gc and tidemark sched read logs', async () => {
    const gc = await tidemark(['gc', fixture('logs/go1.26/gctrace.log'), '--cycle', '5']);
    expect(gc.code).toBe(0);
    expect(gc.stdout).toMatch(/^Cycles: +\d+ in 1 process$/m);
    expect(gc.stdout).toMatch(/^ {2}Cycle 5$/m);
    const sched = await tidemark(['sched', fixture('logs/go1.26/schedtrace.log')]);
    expect(sched.code).toBe(0);
    expect(sched.stdout).toMatch(/^Samples: +\d+ in 1 process$/m);
    const none = await tidemark(['gc', fixture('logs/go1.26/schedtrace.log')]);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/holds no gctrace lines/) as string });
  });
});
