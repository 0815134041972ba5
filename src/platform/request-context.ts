import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';
import { logContext } from './logger.js';
import type { Metrics } from './metrics.js';

declare module 'express-serve-static-core' {
  interface Request {
    /** Of the X-Request-Id header, when it is a plain word; else made here. */
    requestId: string;
  }
}

const acceptableRequestId = /^[A-Za-z0-9_-]{8,64}$/;

/** Gives every request its id, carries it into the log lines, and writes one line and one measurement per answer. */
export function requestContext(logger: Logger, metrics: Metrics) {
  return (request: Request, response: Response, next: NextFunction): void => {
    const started = performance.now();
    const given = request.get('x-request-id');
    request.requestId = given !== undefined && acceptableRequestId.test(given) ? given : randomUUID();
    response.setHeader('X-Request-Id', request.requestId);
    response.once('close', () => {
      const seconds = (performance.now() - started) / 1000;
      const route = routeOf(request);
      const status = response.writableFinished ? String(response.statusCode) : 'aborted';
      metrics.httpSeconds.observe({ method: request.method, route, status }, seconds);
      const { caller } = request as { caller?: { tenantId?: string; keyId?: string } };
      logger.info(
        {
          requestId: request.requestId,
          method: request.method,
          route,
          status,
          millis: Math.round(seconds * 1e6) / 1e3,
          tenantId: caller?.tenantId,
          keyId: caller?.keyId,
        },
        'request answered',
      );
    });
    logContext.run({ requestId: request.requestId }, next);
  };
}

/** The route's pattern; what a client typed beyond it is no label. */
function routeOf(request: Request): string {
  const route = request.route as { path?: unknown } | undefined;
  return typeof route?.path === 'string' ? route.path : 'unmatched';
}
