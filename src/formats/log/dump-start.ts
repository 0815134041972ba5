import { ascii, isDigit, startsWith } from './ascii.js';

const goroutine = ascii('goroutine ');
/** What the runtime prints before the stacks (runtime/panic.go, runtime/signal_unix.go, runtime/stack.go). */
const preambles = [
  'SIGQUIT: quit',
  'SIGABRT: abort',
  'panic: ',
  'fatal error: ',
  'runtime: goroutine stack exceeds ',
  'unexpected fault address ',
].map(ascii);
const headerBytes = 4096;

/** Whether a dump of goroutines may begin with this line: `goroutine 1 [running]:`, or the reason for one. */
export function beginsDump(bytes: Uint8Array, start: number, end: number): boolean {
  switch (bytes[start]) {
    case 103:
      return isGoroutineHeader(bytes, start, end);
    case 83:
    case 112:
    case 102:
    case 114:
    case 117:
      return preambles.some((preamble) => startsWith(bytes, start, end, preamble));
    default:
      return false;
  }
}

/** `goroutine 18 gp=0xc000002380 m=nil [select (no cases), 2 minutes]:` */
export function isGoroutineHeader(bytes: Uint8Array, start: number, end: number): boolean {
  if (!startsWith(bytes, start, end, goroutine) || bytes[end - 1] !== 58 || end - start > headerBytes) return false;
  let at = start + goroutine.length;
  const number = at;
  while (at < end && isDigit(bytes[at])) at++;
  if (at === number || bytes[at] !== 32) return false;
  const open = bytes.indexOf(91, at);
  if (open < 0 || open >= end) return false;
  const close = bytes.lastIndexOf(93, end - 1);
  return close > open;
}
