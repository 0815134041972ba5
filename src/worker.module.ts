import { type DynamicModule, Module } from '@nestjs/common';
import { WorkerIngestModule } from './ingest/worker-ingest.module.js';
import { PlatformModule, type PlatformOptions } from './platform/platform.module.js';

/** What the worker process loads: no HTTP. */
@Module({})
export class WorkerModule {
  static with(options: Omit<PlatformOptions, 'http'>): DynamicModule {
    return {
      module: WorkerModule,
      imports: [PlatformModule.forRoot({ ...options, http: false }), WorkerIngestModule],
    };
  }
}
