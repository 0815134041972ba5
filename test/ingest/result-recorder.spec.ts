import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { Dictionary } from '../../src/catalog/dictionary.js';
import { RankingMarks, type RankJob, rankQueue } from '../../src/catalog/ranking-marks.js';
import { StackStore } from '../../src/catalog/stack-store.js';
import type { ParsedPart } from '../../src/ingest/parsed-part.js';
import { ResultRecorder } from '../../src/ingest/result-recorder.js';
import { type ClaimedUpload, WorkList } from '../../src/ingest/work-list.js';
import type { TenantId } from '../../src/platform/database.js';
import { Problem } from '../../src/platform/problem.js';
import { type JobQueue, openQueue } from '../../src/platform/queue.js';
import { contentOf } from '../catalog/index-fixture.js';
import { stacksOf } from '../catalog/stacks.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { countConnections, insertTenant } from '../tenants/fixture.js';
import { finishOne } from './finish-one.js';
import { indexOf } from './index-contents.js';
import { UploadFixture } from './upload-fixture.js';

let test: TestDatabase;
let tenantId: TenantId;
let work: WorkList;
let queue: JobQueue<RankJob>;
let recorder: ResultRecorder;

beforeAll(async () => {
  test = await createTestDatabase();
  queue = openQueue({ databaseUrl: test.appUrl, redisUrl: null }, rankQueue, () => undefined);
});
afterAll(async () => {
  await queue?.close();
  await test?.drop();
});

beforeEach(async () => {
  ({ tenantId } = await insertTenant(test.db, randomUUID()));
  work = new WorkList(test.db, 60_000);
  const marks = new RankingMarks(queue, 60_000, pino({ enabled: false }));
  recorder = new ResultRecorder(new Dictionary(test.db, new StackStore()), work, marks);
});

/** Uploads of the tenant that a worker has claimed, of two services in turn. */
async function claimed(count: number): Promise<ClaimedUpload[]> {
  const uploads = new UploadFixture(test.db);
  for (let i = 0; i < count; i++) {
    await uploads.add(tenantId, Buffer.from(randomUUID()), { service: i % 2 === 0 ? 'shop' : 'search' });
  }
  return work.begin(tenantId, await work.claim(count));
}

/** A heap profile of which one stack is new with every number. */
function parsed(number: number, part: Partial<ParsedPart> = {}): ParsedPart {
  const stacks = stacksOf([
    [
      ['main', 'shared'],
      [1, 2, 3, 4],
    ],
    [
      ['main', `only${number}`],
      [1, 2, 3, number],
    ],
  ]);
  return {
    ...contentOf(stacks),
    kind: 'heap',
    details: { format: 'pprof', counts: {}, warnings: [], losses: [] },
    ...part,
  };
}

const indexed = { state: 'indexed', problem: null } as const;
const rejected = { state: 'rejected', problem: new Problem('malformed', 'in a test').toBody() } as const;

const states = async (): Promise<string[]> => {
  const rows = await test.db.readTenant(tenantId, (tx) =>
    tx.query<{ state: string }[]>('select state from upload order by upload_id'),
  );
  return rows.map(({ state }) => state);
};

describe('the results of several uploads', () => {
  it('that gather are in the index as if each had come alone', async () => {
    const uploads = await claimed(6);
    const alone = await insertTenant(test.db, randomUUID());
    const record = (upload: ClaimedUpload, i: number) =>
      recorder.record({ upload, result: indexed, parts: [parsed(i, { capturedAtNanos: momentOf(i) })] });
    expect(await Promise.all(uploads.map(record))).toEqual(Array(6).fill(true));
    const together = await indexOf(test.db, tenantId);
    expect(together).toHaveLength(6);

    ({ tenantId } = alone);
    for (const [i, upload] of (await claimed(6)).entries()) await record(upload, i);
    expect(await indexOf(test.db, tenantId)).toEqual(together);
  });

  it('take one transaction for all that has gathered', async () => {
    const uploads = await claimed(9);
    const recordAll = () =>
      Promise.all(uploads.map((upload) => recorder.record({ upload, result: rejected, parts: [] })));
    const { taken } = await countConnections(test.db, recordAll);
    // The first is not kept waiting for others, which gather while it is being recorded.
    expect(taken).toBe(2);
    expect(await states()).toEqual(Array(9).fill('rejected'));
  });

  it('are recorded though the database refuses one of them', async () => {
    const uploads = await claimed(5);
    const beyondBigint = { durationNanos: 2n ** 64n };
    const recorded = await Promise.allSettled(
      uploads.map((upload, i) =>
        recorder.record({ upload, result: indexed, parts: [parsed(i, i === 3 ? beyondBigint : {})] }),
      ),
    );
    expect(recorded.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
    ]);
    expect(await states()).toEqual(['indexed', 'indexed', 'indexed', 'parsing', 'indexed']);
    expect(await indexOf(test.db, tenantId)).toHaveLength(4);
  });

  it('are recorded though another worker has taken one of them over', async () => {
    const uploads = await claimed(4);
    await test.db.acrossTenants((tx) =>
      tx.query(`update work set lease_until = lease_until - interval '1 hour' where upload_id = $1`, [
        uploads[2].claim.uploadId,
      ]),
    );
    const [takenOver] = await work.claim(1);
    const recorded = await Promise.all(
      uploads.map((upload, i) => recorder.record({ upload, result: indexed, parts: [parsed(i)] })),
    );
    expect(recorded).toEqual([true, true, false, true]);
    expect(await states()).toEqual(['indexed', 'indexed', 'parsing', 'indexed']);
    expect(await indexOf(test.db, tenantId)).toHaveLength(3);
    expect(await finishOne(work, takenOver, rejected)).toBe(true);
  });

  it('of which some are indexed and some rejected stand each by its own', async () => {
    const uploads = await claimed(4);
    await Promise.all(
      uploads.map((upload, i) =>
        recorder.record(
          i % 2 === 0 ? { upload, result: indexed, parts: [parsed(i)] } : { upload, result: rejected, parts: [] },
        ),
      ),
    );
    expect(await states()).toEqual(['indexed', 'rejected', 'indexed', 'rejected']);
  });
});

function momentOf(i: number): bigint {
  return BigInt(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 7_200_000 + i * 1_000) * 1_000_000n;
}
