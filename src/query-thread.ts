import { parentPort, workerData } from 'node:worker_threads';
import { StackStore } from './catalog/stack-store.js';
import { LeakQueries } from './leaks/leak-queries.js';
import type { LeaksRequest } from './leaks/leaks-request.js';
import { Database, type TenantId } from './platform/database.js';
import {
  asJson,
  type QueryAnswer,
  type ThreadJob,
  type ThreadOutcome,
  type ThreadSettings,
} from './platform/thread-protocol.js';
import { GoroutineQueries } from './query/goroutine-queries.js';
import type { GoroutineRequest } from './query/goroutine-request.js';
import { NumbersQueries } from './query/numbers-queries.js';
import type { NumbersRequest } from './query/numbers-request.js';
import type { QueryRequest } from './query/query-request.js';
import { refusalOf } from './query/query-refusal.js';
import { StackQueries } from './query/stack-queries.js';
import { TraceQueries } from './query/trace-queries.js';
import type { TraceRequest } from './query/trace-request.js';
import { TrendQueries } from './query/trend-queries.js';
import { RuntimeQueries } from './runtime/runtime-queries.js';
import type { RuntimeRequest } from './runtime/runtime-request.js';

/*
 * Entry point of a query thread. It answers one job after the other with a database pool and caches of its own, which
 * it opens with the first; a job that fails leaves it as it was.
 */

/** A query reads in one transaction, so two connections are one to spare. */
const poolSize = 2;
/** What a thread remembers of symbols and stacks. */
const storeBytes = 64 * 2 ** 20;

const port = parentPort;
if (!port) throw new Error('query-thread runs as a worker thread only');
const { databaseUrl, timeLimitMillis } = workerData as ThreadSettings;

interface Queries {
  readonly stacks: StackQueries;
  readonly trends: TrendQueries;
  readonly runtime: RuntimeQueries;
  readonly goroutines: GoroutineQueries;
  readonly traces: TraceQueries;
  readonly numbers: NumbersQueries;
  readonly leaks: LeakQueries;
}

type Asked = QueryRequest | RuntimeRequest | GoroutineRequest | TraceRequest | NumbersRequest | LeaksRequest;

let opening: Promise<Queries> | null = null;

async function open(): Promise<Queries> {
  const db = await Database.open(databaseUrl, {
    poolSize,
    applicationName: 'tidemark query',
    // When the time is up this thread ends without a word; the statement it waits for must end by itself.
    statementTimeoutMillis: timeLimitMillis,
  });
  const store = new StackStore({ maxBytes: storeBytes });
  return {
    stacks: new StackQueries(db, store),
    trends: new TrendQueries(db, store),
    runtime: new RuntimeQueries(db),
    goroutines: new GoroutineQueries(db, store),
    traces: new TraceQueries(db),
    numbers: new NumbersQueries(db),
    leaks: new LeakQueries(db, store),
  };
}

async function answer({ id, tenantId, request }: ThreadJob<Asked>): Promise<void> {
  try {
    opening ??= open();
    const queries = await opening.catch((error: unknown) => {
      opening = null;
      throw error;
    });
    const given = await answerWith(queries, tenantId, request);
    port!.postMessage({ id, is: 'answer', answer: given } satisfies ThreadOutcome, [given.body.buffer as ArrayBuffer]);
  } catch (error) {
    port!.postMessage(failure(id, error));
  }
}

async function answerWith(
  { stacks, trends, runtime, goroutines, traces, numbers, leaks }: Queries,
  tenantId: TenantId,
  request: Asked,
): Promise<QueryAnswer> {
  switch (request.op) {
    case 'trend':
      return asJson(await trends.ofService(tenantId, request));
    case 'runtime':
    case 'runtime-gc-cycle':
    case 'runtime-gc-comparison':
    case 'runtime-findings':
    case 'runtime-verdict':
      return asJson(await runtime.answer(tenantId, request));
    case 'leaks':
      return asJson(await leaks.ranking(tenantId, request));
    case 'trace':
      return asJson(await traces.summary(tenantId, request));
    case 'trace-events':
      return asJson(await traces.events(tenantId, request));
    case 'snapshot-series':
      return asJson(await numbers.series(tenantId, request));
    case 'snapshot-content':
      return asJson(await numbers.content(tenantId, request));
    case 'team-trend':
      return asJson(await trends.ofTeam(tenantId, request));
    case 'goroutines':
    case 'goroutine-trend':
      return goroutines.answer(tenantId, request);
    default:
      return stacks.answer(tenantId, request);
  }
}

function failure(id: number, error: unknown): ThreadOutcome {
  const refusal = refusalOf(error);
  // An error may carry what cannot be cloned, a socket for instance; its text is what the log needs.
  const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (!refusal) return { id, is: 'error', cause };
  const { code, detail, options } = refusal;
  return {
    id,
    is: 'problem',
    code,
    detail,
    options: { ...options, cause: options.cause === undefined ? undefined : cause },
  };
}

port.on('message', (job: ThreadJob<Asked>) => void answer(job));
