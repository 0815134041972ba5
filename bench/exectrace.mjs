// Reader + summary of a large execution trace, against `go tool trace -d=parsed`, which reads the same events in the same
// order and prints them. CPU time of one process each, and the most memory that ours took. BENCH_OLD_GO names a `go` of
// 1.11 to 1.21 with which the same program is traced in the older format, too.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir, figure, goAvailable, heading, median, repository } from './measure.mjs';

/** Runs that are counted, each in a process of its own: memory is a process's. */
const runs = 5;
/** About 3.5 million events. */
const requests = 100_000;

if (process.argv[2] === '--one') await one(process.argv[3], process.argv[4] === 'summary');
else compare();

function compare() {
  heading('exectrace: read a trace of some million events and sum it up');
  if (!goAvailable) return console.log('skipped: needs Go 1.26 (https://go.dev/dl/)');
  compareOn(trace('go', `tracer-${requests}.trace`), { rate: '≥ 1.50', ratio: '≤ 0.50', memory: '≤ 400' });
  const oldGo = process.env.BENCH_OLD_GO;
  if (oldGo === undefined) return console.log('traces of Go 1.21 and older: skipped, needs BENCH_OLD_GO=…/bin/go');
  compareOn(trace(oldGo, `tracer-v1-${requests}.trace`), { rate: '≥ 0.80', ratio: '≤ 0.50', memory: '≤ 400' });
}

function compareOn(file, targets) {
  const ours = Array.from({ length: runs }, () => measured(file, 'summary'));
  const reader = Array.from({ length: runs }, () => measured(file, 'events'));
  const { events } = ours[0];
  const rate = (list) => events / median(list.map(({ cpuSeconds }) => cpuSeconds));
  const go = median(Array.from({ length: 3 }, () => goSeconds(file)));
  const size = `${(statSync(file).size / 1e6).toFixed(1)} MB, ${(events / 1e6).toFixed(1)} M events`;
  figure(`${size}: reader alone, M events per second of CPU`, (rate(reader) / 1e6).toFixed(2));
  figure('reader and summary, M events per second of CPU', (rate(ours) / 1e6).toFixed(2), targets.rate);
  figure(
    'reader and summary / go tool trace -d=parsed, CPU time',
    (events / rate(ours) / go).toFixed(3),
    targets.ratio,
  );
  figure('peak RSS, MB', Math.round(median(ours.map(({ peakBytes }) => peakBytes)) / 1e6), targets.memory);
}

function trace(go, name) {
  const file = join(cacheDir, name);
  if (existsSync(file)) return file;
  mkdirSync(cacheDir, { recursive: true });
  const made = `${file}.making-${process.pid}`;
  execFileSync(go, ['run', '.', '-requests', String(requests), '-out', made], {
    cwd: join(repository, 'test/workloads/tracer'),
    stdio: ['ignore', 'ignore', 'inherit'],
    // Else an old Go would fetch the newer one that go.mod names.
    env: { ...process.env, GOTOOLCHAIN: 'local' },
  });
  renameSync(made, file);
  return file;
}

function measured(file, what) {
  const script = fileURLToPath(import.meta.url);
  return JSON.parse(execFileSync(process.execPath, [script, '--one', file, what], { encoding: 'utf8' }));
}

/** CPU seconds of go tool trace, which a shell tells: Node knows no times of a single child. */
function goSeconds(file) {
  const tool = execFileSync('go', ['tool', '-n', 'trace'], { encoding: 'utf8' }).trim();
  const { stderr } = spawnSync('bash', ['-c', 'TIMEFORMAT="%U %S"; time "$0" -d=parsed "$1" >/dev/null', tool, file], {
    encoding: 'utf8',
  });
  const [user, system] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return user + system;
}

async function one(file, withSummary) {
  const { openSync, readSync } = await import('node:fs');
  const { TraceReader } = await import('../dist/formats/exectrace/reader.js');
  const { TraceSummarizer } = await import('../dist/analysis/trace/summarizer.js');
  const summarizer = withSummary ? new TraceSummarizer() : null;
  const before = process.cpuUsage();
  const reader = new TraceReader(summarizer ?? { generation() {}, event() {} });
  const descriptor = openSync(file);
  const chunk = new Uint8Array(1 << 18);
  for (let size = readSync(descriptor, chunk); size > 0; size = readSync(descriptor, chunk)) {
    reader.push(chunk.subarray(0, size));
  }
  reader.end();
  summarizer?.summary();
  const { user, system } = process.cpuUsage(before);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ events: reader.events, cpuSeconds: (user + system) / 1e6, peakBytes }));
}
