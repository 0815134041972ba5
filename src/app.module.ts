import { type DynamicModule, Module } from '@nestjs/common';
import { IngestModule } from './ingest/ingest.module.js';
import { LeaksModule } from './leaks/leaks.module.js';
import { PlatformModule, type PlatformOptions } from './platform/platform.module.js';
import { QueryModule } from './query/query.module.js';
import { RuntimeModule } from './runtime/runtime.module.js';
import { TenantsModule } from './tenants/tenants.module.js';

/** What the API process loads. */
@Module({})
export class AppModule {
  static with(options: Omit<PlatformOptions, 'http'>): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.forRoot({ ...options, http: true }),
        TenantsModule,
        IngestModule,
        QueryModule,
        RuntimeModule,
        LeaksModule,
      ],
    };
  }
}
