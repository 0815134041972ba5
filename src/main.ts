import { loadConfig } from './platform/config.js';
import { stopOnSignals } from './platform/shutdown.js';
import { runEntryPoint } from './platform/start-failure.js';
import { startApi } from './start.js';

/** The API of a production installation; `tidemark up` starts the same within its own process. */
await runEntryPoint(async () => {
  const starting = startApi({ config: loadConfig() });
  stopOnSignals(async () => (await starting).stop());
  await starting;
});
