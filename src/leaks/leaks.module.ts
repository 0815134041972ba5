import { Module } from '@nestjs/common';
import { QueryThreadsModule } from '../platform/query-threads.module.js';
import { TenantsModule } from '../tenants/tenants.module.js';
import { SuspectOwnersController } from './suspect-owners.controller.js';
import { SuspectOwners } from './suspect-owners.js';
import { SuspectsController } from './suspects.controller.js';
import { Suspects } from './suspects.js';

/** Leak suspects over HTTP. */
@Module({
  imports: [QueryThreadsModule, TenantsModule],
  controllers: [SuspectsController, SuspectOwnersController],
  providers: [Suspects, SuspectOwners],
})
export class LeaksModule {}
