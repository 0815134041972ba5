import { loadConfig } from './platform/config.js';
import { stopOnSignals } from './platform/shutdown.js';
import { runEntryPoint } from './platform/start-failure.js';
import { startWorker } from './start.js';

/** The worker of a production installation, and the child process of `tidemark up`. */
await runEntryPoint(async () => {
  const starting = startWorker({ config: loadConfig() });
  stopOnSignals(async () => (await starting).stop());
  await starting;
});
