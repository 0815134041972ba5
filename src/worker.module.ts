import { type DynamicModule, Module } from '@nestjs/common';
import { CompactionModule } from './catalog/compaction.module.js';
import { WorkerIngestModule } from './ingest/worker-ingest.module.js';
import { RankingModule } from './leaks/ranking.module.js';
import { PlatformModule, type PlatformOptions } from './platform/platform.module.js';

/** What the worker process loads; of HTTP at most what tells how it is doing. */
@Module({})
export class WorkerModule {
  static with(options: PlatformOptions): DynamicModule {
    return {
      module: WorkerModule,
      imports: [PlatformModule.forRoot(options), WorkerIngestModule, CompactionModule, RankingModule],
    };
  }
}
