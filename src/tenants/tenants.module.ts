import { Module } from '@nestjs/common';
import { APP_GUARD, DiscoveryModule } from '@nestjs/core';
import { CONFIG, type Config } from '../platform/config.js';
import { Cursors } from '../platform/cursor.js';
import { AccessGuard } from './access.guard.js';
import { KeyAuthentication } from './key-authentication.js';
import { KeysController } from './keys.controller.js';
import { ApiKeys } from './keys.js';
import { LimitsController } from './limits.controller.js';
import { DoorLimits, TenantLimits } from './limits.js';
import { RouteAccessCheck } from './route-access.js';
import { ServiceRegistry } from './services.js';
import { TeamsController } from './teams.controller.js';
import { Teams } from './teams.js';
import { ThresholdsController } from './thresholds.controller.js';
import { TenantThresholds } from './thresholds.js';
import { TenantsController } from './tenants.controller.js';
import { Tenants } from './tenants.js';

/** Who may do what, and how much of it. Importing this module puts the access guard before every route of the process. */
@Module({
  imports: [DiscoveryModule],
  controllers: [KeysController, LimitsController, TeamsController, TenantsController, ThresholdsController],
  providers: [
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: Cursors, inject: [CONFIG], useFactory: (config: Config) => new Cursors(config.secret) },
    ApiKeys,
    DoorLimits,
    KeyAuthentication,
    RouteAccessCheck,
    ServiceRegistry,
    Teams,
    TenantLimits,
    Tenants,
    TenantThresholds,
  ],
  exports: [Cursors, DoorLimits, KeyAuthentication, RouteAccessCheck, ServiceRegistry, TenantLimits],
})
export class TenantsModule {}
