import { readFileSync } from 'node:fs';
import { escapeControl } from '../analysis/text-escape.js';
import { CliFailure } from './failure.js';

/** The bytes of a file; "-" is standard input. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'error';
    throw new CliFailure('noInput', `Cannot read ${escapeControl(path)}: ${code}.`, { cause });
  }
}
