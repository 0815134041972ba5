import { openParsers } from './parsers.js';

/** A worker reduced to its parsers: gives the file named on the command line to one, and says which process that is. */
const parsers = openParsers('hostile');
const path = process.argv[2];
const request = {
  sha256: new Uint8Array(32),
  contentEncoding: 'identity',
  declaredKind: null,
  declaredDelta: null,
  name: null,
  aroundNanos: 0n,
} as const;
void parsers.parse({ ...request, path });
setInterval(() => process.stdout.write(`parsers: ${parsers.processIds.join(' ')}\n`), 100);
