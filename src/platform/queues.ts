import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from './config.js';
import { LOGGER } from './logger.js';
import { Metrics } from './metrics.js';
import { type Job, type JobQueue, type JobWorker, type JobWorkerOptions, openQueue, openWorker } from './queue.js';

const errorLinesEveryMillis = 5_000;

/** The queue ends of this process, with their errors counted and logged, and closed in order at the end. */
@Injectable()
export class Queues {
  private readonly queues: Pick<JobQueue<never>, 'close'>[] = [];
  private readonly workers: JobWorker[] = [];

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly metrics: Metrics,
  ) {}

  queue<Data>(name: string): JobQueue<Data> {
    const queue = openQueue<Data>(this.config, name, this.errorListener(name));
    this.queues.push(queue);
    return queue;
  }

  worker<Data>(name: string, handler: (job: Job<Data>) => Promise<void>, options: JobWorkerOptions): JobWorker {
    const worker = openWorker(this.config, name, handler, options, this.errorListener(name));
    this.workers.push(worker);
    return worker;
  }

  /** Workers first: one whose connection is closed under it complains without end. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
    await Promise.all(this.queues.map((queue) => queue.close()));
  }

  /** A connection that is away reports it with every attempt; the counter has them all, the log one in five seconds. */
  private errorListener(queue: string): (error: Error) => void {
    let quietUntil = 0;
    return (error) => {
      this.metrics.queueErrors.inc();
      const now = performance.now();
      if (now < quietUntil) return;
      quietUntil = now + errorLinesEveryMillis;
      this.logger.warn({ err: error, queue }, 'the queue reported an error');
    };
  }
}
