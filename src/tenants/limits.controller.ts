import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { TenantId } from '../platform/database.js';
import { Allow } from './allow.js';
import { type Caller, CurrentCaller } from './caller.js';
import { LimitOverridesDto, TenantLimitsDto } from './limits.dto.js';
import { applyOverrides, TenantLimits } from './limits.js';
import { TenantNameDto } from './tenants.dto.js';
import { Tenants } from './tenants.js';

/**
 * Everybody may know what holds for them; only an operator may change it, as a limit that the limited can lift is none.
 * (The first key of an installation is an operator's.)
 */
@ApiTags('limits')
@ApiBearerAuth()
@Controller('api/v1')
export class LimitsController {
  constructor(
    private readonly limits: TenantLimits,
    private readonly tenants: Tenants,
  ) {}

  /** The limits of the key's own tenant. */
  @Get('limits')
  @Allow('ingest', 'read', 'ci', 'admin')
  async getOwn(@CurrentCaller() caller: Caller): Promise<TenantLimitsDto> {
    return this.get(caller.tenantId);
  }

  /** Replaces the own values of the key's tenant; effective within five seconds. */
  @Put('limits')
  @Allow('operator')
  async setOwn(@CurrentCaller() caller: Caller, @Body() overrides: LimitOverridesDto): Promise<TenantLimitsDto> {
    return this.set(caller.tenantId, overrides);
  }

  /** The limits of any tenant. */
  @Get('tenants/:tenant/limits')
  @Allow('operator')
  async getOf(@Param() { tenant }: TenantNameDto): Promise<TenantLimitsDto> {
    return this.get((await this.tenants.get(tenant)).tenantId);
  }

  /** Replaces the own values of any tenant; effective within five seconds. */
  @Put('tenants/:tenant/limits')
  @Allow('operator')
  async setOf(@Param() { tenant }: TenantNameDto, @Body() overrides: LimitOverridesDto): Promise<TenantLimitsDto> {
    return this.set((await this.tenants.get(tenant)).tenantId, overrides);
  }

  private async get(tenantId: TenantId): Promise<TenantLimitsDto> {
    const overrides = await this.limits.readOverrides(tenantId);
    return { limits: applyOverrides(overrides), overrides };
  }

  private async set(tenantId: TenantId, overrides: LimitOverridesDto): Promise<TenantLimitsDto> {
    await this.limits.writeOverrides(tenantId, overrides);
    return this.get(tenantId);
  }
}
