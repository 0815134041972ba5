import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Cursors } from '../platform/cursor.js';
import { Database, type Tx } from '../platform/database.js';
import { QueryParameters } from '../platform/query-parameters.js';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { type ListPage, type ListQuery, readPage } from '../tenants/list-page.js';
import { ListQueryDto } from '../tenants/list-query.dto.js';
import { type ServiceRef, ServiceRegistry } from '../tenants/services.js';
import { getVisibleTeamId } from '../tenants/teams.js';
import { type ServiceRow, ServiceDirectory } from './service-directory.js';
import {
  BuildListDto,
  InstanceListDto,
  InstanceListQueryDto,
  ServiceDetailsDto,
  type ServiceDto,
  ServiceListDto,
} from './services.dto.js';
import { momentOf } from '../platform/time-range.js';

/** What there is to ask about. */
@ApiTags('services')
@Allow('read', 'ci', 'admin')
@Controller('api/v1')
export class ServicesController {
  constructor(
    private readonly db: Database,
    private readonly directory: ServiceDirectory,
    private readonly services: ServiceRegistry,
    private readonly cursors: Cursors,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The services by name; a key with a team sees its team's only. */
  @Get('services')
  async list(
    @CurrentCaller() caller: Caller,
    @QueryParameters(ListQueryDto) query: ListQueryDto,
  ): Promise<ServiceListDto> {
    return this.listOf(caller, null, 'services', query);
  }

  /** The services of a team by name. */
  @Get('teams/:team/services')
  async listOfTeam(
    @CurrentCaller() caller: Caller,
    @Param('team') team: string,
    @QueryParameters(ListQueryDto) query: ListQueryDto,
  ): Promise<ServiceListDto> {
    const teamId = await this.db.readTenant(caller.tenantId, (tx) => getVisibleTeamId(tx, caller, team));
    return this.listOf(caller, teamId, `teams/${teamId}/services`, query);
  }

  /** One service: its team, and what has been indexed of it. */
  @Get('services/:service')
  async get(@CurrentCaller() caller: Caller, @Param('service') name: string): Promise<ServiceDetailsDto> {
    return this.db.readTenant(caller.tenantId, async (tx) => {
      const service = await this.services.getVisible(tx, caller, name);
      const kinds = await this.directory.kinds(tx, caller, service);
      const row = await this.directory.get(tx, caller, service);
      return {
        ...toDto(row),
        kinds: kinds.map(({ kind, last_captured_at, sample_types }) => ({
          kind,
          last_captured_at,
          sample_types: sample_types.map(({ type, unit }) => ({ type, unit })),
        })),
      };
    });
  }

  /** The builds of a service, the one that appeared last first. */
  @Get('services/:service/builds')
  async builds(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(ListQueryDto) query: ListQueryDto,
  ): Promise<BuildListDto> {
    const { rows, next } = await this.pageOf(
      caller,
      name,
      'builds',
      query,
      {},
      {
        read: (tx, service, page) => this.directory.builds(tx, caller, service, page),
        positionOf: (row) => row.build_id,
      },
    );
    return { rows: rows.map(({ build_id: _, ...build }) => build), next };
  }

  /** The instances of a service, the one that appeared last first. */
  @Get('services/:service/instances')
  async instances(
    @CurrentCaller() caller: Caller,
    @Param('service') name: string,
    @QueryParameters(InstanceListQueryDto) query: InstanceListQueryDto,
  ): Promise<InstanceListDto> {
    const from = momentOf(query.from, this.clock.now()) ?? null;
    const { rows, next } = await this.pageOf(
      caller,
      name,
      'instances',
      query,
      { from: query.from },
      {
        read: (tx, service, page) => this.directory.instances(tx, caller, service, from, page),
        positionOf: (row) => row.instance_id,
      },
    );
    return { rows: rows.map(({ instance_id: _, ...instance }) => instance), next };
  }

  private async listOf(
    caller: Caller,
    teamId: string | null,
    endpoint: string,
    query: ListQuery,
  ): Promise<ServiceListDto> {
    const page = await readPage(
      this.cursors,
      { tenantId: caller.tenantId, endpoint, now: this.clock.now() },
      query,
      (part: ListPage<string>) => this.directory.list(caller, teamId, part),
      (row) => row.name,
    );
    return { rows: page.rows.map(toDto), next: page.next };
  }

  /** A page of what belongs to one service, named by ids that grow. */
  private pageOf<Row>(
    caller: Caller,
    name: string,
    endpoint: string,
    query: ListQuery,
    filters: object,
    list: {
      read(tx: Tx, service: ServiceRef, page: ListPage<string>): Promise<Row[]>;
      positionOf(row: Row): string;
    },
  ): Promise<{ rows: Row[]; next: string | null }> {
    return this.db.readTenant(caller.tenantId, async (tx) => {
      const service = await this.services.getVisible(tx, caller, name);
      return readPage(
        this.cursors,
        {
          tenantId: caller.tenantId,
          endpoint: `services/${service.serviceId}/${endpoint}`,
          now: this.clock.now(),
          filters,
        },
        query,
        (part: ListPage<string>) => list.read(tx, service, part),
        (row) => list.positionOf(row),
      );
    });
  }
}

function toDto({ name, team, created_at, last_captured_at }: ServiceRow): ServiceDto {
  return { name, team, created_at, last_captured_at };
}
