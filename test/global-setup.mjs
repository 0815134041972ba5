import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import './run-typescript.mjs';

const { sweepAbandonedServers } = await import('./database-server.ts');

/** A folder for this run's database server, which the first test that needs one starts. */
export default async function setUp() {
  await sweepAbandonedServers();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-test-'));
  chmodSync(folder, 0o711);
  writeFileSync(path.join(folder, 'suite.pid'), String(process.pid));
  process.env.TIDEMARK_TEST_FOLDER = folder;
}
