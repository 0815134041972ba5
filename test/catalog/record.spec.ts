import { randomUUID } from 'node:crypto';
import { Dictionary } from '../../src/catalog/dictionary.js';
import { indexUploads, type PartContent, type RecordedUpload } from '../../src/catalog/index-part.js';
import { partId, recordUploads, StaleDictionaryError } from '../../src/catalog/record.js';
import { StackStore } from '../../src/catalog/stack-store.js';
import { capturedAt } from '../../src/catalog/captured-at.js';
import type { TenantId } from '../../src/platform/database.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant } from '../tenants/fixture.js';
import {
  after,
  contentOf,
  indexUpload,
  insertService,
  insertUpload,
  nanos,
  noon,
  type TestService,
} from './index-fixture.js';
import { stacksOf } from './stacks.js';

let test: TestDatabase;
let tenantId: TenantId;
let service: TestService;
let dictionary: Dictionary;

beforeAll(async () => {
  test = await createTestDatabase();
  ({ tenantId } = await insertTenant(test.db, 'acme'));
  dictionary = new Dictionary(test.db, new StackStore());
});

afterAll(() => test.drop());

beforeEach(async () => {
  service = await insertService(test.db, tenantId, randomUUID());
});

const heap = (...values: bigint[]): PartContent =>
  contentOf(stacksOf([[['main', 'a'], values.length > 0 ? values : [1, 2, 3, 4]]]));

async function upload(
  contents: readonly PartContent[],
  options: Partial<RecordedUpload> = {},
  receipt?: { env?: string; labels?: Record<string, string> },
): Promise<RecordedUpload> {
  const [instanceId] = service.instanceIds;
  const inserted = await insertUpload(
    test.db,
    tenantId,
    { serviceId: service.serviceId, instanceId, ...options },
    receipt,
  );
  await indexUpload(test.db, dictionary, tenantId, inserted, contents);
  return inserted;
}

async function rows<T>(sql: string, ...parameters: unknown[]): Promise<T[]> {
  return test.db.readTenant(tenantId, (tx) => tx.query<T[]>(sql, [tenantId, service.serviceId, ...parameters]));
}

interface Recorded {
  snapshot_id: string;
  part: number;
  kind: string;
  at: Date;
  captured_from: string;
  env: string;
  labels: object;
  sample_types: object;
  details: { warnings: object[]; losses: object[] };
  build_id: string | null;
}

const snapshots = () =>
  rows<Recorded>('select *, captured_at as at from snapshot where tenant_id = $1 and service_id = $2 order by part');
const vectors = () =>
  rows<{ snapshot_id: string; kind: string; captured_at: Date; sample_types: string[]; totals: string[] }>(
    'select snapshot_id, kind, captured_at, sample_types, totals::text[] as totals from vector where tenant_id = $1 and service_id = $2 order by kind',
  );

describe('recording an upload', () => {
  it('fills the snapshot that is there since the receipt, and adds its vector', async () => {
    const { uploadId } = await upload([{ ...heap(), capturedAtNanos: nanos(after(-60)) + 123_456n }]);
    const [snapshot, ...others] = await snapshots();
    expect(others).toEqual([]);
    expect(snapshot).toMatchObject({
      snapshot_id: uploadId,
      kind: 'heap',
      at: after(-60),
      captured_from: 'artefact',
      build_id: null,
      sample_types: [
        { type: 'alloc_objects', unit: 'count', total: '1' },
        { type: 'alloc_space', unit: 'bytes', total: '2' },
        { type: 'inuse_objects', unit: 'count', total: '3' },
        { type: 'inuse_space', unit: 'bytes', total: '4' },
      ],
    });
    expect(await vectors()).toMatchObject([
      {
        snapshot_id: uploadId,
        sample_types: ['alloc_objects/count', 'alloc_space/bytes', 'inuse_objects/count', 'inuse_space/bytes'],
        totals: ['1', '2', '3', '4'],
      },
    ]);
    const [{ same }] = await rows<{ same: boolean }>(
      `select s.captured_at = v.captured_at and extract(microseconds from s.captured_at)::int % 1000 = 123 as same
         from snapshot s join vector v using (tenant_id, snapshot_id) where s.tenant_id = $1 and s.service_id = $2`,
    );
    expect(same).toBe(true);
  });

  it('gives further parts ids of their own, and what the sender said of all', async () => {
    const contents = [heap(), { ...heap(), kind: 'goroutine' }, { ...heap(), kind: 'threadcreate' }];
    const { uploadId } = await upload(contents, {}, { env: 'prod', labels: { region: 'eu' } });
    const found = await snapshots();
    expect(found.map(({ kind, snapshot_id }) => [kind, snapshot_id])).toEqual([
      ['heap', uploadId],
      ['goroutine', partId(uploadId, 1)],
      ['threadcreate', partId(uploadId, 2)],
    ]);
    for (const snapshot of found) expect(snapshot).toMatchObject({ env: 'prod', labels: { region: 'eu' } });
    expect((await vectors()).map(({ kind }) => kind)).toEqual(['goroutine', 'heap', 'threadcreate']);
  });

  it('replaces all that was there when the upload is indexed again', async () => {
    const first = await upload([heap(), { ...heap(), kind: 'goroutine' }, { ...heap(), kind: 'mutex' }]);
    const again = [{ ...heap(9n, 9n, 9n, 9n), kind: 'allocs', capturedAtNanos: nanos(after(-3600)) }, heap()];
    await indexUpload(test.db, dictionary, tenantId, first, again);
    expect((await snapshots()).map(({ kind, snapshot_id }) => [kind, snapshot_id])).toEqual([
      ['allocs', first.uploadId],
      ['heap', partId(first.uploadId, 1)],
    ]);
    expect((await vectors()).map(({ kind, totals }) => [kind, totals[0]])).toEqual([
      ['allocs', '9'],
      ['heap', '1'],
    ]);
  });

  it('keeps totals beyond 64 bits, and text that Postgres does not take as it is', async () => {
    const stacks = stacksOf([[['main'], [1]]], [{ type: 'a\0/"b\\,{}', unit: 'c\ud800' }]);
    await upload([contentOf(stacks, { totals: [2n ** 70n] })]);
    expect(await vectors()).toMatchObject([{ sample_types: ['a\ufffd/"b\\,{}/c\ufffd'], totals: [String(2n ** 70n)] }]);
  });

  it('makes one row per build, told apart by version, git SHA and CI build, and none if nothing is known', async () => {
    const declared = { build: 'v1', gitSha: 'abc', ciBuild: '7' };
    await Promise.all(
      [declared, declared, { ...declared, build: 'v2' }, { gitSha: 'abc' }, declared, {}].map((said) =>
        upload([heap()], { declared: said }),
      ),
    );
    const builds = await rows(
      'select version, git_sha, ci_build from build where tenant_id = $1 and service_id = $2 order by 1',
    );
    expect(builds).toEqual([
      { version: '', git_sha: 'abc', ci_build: '' },
      { version: 'v1', git_sha: 'abc', ci_build: '7' },
      { version: 'v2', git_sha: 'abc', ci_build: '7' },
    ]);
    expect((await snapshots()).filter(({ build_id }) => build_id === null)).toHaveLength(1);
  });

  it('moves the last sight of instance and build by more than a minute only, the first sight always', async () => {
    const declared = { build: 'v1' };
    const seen = async () => {
      const [row] = await rows<{ i: Date; j: Date; b: Date; c: Date }>(
        `select i.first_seen as i, i.last_seen as j, b.first_seen as b, b.last_seen as c
           from instance i join build b using (tenant_id, service_id) where tenant_id = $1 and service_id = $2`,
      );
      return [row.i, row.j, row.b, row.c].map((at) => (at.getTime() - noon.getTime()) / 1000);
    };
    await upload([{ ...heap(), capturedAtNanos: nanos(after(0)) }], { declared });
    await upload([{ ...heap(), capturedAtNanos: nanos(after(50)) }], { declared, receivedAt: after(50) });
    expect(await seen()).toEqual([0, 0, 0, 0]);
    await upload([{ ...heap(), capturedAtNanos: nanos(after(70)) }], { declared, receivedAt: after(70) });
    expect(await seen()).toEqual([0, 70, 0, 70]);
    await upload([{ ...heap(), capturedAtNanos: nanos(after(-5)) }], { declared });
    expect(await seen()).toEqual([-5, 70, -5, 70]);
  });

  it('tells the roll-ups of what comes late, old place and new when it is indexed again', async () => {
    const marks = () =>
      rows<{ kind: string; hour: Date }>(
        'select kind, hour from rollup_dirty where tenant_id = $1 and service_id = $2 order by hour',
      );
    const late = await upload([{ ...heap(), capturedAtNanos: nanos(after(-3600)) }]);
    expect(await marks()).toEqual([]);
    await test.db.withTenant(tenantId, (tx) =>
      tx.query('update rollup_head set compacted_until = $3 where tenant_id = $1 and service_id = $2', [
        tenantId,
        service.serviceId,
        after(0),
      ]),
    );
    await upload([{ ...heap(), capturedAtNanos: nanos(after(10)) }]);
    expect(await marks()).toEqual([]);
    await indexUpload(test.db, dictionary, tenantId, late, [{ ...heap(), capturedAtNanos: nanos(after(-7200)) }]);
    expect(await marks()).toEqual([
      { kind: 'heap', hour: after(-7200) },
      { kind: 'heap', hour: after(-3600) },
    ]);
  });

  it('is refused when the month’s dictionary was dropped meanwhile, and succeeds when indexed again', async () => {
    const [instanceId] = service.instanceIds;
    const inserted = await insertUpload(test.db, tenantId, { serviceId: service.serviceId, instanceId });
    const indexed = await indexUploads(dictionary, tenantId, [{ upload: inserted, parts: [heap()] }]);
    await test.db.withTenant(tenantId, async (tx) => {
      await tx.query('delete from stack_block where tenant_id = $1 and service_id = $2', [tenantId, service.serviceId]);
      await tx.query('delete from stack_head where tenant_id = $1 and service_id = $2', [tenantId, service.serviceId]);
    });
    await expect(test.db.withTenant(tenantId, (tx) => recordUploads(tx, tenantId, indexed))).rejects.toThrow(
      StaleDictionaryError,
    );
    expect(await vectors()).toEqual([]);
    await indexUpload(test.db, dictionary, tenantId, inserted, [heap()]);
    expect(await vectors()).toHaveLength(1);
  });

  it('says when an artefact’s time was not believed', async () => {
    await upload([{ ...heap(), capturedAtNanos: nanos(after(86_400)) }]);
    expect(await snapshots()).toMatchObject([
      { at: noon, captured_from: 'receipt', details: { warnings: [{ code: 'impossible-time', count: 1 }] } },
    ]);
  });

  it('may be of several services at once, each with its own build, instance and times', async () => {
    const services = [
      service,
      await insertService(test.db, tenantId, randomUUID()),
      await insertService(test.db, tenantId, randomUUID()),
    ];
    const contents = await Promise.all(
      services.map(async ({ serviceId, instanceIds: [instanceId] }, i) => ({
        upload: await insertUpload(test.db, tenantId, {
          serviceId,
          instanceId,
          declared: i === 0 ? {} : { gitSha: `sha${i}` },
        }),
        parts: [{ ...heap(), capturedAtNanos: nanos(after(-3600 * i)) }, ...(i === 1 ? [heap(9n, 9n, 9n, 9n)] : [])],
      })),
    );
    const indexed = await indexUploads(dictionary, tenantId, contents);
    await test.db.withTenant(tenantId, (tx) => recordUploads(tx, tenantId, indexed));
    for (const [i, each] of services.entries()) {
      service = each;
      const found = await snapshots();
      expect(found).toHaveLength(i === 1 ? 2 : 1);
      expect(found[0]).toMatchObject({ snapshot_id: contents[i].upload.uploadId, at: after(-3600 * i) });
      expect(await vectors()).toHaveLength(found.length);
      const builds = await rows<{ build_id: string; git_sha: string }>(
        'select build_id, git_sha from build where tenant_id = $1 and service_id = $2',
      );
      expect(builds.map(({ git_sha }) => git_sha)).toEqual(i === 0 ? [] : [`sha${i}`]);
      for (const snapshot of found) expect(snapshot.build_id).toBe(builds[0]?.build_id ?? null);
      const [{ first_seen }] = await rows<{ first_seen: Date }>(
        'select first_seen from instance where tenant_id = $1 and service_id = $2',
      );
      expect(first_seen).toEqual(after(-3600 * i));
    }
  });

  it('writes many uploads of one service and build at once without waiting in a ring', async () => {
    service = await insertService(test.db, tenantId, randomUUID(), ['a', 'b']);
    const kinds = ['heap', 'goroutine', 'mutex', 'block'];
    await Promise.all(
      Array.from({ length: 16 }, (_, n) => {
        const parts = kinds.map((_, i) => {
          const stacks = stacksOf([
            [
              ['main', `f${(n * 7 + i) % 9}`, `g${n % 4}`],
              [n, n, n, n],
            ],
          ]);
          return contentOf(stacks, { kind: kinds[(n + i) % 4], capturedAtNanos: nanos(after(-n * 900)) });
        });
        return upload(parts, { instanceId: service.instanceIds[n % 2], declared: { build: `v${n % 2}` } });
      }),
    );
    expect(await vectors()).toHaveLength(64);
  });
});

describe('the time of a snapshot', () => {
  const received = new Date('2026-11-23T12:00:00.500Z');
  const day = 86_400_000;
  const artefact = (millis: number) => BigInt(received.getTime() + millis) * 1_000_000n;

  it.each([
    ['is the one that was given', '2026-11-20T00:00:00Z', artefact(-1000), '2026-11-20T00:00:00.000000Z', 'given'],
    [
      'is else the artefact’s own, to the microsecond',
      null,
      artefact(-1500) + 999n,
      '2026-11-23T11:59:59.000000Z',
      'artefact',
    ],
    ['is else the receipt', null, null, '2026-11-23T12:00:00.500000Z', 'receipt'],
    ['is the receipt where a program has no clock', null, 0n, '2026-11-23T12:00:00.500000Z', 'receipt'],
    ['may lie ten minutes ahead', null, artefact(600_000), '2026-11-23T12:10:00.500000Z', 'artefact'],
    ['may lie 400 days back', null, artefact(-400 * day), '2025-10-19T12:00:00.500000Z', 'artefact'],
  ])('%s', (_, given, nanosOfArtefact, at, from) => {
    expect(capturedAt(given, nanosOfArtefact, received)).toEqual({ at, from });
  });

  it.each([
    ['too far ahead', null, artefact(600_001)],
    ['too far back', null, artefact(-400 * day - 1)],
    ['beyond what a date can be', null, 2n ** 63n - 1n],
    ['before the beginning of time', null, -(2n ** 63n)],
    ['given, and impossible', '1999-01-01T00:00:00Z', null],
  ])('is the receipt, and says so, when it is %s', (_, given, nanosOfArtefact) => {
    expect(capturedAt(given, nanosOfArtefact, received)).toEqual({
      at: '2026-11-23T12:00:00.500000Z',
      from: 'receipt',
      ignored: expect.any(String) as string,
    });
  });
});
