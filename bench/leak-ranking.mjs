// What leaks in one service, out of the index: 5,000 heap places and 5,000 groups of goroutines, six instances, seven days
// of one-minute snapshots of both and of MemStats, a deploy in the middle, a few leaks. The question goes the way it does in
// the API, to a query thread; the process that holds the thread does nothing else, so its memory is the answer's.
//
// 120,960 snapshots through the write path would take an hour. So every two hours of an instance are encoded once, by the
// code of the write path, and stand in all 120 rows of those two hours: 504 different snapshots of each kind. As the
// ranking reads one of each three and a half hours, none that it reads is like another.
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { figure, heading } from './measure.mjs';
import { startServer } from './server.mjs';
import { StackTreeBuilder, SymbolTableBuilder } from '../dist/analysis/stack-builder.js';
import { momentTable } from '../dist/analysis/series-table.js';
import { Dictionary } from '../dist/catalog/dictionary.js';
import { indexUploads } from '../dist/catalog/index-part.js';
import { sealSeries } from '../dist/catalog/series.js';
import { StackStore } from '../dist/catalog/stack-store.js';
import { Database } from '../dist/platform/database.js';

const sites = Number(process.env.BENCH_SITES ?? 5_000);
const instances = Number(process.env.BENCH_INSTANCES ?? 6);
const days = 7;
const minute = 60_000;
const hour = 60 * minute;
const block = 2 * hour;
const perBlock = block / minute;
const blocks = (days * 24 * hour) / block;
const leaks = 3;

heading(`leak ranking: ${sites} places of each kind, ${instances} instances, ${days} days of one-minute snapshots`);
const server = await startServer({ TIDEMARK_COMPACTION_SECONDS: '86400' });
const database = await server.database();
const db = await Database.open(database.appUrl, { poolSize: 4 });
try {
  const place = await makeService();
  const begin = performance.now();
  const to = Math.floor(Date.now() / hour) * hour;
  const from = to - days * 24 * hour;
  const bytes = await load(place, from);
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  figure(
    'loaded in, s',
    seconds,
    `a heap is ${kilobytes(bytes.heap)} kB, goroutines are ${kilobytes(bytes.goroutine)} kB`,
  );
  const output = execFileSync(
    process.execPath,
    [
      fileURLToPath(new URL('leak-ranking-process.mjs', import.meta.url)),
      JSON.stringify({
        databaseUrl: database.appUrl,
        ...place,
        fromMillis: from,
        toMillis: to,
        series: sites * instances * 2,
      }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
  );
  report(JSON.parse(output));
} finally {
  await db.close();
  await database.stop();
  await server.stop();
}

function report({ first, again, evidence, rank, peer, vectors, stacks, top, notes, mebibytes, peerSeries }) {
  const seconds = ({ wall }) => (wall / 1000).toFixed(2);
  const processor = ({ cpu }) => `CPU of the process ${(cpu / 1000).toFixed(2)}`;
  figure('ranking, a thread that knows nothing yet, s', seconds(first), `< 3; ${processor(first)}`);
  figure('  the same again, s', seconds(again), processor(again));
  figure('  of that reading the evidence, s', seconds(evidence), processor(evidence));
  figure('  ranking it, s', seconds(rank), processor(rank));
  figure('  vectors read', vectors, `of ${blocks * perBlock * instances * 2}; ${stacks} stacks`);
  figure(
    '  peak memory of the process, MiB',
    mebibytes.peak.toFixed(0),
    `< 500; ${mebibytes.before.toFixed(0)} before`,
  );
  figure(`Theil–Sen over ${peerSeries} series of 64 points, s`, seconds(peer), processor(peer));
  figure('ranking / Theil–Sen over all series, CPU', (first.cpu / peer.cpu).toFixed(2));
  for (const note of notes) console.log(`note: ${note}`);
  for (const suspect of top) console.log(`  ${suspect}`);
}

function kilobytes(count) {
  return (count / 1000).toFixed(1);
}

async function makeService() {
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  const [{ tenant_id: tenantId }] = (await owner.query('select tenant_id from tenant')).rows;
  await owner.end();
  return db.withTenant(tenantId, async (tx) => {
    await tx.query(`insert into team (tenant_id, name) values ($1, 'bench') on conflict do nothing`, [tenantId]);
    const [{ service_id: serviceId }] = await tx.query(
      `insert into service (tenant_id, name, team_id)
       select $1, 'leaky', team_id from team where tenant_id = $1 limit 1 returning service_id`,
      [tenantId],
    );
    return { tenantId, serviceId };
  });
}

async function load({ tenantId, serviceId }, from) {
  const to = from + blocks * block;
  const dictionary = new Dictionary(db, new StackStore());
  const heap = placesOf(false);
  const goroutine = placesOf(true);
  const { instanceIds, buildIds } = await db.withTenant(tenantId, async (tx) => {
    for (const at of [from, to]) await tx.query('select ensure_month($1)', [new Date(at)]);
    const pods = await tx.query(
      `insert into instance (tenant_id, service_id, name, first_seen, last_seen)
       select $1, $2, 'pod-' || n, $3, $4 from generate_series(1, $5::int) n returning instance_id`,
      [tenantId, serviceId, new Date(from), new Date(to), instances],
    );
    const builds = await tx.query(
      `insert into build (tenant_id, service_id, version, first_seen, last_seen)
       select $1, $2, unnest(array['v1', 'v2']), $3, $4 returning build_id`,
      [tenantId, serviceId, new Date(from), new Date(to)],
    );
    return {
      instanceIds: pods.map((row) => row.instance_id),
      buildIds: builds.map((row) => row.build_id),
    };
  });
  const sum = { heap: 0, goroutine: 0 };
  for (let n = 0; n < blocks; n++) {
    const start = from + n * block;
    await Promise.all(
      instanceIds.map(async (instanceId, pod) => {
        // A deploy in the middle of the week, one pod after the other.
        const since = n - (blocks / 2 + pod);
        const age = since < 0 ? n + 40 : since;
        const where = { tenantId, serviceId, instanceId, buildId: buildIds[since < 0 ? 0 : 1], start };
        for (const [kind, places] of Object.entries({ heap, goroutine })) {
          const stacks = { ...places, values: kind === 'heap' ? heapAt(age, n, pod) : goroutinesAt(age, n, pod) };
          const [{ parts }] = await indexUploads(dictionary, tenantId, [
            {
              upload: { uploadId: randomUUID(), serviceId, instanceId, receivedAt: new Date(start), declared: {} },
              parts: [partOf(kind, stacks)],
            },
          ]);
          sum[kind] += parts[0].stacks.vector.length / blocks / instances;
          await insertBlock(where, kind, parts[0]);
        }
        await insertMemStats(where, age);
      }),
    );
  }
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  // What autovacuum would have done in a week.
  for (const table of ['vector', 'snapshot', 'upload', 'series_chunk']) await owner.query(`vacuum analyze ${table}`);
  await owner.end();
  return sum;
}

function partOf(kind, stacks) {
  return {
    kind,
    capturedAtNanos: null,
    delta: false,
    durationNanos: 0n,
    stacks,
    totals: stacks.values.map((column) => BigInt(column.reduce((sum, value) => sum + value, 0))),
    series: [],
    content: null,
    details: { format: 'pprof', counts: {}, warnings: [], losses: [], period: '524288' },
  };
}

/** A row a minute of what was found, as one upload of as many parts. */
async function insertBlock(
  { tenantId, serviceId, instanceId, buildId, start },
  kind,
  { sampleTypes, stacks, details },
) {
  await db.withTenant(tenantId, async (tx) => {
    await tx.query('set local synchronous_commit = off');
    const uploadId = randomUUID();
    await tx.query(
      `with bytes as (
         insert into blob (tenant_id, sha256, size_bytes) values ($1, sha256($2::uuid::text::bytea), 1) returning sha256
       )
       insert into upload (tenant_id, upload_id, service_id, instance_id, sha256, identity_at, size_bytes, received_at, state, finished_at)
       select $1, $2, $3, $4, sha256, '-infinity', 1, $5, 'indexed', $5 from bytes`,
      [tenantId, uploadId, serviceId, instanceId, new Date(start)],
    );
    await tx.query(
      `with made as (
         select n, case n when 0 then $5::uuid else gen_random_uuid() end as id, $6::timestamptz + n * interval '1 minute' as at
           from generate_series(0, $7::int - 1) n
       ), rows as (
         insert into snapshot (tenant_id, snapshot_id, upload_id, part, service_id, instance_id, build_id, kind, captured_at,
                               captured_from, sample_types, details)
         select $1, id, $5, n, $2, $3, $4, $8, at, 'given', $9, $10 from made
       )
       insert into vector (tenant_id, service_id, kind, captured_at, snapshot_id, instance_id, build_id, sample_types, totals, data)
       select $1, $2, $8, at, id, $3, $4, $11::text[], $12::numeric[], $13 from made`,
      [
        ...[tenantId, serviceId, instanceId, buildId, uploadId, new Date(start), perBlock, kind],
        ...[JSON.stringify(sampleTypes, text), JSON.stringify(details)],
        sampleTypes.map(({ type, unit }) => `${type}/${unit}`),
        `{${sampleTypes.map(({ total }) => total).join(',')}}`,
        stacks.vector,
      ],
    );
  });
}

async function insertMemStats({ tenantId, serviceId, instanceId, buildId, start }, age) {
  const sealed = await Promise.all(
    Array.from({ length: perBlock }, async (_, n) => {
      const heapBytes = BigInt(2 ** 28 + (age * perBlock + n) * 4_000);
      const bytes = (name, value) => ({ name, unit: 'bytes', type: 'gauge', value });
      const table = momentTable(BigInt(start + n * minute) * 1_000_000n, [
        ...[bytes('HeapInuse', heapBytes), bytes('HeapIdle', heapBytes / 3n), bytes('HeapReleased', heapBytes / 9n)],
        ...[bytes('StackInuse', heapBytes / 50n), bytes('Sys', heapBytes * 2n)],
        { name: 'TotalAlloc', unit: 'bytes', type: 'counter', value: heapBytes * BigInt(age + 1) },
      ]);
      return (await sealSeries('memstats', table))[0];
    }),
  );
  await db.withTenant(tenantId, async (tx) => {
    await tx.query('set local synchronous_commit = off');
    await tx.query(
      `insert into series_chunk (tenant_id, service_id, instance_id, build_id, source, first_at, last_at, snapshot_id, moments, data)
       select $1, $2, $3, $4, 'memstats', s.at, s.at, gen_random_uuid(), 1, s.data
         from unnest($5::timestamptz[], $6::bytea[]) s (at, data)`,
      [tenantId, serviceId, instanceId, buildId, sealed.map(({ firstAt }) => firstAt), sealed.map(({ data }) => data)],
    );
  });
}

function text(_, value) {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** Stacks of 8 to 20 frames out of one call tree, as handlers of a service have; the first of each kind leak. */
function placesOf(areGoroutines) {
  const random = seeded(areGoroutines ? 1 : 2);
  const symbols = new SymbolTableBuilder();
  const tree = new StackTreeBuilder();
  const frame = (name, file = '', line = 0) => symbols.frame(name, file, line);
  const states = ['select', 'chan receive', 'IO wait', 'sync.Cond.Wait', 'sleep'];
  const leaves = new Set();
  for (let site = 0; leaves.size < sites; site++) {
    let node = 0;
    if (areGoroutines) {
      node = tree.child(node, frame(`[${site < leaks ? 'chan send' : states[site % states.length]}]`));
      node = tree.child(node, frame(`created by example.com/shop/work${site % 97}.(*Pool).Start`));
    } else {
      node = tree.child(node, frame('net/http.(*conn).serve', '/usr/local/go/src/net/http/server.go', 2102));
    }
    const depth = 7 + Math.floor(random() * 12);
    for (let level = 0; level < depth; level++) {
      const branch = Math.floor(random() * (level < depth / 2 ? 3 : 40));
      const name = `example.com/shop/${areGoroutines ? 'work' : 'api'}${level}.(*Handler${branch}).Do${branch % 7}`;
      node = tree.child(node, frame(name, `/src/shop/p${level}/handler${branch}.go`, 20 + branch));
    }
    const leak = areGoroutines ? 'leak.(*Pool).Send' : 'hoard.(*Store).Add';
    const leaf = site < leaks ? `example.com/shop/${leak}${site}` : `example.com/shop/site${site % 1999}.Make${site}`;
    leaves.add(tree.child(node, frame(leaf, `/src/shop/site${site}.go`, 10 + (site % 300))));
  }
  const sampleTypes = areGoroutines
    ? [{ type: 'goroutine', unit: 'count' }]
    : ['alloc_objects/count', 'alloc_space/bytes', 'inuse_objects/count', 'inuse_space/bytes'].map((name) => {
        const [type, unit] = name.split('/');
        return { type, unit };
      });
  return {
    symbols: symbols.build(),
    tree: tree.build(),
    sampleTypes,
    nodes: Int32Array.from([...leaves].sort((a, b) => a - b)),
  };
}

/** Most places hover, every tenth is a cache that fills, every other holds something only now and then; the first leak. */
function heapAt(age, n, pod) {
  const random = seeded(1_000_003 * (n + 1) + pod);
  const columns = Array.from({ length: 4 }, () => new Float64Array(sites));
  for (let site = 0; site < sites; site++) {
    const size = site < leaks ? 2048 : 16 << (site % 9);
    const usual = 20 + (site % 83) * 7;
    let inUse = Math.round(usual * (0.8 + 0.4 * random()));
    if (site < leaks) inUse = usual + age * 60 * (site + 1);
    else if (site % 10 === 0) inUse = Math.round(usual * 4 * (1 - Math.exp(-age / 12)));
    else if (site % 2 === 0 && random() < 0.6) inUse = 0;
    const allocated = inUse + (age + 1) * usual * 50;
    [allocated, allocated * size, inUse, inUse * size].forEach((value, column) => (columns[column][site] = value));
  }
  return columns;
}

/** Most groups stay as they are, every fifth follows the time of day; the first leak. */
function goroutinesAt(age, n, pod) {
  const random = seeded(7_000_003 * (n + 1) + pod);
  const load = 1 + 0.5 * Math.sin((n / 12) * 2 * Math.PI);
  return [
    Float64Array.from({ length: sites }, (_, site) => {
      if (site < leaks) return 3 + age * (site + 1);
      return site % 5 === 0 ? Math.max(1, Math.round(8 * load * (0.8 + 0.4 * random()))) : 1 + (site % 4);
    }),
  ];
}

/** Mulberry32: the same numbers in every run. */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
