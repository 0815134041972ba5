// npm run eval:leaks -- [--cases FILE]… [--hosts N|all] [--only RANKER]… [--failures N]: what the leak ranking is worth, against what is
// used without one.
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { baselines } from './baselines.mjs';
import { linesOf, readCases } from './cases.mjs';
import { evaluate, healthyJobs, injectedJobs, naturalJobs, prefixJobs } from './evaluation.mjs';
import { described } from './outcomes.mjs';
import { detectionTable, falseAlarmTable, injectedTable, naturalTable, Report, twinTable } from './report.mjs';
import { grouped } from './statistics.mjs';
import { isStudyCase, readStudyCases } from './study.mjs';

const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', multiple: true },
    failures: { type: 'string' },
    only: { type: 'string', multiple: true },
    hosts: { type: 'string', default: '6' },
  },
});

const dataDir = fileURLToPath(new URL('data/', import.meta.url));
const files =
  options.cases ??
  (existsSync(dataDir) ? readdirSync(dataDir) : [])
    .filter((name) => name.endsWith('.jsonl.gz'))
    .sort()
    .map((name) => dataDir + name);
if (files.length === 0) throw new Error('no cases: there is none in bench/leaks/data, and --cases FILE names none');
const cases = files.flatMap((file) =>
  isStudyCase(JSON.parse(linesOf(file)[0])) ? readStudyCases(file) : readCases(file),
);

const ranked = new URL('../../dist/analysis/leaks/rank.js', import.meta.url);
const rankers = [...baselines];
if (existsSync(ranked)) {
  const { rankLeaks } = await import(ranked);
  rankers.push({ name: 'tidemark', rank: (evidence) => rankLeaks(evidence).suspects });
}
const chosen = rankers.filter(
  ({ name }) => options.only === undefined || options.only.some((part) => name.includes(part)),
);

const started = process.cpuUsage();
const jobs = [
  ...injectedJobs(cases, { hostsPerProgram: options.hosts === 'all' ? Infinity : Number(options.hosts) }),
  ...naturalJobs(cases),
  ...healthyJobs(cases),
  ...prefixJobs(cases),
];
const rows = jobs.flatMap((job) => evaluate(job, chosen));
const { user } = process.cpuUsage(started);

const names = chosen.map(({ name }) => name);
const report = new Report();
injectedTable(report, rows, names);
naturalTable(report, rows, names);
falseAlarmTable(report, rows, names);
twinTable(report, rows, cases, names);
detectionTable(report, rows, names);
console.log(String(report));
console.log(`${cases.length} cases, ${jobs.length} windows, ${(user / 1e6).toFixed(0)} s of processor time`);

if (options.failures !== undefined) {
  const { rank } = rankers.find(({ name }) => name === names.at(-1));
  printFailures(
    rows.filter((row) => row.ranker === names.at(-1)),
    rank,
    Number(options.failures),
  );
}

/** Leaks that are not first, the worst first, and what is above them; then the healthy windows that alarm. */
function printFailures(ofRanker, rank, most) {
  const missed = ofRanker
    .filter((row) => (row.suite === 'injected' || row.suite === 'natural') && row.findsGoroutines)
    .filter((row) => row.goroutine.rank !== 1)
    .sort((a, b) => (b.goroutine.rank || 1e6) - (a.goroutine.rank || 1e6));
  const missedHeap = ofRanker
    .filter((row) => row.suite === 'natural' && row.findsHeap && row.heap.rank !== 1)
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
      const where = [
        row.share && `r=${row.share}`,
        `K=${row.length}`,
        row.variant,
        row.job.from && `from ${row.job.from}`,
      ];
      const place = kind === null ? '' : `rank ${row[kind].rank}`;
      console.log(`\n${row.program} in ${row.host} ${where.filter(Boolean).join(' ')}: ${place}`);
      const suspects = rank(row.job.evidence()).filter((one) => kind === null || one.kind === kind);
      const upTo = kind === null ? 3 : Math.min(4, row[kind].rank - 1 < 0 ? 4 : row[kind].rank - 1);
      for (const suspect of suspects.slice(0, upTo)) console.log(`    ${described(suspect, row.job.truth)}`);
      if (kind !== null && row[kind].rank > 0) {
        console.log(`    ${described(suspects[row[kind].rank - 1], row.job.truth)}`);
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
