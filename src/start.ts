import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type INestApplication, type INestApplicationContext, ValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Logger } from 'pino';
import { AppModule } from './app.module.js';
import type { Config } from './platform/config.js';
import { Database } from './platform/database.js';
import { BoundedExpressAdapter, closeGently, refuseAmbiguous, standardHeaders } from './platform/http-server.js';
import { JsonBodyInterceptor } from './platform/json-body.interceptor.js';
import { Lifecycle } from './platform/lifecycle.js';
import { createLogger, NestLogger } from './platform/logger.js';
import { Metrics } from './platform/metrics.js';
import type { PlatformOptions } from './platform/platform.module.js';
import { ProblemFilter, validationProblem } from './platform/problem.filter.js';
import { requestContext } from './platform/request-context.js';
import { bootstrap } from './tenants/bootstrap.js';
import { WorkerModule } from './worker.module.js';

export type StartOptions = Omit<PlatformOptions, 'http'>;

export interface RunningApi {
  readonly app: INestApplication<Server>;
  readonly url: string;
  /** Refuses readiness, finishes what is under way, closes everything. */
  stop(): Promise<void>;
}

export interface RunningWorker {
  readonly context: INestApplicationContext;
  /** Of /livez, /readyz and /metrics; null without TIDEMARK_WORKER_PORT. */
  readonly url: string | null;
  stop(): Promise<void>;
}

/** The API process: HTTP, and threads for heavy reads. */
export async function startApi(options: StartOptions): Promise<RunningApi> {
  const { config } = options;
  const logger = options.logger ?? createLogger(config.logLevel);
  const app = await NestFactory.create<NestExpressApplication>(
    AppModule.with({ ...options, logger, applicationName: 'tidemark api' }),
    new BoundedExpressAdapter(),
    { logger: new NestLogger(logger), bodyParser: false, abortOnError: false },
  );
  if (config.adminKey !== null) {
    await bootstrap(app.get(Database), { adminKey: config.adminKey }).catch(async (error: unknown) => {
      await app.close();
      throw error;
    });
  }
  const url = await listen(app, logger, config.port, config.host);
  logger.info({ url, mode: config.mode }, 'api is listening');
  return { app, url, stop: () => stopHttp(app, config) };
}

/** The worker process: takes uploads off the work list, compacts, and ranks. */
export async function startWorker(options: StartOptions): Promise<RunningWorker> {
  const { config } = options;
  const logger = options.logger ?? createLogger(config.logLevel);
  const module = WorkerModule.with({
    ...options,
    logger,
    applicationName: 'tidemark worker',
    http: config.workerPort !== null,
  });
  const nestOptions = { logger: new NestLogger(logger), abortOnError: false };
  if (config.workerPort === null) {
    const context = await NestFactory.createApplicationContext(module, nestOptions);
    logger.info({ mode: config.mode }, 'worker is ready');
    return { context, url: null, stop: () => context.close() };
  }
  const app = await NestFactory.create<NestExpressApplication>(module, new BoundedExpressAdapter(), {
    ...nestOptions,
    bodyParser: false,
  });
  const url = await listen(app, logger, config.workerPort, config.host);
  logger.info({ url, mode: config.mode }, 'worker is ready');
  return { context: app, url, stop: () => stopHttp(app, config) };
}

/** Puts the middleware in place and opens the port. @returns the address */
async function listen(app: NestExpressApplication, logger: Logger, port: number, host: string): Promise<string> {
  try {
    configureHttp(app, logger);
    await app.listen(port, host);
  } catch (error) {
    await app.close();
    throw error;
  }
  const address = app.getHttpServer().address() as AddressInfo;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

function configureHttp(app: NestExpressApplication, logger: Logger): void {
  app.disable('x-powered-by');
  // Answers that can be cached make their own validators; hashing every other answer would be work for nobody.
  app.disable('etag');
  app.set('query parser', 'simple');
  app.use(requestContext(logger, app.get(Metrics)));
  app.use(standardHeaders(app.get(Lifecycle)));
  app.use(refuseAmbiguous);
  app.useGlobalFilters(app.get(ProblemFilter));
  app.useGlobalInterceptors(new JsonBodyInterceptor());
  app.useGlobalPipes(
    new ValidationPipe({
      whitelist: true,
      forbidNonWhitelisted: true,
      transform: true,
      exceptionFactory: validationProblem,
    }),
  );
}

async function stopHttp(app: INestApplication<Server>, config: Config): Promise<void> {
  app.get(Lifecycle).startDraining();
  // Load balancers need a moment to see that this process is not ready any more; until then it answers as before.
  await sleep(config.drainDelayMillis);
  await closeGently(app.getHttpServer(), config.drainMillis);
  await app.close();
}
