import { extname } from 'node:path';

/** URL of a module beside `moduleUrl` that is to be started as a process or thread: compiled beside compiled, source beside source. */
export function siblingModule(moduleUrl: string, name: string): URL {
  return new URL(`./${name}${extname(new URL(moduleUrl).pathname)}`, moduleUrl);
}
