// The process of leak-ranking.mjs that ranks: one query thread, and what is measured of it.
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { rankLeaks } from '../dist/analysis/leaks/rank.js';
import { theilSenSlope } from '../dist/analysis/theil-sen.js';
import { readLeakEvidence } from '../dist/catalog/leak-evidence.js';
import { StackStore } from '../dist/catalog/stack-store.js';
import { Database } from '../dist/platform/database.js';
import { queryThreadDefaults, QueryThreads } from '../dist/platform/query-threads.js';

const { databaseUrl, tenantId, series, ...window } = JSON.parse(process.argv[2]);
const mebibytes = { before: memory('VmRSS') };
const entry = new URL('../dist/query-thread.js', import.meta.url);
const options = { ...queryThreadDefaults, entry, threads: 1, databaseUrl, timeLimitMillis: 120_000 };
const threads = new QueryThreads(options, pino({ level: 'warn' }, pino.destination(2)));
const ask = async () =>
  JSON.parse(new TextDecoder().decode((await threads.run(tenantId, { op: 'leaks', ...window })).body));

let begin = performance.now();
const ranking = await ask();
const first = performance.now() - begin;
const before = process.cpuUsage();
begin = performance.now();
await ask();
const warm = performance.now() - begin;
const { user, system } = process.cpuUsage(before);
mebibytes.peak = memory('VmHWM');
await threads.close();

// The same once more, apart, outside of the thread.
const db = await Database.open(databaseUrl, { poolSize: 1 });
const store = new StackStore();
begin = performance.now();
const found = await db.readTenant(tenantId, (tx) => readLeakEvidence(tx, store, tenantId, window));
const evidence = performance.now() - begin;
begin = performance.now();
rankLeaks(found.evidence);
const rank = performance.now() - begin;
await db.close();

const points = 64;
const xs = Array.from({ length: points }, (_, i) => i);
begin = performance.now();
let growing = 0;
for (let n = 0; n < series; n++) {
  const ys = xs.map((x) => (n % 50) * x + ((n * 7919 + x * 104_729) % 1009));
  if (theilSenSlope(xs, ys) > 0) growing++;
}
const peer = performance.now() - begin;
if (growing === 0) throw new Error('nothing grows');

console.log(
  JSON.stringify({
    ...{ first, warm, cpu: (user + system) / 1000, evidence, rank, mebibytes, peer, peerSeries: series },
    vectors: found.vectors,
    stacks: found.evidence.stacks.length,
    notes: ranking.notes,
    top: ranking.suspects
      .slice(0, 8)
      .map(({ rank: place, tier, kind, function: name }) => `${place} ${tier} ${kind} ${name}`),
  }),
);

function memory(name) {
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
}
