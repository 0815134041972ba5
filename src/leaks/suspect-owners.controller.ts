import { Body, Controller, Get, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../tenants/allow.js';
import { type Caller, CurrentCaller } from '../tenants/caller.js';
import { SuspectOwners } from './suspect-owners.js';
import { OwnerRulesDto } from './suspects.dto.js';

/** Whose code is what: which team owns a suspect that is not simply its service's team's. */
@ApiTags('suspects')
@Controller('api/v1/suspect-owners')
export class SuspectOwnersController {
  constructor(private readonly owners: SuspectOwners) {}

  /** The rules in their order; a key with a team sees those that name its team. */
  @Get()
  @Allow('read', 'ci', 'admin')
  async get(@CurrentCaller() caller: Caller): Promise<OwnerRulesDto> {
    return { rules: await this.owners.read(caller) };
  }

  /** Replaces all rules. Suspects go to whom they name at once, but for those that a person has given to a team. */
  @Put()
  @Allow('admin')
  async set(@CurrentCaller() caller: Caller, @Body() body: OwnerRulesDto): Promise<OwnerRulesDto> {
    await this.owners.replace(caller, body.rules);
    return this.get(caller);
  }
}
