import { Problem } from '../../platform/problem.js';
import type { ByteSource } from './byte-source.js';
import { type TakeFile, type UnpackingLimits, withReadable } from './container.js';
import { refusedEntry } from './entry-name.js';

const blockBytes = 512;
/** Long names and pax records are held in memory; honest ones have a few hundred bytes. */
const metadataBytesMax = 64 * 1024;

interface TarHeader {
  readonly name: string;
  readonly type: string;
  readonly sizeBytes: number;
}

/** What pax and GNU entries say of the entry that follows them. */
interface Ahead {
  name?: string;
  sizeBytes?: number;
  sparse?: boolean;
}

/**
 * Reads a tar file from front to back: v7, ustar (POSIX.1-1988), pax (POSIX.1-2001) and GNU's long names and large
 * numbers. Directories are passed over; links, devices, sparse and unknown entries are refused. A file without its end
 * mark was cut off, and what comes after the mark would be lost, so both are refused too.
 *
 * Not a library: those that there are hold whatever size a long name claims to have in memory.
 *
 * @throws Problem `malformed`, `truncated`, `entry-refused`, or a limit's own
 */
export async function readTar(source: ByteSource, limits: UnpackingLimits, take: TakeFile): Promise<void> {
  let ahead: Ahead = {};
  for (;;) {
    const block = await source.read(blockBytes);
    if (block.length < blockBytes) throw new Problem('truncated', 'The tar file ends without its end mark.');
    if (isZero(block)) break;
    limits.countEntry();
    const header = readHeader(block, source.position - blockBytes);
    if ('xgLK'.includes(header.type)) {
      readAhead(ahead, header, await readMetadata(source, header));
      continue;
    }
    const name = ahead.name ?? header.name;
    const sizeBytes = ahead.sizeBytes ?? header.sizeBytes;
    const kind = ahead.sparse ? 'is a sparse file' : kindOf(header.type, name);
    ahead = {};
    if (kind === 'directory') {
      limits.takeName(`${name}/.`);
      continue;
    }
    if (kind !== 'file') throw refusedEntry(name, kind);
    const kept = limits.takeName(name);
    limits.requireFileSize(sizeBytes);
    await withReadable(source.take(sizeBytes), (bytes) => take({ name: kept, bytes }));
    await skipPadding(source, sizeBytes);
  }
  if (ahead.name !== undefined || ahead.sizeBytes !== undefined) {
    throw new Problem('truncated', 'The tar file ends after a header that announces another.');
  }
  for await (const chunk of source.rest()) {
    if (!isZero(chunk)) throw new Problem('malformed', 'The tar file has bytes after its end mark.');
  }
}

/** Whether 512 bytes are the header of a tar entry: its checksum is right. */
export function isTarHeader(block: Buffer): boolean {
  return block.length === blockBytes && !isZero(block) && hasChecksum(block);
}

function readHeader(block: Buffer, offset: number): TarHeader {
  if (!hasChecksum(block)) {
    throw new Problem('malformed', `The tar file has no valid header at byte ${offset}.`);
  }
  const name = readText(block.subarray(0, 100));
  // GNU's own magic is "ustar  ", and where POSIX has a prefix it has other things.
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? readText(block.subarray(345, 500)) : '';
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: block.toString('latin1', 156, 157),
    sizeBytes: readNumber(block.subarray(124, 136), offset),
  };
}

function kindOf(type: string, name: string): string {
  switch (type) {
    case '0':
    case '\0':
    case '7':
      // Before ustar a directory was a file whose name ends like this.
      return name.endsWith('/') ? 'directory' : 'file';
    case '5':
      return 'directory';
    case '1':
    case '2':
      return 'is a link';
    case '3':
    case '4':
      return 'is a device';
    case '6':
      return 'is a pipe';
    case 'S':
      return 'is a sparse file';
    default:
      return `is of the unknown type ${JSON.stringify(type)}`;
  }
}

async function readMetadata(source: ByteSource, { name, sizeBytes }: TarHeader): Promise<Buffer> {
  if (sizeBytes > metadataBytesMax) {
    throw refusedEntry(name, `has ${sizeBytes} bytes of metadata; at most ${metadataBytesMax} are read`);
  }
  const bytes = await source.read(sizeBytes);
  if (bytes.length < sizeBytes) throw new Problem('truncated', 'The tar file ends within the metadata of an entry.');
  await skipPadding(source, sizeBytes);
  return bytes;
}

function readAhead(ahead: Ahead, { type, name }: TarHeader, bytes: Buffer): void {
  if (type === 'L') ahead.name = readText(bytes);
  if (type !== 'x') return; // 'K' is the target of a link, 'g' says nothing of one entry
  for (const [key, value] of paxRecords(bytes, name)) {
    if (key === 'path') ahead.name = value;
    if (key === 'size') {
      if (!/^\d{1,15}$/.test(value)) throw new Problem('malformed', 'A pax record gives a size that is no number.');
      ahead.sizeBytes = Number(value);
    }
    if (key.startsWith('GNU.sparse.')) ahead.sparse = true;
  }
}

/** `"<length> <key>=<value>\n"`, where the length covers the whole record. */
function* paxRecords(bytes: Buffer, name: string): Generator<[string, string]> {
  for (let start = 0; start < bytes.length;) {
    const space = bytes.indexOf(0x20, start);
    const digits = bytes.toString('latin1', start, space === -1 || space > start + 6 ? start : space);
    const end = start + Number(digits);
    const equals = bytes.indexOf(0x3d, space);
    if (!/^[1-9]\d*$/.test(digits) || end > bytes.length || bytes[end - 1] !== 0x0a || equals < 0 || equals >= end) {
      throw new Problem('malformed', `The pax records of ${JSON.stringify(name.slice(0, 100))} are damaged.`);
    }
    yield [bytes.toString('utf8', space + 1, equals), bytes.toString('utf8', equals + 1, end - 1)];
    start = end;
  }
}

async function skipPadding(source: ByteSource, sizeBytes: number): Promise<void> {
  const padding = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
  for await (const _ of source.take(padding));
}

function hasChecksum(block: Buffer): boolean {
  const written = /^[ \0]*([0-7]{1,7})[ \0]/.exec(block.toString('latin1', 148, 157));
  if (!written) return false;
  let unsigned = 8 * 0x20;
  let signed = 8 * 0x20;
  for (let i = 0; i < blockBytes; i++) {
    if (i >= 148 && i < 156) continue;
    unsigned += block[i];
    signed += (block[i] << 24) >> 24;
  }
  const sum = parseInt(written[1], 8);
  return sum === unsigned || sum === signed;
}

/** Octal digits, or for what does not fit GNU's big-endian number with the highest bit set. */
function readNumber(field: Buffer, offset: number): number {
  if (field[0] === 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (Number.isSafeInteger(value)) return value;
  } else {
    const text = /^ *([0-7]*)[ \0]*$/.exec(field.toString('latin1'));
    if (text) return text[1] === '' ? 0 : parseInt(text[1], 8);
  }
  throw new Problem('malformed', `The header at byte ${offset} of the tar file gives a size that is no number.`);
}

function readText(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

function isZero(bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}
