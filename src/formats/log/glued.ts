import { ascii, isDigit, startsWith } from './ascii.js';

const gc = ascii('gc ');
const sched = ascii('SCHED ');
const processors = ascii('ms: gomaxprocs=');

/**
 * Where a line of the runtime begins within another writer's line, which was written without an end:
 * `handled requestgc 5 @0.1s 3%: …`. Position of `gc 5 @` or `SCHED 5ms: gomaxprocs=`, or -1.
 */
export function findGlued(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (byte === 64) {
      const from = before(bytes, start, at - 1, gc);
      if (from >= 0 && bytes[at - 1] === 32) return from;
    } else if (byte === 58 && startsWith(bytes, at - 2, end, processors)) {
      const from = before(bytes, start, at - 2, sched);
      if (from >= 0) return from;
    }
  }
  return -1;
}

/** Where `word` begins, if it and digits stand before `at`. */
function before(bytes: Uint8Array, start: number, at: number, word: Uint8Array): number {
  let digit = at;
  while (digit > start && isDigit(bytes[digit - 1])) digit--;
  const from = digit - word.length;
  return digit < at && from >= start && startsWith(bytes, from, at, word) ? from : -1;
}
