// Reads over HTTP against a whole server: a merged flame graph, a diff, a trend of one function over 30 days of one-minute
// snapshots of six instances, and a page of the list of 1,000,000 snapshots. The list and the trend also with a tenth of
// the data, to see how they grow. Snapshots go through the real write path; the 30 days are hours that the compactor's own
// encoder writes, repeated.
import pg from 'pg';
import { readFileSync } from 'node:fs';
import { figure, goAvailable, heading, heapSeries, sizes, timed } from './measure.mjs';
import { startServer } from './server.mjs';
import { StackStore } from '../dist/catalog/stack-store.js';
import { sumUpHour } from '../dist/catalog/rollup-hour.js';
import { writeRollups } from '../dist/catalog/rollups.js';
import { decodeVector } from '../dist/catalog/vector.js';
import { groupSums } from '../dist/analysis/grouping.js';
import { Database } from '../dist/platform/database.js';

const hour = 3_600_000;
const day = 24 * hour;

heading('queries: over HTTP, medians of 15');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/) to make the profiles');
} else {
  const server = await startServer();
  const database = await server.database();
  const db = await Database.open(database.appUrl, { poolSize: 2 });
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  try {
    const [{ tenant_id: tenantId }] = (await owner.query('select tenant_id from tenant')).rows;
    await owner.query(`select set_config('app.tenant', $1, false)`, [tenantId]);
    await mergeAndDiff();
    await trends(tenantId, owner, db);
    await list(tenantId, owner);
  } finally {
    await db.close();
    await owner.end();
    await database.stop();
    await server.stop();
  }

  async function mergeAndDiff() {
    const files = heapSeries(sizes.typical, 240).map((file) => readFileSync(file));
    const begin = Date.now() - files.length * 60_000;
    const ids = [];
    for (const [minute, file] of files.entries()) {
      const { id } = await server.push('merged', file, {
        instance: 'one',
        captured_at: new Date(begin + minute * 60_000).toISOString(),
      });
      ids.push(id);
    }
    await server.settled('merged', files.length);
    const merged = await timed(() => server.get('/api/v1/services/merged/flamegraph?from=-5h'), 15);
    figure('merged flame graph over 240 typical snapshots, ms', merged.median.toFixed(0), '< 500');
    const diff = await timed(() => server.get(`/api/v1/diff?base=${ids[0]}&target=${ids[239]}`), 15);
    figure('diff of two snapshots, ms', diff.median.toFixed(0), '< 100');
  }

  async function trends(tenantId, owner, db) {
    const instances = 6;
    const files = heapSeries(sizes.typical, 60).map((file) => readFileSync(file));
    const now = Date.now();
    const lastHour = Math.floor(now / hour) * hour - hour;
    for (let instance = 0; instance < instances; instance++) {
      for (const [minute, file] of files.entries()) {
        const captured_at = new Date(lastHour + minute * 60_000 + instance).toISOString();
        await server.push('trend', file, { instance: `pod-${instance}`, captured_at });
      }
    }
    await server.settled('trend', instances * files.length);
    const hours = await hourOfEachInstance(tenantId, db);
    for (const days of [3, 30]) {
      await loadDays(tenantId, owner, db, hours, lastHour, days);
      const query = `/api/v1/services/trend/trends?function=main.main&from=-${days}d&step=1h`;
      const trend = await timed(() => server.get(query), 15);
      figure(
        `trend of one function, ${days} days of one-minute snapshots of 6 instances, ms`,
        trend.median.toFixed(0),
        days === 30 ? '< 200' : '',
      );
    }
  }

  /** The last hour of every instance, summed up from its real vectors as the compactor does it. */
  async function hourOfEachInstance(tenantId, db) {
    const store = new StackStore();
    return db.readTenant(tenantId, async (tx) => {
      const vectors = await tx.query(
        `select v.*, v.totals::text[] as exact from vector v join service s using (tenant_id, service_id) where s.name = 'trend'`,
      );
      const serviceId = vectors[0].service_id;
      const month = `${vectors[0].captured_at.toISOString().slice(0, 7)}-01`;
      const { symbols, tree } = await store.load(tx, tenantId, serviceId, month);
      const byInstance = Map.groupBy
        ? Map.groupBy(vectors, (row) => row.instance_id)
        : vectors.reduce((map, row) => map.set(row.instance_id, [...(map.get(row.instance_id) ?? []), row]), new Map());
      const hours = [];
      for (const [instanceId, rows] of byInstance) {
        const snapshots = rows.map((row) => {
          const { nodes, values } = decodeVector(row.data);
          const sampleTypes = row.sample_types.map((name) => ({ type: name.split('/')[0], unit: name.split('/')[1] }));
          const stacks = { symbols, tree, nodes, values, sampleTypes };
          return {
            id: row.snapshot_id,
            atMillis: row.captured_at.getTime(),
            buildId: row.build_id,
            delta: row.delta,
            durationNanos: 0,
            sampleTypes: row.sample_types,
            totals: row.exact.map(BigInt),
            functionSums: () => values.map((column) => groupSums(stacks, column, 'function')),
          };
        });
        const hourMillis = Math.floor(snapshots[0].atMillis / hour) * hour;
        hours.push({
          serviceId,
          rollup: await sumUpHour('heap', instanceId, hourMillis, snapshots, symbols.functions.length),
        });
      }
      return hours;
    });
  }

  async function loadDays(tenantId, owner, db, hours, lastHour, days) {
    const { serviceId } = hours[0];
    for (let back = 1; back <= days; back++) {
      const batch = hours.flatMap(({ rollup }) =>
        Array.from({ length: 24 }, (_, n) => shifted(rollup, lastHour - back * day + n * hour)),
      );
      await db.withTenant(tenantId, async (tx) => {
        await tx.query('select ensure_month($1)', [new Date(lastHour - back * day)]);
        await tx.query('select ensure_month($1)', [new Date(lastHour - back * day + 23 * hour)]);
        await writeRollups(tx, tenantId, serviceId, 'heap', batch);
      });
    }
    await owner.query('update rollup_head set compacted_until = greatest(compacted_until, $2) where service_id = $1', [
      serviceId,
      new Date(lastHour),
    ]);
  }

  /** The same hour at another time. */
  function shifted(rollup, hourMillis) {
    const by = hourMillis - rollup.hourMillis;
    const move = (value) => (typeof value === 'number' && value > 1e12 ? value + by : value);
    const deep = (value) =>
      Array.isArray(value)
        ? value.map(deep)
        : value !== null && typeof value === 'object'
          ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, deep(each)]))
          : move(value);
    return {
      ...rollup,
      hourMillis,
      sampleTypes: rollup.sampleTypes.map((sampleType) => ({ ...sampleType, timing: deep(sampleType.timing) })),
    };
  }

  async function list(tenantId, owner) {
    const [{ service_id, instance_id, sha256 }] = (
      await owner.query(`select service_id, instance_id, sha256 from upload limit 1`)
    ).rows;
    let rows = 0;
    for (const count of [100_000, 1_000_000]) {
      await owner.query(
        `with made as (
           insert into upload (tenant_id, upload_id, service_id, instance_id, sha256, identity_at, size_bytes, received_at, state)
           select $1, gen_random_uuid(), $2, $3, $4, now() - n * interval '1 second', 60000, now() - n * interval '1 second', 'indexed'
             from generate_series($5::int + 1, $6::int) n
           returning *)
         insert into snapshot (tenant_id, snapshot_id, upload_id, service_id, instance_id, kind, captured_at, captured_from)
         select tenant_id, upload_id, upload_id, service_id, instance_id, 'heap', received_at, 'receipt' from made`,
        [tenantId, service_id, instance_id, sha256, rows, count],
      );
      rows = count;
      await owner.query('analyze upload, snapshot');
      const page = await timed(() => server.get('/api/v1/snapshots?limit=100'), 15);
      figure(
        `page of 100 of ${count.toLocaleString('en')} snapshots, ms`,
        page.median.toFixed(1),
        count === 1_000_000 ? '< 20' : '',
      );
    }
  }
}
