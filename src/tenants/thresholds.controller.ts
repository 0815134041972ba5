import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { applyThresholds } from '../analysis/runtime/thresholds.js';
import { Allow } from './allow.js';
import { type Caller, CurrentCaller } from './caller.js';
import { OwnThresholdsDto, TenantThresholdsDto } from './thresholds.dto.js';
import { TenantThresholds } from './thresholds.js';

/** From where on a number is worth a finding. Unlike limits they bind nobody, so every tenant sets its own. */
@ApiTags('thresholds')
@ApiBearerAuth()
@Controller('api/v1/thresholds')
export class ThresholdsController {
  constructor(private readonly thresholds: TenantThresholds) {}

  /** The thresholds of the key's tenant. */
  @Get()
  @Allow('read', 'ci', 'admin')
  async get(@CurrentCaller() caller: Caller): Promise<TenantThresholdsDto> {
    const own = await this.thresholds.readOwn(caller.tenantId);
    return { thresholds: applyThresholds(own), own };
  }

  /** Replaces the own values of the key's tenant; what is not named has its default again. */
  @Put()
  @Allow('admin')
  async set(@CurrentCaller() caller: Caller, @Body() own: OwnThresholdsDto): Promise<TenantThresholdsDto> {
    await this.thresholds.writeOwn(caller.tenantId, own);
    return this.get(caller);
  }
}
