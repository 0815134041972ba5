import type { SymbolTable } from '../analysis/stack-profile.js';
import { type ByteReader, ByteWriter, DamagedBlockError, openBlock, sealBlock, unzigzag, zigzag } from './block.js';

/**
 * A run of one service's functions, files and frames.
 *
 *     functions, files, frames   varints: how many
 *     strings                    functions, then files; each as the bytes that it shares with the one before it, the
 *                                bytes that it adds, both varints, and, after all of these, the added bytes themselves
 *     frames                     all functions, then all files, then all lines, each as the zigzag distance to the
 *                                frame before
 *
 * Frames name functions and files by their number in the whole service, so a block may refer to earlier blocks. New
 * symbols are sorted by name before they are numbered, which is what makes the shared prefixes long.
 */
const version = 1;

const longestNameBytes = 2 ** 24;

/**
 * @param symbols strings are well-formed Unicode: a lone surrogate would come back as U+FFFD
 * @throws RangeError for a name of more than 16 MiB
 */
export async function encodeSymbolBlock(symbols: SymbolTable): Promise<Buffer> {
  const out = new ByteWriter(symbols.functions.length * 48 + symbols.frameLine.length * 6 + 64);
  out.uint(symbols.functions.length);
  out.uint(symbols.files.length);
  out.uint(symbols.frameLine.length);
  const added: Uint8Array[] = [];
  let before: Uint8Array = Buffer.alloc(0);
  for (const strings of [symbols.functions, symbols.files]) {
    for (const string of strings) {
      const bytes = Buffer.from(string, 'utf8');
      if (bytes.length > longestNameBytes) throw new RangeError(`a name of ${bytes.length} bytes`);
      let shared = 0;
      while (shared < bytes.length && bytes[shared] === before[shared]) shared++;
      out.uint(shared);
      out.uint(bytes.length - shared);
      added.push(bytes.subarray(shared));
      before = bytes;
    }
  }
  for (const bytes of added) out.raw(bytes);
  for (const column of [symbols.frameFunction, symbols.frameFile, symbols.frameLine]) {
    let previous = 0;
    for (const value of column) {
      out.uint(zigzag(value - previous));
      previous = value;
    }
  }
  return sealBlock(version, out.bytes());
}

/** @throws DamagedBlockError */
export function decodeSymbolBlock(data: Uint8Array): SymbolTable {
  const content = openBlock(version, data);
  const functionCount = content.count(2);
  const fileCount = content.count(2);
  const frameCount = content.count(3);
  const strings = readStrings(content, functionCount + fileCount);
  const symbols = {
    functions: strings.slice(0, functionCount),
    files: strings.slice(functionCount),
    frameFunction: readColumn(content, frameCount),
    frameFile: readColumn(content, frameCount),
    frameLine: readColumn(content, frameCount),
  };
  content.end();
  return symbols;
}

function readStrings(content: ByteReader, count: number): string[] {
  const shared = new Int32Array(count);
  const added = new Int32Array(count);
  let longest = 0;
  for (let index = 0, length = 0; index < count; index++) {
    shared[index] = content.uint();
    added[index] = content.uint();
    if (shared[index] > length) throw new DamagedBlockError(`${shared[index]} bytes shared with ${length}`);
    length = shared[index] + added[index];
    if (length > longestNameBytes) throw new DamagedBlockError(`a name of ${length} bytes`);
    longest = Math.max(longest, length);
  }
  const bytes = Buffer.alloc(longest);
  const strings: string[] = [];
  for (let index = 0; index < count; index++) {
    bytes.set(content.raw(added[index]), shared[index]);
    strings.push(bytes.toString('utf8', 0, shared[index] + added[index]));
  }
  return strings;
}

function readColumn(content: ByteReader, count: number): Int32Array {
  const column = new Int32Array(count);
  let value = 0;
  for (let index = 0; index < count; index++) {
    value += unzigzag(content.uint());
    if (value !== (value | 0)) throw new DamagedBlockError(`the number ${value} in a frame`);
    column[index] = value;
  }
  return column;
}
