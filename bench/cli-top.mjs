// The wall time of a whole `tidemark top FILE`, against `go tool pprof -top FILE` and against the bare pprof binary: runs
// take turns, so that whatever else the machine does is felt by all.
import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { figure, goAvailable, heading, heapSeries, median, repository, sizes } from './measure.mjs';

const runs = 15;
const warm = 2;

heading('cli: the whole command, wall time');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/)');
} else {
  const pprof = execFileSync('go', ['tool', '-n', 'pprof'], { encoding: 'utf8' }).trim();
  const files = {
    small: join(repository, 'test/fixtures/pprof/go1.26/heap.pb.gz'),
    typical: heapSeries(sizes.typical, 3)[2],
    large: heapSeries(sizes.large, 3)[2],
  };
  for (const [name, file] of Object.entries(files)) {
    const millis = measure({
      node: [process.execPath, ['-e', '0']],
      tidemark: [process.execPath, [join(repository, 'bin/tidemark.js'), 'top', file]],
      'go tool pprof': ['go', ['tool', 'pprof', '-top', file]],
      'bare pprof': [pprof, ['-top', file]],
    });
    const what = `${name} (${statSync(file).size} bytes gzip): tidemark top`;
    figure(`${what} / go tool pprof -top`, (millis.tidemark / millis['go tool pprof']).toFixed(2), '≤ 0.50');
    figure(`${what} / bare pprof -top`, (millis.tidemark / millis['bare pprof']).toFixed(2));
    figure(`${what} / node -e 0`, (millis.tidemark / millis.node).toFixed(2));
  }
}

/** Median milliseconds of each command, the runs of all of them taking turns. */
function measure(commands) {
  // Node 20 reads these certificates before anything else, which takes it longer than to start.
  const env = { ...process.env };
  delete env.NODE_EXTRA_CA_CERTS;
  const millis = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let run = -warm; run < runs; run++) {
    for (const [name, [command, args]] of Object.entries(commands)) {
      const start = performance.now();
      const { status, stderr } = spawnSync(command, args, { env });
      if (status !== 0) throw new Error(`${name}: ${stderr}`);
      if (run >= 0) millis[name].push(performance.now() - start);
    }
  }
  return Object.fromEntries(Object.entries(millis).map(([name, all]) => [name, median(all)]));
}
