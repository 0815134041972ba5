import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Database } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { QueryThreads } from '../platform/query-threads.js';
import { clientGone, entityTag, send, sendIfFresh } from '../platform/sending.js';
import { resolveSteps } from '../platform/time-steps.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { ServiceRegistry } from '../tenants/services.js';
import { AnswersNotModified, NeedsIndexed } from './documented-answers.js';
import {
  type GoroutineKind,
  goroutineKinds,
  type GoroutineRequest,
  type GoroutineSource,
} from './goroutine-request.js';
import { GoroutinesDto, GoroutinesQueryDto, GoroutineTrendDto, GoroutineTrendQueryDto } from './goroutines.dto.js';
import { RankingPages } from './ranking-pages.js';
import { Snapshots } from './snapshots.js';
import { requireIndexed, requireStacks } from './visible-stacks.js';

/** Goroutines in groups: of one snapshot, of two side by side, and of a service over time. */
@ApiTags('goroutines')
@Allow('read', 'ci', 'admin')
@Controller('api/v1')
export class GoroutinesController {
  constructor(
    private readonly db: Database,
    private readonly snapshots: Snapshots,
    private readonly services: ServiceRegistry,
    private readonly rankings: RankingPages,
    private readonly threads: QueryThreads,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Who waits for what: the goroutines of a dump or a goroutine profile in groups, the largest first. With `base`, what
   * changed since another snapshot, most first.
   */
  @Get('snapshots/:id/goroutines')
  @ApiOkResponse({ type: GoroutinesDto })
  @AnswersNotModified()
  @NeedsIndexed()
  async ofSnapshot(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(GoroutinesQueryDto) query: GoroutinesQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const source = await this.goroutinesOf(caller, id);
    const base = query.base === undefined ? null : await this.goroutinesOf(caller, query.base);
    const { by, state, category, min_wait: minWaitMinutes, focus } = query;
    if (query.label !== undefined && by !== 'label') {
      const detail = 'label goes with by=label';
      throw new Problem('validation-failed', detail, { errors: [{ pointer: '?label', code: 'one-of', detail }] });
    }
    const page = this.rankings.open(caller, `snapshots/${source.snapshotId}/goroutines`, query);
    if (sendIfFresh(request, response, entityTag(caller.tenantId, 'goroutines', source, base, query, page.hour)))
      return;
    const options = { by, label: query.label, state, category, minWaitMinutes, focus };
    const job = { op: 'goroutines', source, base, options, part: page.part() } as const;
    send(response, await this.threads.run<GoroutineRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** The largest groups over time, by default of the last day: how many there are, and how fast they grow. */
  @Get('services/:service/goroutines')
  @ApiOkResponse({ type: GoroutineTrendDto })
  async ofService(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(GoroutineTrendQueryDto) query: GoroutineTrendQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const { kind, by, instance, build, limit } = query;
    const steps = resolveSteps(query, this.clock.now());
    const { serviceId } = await this.db.readTenant(caller.tenantId, (tx) => this.services.getVisible(tx, caller, name));
    const job = { op: 'goroutine-trend', serviceId, kind, by, ...steps, instance, build, limit } as const;
    send(response, await this.threads.run<GoroutineRequest>(caller.tenantId, job, clientGone(response)));
  }

  /** @throws Problem `not-found`, `not-indexed-yet` (409), why it was rejected (422), `no-goroutines` (422) */
  private async goroutinesOf(caller: Caller, id: string): Promise<GoroutineSource> {
    const row = requireIndexed(await this.snapshots.getVisible(caller, id));
    if (!isGoroutineKind(row.kind)) {
      const detail = `A snapshot of the kind ${row.kind} does not tell of goroutines; ${goroutineKinds.join(', ')} do.`;
      throw new Problem('no-goroutines', detail);
    }
    return { ...requireStacks(row), kind: row.kind, delta: row.delta, losses: row.details.losses ?? [] };
  }
}

function isGoroutineKind(kind: string): kind is GoroutineKind {
  return goroutineKinds.some((known) => known === kind);
}
