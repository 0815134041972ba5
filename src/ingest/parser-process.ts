import { parseRequest } from './parse-request.js';
import { answerTasks } from './parser-protocol.js';

/*
 * Entry point of a parser process: it has the archive's files, the pure core, and nothing else: no database, no network,
 * no secret in its environment. It may die of what it reads; the pool starts another.
 */
answerTasks(parseRequest);
