import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { PprofRoute } from '../platform/problem.filter.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { SendsBytes } from './documented-answers.js';
import { QueryThreads } from '../platform/query-threads.js';
import { RankingPages } from './ranking-pages.js';
import { ServiceFlameGraphQueryDto, ServiceProfileQueryDto, ServiceTopQueryDto } from './selection.dto.js';
import { asDownload, clientGone, send } from '../platform/sending.js';
import { FlameGraphDto, TopDto } from './stacks.dto.js';
import { stackOptions, VisibleStacks } from './visible-stacks.js';
import type { QueryRequest } from './query-request.js';

/**
 * A service over a range of time: its snapshots merged. Gauges are averaged over the time in which any instance has a
 * value and summed over instances; counters are what they grew by; CPU time is summed.
 */
@ApiTags('services')
@Allow('read', 'ci', 'admin')
@Controller('api/v1/services/:service')
export class ServiceStacksController {
  constructor(
    private readonly stacks: VisibleStacks,
    private readonly rankings: RankingPages,
    private readonly threads: QueryThreads,
  ) {}

  /** What held most in a range of time (the last hour). */
  @Get('top')
  @ApiOkResponse({ type: TopDto })
  async top(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(ServiceTopQueryDto) query: ServiceTopQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const page = this.rankings.open(caller, `services/${name}/top`, query);
    const source = await this.stacks.ofService(caller, name, { ...query, ...page.ranges[0] });
    const { by, sort } = query;
    const job = { op: 'top', source, options: stackOptions(query), part: { by, sort, ...page.part(source) } } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** The stacks of a range of time (the last hour) as one flame graph. */
  @Get('flamegraph')
  @ApiOkResponse({ type: FlameGraphDto })
  async flamegraph(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(ServiceFlameGraphQueryDto) query: ServiceFlameGraphQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const source = await this.stacks.ofService(caller, name, query);
    const { by, max_nodes: maxNodes } = query;
    const job = { op: 'flamegraph', source, options: stackOptions(query), by, maxNodes } as const;
    send(response, await this.threads.run<QueryRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** A range of time (the last hour) merged into one gzipped pprof profile, which `go tool pprof` fetches and shows. */
  @Get('profile.pb.gz')
  @PprofRoute()
  @SendsBytes('application/octet-stream')
  async profile(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(ServiceProfileQueryDto) query: ServiceProfileQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const source = await this.stacks.ofService(caller, name, query);
    const answer = await this.threads.run<QueryRequest>(caller.tenantId, { op: 'pprof', source }, clientGone(response));
    asDownload(response, `${source.service}-${source.kind}.pb.gz`);
    send(response, answer);
  }
}
