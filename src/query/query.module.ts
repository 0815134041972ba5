import { Module } from '@nestjs/common';
import { QueryThreadsModule } from '../platform/query-threads.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { CapturesController } from './captures.controller.js';
import { Captures } from './captures.js';
import { DiffController } from './diff.controller.js';
import { GoroutinesController } from './goroutines.controller.js';
import { NumbersController } from './numbers.controller.js';
import { RankingPages } from './ranking-pages.js';
import { ServiceDirectory } from './service-directory.js';
import { ServiceStacksController } from './service-stacks.controller.js';
import { ServicesController } from './services.controller.js';
import { SettledUploads } from './settled-uploads.js';
import { SnapshotsController } from './snapshots.controller.js';
import { Snapshots } from './snapshots.js';
import { TraceController } from './trace.controller.js';
import { TrendsController } from './trends.controller.js';
import { VisibleStacks } from './visible-stacks.js';

/** All that can be read over HTTP. */
@Module({
  imports: [QueryThreadsModule, TenantsModule],
  controllers: [
    SnapshotsController,
    TraceController,
    NumbersController,
    CapturesController,
    ServicesController,
    ServiceStacksController,
    TrendsController,
    DiffController,
    GoroutinesController,
  ],
  providers: [Captures, RankingPages, ServiceDirectory, SettledUploads, Snapshots, VisibleStacks],
})
export class QueryModule {}
