import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { TenantId } from './database.js';
import { Problem } from './problem.js';
import type { QueryAnswer, ThreadJob, ThreadOutcome, ThreadRequest, ThreadSettings } from './thread-protocol.js';

/*
 * Merging, ranking and drawing are work for a processor, not for the event loop that answers everybody: they happen in
 * a fixed number of worker threads. Each thread has its own small pool of connections and its own caches of symbols and
 * stacks, runs one query at a time, and answers with bytes that are ready to be sent.
 *
 * The life of a query:
 *
 *     waiting ──▶ running ──▶ answered
 *        │           ├──────▶ failed     a Problem, or an error of its own: the thread stays
 *        │           ├──────▶ failed     the thread died: it is replaced, and only this query fails
 *        ├───────────┴──────▶ timed out  a running one takes its thread along, which is replaced
 *        └──────────────────▶ dropped    the client has gone, or the process is closing
 *
 * Waiting is fair: the tenants that wait take turns, each with its own oldest query, and each may have only so many
 * waiting. A thread starts with the first query that finds no idle one, so a process that answers no such query pays
 * for none.
 */

export interface QueryThreadsOptions extends ThreadSettings {
  /** The module that a thread runs: the compiled `query-thread.js`. */
  readonly entry: URL;
  /** Of JavaScript objects in one thread; a query that needs more fails. Typed arrays lie outside of it. */
  readonly heapMegabytes: number;
  readonly threads: number;
  readonly maxWaitingPerTenant: number;
  /** From acceptance to answer, in milliseconds. */
  readonly timeLimitMillis: number;
}

/**
 * Nearly all that a query makes dies with it. With V8's own measure a long trend spends a quarter of its time on copying
 * what is still alive out of the way, again and again.
 */
const youngMegabytes = 96;

export const queryThreadDefaults = { maxWaitingPerTenant: 32, timeLimitMillis: 30_000, heapMegabytes: 1024 } as const;

interface Query {
  readonly id: number;
  readonly tenantId: TenantId;
  readonly request: ThreadRequest;
  readonly settle: { readonly resolve: (answer: QueryAnswer) => void; readonly reject: (reason: unknown) => void };
  timer: NodeJS.Timeout | null;
}

interface Thread {
  readonly worker: Worker;
  running: Query | null;
}

export class QueryThreads {
  private readonly threads = new Set<Thread>();
  /** Insertion order is whose turn it is; a tenant that was served goes to the end. */
  private readonly waiting = new Map<TenantId, Query[]>();
  private nextId = 1;
  private closed = false;

  constructor(
    private readonly options: QueryThreadsOptions,
    private readonly logger: Logger,
  ) {}

  /**
   * Runs a query in a thread.
   * @throws Problem whatever the query found wrong; `too-many-queries` (429) when the tenant has too many waiting;
   *   `query-timeout` (503) when the time limit passed; `query-failed` (503) when the thread died under it.
   */
  run<Request extends ThreadRequest>(tenantId: TenantId, request: Request, signal?: AbortSignal): Promise<QueryAnswer> {
    if (this.closed) return Promise.reject(closing());
    const queue = this.waiting.get(tenantId) ?? [];
    if (queue.length >= this.options.maxWaitingPerTenant) {
      return Promise.reject(
        new Problem('too-many-queries', 'Too many queries of this organisation wait already. Ask for less at once.', {
          limit: 'queries_waiting',
          actual: queue.length + 1,
          allowed: this.options.maxWaitingPerTenant,
          retryAfterSeconds: 1,
        }),
      );
    }
    return new Promise<QueryAnswer>((resolve, reject) => {
      const query: Query = { id: this.nextId++, tenantId, request, settle: { resolve, reject }, timer: null };
      query.timer = setTimeout(() => this.expire(query), this.options.timeLimitMillis);
      queue.push(query);
      this.waiting.set(tenantId, queue);
      signal?.addEventListener('abort', () => this.withdraw(query, signal.reason), { once: true });
      this.dispatch();
    });
  }

  /** Ends all threads; what runs or waits is answered `shutting-down`. */
  async close(): Promise<void> {
    this.closed = true;
    for (const queue of [...this.waiting.values()]) for (const query of [...queue]) this.withdraw(query, closing());
    const ending = [...this.threads].map((thread) => {
      if (thread.running) this.finish(thread.running).reject(closing());
      thread.running = null;
      return thread.worker.terminate();
    });
    this.threads.clear();
    await Promise.all(ending);
  }

  private dispatch(): void {
    while (!this.closed && this.waiting.size > 0) {
      let thread = [...this.threads].find((t) => t.running === null);
      if (!thread) {
        if (this.threads.size >= this.options.threads) return;
        thread = this.start();
      }
      const [tenantId, queue] = this.waiting.entries().next().value!;
      const query = queue.shift()!;
      this.waiting.delete(tenantId);
      if (queue.length > 0) this.waiting.set(tenantId, queue);
      thread.running = query;
      thread.worker.ref();
      thread.worker.postMessage({ id: query.id, tenantId, request: query.request } satisfies ThreadJob);
    }
  }

  private start(): Thread {
    const { databaseUrl, timeLimitMillis } = this.options;
    const worker = new Worker(this.options.entry, {
      name: 'query',
      execArgv: preloads(process.execArgv),
      resourceLimits: {
        maxOldGenerationSizeMb: this.options.heapMegabytes,
        maxYoungGenerationSizeMb: youngMegabytes,
      },
      workerData: { databaseUrl, timeLimitMillis } satisfies ThreadSettings,
    });
    const thread: Thread = { worker, running: null };
    this.threads.add(thread);
    // An idle thread is no reason for a process to stay.
    worker.unref();
    worker.on('message', (outcome: ThreadOutcome) => this.receive(thread, outcome));
    worker.on('error', (error) => this.bury(thread, error));
    worker.on('exit', (code) => this.bury(thread, new Error(`query thread exited with code ${code}`)));
    return thread;
  }

  private receive(thread: Thread, outcome: ThreadOutcome): void {
    const query = thread.running;
    if (query?.id !== outcome.id) return;
    thread.running = null;
    thread.worker.unref();
    const { resolve, reject } = this.finish(query);
    if (outcome.is === 'answer') resolve(outcome.answer);
    else if (outcome.is === 'problem') reject(new Problem(outcome.code, outcome.detail, outcome.options));
    else reject(new Error('a query failed', { cause: outcome.cause }));
    this.dispatch();
  }

  /** A thread is gone, by itself or because it was terminated. */
  private bury(thread: Thread, error: unknown): void {
    if (!this.threads.delete(thread)) return;
    const query = thread.running;
    this.logger.error({ err: error, tenantId: query?.tenantId, op: query?.request.op }, 'a query thread died');
    if (query) {
      this.finish(query).reject(
        new Problem('query-failed', 'The query could not be completed. Ask for a shorter range or fewer instances.', {
          cause: error,
          retryAfterSeconds: 5,
        }),
      );
    }
    void thread.worker.terminate();
    this.dispatch();
  }

  private expire(query: Query): void {
    const thread = [...this.threads].find((t) => t.running === query);
    this.logger.warn(
      { tenantId: query.tenantId, op: query.request.op, ran: thread !== undefined },
      'a query ran out of time',
    );
    this.remove(query);
    this.finish(query).reject(
      new Problem('query-timeout', 'The query took too long. Ask for a shorter range or fewer instances.', {
        limit: 'query_seconds',
        allowed: this.options.timeLimitMillis / 1000,
        retryAfterSeconds: 5,
      }),
    );
    if (thread) {
      // A computation cannot be interrupted, only its thread ended.
      this.threads.delete(thread);
      void thread.worker.terminate();
      this.dispatch();
    }
  }

  /** The answer of a running query is dropped when it comes: its thread's caches are worth more than the rest of its time. */
  private withdraw(query: Query, reason: unknown): void {
    if (this.remove(query)) this.finish(query).reject(reason);
  }

  private remove(query: Query): boolean {
    const queue = this.waiting.get(query.tenantId);
    const at = queue?.indexOf(query) ?? -1;
    if (!queue || at < 0) return false;
    queue.splice(at, 1);
    if (queue.length === 0) this.waiting.delete(query.tenantId);
    return true;
  }

  private finish(query: Query): Query['settle'] {
    if (query.timer) clearTimeout(query.timer);
    return query.settle;
  }
}

/** Modules that the process was told to load first (`--import`); flags of V8 are the process's, and a thread refuses them. */
function preloads(execArgv: readonly string[]): string[] {
  return execArgv.flatMap((argument, index) => {
    if (argument.startsWith('--import=')) return [argument];
    return argument === '--import' ? [argument, execArgv[index + 1]] : [];
  });
}

function closing(): Problem {
  return new Problem('shutting-down', 'The service is about to stop.', { retryAfterSeconds: 5 });
}
