import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { startTestApp, type TestApp } from '../app.js';
import { paxRecords, type TarEntry, tarFile, type ZipEntry, zipFile } from '../builders/archive-files.js';
import { profileBytes } from '../ingest/profiles.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';
import { fixture, send } from './uploads.js';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app?.close());

let made = 0;
const freshProfile = () => profileBytes({ inuse_space: BigInt(++made) });
const freshService = () => `service-${++made}`;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- an answer over HTTP is unknown to the compiler
  readonly body: any;
}

type Query = Readonly<Record<string, string>>;

async function post(
  body: FormData | Uint8Array,
  query: Query,
  { key = app.keys.ingest, headers = {} }: { key?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const address = `${app.url}/api/v1/captures?${new URLSearchParams(query).toString()}`;
  const answer = await fetch(address, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body,
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, body: JSON.parse(text) };
}

/** A form of fields and, as pairs of name and bytes, files. */
function form(parts: readonly [field: string, value: string | [string, Uint8Array]][]): FormData {
  const data = new FormData();
  for (const [field, value] of parts) {
    if (typeof value === 'string') data.append(field, value);
    else data.append(field, new Blob([value[1]]), value[0]);
  }
  return data;
}

const get = async (id: string, query: Query = {}, key = app.keys.read) =>
  app.http(key).get(`/api/v1/captures/${id}`).query(query);

/** How many rows there are of everything that an upload writes. */
async function recorded(): Promise<Record<string, number>> {
  const [row] = await app.db.readTenant(app.tenantId, (tx) =>
    tx.query(`select (select count(*)::int from capture) as captures, (select count(*)::int from capture_part) as parts,
                     (select count(*)::int from upload) as uploads, (select count(*)::int from snapshot) as snapshots,
                     (select count(*)::int from blob) as blobs, (select count(*)::int from idempotency) as answers`),
  );
  return row as Record<string, number>;
}

const unfinished = () => readdirSync(path.join(app.config.dataDir, 'archive', 'tmp'));

describe('202: all files of the capture are durable', () => {
  it('a form: each file is a snapshot of its own, and together they are a capture', async () => {
    const heap = freshProfile();
    const goroutine = fixture('go1.25/goroutine.pb.gz');
    const parts: [string, string | [string, Uint8Array]][] = [
      ['service', 'checkout-api'],
      ['instance', 'pod-1'],
      ['build', 'v1.2.3'],
      ['git_sha', 'abc'],
      ['label.region', 'eu-west-1'],
      ['heap', ['heap.pb', heap]],
      ['whatever', ['goroutine.pb.gz', goroutine]],
      ['logs', ['notes.txt', Buffer.from('nothing that anybody knows')]],
    ];
    const answer = await post(form(parts), { env: 'production' });
    expect(answer.status).toBe(202);
    const self = `/api/v1/captures/${answer.body.id}`;
    expect(answer.headers.get('location')).toBe(self);
    const receipt = (name: string, kind: string | null, bytes: Uint8Array) => ({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      name,
      kind,
      state: 'stored',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      duplicate: false,
      links: expect.objectContaining({ self: expect.stringMatching(/^\/api\/v1\/snapshots\//) }),
    });
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      service: 'checkout-api',
      instance: 'pod-1',
      captured_at: expect.stringMatching(/^20\d\d-.*Z$/),
      duplicate: false,
      snapshots: [
        receipt('heap.pb', 'heap', heap),
        receipt('goroutine.pb.gz', null, goroutine),
        receipt('notes.txt', null, Buffer.from('nothing that anybody knows')),
      ],
      skipped: [],
      links: { self },
    });

    const { body } = await get(answer.body.id, { wait: '30' });
    expect(body).toMatchObject({
      id: answer.body.id,
      service: 'checkout-api',
      instance: 'pod-1',
      captured_from: 'receipt',
      build: { version: 'v1.2.3', git_sha: 'abc', ci_build: '' },
      env: 'production',
      labels: { region: 'eu-west-1' },
      files: 3,
      states: { stored: 0, parsing: 0, indexed: 2, rejected: 1, quarantined: 0 },
      settled: true,
    });
    const [first, second, third] = body.snapshots;
    expect(first).toMatchObject({ name: 'heap.pb', kind: 'heap', state: 'indexed', problem: null });
    expect(second).toMatchObject({ name: 'goroutine.pb.gz', kind: 'goroutine', captured_from: 'artefact' });
    expect(third).toMatchObject({ name: 'notes.txt', state: 'rejected', problem: { code: 'unrecognized-format' } });
    expect(second.parts).toEqual([{ id: second.id, part: 0, kind: 'goroutine' }]);
    // As the same snapshot says of itself.
    const alone = await app.http(app.keys.read).get(`/api/v1/snapshots/${second.id}`);
    expect(alone.body).toEqual(second);
    expect(alone.body.capture_id).toBe(answer.body.id);
    const raw = await app.http(app.keys.read).get(`/api/v1/snapshots/${first.id}/raw`).buffer();
    expect(Buffer.from(raw.body as Uint8Array).equals(heap)).toBe(true);
  });

  const files = (): [string, Buffer][] => [
    ['a/heap.pb', freshProfile()],
    ['a/b/large.bin', randomBytes(3_000_000)],
    ['text.log', Buffer.from(`line ${++made}\n`.repeat(50))],
  ];
  const asTar = (entries: [string, Buffer][]): TarEntry[] => [
    { name: 'a/', type: '5' },
    ...entries.map(([name, bytes]) => ({ name, bytes })),
  ];
  it.each<[string, (entries: [string, Buffer][]) => Buffer]>([
    ['.tar', (entries) => tarFile(asTar(entries))],
    ['.tar.gz', (entries) => gzipSync(tarFile(asTar(entries)))],
    [
      '.zip',
      (entries) => zipFile([{ name: 'a/', mode: 0o040755 }, ...entries.map(([name, bytes]) => ({ name, bytes }))]),
    ],
    ['.zip without compression', (entries) => zipFile(entries.map(([name, bytes]) => ({ name, bytes, stored: true })))],
  ])('%s: told by its content, each file kept byte for byte', async (_, pack) => {
    const entries = files();
    const answer = await post(pack(entries), { service: 'shop' });
    expect([answer.status, answer.body.code]).toEqual([202, undefined]);
    expect(answer.body.snapshots.map(({ name }: { name: string }) => name)).toEqual(entries.map(([name]) => name));
    for (const [i, [, bytes]] of entries.entries()) {
      const { id, sha256 } = answer.body.snapshots[i];
      expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      const raw = await app.http(app.keys.read).get(`/api/v1/snapshots/${id}/raw`).buffer();
      expect(Buffer.from(raw.body as Uint8Array).equals(bytes)).toBe(true);
    }
    expect(unfinished()).toEqual([]);
  });

  it('a tar with the long names, large numbers and prefixes of pax, GNU and ustar', async () => {
    const long = `${'d/'.repeat(80)}heap.pb`;
    const number = Buffer.alloc(12);
    number[0] = 0x80;
    number.writeUInt32BE(5, 8);
    const body = tarFile([
      { name: 'pax_global_header', type: 'g', bytes: paxRecords({ comment: 'abc' }) },
      { name: 'PaxHeaders/x', type: 'x', bytes: paxRecords({ path: `pax/${long}`, mtime: '1.5' }) },
      { name: 'cut', bytes: Buffer.from(`one ${++made}`) },
      { name: '././@LongLink', type: 'L', bytes: Buffer.from(`gnu/${long}\0`), magic: 'ustar  \0' },
      { name: 'cut', bytes: Buffer.from(`two ${++made}`), magic: 'ustar  \0' },
      { name: 'file', prefix: 'some/where', bytes: Buffer.from(`three ${++made}`) },
      { name: './plain', bytes: Buffer.from('12345'), sizeField: number },
    ]);
    const answer = await post(body, { service: 'shop' });
    expect(answer.body.snapshots.map(({ name }: { name: string }) => name)).toEqual([
      `pax/${long}`,
      `gnu/${long}`,
      'some/where/file',
      'plain',
    ]);
  });

  it('takes captured_at for all files, and without it leaves each its own time', async () => {
    const at = new Date(Date.now() - 3_600_000).toISOString();
    const parts = () => form([['a', ['a', freshProfile()]], ['b', ['b', Buffer.from(`gc ${++made} @0.1s 0%`)]]]); // prettier-ignore
    const given = await post(parts(), { service: 'shop', captured_at: at });
    expect(Date.parse(given.body.captured_at)).toBe(Date.parse(at));
    expect((await get(given.body.id)).body.captured_at).toBe(given.body.captured_at);
    const both = (await get(given.body.id)).body.snapshots as { captured_at: string }[];
    expect(both.map(({ captured_at }) => Date.parse(captured_at))).toEqual([Date.parse(at), Date.parse(at)]);
    const own = await post(form([['a', ['a', fixture('go1.25/heap.pb.gz')]]]), { service: freshService() });
    const { body } = await get(own.body.id, { wait: '30' });
    expect(body.snapshots[0].captured_from).toBe('artefact');
    expect(body.captured_from).toBe('receipt');
  });

  it('passes over files without a byte and what an operating system adds, and says so', async () => {
    const answer = await post(
      zipFile([
        { name: 'heap.pb', bytes: freshProfile() },
        { name: 'empty.log' },
        { name: '__MACOSX/._heap.pb', bytes: Buffer.from('resource fork') },
      ]),
      { service: 'shop' },
    );
    expect(answer.body.snapshots).toHaveLength(1);
    const skipped = [
      { name: 'empty.log', reason: 'empty' },
      { name: '__MACOSX/._heap.pb', reason: 'metadata' },
    ];
    expect(answer.body.skipped).toEqual(skipped);
    expect((await get(answer.body.id)).body.skipped).toEqual(skipped);
  });

  it('keeps of the name of a file in a form what can be shown, without its folders', async () => {
    const boundary = 'x';
    const names = ['../../etc/passwd', 'C:\\dumps\\heap.pb', 'a\u202eb', '..', 'größe.pb'];
    const body = names.map(
      (name) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="${name.replaceAll('\\', '\\\\')}"\r\n\r\n` +
        `text ${++made}\r\n`,
    );
    const answer = await post(Buffer.from(`${body.join('')}--${boundary}--\r\n`), { service: 'shop' }, {
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    }); // prettier-ignore
    expect(answer.body.snapshots.map(({ name }: { name: string }) => name)).toEqual([
      'passwd',
      'heap.pb',
      'a\uFFFDb',
      'f',
      'größe.pb',
    ]);
  });

  it('writes nothing outside of the archive, whatever a file is called', async () => {
    const before = readdirSync(app.config.dataDir).sort();
    await post(form([['f', ['../escaped', freshProfile()]]]), { service: 'shop' });
    await post(tarFile([{ name: '../escaped', bytes: freshProfile() }]), { service: 'shop' });
    expect(readdirSync(app.config.dataDir).sort()).toEqual(before);
  });
});

describe('the identity of a capture', () => {
  it('the same artefacts sent together again are the same capture, in any order, form and at the same time', async () => {
    const [a, b] = [freshProfile(), freshProfile()];
    const service = freshService();
    const answers = await Promise.all([
      post(form([['f', ['a', a]], ['f', ['b', b]]]), { service }), // prettier-ignore
      post(form([['f', ['b', b]], ['f', ['a', a]]]), { service }), // prettier-ignore
      post(zipFile([{ name: 'a', bytes: a }, { name: 'b', bytes: b }]), { service }), // prettier-ignore
      post(tarFile([{ name: 'b', bytes: b }, { name: 'a', bytes: a }]), { service }), // prettier-ignore
    ]);
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect(new Set(answers.map(({ body }) => body.id as string)).size).toBe(1);
    expect(answers.filter(({ body }) => body.duplicate === false)).toHaveLength(1);
    expect((await get(answers[0].body.id)).body.files).toBe(2);
  });

  it('an artefact that was sent before is the same snapshot, and in the capture all the same', async () => {
    const [a, b, c] = [freshProfile(), freshProfile(), freshProfile()];
    const service = freshService();
    const alone = await send(app, a, { service });
    const first = await post(form([['f', ['a', a]], ['f', ['b', b]]]), { service }); // prettier-ignore
    expect(first.body.snapshots.map(({ duplicate }: { duplicate: boolean }) => duplicate)).toEqual([true, false]);
    expect(first.body.snapshots[0].id).toBe(alone);
    const second = await post(form([['f', ['b2', b]], ['f', ['c', c]]]), { service }); // prettier-ignore
    expect(second.body.duplicate).toBe(false);
    const shown = (await get(second.body.id)).body.snapshots as { id: string; name: string; capture_id: string }[];
    expect(shown.map(({ id, name }) => [id, name])).toEqual([
      [first.body.snapshots[1].id, 'b2'],
      [second.body.snapshots[1].id, 'c'],
    ]);
    // What was alone belongs to the first capture that it came in; what was in one stays there.
    const captureOf = async (id: string) => (await app.http().get(`/api/v1/snapshots/${id}`)).body.capture_id as string;
    expect(await captureOf(alone)).toBe(first.body.id);
    expect(await captureOf(shown[0].id)).toBe(first.body.id);
  });

  it('the same bytes twice in one capture are one snapshot under two names', async () => {
    const a = freshProfile();
    const answer = await post(form([['f', ['a', a]], ['f', ['b', a]]]), { service: freshService() }); // prettier-ignore
    const [first, second] = answer.body.snapshots;
    expect([first.duplicate, second.duplicate, second.id === first.id]).toEqual([false, true, true]);
    const { body } = await get(answer.body.id);
    expect(body.snapshots.map(({ name }: { name: string }) => name)).toEqual(['a', 'b']);
    expect(body.snapshots[0].capture_id).toBe(answer.body.id);
  });

  it('text without a clock is a new capture each time, unless its time is given', async () => {
    const text = Buffer.from(`gc ${++made} @0.1s 0%`);
    const service = freshService();
    const ids = [];
    for (const query of [{}, {}]) ids.push((await post(form([['f', ['a', text]]]), { service, ...query })).body.id);
    expect(ids[0]).not.toBe(ids[1]);
    const at = { service, captured_at: new Date().toISOString() };
    const [first, second] = [await post(form([['f', ['a', text]]]), at), await post(form([['f', ['a', text]]]), at)];
    expect([first.body.duplicate, second.body.duplicate, second.body.id]).toEqual([false, true, first.body.id]);
  });

  it('captures that share artefacts and arrive together in any order never wait for each other', async () => {
    const shared = Array.from({ length: 6 }, freshProfile);
    const service = freshService();
    const orders = Array.from({ length: 12 }, (_, i) =>
      [...shared.slice(i % 6), ...shared.slice(0, i % 6)].slice(0, 3 + (i % 3)),
    );
    const answers = await Promise.all(
      orders.map((order) => post(form(order.map((bytes, i) => ['f', [`${i}`, bytes]])), { service })),
    );
    expect(answers.map(({ status }) => status)).toEqual(orders.map(() => 202));
  });
});

describe('Idempotency-Key', () => {
  const withKey = (key: string) => ({ headers: { 'idempotency-key': key } });

  it('repeats the first answer, byte for byte, and makes a retry of clockless text one capture', async () => {
    const text = Buffer.from(`gc ${++made} @0.1s 0%`);
    const first = await post(form([['f', ['a', text]]]), { service: 'shop' }, withKey('capture 1'));
    const second = await post(form([['f', ['a', text]]]), { service: 'shop' }, withKey('capture 1'));
    expect(second.status).toBe(202);
    expect(second.text).toBe(first.text);
    expect([first.headers.get('idempotent-replayed'), second.headers.get('idempotent-replayed')]).toEqual([
      null,
      'true',
    ]);
  });

  it('is refused for other files, other names, other parameters, and for an upload alone', async () => {
    const a = freshProfile();
    await post(form([['f', ['a', a]]]), { service: 'shop' }, withKey('capture 2'));
    for (const [body, query] of [
      [form([['f', ['a', freshProfile()]]]), {}],
      [form([['f', ['b', a]]]), {}],
      [form([['heap', ['a', a]]]), {}],
      [form([['f', ['a', a]]]), { instance: 'b' }],
    ] as const) {
      const answer = await post(body, { service: 'shop', ...query }, withKey('capture 2'));
      expect([answer.status, answer.body.code]).toEqual([422, 'idempotency-mismatch']);
    }
    const alone = await app.http(app.keys.ingest).post('/api/v1/snapshots?service=shop').set('Idempotency-Key', 'capture 2').send(a.toString('latin1')); // prettier-ignore
    expect([alone.status, alone.body.code]).toEqual([422, 'idempotency-mismatch']);
  });
});

describe('refused, and nothing of it recorded', () => {
  const link = 0o120777;
  const one = () => ({ name: 'heap.pb', bytes: freshProfile() });
  const tar = (...entries: TarEntry[]) => post(tarFile([one(), ...entries]), { service: 'shop' });
  const zip = (...entries: ZipEntry[]) => post(zipFile([one(), ...entries]), { service: 'shop' });
  const fields = (...parts: [string, string | [string, Uint8Array]][]) => post(form(parts), {});
  const file = (): [string, [string, Uint8Array]] => ['f', ['a', freshProfile()]];
  const multipart = (text: string, boundary = 'x') =>
    post(
      Buffer.from(text),
      { service: 'shop' },
      { headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } },
    );
  const filePart = '--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n';
  const x = Buffer.from('x');
  const zip64 = (size: bigint) => {
    const extra = Buffer.alloc(12);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(8, 2);
    extra.writeBigUInt64LE(size, 4);
    return extra;
  };

  const cases: [number, string, string, () => Promise<Answer>][] = [
    [422, 'entry-refused', 'a path upwards in a tar', () => tar({ name: '../../etc/passwd', bytes: x })],
    [422, 'entry-refused', 'a path upwards in the middle', () => tar({ name: 'a/../../b', bytes: x })],
    [422, 'entry-refused', 'an absolute path', () => tar({ name: '/etc/passwd', bytes: x })],
    [422, 'entry-refused', 'a drive', () => tar({ name: 'C:/autoexec.bat', bytes: x })],
    [422, 'entry-refused', 'a backslash', () => tar({ name: '..\\a', bytes: x })],
    [422, 'entry-refused', 'a name that was there', () => tar({ name: './heap.pb', bytes: x })],
    [422, 'entry-refused', 'a symbolic link', () => tar({ name: 'l', type: '2' })],
    [422, 'entry-refused', 'a hard link', () => tar({ name: 'l', type: '1' })],
    [422, 'entry-refused', 'a device', () => tar({ name: 'd', type: '3' })],
    [422, 'entry-refused', 'a pipe', () => tar({ name: 'p', type: '6' })],
    [422, 'entry-refused', 'a sparse file', () => tar({ name: 's', type: 'S' })],
    [422, 'entry-refused', 'an unknown type', () => tar({ name: 'u', type: 'Z' })],
    [422, 'entry-refused', 'a folder that leads upwards', () => tar({ name: '../', type: '5' })],
    [422, 'entry-refused', 'a NUL in a pax path', () => tar({ name: 'p', type: 'x', bytes: paxRecords({ path: 'a\0b' }) }, { name: 'a', bytes: x })], // prettier-ignore
    [422, 'entry-refused', 'a pax path upwards', () => tar({ name: 'p', type: 'x', bytes: paxRecords({ path: '../b' }) }, { name: 'a', bytes: x })], // prettier-ignore
    [422, 'entry-refused', 'a sparse file by pax', () => tar({ name: 'p', type: 'x', bytes: paxRecords({ 'GNU.sparse.major': '1' }) }, { name: 'a', bytes: x })], // prettier-ignore
    [422, 'entry-refused', 'a long name that claims a gigabyte', () => tar({ name: 'l', type: 'L', sizeField: Buffer.from('10000000000\0') })], // prettier-ignore
    [422, 'malformed', 'pax records that lie about their length', () => tar({ name: 'p', type: 'x', bytes: Buffer.from('99 path=a\n') }, { name: 'a', bytes: x })], // prettier-ignore
    [
      422,
      'malformed',
      'bytes after the end of a tar',
      () => post(Buffer.concat([tarFile([one()]), x]), { service: 'shop' }),
    ],
    [422, 'malformed', 'a header whose checksum is wrong', () => post(Buffer.concat([tarFile([one()], { endMark: false }), Buffer.alloc(512, 1)]), { service: 'shop' })], // prettier-ignore
    [
      422,
      'truncated',
      'a tar without its end mark',
      () => post(tarFile([one()], { endMark: false }), { service: 'shop' }),
    ],
    [422, 'truncated', 'a tar that announces an entry and ends', () => tar({ name: 'p', type: 'x', bytes: paxRecords({ path: 'a' }) })], // prettier-ignore
    [422, 'truncated', 'a tar cut within a file', () => post(tarFile([one(), { name: 'b', bytes: randomBytes(9_000) }]).subarray(0, 6_000), { service: 'shop' })], // prettier-ignore
    [422, 'truncated', 'a tar.gz cut off', () => post(gzipSync(tarFile([one(), { name: 'b', bytes: randomBytes(9_000) }])).subarray(0, 8_000), { service: 'shop' })], // prettier-ignore
    [422, 'malformed', 'a tar.gz with a wrong checksum', () => { const packed = gzipSync(tarFile([one()])); packed[packed.length - 8] ^= 1; return post(packed, { service: 'shop' }); }], // prettier-ignore
    [422, 'malformed', 'a tar.gz with bytes behind it', () => post(Buffer.concat([gzipSync(tarFile([one()])), Buffer.from('and so on')]), { service: 'shop' })], // prettier-ignore
    [422, 'entry-refused', 'a path upwards in a zip', () => zip({ name: 'a/../../b', bytes: x })],
    [422, 'entry-refused', 'an absolute path in a zip', () => zip({ name: '/b', bytes: x })],
    [422, 'entry-refused', 'a backslash in a zip', () => zip({ name: 'a\\b', bytes: x })],
    [422, 'entry-refused', 'a NUL in a zip', () => zip({ name: 'a\0b', bytes: x })],
    [422, 'entry-refused', 'a name that was there in a zip', () => zip({ name: 'heap.pb', bytes: x })],
    [422, 'entry-refused', 'a link in a zip', () => zip({ name: 'l', bytes: Buffer.from('/etc/passwd'), mode: link })],
    [422, 'entry-refused', 'a device in a zip', () => zip({ name: 'd', mode: 0o020666 })],
    [422, 'entry-refused', 'an encrypted entry', () => zip({ name: 'e', bytes: x, flags: 0x801 })],
    [422, 'entry-refused', 'a compression that is not deflate', () => zip({ name: 'e', bytes: x, method: 12 })],
    [422, 'malformed', 'a strongly encrypted entry', () => zip({ name: 'e', bytes: x, flags: 0x841 })],
    [422, 'malformed', 'an entry with other bytes than its checksum', () => zip({ name: 'e', bytes: x, crc: 1 })],
    [422, 'malformed', 'an entry with more bytes than it says', () => zip({ name: 'e', bytes: randomBytes(5_000), size: 10 })], // prettier-ignore
    [422, 'malformed', 'an entry with fewer bytes than it says', () => zip({ name: 'e', bytes: x, size: 10 })],
    [413, 'body-too-large', 'a zip64 entry that claims a terabyte', () => zip({ name: 'e', bytes: x, size: 0xffffffff, extra: zip64(1n << 40n) })], // prettier-ignore
    [422, 'malformed', 'a zip64 entry without its size', () => zip({ name: 'e', bytes: x, size: 0xffffffff, extra: Buffer.from([1, 0, 0, 0]) })], // prettier-ignore
    [422, 'malformed', 'a zip with more entries than it says', () => post(zipFile([one(), { name: 'b', bytes: x }], { count: 1 }), { service: 'shop' })], // prettier-ignore
    [422, 'truncated', 'a zip cut off', () => post(zipFile([one(), { name: 'b', bytes: randomBytes(5_000) }]).subarray(0, 4_000), { service: 'shop' })], // prettier-ignore
    [422, 'validation-failed', 'a zip without files', () => post(zipFile([]), { service: 'shop' })],
    [
      422,
      'validation-failed',
      'a zip with nothing in its files',
      () => post(zipFile([{ name: 'empty' }]), { service: 'shop' }),
    ],
    [422, 'unrecognized-format', 'a profile alone', () => post(freshProfile(), { service: 'shop' })],
    [
      422,
      'unrecognized-format',
      'a compressed profile alone',
      () => post(gzipSync(freshProfile()), { service: 'shop' }),
    ],
    [422, 'validation-failed', 'no body', () => post(Buffer.alloc(0), { service: 'shop' })],
    [422, 'validation-failed', 'a form without files', () => fields(['service', 'shop'])],
    [422, 'validation-failed', 'a form without a service', () => fields(file())],
    [422, 'validation-failed', 'no service', () => post(tarFile([one()]), {})],
    [422, 'invalid-name', 'a bad service', () => fields(['service', '../a'], file())],
    [422, 'validation-failed', 'a field after a file', () => fields(['service', 'shop'], file(), ['instance', 'a'])],
    [
      422,
      'validation-failed',
      'a field that is no parameter',
      () => fields(['service', 'shop'], ['colour', 'blue'], file()),
    ],
    [422, 'validation-failed', '__proto__ as a field', () => fields(['service', 'shop'], ['__proto__', 'x'], file())],
    [422, 'validation-failed', 'a kind for all', () => post(tarFile([one()]), { service: 'shop', kind: 'heap' })],
    [422, 'validation-failed', 'a file that came as a field', () => fields(['service', 'shop'], ['heap', 'x'.repeat(20_000)], file())], // prettier-ignore
    [422, 'validation-failed', 'a contradiction', () => post(form([['service', 'a'], file()]), { service: 'b' })],
    [400, 'duplicate-parameter', 'a field twice', () => fields(['service', 'a'], ['service', 'a'], file())],
    [
      422,
      'outside-time-window',
      'a time long ago',
      () => fields(['service', 'a'], ['captured_at', '1999-12-31'], file()),
    ],
    [422, 'truncated', 'a form without its last boundary', () => multipart(`${filePart}text`)],
    [422, 'truncated', 'a form cut within a header', () => multipart('--x\r\nContent-Disposition: form-da')],
    [
      422,
      'malformed',
      'a form with a broken header',
      () => multipart('--x\r\nContent Disposition\0: a\r\n\r\n\r\n--x--'),
    ],
    [422, 'truncated', 'a form with another boundary', () => multipart(`${filePart}text\r\n--x--`, 'y')],
    [422, 'malformed', 'a form without a boundary', () => post(x, { service: 'shop' }, { headers: { 'content-type': 'multipart/form-data' } })], // prettier-ignore
    [415, 'unsupported-encoding', 'a compressed form', () => post(x, { service: 'shop' }, { headers: { 'content-type': 'multipart/form-data; boundary=x', 'content-encoding': 'gzip' } })], // prettier-ignore
    [
      401,
      'unauthenticated',
      'a wrong key',
      () => post(tarFile([one()]), { service: 'shop' }, { key: 'tmk_ingest_wrong' }),
    ],
    [403, 'insufficient-scope', 'a key that only reads', () => post(tarFile([one()]), { service: 'shop' }, { key: app.keys.read })], // prettier-ignore
  ];
  it.each(cases)('%i %s: %s', async (status, code, _what, sendIt) => {
    const before = await recorded();
    const answer = await sendIt();
    expect([answer.status, answer.body.code, answer.body.detail]).toEqual([status, code, expect.any(String)]);
    expect(await recorded()).toEqual(before);
    expect(unfinished()).toEqual([]);
  });

  it('a form on /api/v1/snapshots is told where forms are taken', async () => {
    const answer = await app
      .http(app.keys.ingest)
      .post('/api/v1/snapshots?service=shop')
      .attach('heap', freshProfile(), 'a');
    expect([answer.status, answer.body.code]).toEqual([415, 'unsupported-media-type']);
    expect(answer.body.detail).toContain('POST /api/v1/captures');
  });

  it('a zip, tar, tar.gz and form cut anywhere are refused as truncated or malformed, and never kept in part', async () => {
    const bytes = [freshProfile(), randomBytes(700)];
    const entries = bytes.map((b, i) => ({ name: `f${i}`, bytes: b }));
    const encoded = new Response(form(bytes.map((b, i) => ['f', [`f${i}`, b]])));
    const type = encoded.headers.get('content-type')!;
    const bodies: [Buffer, string][] = [
      [zipFile(entries), 'application/zip'],
      [tarFile(entries), 'application/x-tar'],
      [gzipSync(tarFile(entries)), 'application/gzip'],
      [Buffer.from(await encoded.arrayBuffer()), type],
    ];
    const before = await recorded();
    for (const [body, contentType] of bodies) {
      // Half of the end mark of a tar is enough, and the line end behind the last boundary of a form is not missed.
      const ends = body.length - (contentType === 'application/x-tar' ? 513 : contentType === type ? 3 : 1);
      for (let i = 1; i <= 20; i++) {
        const cut = Math.floor((ends * i) / 20);
        const headers = { 'content-type': contentType };
        const answer = await post(body.subarray(0, cut), { service: 'shop' }, { headers });
        expect([cut, contentType, answer.status]).toEqual([cut, contentType, 422]);
        expect(['truncated', 'malformed', 'unrecognized-format']).toContain(answer.body.code);
      }
    }
    expect(await recorded()).toEqual(before);
    expect(unfinished()).toEqual([]);
  });
});

describe('limits of a tenant', () => {
  const withLimits = async (limits: Record<string, number>) => {
    const tenant = await insertTenant(app.db, `limited-${++made}`);
    await app.db.acrossTenants((tx) =>
      tx.query('update tenant set limits = $2 where tenant_id = $1', [tenant.tenantId, limits]),
    );
    const key = (await insertTestKey(app.db, tenant.tenantId, 'ingest')).text;
    const rows = async (): Promise<number> => {
      const [{ n }] = await app.db.readTenant(tenant.tenantId, (tx) =>
        tx.query('select (select count(*) from upload)::int + (select count(*) from capture)::int as n'),
      );
      return n as number;
    };
    return { key, rows };
  };
  const many = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `f${i}`, bytes: freshProfile() }));
  const asForm = (entries: { name: string; bytes: Uint8Array }[]) => form(entries.map(({ name, bytes }) => ['f', [name, bytes]])); // prettier-ignore
  const zeros = (bytes: number) => ({ name: 'zeros', bytes: Buffer.alloc(bytes) });

  it.each<[string, string, Record<string, number>, number, () => FormData | Buffer]>([
    ['a form with too many files', 'parts_per_capture', { parts_per_capture: 3 }, 422, () => asForm(many(4))],
    ['a tar with too many files', 'parts_per_capture', { parts_per_capture: 3 }, 422, () => tarFile(many(4))],
    ['a zip with too many files', 'parts_per_capture', { parts_per_capture: 3 }, 422, () => zipFile(many(4))],
    ['a tar of folders', 'archive_entries', { archive_entries: 5 }, 422, () => tarFile(Array.from({ length: 6 }, (_, i) => ({ name: `d${i}/`, type: '5' })))], // prettier-ignore
    ['a zip of folders', 'archive_entries', { archive_entries: 5 }, 422, () => zipFile(Array.from({ length: 6 }, (_, i) => ({ name: `d${i}/` })))], // prettier-ignore
    ['a body that is too large', 'body_bytes', { body_bytes: 2_000 }, 413, () => tarFile(many(3))],
    ['a third file that is too large once unpacked', 'body_bytes', { body_bytes: 20_000 }, 413, () => zipFile([...many(2), zeros(30_000)])], // prettier-ignore
    [
      'the same in a tar.gz',
      'body_bytes',
      { body_bytes: 20_000 },
      413,
      () => gzipSync(tarFile([...many(2), zeros(30_000)])),
    ],
    ['a zip that unpacks to too much', 'unpacked_bytes', { unpacked_bytes: 50_000 }, 413, () => zipFile(['a', 'b', 'c'].map((name) => ({ name, bytes: randomBytes(20_000) })))], // prettier-ignore
    ['a tar.gz that unpacks to too much', 'unpacked_bytes', { unpacked_bytes: 50_000 }, 413, () => gzipSync(tarFile([{ name: 'a', bytes: randomBytes(60_000) }]))], // prettier-ignore
    ['a bomb in a zip', 'unpacked_ratio', {}, 413, () => zipFile([...many(1), zeros(20_000_000)])],
    ['a bomb in a tar.gz', 'unpacked_ratio', {}, 413, () => gzipSync(tarFile([...many(1), zeros(20_000_000)]))],
    ['a bomb in the padding of a tar.gz', 'unpacked_ratio', {}, 413, () => gzipSync(Buffer.concat([tarFile(many(1)), Buffer.alloc(20_000_000)]))], // prettier-ignore
  ])('%s is refused by %s, and nothing is recorded', async (_, limit, limits, status, make) => {
    const { key, rows } = await withLimits(limits);
    const answer = await post(make(), { service: 'shop' }, { key });
    expect(answer.body).toMatchObject({ status, limit });
    expect(Number(answer.body.actual)).toBeGreaterThan(Number(answer.body.allowed));
    expect(await rows()).toBe(0);
    expect(unfinished()).toEqual([]);
  });

  it('a body whose length was not announced is refused as soon as it is too large', async () => {
    const { key, rows } = await withLimits({ body_bytes: 100_000 });
    const chunks = [tarFile([{ name: 'a', bytes: randomBytes(90_000) }], { endMark: false }), randomBytes(20_000)];
    const answer = await fetch(`${app.url}/api/v1/captures?service=shop`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: new Blob(chunks).stream(),
      duplex: 'half',
    });
    expect(await answer.json()).toMatchObject({ code: 'body-too-large', limit: 'body_bytes', allowed: 100_000 });
    expect(await rows()).toBe(0);
  });

  it('every file counts as an upload', async () => {
    const { key } = await withLimits({ uploads_per_minute: 6 });
    expect((await post(asForm(many(5)), { service: 'shop' }, { key })).status).toBe(202);
    expect((await post(asForm(many(5)), { service: 'shop' }, { key })).status).toBe(202);
    const refused = await post(asForm(many(1)), { service: 'shop' }, { key });
    expect(refused.body).toMatchObject({ code: 'rate-limited', limit: 'uploads_per_minute' });
    // Five and five of six: four too many, and the one that is asked for.
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(40);
  });
});

describe('a capture that breaks off', () => {
  const head = (type: string) =>
    `POST /api/v1/captures?service=shop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${app.keys.ingest}\r\n` +
    `Content-Type: ${type}\r\nContent-Length: 1000000\r\n\r\n`;
  const formPart = '--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n';
  it.each<[string, string, () => Buffer]>([
    [
      'a form',
      'multipart/form-data; boundary=x',
      () => Buffer.from(`${formPart}one\r\n${formPart}${'x'.repeat(50_000)}`),
    ],
    ['a tar', 'application/x-tar', () => tarFile([{ name: 'a', bytes: freshProfile() }, { name: 'b', bytes: randomBytes(90_000) }]).subarray(0, 60_000)], // prettier-ignore
    ['a tar.gz', 'application/gzip', () => gzipSync(tarFile([{ name: 'a', bytes: freshProfile() }, { name: 'b', bytes: randomBytes(90_000) }])).subarray(0, 60_000)], // prettier-ignore
  ])('leaves nothing: %s', async (_, type, bytes) => {
    const before = await recorded();
    const socket = net.connect(Number(new URL(app.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(head(type));
    socket.write(bytes());
    while (unfinished().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.destroy();
    while (unfinished().length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await recorded()).toEqual(before);
  });
});

describe('GET /api/v1/captures', () => {
  const minute = (i: number) => new Date(Date.now() - i * 60_000).toISOString();
  let service: string;
  const ids: string[] = [];

  beforeAll(async () => {
    service = freshService();
    for (let i = 0; i < 5; i++) {
      const query = {
        service,
        captured_at: minute(10 - i),
        instance: i % 2 ? 'odd' : 'even',
        build: `v${i}`,
        env: i < 2 ? 'a' : 'b',
      };
      ids.unshift((await post(form([['f', ['a', freshProfile()]]]), query)).body.id as string);
    }
  });

  const list = async (query: Query, key = app.keys.read) => app.http(key).get('/api/v1/captures').query(query);
  const listed = async (query: Query) =>
    ((await list({ service, ...query })).body.rows as { id: string }[]).map(({ id }) => id);

  it('gives them newest first, each on exactly one page', async () => {
    expect(await listed({})).toEqual(ids);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await list({ service, limit: '2', ...(cursor === '' ? {} : { cursor }) });
      seen.push(...(body.rows as { id: string }[]).map(({ id }) => id));
      cursor = body.next as string | null;
    }
    expect(seen).toEqual(ids);
  });

  it('narrows by instance, build, environment and time', async () => {
    expect(await listed({ instance: 'odd' })).toEqual([ids[1], ids[3]]);
    expect(await listed({ build: 'v3' })).toEqual([ids[1]]);
    expect(await listed({ env: 'a' })).toEqual([ids[3], ids[4]]);
    expect(await listed({ from: minute(8.5), to: minute(6.5) })).toEqual([ids[1], ids[2]]);
    const everywhere = (await list({ instance: 'odd', build: 'v1' })).body.rows as { id: string }[];
    expect(everywhere.map(({ id }) => id)).toEqual([ids[3]]);
  });

  it('says how many files are in which state', async () => {
    await app.settle();
    const { body } = await list({ service, limit: '1' });
    expect(body.rows[0]).toMatchObject({ files: 1, settled: true, states: { indexed: 1, rejected: 0 } });
    expect(body.rows[0].snapshots).toBeUndefined();
  });

  it('refuses the cursor of another list', async () => {
    const { body } = await list({ service, limit: '1' });
    expect((await list({ limit: '1', cursor: body.next })).body.code).toBe('bad-cursor');
  });
});

describe('who may see a capture', () => {
  it('another tenant and another team are answered as about a random id, byte for byte', async () => {
    for (const name of ['payments', 'search']) await app.http().post('/api/v1/teams').send({ name });
    const teamKey = async (team: string) =>
      (await app.http().post('/api/v1/keys').send({ name: team, role: 'read', team })).body.key as string;
    const [payments, search] = [await teamKey('payments'), await teamKey('search')];
    const stranger = await insertTenant(app.db, 'stranger');
    const strangerKey = (await insertTestKey(app.db, stranger.tenantId, 'admin')).text;
    const service = freshService();
    const { body } = await post(form([['f', ['a', freshProfile()]]]), { service, team: 'payments' });

    const seen = async (id: string, key: string) => {
      const { status, text } = await get(id, { wait: '1' }, key);
      return [status, text.replace(/"instance":"[^"]*"/, '')];
    };
    expect((await get(body.id, {}, payments)).body.id).toBe(body.id);
    for (const key of [search, strangerKey]) {
      expect((await seen(body.id, key))[0]).toBe(404);
      expect(await seen(body.id, key)).toEqual(await seen(randomUUID(), key));
    }
    const rows = async (key: string) => (await app.http(key).get('/api/v1/captures')).body.rows as { id: string }[];
    expect((await rows(payments)).map(({ id }) => id)).toEqual([body.id]);
    expect(await rows(search)).toEqual([]);
    expect(await rows(strangerKey)).toEqual([]);
    expect((await app.http(search).get('/api/v1/captures').query({ service })).status).toBe(404);
    expect((await get('nonsense')).status).toBe(404);
  });
});

test('the fixtures in a tar.gz are the profiles that they are alone', async () => {
  const names = ['go1.25/heap.pb.gz', 'go1.25/cpu.pb.gz', 'go1.25/goroutine.pb.gz'];
  const entries = names.map((name) => ({ name, bytes: fixture(name) }));
  const answer = await post(gzipSync(tarFile(entries)), { service: freshService() });
  const { body } = await get(answer.body.id, { wait: '30' });
  const shown = body.snapshots as { kind: string; state: string; id: string }[];
  expect(shown.map(({ kind, state }) => [kind, state])).toEqual(['heap', 'cpu', 'goroutine'].map((kind) => [kind, 'indexed'])); // prettier-ignore
  const profile = await app.http(app.keys.read).get(`/api/v1/snapshots/${shown[0].id}/profile.pb.gz`).buffer();
  expect(gunzipSync(profile.body as Buffer).equals(gunzipSync(entries[0].bytes))).toBe(true);
});
