import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CLOCK, type Clock } from '../platform/clock.js';
import { Cursors } from '../platform/cursor.js';
import { Allow } from './allow.js';
import { type Caller, CurrentCaller } from './caller.js';
import { CreatedKeyDto, KeyDto, KeyIdDto, KeyListDto, NewKeyDto } from './keys.dto.js';
import { type ApiKey, ApiKeys, type KeyPosition } from './keys.js';
import { type ListPage, readPage } from './list-page.js';
import { ListQueryDto } from './list-query.dto.js';

@ApiTags('keys')
@ApiBearerAuth()
@Allow('admin')
@Controller('api/v1/keys')
export class KeysController {
  constructor(
    private readonly keys: ApiKeys,
    private readonly cursors: Cursors,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Creates a key, which is told only in this answer. */
  @Post()
  async create(@CurrentCaller() caller: Caller, @Body() body: NewKeyDto): Promise<CreatedKeyDto> {
    const { key, apiKey } = await this.keys.create(caller, {
      name: body.name,
      role: body.role,
      team: body.team ?? null,
      operator: body.operator ?? false,
      expiresAt: body.expires_at ?? null,
    });
    return { ...toDto(apiKey), key };
  }

  /** The tenant's keys by name, revoked and expired ones too; never the keys themselves. */
  @Get()
  async list(@CurrentCaller() caller: Caller, @Query() query: ListQueryDto): Promise<KeyListDto> {
    const list = { tenantId: caller.tenantId, endpoint: 'keys', now: this.clock.now() };
    const page = await readPage(
      this.cursors,
      list,
      query,
      (part: ListPage<KeyPosition>) => this.keys.list(caller, part),
      (key): KeyPosition => [key.name, key.keyId],
    );
    return { ...page, rows: page.rows.map(toDto) };
  }

  /** Revokes a key for good; it opens nothing any more within five seconds. */
  @Delete(':id')
  @HttpCode(204)
  async revoke(@CurrentCaller() caller: Caller, @Param() { id }: KeyIdDto): Promise<void> {
    await this.keys.revoke(caller, id);
  }
}

function toDto(key: ApiKey): KeyDto {
  return {
    id: key.keyId,
    name: key.name,
    role: key.role,
    operator: key.operator,
    team: key.teamName,
    created_at: key.createdAt,
    expires_at: key.expiresAt,
    revoked_at: key.revokedAt,
    last_used_at: key.lastUsedAt,
  };
}
