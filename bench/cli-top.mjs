// The wall time of a whole `tidemark top FILE`, against `go tool pprof -top FILE` and against the bare pprof binary.
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { figure, goAvailable, heading, heapSeries, median, repository, sizes } from './measure.mjs';

heading('cli: the whole command, wall time');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/)');
} else {
  const file = heapSeries(sizes.large, 3)[2];
  const pprof = execFileSync('go', ['tool', '-n', 'pprof'], { encoding: 'utf8' }).trim();
  const commands = {
    tidemark: [process.execPath, [join(repository, 'bin/tidemark.js'), 'top', file]],
    'go tool pprof': ['go', ['tool', 'pprof', '-top', file]],
    'bare pprof': [pprof, ['-top', file]],
  };
  const millis = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let run = -2; run < 15; run++) {
    for (const [name, [command, args]] of Object.entries(commands)) {
      const start = performance.now();
      const { status, stderr } = spawnSync(command, args);
      if (status !== 0) throw new Error(`${name}: ${stderr}`);
      if (run >= 0) millis[name].push(performance.now() - start);
    }
  }
  const ours = median(millis.tidemark);
  figure('tidemark top / go tool pprof -top', (ours / median(millis['go tool pprof'])).toFixed(2), '≤ 0.50');
  figure('tidemark top / bare pprof -top', (ours / median(millis['bare pprof'])).toFixed(2));
}
