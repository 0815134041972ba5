import { crc32, deflateRawSync } from 'node:zlib';

export interface TarEntry {
  readonly name: string;
  readonly bytes?: Uint8Array;
  /** One character; a file unless given. */
  readonly type?: string;
  /** What the header says instead of the true size. */
  readonly sizeField?: Buffer;
  readonly prefix?: string;
  /** POSIX's magic unless given. */
  readonly magic?: string;
}

/** A tar file, with the end mark unless told otherwise. It takes any name and any type. */
export function tarFile(entries: readonly TarEntry[], { endMark = true } = {}): Buffer {
  const blocks = entries.flatMap(({ name, bytes = Buffer.alloc(0), type = '0', sizeField, prefix = '', magic }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write('0000644\0', 100, 'latin1');
    (sizeField ?? Buffer.from(`${bytes.length.toString(8).padStart(11, '0')}\0`)).copy(header, 124);
    header.write(type, 156, 'latin1');
    header.write(magic ?? 'ustar\0' + '00', 257, 'latin1');
    header.write(prefix, 345, 155);
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(endMark ? 1024 : 0)]);
}

/** The records of a pax header. */
export function paxRecords(records: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const body = Buffer.from(` ${key}=${value}\n`);
      let length = body.length + 1;
      while (String(length).length + body.length !== length) length = String(length).length + body.length;
      return Buffer.concat([Buffer.from(String(length)), body]);
    }),
  );
}

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly bytes?: Uint8Array;
  readonly stored?: boolean;
  /** Bit 0: encrypted. */
  readonly flags?: number;
  readonly method?: number;
  /** As of Unix, such as 0o120777. */
  readonly mode?: number;
  readonly crc?: number;
  /** What the directory says instead of the true size. */
  readonly size?: number;
  /** An extra field of the directory's entry. */
  readonly extra?: Buffer;
}

/** A zip file. It takes any name and says whatever it is told. */
export function zipFile(entries: readonly ZipEntry[], { count = entries.length } = {}): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { bytes = Buffer.alloc(0), stored = false, flags = 0x800, mode = 0o100644, extra = Buffer.alloc(0) } = entry;
    const name = Buffer.from(entry.name as string);
    const packed = stored ? Buffer.from(bytes) : deflateRawSync(bytes);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(entry.method ?? (stored ? 0 : 8), 4);
    common.writeUInt32LE(entry.crc ?? crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(entry.size ?? bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, packed]);
    common.writeUInt16LE(extra.length, 24);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, tail, name, extra]));
    files.push(local);
    offset += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listed, end]);
}
