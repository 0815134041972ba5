import { Body, Controller, Get, Inject, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Cursors } from '../platform/cursor.js';
import { Allow } from './allow.js';
import { type Caller, CurrentCaller } from './caller.js';
import { type ListPage, readPage } from './list-page.js';
import { ListQueryDto } from './list-query.dto.js';
import { ServiceRegistry } from './services.js';
import { NewTeamDto, OwnedServiceDto, OwnerDto, ServiceNameDto, TeamDto, TeamListDto } from './teams.dto.js';
import { type Team, Teams } from './teams.js';

@ApiTags('teams')
@ApiBearerAuth()
@Controller('api/v1')
export class TeamsController {
  constructor(
    private readonly teams: Teams,
    private readonly services: ServiceRegistry,
    private readonly cursors: Cursors,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Creates a team. */
  @Post('teams')
  @Allow('admin')
  async create(@CurrentCaller() caller: Caller, @Body() body: NewTeamDto): Promise<TeamDto> {
    return toDto(await this.teams.create(caller, body.name));
  }

  /** The teams by name; a key with a team sees its own only. */
  @Get('teams')
  @Allow('read', 'ci', 'admin')
  async list(@CurrentCaller() caller: Caller, @Query() query: ListQueryDto): Promise<TeamListDto> {
    const list = { tenantId: caller.tenantId, endpoint: 'teams', now: this.clock.now() };
    const page = await readPage(
      this.cursors,
      list,
      query,
      (part: ListPage<string>) => this.teams.list(caller, part),
      (team) => team.name,
    );
    return { ...page, rows: page.rows.map(toDto) };
  }

  /** Gives a service to a team, with all its snapshots and trends. */
  @Put('services/:service/owner')
  @Allow('admin')
  async setOwner(
    @CurrentCaller() caller: Caller,
    @Param() { service }: ServiceNameDto,
    @Body() { team }: OwnerDto,
  ): Promise<OwnedServiceDto> {
    const owned = await this.services.setOwner(caller, service, team);
    return { service: owned.name, team: owned.teamName };
  }
}

function toDto({ name, createdAt }: Team): TeamDto {
  return { name, created_at: createdAt };
}
