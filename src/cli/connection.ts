import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Api, type Connection } from './api.js';
import { CliFailure } from './failure.js';

/** Gives the API when a target is on the server; a local file never asks for it. */
export type Connect = () => Api;

export interface ConnectionOptions {
  readonly url?: string;
  readonly key?: string;
}

/**
 * Where the server is: `--url` and `--key`, else TIDEMARK_URL and TIDEMARK_KEY, else the embedded server of this folder
 * with the admin key that its first start left in the data folder.
 */
export function connect(options: ConnectionOptions, env: NodeJS.ProcessEnv): Api {
  const url = options.url ?? env.TIDEMARK_URL ?? `http://127.0.0.1:${env.TIDEMARK_PORT ?? '4700'}`;
  if (!URL.canParse(url)) throw new CliFailure('usage', `${JSON.stringify(url)} is not the address of a server.`);
  const connection: Connection = {
    url,
    key: options.key ?? env.TIDEMARK_KEY ?? env.TIDEMARK_ADMIN_KEY ?? keyOfDataFolder(env),
  };
  return new Api(connection);
}

function keyOfDataFolder(env: NodeJS.ProcessEnv): string {
  const file = join(env.TIDEMARK_DATA ?? 'data', 'admin.key');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new CliFailure(
      'noPermission',
      `No key: set TIDEMARK_KEY, give --key, or start the embedded server here (looked for ${file}).`,
      {
        cause,
      },
    );
  }
}
