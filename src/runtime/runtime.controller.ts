import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database } from '../platform/database.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { QueryThreads } from '../platform/query-threads.js';
import { clientGone, send } from '../platform/sending.js';
import { resolveSteps } from '../platform/time-steps.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { ServiceRegistry } from '../tenants/services.js';
import { RuntimeQueryDto, RuntimeTimelineDto } from './runtime.dto.js';
import type { RuntimeRequest } from './runtime-request.js';

const hourMillis = 3_600_000;

/** What the Go runtime and the kernel say of a service's processes: memory, collections, scheduler, goroutines. */
@ApiTags('runtime')
@Allow('read', 'ci', 'admin')
@Controller('api/v1/services/:service')
export class RuntimeController {
  constructor(
    private readonly db: Database,
    private readonly services: ServiceRegistry,
    private readonly threads: QueryThreads,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** All numbers over time, by default of the last hour: from MemStats, metrics pages, /proc, GC and scheduler traces. */
  @Get('runtime')
  @ApiOkResponse({ type: RuntimeTimelineDto })
  async timeline(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(RuntimeQueryDto) query: RuntimeQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const { instance, stat, by } = query;
    const steps = resolveSteps(query, this.clock.now(), hourMillis);
    await this.answer(caller, name, response, (serviceId) => ({
      op: 'runtime',
      serviceId,
      ...steps,
      instance,
      stat,
      by,
    }));
  }

  private async answer(
    caller: Caller,
    name: string,
    response: Response,
    request: (serviceId: string) => RuntimeRequest,
  ): Promise<void> {
    const { serviceId } = await this.db.readTenant(caller.tenantId, (tx) => this.services.getVisible(tx, caller, name));
    const answer = await this.threads.run<RuntimeRequest>(caller.tenantId, request(serviceId), clientGone(response));
    send(response, answer);
  }
}
