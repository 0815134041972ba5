import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tidemark } from './command-line.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const MiB = 2 ** 20;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-runtime-'));
  for (const [instance, growth] of [
    ['pod-1', 2],
    ['pod-2', 0],
  ] as const) {
    mkdirSync(join(folder, instance));
    const lines = Array.from({ length: 60 }, (_, m) => {
      const live = (100 + m * growth) * MiB;
      return JSON.stringify({
        time: new Date(Date.UTC(2026, 10, 23, 12, m)).toISOString(),
        HeapAlloc: Math.round(live * (1 + ((m * 0.37) % 1))),
        HeapInuse: 2 * live,
        Sys: 2 * live + 30 * MiB,
        HeapReleased: 0,
      });
    });
    writeFileSync(join(folder, instance, 'memstats.ndjson'), lines.join('\n'));
  }
  writeFileSync(join(folder, 'notes.txt'), 'nothing that Go writes');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('what local files say of a process', () => {
  it('a verdict on a folder takes each folder in it for an instance, and says which files it could not use', async () => {
    const { code, stdout, stderr } = await tidemark(['verdict', folder]);
    expect(code).toBe(0);
    expect(stderr).toContain('1 file holds no numbers over time: notes.txt');
    expect(stdout).toMatch(
      /^live-heap: footprint grows by \+24\dMB\/h|^live-heap: footprint grows by \+24\d\.\d+MB\/h/,
    );
    expect(stdout).toContain('No RSS was sent');
    const answer = JSON.parse((await tidemark(['verdict', folder, '--json'])).stdout) as {
      verdict: string;
      instances: { instance: string; bytes_per_hour: number }[];
    };
    expect(answer.verdict).toBe('live-heap');
    expect(answer.instances.map(({ instance }) => instance)).toEqual(['pod-1', 'pod-2']);
    expect(answer.instances[1].bytes_per_hour).toBe(0);
  });

  it('findings of a log of collections', async () => {
    const log = fixture('logs/go1.26/gctrace.log');
    const { code, stdout } = await tidemark(['findings', log]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^critical {2}local: \d+ garbage collections a minute, more than 120/m);
    expect(stdout).toMatch(/^warning {3}local: the garbage collector takes [\d.]+ % of the CPU time, more than 15 %/m);
  });

  it('the timeline is drawn, and the same in JSON as the server gives', async () => {
    const log = fixture('logs/go1.26/gctrace.log');
    const { stdout } = await tidemark(['runtime', log]);
    expect(stdout).toMatch(/^SERIES +FIRST +MIN +MAX +LAST +SOURCE$/m);
    expect(stdout).toMatch(/^heap_live .*MB +gctrace$/m);
    const answer = JSON.parse((await tidemark(['runtime', log, '--json'])).stdout) as {
      series: { name: string; basis: string | null }[];
    };
    expect(answer.series.find(({ name }) => name === 'gc_pause_p99')?.basis).toBe('cycles');
  });

  it('a file that is not there, and one without numbers, are told', async () => {
    expect((await tidemark(['verdict', './absent.json'])).code).toBe(66);
    const none = await tidemark(['findings', join(folder, 'notes.txt')]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('notes.txt');
  });
});
