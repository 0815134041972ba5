import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import express, { type Request, type Response } from 'express';
import type { Observable } from 'rxjs';
import { Problem } from './problem.js';
import { asProblem } from './problem.filter.js';

const jsonBytesMax = 1024 * 1024;
const parseJson = express.json({ limit: jsonBytesMax, strict: true, type: 'application/json' });

/**
 * Parses the body as JSON for the handlers that take one (`@Body()`), and for no other: an upload may well be JSON and
 * must reach the archive as it came. An interceptor runs after the guard, so nobody unknown makes us parse anything.
 */
@Injectable()
export class JsonBodyInterceptor implements NestInterceptor {
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    if (takesBody(context)) {
      const http = context.switchToHttp();
      await readJson(http.getRequest<Request>(), http.getResponse<Response>());
    }
    return next.handle();
  }
}

function takesBody(context: ExecutionContext): boolean {
  const parameters = Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), context.getHandler().name) as
    Readonly<Record<string, unknown>> | undefined;
  return Object.keys(parameters ?? {}).some((key) => key.startsWith(`${RouteParamtypes.BODY}:`));
}

function readJson(request: Request, response: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    parseJson(request, response, (error?: unknown) => {
      if (error !== undefined) return reject(asProblem(error));
      if (request.is('application/json') === 'application/json') return resolve();
      reject(new Problem('unsupported-media-type', 'The body must be JSON, with Content-Type: application/json.'));
    });
  });
}
