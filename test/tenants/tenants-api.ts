import { type INestApplication, type Type, ValidationPipe } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Server } from 'node:http';
import { pino } from 'pino';
import request from 'supertest';
import { readConfig } from '../../src/platform/config.js';
import { Database } from '../../src/platform/database.js';
import { Metrics } from '../../src/platform/metrics.js';
import { PlatformModule } from '../../src/platform/platform.module.js';
import { ProblemFilter, validationProblem } from '../../src/platform/problem.filter.js';
import { requestContext } from '../../src/platform/request-context.js';
import { TenantsModule } from '../../src/tenants/tenants.module.js';
import type { TestDatabase } from '../database.js';
import { SetClock } from './fixture.js';

export interface TenantsApi {
  readonly app: INestApplication<Server>;
  readonly db: Database;
  readonly clock: SetClock;
  /** A request with a key, or without one. */
  send(method: Method, path: string, key?: string | null, body?: object): request.Test;
  close(): Promise<void>;
}

export type Method = 'get' | 'post' | 'put' | 'delete';

/** The guard, the admin API and whatever controllers a test adds, on a real database, at a time that the test sets. */
export async function startTenantsApi(
  database: TestDatabase,
  options: { controllers?: Type[]; poolSize?: number } = {},
): Promise<TenantsApi> {
  const clock = new SetClock();
  const logger = pino({ enabled: false });
  const config = readConfig({
    DATABASE_URL: database.appUrl,
    TIDEMARK_SECRET: 'a secret that signs the cursors of this test',
    TIDEMARK_DATABASE_POOL: String(options.poolSize ?? 4),
  });
  const module = await Test.createTestingModule({
    imports: [PlatformModule.forRoot({ config, logger, clock, http: true }), TenantsModule],
    controllers: options.controllers ?? [],
  }).compile();
  const app = module.createNestApplication<INestApplication<Server>>({ logger: false });
  app.use(requestContext(logger, app.get(Metrics)));
  app.useGlobalFilters(app.get(ProblemFilter));
  app.useGlobalPipes(
    new ValidationPipe({
      whitelist: true,
      forbidNonWhitelisted: true,
      transform: true,
      exceptionFactory: validationProblem,
    }),
  );
  await app.listen(0, '127.0.0.1');
  return {
    app,
    db: app.get(Database),
    clock,
    send(method, path, key = null, body) {
      const sent = request(app.getHttpServer())[method](path);
      if (key !== null) sent.set('Authorization', `Bearer ${key}`);
      return body === undefined ? sent : sent.send(body);
    },
    close: () => app.close(),
  };
}
