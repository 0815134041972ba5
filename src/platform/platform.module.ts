import { type DynamicModule, Global, Inject, Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { Logger } from 'pino';
import { CLOCK, type Clock, systemClock } from './clock.js';
import { CONFIG, type Config } from './config.js';
import { Database } from './database.js';
import { HealthController } from './health.controller.js';
import { Lifecycle } from './lifecycle.js';
import { createLogger, LOGGER } from './logger.js';
import { Metrics } from './metrics.js';
import { pendingMigrations } from './migrate.js';
import { PprofProblemFilter, ProblemFilter } from './problem.filter.js';
import { Queues } from './queues.js';
import { proveIsolation } from './rls-proof.js';
import { SchemaError } from './schema-error.js';

export interface PlatformOptions {
  readonly config: Config;
  readonly logger?: Logger;
  readonly clock?: Clock;
  /** How the process calls itself in pg_stat_activity. */
  readonly applicationName?: string;
  /** Whether the process answers /livez, /readyz and /metrics. */
  readonly http: boolean;
}

/** What every part stands on: configuration, database, queue, clock, log, metrics. One per process. */
@Global()
@Module({})
export class PlatformModule {
  static forRoot({
    config,
    logger = createLogger(config.logLevel),
    clock = systemClock,
    applicationName = 'tidemark',
    http,
  }: PlatformOptions): DynamicModule {
    return {
      module: PlatformModule,
      controllers: http ? [HealthController] : [],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: CLOCK, useValue: clock },
        { provide: Database, useFactory: () => openProvenDatabase(config, logger, applicationName) },
        Metrics,
        Lifecycle,
        Queues,
        ProblemFilter,
        PprofProblemFilter,
        ClosingOrder,
      ],
      exports: [CONFIG, LOGGER, CLOCK, Database, Metrics, Lifecycle, Queues, ProblemFilter, PprofProblemFilter],
    };
  }
}

/** A process that got past this has the schema of its version, and a role that row-level security binds. */
async function openProvenDatabase(config: Config, logger: Logger, applicationName: string): Promise<Database> {
  const database = await Database.open(config.databaseUrl, {
    poolSize: config.databasePoolSize,
    applicationName,
    onIdleError: (error) => logger.warn({ err: error }, 'an idle database connection broke'),
  });
  try {
    const pending = await pendingMigrations(database);
    if (pending.length > 0) {
      throw new SchemaError(`the database lacks the migrations ${pending.join(', ')}; run "tidemark migrate" first`);
    }
    await proveIsolation(database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * The last to be told of a shutdown: Nest calls onModuleDestroy and beforeApplicationShutdown of all modules first, in
 * which they finish what they have under way and need the queue and the database for it.
 */
@Injectable()
class ClosingOrder implements OnApplicationShutdown {
  constructor(
    private readonly queues: Queues,
    private readonly database: Database,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.queues.close();
    await this.database.close();
    this.logger.flush();
  }
}
