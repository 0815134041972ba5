// Decode the text (debug=1) of a real Go heap profile with its symbols, against google/pprof's profile.Parse, which
// reads the same text without them. CPU time of this process: the machine may be busy.
//
//	node bench/run.mjs profile-text [FILE]
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, figure, goAvailable, heading, median, repository, sizes } from './measure.mjs';
import { stacksOfText } from '../dist/analysis/from-profile-text.js';
import { decodeProfileText } from '../dist/formats/profile-text/decode.js';

heading('profile-text: decode the text of one heap profile');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/)');
} else {
  const file = process.argv[3] ?? heapText(sizes.large);
  const bytes = new Uint8Array(readFileSync(file));
  const parse = join(repository, 'bench/go/parse');
  const go = JSON.parse(
    execFileSync('go', ['run', '.', '-runs', '10', file], { cwd: parse, env: { ...process.env, GOMAXPROCS: '1' } }),
  );
  const decode = cpuMillis(() => decodeProfileText(bytes));
  const text = decodeProfileText(bytes);
  const stacks = cpuMillis(() => stacksOfText(text));
  const name = `${(bytes.length / 1e6).toFixed(1)} MB, ${text.profile.samples.count} records`;
  figure(`${name}: decode, MB/s`, (bytes.length / 1e3 / decode).toFixed(0), '≥ 100');
  figure(`${name}: decode / google/pprof profile.Parse`, (decode / go.medianMillis).toFixed(2), '≤ 0.50');
  figure(`${name}: decode + stacks / profile.Parse`, ((decode + stacks) / go.medianMillis).toFixed(2), '≤ 0.75');
}

/** Median of the user CPU time of 15 runs behind 4 warm ones. */
function cpuMillis(run) {
  const millis = [];
  for (let i = -4; i < 15; i++) {
    const before = process.cpuUsage();
    run();
    if (i >= 0) millis.push(process.cpuUsage(before).user / 1e3);
  }
  return median(millis);
}

/** The text of a heap profile with that many stacks, made once by test/workloads/heapseries and kept. */
function heapText(stacks) {
  const file = join(cacheDir, `heap-${stacks}.txt`);
  if (!existsSync(file)) {
    const made = join(cacheDir, `making-text-${process.pid}`);
    mkdirSync(made, { recursive: true });
    execFileSync('go', ['run', '.', '-stacks', String(stacks), '-text', '-out', made], {
      cwd: join(repository, 'test/workloads/heapseries'),
      stdio: 'inherit',
    });
    renameSync(join(made, '000.heap.txt'), file);
  }
  return file;
}
