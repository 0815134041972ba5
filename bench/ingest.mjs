// Upload to indexed, embedded and durable: real heap profiles of three sizes, 1 and 8 clients. Beside the rate stands the
// CPU time that all processes, PostgreSQL's too, spend on one upload: it says the same on a busy machine as on an idle one.
import { readFileSync } from 'node:fs';
import { figure, goAvailable, heading, heapSeries, sizes } from './measure.mjs';
import { startServer } from './server.mjs';

heading('ingest: from upload to indexed');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/) to make the profiles');
} else {
  const uploads = { small: 80, typical: 400, large: 100 };
  const warmUps = 40;
  const chosen = process.env.BENCH_SIZES?.split(',') ?? Object.keys(sizes);
  const server = await startServer();
  try {
    for (const name of chosen) {
      const files = heapSeries(sizes[name], uploads[name]).map((file) => readFileSync(file));
      for (const clients of [1, 8]) {
        await ingest(`warm-up-${name}-${clients}`, files.slice(0, warmUps), clients);
        const { accepted, indexed, cpu } = await ingest(`bench-${name}-${clients}`, files, clients);
        const bytes = files.reduce((sum, file) => sum + file.length, 0);
        const label = `${name} (~${Math.round(bytes / files.length / 1000)} kB), ${clients} client(s)`;
        const total = Object.values(cpu).reduce((sum, millis) => sum + millis, 0);
        figure(
          `${label}: accepted | indexed, snapshots/s`,
          `${(files.length / accepted).toFixed(0)} | ${(files.length / indexed).toFixed(0)}`,
          name === 'typical' && clients === 8 ? 'aim 150 indexed' : '',
        );
        figure(`${label}: indexed, MB/s`, (bytes / 1e6 / indexed).toFixed(1));
        figure(
          `${label}: CPU ms per upload`,
          total.toFixed(1),
          Object.entries(cpu)
            .map(([kind, millis]) => `${kind} ${millis.toFixed(1)}`)
            .join(', '),
        );
        figure(`${label}: API process, resident MiB`, server.apiRssMebibytes().toFixed(0), '< 300');
      }
    }
  } finally {
    await server.stop();
  }

  /** Seconds until all are accepted and until all are indexed; CPU milliseconds per upload by kind of process. */
  async function ingest(service, files, clients) {
    const queue = [...files];
    const before = server.cpuMillis();
    const begin = performance.now();
    await Promise.all(
      Array.from({ length: clients }, async () => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          await server.push(service, next, { instance: 'one' });
        }
      }),
    );
    const accepted = (performance.now() - begin) / 1000;
    await server.settled(service, files.length);
    const indexed = (performance.now() - begin) / 1000;
    const after = server.cpuMillis();
    const cpu = Object.fromEntries(
      Object.entries(after).map(([kind, millis]) => [kind, (millis - before[kind]) / files.length]),
    );
    return { accepted, indexed, cpu };
  }
}
