import { createHash } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { defaultBudget } from '../formats/budget.js';
import { FormatError } from '../formats/format-error.js';
import { inflateNatively } from './native-inflate.js';
import { parse } from './parse.js';
import type { ParseAnswer, ParseRequest } from './parsed-part.js';
import { KindMismatch } from './parts/declared.js';

/** One upload from its file to an answer. Nothing but a crash of the process keeps it from answering. */
export function parseRequest(request: ParseRequest): ParseAnswer {
  const bytes = read(request.path);
  if ('outcome' in bytes) return bytes;
  if (!createHash('sha256').update(bytes).digest().equals(request.sha256)) {
    return { outcome: 'damaged', condition: 'corrupt' };
  }
  try {
    return { outcome: 'parsed', parts: parse(bytes, request, { budget: defaultBudget, inflate: inflateNatively }) };
  } catch (error) {
    if (error instanceof FormatError) {
      const fault = error instanceof KindMismatch ? 'kind-mismatch' : error.fault;
      return { outcome: 'refused', fault, message: error.message, at: error.at };
    }
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { outcome: 'crashed', reason: 'exception', detail };
  }
}

function read(path: string): Buffer | ParseAnswer {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return readFileSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Without the tenant's folder it is not this object that is missing but the archive, as when a disk is not mounted.
    const archiveIsThere = existsSync(dirname(dirname(path)));
    if (code === 'ENOENT' && archiveIsThere) return { outcome: 'damaged', condition: 'missing' };
    return { outcome: 'unreadable', message };
  }
}
