// Upload to indexed, embedded and durable: real heap profiles of three sizes, 1 and 8 clients.
import { readFileSync } from 'node:fs';
import { figure, goAvailable, heading, heapSeries, sizes } from './measure.mjs';
import { startServer } from './server.mjs';

heading('ingest: from upload to indexed');
if (!goAvailable) {
  console.log('skipped: needs Go (https://go.dev/dl/) to make the profiles');
} else {
  const uploads = { small: 400, typical: 400, large: 100 };
  const server = await startServer();
  try {
    for (const [name, stacks] of Object.entries(sizes)) {
      const files = heapSeries(stacks, uploads[name]).map((file) => readFileSync(file));
      const bytes = files.reduce((sum, file) => sum + file.length, 0);
      for (const clients of [1, 8]) {
        const service = `bench-${name}-${clients}`;
        const queue = [...files.entries()];
        const begin = performance.now();
        await Promise.all(
          Array.from({ length: clients }, async () => {
            for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
              await server.push(service, next[1], { instance: 'one' });
            }
          }),
        );
        const accepted = (performance.now() - begin) / 1000;
        await server.settled(service, files.length);
        const indexed = (performance.now() - begin) / 1000;
        const mean = Math.round(bytes / files.length / 1000);
        figure(
          `${name} (~${mean} kB), ${clients} client(s): accepted | indexed, snapshots/s`,
          `${(files.length / accepted).toFixed(0)} | ${(files.length / indexed).toFixed(0)}`,
          name === 'typical' ? 'aim 150 indexed' : '',
        );
        figure(`${name}, ${clients} client(s): indexed, MB/s`, (bytes / 1e6 / indexed).toFixed(1));
      }
    }
    figure('API process, resident MiB', server.apiRssMebibytes().toFixed(0), '< 300');
  } finally {
    await server.stop();
  }
}
