import { Worker } from 'node:worker_threads';
import { siblingModule } from '../platform/sibling-module.js';
import type { ParseAnswer, ParseRequest } from './parsed-part.js';

/** From the pool to a parser process. */
export interface ParserTask {
  readonly task: number;
  readonly request: ParseRequest;
}

/** From a parser process to the pool: `ready` once its modules are loaded, then one answer per task. */
export type ParserMessage = 'ready' | { readonly task: number; readonly answer: ParseAnswer };

/** Runs in a parser process: answers tasks with `parse`, one after the other, until the pool goes away. */
export function answerTasks(parse: (request: ParseRequest) => ParseAnswer): void {
  new Worker(siblingModule(import.meta.url, 'parser-guardian'), { workerData: Number(process.argv[2]) }).unref();
  process.on('message', ({ task, request }: ParserTask) => {
    say({ task, answer: parse(request) });
  });
  process.on('disconnect', () => process.exit(0));
  // Terminals and supervisors signal the whole group; when its parsers end, after their uploads, is the pool's decision.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  say('ready');
}

function say(message: ParserMessage): void {
  if (!process.send) throw new Error('a parser process is started by the parser pool');
  process.send(message);
}
