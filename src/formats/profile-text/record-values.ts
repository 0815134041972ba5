import type { Header } from './header.js';
import { delayNanos, HeapScale, type Int64, multiplied } from './scale.js';
import { byte, type LineScanner } from './scan.js';

/** Reads the numbers ahead of the `@` of each record, and says what they stand for. */
export class RecordValues {
  /** Of the record read last, one per sample type. */
  readonly values: Int64[];
  /** Heap: mean bytes of the allocations of the record read last; 0 if there are none. */
  averageBytes: Int64 = 0;
  /** Sums over the numbers as they stand in the text, to be compared with those of the header. */
  readonly sums: bigint[];
  private readonly raw: Int64[] = [0, 0, 0, 0];
  private readonly heapScale: HeapScale;

  /** @param mutexPeriod by how much a record of a contention profile is multiplied, 1 or more */
  constructor(
    private readonly header: Header,
    private readonly mutexPeriod: Int64,
  ) {
    this.values = header.sampleTypes.map(() => 0);
    this.sums = header.totals.map(() => 0n);
    this.heapScale = new HeapScale(header.sampled ? Number(header.period) : 1);
  }

  /** Reads up to and with the `@`. False if the line is no record; then nothing was counted. */
  read(line: LineScanner): boolean {
    switch (this.header.layout) {
      case 'heap':
        return this.heap(line);
      case 'count':
        return this.count(line);
      case 'contention':
        return this.contention(line);
    }
  }

  /** `0: 0 [2: 256] @` */
  private heap(line: LineScanner): boolean {
    const { raw, values } = this;
    for (let pair = 0; pair < 4; pair += 2) {
      if (pair === 2 && !line.spaces().sign(openBracket)) return false;
      const objects = line.spaces().integer();
      if (objects === null || !line.sign(byte.colon)) return false;
      const bytes = line.spaces().integer();
      if (bytes === null) return false;
      raw[pair] = objects;
      raw[pair + 1] = bytes;
    }
    if (!line.spaces().sign(closeBracket) || !line.spaces().sign(at)) return false;
    const [inuseObjects, inuseBytes, allocObjects, allocBytes] = raw;
    [values[0], values[1]] = this.heapScale.scale(allocObjects, allocBytes);
    [values[2], values[3]] = this.heapScale.scale(inuseObjects, inuseBytes);
    this.averageBytes = quotient(allocBytes, allocObjects);
    this.sums[0] += BigInt(allocObjects);
    this.sums[1] += BigInt(inuseObjects);
    return true;
  }

  /** `7 @` */
  private count(line: LineScanner): boolean {
    const count = line.integer();
    if (count === null || !line.spaces().sign(at)) return false;
    this.values[0] = count;
    this.sums[0] += BigInt(count);
    return true;
  }

  /** `6817907590 319 @`: cycles, then how often. */
  private contention(line: LineScanner): boolean {
    const cycles = line.integer();
    if (cycles === null || !line.sign(byte.space)) return false;
    const count = line.spaces().integer();
    if (count === null || !line.spaces().sign(at)) return false;
    this.values[0] = multiplied(count, this.mutexPeriod);
    this.values[1] = delayNanos(cycles, this.header.cyclesPerSecond, this.mutexPeriod);
    return true;
  }
}

const openBracket = 91;
const closeBracket = 93;
const at = 64;

/** As Go divides integers: towards zero. */
function quotient(bytes: Int64, objects: Int64): Int64 {
  if (!(Number(objects) > 0)) return 0;
  if (typeof bytes === 'number' && typeof objects === 'number') return Math.trunc(bytes / objects) + 0;
  return BigInt(bytes) / BigInt(objects);
}
