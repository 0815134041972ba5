// npm run eval:leaks -- [--cases FILE]… [--hosts N|all] [--quick] [--tune] [--markdown] [--only RANKER]…
// [--failures N]: what the leak ranking is worth, against what is used without one.
//
// --cases      files of recorded series; default: those of this repository
// --hosts      services that each leak is put into; default 6
// --quick      some of the windows, in about two minutes; fails where a figure is below its floor (floor.json)
// --set-floor  with --quick: the figures of today become the floors, those of the spec as well
// --api        some recordings through a whole server instead, against the ranking alone; fails where they differ
// --markdown   the tables of bench/README.md instead
// --tune       chooses the constants anew, with everything in view and with each group of projects left out, and judges
//              both: minutes to hours
// --only       some of the rankers, by a part of their name
// --failures   what the ranking gets wrong, so many of each kind
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { compareWithService } from './api.mjs';
import { drops, figuresOf, floorsOf } from './figures.mjs';
import { chosenJobs, ownFiles } from './jobs.mjs';
import { described } from './outcomes.mjs';
import { Pool } from './pool.mjs';
import { baselineNames, leftOut, own, rankerOf, tuned } from './rankers.mjs';
import {
  detectionTable,
  falseAlarmTable,
  injectedHeapTable,
  injectedTable,
  naturalTable,
  Report,
  summaryTable,
  targetTable,
  twinTable,
} from './report.mjs';
import { grouped } from './statistics.mjs';
import { figuresOfSubset } from './subset.mjs';
import { tunedConstants } from './tune.mjs';

const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', multiple: true },
    hosts: { type: 'string', default: '6' },
    quick: { type: 'boolean', default: false },
    'set-floor': { type: 'boolean', default: false },
    api: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    tune: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    failures: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
const chosen = {
  files: options.cases ?? ownFiles(),
  hostsPerProgram: options.hosts === 'all' ? Infinity : Number(options.hosts),
  subset: options.quick ? 'quick' : undefined,
};
if (chosen.files.length === 0)
  throw new Error('no cases: there is none in bench/leaks/recordings, and --cases FILE names none');
const { cases, jobs } = chosenJobs(chosen);
if (options.api) {
  const different = await compareWithService(cases, (text) => console.log(text));
  process.exit(different === 0 ? 0 : 1);
}
const started = process.cpuUsage();
const pool = new Pool(chosen, Number(options.threads));

const specs = [...(options.quick ? [] : baselineNames.map((name) => ({ name }))), { name: own }];
if (options.tune) {
  const { onAll, byFold } = await tunedConstants(pool, (text) => console.log(text));
  specs.push({ name: tuned, constants: onAll }, { name: leftOut, byFold });
}
const compared = specs.filter(
  ({ name }) => options.only === undefined || options.only.some((part) => name.includes(part)),
);
const names = compared.map(({ name }) => name);
const rows = await pool.evaluate(compared);
await pool.close();

const report = new Report();
targetTable(report, rows, cases, names);
if (options.markdown) {
  summaryTable(report, rows, names);
} else {
  injectedTable(report, rows, names);
  injectedHeapTable(report, rows, names);
  naturalTable(report, rows, names);
  falseAlarmTable(report, rows, names);
  twinTable(report, rows, cases, names);
  detectionTable(report, rows, names);
}
console.log(String(report));
const { user } = process.cpuUsage(started);
console.log(`${cases.length} cases, ${jobs.length} windows, ${(user / 1e6).toFixed(0)} s of processor time`);

if (options.quick) judgeByFloor();

if (options.failures !== undefined) {
  const judged = compared.at(-1);
  printFailures(
    rows.filter((row) => row.ranker === judged.name),
    rankerOf(judged).rank,
    Number(options.failures),
  );
}

/** Says what is worse than it was, and fails then. */
function judgeByFloor() {
  const path = new URL('floor.json', import.meta.url);
  const figures = figuresOf(rows, cases);
  if (options['set-floor']) {
    const ofSpec = figuresOfSubset(chosen.files, 'spec', rankerOf({ name: own }).rank);
    const floors = { quick: floorsOf(figures), spec: floorsOf(ofSpec) };
    writeFileSync(path, `${JSON.stringify(floors, null, 2)}\n`);
  }
  const worse = drops(figures, JSON.parse(readFileSync(path, 'utf8')).quick);
  for (const line of worse) console.error(line);
  if (worse.length > 0) process.exitCode = 1;
}

/** Leaks that are not first, the worst first, and what is above them; then the healthy windows that alarm. */
function printFailures(ofRanker, rank, most) {
  const missed = ofRanker
    .filter((row) => (row.suite === 'injected' || row.suite === 'natural') && row.findsGoroutines)
    .filter((row) => row.goroutine.rank !== 1)
    .sort((a, b) => (b.goroutine.rank || 1e6) - (a.goroutine.rank || 1e6));
  const missedHeap = ofRanker
    .filter((row) => (row.suite === 'injectedHeap' || row.suite === 'natural') && row.findsHeap && row.heap.rank !== 1)
    .sort((a, b) => (b.heap.rank || 1e6) - (a.heap.rank || 1e6));
  const alarms = ofRanker.filter((row) => (row.suite === 'healthy' || row.suite === 'fixed') && row.alarms > 0);
  for (const [title, list, kind] of [
    ['goroutine leaks that are not first', missed, 'goroutine'],
    ['heap leaks that are not first', missedHeap, 'heap'],
    ['windows without a leak that alarm', alarms, null],
  ]) {
    console.log(`\n## ${list.length} ${title}`);
    const counts = grouped(list, (row) => `${row.program} in ${row.host}`);
    const summary = [...counts].map(([name, some]) => [name, some.length]).sort((a, b) => b[1] - a[1]);
    for (const [name, count] of summary.slice(0, 2 * most)) console.log(`${String(count).padStart(6)} ${name}`);
    for (const row of onePerCase(list).slice(0, most)) {
      const job = jobs[row.window];
      const where = [row.share && `r=${row.share}`, `K=${row.length}`, row.variant, job.from && `from ${job.from}`];
      const place = kind === null ? '' : `rank ${row[kind].rank}`;
      console.log(`\n${row.program} in ${row.host} ${where.filter(Boolean).join(' ')}: ${place}`);
      const suspects = rank(job.evidence(), job).filter((one) => kind === null || one.kind === kind);
      const upTo = kind === null ? 3 : Math.min(4, row[kind].rank - 1 < 0 ? 4 : row[kind].rank - 1);
      for (const suspect of suspects.slice(0, upTo)) console.log(`    ${described(suspect, job.truth)}`);
      if (kind !== null && row[kind].rank > 0) {
        console.log(`    ${described(suspects[row[kind].rank - 1], job.truth)}`);
      }
    }
  }
}

function onePerCase(rows) {
  const seen = new Set();
  return rows.filter((row) => {
    const key = `${row.program} ${row.host}`;
    return seen.has(key) ? false : seen.add(key);
  });
}
