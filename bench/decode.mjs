// Inflate + decode + validate a real Go heap profile, against google/pprof's profile.Parse on the same bytes and against
// node:zlib's inflate alone.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { figure, goAvailable, heading, heapSeries, repository, sizes, timed } from './measure.mjs';
import { defaultBudget } from '../dist/formats/budget.js';
import { decodePprof } from '../dist/formats/pprof/decode.js';
import { inflateNatively } from '../dist/ingest/native-inflate.js';

heading('decode: inflate + decode + validate one heap profile');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/)');
} else {
  const parse = join(repository, 'bench/go/parse');
  execFileSync('go', ['build', '-o', '/dev/null', '.'], { cwd: parse });
  for (const [name, stacks] of Object.entries(sizes)) {
    const file = heapSeries(stacks, 3)[2];
    const bytes = readFileSync(file);
    const go = JSON.parse(
      execFileSync('go', ['run', '.', '-runs', '30', file], { cwd: parse, env: { ...process.env, GOMAXPROCS: '1' } }),
    );
    const zlib = await timed(() => gunzipSync(bytes));
    const ours = await timed(() => decodePprof(bytes, defaultBudget, inflateNatively));
    figure(
      `${name} (${bytes.length} bytes gzip): tidemark / google/pprof profile.Parse`,
      (ours.median / go.medianMillis).toFixed(2),
      '≤ 0.40 for large',
    );
    figure(`${name}: tidemark / node:zlib inflate alone`, (ours.median / zlib.median).toFixed(2), '≤ 2.70 for large');
  }
}
