import { once } from 'node:events';
import net from 'node:net';
import { pino } from 'pino';
import { serializeError } from '../../src/platform/logger.js';
import { startTestApp, type TestApp } from '../app.js';
import { withClient } from '../database-server.js';

describe('the API over HTTP', () => {
  let test: TestApp;

  beforeAll(async () => {
    test = await startTestApp({ worker: false });
  });
  afterAll(() => test?.close());

  /** Sends bytes as they are and gives everything that comes back until the server closes. */
  async function raw(text: string): Promise<string> {
    const { hostname, port } = new URL(test.url);
    const socket = net.connect(Number(port), hostname);
    socket.write(text);
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    await once(socket, 'close');
    return answer;
  }

  describe('every answer', () => {
    it('carries a request id, and the one that was sent if it is a plain word', async () => {
      const own = await test.http(null).get('/livez').set('X-Request-Id', 'ci-run-12345').expect(200);
      expect(own.headers['x-request-id']).toBe('ci-run-12345');
      const made = await test.http(null).get('/livez').set('X-Request-Id', 'a b" onload=').expect(200);
      expect(made.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    });

    it('may be framed, sniffed or run nowhere, and does not say what serves it', async () => {
      const { headers } = await test.http(null).get('/livez').expect(200);
      expect(headers).toMatchObject({
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('server');
    });
  });

  describe('errors', () => {
    it('are problem details with the request id as instance', async () => {
      const { body, headers } = await test.http(null).get('/api/v1/nothing-here').expect(404);
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(body).toEqual({
        type: 'urn:tidemark:problem:not-found',
        title: 'There is no such thing',
        status: 404,
        detail: 'There is nothing at this address.',
        code: 'not-found',
        instance: headers['x-request-id'],
      });
    });

    it('405 with Allow for a method that an address does not know', async () => {
      const { headers } = await test.http(null).delete('/livez').expect(405);
      expect(headers.allow).toBe('GET, HEAD');
    });

    it('400 for a broken percent-encoding', async () => {
      await test
        .http()
        .get('/api/v1/services/%E0%A4%A')
        .expect(400, /bad-request/);
    });

    it('400 for a parameter that is given twice', async () => {
      const { body } = await test.http().get('/api/v1/snapshots?service=a&service=b').expect(400);
      expect(body).toMatchObject({ code: 'duplicate-parameter', errors: [{ pointer: '?service' }] });
    });

    it('say nothing of what went wrong inside; the log says all but the values', async () => {
      const lines: string[] = [];
      const logger = pino(
        { level: 'error', serializers: { err: serializeError } },
        { write: (line) => lines.push(line) },
      );
      const broken = await startTestApp({ worker: false, logger });
      try {
        await withClient(broken.ownerUrl, (client) => client.query('alter table team rename to elsewhere'));
        const { body, text, headers } = await broken
          .http()
          .post('/api/v1/teams')
          .send({ name: 'canary-name' })
          .expect(500);
        expect(body).toMatchObject({ code: 'internal', instance: headers['x-request-id'] });
        expect(text).not.toMatch(/team|insert|\.ts|node_modules/);
        expect(lines.join()).toMatch(/request failed/);
        expect(lines.join()).toMatch(/relation \\"team\\" does not exist/);
        expect(lines.join()).not.toContain('canary-name');
      } finally {
        await broken.close();
      }
    });
  });

  describe('JSON bodies', () => {
    const create = () => test.http().post('/api/v1/teams');

    it('are refused before they are read when nobody is known to send them', async () => {
      await test.http(null).post('/api/v1/teams').type('json').send('{"name":').expect(401);
    });
    it('must be JSON', async () => {
      await create()
        .type('json')
        .send('{"name":')
        .expect(400, /malformed-json/);
      await create()
        .type('text/plain')
        .send('{"name":"x"}')
        .expect(415, /unsupported-media-type/);
    });
    it('may have at most a megabyte, and the answer names the limit', async () => {
      const { body } = await create()
        .type('json')
        .send(JSON.stringify({ name: 'x'.repeat(1 << 20) }))
        .expect(413);
      expect(body).toMatchObject({ code: 'body-too-large', limit: 'json_body_bytes', allowed: 1 << 20 });
    });
    it('say where a value is wrong', async () => {
      const { body } = await create().send({ name: 7, colour: 'red' }).expect(422);
      expect(body.code).toBe('validation-failed');
      expect(body.errors.map((error: { pointer: string }) => error.pointer)).toEqual(
        expect.arrayContaining(['/name', '/colour']),
      );
    });
  });

  describe('what two readers could understand differently', () => {
    it.each([
      ['two Host headers', 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', 400],
      ['a whole URL as target', 'GET http://elsewhere/livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 400],
      ['TRACE', 'TRACE /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 405],
      ['no Host header', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
      [
        'a length and chunks',
        'POST /api/v1/snapshots HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        400,
      ],
      ['headers without end', `GET /livez HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
    ])('is refused: %s', async (_what, text, status) => {
      expect(await raw(text)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    });

    it('is refused before a body is asked for', async () => {
      const head =
        'POST /api/v1/snapshots?service=x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99000000000\r\n\r\n';
      const answer = await raw(head);
      expect(answer).toMatch(/^HTTP\/1.1 401 /);
      expect(answer).not.toContain('100 Continue');
    });

    it('but a body is asked for where it is wanted', async () => {
      const body = '{"name":"asked-for"}';
      const answer = await raw(
        `POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${test.keys.admin}\r\nContent-Type: application/json\r\n` +
          `Expect: 100-continue\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /);
    });
  });

  describe('health', () => {
    it('is ready while the database answers', async () => {
      await test.http(null).get('/readyz').expect(200, { status: 'ok' });
    });

    it('counts requests by route, never by what a client typed, nor by tenant', async () => {
      await test.http(null).get('/api/v1/snapshots/canary-of-a-client').expect(401);
      const { text } = await test.http(null).get('/metrics').expect(200);
      expect(text).toMatch(
        /tidemark_http_request_duration_seconds_count\{method="GET",route="\/livez",status="200"\} \d+/,
      );
      expect(text).toMatch(/nodejs_eventloop_lag/);
      expect(text).not.toContain('canary-of-a-client');
      expect(text).not.toContain(test.tenantId);
    });
  });
});

describe('an API that stops', () => {
  it('finishes the answer under way, is not ready, and takes nothing new', async () => {
    const test = await startTestApp({ worker: false });
    const { hostname, port } = new URL(test.url);
    const socket = net.connect(Number(port), hostname);
    const body = '{"name":"slow"}';
    socket.write(
      `POST /api/v1/teams HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${test.keys.admin}\r\nContent-Type: application/json\r\n` +
        `Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    const [asked] = (await once(socket, 'data')) as [Buffer];
    expect(asked.toString()).toContain('100 Continue');
    const closing = test.close();
    socket.write(body);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 201 /);
    await closing;
    await expect(fetch(`${test.url}/livez`)).rejects.toThrow();
  });
});
