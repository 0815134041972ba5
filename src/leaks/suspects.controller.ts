import { Body, Controller, Get, HttpCode, Inject, Param, Patch, Post, Res } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { CLOCK, type Clock } from '../platform/clock.js';
import { CONFIG, type Config } from '../platform/config.js';
import { Cursors } from '../platform/cursor.js';
import { Database } from '../platform/database.js';
import { findMoment } from '../platform/moment.js';
import { Problem } from '../platform/problem.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { QueryThreads } from '../platform/query-threads.js';
import { clientGone, send } from '../platform/sending.js';
import { momentOf } from '../platform/time-range.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { type ListPage, readPage } from '../tenants/list-page.js';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { ServiceRegistry } from '../tenants/services.js';
import { getVisibleTeamId } from '../tenants/teams.js';
import { ExplainDto, LeakRankingDto } from './leak-ranking.dto.js';
import type { LeaksRequest } from './leaks-request.js';
import type { LifeCommand } from './life-cycle.js';
import { toEventDto, toServiceRanking, toSuspectDetails, toSuspectDto } from './suspect-presentation.js';
import {
  ServiceSuspectListDto,
  SuspectDetailsDto,
  SuspectEventListDto,
  SuspectFiltersDto,
  SuspectListDto,
  SuspectListQueryDto,
  SuspectPatchDto,
} from './suspects.dto.js';
import { type SuspectPatch, type SuspectPosition, Suspects } from './suspects.js';

/** How much of its history a suspect shows by itself. */
const eventsShown = 20;

/** What leaks, ranked and explained, and what is being done about it. */
@ApiTags('suspects')
@Allow('read', 'ci', 'admin')
@Controller('api/v1')
export class SuspectsController {
  constructor(
    private readonly db: Database,
    private readonly suspects: Suspects,
    private readonly services: ServiceRegistry,
    private readonly threads: QueryThreads,
    private readonly cursors: Cursors,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The suspects of all services, the surest first; a key with a team sees its team's and those of its team's services. */
  @Get('suspects')
  async list(
    @CurrentCaller() caller: Caller,
    @QueryParameters(SuspectListQueryDto) { service, ...query }: SuspectListQueryDto,
  ): Promise<SuspectListDto> {
    const serviceId = service === undefined ? undefined : await this.serviceId(caller, service);
    return this.page(caller, 'suspects', query, { serviceId });
  }

  /** The suspects that a team owns, in all services. */
  @Get('teams/:team/suspects')
  async listOfTeam(
    @CurrentCaller() caller: Caller,
    @Param('team') team: string,
    @QueryParameters(SuspectListQueryDto) { service, ...query }: SuspectListQueryDto,
  ): Promise<SuspectListDto> {
    const teamId = await this.db.readTenant(caller.tenantId, (tx) => getVisibleTeamId(tx, caller, team));
    const serviceId = service === undefined ? undefined : await this.serviceId(caller, service);
    return this.page(caller, `teams/${teamId}/suspects`, query, { teamId, serviceId });
  }

  /** The suspects of a service, whoever owns them, and what their ranking rests on. */
  @Get('services/:service/suspects')
  async listOfService(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(SuspectFiltersDto) query: SuspectFiltersDto,
  ): Promise<ServiceSuspectListDto> {
    const serviceId = await this.serviceId(caller, name);
    const ranking = await this.suspects.ranking(caller.tenantId, serviceId);
    const page = await this.page(caller, `services/${serviceId}/suspects`, query, { serviceId });
    return { ...page, ranking: toServiceRanking(ranking) };
  }

  /** Ranks a service over any window (by default as the service is ranked by itself, up to now). Nothing is stored. */
  @Post('services/:service/suspects/explain')
  @HttpCode(200)
  @ApiOkResponse({ type: LeakRankingDto })
  async explain(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @Body() body: ExplainDto,
    @Res() response: Response,
  ): Promise<void> {
    const now = this.clock.now();
    const toMillis = (momentOf(body.to, now) ?? now).getTime();
    const fromMillis = momentOf(body.from, now)?.getTime() ?? toMillis - this.config.rankingWindowMillis;
    if (fromMillis >= toMillis) {
      throw invalid(body.from === undefined ? '/to' : '/from', 'empty-range', 'the window is empty');
    }
    const serviceId = await this.serviceId(caller, name);
    const { instance, build, limit } = body;
    const request: LeaksRequest = { op: 'leaks', serviceId, fromMillis, toMillis, instance, build, limit };
    send(response, await this.threads.run<LeaksRequest>(caller.tenantId, request, clientGone(response)));
  }

  /** One suspect with all its reasons, the snapshots that show it, and what happened to it. */
  @Get('suspects/:id')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<SuspectDetailsDto> {
    const { suspect, snapshots, history } = await this.suspects.getVisible(caller, id, eventsShown);
    return toSuspectDetails(suspect, snapshots, history);
  }

  /** Who changed what of a suspect, and when; the last first. */
  @Get('suspects/:id/history')
  async history(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @QueryParameters(ListQueryDto) query: ListQueryDto,
  ): Promise<SuspectEventListDto> {
    const page = await readPage(
      this.cursors,
      { tenantId: caller.tenantId, endpoint: `suspects/${id}/history`, now: this.clock.now() },
      query,
      (part: ListPage<number>) => this.suspects.history(caller, id, part),
      ({ ordinal }) => ordinal,
    );
    return { rows: page.rows.map(toEventDto), next: page.next };
  }

  /** Acknowledges, resolves, ignores or reopens a suspect, gives it to somebody, or comments on it. */
  @Patch('suspects/:id')
  @Allow('ci', 'admin')
  async change(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: SuspectPatchDto,
  ): Promise<SuspectDetailsDto> {
    await this.suspects.change(caller, id, patchOf(body, this.clock.now()));
    return this.get(caller, id);
  }

  private async serviceId(caller: Caller, name: string): Promise<string> {
    return this.db.readTenant(caller.tenantId, async (tx) => {
      return (await this.services.getVisible(tx, caller, name)).serviceId;
    });
  }

  private async page(
    caller: Caller,
    endpoint: string,
    query: SuspectFiltersDto,
    scope: { serviceId?: string; teamId?: string },
  ): Promise<SuspectListDto> {
    const { limit, cursor, since, ...others } = query;
    const now = this.clock.now();
    const filters = { ...others, ...scope };
    const page = await readPage(
      this.cursors,
      { tenantId: caller.tenantId, endpoint, now, filters: { ...filters, since } },
      { limit, cursor },
      (part: ListPage<SuspectPosition>) =>
        this.suspects.list(caller, { ...filters, since: momentOf(since, now) }, part),
      ({ standing, suspect_id: id }) => ({ standing, id }),
    );
    return { rows: page.rows.map(toSuspectDto), next: page.next };
  }
}

/** @throws Problem `validation-failed` when what is said does not go together, or is nothing */
function patchOf(body: SuspectPatchDto, now: Date): SuspectPatch {
  const { state, resolved_in, ignore, assignee, team, comment } = body;
  if ([state, resolved_in, ignore, assignee, team, comment].every((value) => value === undefined)) {
    throw invalid('', 'nothing-to-change', 'the body names nothing that is to change');
  }
  if (resolved_in !== undefined && state !== 'resolved') {
    throw invalid('/resolved_in', 'not-together', 'resolved_in goes with state "resolved"');
  }
  if (ignore !== undefined && state !== 'ignored') {
    throw invalid('/ignore', 'not-together', 'ignore goes with state "ignored"');
  }
  return { life: state === undefined ? undefined : commandOf({ ...body, state }, now), assignee, team, comment };
}

function commandOf(
  { state, resolved_in, ignore }: SuspectPatchDto & { state: LifeCommand['state'] },
  now: Date,
): LifeCommand {
  if (state === 'resolved') {
    return { state, build: resolved_in === undefined || resolved_in === 'now' ? null : resolved_in.build };
  }
  if (state !== 'ignored') return { state };
  const until = ignore?.until ?? 'forever';
  if (until === 'forever') return { state, until };
  if (until === '+50%') return { state, until: 'growth' };
  // The DTO has made sure that it is a moment.
  const millis = findMoment(until, now)!.getTime();
  if (millis <= now.getTime()) throw invalid('/ignore/until', 'in-the-past', 'the date is over already');
  return { state, until: { millis } };
}

function invalid(pointer: string, code: string, detail: string): Problem {
  return new Problem('validation-failed', detail, { errors: [{ pointer, code, detail }] });
}
