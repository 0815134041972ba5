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

async function measured(work) {
  const before = process.cpuUsage();
  const begin = performance.now();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, wall: performance.now() - begin, cpu: (user + system) / 1000 };
}

const first = await measured(ask);
const again = await measured(ask);
mebibytes.peak = memory('VmHWM');
await threads.close();

// The same once more, apart, outside of the thread.
const db = await Database.open(databaseUrl, { poolSize: 1 });
const store = new StackStore();
const evidence = await measured(() => db.readTenant(tenantId, (tx) => readLeakEvidence(tx, store, tenantId, window)));
const rank = await measured(() => rankLeaks(evidence.result.evidence));
await db.close();

const points = 64;
const xs = Array.from({ length: points }, (_, i) => i);
const peer = await measured(() => {
  let growing = 0;
  for (let n = 0; n < series; n++) {
    const ys = xs.map((x) => (n % 50) * x + ((n * 7919 + x * 104_729) % 1009));
    if (theilSenSlope(xs, ys) > 0) growing++;
  }
  return growing;
});
if (peer.result === 0) throw new Error('nothing grows');

const times = { first, again, evidence, rank, peer };
console.log(
  JSON.stringify({
    ...Object.fromEntries(Object.entries(times).map(([name, { wall, cpu }]) => [name, { wall, cpu }])),
    mebibytes,
    peerSeries: series,
    vectors: evidence.result.vectors,
    stacks: evidence.result.evidence.stacks.length,
    notes: first.result.notes,
    top: first.result.suspects
      .slice(0, 8)
      .map(({ rank: at, tier, kind, function: name }) => `${at} ${tier} ${kind} ${name}`),
  }),
);

function memory(name) {
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
}
