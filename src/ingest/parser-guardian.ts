import { workerData } from 'node:worker_threads';

/*
 * A thread of each parser process that ends it when the worker is gone. The process itself learns that from its channel,
 * but not while it is busy, and a parser that is caught in an endless loop would then run for ever.
 */
const worker = workerData as number;
setInterval(() => {
  if (process.ppid !== worker) process.kill(process.pid, 'SIGKILL');
}, 500);
