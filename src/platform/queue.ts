import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createPostgresBackend,
  DEFAULT_SCHEMA,
  type Job as BullJob,
  type JobsOptions,
  type PostgresConnectionOptions,
  Queue,
  type RedisOptions,
  Worker,
} from 'bullmq';
import type { Config } from './config.js';

/*
 * BullMQ on Postgres, or on Redis when REDIS_URL is set; nothing outside this file knows which. The queue is no record
 * of anything: a job says that there is something to do, and losing one is a delay until the sweeper announces it again.
 * So an announcement that cannot be made fails at once, its commit need not be durable, and nobody waits for either.
 */

export type QueueSettings = Pick<Config, 'databaseUrl' | 'redisUrl'>;

export interface JobQueue<Data> {
  /** @throws QueueUnavailable within a second when the queue does not take the job */
  add(name: string, data: Data, options?: JobsOptions): Promise<void>;
  /** How many jobs wait, run and are delayed. */
  depth(): Promise<{ waiting: number; active: number; delayed: number }>;
  close(): Promise<void>;
}

export interface JobWorker {
  /** Waits for the jobs that run, then disconnects. */
  close(): Promise<void>;
}

export interface Job<Data> {
  readonly name: string;
  readonly data: Data;
}

export interface JobWorkerOptions {
  readonly concurrency: number;
}

/** Told of every error of a connection; BullMQ reconnects by itself. */
export type QueueErrorListener = (error: Error) => void;

export class QueueUnavailable extends Error {
  override readonly name = 'QueueUnavailable';
}

const announceMillisMax = 1_000;
const connectMillisMax = 2_000;
/** Jobs that run are over by then: what they wait for has been stopped before. */
const closeMillisMax = 3_000;
const lockMillis = 10_000;
const stalledCheckMillis = 10_000;

/** The producing end of a queue. */
export function openQueue<Data>(settings: QueueSettings, name: string, onError: QueueErrorListener): JobQueue<Data> {
  const options = {
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: 100 },
    // Nobody listens to the event stream; its default length of 10,000 rows would be kept all the same.
    streams: { events: { maxLen: 10 } },
  };
  const queue = settings.redisUrl
    ? new Queue(name, { ...options, connection: redisProducer(settings.redisUrl), prefix: 'tidemark' })
    : new Queue(name, { ...options, connection: postgresConnection(settings.databaseUrl, 2) }, createPostgresBackend);
  queue.on('error', onError);
  return {
    async add(jobName, data, jobOptions) {
      // Left to choose ids, BullMQ makes a sequence per queue in Postgres, and the service's role may make nothing.
      const jobId = jobOptions?.jobId ?? `job-${randomUUID()}`;
      await withDeadline(queue.add(jobName, data, { ...jobOptions, jobId }));
    },
    async depth() {
      const counts = await withDeadline(queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed'));
      return { waiting: counts.waiting + counts.prioritized, active: counts.active, delayed: counts.delayed };
    },
    close: () => closeInTime(queue),
  };
}

/** The consuming end. A handler that throws has failed its job for good: what must be repeated is repeated by the sweeper. */
export function openWorker<Data>(
  settings: QueueSettings,
  name: string,
  handler: (job: Job<Data>) => Promise<void>,
  { concurrency }: JobWorkerOptions,
  onError: QueueErrorListener,
): JobWorker {
  const options = {
    concurrency,
    lockDuration: lockMillis,
    stalledInterval: stalledCheckMillis,
    // A worker that dies takes its neighbours' jobs with it; they are not to blame and must not be failed for it.
    maxStalledCount: 10,
    drainDelay: 5,
    runRetryDelay: 1_000,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 100 },
  };
  const process = async (job: BullJob<Data, void>): Promise<void> => {
    // A job that waits stands for all announcements like it; one that has begun may have passed what they announce.
    if (job.deduplicationId !== undefined) await job.removeDeduplicationKey();
    await handler({ name: job.name, data: job.data });
  };
  const worker = settings.redisUrl
    ? new Worker<Data, void>(name, process, {
        ...options,
        connection: redisConsumer(settings.redisUrl),
        prefix: 'tidemark',
      })
    : new Worker(
        name,
        process,
        { ...options, connection: postgresConnection(settings.databaseUrl, concurrency + 1) },
        createPostgresBackend,
      );
  worker.on('error', onError);
  worker.on('failed', (_job, error) => onError(error));
  return { close: () => closeInTime(worker) };
}

function postgresConnection(connectionString: string, max: number): PostgresConnectionOptions {
  return {
    connectionString,
    schema: DEFAULT_SCHEMA,
    max,
    keepAlive: true,
    connectionTimeoutMillis: connectMillisMax,
    statement_timeout: 10_000,
    options: '-c synchronous_commit=off',
  };
}

function redisProducer(url: string): RedisOptions {
  return {
    url,
    // By default a command waits in memory until Redis is back: an upload would hang with it.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: connectMillisMax,
    commandTimeout: announceMillisMax,
    retryStrategy,
  };
}

function redisConsumer(url: string): RedisOptions {
  return { url, maxRetriesPerRequest: null, connectTimeout: connectMillisMax, retryStrategy };
}

function retryStrategy(times: number): number {
  return Math.min(times * 200, 5_000);
}

/** To take leave politely needs a server that answers; without one, what is left of the connection ends with the process. */
async function closeInTime(end: { close(): Promise<void> }): Promise<void> {
  await Promise.race([end.close(), sleep(closeMillisMax, undefined, { ref: false })]);
}

function withDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new QueueUnavailable('the queue did not answer in time')), announceMillisMax);
  });
  return Promise.race([work, deadline])
    .catch((cause: Error) => {
      throw cause instanceof QueueUnavailable ? cause : new QueueUnavailable(cause.message, { cause });
    })
    .finally(() => clearTimeout(timer));
}
