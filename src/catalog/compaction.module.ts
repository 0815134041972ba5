import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Histogram } from 'prom-client';
import type { Logger } from 'pino';
import { CLOCK, type Clock } from '../platform/clock.js';
import { CONFIG, type Config } from '../platform/config.js';
import { Database } from '../platform/database.js';
import { LOGGER } from '../platform/logger.js';
import { Metrics } from '../platform/metrics.js';
import { Compaction } from './compaction.js';
import { StackStore } from './stack-store.js';

/** Runs the compaction again and again, one run at a time, for as long as the process lives. */
@Injectable()
export class CompactionSchedule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly seconds: Histogram;
  private loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly compaction: Compaction,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly logger: Logger,
    metrics: Metrics,
  ) {
    this.seconds = new Histogram({
      name: 'tidemark_compaction_duration_seconds',
      help: 'One look at all services, and the rebuilding of what was dirty.',
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800],
      registers: [metrics.registry],
    });
  }

  onApplicationBootstrap(): void {
    this.loop = this.repeat();
  }

  /** A run that is under way may be cut off at any point: its hours stay dirty, and the next one rebuilds them. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await Promise.race([this.loop, sleep(this.config.drainMillis, undefined, { ref: false })]);
  }

  private async repeat(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.run();
      // Workers that were started together need not look together.
      const pause = this.config.compactionMillis * (0.9 + 0.2 * Math.random());
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  private async run(): Promise<void> {
    const stopTimer = this.seconds.startTimer();
    try {
      const hours = await this.compaction.run();
      if (hours > 0) this.logger.info({ hours }, 'hours were rolled up');
    } catch (error) {
      // Nothing is lost: what is dirty stays dirty until a run succeeds.
      if (!this.stopping.signal.aborted) this.logger.error({ err: error }, 'the compaction failed');
    } finally {
      stopTimer();
    }
  }
}

/** The worker's part of the catalogue: keeps the roll-ups up to date. */
@Module({
  providers: [
    {
      provide: Compaction,
      inject: [Database, CLOCK],
      useFactory: (db: Database, clock: Clock) => new Compaction(db, new StackStore(), clock),
    },
    CompactionSchedule,
  ],
})
export class CompactionModule {}
