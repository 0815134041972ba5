import { type Claim, maxCrashes, WorkList } from '../../src/ingest/work-list.js';
import { Database, type TenantId } from '../../src/platform/database.js';
import { Problem } from '../../src/platform/problem.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant } from '../tenants/fixture.js';
import { finishOne } from './finish-one.js';
import { UploadFixture } from './upload-fixture.js';

let database: TestDatabase;
let db: Database;
let work: WorkList;
let uploads: UploadFixture;
let made = 0;

beforeEach(async () => {
  database = await createTestDatabase();
  ({ db } = database);
  work = new WorkList(db, 60_000);
  uploads = new UploadFixture(db);
});
afterEach(() => database.drop());

const tenantNamed = async (name: string) => (await insertTenant(db, name)).tenantId;

async function addUploads(tenantId: TenantId, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push(await uploads.add(tenantId, Buffer.from(`upload ${made++}`)));
  return ids;
}

const stateOf = async (tenantId: TenantId, uploadId: string) => {
  const [row] = await db.readTenant(tenantId, (tx) =>
    tx.query<Record<string, unknown>[]>(
      'select state, attempts, crashes, problem, finished_at is not null as finished from upload where upload_id = $1',
      [uploadId],
    ),
  );
  return row;
};

const workRows = () =>
  db.acrossTenants((tx) => tx.query<Record<string, unknown>[]>('select * from work order by received_at'));

/** As if so much time had passed since the claims. */
const expireLeases = () =>
  db.acrossTenants((tx) =>
    tx.query(`update work set lease_until = lease_until - interval '1 hour' where lease_until is not null`),
  );

const quarantine = new Problem('quarantined', 'in a test').toBody();
const writeNothing = () => Promise.resolve();
const indexed = { state: 'indexed', problem: null } as const;

describe('a claim', () => {
  it('serves the tenant that was served longest ago, and of it the oldest upload', async () => {
    const [a, b, c] = [await tenantNamed('a'), await tenantNamed('b'), await tenantNamed('c')];
    const ofA = await addUploads(a, 20);
    const ofB = await addUploads(b, 2);
    const ofC = await addUploads(c, 1);
    const order: Claim[] = [];
    for (let i = 0; i < 8; i++) order.push(...(await work.claim(1)));
    // Whoever comes first: in the first round each has its turn, then those that still have work alternate.
    expect(new Set(order.slice(0, 3).map((claim) => claim.tenantId))).toEqual(new Set([a, b, c]));
    expect(new Set(order.slice(3, 5).map((claim) => claim.tenantId))).toEqual(new Set([a, b]));
    expect(order.slice(5).map((claim) => claim.tenantId)).toEqual([a, a, a]);
    const claimedOf = (tenantId: TenantId) =>
      order.filter((claim) => claim.tenantId === tenantId).map((claim) => claim.uploadId);
    expect(claimedOf(a)).toEqual(ofA.slice(0, 5));
    expect(claimedOf(b)).toEqual(ofB);
    expect(claimedOf(c)).toEqual(ofC);
  });

  it('of several uploads goes round the tenants, too', async () => {
    const [a, b] = [await tenantNamed('a'), await tenantNamed('b')];
    await addUploads(a, 10);
    await addUploads(b, 3);
    const claims = await work.claim(8);
    expect(claims.filter((claim) => claim.tenantId === a)).toHaveLength(5);
    expect(claims.filter((claim) => claim.tenantId === b)).toHaveLength(3);
    expect(await work.claim(8)).toHaveLength(5);
    expect(await work.claim(8)).toEqual([]);
  });

  it('of many workers at once gives each upload to one of them, and leaves none', async () => {
    const tenants = [await tenantNamed('a'), await tenantNamed('b'), await tenantNamed('c')];
    const ids = new Set<string>();
    for (const tenant of tenants) for (const id of await addUploads(tenant, 20)) ids.add(id);
    const many = await Database.open(database.appUrl, { poolSize: 12 });
    try {
      const workers = Array.from({ length: 12 }, async () => {
        const list = new WorkList(many, 60_000);
        const claimed: Claim[] = [];
        for (;;) {
          const claims = await list.claim(2);
          claimed.push(...claims);
          // Fewer than wanted is the promise that nothing is left.
          if (claims.length < 2) return claimed;
        }
      });
      const claims = (await Promise.all(workers)).flat();
      expect(claims).toHaveLength(ids.size);
      expect(new Set(claims.map((claim) => claim.uploadId))).toEqual(ids);
      expect(new Set(claims.map((claim) => claim.fencing)).size).toBe(ids.size);
    } finally {
      await many.close();
    }
  });

  it('walks the index even where the statistics know nothing yet', async () => {
    const tenantId = await tenantNamed('a');
    await addUploads(tenantId, 1);
    const [{ definition }] = await db.acrossTenants((tx) =>
      tx.query<{ definition: string }[]>(
        `select pg_get_functiondef('claim_work(integer, interval)'::regprocedure) as definition`,
      ),
    );
    expect(definition).toMatch(/enable_seqscan TO 'off'/);
  });

  it('leaves alone what another worker holds, and takes over what a vanished one has left', async () => {
    const tenantId = await tenantNamed('a');
    const [id] = await addUploads(tenantId, 1);
    const [first] = await work.claim(5);
    expect(first).toMatchObject({ uploadId: id, attempts: 1, lostLeases: 0 });
    expect(await work.claim(5)).toEqual([]);
    await expireLeases();
    const [second] = await work.claim(5);
    expect(second).toMatchObject({ uploadId: id, attempts: 2, lostLeases: 1 });
    expect(BigInt(second.fencing)).toBeGreaterThan(BigInt(first.fencing));
  });
});

describe('a result', () => {
  it('is written with its upload leaving the list, or not at all', async () => {
    const tenantId = await tenantNamed('a');
    const [id] = await addUploads(tenantId, 1);
    const [claim] = await work.claim(1);
    await work.begin(tenantId, [claim]);
    expect(await stateOf(tenantId, id)).toMatchObject({ state: 'parsing', attempts: 1, finished: false });
    const failing = finishOne(work, claim, indexed, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect(await workRows()).toHaveLength(1);
    expect(await finishOne(work, claim, indexed, writeNothing)).toBe(true);
    expect(await stateOf(tenantId, id)).toMatchObject({ state: 'indexed', problem: null, finished: true });
    expect(await workRows()).toEqual([]);
  });

  it('of a worker whose lease was taken over is refused, before anything is written', async () => {
    const tenantId = await tenantNamed('a');
    const [id] = await addUploads(tenantId, 1);
    const [slow] = await work.claim(1);
    await expireLeases();
    const [quick] = await work.claim(1);
    let written = false;
    const write = () => {
      written = true;
      return Promise.resolve();
    };
    expect(await finishOne(work, slow, indexed, write)).toBe(false);
    expect(await work.begin(tenantId, [slow])).toEqual([]);
    expect(await work.crashed(slow, quarantine)).toBe(false);
    await work.release([slow]);
    expect(written).toBe(false);
    expect(await work.renew([slow, quick])).toEqual([slow]);
    expect(await finishOne(work, quick, indexed, writeNothing)).toBe(true);
    expect(await finishOne(work, quick, indexed, write)).toBe(false);
    expect(written).toBe(false);
    expect(await stateOf(tenantId, id)).toMatchObject({ state: 'indexed', crashes: 0 });
  });

  it('may come with others, of which those that were taken over are left out', async () => {
    const tenantId = await tenantNamed('a');
    const ids = await addUploads(tenantId, 3);
    const [a, b, c] = await work.claim(3);
    await expireLeases();
    const [again] = await work.claim(1);
    const lost = [a, b, c].find((claim) => claim.uploadId === again.uploadId)!;
    const kept = [a, b, c].filter((claim) => claim !== lost);
    let written: ReadonlySet<Claim> | null = null;
    const finished = [c, a, b].map((claim) => ({ claim, result: indexed }));
    const recorded = await work.finish(tenantId, finished, (_, held) => {
      written = held;
      return Promise.resolve();
    });
    expect(recorded).toEqual(new Set(kept));
    expect(written).toEqual(new Set(kept));
    const states = await Promise.all(ids.map((id) => stateOf(tenantId, id)));
    expect(states.filter(({ state }) => state === 'indexed')).toHaveLength(2);
    expect(await workRows()).toMatchObject([{ upload_id: lost.uploadId, fencing: again.fencing }]);
  });

  it('of two workers that finish in the same moment is one', async () => {
    const tenantId = await tenantNamed('a');
    await addUploads(tenantId, 1);
    const [claim] = await work.claim(1);
    let written = 0;
    const finish = () => finishOne(work, claim, indexed, async () => void written++);
    const outcomes = await Promise.all([finish(), finish(), finish()]);
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(written).toBe(1);
  });

  it('may be a refusal, with its problem', async () => {
    const tenantId = await tenantNamed('a');
    const [id] = await addUploads(tenantId, 1);
    const [claim] = await work.claim(1);
    const problem = new Problem('malformed', 'a wrong byte').toBody();
    await finishOne(work, claim, { state: 'rejected', problem }, writeNothing);
    expect(await stateOf(tenantId, id)).toMatchObject({ state: 'rejected', problem });
  });
});

describe('an upload that nobody can finish', () => {
  it('goes into quarantine with the third crash of its own', async () => {
    const tenantId = await tenantNamed('a');
    const [id, innocent] = await addUploads(tenantId, 2);
    for (let crash = 1; crash <= maxCrashes; crash++) {
      const claim = (await work.claim(2)).find((each) => each.uploadId === id)!;
      expect(claim).toMatchObject({ crashes: crash - 1, attempts: crash });
      expect(await work.crashed(claim, quarantine)).toBe(crash === maxCrashes);
      expect(await stateOf(tenantId, id)).toMatchObject({
        state: crash === maxCrashes ? 'quarantined' : 'stored',
        crashes: crash,
        problem: crash === maxCrashes ? quarantine : null,
      });
    }
    expect((await workRows()).map((row) => row.upload_id)).toEqual([innocent]);
  });

  it('is told from one whose workers vanish', async () => {
    const tenantId = await tenantNamed('a');
    await addUploads(tenantId, 1);
    for (let lost = 0; lost <= 5; lost++) {
      const [claim] = await work.claim(1);
      expect(claim).toMatchObject({ lostLeases: lost, crashes: 0 });
      await expireLeases();
    }
  });
});

describe('what is held', () => {
  it("can be given back, and is then anybody's at once", async () => {
    const tenantId = await tenantNamed('a');
    const ids = await addUploads(tenantId, 2);
    const claims = await work.claim(2);
    await work.begin(tenantId, claims);
    await work.release(claims);
    expect(await stateOf(tenantId, ids[0])).toMatchObject({ state: 'stored' });
    const again = await work.claim(2);
    expect(again.map((claim) => [claim.uploadId, claim.lostLeases])).toEqual(ids.map((id) => [id, 0]));
  });

  it('stays held while the lease is renewed', async () => {
    const tenantId = await tenantNamed('a');
    await addUploads(tenantId, 1);
    const [claim] = await work.claim(1);
    await expireLeases();
    expect(await work.renew([claim])).toEqual([]);
    expect(await work.claim(1)).toEqual([]);
  });

  it('is neglected once its lease is over, or when it has waited for too long', async () => {
    const tenantId = await tenantNamed('a');
    expect(await work.isNeglected(0)).toBe(false);
    await addUploads(tenantId, 1);
    expect(await work.isNeglected(0)).toBe(true);
    expect(await work.isNeglected(60_000)).toBe(false);
    await work.claim(1);
    expect(await work.isNeglected(0)).toBe(false);
    await expireLeases();
    expect(await work.isNeglected(60_000)).toBe(true);
  });
});
