import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GoLog, type GoLogOptions, GoLogReader } from '../../src/formats/log/go-log.js';

export interface LogFixture {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const own = fileURLToPath(new URL('../fixtures/logs/', import.meta.url));
// A larger collection that lies beside the repository where there is one.
const shared = fileURLToPath(new URL('../../../shared/fixtures/logs/', import.meta.url));

export function logFixtures(): LogFixture[] {
  const found = logsIn(own);
  const names = new Set(found.map(({ name }) => name));
  return existsSync(shared) ? [...found, ...logsIn(shared).filter(({ name }) => !names.has(name))] : found;
}

export function logFixture(name: string): Uint8Array {
  return readFileSync(join(own, name));
}

/** The lines of a golden file: the name of the log, and the rest. */
export function goldenLines(file: string): [string, string][] {
  return readFileSync(join(own, file), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('logs/'))
    .map((line) => [line.slice('logs/'.length, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]);
}

function logsIn(folder: string): LogFixture[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.log'))
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

export function readLog(
  text: Uint8Array | string,
  options: GoLogOptions = {},
  chunkSizes: () => number = () => Infinity,
): GoLog {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  const reader = new GoLogReader(options);
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + chunkSizes());
    // A copy, as a stream gives it: nothing may look beyond its chunk.
    reader.push(bytes.slice(at, end));
    at = end;
  }
  return reader.end();
}
