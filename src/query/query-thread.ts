import { parentPort, workerData } from 'node:worker_threads';
import { Database } from '../platform/database.js';
import type { ThreadJob, ThreadOutcome, ThreadSettings } from './query-request.js';
import { refusalOf } from './query-refusal.js';
import { StackQueries } from './stack-queries.js';

/*
 * Entry point of a query thread. It answers one job after the other with a database pool and caches of its own, which
 * it opens with the first; a job that fails leaves it as it was.
 */

/** A query reads in one transaction, so two connections are one to spare. */
const poolSize = 2;

const port = parentPort;
if (!port) throw new Error('query-thread runs as a worker thread only');
const { databaseUrl, timeLimitMillis } = workerData as ThreadSettings;

let opening: Promise<StackQueries> | null = null;

async function openQueries(): Promise<StackQueries> {
  const db = await Database.open(databaseUrl, {
    poolSize,
    applicationName: 'tidemark query',
    // When the time is up this thread ends without a word; the statement it waits for must end by itself.
    statementTimeoutMillis: timeLimitMillis,
  });
  return new StackQueries(db);
}

async function answer({ id, tenantId, request }: ThreadJob): Promise<void> {
  try {
    opening ??= openQueries();
    const queries = await opening.catch((error: unknown) => {
      opening = null;
      throw error;
    });
    const given = await queries.answer(tenantId, request);
    port!.postMessage({ id, is: 'answer', answer: given } satisfies ThreadOutcome, [given.body.buffer as ArrayBuffer]);
  } catch (error) {
    port!.postMessage(failure(id, error));
  }
}

function failure(id: number, error: unknown): ThreadOutcome {
  const refusal = refusalOf(error);
  // An error may carry what cannot be cloned, a socket for instance; its text is what the log needs.
  const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (!refusal) return { id, is: 'error', cause };
  const { code, detail, options } = refusal;
  return { id, is: 'problem', code, detail, options: { ...options, cause: options.cause === undefined ? undefined : cause } };
}

port.on('message', (job: ThreadJob) => void answer(job));
