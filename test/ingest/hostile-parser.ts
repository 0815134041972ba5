import { readFileSync } from 'node:fs';
import { answerTasks } from '../../src/ingest/parser-protocol.js';
import { parseRequest } from '../../src/ingest/parse-request.js';

/*
 * A parser process that does what the upload says, if it says something terrible; everything else it parses as the real
 * one does. It stands for the mistakes that nobody knows of yet.
 */
const terrible: Record<string, () => void> = {
  'poison: exit': () => process.exit(3),
  'poison: kill': () => process.kill(process.pid, 'SIGKILL'),
  'poison: abort': () => process.abort(),
  'poison: loop': () => {
    for (;;);
  },
  'poison: heap': () => {
    const kept: unknown[] = [];
    for (;;) kept.push({ kept: kept.length, text: `${kept.length}` });
  },
  'poison: buffers': () => {
    const kept: Buffer[] = [];
    for (;;) kept.push(Buffer.alloc(16 * 1024 * 1024, 1));
  },
  'poison: throw': () => {
    throw new TypeError('a mistake of ours');
  },
};

const grown: Buffer[] = [];

answerTasks((request) => {
  const bytes = readFileSync(request.path);
  const command = bytes.length < 100 ? bytes.toString('latin1') : '';
  if (command === 'what environment?') {
    return { outcome: 'refused', fault: 'unrecognized', message: Object.keys(process.env).sort().join(' '), at: {} };
  }
  if (command === 'grow') {
    grown.push(Buffer.alloc(64 * 1024 * 1024, 1));
    return { outcome: 'refused', fault: 'unrecognized', message: String(process.pid), at: {} };
  }
  if (command === 'who?') return { outcome: 'refused', fault: 'unrecognized', message: String(process.pid), at: {} };
  if (command in terrible) {
    try {
      terrible[command]();
    } catch (error) {
      return { outcome: 'crashed', reason: 'exception', detail: String(error) };
    }
  }
  return parseRequest(request);
});
