import { createReadStream, statSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { escapeControl } from '../analysis/text-escape.js';
import { FormatError } from '../formats/format-error.js';
import { type GoLog, GoLogReader } from '../formats/log/go-log.js';
import { CliFailure } from './failure.js';
import type { LifeWindow } from '../analysis/gc-summary.js';

/** How a log is read and which part of it is shown. */
export interface LogOptions {
  readonly json?: boolean;
  /** Since the start of the process: Go durations such as `90s` or `1h30m`. */
  readonly from?: string;
  readonly to?: string;
  /** RFC 3339. */
  readonly capturedAt?: string;
  readonly processStart?: string;
  /** Of times in the log that do not name their zone: `+02:00`. */
  readonly utcOffset?: string;
}

const chunkBytes = 1 << 20;

/** Reads a log of any length from a file, or from standard input ("-"); one layer of gzip is taken off on the way. */
export async function readLog(path: string, options: LogOptions): Promise<GoLog> {
  const capturedAtNanos = options.capturedAt === undefined ? lastWritten(path) : time(options.capturedAt);
  const reader = new GoLogReader({
    capturedAtNanos,
    ...(options.processStart === undefined ? {} : { processStartNanos: time(options.processStart) }),
    ...(options.utcOffset === undefined ? {} : { utcOffsetMinutes: offset(options.utcOffset) }),
  });
  const name = escapeControl(path);
  try {
    for await (const chunk of await plain(path)) reader.push(chunk);
    return reader.end();
  } catch (cause) {
    if (cause instanceof FormatError) throw new CliFailure('failed', `${name}: ${cause.message}`, { cause });
    const { code } = cause as NodeJS.ErrnoException;
    if (code?.startsWith('Z_')) throw new CliFailure('failed', `${name}: broken gzip data.`, { cause });
    if (code === undefined) throw cause;
    throw new CliFailure('noInput', `Cannot read ${name}: ${code}.`, { cause });
  }
}

/** The window that `--from` and `--to` name, or undefined for the whole life of the process. */
export function windowOf(options: LogOptions, toNanos: number): LifeWindow | undefined {
  if (options.from === undefined && options.to === undefined) return undefined;
  return {
    fromNanos: options.from === undefined ? 0 : duration(options.from),
    toNanos: options.to === undefined ? toNanos : duration(options.to),
  };
}

async function plain(path: string): Promise<AsyncIterable<Buffer>> {
  const stream = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: chunkBytes });
  const chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let done = false;
  while (head.length < 2 && !done) {
    const next = await chunks.next();
    if (next.done) done = true;
    else head = Buffer.concat([head, next.value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) return whole();
  const gunzip = createGunzip({ chunkSize: chunkBytes });
  void (async () => {
    try {
      for await (const chunk of whole()) {
        if (!gunzip.write(chunk)) await new Promise((resolve) => gunzip.once('drain', resolve));
      }
      gunzip.end();
    } catch (error) {
      gunzip.destroy(error as Error);
    }
  })();
  return gunzip as AsyncIterable<Buffer>;
}

/** A log was last written when its last line was; what comes through a pipe is taken for new. */
function lastWritten(path: string): bigint {
  if (path === '-') return BigInt(Date.now()) * 1_000_000n;
  try {
    return statSync(path, { bigint: true }).mtimeNs;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliFailure('noInput', `Cannot read ${escapeControl(path)}: ${code ?? 'error'}.`, { cause });
  }
}

function time(text: string): bigint {
  const millis = Date.parse(text);
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(millis)) {
    throw new CliFailure('usage', `${escapeControl(text)} is not a time such as 2026-11-23T15:20:00Z.`);
  }
  return BigInt(millis) * 1_000_000n;
}

function offset(text: string): number {
  const match = /^([+-])(\d\d):?(\d\d)$/.exec(text);
  if (match === null) throw new CliFailure('usage', `${escapeControl(text)} is not an offset such as +02:00.`);
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3]));
}

const unitNanos = new Map([
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
  ['h', 3600e9],
]);

function duration(text: string): number {
  const parts = text.match(/\d{1,9}(?:\.\d{1,9})?(?:ms|[smh])/g) ?? [];
  if (parts.length === 0 || parts.join('') !== text) {
    throw new CliFailure('usage', `${escapeControl(text)} is not a duration such as 90s or 1h30m.`);
  }
  return parts.reduce((sum, part) => {
    const unit = /[a-z]+$/.exec(part)![0];
    return sum + Number(part.slice(0, -unit.length)) * unitNanos.get(unit)!;
  }, 0);
}
