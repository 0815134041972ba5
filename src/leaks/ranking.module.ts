import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Histogram } from 'prom-client';
import type { Logger } from 'pino';
import { type RankJob, rankQueue } from '../catalog/ranking-marks.js';
import { CLOCK, type Clock } from '../platform/clock.js';
import { CONFIG, type Config } from '../platform/config.js';
import { asTenantId, Database } from '../platform/database.js';
import { LOGGER } from '../platform/logger.js';
import { Metrics } from '../platform/metrics.js';
import { queryThreadDefaults, QueryThreads } from '../platform/query-threads.js';
import { Queues } from '../platform/queues.js';
import { siblingModule } from '../platform/sibling-module.js';
import { RankingWork } from './ranking-work.js';
import { RankingWorker } from './ranking-worker.js';

@Injectable()
class RankingSchedule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly worker: RankingWorker,
    @Inject(Queues) private readonly queues: Queues,
  ) {}

  onApplicationBootstrap(): void {
    this.queues.worker<RankJob>(rankQueue, ({ data }) => this.worker.wake(asTenantId(data.tenantId)), {
      concurrency: 1,
    });
    this.worker.start();
  }

  /** A ranking that is cut off is due as before. */
  beforeApplicationShutdown(): Promise<void> {
    return this.worker.close();
  }
}

/** The worker's part of leak suspects: ranks the services that have new evidence, in a thread of its own. */
@Module({
  providers: [
    {
      provide: RankingWorker,
      inject: [Database, CLOCK, CONFIG, LOGGER, Metrics],
      useFactory: (db: Database, clock: Clock, config: Config, logger: Logger, metrics: Metrics) => {
        const { databaseUrl, rankingMillisMax, rankingWindowMillis, rankingDebounceMillis } = config;
        const threads = new QueryThreads(
          {
            ...queryThreadDefaults,
            entry: siblingModule(import.meta.url, '../query-thread'),
            threads: 1,
            timeLimitMillis: rankingMillisMax,
            databaseUrl,
          },
          logger,
        );
        const seconds = new Histogram({
          name: 'tidemark_ranking_duration_seconds',
          help: 'The ranking of one service for leak suspects, until its outcome is written.',
          labelNames: ['outcome'] as const,
          buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
          registers: [metrics.registry],
        });
        const work = new RankingWork(db, config.leaseMillis);
        return new RankingWorker(db, work, threads, clock, logger, seconds, {
          windowMillis: rankingWindowMillis,
          debounceMillis: rankingDebounceMillis,
          sweepMillis: config.sweepMillis,
          drainMillis: config.drainMillis,
        });
      },
    },
    RankingSchedule,
  ],
})
export class RankingModule {}
