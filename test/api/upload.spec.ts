import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import request from 'supertest';
import { FolderArchive } from '../../src/archive/folder-archive.js';
import { readConfig } from '../../src/platform/config.js';
import type { TenantId } from '../../src/platform/database.js';
import { type RunningApi, startApi } from '../../src/start.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { profileBytes } from '../ingest/profiles.js';
import { insertTenant, insertTestKey } from '../tenants/fixture.js';

let database: TestDatabase;
let folder: string;
let api: RunningApi;
let archive: FolderArchive;
let tenantId: TenantId;
const keys: Record<string, string> = {};

beforeAll(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-upload-'));
  const config = readConfig({
    DATABASE_URL: database.appUrl,
    TIDEMARK_DATA: folder,
    TIDEMARK_PORT: '0',
    TIDEMARK_DATABASE_POOL: '8',
    TIDEMARK_DRAIN_SECONDS: '0',
    ARCHIVE_URL: pathToFileURL(path.join(folder, 'archive')).href,
  });
  api = await startApi({ config, logger: pino({ enabled: false }) });
  archive = await FolderArchive.open(path.join(folder, 'archive'));
  const tenant = await insertTenant(database.db, 'acme', ['default', 'payments', 'search']);
  ({ tenantId } = tenant);
  for (const role of ['ingest', 'read', 'ci', 'admin'] as const) {
    keys[role] = (await insertTestKey(database.db, tenantId, role)).text;
  }
  for (const team of ['payments', 'search']) {
    keys[team] = (await insertTestKey(database.db, tenantId, 'ingest', { teamId: tenant.teamIds[team] })).text;
  }
});
afterAll(async () => {
  await api?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

let made = 0n;
/** A profile that no other test has sent. */
const freshProfile = () => profileBytes({ inuse_space: ++made });
const freshService = () => `service-${++made}`;

function push(body: Buffer | string, query: Record<string, string> = {}, key = keys.ingest): request.Test {
  return request(api.url)
    .post('/api/v1/snapshots')
    .query({ service: 'shop', ...query })
    .set('Authorization', `Bearer ${key}`)
    .set('Content-Type', 'application/octet-stream')
    .send(body);
}

const count = async (table: string) => {
  const [{ rows }] = await database.db.readTenant(tenantId, (tx) =>
    tx.query(`select count(*)::int as rows from ${table}`),
  );
  return rows as number;
};

describe('202: the snapshot is durable', () => {
  it('is in the archive as received, and in the database with the work to do', async () => {
    const body = gzipSync(freshProfile());
    const answer = await push(body, {
      service: 'checkout-api',
      instance: 'pod-1',
      build: 'v1.2.3',
      git_sha: 'abc',
      ci_build: '77',
      capture_ms: '12',
      env: 'production',
      'label.region': 'eu-west-1',
      'label.__proto__': 'harmless',
    });
    expect(answer.status).toBe(202);
    const self = `/api/v1/snapshots/${answer.body.id}`;
    expect(answer.headers.location).toBe(self);
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      kind: null,
      state: 'stored',
      sha256: createHash('sha256').update(body).digest('hex'),
      duplicate: false,
      links: {
        self,
        raw: `${self}/raw`,
        profile: `${self}/profile.pb.gz`,
        top: `${self}/top`,
        flamegraph: `${self}/flamegraph`,
        folded: `${self}/folded`,
      },
    });
    expect(await archive.read(tenantId, Buffer.from(answer.body.sha256 as string, 'hex'))).toEqual(body);
    const [row] = await database.db.readTenant(tenantId, (tx) =>
      tx.query<Record<string, unknown>[]>(
        `select u.state, u.size_bytes, u.content_encoding, u.identity_at = '-infinity' as timeless, u.declared,
                s.captured_from, s.capture_ms, s.env, s.labels, s.part, v.name as service, t.name as team, i.name as instance,
                w.fencing, w.lease_until
           from upload u join snapshot s using (tenant_id, upload_id) join work w using (tenant_id, upload_id)
           join service v on v.service_id = u.service_id join team t on t.team_id = v.team_id
           join instance i on i.instance_id = u.instance_id
          where u.upload_id = $1 and s.snapshot_id = $1`,
        [answer.body.id],
      ),
    );
    expect(row).toEqual({
      state: 'stored',
      size_bytes: String(body.length),
      content_encoding: 'identity',
      timeless: true,
      declared: {
        build: 'v1.2.3',
        gitSha: 'abc',
        ciBuild: '77',
        captureMs: 12,
        env: 'production',
        labels: { region: 'eu-west-1', ['__proto__']: 'harmless' },
      },
      captured_from: 'receipt',
      capture_ms: 12,
      env: 'production',
      labels: { region: 'eu-west-1', ['__proto__']: 'harmless' },
      part: 0,
      service: 'checkout-api',
      team: 'default',
      instance: 'pod-1',
      fencing: '0',
      lease_until: null,
    });
  });

  it.each(['application/json', 'application/x-www-form-urlencoded', 'text/plain; charset=utf-16', 'nonsense'])(
    'whatever the content type says: %s',
    async (type) => {
      const body = Buffer.from(`{"a": ${++made}, broken`);
      // Not with supertest, which would change the body to fit the type.
      const answer = await fetch(`${api.url}/api/v1/snapshots?service=shop`, {
        method: 'POST',
        headers: { authorization: `Bearer ${keys.ingest}`, 'content-type': type },
        body,
      });
      expect(answer.status).toBe(202);
      const { sha256 } = (await answer.json()) as { sha256: string };
      expect((await archive.read(tenantId, Buffer.from(sha256, 'hex'))).equals(body)).toBe(true);
    },
  );

  it('keeps what Content-Encoding: gzip has wrapped as it came, and looks inside for its clock', async () => {
    for (const inner of [freshProfile(), gzipSync(freshProfile())]) {
      const body = gzipSync(inner);
      const answer = await push(body).set('Content-Encoding', 'gzip');
      expect(answer.status).toBe(202);
      const [row] = await database.db.readTenant(tenantId, (tx) =>
        tx.query(`select content_encoding, identity_at = '-infinity' as timeless from upload where upload_id = $1`, [
          answer.body.id,
        ]),
      );
      expect(row).toEqual({ content_encoding: 'gzip', timeless: true });
      expect((await archive.read(tenantId, Buffer.from(answer.body.sha256 as string, 'hex'))).equals(body)).toBe(true);
    }
  });

  it('accepts at the door what only the parser can judge', async () => {
    const answer = await push(`<html>${++made}</html>`, { kind: 'heap' });
    expect(answer.status).toBe(202);
    expect(answer.body.kind).toBe('heap');
  });

  it('for keys with the roles ingest, ci and admin', async () => {
    for (const role of ['ingest', 'ci', 'admin']) expect((await push(freshProfile(), {}, keys[role])).status).toBe(202);
  });

  it('gives a new service to the team of the key, else to the one named, else to the default one; and never moves it', async () => {
    const teamOf = async (service: string) => {
      const [row] = await database.db.readTenant(tenantId, (tx) =>
        tx.query('select t.name from service v join team t using (tenant_id, team_id) where v.name = $1', [service]),
      );
      return row.name as string;
    };
    const [a, b] = [freshService(), freshService()];
    await push(freshProfile(), { service: a, team: 'search' }, keys.payments).expect(202);
    await push(freshProfile(), { service: b, team: 'search' }).expect(202);
    expect([await teamOf(a), await teamOf(b)]).toEqual(['payments', 'search']);
    await push(freshProfile(), { service: b, team: 'payments' }).expect(202);
    expect(await teamOf(b)).toBe('search');
  });
});

describe('the identity of an upload', () => {
  it('the same profile of the same instance is one snapshot, however often it is sent', async () => {
    const body = freshProfile();
    const service = freshService();
    const answers = await Promise.all(Array.from({ length: 6 }, () => push(body, { service })));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect(new Set(answers.map((answer) => answer.body.id as string)).size).toBe(1);
    expect(answers.filter((answer) => answer.body.duplicate === false)).toHaveLength(1);
  });

  it('another instance, another service or another given time make it another snapshot', async () => {
    const body = freshProfile();
    const service = freshService();
    const at = new Date(Date.now() - 3_600_000).toISOString();
    const ids = new Set<string>();
    const others: Record<string, string>[] = [{}, { instance: 'b' }, { captured_at: at }, { service: freshService() }];
    for (const query of others) {
      const answer = await push(body, { service, ...query });
      expect(answer.body.duplicate).toBe(false);
      ids.add(answer.body.id as string);
    }
    expect(ids.size).toBe(4);
    const again = await push(body, { service, captured_at: String(Date.parse(at)) });
    expect(again.body.duplicate).toBe(true);
    expect(ids).toContain(again.body.id);
  });

  it('text without a clock is a new point each time, unless its time is given', async () => {
    const body = `gc ${++made} @0.1s 0%`;
    const service = freshService();
    const first = await push(body, { service });
    const second = await push(body, { service });
    expect([first.body.duplicate, second.body.duplicate]).toEqual([false, false]);
    expect(first.body.sha256).toBe(second.body.sha256);
    const at = new Date().toISOString();
    expect((await push(body, { service, captured_at: at })).body.duplicate).toBe(false);
    expect((await push(body, { service, captured_at: at })).body.duplicate).toBe(true);
  });
});

describe('Idempotency-Key', () => {
  it('repeats the first answer, byte for byte, and makes a retry of clockless text one point', async () => {
    const body = `gc ${++made} @0.1s 0%`;
    const first = await push(body).set('Idempotency-Key', 'retry 1');
    const second = await push(body).set('Idempotency-Key', 'retry 1');
    expect(second.status).toBe(202);
    expect(second.text).toBe(first.text);
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    expect(second.headers['idempotent-replayed']).toBe('true');
  });

  it('belongs to the API key', async () => {
    const body = `gc ${++made} @0.1s 0%`;
    const first = await push(body).set('Idempotency-Key', 'shared');
    const second = await push(body, {}, keys.ci).set('Idempotency-Key', 'shared');
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('is refused for other content or other parameters', async () => {
    const body = freshProfile();
    await push(body).set('Idempotency-Key', 'once').expect(202);
    for (const other of [push(freshProfile()), push(body, { instance: 'b' }), push(body, { 'label.a': 'b' })]) {
      const answer = await other.set('Idempotency-Key', 'once');
      expect([answer.status, answer.body.code]).toEqual([422, 'idempotency-mismatch']);
    }
  });

  it('is free again after 24 hours', async () => {
    const first = await push(freshProfile()).set('Idempotency-Key', 'old');
    await database.db.withTenant(tenantId, (tx) =>
      tx.query(`update idempotency set created_at = now() - interval '24 hours' where idempotency_key = 'old'`),
    );
    const second = await push(freshProfile()).set('Idempotency-Key', 'old');
    expect(second.status).toBe(202);
    expect(second.body.id).not.toBe(first.body.id);
  });

  it('is not kept by a request that failed', async () => {
    await push('x', { service: freshService(), team: 'nobody' }).set('Idempotency-Key', 'failed').expect(422);
    await push(freshProfile()).set('Idempotency-Key', 'failed').expect(202);
  });

  it('409 while the first request with it is under way', async () => {
    const body = freshProfile();
    const slow = http.request(`${api.url}/api/v1/snapshots?service=shop`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys.ingest}`, 'idempotency-key': 'slow', 'content-length': body.length },
    });
    slow.write(body.subarray(0, 10));
    const answered = new Promise<http.IncomingMessage>((resolve) => slow.once('response', resolve));
    const refused = async () => {
      const answer = await push(body).set('Idempotency-Key', 'slow');
      return answer.status === 409 ? answer.body.code : null;
    };
    let code = await refused();
    while (code === null) code = await refused();
    expect(code).toBe('idempotency-in-flight');
    slow.end(body.subarray(10));
    const answer = await answered;
    answer.resume();
    expect(answer.statusCode).toBe(202);
  });
});

describe('refused at the door', () => {
  const cases: [number, string, () => request.Test][] = [
    [400, 'duplicate-parameter', () => push('x').query('kind=heap&kind=cpu')],
    [400, 'idempotency-key-invalid', () => push('x').set('Idempotency-Key', 'x'.repeat(256))],
    [401, 'unauthenticated', () => push('x', {}, 'tmk_ingest_wrong')],
    [403, 'insufficient-scope', () => push('x', {}, keys.read)],
    [415, 'unsupported-encoding', () => push('x').set('Content-Encoding', 'br')],
    [415, 'unsupported-media-type', () => push('x').set('Content-Type', 'multipart/form-data; boundary=x')],
    [422, 'validation-failed', () => push('')],
    [422, 'validation-failed', () => push('x', { service: '' })],
    [422, 'validation-failed', () => push('x', { colour: 'blue', shape: 'round' })],
    [422, 'validation-failed', () => push('x', { kind: 'heaps' })],
    [422, 'validation-failed', () => push('x', { captured_at: 'yesterday' })],
    [422, 'validation-failed', () => push('x', { captured_at: 'now' })],
    [422, 'validation-failed', () => push('x', { capture_ms: '-1' })],
    [422, 'validation-failed', () => push('x', { delta: 'perhaps' })],
    [422, 'validation-failed', () => push('x', { build: 'a\u0000b' })],
    [422, 'validation-failed', () => push('x', { 'label.a': 'a\u202eb' })],
    [422, 'validation-failed', () => push('x', { service: freshService(), team: 'nobody' })],
    [422, 'outside-time-window', () => push('x', { captured_at: new Date(Date.now() + 11 * 60_000).toISOString() })],
    [422, 'outside-time-window', () => push('x', { captured_at: '1999-12-31' })],
    [422, 'invalid-name', () => push('x', { service: '../../etc/passwd' })],
    [422, 'invalid-name', () => push('x', { instance: 'a\nb' })],
    [
      422,
      'too-many-labels',
      () => push('x', Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`label.l${i}`, 'v']))),
    ],
    [422, 'label-too-long', () => push('x', { 'label.a': 'v'.repeat(1025) })],
  ];
  it.each(cases)('%i %s', async (status, code, send) => {
    const before = await count('upload');
    const answer = await send();
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(await count('upload')).toBe(before);
  });

  it('names all unknown parameters', async () => {
    const answer = await push('x', { colour: 'blue', shape: 'round' });
    expect(answer.body.errors.map((error: { pointer: string }) => error.pointer).sort()).toEqual(['?colour', '?shape']);
  });

  it('says which encodings it takes', async () => {
    expect((await push('x').set('Content-Encoding', 'br')).headers['accept-encoding']).toBe('gzip, identity');
  });

  it('says how to send what was not sent', async () => {
    expect((await push('')).body.detail).toContain('curl --data-binary');
    const chunked = await rawRequest(
      `POST /api/v1/snapshots?service=shop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.ingest}\r\n` +
        'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
    );
    expect(chunked).toMatch(/^HTTP\/1.1 422 .*curl --data-binary/s);
  });

  it("404 for another team's service, in the words used for any other", async () => {
    const service = freshService();
    await push(freshProfile(), { service }, keys.payments).expect(202);
    const answer = await push(freshProfile(), { service }, keys.search);
    expect([answer.status, answer.body.code]).toEqual([404, 'not-found']);
    expect(answer.body.detail).not.toContain('payments');
  });
});

describe('limits of a tenant', () => {
  const withLimits = async (limits: Record<string, number>) => {
    const tenant = await insertTenant(database.db, `limited-${++made}`);
    await database.db.acrossTenants((tx) =>
      tx.query('update tenant set limits = $2 where tenant_id = $1', [tenant.tenantId, limits]),
    );
    return (await insertTestKey(database.db, tenant.tenantId, 'ingest')).text;
  };

  it('413 by the announced length, before a byte is read', async () => {
    const answer = await push(Buffer.alloc(2001), {}, await withLimits({ body_bytes: 2000 }));
    expect(answer.status).toBe(413);
    expect(answer.body).toMatchObject({ code: 'body-too-large', limit: 'body_bytes', actual: 2001, allowed: 2000 });
  });

  it('413 by what arrives, when no length was announced; and nothing stays', async () => {
    const key = await withLimits({ body_bytes: 100_000 });
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const sent = http.request(`${api.url}/api/v1/snapshots?service=shop`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
      });
      sent.once('response', resolve).once('error', reject);
      for (let i = 0; i < 20; i++) sent.write(Buffer.alloc(10_000, i));
      sent.end();
    });
    const body = JSON.parse((await answer.toArray()).join('')) as Record<string, unknown>;
    expect(answer.statusCode).toBe(413);
    expect(body).toMatchObject({ code: 'body-too-large', limit: 'body_bytes', allowed: 100_000 });
    expect(readdirSync(path.join(folder, 'archive', 'tmp'))).toEqual([]);
  });

  it('429 with the time to wait', async () => {
    const key = await withLimits({ uploads_per_minute: 2 });
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await push(freshProfile(), {}, key)).status);
    expect(statuses).toEqual([202, 202, 429]);
    const answer = await push(freshProfile(), {}, key);
    expect(answer.body).toMatchObject({ code: 'rate-limited', limit: 'uploads_per_minute', allowed: 2 });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});

describe('an upload that breaks off', () => {
  it.each(['content-length: 100000', 'transfer-encoding: chunked'])('leaves nothing: %s', async (header) => {
    const before = await count('upload');
    const socket = net.connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `POST /api/v1/snapshots?service=shop HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${keys.ingest}\r\n${header}\r\n\r\n`,
    );
    socket.write(header.startsWith('t') ? `c350\r\n${'x'.repeat(50_000)}\r\n` : 'x'.repeat(50_000));
    const unfinished = () => readdirSync(path.join(folder, 'archive', 'tmp')).length;
    while (unfinished() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    socket.destroy();
    while (unfinished() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await count('upload')).toBe(before);
  });
});

/** What comes back for bytes on a bare connection. */
function rawRequest(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(new URL(api.url).port), '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.once('end', () => resolve(text)).once('error', reject);
  });
}
