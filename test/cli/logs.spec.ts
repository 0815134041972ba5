import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { CliFailure } from '../../src/cli/failure.js';
import { type GcOptions, printGc } from '../../src/cli/gc.js';
import type { LogOptions } from '../../src/cli/log-input.js';
import { printSched } from '../../src/cli/sched.js';
import { logFixture } from '../formats/log-fixtures.js';

const path = (name: string): string => fileURLToPath(new URL(`../fixtures/logs/${name}`, import.meta.url));

async function printed(
  print: (out: { print(text: string): void; remark(): void; progress(): void }) => Promise<void>,
): Promise<string> {
  const texts: string[] = [];
  await print({ print: (text) => void texts.push(text), remark: () => undefined, progress: () => undefined });
  return texts.join('\n');
}

const gc = (name: string, options: GcOptions = {}): Promise<string> => printed((out) => printGc(name, options, out));
const sched = (name: string, options: LogOptions = {}): Promise<string> =>
  printed((out) => printSched(name, options, out));

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'tidemark-logs-'))));
afterAll(() => rmSync(folder, { recursive: true }));

describe('tidemark gc', () => {
  it('says what an engineer asks of the collections', async () => {
    const text = await gc(path('go1.26/gctrace.log'), { cycle: '3' });
    expect(text).toMatch(/^Cycles: +188 in 1 process$/m);
    expect(text).toMatch(/^ {2}GC CPU: +23\.9% of 2 P/m);
    expect(text).toMatch(/^ {2}Pause: +p50 742us, p99 9\.88ms, max 11ms/m);
    expect(text).toMatch(/^ {2}concurrent mark .* 2\.30ms .* assists 640us, workers 2\.40ms, idle 0$/m);
  });

  it('gives the same numbers in JSON', async () => {
    const answer = JSON.parse(await gc(path('go1.26/gctrace.log'), { json: true, cycle: '3' }));
    expect(answer).toMatchObject({
      clock: 'line-times',
      wrappers: ['go-log'],
      counts: { cycles: 188, missing: 0 },
      processes: [{ last_number: 188, summary: { cycles: 188, pause: { p50_nanos: 742000 } }, cycle: { number: 3 } }],
    });
  });

  it('shows the window that is asked for', async () => {
    const answer = JSON.parse(await gc(path('go1.26/gctrace-gostop.log'), { json: true, from: '1m', to: '2m30s' }));
    expect(answer.processes[0].summary).toMatchObject({ cycles: 1, from_nanos: 60e9, to_nanos: 150e9 });
  });

  it('reads gzip as it reads the log', async () => {
    const file = join(folder, 'log.gz');
    writeFileSync(file, gzipSync(logFixture('go1.26/gctrace.log')));
    expect(await gc(file)).toBe(await gc(path('go1.26/gctrace.log')));
  });

  it('takes the time of the last line for that of the capture', async () => {
    const capturedAt = '2026-11-23T15:20:00Z';
    const answer = JSON.parse(await gc(path('go1.26/gctrace-leak.log'), { json: true, capturedAt }));
    expect(answer).toMatchObject({ clock: 'capture', processes: [{ started_at: '2026-11-23T15:19:59.821178000Z' }] });
  });

  it.each([
    ['a file that is not there', () => gc(join(folder, 'nowhere.log')), 'noInput'],
    ['a folder', () => gc(folder), 'noInput'],
    ['a log without Go in it', () => gc(fileURLToPath(import.meta.url)), 'failed'],
    ['a log without collections', () => gc(path('go1.26/schedtrace.log')), 'failed'],
    ['a duration that is none', () => gc(path('go1.26/gctrace.log'), { from: '5 minutes' }), 'usage'],
    ['a time that is none', () => gc(path('go1.26/gctrace.log'), { capturedAt: 'now' }), 'usage'],
    ['a cycle that is none', () => gc(path('go1.26/gctrace.log'), { cycle: 'x' }), 'usage'],
    ['broken gzip', () => brokenGzip(), 'failed'],
  ])('refuses %s', async (_, run, reason) => {
    const failure = await run().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CliFailure);
    expect((failure as CliFailure).reason).toBe(reason);
  });

  function brokenGzip(): Promise<string> {
    const file = join(folder, 'broken.gz');
    const bytes = gzipSync(logFixture('go1.26/gctrace.log'));
    writeFileSync(file, bytes.subarray(0, bytes.length >> 1));
    return gc(file);
  }
});

describe('tidemark sched', () => {
  it('says what an engineer asks of the scheduler', async () => {
    const text = await sched(path('go1.26/schedtrace.log'));
    expect(text).toMatch(/^Samples: +10 in 1 process$/m);
    expect(text).toMatch(/^ {2}Threads: +4 to 7 \(max 7\)/m);
    expect(text).toMatch(/^ {2}P0 +0\.1 +1 +157617$/m);
  });

  it('shows the last block of scheddetail, with wait reasons of who waits', async () => {
    const text = await sched(path('go1.26/scheddetail.log'));
    expect(text).toMatch(/^Last block, line 255, at 1\.01s$/m);
    expect(text).toMatch(/^12 +waiting: chan receive$/m);
    expect(text).toMatch(/^ 2 +running$/m);
  });

  it('gives the same numbers in JSON', async () => {
    const answer = JSON.parse(await sched(path('go1.26/scheddetail.log'), { json: true }));
    expect(answer).toMatchObject({
      counts: { samples: 5, goroutine_lines: 172 },
      processes: [{ summary: { threads: { first: 4, last: 8 } } }],
      detail: { blocks: 5 },
    });
  });
});
