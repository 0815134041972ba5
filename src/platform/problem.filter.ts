import {
  type ArgumentsHost,
  BadRequestException,
  Catch,
  type ExceptionFilter,
  HttpException,
  Inject,
  Injectable,
  UseFilters,
  type ValidationError,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Logger } from 'pino';
import { isDatabaseUnavailable } from './database.js';
import { LOGGER } from './logger.js';
import { Problem, type ProblemCode, type ProblemError } from './problem.js';

/** The one place that turns what was thrown into an answer: RFC 9457, and nothing in it that belongs into the log. */
@Catch()
@Injectable()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const problem = withAllow(asProblem(thrown), request);
    this.record(problem, thrown);
    if (response.headersSent) {
      // Half an answer has gone out; only a broken connection tells the client that it is not the whole.
      response.destroy();
      return;
    }
    // What was not read is not waited for: a refused upload of a gigabyte must not be received first.
    if (stillSending(request)) response.setHeader('Connection', 'close');
    response.removeHeader('ETag');
    for (const [name, value] of Object.entries(problem.options.headers ?? {})) response.setHeader(name, value);
    const { retryAfterSeconds } = problem.options;
    if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', String(Math.ceil(retryAfterSeconds)));
    this.send(problem, request, response);
  }

  protected send(problem: Problem, request: Request, response: Response): void {
    response.status(problem.status).type('application/problem+json');
    response.send(JSON.stringify(problem.toBody(request.requestId)));
  }

  private record(problem: Problem, thrown: unknown): void {
    if (problem.status >= 500) this.logger.error({ err: thrown, problem: problem.code }, 'request failed');
    else if (problem.cause !== undefined)
      this.logger.info({ err: problem.cause, problem: problem.code }, 'request refused');
  }
}

/** `go tool pprof` shows an error's text only if it is plain and marked as coming from a pprof server. */
@Catch()
@Injectable()
export class PprofProblemFilter extends ProblemFilter {
  protected override send(problem: Problem, request: Request, response: Response): void {
    response.status(problem.status).type('text/plain').setHeader('X-Go-Pprof', '1');
    response.send(`${problem.detail} (${problem.code}, request ${request.requestId})\n`);
  }
}

/** Marks a route that `go tool pprof` fetches. */
export const PprofRoute = () => UseFilters(PprofProblemFilter);

/** For Nest's ValidationPipe: the faults of a DTO, each with a pointer into the body. */
export function validationProblem(faults: readonly ValidationError[]): Problem {
  const errors = faults.flatMap((fault) => validationErrors(fault, ''));
  return new Problem('validation-failed', errors.map((error) => error.detail).join('; '), { errors });
}

function validationErrors({ property, constraints, children }: ValidationError, parent: string): ProblemError[] {
  const pointer = `${parent}/${property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return [
    ...Object.entries(constraints ?? {}).map(([constraint, detail]) => ({
      pointer,
      code: kebabCase(constraint),
      detail,
    })),
    ...(children ?? []).flatMap((child) => validationErrors(child, pointer)),
  ];
}

function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown;
  if (thrown instanceof HttpException) return fromNest(thrown);
  if (isDatabaseUnavailable(thrown)) {
    return new Problem('unavailable', 'The database cannot be reached. Nothing was changed; try again.', {
      cause: thrown,
      retryAfterSeconds: 2,
    });
  }
  if (hasCode(thrown, '57014')) {
    return new Problem('query-timeout', 'The query took too long.', { cause: thrown, retryAfterSeconds: 5 });
  }
  return (
    fromBodyParser(thrown) ?? new Problem('internal', 'Something went wrong here. It was logged.', { cause: thrown })
  );
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && (thrown as { code?: unknown }).code === code;
}

const codeOfStatus: Readonly<Record<number, ProblemCode>> = {
  400: 'bad-request',
  401: 'unauthenticated',
  403: 'insufficient-scope',
  404: 'not-found',
  405: 'method-not-allowed',
  406: 'not-acceptable',
  408: 'request-timeout',
  409: 'conflict',
  413: 'body-too-large',
  415: 'unsupported-media-type',
  422: 'validation-failed',
  429: 'rate-limited',
  503: 'unavailable',
};

/** Nest throws these itself: unknown routes, its parsers and pipes. */
function fromNest(exception: HttpException): Problem {
  const cause = exception.cause ?? exception;
  const code = codeOfStatus[exception.getStatus()];
  if (code === undefined) return new Problem('internal', 'Something went wrong here. It was logged.', { cause });
  if (code === 'not-found') return new Problem('not-found', 'There is nothing at this address.');
  // Nest wraps what Express's body parser throws; the parser knows more.
  const parsed = exception instanceof BadRequestException ? fromBodyParser(exception.cause) : null;
  return parsed ?? new Problem(code, exception.message);
}

/** Early in a request even one without a body is not complete; what counts is whether a body was announced. */
function stillSending(request: Request): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  return !request.complete && (encoding !== undefined || Number(length ?? 0) > 0);
}

interface BodyParserError {
  readonly type: string;
  readonly length?: number;
  readonly limit?: number;
  readonly encoding?: string;
}

/** The errors of raw-body and body-parser, which carry a `type`, and of the router's path decoding. */
function fromBodyParser(thrown: unknown): Problem | null {
  if (!(thrown instanceof Error)) return null;
  if (thrown instanceof URIError) return new Problem('bad-request', 'The address holds a broken percent-encoding.');
  const { type, length, limit } = thrown as Partial<BodyParserError> & Error;
  switch (type) {
    case 'entity.too.large':
      return new Problem('body-too-large', `The body may have at most ${limit} bytes.`, {
        limit: 'json_body_bytes',
        ...(length === undefined ? {} : { actual: length }),
        ...(limit === undefined ? {} : { allowed: limit }),
      });
    case 'entity.parse.failed':
      return new Problem('malformed-json', 'The body is not valid JSON.');
    case 'encoding.unsupported':
      return new Problem('unsupported-encoding', 'This content encoding is not accepted here.');
    case 'charset.unsupported':
      return new Problem('unsupported-media-type', 'JSON must be encoded as UTF-8.');
    case 'request.aborted':
    case 'request.size.invalid':
      return new Problem('bad-request', 'The body did not arrive as it was announced.');
    default:
      return null;
  }
}

interface RouteLayer {
  readonly route?: { readonly path: unknown; readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): boolean;
}

/** An address that exists for another method is answered 405 with Allow (RFC 9110), not 404. */
function withAllow(problem: Problem, request: Request): Problem {
  if (problem.code !== 'not-found' || request.route !== undefined) return problem;
  const { stack } = request.app.router as unknown as { stack: readonly RouteLayer[] };
  const methods = new Set<string>();
  for (const layer of stack) {
    if (!layer.route || !layer.match(request.path)) continue;
    for (const method of Object.keys(layer.route.methods)) if (method !== '_all') methods.add(method.toUpperCase());
  }
  if (methods.has('GET')) methods.add('HEAD');
  if (methods.size === 0 || methods.has(request.method)) return problem;
  const allow = [...methods].sort().join(', ');
  return new Problem('method-not-allowed', `This resource knows ${allow}.`, { headers: { Allow: allow } });
}
