// Reads over HTTP against a whole server, durable, with row-level security: a merged flame graph, a diff, a trend of one
// function over 30 days of one-minute snapshots of six instances, and a page of the list of 1,000,000 snapshots; each also
// with a tenth of the data, to see how it grows. See month.mjs for how the 30 days come about.
//
// Beside the wall time, which is everybody's, stands the processor time of the server's own processes.
import pg from 'pg';
import { readFileSync } from 'node:fs';
import { figure, goAvailable, heading, heapSeries, sizes, timed, timedOnServer } from './measure.mjs';
import { day, hour, Month } from './month.mjs';
import { startServer } from './server.mjs';
import { Database } from '../dist/platform/database.js';
import { Snapshots } from '../dist/query/snapshots.js';

const runs = 31;
const minute = 60_000;
const chosen = process.env.BENCH_QUERIES?.split(',') ?? ['merge', 'diff', 'trend', 'list'];

heading(`queries: over HTTP, medians of ${runs}`);
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/) to make the profiles');
} else {
  // The benchmark says when hours are rolled up, so that it knows how many are not.
  const server = await startServer({ TIDEMARK_COMPACTION_SECONDS: '86400' });
  const database = await server.database();
  const db = await Database.open(database.appUrl, { poolSize: 2 });
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  try {
    const [{ tenant_id: tenantId }] = (await owner.query('select tenant_id from tenant')).rows;
    await owner.query(`select set_config('app.tenant', $1, false)`, [tenantId]);
    if (chosen.includes('merge')) await merges();
    if (chosen.includes('diff')) await diffs();
    const tenth = chosen.includes('list') ? await list(tenantId, 100_000) : undefined;
    if (chosen.includes('trend')) await trends(tenantId);
    if (chosen.includes('list')) await list(tenantId, 1_000_000, tenth);
  } finally {
    await db.close();
    await owner.end();
    await database.stop();
    await server.stop();
  }

  /** Measures a path and prints it; a `tenth` before it says how it has grown. */
  async function measure(what, path, { goal, tenth, size } = {}) {
    const bytes = await server.fetchBytes(path);
    const { median, min, cpu } = await timedOnServer(server, () => server.fetchBytes(path), runs);
    const total = cpu.api + cpu.postgres;
    const growth = tenth ? `; with 10 × the data ${(total / tenth.total).toFixed(1)} × the CPU time` : '';
    const detail = `CPU ${total.toFixed(1)} (api ${cpu.api.toFixed(1)}, postgres ${cpu.postgres.toFixed(1)}), least ${min.toFixed(1)}`;
    figure(`${what}, ms`, median.toFixed(1), [goal, detail + growth].filter(Boolean).join('; '));
    figure(`  its answer, kB${size ? '; of ' + size : ''}`, (bytes.length / 1000).toFixed(0));
    return { median, total };
  }

  async function merges() {
    const files = heapSeries(sizes.typical, 240).map((file) => readFileSync(file));
    const from = Math.floor(Date.now() / hour) * hour - files.length * minute;
    for (const [at, file] of files.entries()) {
      await server.push('merged', file, {
        instance: 'one',
        captured_at: new Date(from + at * minute).toISOString(),
      });
    }
    await server.settled('merged', files.length);
    let tenth;
    for (const count of [24, 240]) {
      const range = `from=${iso(from)}&to=${iso(from + count * minute)}`;
      tenth = await measure(
        `merged flame graph over ${count} typical snapshots`,
        `/api/v1/services/merged/flamegraph?${range}`,
        { goal: '< 500', tenth, size: `${megabytes(files.slice(0, count))} MB of gzip` },
      );
    }
  }

  async function diffs() {
    let tenth;
    for (const name of ['typical', 'large']) {
      const files = heapSeries(sizes[name], 200).map((file) => readFileSync(file));
      const pair = [files[0], files[files.length - 1]];
      const ids = [];
      for (const [at, file] of pair.entries()) {
        const captured_at = iso(Date.now() - (2 - at) * hour);
        ids.push((await server.push(`diff-${name}`, file, { instance: 'one', captured_at })).id);
      }
      await server.settled(`diff-${name}`, pair.length);
      tenth = await measure(
        `diff of two ${name} snapshots (${sizes[name]} stacks made)`,
        `/api/v1/diff?base=${ids[0]}&target=${ids[1]}`,
        { goal: name === 'typical' ? '< 100' : undefined, tenth, size: `${megabytes(pair)} MB of gzip` },
      );
    }
  }

  async function trends(tenantId) {
    const instances = 6;
    const files = heapSeries(sizes.typical, 240).map((file) => readFileSync(file));
    const end = Math.floor(Date.now() / hour) * hour;
    const rolledUpUntil = end - hour;
    // The service and its instances come into being as they always do.
    for (let pod = 0; pod < instances; pod++) {
      await server.push('trend', files[pod], {
        instance: `pod-${pod}`,
        captured_at: iso(rolledUpUntil - day - minute + pod),
      });
    }
    await server.settled('trend', instances);
    const rows = await db.readTenant(tenantId, (tx) =>
      tx.query(`select i.service_id, i.instance_id from instance i join service s using (tenant_id, service_id)
                 where s.name = 'trend' order by i.instance_id`),
    );
    const instanceIds = rows.map(({ instance_id }) => instance_id);
    const month = new Month(db, { tenantId, serviceId: rows[0].service_id, instanceIds }, files);
    await loading(`${instances * 1440} snapshots through the write path`, () =>
      month.record(rolledUpUntil - day, rolledUpUntil),
    );
    await loading('their hours compacted', () => month.compact(rolledUpUntil));

    const path = (from, to) =>
      `/api/v1/services/trend/trends?function=main.main&from=${iso(from)}&to=${iso(to)}&step=1h`;
    const of = (days) => `${days} days (${(days * 1440 * instances).toLocaleString('en')} snapshots)`;
    let tenth;
    await owner.query('analyze');
    await loading('2 days more of roll-ups and rows', () => month.repeat(1, 2));
    await owner.query('analyze');
    tenth = await measure(`trend of one function, ${of(3)}`, path(rolledUpUntil - 3 * day, rolledUpUntil));
    await loading('27 days more of roll-ups and rows', () => month.repeat(3, 29));
    await owner.query('analyze');
    await measure(`trend of one function, ${of(30)}`, path(rolledUpUntil - 30 * day, rolledUpUntil), {
      goal: '< 200',
      tenth,
    });
    await loading('the youngest hour through the write path', () => month.record(rolledUpUntil, end));
    tenth = await measure(`the same, ${of(3)}, youngest hour from 360 vectors`, path(end - 3 * day, end));
    await measure(`the same, ${of(30)}, youngest hour from 360 vectors`, path(end - 30 * day, end), {
      goal: '< 200',
      tenth,
    });
    const answer = JSON.parse(await server.fetchBytes(path(end - 30 * day, end)));
    const points = answer.series[0].points.filter(({ covered_seconds }) => covered_seconds > 0);
    figure('  hours of it that have a value', points.length, '720');
  }

  async function loading(what, work) {
    const begin = performance.now();
    const count = await work();
    const seconds = (performance.now() - begin) / 1000;
    figure(`(${what}, s)`, seconds.toFixed(0), count === undefined ? '' : `${(count / seconds).toFixed(0)} a second`);
  }

  async function list(tenantId, count, tenth) {
    if (tenth === undefined) {
      await server.push('list', readFileSync(heapSeries(sizes.typical, 240)[0]), { instance: 'one' });
      await server.settled('list', 1);
    }
    await loading(`rows up to ${count.toLocaleString('en')}`, () => addRows(tenantId, count));
    await owner.query('analyze upload, snapshot');
    const page = await measure(
      `page of 100 of ${count.toLocaleString('en')} snapshots`,
      '/api/v1/snapshots?limit=100',
      { goal: '< 20', tenth },
    );
    const paging = new Snapshots(db);
    const first = () => paging.list({ tenantId, teamId: null }, {}, { limit: 101, after: null });
    const { median, min } = await timed(first, runs, 10);
    figure(`  of it the statement, and its rows read, ms`, median.toFixed(1), `least ${min.toFixed(1)}`);
    return page;
  }

  /** More snapshots like the one of the service `list`, until there are so many. */
  async function addRows(tenantId, count) {
    const [{ rows }] = (await owner.query('select count(*)::int as rows from snapshot')).rows;
    const [{ service_id, instance_id, sha256, sample_types, details }] = (
      await owner.query(
        `select u.service_id, u.instance_id, u.sha256, s.sample_types, s.details
           from upload u join snapshot s using (tenant_id, upload_id) join service v on v.service_id = u.service_id
          where v.name = 'list' order by s.captured_at desc limit 1`,
      )
    ).rows;
    await owner.query(
      `with made as (
         insert into upload (tenant_id, upload_id, service_id, instance_id, sha256, identity_at, size_bytes, received_at, state)
         select $1, gen_random_uuid(), $2, $3, $4, now() - n * interval '1 second', 60000, now() - n * interval '1 second', 'indexed'
           from generate_series($5::int + 1, $6::int) n
         returning *)
       insert into snapshot (tenant_id, snapshot_id, upload_id, service_id, instance_id, kind, captured_at, captured_from,
                             sample_types, details)
       select tenant_id, upload_id, upload_id, service_id, instance_id, 'heap', received_at, 'receipt', $7, $8 from made`,
      [tenantId, service_id, instance_id, sha256, rows, count, JSON.stringify(sample_types), JSON.stringify(details)],
    );
  }
}

function iso(millis) {
  return new Date(millis).toISOString();
}

function megabytes(files) {
  return (files.reduce((sum, file) => sum + file.length, 0) / 1e6).toFixed(1);
}
