import { Module, type OnModuleDestroy } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from '../platform/config.js';
import { LOGGER } from '../platform/logger.js';
import { siblingModule } from '../platform/sibling-module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { CapturesController } from './captures.controller.js';
import { Captures } from './captures.js';
import { DiffController } from './diff.controller.js';
import { queryThreadDefaults, QueryThreads } from './query-threads.js';
import { RankingPages } from './ranking-pages.js';
import { ServiceDirectory } from './service-directory.js';
import { ServiceStacksController } from './service-stacks.controller.js';
import { ServicesController } from './services.controller.js';
import { SettledUploads } from './settled-uploads.js';
import { SnapshotsController } from './snapshots.controller.js';
import { Snapshots } from './snapshots.js';
import { TrendsController } from './trends.controller.js';
import { VisibleStacks } from './visible-stacks.js';

/** All that can be read over HTTP. */
@Module({
  imports: [TenantsModule],
  controllers: [
    SnapshotsController,
    CapturesController,
    ServicesController,
    ServiceStacksController,
    TrendsController,
    DiffController,
  ],
  providers: [
    {
      provide: QueryThreads,
      inject: [CONFIG, LOGGER],
      useFactory: ({ databaseUrl, queryThreads }: Config, logger: Logger) =>
        new QueryThreads(
          {
            ...queryThreadDefaults,
            entry: siblingModule(import.meta.url, 'query-thread'),
            threads: queryThreads,
            databaseUrl,
          },
          logger,
        ),
    },
    Captures,
    RankingPages,
    ServiceDirectory,
    SettledUploads,
    Snapshots,
    VisibleStacks,
  ],
})
export class QueryModule implements OnModuleDestroy {
  constructor(private readonly threads: QueryThreads) {}

  onModuleDestroy(): Promise<void> {
    return this.threads.close();
  }
}
