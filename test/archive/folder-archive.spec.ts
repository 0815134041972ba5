import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { ArchiveDamage, EmptyObject } from '../../src/archive/archive.js';
import { FolderArchive } from '../../src/archive/folder-archive.js';
import { asTenantId } from '../../src/platform/database.js';
import { Problem } from '../../src/platform/problem.js';

const tenant = asTenantId(randomUUID());
const other = asTenantId(randomUUID());
const limits = { maxBytes: 4 * 1024 * 1024, limitName: 'body_bytes' };

let folder: string;
let archive: FolderArchive;

beforeEach(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-archive-'));
  archive = await FolderArchive.open(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const unfinished = () => readdirSync(path.join(folder, 'tmp'));
const placeOf = (hash: Buffer) =>
  path.join(folder, 't', tenant, hash.toString('hex').slice(0, 2), hash.toString('hex'));

/** A stream that yields the bytes in pieces of the given size. */
function inPieces(bytes: Buffer, size: number): Readable {
  return Readable.from(
    (function* () {
      for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
    })(),
  );
}

async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Problem) return error;
  throw new Error('no problem', { cause: error });
}

describe('receiving', () => {
  it('stores the bytes under their hash, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 600_000 }),
        fc.integer({ min: 200, max: 300_000 }),
        async (length, piece) => {
          const bytes = randomBytes(length);
          const received = await archive.receive(tenant, inPieces(bytes, piece), limits);
          expect(received.sha256).toEqual(sha256(bytes));
          expect(received.sizeBytes).toBe(length);
          expect(Buffer.from(received.head)).toEqual(bytes.subarray(0, 4096));
          expect((await archive.read(tenant, received.sha256)).equals(bytes)).toBe(true);
          expect(unfinished()).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('stores the same content once, whoever sends it at the same time', async () => {
    const bytes = randomBytes(100_000);
    await Promise.all(Array.from({ length: 8 }, () => archive.receive(tenant, inPieces(bytes, 1000), limits)));
    expect(readdirSync(path.dirname(placeOf(sha256(bytes))))).toHaveLength(1);
    expect(unfinished()).toEqual([]);
  });

  it('heals a damaged copy when the bytes come again', async () => {
    const bytes = randomBytes(1000);
    const { sha256: hash } = await archive.receive(tenant, inPieces(bytes, 1000), limits);
    writeFileSync(placeOf(hash), 'damaged');
    await archive.receive(tenant, inPieces(bytes, 1000), limits);
    expect(await archive.verify(tenant, hash)).toBe('intact');
  });

  it('leaves nothing of a stream that breaks off', async () => {
    const broken = Readable.from(
      (async function* () {
        yield randomBytes(500_000);
        throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
      })(),
    );
    await expect(archive.receive(tenant, broken, limits)).rejects.toThrow('aborted');
    expect(unfinished()).toEqual([]);
    expect(existsSync(path.join(folder, 't', tenant))).toBe(false);
  });

  it('refuses one byte too many, says so, and leaves the stream for the answer', async () => {
    const stream = inPieces(randomBytes(1001), 100);
    const problem = await problemOf(archive.receive(tenant, stream, { maxBytes: 1000, limitName: 'body_bytes' }));
    expect(problem.toBody()).toMatchObject({ code: 'body-too-large', status: 413, limit: 'body_bytes', allowed: 1000 });
    expect(stream.destroyed).toBe(false);
    expect(unfinished()).toEqual([]);
    await archive.receive(tenant, inPieces(randomBytes(1000), 100), { maxBytes: 1000, limitName: 'body_bytes' });
  });

  it('refuses a stream without a byte', async () => {
    await expect(archive.receive(tenant, Readable.from([]), limits)).rejects.toThrow(EmptyObject);
    expect(unfinished()).toEqual([]);
  });

  it('answers a full disk with 507 and removes what it had written', async () => {
    const mount = path.join(folder, 'small');
    mkdirSync(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount], { stdio: 'ignore' });
    } catch {
      console.log('skipped: a full disk can only be made by root (mount -t tmpfs)');
      return;
    }
    try {
      const small = await FolderArchive.open(mount);
      const kept = await small.receive(tenant, inPieces(randomBytes(50_000), 10_000), limits);
      const problem = await problemOf(small.receive(tenant, inPieces(randomBytes(1_000_000), 10_000), limits));
      expect(problem.toBody()).toMatchObject({ code: 'archive-full', status: 507 });
      expect(problem.options.retryAfterSeconds).toBeGreaterThan(0);
      expect(readdirSync(path.join(mount, 'tmp'))).toEqual([]);
      expect(await small.verify(tenant, kept.sha256)).toBe('intact');
      await small.receive(tenant, inPieces(randomBytes(50_000), 10_000), limits);
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});

describe('reading', () => {
  it('tells damage and loss from what was received, and never gives wrong bytes for right ones', async () => {
    const bytes = randomBytes(200_000);
    const { sha256: hash } = await archive.receive(tenant, inPieces(bytes, 65_536), limits);
    expect(await archive.verify(tenant, hash)).toBe('intact');

    const flipped = readFileSync(placeOf(hash));
    flipped[123_456] ^= 1;
    writeFileSync(placeOf(hash), flipped);
    await expect(archive.read(tenant, hash)).rejects.toThrow(ArchiveDamage);
    await expect(archive.open(tenant, hash).then((stream) => stream.toArray())).rejects.toThrow(ArchiveDamage);
    expect(await archive.verify(tenant, hash)).toBe('corrupt');

    rmSync(placeOf(hash));
    await expect(archive.read(tenant, hash)).rejects.toMatchObject({ condition: 'missing' });
    await expect(archive.open(tenant, hash)).rejects.toMatchObject({ condition: 'missing' });
    expect(await archive.verify(tenant, hash)).toBe('missing');
  });

  it('follows no symbolic link in place of an object', async () => {
    const bytes = randomBytes(10);
    const { sha256: hash } = await archive.receive(tenant, inPieces(bytes, 10), limits);
    const elsewhere = path.join(folder, 'elsewhere');
    writeFileSync(elsewhere, bytes);
    rmSync(placeOf(hash));
    symlinkSync(elsewhere, placeOf(hash));
    await expect(archive.read(tenant, hash)).rejects.toMatchObject({ condition: 'corrupt' });
  });

  it('shows a tenant nothing of another', async () => {
    const bytes = randomBytes(10);
    const { sha256: hash } = await archive.receive(tenant, inPieces(bytes, 10), limits);
    expect(await archive.verify(other, hash)).toBe('missing');
    const listed = async (whose: typeof tenant) => {
      const hashes: string[] = [];
      for await (const each of archive.list(whose)) hashes.push(each.toString('hex'));
      return hashes;
    };
    expect(await listed(tenant)).toEqual([hash.toString('hex')]);
    expect(await listed(other)).toEqual([]);
  });

  it('makes paths of nothing but ids and hashes', async () => {
    const evil = '../../etc' as unknown as typeof tenant;
    await expect(archive.read(evil, sha256(Buffer.from('x')))).rejects.toThrow(TypeError);
    await expect(archive.read(tenant, Buffer.from('../passwd'))).rejects.toThrow('32 bytes');
  });
});

describe('opening', () => {
  it('removes unfinished files that are an hour old, and no younger ones', async () => {
    const old = path.join(folder, 'tmp', 'old');
    const young = path.join(folder, 'tmp', 'young');
    writeFileSync(old, 'half');
    writeFileSync(young, 'half');
    const longAgo = Date.now() / 1000 - 3700;
    utimesSync(old, longAgo, longAgo);
    await FolderArchive.open(folder);
    expect(unfinished()).toEqual(['young']);
  });
});
