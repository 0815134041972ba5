import { Body, Controller, Get, Inject, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Cursors } from '../platform/cursor.js';
import { Allow } from './allow.js';
import { type Caller, CurrentCaller } from './caller.js';
import { type ListPage, readPage } from './list-page.js';
import { ListQueryDto } from './list-query.dto.js';
import { CreatedTenantDto, NewTenantDto, TenantDto, TenantListDto } from './tenants.dto.js';
import { type Tenant, Tenants } from './tenants.js';

@ApiTags('tenants')
@ApiBearerAuth()
@Allow('operator')
@Controller('api/v1/tenants')
export class TenantsController {
  constructor(
    private readonly tenants: Tenants,
    private readonly cursors: Cursors,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Creates a tenant with its team `default` and a first admin key, which is told only in this answer. */
  @Post()
  async create(@Body() body: NewTenantDto): Promise<CreatedTenantDto> {
    const { tenant, adminKey } = await this.tenants.create(body.name);
    return { ...toDto(tenant), admin_key: adminKey };
  }

  /** All tenants by name. */
  @Get()
  async list(@CurrentCaller() caller: Caller, @Query() query: ListQueryDto): Promise<TenantListDto> {
    const list = { tenantId: caller.tenantId, endpoint: 'tenants', now: this.clock.now() };
    const page = await readPage(
      this.cursors,
      list,
      query,
      (part: ListPage<string>) => this.tenants.list(part),
      (tenant) => tenant.name,
    );
    return { ...page, rows: page.rows.map(toDto) };
  }
}

function toDto({ tenantId, name, createdAt }: Tenant): TenantDto {
  return { id: tenantId, name, created_at: createdAt };
}
