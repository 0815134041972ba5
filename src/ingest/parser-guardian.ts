/*
 * A thread of each parser process that ends it when the worker is gone. The process itself learns that from its channel,
 * but not while it is busy, and a parser that is caught in an endless loop would then run for ever.
 */
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 500);
