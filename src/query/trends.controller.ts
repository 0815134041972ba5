import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database } from '../platform/database.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { ServiceRegistry } from '../tenants/services.js';
import { getVisibleTeamId } from '../tenants/teams.js';
import { QueryThreads } from '../platform/query-threads.js';
import { clientGone, send } from '../platform/sending.js';
import { ServiceTrendQueryDto, TeamTrendQueryDto, TrendDto } from './trends.dto.js';
import { resolveSteps } from '../platform/time-steps.js';
import type { QueryRequest } from './query-request.js';

/** Numbers over time, over up to 400 days: totals, or one function. */
@ApiTags('trends')
@Allow('read', 'ci', 'admin')
@Controller('api/v1')
export class TrendsController {
  constructor(
    private readonly db: Database,
    private readonly services: ServiceRegistry,
    private readonly threads: QueryThreads,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** A service over time: a total or one function, of all instances together or of each. */
  @Get('services/:service/trends')
  @ApiOkResponse({ type: TrendDto })
  async ofService(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(ServiceTrendQueryDto) query: ServiceTrendQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const { kind = 'heap', sample_type: sampleType, stat, function: functionName, value, by, instance, build } = query;
    const steps = resolveSteps(query, this.clock.now());
    const { serviceId } = await this.db.readTenant(caller.tenantId, (tx) => this.services.getVisible(tx, caller, name));
    const series = { kind, sampleType, stat, ...steps };
    const job = { op: 'trend', serviceId, ...series, functionName, value, by, instance, build } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** A team over time: the total of all its services together or of each. */
  @Get('teams/:team/trends')
  @ApiOkResponse({ type: TrendDto })
  async ofTeam(
    @CurrentCaller() caller: Caller,
    @Param('team') name: string,
    @QueryParameters(TeamTrendQueryDto) query: TeamTrendQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const { kind = 'heap', sample_type: sampleType, stat, by } = query;
    const steps = resolveSteps(query, this.clock.now());
    const teamId = await this.db.readTenant(caller.tenantId, (tx) => getVisibleTeamId(tx, caller, name));
    const job = { op: 'team-trend', teamId, kind, sampleType, stat, ...steps, by } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }
}
