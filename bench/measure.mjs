// What all benchmarks share: data made by real Go, medians, and one line per figure with its ratio to a peer measured in
// the same run. These machines are noisy: only the ratio means something.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('..', import.meta.url));
export const cacheDir = join(repository, 'node_modules/.cache/tidemark-bench');

export const goAvailable = spawnSync('go', ['version']).status === 0;

/** Stacks of the heapseries workload that give gzip profiles of about these sizes. */
export const sizes = { small: 5, typical: 450, large: 4500 };

/** Heap profiles of one leaking process, made once by test/workloads/heapseries and kept. @returns {string[]} paths */
export function heapSeries(stacks, snapshots) {
  const dir = join(cacheDir, `heap-${stacks}-${snapshots}`);
  if (!existsSync(dir)) {
    mkdirSync(cacheDir, { recursive: true });
    const made = mkdtempSync(join(cacheDir, 'making-'));
    execFileSync(
      'go',
      ['run', '.', '-stacks', String(stacks), '-snapshots', String(snapshots), '-fresh', '1', '-out', made],
      {
        cwd: join(repository, 'test/workloads/heapseries'),
        stdio: 'inherit',
      },
    );
    renameSync(made, dir);
  }
  return readdirSync(dir)
    .sort()
    .map((name) => join(dir, name));
}

export function scratch(name) {
  return mkdtempSync(join(tmpdir(), `tidemark-bench-${name}-`));
}

export function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}

/** Calls `run` until warm, then `runs` times. @returns {Promise<{median: number, min: number}>} milliseconds */
export async function timed(run, runs = 30, warm = 5) {
  const millis = [];
  for (let i = -warm; i < runs; i++) {
    const start = performance.now();
    await run();
    if (i >= 0) millis.push(performance.now() - start);
  }
  return { median: median(millis), min: Math.min(...millis) };
}

export function heading(title) {
  console.log(`\n## ${title}`);
}

/** One figure: what it is, how it compares, what was hoped for. */
export function figure(what, value, goal = '') {
  console.log(`${what.padEnd(68)} ${String(value).padStart(14)}  ${goal}`);
}
