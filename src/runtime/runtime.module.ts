import { Module } from '@nestjs/common';
import { QueryThreadsModule } from '../platform/query-threads.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { RuntimeController } from './runtime.controller.js';

/** Timelines of the Go runtime over HTTP. */
@Module({ imports: [QueryThreadsModule, TenantsModule], controllers: [RuntimeController] })
export class RuntimeModule {}
