// How many bytes of Postgres a series of 200 heap snapshots of one service takes, against the gzip bytes received.
import pg from 'pg';
import { readFileSync } from 'node:fs';
import { figure, goAvailable, heading, heapSeries, sizes } from './measure.mjs';
import { startServer } from './server.mjs';

heading('index size: 200 snapshots of one service');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/) to make the profiles');
} else {
  for (const name of Object.keys(sizes)) {
    const server = await startServer();
    try {
      const files = heapSeries(sizes[name], 200).map((file) => readFileSync(file));
      const received = files.reduce((sum, file) => sum + file.length, 0);
      const begin = Date.now() - files.length * 60_000;
      const database = await server.database();
      const client = new pg.Client({ connectionString: database.ownerUrl });
      await client.connect();
      figure(`${name}: gzip bytes per snapshot, mean`, Math.round(received / files.length).toLocaleString('en'));
      const before = await indexBytes(client);
      for (const [minute, file] of files.entries()) {
        await server.push('bench', file, {
          instance: 'one',
          captured_at: new Date(begin + minute * 60_000).toISOString(),
        });
      }
      await server.settled('bench', files.length);
      const after = await indexBytes(client);
      for (const [table, bytes] of Object.entries(after)) {
        figure(
          `${name}: ${table}, share of the gzip bytes`,
          `${(((bytes - (before[table] ?? 0)) / received) * 100).toFixed(1)} %`,
        );
      }
      const sum = (sizesOf) => Object.values(sizesOf).reduce((total, bytes) => total + bytes, 0);
      figure(
        `${name}: index / gzip received`,
        `${(((sum(after) - sum(before)) / received) * 100).toFixed(1)} %`,
        '≤ 20 %',
      );
      await client.end();
      await database.stop();
    } finally {
      await server.stop();
    }
  }
}

/** Heap, TOAST and indexes of every table that belongs to the index, partitions under their parent's name. */
async function indexBytes(client) {
  const { rows } = await client.query(`
    select coalesce(parent.relname, c.relname) as name, sum(pg_total_relation_size(c.oid))::float8 as bytes
    from pg_class c
    left join pg_inherits i on i.inhrelid = c.oid
    left join pg_class parent on parent.oid = i.inhparent
    where c.relkind = 'r' and coalesce(parent.relname, c.relname) in
      ('symbol_head', 'symbol_block', 'stack_head', 'stack_block', 'vector', 'rollup', 'rollup_head', 'rollup_dirty', 'snapshot')
    group by 1 order by 1`);
  return Object.fromEntries(rows.map((row) => [row.name, row.bytes]));
}
