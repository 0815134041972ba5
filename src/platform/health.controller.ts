import { Controller, Get, Header, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Response } from 'express';
import { Database } from './database.js';
import { Lifecycle } from './lifecycle.js';
import { Metrics } from './metrics.js';
import { Problem } from './problem.js';
import { Public } from './public-route.js';

/** For whoever runs the process: is it alive, may it get requests, how is it doing. Says nothing about tenants. */
@ApiExcludeController()
@Public()
@Controller()
export class HealthController {
  constructor(
    private readonly database: Database,
    private readonly lifecycle: Lifecycle,
    private readonly metrics: Metrics,
  ) {}

  /** The event loop turns. Knows nothing of the database: restarting the process would not bring that back. */
  @Get('livez')
  @Header('Cache-Control', 'no-store')
  livez(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** 503 while the process drains, or cannot reach its database. */
  @Get('readyz')
  @Header('Cache-Control', 'no-store')
  async readyz(): Promise<{ status: 'ok' }> {
    if (this.lifecycle.draining)
      throw new Problem('shutting-down', 'The process is draining.', { retryAfterSeconds: 5 });
    await this.database.acrossTenants((tx) => tx.query('select 1'));
    return { status: 'ok' };
  }

  @Get('metrics')
  @Header('Cache-Control', 'no-store')
  async prometheus(@Res() response: Response): Promise<void> {
    response.type(this.metrics.registry.contentType).send(await this.metrics.registry.metrics());
  }
}
