// Logs with gctrace and schedtrace lines: megabytes per second of CPU time, against a plain reader that runs a regular
// expression over each line in the same run; and the peak memory of the command line on a log of 1 GB.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { figure, heading, median, repository, scratch } from './measure.mjs';
import { GoLogReader } from '../dist/formats/log/go-log.js';

const MB = 1e6;
const chunkBytes = 1 << 20;
const t = String.raw`((?:0|0\.00[1-9]|0\.0[1-9]\d|0\.[1-9]\d|[1-9]\.\d|[1-9]\d+))`;
const gcLine = new RegExp(
  String.raw`^gc (\d+) @(\d+\.\d{3})s (\d+)%(?: \(checking for goroutine leaks\))?: ${t}\+${t}\+${t} ms clock, ${t}\+${t}/${t}/${t}\+${t} ms cpu, (\d+)->(\d+)->(\d+) MB, (\d+) MB goal, (?:(\d+) MB stacks, (\d+) MB globals, )?(\d+) P( \(forced\))?$`,
);
const schedLine =
  /^SCHED (\d+)ms: gomaxprocs=(\d+) idleprocs=(-?\d+) threads=(\d+) spinningthreads=(-?\d+)(?: needspinning=(\d+))? idlethreads=(-?\d+) runqueue=(-?\d+)(?: \[ ?(\d+(?: \d+)*) ?\](?: schedticks=\[ (\d+(?: \d+)*) \])?| gcwaiting=(\d+|true|false) nmidlelocked=(-?\d+) stopwait=(-?\d+) sysmonwait=(\d+|true|false))$/;

const lines = (name) => readFileSync(join(repository, 'test/fixtures/logs', name), 'latin1').split('\n');
const whole = (name, begin) => lines(name).filter((line) => line.startsWith(begin) && /[P\])]$/.test(line));
const texts = {
  gctrace: whole('go1.26/gctrace.log', 'gc '),
  'schedtrace of 2 Ps': whole('go1.26/schedtrace.log', 'SCHED '),
  scheddetail: lines('go1.26/scheddetail.log').filter((line) => /^(?:SCHED| {2}[PMG])/.test(line)),
  'gctrace in the log of an application': lines('go1.26/gctrace.log'),
  'gctrace in docker json-file': lines('go1.26/gctrace.log').map(
    (line) =>
      `{"log":${JSON.stringify(`${line}\n`).replaceAll('>', '\\u003e')},"stream":"stderr","time":"2026-11-23T15:20:00.123456789Z"}`,
  ),
};

heading('runtime-logs: find and read what the runtime prints');
for (const [name, repeated] of Object.entries(texts)) {
  const text = grow(repeated, 60 * MB);
  const ours = [];
  const plain = [];
  for (let run = 0; run < 5; run++) {
    ours.push(cpuSeconds(() => readOurs(text)));
    plain.push(cpuSeconds(() => readPlain(text)));
  }
  const speed = text.length / MB / median(ours);
  figure(`${name}: MB per CPU second`, speed.toFixed(0), '≥ 80');
  figure(`${name}: plain reader / tidemark, CPU time`, (median(plain) / median(ours)).toFixed(2));
}

const folder = scratch('runtime-logs');
try {
  const file = join(folder, 'large.log');
  writeLarge(file, 1000 * MB);
  for (const [module, command] of Object.entries({ gc: 'printGc', sched: 'printSched' })) {
    const script = `
      const { ${command} } = await import(${JSON.stringify(join(repository, `dist/cli/${module}.js`))});
      const start = process.cpuUsage();
      await ${command}(${JSON.stringify(file)}, { json: true }, { print() {}, remark() {}, progress() {} });
      const { user, system } = process.cpuUsage(start);
      console.log(JSON.stringify({ rss: process.resourceUsage().maxRSS / 1024, seconds: (user + system) / 1e6 }));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    if (stdout === '') throw new Error(stderr);
    const { rss, seconds } = JSON.parse(stdout);
    figure(`tidemark ${module} on 1 GB: peak RSS, MiB`, rss.toFixed(0), '< 300');
    figure(`tidemark ${module} on 1 GB: MB per CPU second`, (1000 / seconds).toFixed(0));
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** The lines again and again, with numbers and times that grow as they do in one process. */
function grow(repeated, bytes) {
  const blocks = [];
  let size = 0;
  for (const block of growing(repeated)) {
    blocks.push(block);
    size += block.length;
    if (size >= bytes) return Buffer.concat(blocks);
  }
}

function* growing(repeated) {
  let number = 0;
  let millis = 0;
  for (;;) {
    const block = repeated.map((line) =>
      line
        .replace(
          /^((?:\{"log":")?gc )\d+ @\d+\.\d+s/,
          (_, begin) => `${begin}${++number} @${((millis += 37) / 1000).toFixed(3)}s`,
        )
        .replace(/^SCHED \d+ms/, () => `SCHED ${(millis += 1000)}ms`),
    );
    yield Buffer.from(`${block.join('\n')}\n`, 'latin1');
  }
}

function writeLarge(file, bytes) {
  const handle = openSync(file, 'w');
  const repeated = [
    ...texts['gctrace in the log of an application'],
    ...texts['schedtrace of 2 Ps'],
    ...texts.scheddetail,
  ];
  let written = 0;
  for (const block of growing(repeated)) {
    written += writeSync(handle, block);
    if (written >= bytes) break;
  }
  closeSync(handle);
}

function readOurs(text) {
  const reader = new GoLogReader();
  for (let at = 0; at < text.length; at += chunkBytes) reader.push(text.subarray(at, at + chunkBytes));
  return reader.end();
}

function readPlain(text) {
  const found = [];
  let rest = '';
  for (let at = 0; at < text.length; at += chunkBytes) {
    const pieces = (rest + text.toString('latin1', at, at + chunkBytes)).split('\n');
    rest = pieces.pop();
    for (const line of pieces) {
      const inner = line.startsWith('{') ? JSON.parse(line).log.trimEnd() : line;
      const match = gcLine.exec(inner) ?? schedLine.exec(inner);
      if (match !== null) found.push(match.slice(1).map(Number));
      if (found.length > 100_000) found.length = 0;
    }
  }
  return found;
}

function cpuSeconds(run) {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}
