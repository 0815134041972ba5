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

/** Stacks of the heapseries workload that give gzip profiles of about 10, 65 and 250 kB. */
export const sizes = { small: 1, typical: 450, large: 4500 };

/**
 * Heap profiles of one leaking process, made once by test/workloads/heapseries and kept. Each has a stack that is new; but
 * for the small ones, which would soon be small no more: those gain only what the program itself does anew.
 *
 * @returns {string[]} paths
 */
export function heapSeries(stacks, snapshots) {
  const fresh = stacks === sizes.small ? 0 : 1;
  const dir = join(cacheDir, `heap-${stacks}-${fresh}-${snapshots}`);
  if (!existsSync(dir)) {
    mkdirSync(cacheDir, { recursive: true });
    const made = mkdtempSync(join(cacheDir, 'making-'));
    execFileSync(
      'go',
      ['run', '.', '-stacks', String(stacks), '-snapshots', String(snapshots), '-fresh', String(fresh), '-out', made],
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

/**
 * As `timed`, and what processor time each call has cost the server's processes: that says the same on a busy machine as
 * on an idle one.
 *
 * @returns {Promise<{median: number, min: number, cpu: Record<string, number>}>} milliseconds
 */
export async function timedOnServer(server, run, runs = 30, warm = 10) {
  for (let i = 0; i < warm; i++) await run();
  const before = server.cpuMillis();
  const { median: wall, min } = await timed(run, runs, 0);
  const after = server.cpuMillis();
  const cpu = Object.fromEntries(['api', 'postgres'].map((kind) => [kind, (after[kind] - before[kind]) / runs]));
  return { median: wall, min, cpu };
}

export function heading(title) {
  console.log(`\n## ${title}`);
}

/** One figure: what it is, how it compares, what was hoped for. */
export function figure(what, value, goal = '') {
  console.log(`${what.padEnd(68)} ${String(value).padStart(14)}  ${goal}`);
}
