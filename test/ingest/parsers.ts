import {
  defaultParserLimits,
  ParserPool,
  type ParserLimits,
  type ParserPoolOptions,
} from '../../src/ingest/parser-pool.js';

const runTypescript = new URL('../run-typescript.mjs', import.meta.url).href;

/** A pool of parser processes that run from the sources. */
export function parserOptions(
  entry: 'real' | 'hostile',
  parsers = 1,
  limits: Partial<ParserLimits> = {},
): ParserPoolOptions {
  const modules = {
    real: new URL('../../src/ingest/parser-process.ts', import.meta.url),
    hostile: new URL('./hostile-parser.ts', import.meta.url),
  };
  return {
    entry: modules[entry],
    parsers,
    limits: { ...defaultParserLimits, ...limits },
    execArgv: ['--import', runTypescript],
  };
}

export function openParsers(...parameters: Parameters<typeof parserOptions>): ParserPool {
  return new ParserPool(parserOptions(...parameters));
}
