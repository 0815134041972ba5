import { AsyncLocalStorage } from 'node:async_hooks';
import type { LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
import { QueryFailedError } from 'typeorm';
import type { LogLevel } from './config.js';

export const LOGGER = Symbol('logger');

/** Fields that every line written while a request or an upload is being worked on carries. */
export const logContext = new AsyncLocalStorage<Readonly<Record<string, string>>>();

/** One JSON object per line. The message is a constant, the data are fields; never keys, never contents of profiles. */
export function createLogger(
  level: LogLevel,
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
      mixin: () => logContext.getStore() ?? {},
    },
    destination,
  );
}

interface SerializedError {
  [field: string]: unknown;
}

/** pino's own serializer would print all fields of a failed query, its parameters among them: bytes, names, hashes of keys. */
export function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (!(error instanceof QueryFailedError)) {
    const { aggregateErrors: _, options: __, ...rest } = stdSerializers.errWithCause(error) as SerializedError;
    if (error.cause instanceof Error) rest.cause = serializeError(error.cause);
    return rest;
  }
  // The driver's detail ("Key (name)=(x) already exists") holds values, too.
  const { code, table, constraint } = error.driverError as Partial<Record<'code' | 'table' | 'constraint', string>>;
  return {
    type: 'QueryFailedError',
    message: error.message,
    stack: error.stack,
    query: error.query,
    code,
    table,
    constraint,
  };
}

/** Nest's own lines through our logger. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: unknown): void {
    this.logger.debug({ context }, String(message));
  }
  error(message: unknown, ...rest: unknown[]): void {
    // What Nest reports as an Error it throws as well, while starting; the entry point explains it in plain words.
    if (message instanceof Error) this.logger.debug({ err: message }, 'nest reported an error');
    else this.logger.error({ context: rest.at(-1), stack: rest.length > 1 ? rest[0] : undefined }, String(message));
  }
  warn(message: unknown, context?: unknown): void {
    this.logger.warn({ context }, String(message));
  }
  debug(message: unknown, context?: unknown): void {
    this.logger.debug({ context }, String(message));
  }
  verbose(message: unknown, context?: unknown): void {
    this.logger.trace({ context }, String(message));
  }
  fatal(message: unknown, context?: unknown): void {
    this.logger.fatal({ context }, String(message));
  }
}
