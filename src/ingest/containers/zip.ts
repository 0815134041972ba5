import type { FileHandle } from 'node:fs/promises';
import { isNativeError } from 'node:util/types';
import { crc32 } from 'node:zlib';
import { type Entry, fromFdPromise, getFileNameLowLevel, type ZipFile } from 'yauzl';
import { Problem } from '../../platform/problem.js';
import { type TakeFile, type UnpackingLimits, withReadable } from './container.js';
import { refusedEntry } from './entry-name.js';

const directoryEntry = 0x02014b50;
const stored = 0;
const deflated = 8;

/**
 * Reads a zip file by its directory at the end, and each entry as a stream. Directories are passed over; links,
 * devices, encrypted entries and compressions other than deflate are refused. What the directory says of an entry's
 * size and checksum must be so, and it must have as many entries as it says.
 *
 * @throws Problem `malformed`, `truncated`, `entry-refused`, or a limit's own
 */
export async function readZip(file: FileHandle, limits: UnpackingLimits, take: TakeFile): Promise<void> {
  const { size: fileBytes } = await file.stat();
  const zip = await open(file);
  limits.requireEntries(zip.entryCount);
  for await (const entry of entries(zip)) {
    limits.countEntry();
    const raw = rawName(entry);
    const kind = kindOf(entry, raw);
    const name = limits.takeName(kind === 'directory' ? `${raw}/.` : raw);
    if (kind === 'directory') continue;
    if (kind !== 'file') throw refusedEntry(raw, kind);
    limits.requireFileSize(entry.uncompressedSize);
    limits.countUnpacked(entry.uncompressedSize, fileBytes);
    await withReadable(unpacked(zip, entry), (bytes) => take({ name, bytes }));
  }
  // A count of 16 bits wraps around, and whoever believes it does not see the rest.
  const next = Buffer.alloc(4);
  const { bytesRead } = await file.read(next, 0, 4, cursorOf(zip));
  if (bytesRead === 4 && next.readUInt32LE() === directoryEntry) {
    throw new Problem('malformed', 'The zip file has more entries than it says.');
  }
}

async function open(file: FileHandle): Promise<ZipFile> {
  try {
    // The file is closed by whoever opened it. Names are looked at here, where refusals say which entry and why.
    return await fromFdPromise(file.fd, { lazyEntries: true, autoClose: false, decodeStrings: false });
  } catch (error) {
    throw damage(error);
  }
}

async function* entries(zip: ZipFile): AsyncGenerator<Entry> {
  const all = zip.eachEntry();
  for (;;) {
    const next = await all.next().catch((error: unknown) => {
      throw damage(error);
    });
    if (next.done) return;
    yield next.value;
  }
}

async function* unpacked(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer, void, undefined> {
  let checksum = 0;
  try {
    for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
  } catch (error) {
    throw damage(error);
  }
  if (checksum !== entry.crc32) {
    throw new Problem('malformed', 'An entry of the zip file has other bytes than its checksum says.');
  }
}

function kindOf(entry: Entry, name: string): string {
  if (entry.isEncrypted()) return 'is encrypted';
  // The upper half is the mode of a Unix file system, if the entry was made on one.
  const type = (entry.externalFileAttributes >>> 28) & 0xf;
  if (type === 0xa) return 'is a link';
  if (type === 0x4 || name.endsWith('/')) return 'directory';
  if (type !== 0 && type !== 0x8) return 'is a device or pipe';
  const { compressionMethod: method } = entry;
  return method === stored || method === deflated
    ? 'file'
    : `is compressed with method ${method}; only deflate is read`;
}

function rawName({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry): string {
  return getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, true);
}

/** Where the reader stands in the directory; the declared type of the field is wrong. */
function cursorOf(zip: ZipFile): number {
  return zip.readEntryCursor as unknown as number;
}

/** yauzl and zlib say what is wrong with the file; what fails otherwise is not the file. */
function damage(error: unknown): unknown {
  if (error instanceof Problem || !isNativeError(error)) return error;
  if ('syscall' in error) return error;
  const text = error.message;
  const cut = /unexpected EOF|signature not found|unexpected end of file|overflows file bounds/.test(text);
  return cut
    ? new Problem('truncated', 'The zip file ends too early, or its directory is missing.', { cause: error })
    : new Problem('malformed', `The zip file is damaged: ${text.replace(/\p{C}/gu, '\uFFFD').slice(0, 200)}`, {
        cause: error,
      });
}
