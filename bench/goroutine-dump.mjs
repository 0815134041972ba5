// Decode a goroutine dump of 10,000 goroutines, against the plain way (a string, its lines, a regular expression each)
// and against github.com/maruel/panicparse, the usual reader of such dumps.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir, figure, goAvailable, heading, repository, timed } from './measure.mjs';
import { groupGoroutines } from '../dist/analysis/goroutine-groups.js';
import { rowsOfDump } from '../dist/analysis/goroutine-rows.js';
import { decodeGoroutineDumps } from '../dist/formats/goroutine-dump/decode.js';

/** Text of a dump by a real process, made once and kept. @returns {string} its path */
function dumpOf(goroutines) {
  const file = join(cacheDir, `goroutines-${goroutines}.txt`);
  if (!existsSync(file)) {
    mkdirSync(cacheDir, { recursive: true });
    const made = `${file}.${process.pid}`;
    execFileSync('go', ['run', '.', '-goroutines', String(goroutines), '-out', made], {
      cwd: join(repository, 'test/workloads/goroutinedump'),
      stdio: 'inherit',
    });
    renameSync(made, file);
  }
  return file;
}

/** What one writes first: it does less than the decoder (no ids, no labels, no columns) and takes what is well-formed. */
function plainWay(bytes) {
  const stacks = new Map();
  let state = '';
  let key = '';
  for (const line of new TextDecoder().decode(bytes).split('\n')) {
    const header = /^goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[(.*?)\]:$/.exec(line);
    if (header) {
      state = header[2];
      key = '';
      continue;
    }
    if (line === '') {
      stacks.set(`${state}\n${key}`, (stacks.get(`${state}\n${key}`) ?? 0) + 1);
      continue;
    }
    const creator = /^created by (.+?)(?: in goroutine (\d+))?$/.exec(line);
    const call = creator ?? /^(\S.*)\((.*)\)$/.exec(line);
    const place = /^\t(.+?):(\d+)(?: (\+0x[0-9a-f]+))?/.exec(line);
    if (call) key += `${call[1]}\n`;
    else if (place) key += `${place[1]}:${place[2]}\n`;
  }
  return stacks;
}

/** Bytes read per microsecond of processor time (user and system, all threads of this process): MB/s. */
function speed(bytes, run, runs = 20) {
  const before = process.cpuUsage();
  for (let i = 0; i < runs; i++) run();
  const { user, system } = process.cpuUsage(before);
  return ((bytes.length * runs) / (user + system)).toFixed(0);
}

heading('goroutine-dump: decode the text of 10,000 goroutines');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/)');
} else {
  const file = dumpOf(10_000);
  const bytes = readFileSync(file);
  const go = JSON.parse(
    execFileSync('go', ['run', '.', '-runs', '15', file], {
      cwd: join(repository, 'bench/go/panicparse'),
      env: { ...process.env, GOMAXPROCS: '1' },
    }),
  );
  const ours = await timed(() => decodeGoroutineDumps(bytes), 30, 5);
  const decodeAndGroup = () => {
    const dumps = decodeGoroutineDumps(bytes);
    return groupGoroutines(rowsOfDump(dumps, dumps.dumps[0]), { by: 'stack' });
  };
  const grouped = await timed(decodeAndGroup, 30, 5);
  const plain = await timed(() => plainWay(bytes), 15, 3);
  const dumps = decodeGoroutineDumps(bytes);
  const [{ count }] = dumps.dumps;
  if (count !== go.goroutines) throw new Error(`tidemark reads ${count} goroutines, panicparse ${go.goroutines}`);
  figure(
    `${bytes.length} bytes, ${count} goroutines, ${dumps.stacks.count} stacks: MB/s of CPU time`,
    speed(bytes, () => decodeGoroutineDumps(bytes)),
    '≥ 80',
  );
  figure('decode and group by stack: MB/s of CPU time', speed(bytes, decodeAndGroup));
  figure('decode / TextDecoder + split + regular expressions', (ours.median / plain.median).toFixed(2), '≤ 0.50');
  figure('decode and group / panicparse', (grouped.median / go.medianMillis).toFixed(2), '≤ 0.50');
}
