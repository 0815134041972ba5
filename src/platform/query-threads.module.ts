import { Module, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from './config.js';
import { LOGGER } from './logger.js';
import { queryThreadDefaults, QueryThreads } from './query-threads.js';
import { siblingModule } from './sibling-module.js';

/** The query threads of the process, for whoever has to compute an answer. What they can do is in `src/query-thread.ts`. */
@Module({
  providers: [
    {
      provide: QueryThreads,
      inject: [CONFIG, LOGGER],
      useFactory: ({ databaseUrl, queryThreads }: Config, logger: Logger) =>
        new QueryThreads(
          {
            ...queryThreadDefaults,
            entry: siblingModule(import.meta.url, '../query-thread'),
            threads: queryThreads,
            databaseUrl,
          },
          logger,
        ),
    },
  ],
  exports: [QueryThreads],
})
export class QueryThreadsModule implements OnModuleDestroy {
  constructor(private readonly threads: QueryThreads) {}

  onModuleDestroy(): Promise<void> {
    return this.threads.close();
  }
}
