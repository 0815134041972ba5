import http from 'node:http';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { NextFunction, Request, Response } from 'express';
import type { Lifecycle } from './lifecycle.js';
import { Problem } from './problem.js';

const headersMillisMax = 10_000;
const requestMillisMax = 120_000;
const headerBytesMax = 16 * 1024;
// Longer than the idle time of usual load balancers, so that they, not we, close a connection first.
const keepAliveMillis = 65_000;

/** Express on an HTTP server with limits on how long and how large a request may be. */
export class BoundedExpressAdapter extends ExpressAdapter {
  override initHttpServer(): void {
    const app = this.getInstance<http.RequestListener>();
    const server = http.createServer(
      {
        headersTimeout: headersMillisMax,
        requestTimeout: requestMillisMax,
        connectionsCheckingInterval: 1_000,
        keepAliveTimeout: keepAliveMillis,
        maxHeaderSize: headerBytesMax,
        requireHostHeader: true,
      },
      app,
    );
    server.maxHeadersCount = 200;
    server.on(
      'checkContinue',
      (request: http.IncomingMessage, response: http.ServerResponse & { req: http.IncomingMessage }) => {
        continueWhenRead(request, response);
        app(request, response);
      },
    );
    this.setHttpServer(server);
  }
}

/**
 * Sends "100 Continue" when somebody begins to read the body, rather than at once as Node does: a sender who waits for
 * it (curl does, above a megabyte) is refused before it has sent anything.
 */
function continueWhenRead(request: http.IncomingMessage, response: http.ServerResponse): void {
  const read = request._read.bind(request);
  request._read = (size) => {
    request._read = read;
    if (!response.headersSent) response.writeContinue();
    read(size);
  };
}

/**
 * Refuses what Node lets through and what two readers of one request could understand differently: two Host headers, a
 * whole URL as target, methods that echo or tunnel, a parameter given twice.
 */
export function refuseAmbiguous(request: Request, _response: Response, next: NextFunction): void {
  next(ambiguity(request));
}

function ambiguity(request: Request): Problem | undefined {
  if (request.method === 'TRACE' || request.method === 'CONNECT') {
    return new Problem('method-not-allowed', `${request.method} is not answered here.`);
  }
  if (!request.url.startsWith('/')) return new Problem('bad-request', 'The request target must be a path.');
  let hosts = 0;
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i].toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1) return new Problem('bad-request', 'There is more than one Host header.');
  const twice = Object.keys(request.query).find((name) => Array.isArray(request.query[name]));
  if (twice !== undefined) {
    return new Problem('duplicate-parameter', `The parameter ${JSON.stringify(twice)} was given more than once.`, {
      errors: [{ pointer: `?${twice}`, code: 'duplicate-parameter' }],
    });
  }
  return undefined;
}

/** Nothing here is a page: no answer may be framed, sniffed for another type, or run anything. */
const securityHeaders = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** Sets the headers of every answer; while the process drains, each connection ends with its answer. */
export function standardHeaders(lifecycle: Lifecycle) {
  return (_request: Request, response: Response, next: NextFunction): void => {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    if (lifecycle.draining) response.setHeader('Connection', 'close');
    next();
  };
}

/** Stops accepting, waits for the answers under way, and cuts what is left when the time is over. */
export async function closeGently(server: http.Server, millisMax: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection whose answer ends after close() was called stays open as idle; Node closes those that are idle now.
  const sweep = setInterval(() => server.closeIdleConnections(), 100);
  const deadline = setTimeout(() => server.closeAllConnections(), millisMax);
  await closed;
  clearInterval(sweep);
  clearTimeout(deadline);
}
