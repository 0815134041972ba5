import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiTags, getSchemaPath } from '@nestjs/swagger';
import type { Response } from 'express';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database } from '../platform/database.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { QueryThreads } from '../platform/query-threads.js';
import { clientGone, send } from '../platform/sending.js';
import { Problem } from '../platform/problem.js';
import { resolveRange } from '../platform/time-range.js';
import { resolveSteps } from '../platform/time-steps.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { ServiceRegistry } from '../tenants/services.js';
import { FindingsDto, GcComparisonDto, GcCycleDto, GcQueryDto, VerdictDto } from './judgement.dto.js';
import { RuntimeQueryDto, RuntimeRangeQueryDto, RuntimeTimelineDto } from './runtime.dto.js';
import type { RuntimeRange, RuntimeRequest } from './runtime-request.js';

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

  /** One collection in its phases (`gc`), or two ranges compared: by default the last hour with the one before it. */
  @Get('runtime/gc')
  @ApiExtraModels(GcCycleDto, GcComparisonDto)
  @ApiOkResponse({
    schema: { oneOf: [{ $ref: getSchemaPath(GcComparisonDto) }, { $ref: getSchemaPath(GcCycleDto) }] },
  })
  async gc(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(GcQueryDto) query: GcQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const request = gcRequest(query, this.clock.now());
    await this.answer(caller, name, response, request);
  }

  /** What an engineer should look at, by default in the last hour; thresholds are those of /api/v1/thresholds. */
  @Get('runtime/findings')
  @ApiOkResponse({ type: FindingsDto })
  async findings(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(RuntimeRangeQueryDto) query: RuntimeRangeQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const range = rangeOf(query, this.clock.now(), hourMillis);
    await this.answer(caller, name, response, (serviceId) => ({ op: 'runtime-findings', serviceId, ...range }));
  }

  /** Why its memory grows, by default over the last day: what explains the growth, what speaks against it, what is missing. */
  @Get('verdict')
  @ApiOkResponse({ type: VerdictDto })
  async verdict(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(RuntimeRangeQueryDto) query: RuntimeRangeQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const range = rangeOf(query, this.clock.now(), 24 * hourMillis);
    await this.answer(caller, name, response, (serviceId) => ({ op: 'runtime-verdict', serviceId, ...range }));
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

type Range = Omit<RuntimeRange, 'serviceId'>;

/** @throws Problem `validation-failed` */
function rangeOf(query: RuntimeRangeQueryDto, now: Date, defaultMillis: number): Range {
  const { fromMillis, toMillis } = resolveSteps(query, now, defaultMillis);
  return { fromMillis, toMillis, instance: query.instance };
}

/** @throws Problem `validation-failed` */
function gcRequest(query: GcQueryDto, now: Date): (serviceId: string) => RuntimeRequest {
  const { gc: number, instance, base_from, base_to, target_from, target_to } = query;
  const ofRanges = { base_from, base_to, target_from, target_to };
  if (number !== undefined) {
    const left = Object.entries(ofRanges).find(([, value]) => value !== undefined);
    if (left !== undefined) throw notTogether(left[0], 'gc');
    const range = rangeOf(query, now, 24 * hourMillis);
    return (serviceId) => ({ op: 'runtime-gc-cycle', serviceId, ...range, number });
  }
  const alone = query.from !== undefined ? 'from' : query.to !== undefined ? 'to' : null;
  if (alone !== null) throw notTogether(alone, 'a comparison: it has base_ and target_ ranges');
  const target = resolveRange({ from: target_from, to: target_to }, now, hourMillis, 'target_');
  const length = target.to.getTime() - target.from.getTime();
  const baseTo = base_to ?? target.from.toISOString();
  const base = resolveRange({ from: base_from, to: baseTo }, now, length, 'base_');
  const side = (serviceId: string, { from, to }: { from: Date; to: Date }): RuntimeRange => ({
    serviceId,
    fromMillis: from.getTime(),
    toMillis: to.getTime(),
    instance,
  });
  return (serviceId) => ({
    op: 'runtime-gc-comparison',
    base: side(serviceId, base),
    target: side(serviceId, target),
  });
}

function notTogether(parameter: string, other: string): Problem {
  const detail = `${parameter} does not go with ${other}`;
  return new Problem('validation-failed', detail, {
    errors: [{ pointer: `?${parameter}`, code: 'not-together', detail }],
  });
}
