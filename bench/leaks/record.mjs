// node bench/leaks/record.mjs OUT.jsonl.gz FOLDER…: recordings become cases (cases.mjs). A folder holds recordings, each
// with a case.json and a folder per instance with NNN.goroutine-debug2.txt[.gz], NNN.goroutine.pb.gz, NNN.heap.pb.gz,
// NNN.goroutineleak.pb.gz and NNN.memstats.json; what is missing is missing. The time of a snapshot is that of its file.
//
// Everything is kept. Where a dump lists the goroutines, the profile of the same moment says nothing more and is left out.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { stackProfileOfDump } from '../../dist/analysis/from-goroutine-dump.js';
import { stackProfileOf } from '../../dist/analysis/from-pprof.js';
import { withGoroutineStates } from '../../dist/analysis/goroutine-markers.js';
import { rowsOfDump } from '../../dist/analysis/goroutine-rows.js';
import { EvidenceBuilder } from '../../dist/analysis/leaks/evidence-builder.js';
import { decodeGoroutineDumps } from '../../dist/formats/goroutine-dump/decode.js';
import { decodeMemStats } from '../../dist/formats/memstats/memstats-json.js';
import { decodePprof } from '../../dist/formats/pprof/decode.js';
import { writeCases } from './cases.mjs';

/** A recording as a case. @throws if a file is not what its name says */
export function recordedCase(folder) {
  const about = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'));
  const builder = new EvidenceBuilder();
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    addInstance(builder, join(folder, entry.name), entry.name, about.builds?.[entry.name] ?? []);
  }
  const { name, project, suite, kind, go, labels, heapLabels, note } = about;
  return {
    truth: {
      ...{ name, project, suite, kind: kind ?? about.scenario ?? '', go },
      labels: labels ?? [],
      heapLabels: heapLabels ?? [],
      ...(suite === 'fixed' ? { twin: name.replace('-fixed', '-buggy') } : {}),
      ...(about.signature == null ? {} : { signature: about.signature }),
      // Of a whole service only what is labelled is put into another one.
      injected: 'labelled',
      note,
    },
    evidence: portable(builder.build()),
  };
}

function addInstance(builder, folder, instance, builds) {
  const names = new Set(readdirSync(folder));
  const numbers = [...new Set([...names].map((name) => name.slice(0, name.indexOf('.'))))].sort();
  for (const number of numbers) {
    const build = builds.findLast(([from]) => from <= number)?.[1] ?? '';
    const facts = (kind, path) => ({
      ...{ id: number, build, kind, processStartMillis: null },
      atMillis: Math.round(statSync(path).mtimeMs),
    });
    const dump = ['.goroutine-debug2.txt', '.goroutine-debug2.txt.gz'].find((end) => names.has(number + end));
    if (dump !== undefined) {
      const path = join(folder, number + dump);
      const dumps = decodeGoroutineDumps(bytesOf(path));
      const { stacks } = stackProfileOfDump(dumps, dumps.dumps[0]);
      builder.addStacks(instance, facts('goroutine', path), stacks, { rows: rowsOfDump(dumps, dumps.dumps[0]) });
    } else if (names.has(`${number}.goroutine.pb.gz`)) {
      const path = join(folder, `${number}.goroutine.pb.gz`);
      builder.addStacks(instance, facts('goroutine', path), withGoroutineStates(profileOf(path).stacks));
    }
    if (names.has(`${number}.goroutineleak.pb.gz`)) {
      const path = join(folder, `${number}.goroutineleak.pb.gz`);
      builder.addStacks(instance, facts('goroutineleak', path), withGoroutineStates(profileOf(path).stacks));
    }
    if (names.has(`${number}.heap.pb.gz`)) {
      const path = join(folder, `${number}.heap.pb.gz`);
      const { stacks, sampleBytes } = profileOf(path);
      builder.addStacks(instance, facts('heap', path), stacks, { sampleBytes });
    }
    if (names.has(`${number}.memstats.json`)) {
      const path = join(folder, `${number}.memstats.json`);
      builder.addMemory(instance, [memoryOf(path)]);
    }
  }
}

function bytesOf(path) {
  const bytes = readFileSync(path);
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

function profileOf(path) {
  const profile = decodePprof(readFileSync(path));
  return { stacks: stackProfileOf(profile).stacks, sampleBytes: Number(profile.period) };
}

function memoryOf(path) {
  const { readings } = decodeMemStats(readFileSync(path)).snapshots[0];
  const of = new Map(readings.map(({ name, value }) => [name, Number(value)]));
  return {
    atMillis: Math.round(statSync(path).mtimeMs),
    heapInuse: of.get('HeapInuse'),
    heapIdle: of.get('HeapIdle'),
    heapReleased: of.get('HeapReleased'),
    stackInuse: of.get('StackInuse'),
    goSys: of.get('Sys'),
  };
}

/** Without what is only true of the machine that built the program. */
function portable({ stacks, instances }) {
  return { stacks: stacks.map((stack) => ({ ...stack, frames: stack.frames.map(withoutMachine) })), instances };
}

/** Where modules, Go itself and the programs of test/workloads lie. */
const builtIn = /^\/.*\/(pkg\/mod|go[^/]*\/src|test\/workloads)\//;

function withoutMachine({ function: name, file, line }) {
  return { function: name, file: file.replace(builtIn, ''), line };
}

const [out, ...folders] = process.argv.slice(2);
if (folders.length === 0) throw new Error('node bench/leaks/record.mjs OUT.jsonl.gz FOLDER…');
const recordings = folders
  .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
  .filter((folder) => existsSync(join(folder, 'case.json')))
  .sort((a, b) => (basename(a) < basename(b) ? -1 : 1));
writeCases(out, recordings.map(recordedCase));
console.log(`${recordings.length} cases, ${statSync(out).size} bytes`);
