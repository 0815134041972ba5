import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ParseAnswer, ParseRequest } from '../../src/ingest/parsed-part.js';
import { ParserPool, ParserStartError } from '../../src/ingest/parser-pool.js';
import { isAlive } from '../../src/platform/process-files.js';
import { profileBytes } from './profiles.js';
import { openParsers, parserOptions } from './parsers.js';

const MiB = 1024 * 1024;

let folder: string;
let pool: ParserPool | null = null;
let files = 0;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-parsers-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  await pool?.close();
  pool = null;
});

function open(...parameters: Parameters<typeof openParsers>): ParserPool {
  return (pool = openParsers(...parameters));
}

function upload(content: string | Uint8Array, overrides: Partial<ParseRequest> = {}): ParseRequest {
  const file = path.join(folder, String(files++));
  writeFileSync(file, content);
  const sha256 = createHash('sha256').update(content).digest();
  return {
    path: file,
    sha256,
    contentEncoding: 'identity',
    declaredKind: null,
    declaredDelta: null,
    name: null,
    aroundNanos: 0n,
    ...overrides,
  };
}

/** The message of a refusal, which is how the hostile parser answers questions. */
async function ask(parsers: ParserPool, question: string): Promise<string> {
  const answer = await parsers.parse(upload(question));
  if (answer.outcome !== 'refused') throw new Error(`not an answer: ${answer.outcome}`);
  return answer.message;
}

describe('an upload', () => {
  it('comes back as parts, exactly', async () => {
    const answer = await open('real').parse(upload(profileBytes({ inuse_space: 2n ** 62n })));
    if (answer.outcome !== 'parsed') throw new Error(JSON.stringify(answer));
    expect(answer.parts).toHaveLength(1);
    expect(answer.parts[0].kind).toBe('heap');
    expect(answer.parts[0].totals).toContain(2n ** 62n);
    expect(Object.prototype.toString.call(answer.parts[0].stacks!.nodes)).toBe('[object Int32Array]');
  });

  it('is refused with the fault and a message for the sender', async () => {
    const parsers = open('real');
    const faultOf = async (content: string | Uint8Array, overrides: Partial<ParseRequest> = {}) => {
      const answer = await parsers.parse(upload(content, overrides));
      return answer.outcome === 'refused' ? [answer.fault, answer.message] : answer.outcome;
    };
    expect(await faultOf('<!DOCTYPE html><html><body>Not found')).toEqual([
      'unrecognized',
      expect.stringContaining('an HTML page, not a profile'),
    ]);
    expect(await faultOf('hello \u001b[31mworld\u202e\nsecret')).toEqual([
      'unrecognized',
      expect.stringContaining('it begins with "hello \\u{1b}[31mworld\\u{202e}"'),
    ]);
    const profile = profileBytes({ inuse_space: 1n });
    expect(await faultOf(profile.subarray(0, profile.length - 3))).toEqual(['truncated', expect.any(String)]);
    expect(await faultOf(profile, { declaredKind: 'goroutine' })).toEqual(['kind-mismatch', expect.any(String)]);
    expect(await faultOf('not gzip', { contentEncoding: 'gzip' })).toEqual(['malformed', expect.any(String)]);
  });

  it('is never parsed from bytes that are not those received', async () => {
    const parsers = open('real');
    const request = upload(profileBytes({ inuse_space: 1n }));
    writeFileSync(request.path, profileBytes({ inuse_space: 2n }));
    expect(await parsers.parse(request)).toEqual({ outcome: 'damaged', condition: 'corrupt' });
    unlinkSync(request.path);
    expect(await parsers.parse(request)).toEqual({ outcome: 'damaged', condition: 'missing' });
    symlinkSync('/etc/hostname', request.path);
    expect(await parsers.parse(request)).toMatchObject({ outcome: 'unreadable' });
    const away = { ...request, path: path.join(folder, 'not', 'mounted', 'here') };
    expect(await parsers.parse(away)).toMatchObject({ outcome: 'unreadable' });
  });
});

describe('a parser that dies', () => {
  const deaths: [string, Partial<ParseAnswer>][] = [
    ['poison: exit', { outcome: 'crashed', reason: 'exit' }],
    ['poison: kill', { outcome: 'crashed', reason: 'signal' }],
    ['poison: abort', { outcome: 'crashed', reason: 'signal' }],
    ['poison: loop', { outcome: 'crashed', reason: 'timeout' }],
    ['poison: heap', { outcome: 'crashed', reason: 'signal' }],
    ['poison: buffers', { outcome: 'crashed', reason: 'memory' }],
    ['poison: throw', { outcome: 'crashed', reason: 'exception' }],
  ];
  const limits = { heapBytes: 64 * MiB, residentBytes: 300 * MiB };

  it.each(deaths)('takes nobody along: %s', async (poison, expected) => {
    const parsers = open('hostile', 2, { ...limits, ...(poison === 'poison: loop' && { wallMillis: 1_500 }) });
    const innocent = () => parsers.parse(upload(profileBytes({ inuse_space: 7n })));
    const [crashed, ...others] = await Promise.all([parsers.parse(upload(poison)), innocent(), innocent(), innocent()]);
    expect(crashed).toMatchObject(expected);
    for (const other of others)
      expect(other).toMatchObject({ outcome: 'parsed', parts: [{ totals: expect.arrayContaining([7n]) }] });
    expect(await innocent()).toMatchObject({ outcome: 'parsed' });
  });

  it('before it was ready says nothing about the upload', async () => {
    pool = new ParserPool({ ...parserOptions('real'), entry: new URL('file:///nowhere/parser.js') });
    await expect(pool.parse(upload('x'))).rejects.toThrow(ParserStartError);
    await expect(pool.parse(upload('x'))).rejects.toThrow(/did not start.*Cannot find module/s);
  });
});

describe('a parser whose worker is killed', () => {
  it.each(['who?', 'poison: loop'])('ends, whatever it is doing: %s', async (content) => {
    const { path: file } = upload(content);
    const loader = new URL('../run-typescript.mjs', import.meta.url).href;
    const entry = fileURLToPath(new URL('./orphaned-parser.ts', import.meta.url));
    const worker = spawn(process.execPath, ['--import', loader, entry, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const chunk of worker.stdout) {
      said += String(chunk);
      if (/parsers: \d+\n(.*\n){3}/.test(said)) break;
    }
    const parser = Number(/parsers: (\d+)/.exec(said)![1]);
    worker.kill('SIGKILL');
    while (isAlive(parser)) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});

describe('the pool', () => {
  it('gives parsers nothing of its own environment', async () => {
    process.env.DATABASE_URL = 'postgres://secret';
    try {
      expect(await ask(open('hostile'), 'what environment?')).toBe('NODE_ENV TZ');
    } finally {
      delete process.env.DATABASE_URL;
    }
  });

  it('uses a parser again and again, and replaces it once it has grown', async () => {
    const parsers = open('hostile', 1, { recycleBytes: 200 * MiB });
    const first = await ask(parsers, 'who?');
    expect(await ask(parsers, 'who?')).toBe(first);
    for (let i = 0; i < 4; i++) await ask(parsers, 'grow');
    expect(await ask(parsers, 'who?')).not.toBe(first);
    expect(parsers.processIds).toHaveLength(1);
  });

  it('starts no more parsers than it may', async () => {
    const parsers = open('hostile', 2);
    const answered = new Set(await Promise.all(Array.from({ length: 12 }, () => ask(parsers, 'who?'))));
    expect(answered.size).toBeLessThanOrEqual(2);
  });

  it('ends its parsers when it is closed, busy ones too, and blames nobody', async () => {
    const parsers = open('hostile', 2);
    await ask(parsers, 'who?');
    const looping = parsers.parse(upload('poison: loop'));
    const ids = parsers.processIds;
    const waiting = parsers.parse(upload('poison: loop'));
    const third = parsers.parse(upload('poison: loop'));
    const outcomes = Promise.allSettled([looping, waiting, third]);
    await parsers.close();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(ParserStartError) });
    expect(ids.filter(isAlive)).toEqual([]);
    await expect(parsers.parse(upload('who?'))).rejects.toThrow(ParserStartError);
  });
});
