import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { markForRanking } from '../../src/catalog/ranking-marks.js';
import { type NextRanking, type RankingClaim, RankingWork } from '../../src/leaks/ranking-work.js';
import { recordRanking } from '../../src/leaks/record-ranking.js';
import type { Database, TenantId } from '../../src/platform/database.js';
import { insertService, insertUpload } from '../catalog/index-fixture.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { insertTenant } from '../tenants/fixture.js';
import { found, growing, hour, ranking } from './found.js';
import { claimService, recordOutcome, storedSuspects } from './outcomes.js';

const until = Math.floor(Date.now() / hour) * hour - 24 * hour;

let database: TestDatabase;
let db: Database;
let tenantId: TenantId;
let serviceId: string;
let instanceId: string;

beforeAll(async () => {
  database = await createTestDatabase();
  ({ db } = database);
});
afterAll(() => database?.drop());

beforeEach(async () => {
  ({ tenantId } = await insertTenant(db, randomUUID()));
  const service = await insertService(db, tenantId);
  ({
    serviceId,
    instanceIds: [instanceId],
  } = service);
});

interface State {
  readonly due: number | null;
  readonly remarked: boolean;
  readonly leased: boolean;
  readonly failures: number;
  readonly fault: string | null;
}

async function state(of = serviceId): Promise<State> {
  const [row] = await db.readTenant(tenantId, (tx) =>
    tx.query<State[]>(
      `select extract(epoch from due_at - clock_timestamp())::float8 as due, remarked, lease_until is not null as leased,
              failures, fault
         from leak_ranking where tenant_id = $1 and service_id = $2`,
      [tenantId, of],
    ),
  );
  return row;
}

const mark = (debounceMillis = 0, services = [serviceId]) =>
  db.withTenant(tenantId, (tx) => markForRanking(tx, tenantId, services, debounceMillis));

const claimOf = (next: NextRanking): RankingClaim => {
  if (next === null || !('claim' in next)) throw new Error(`no claim but ${JSON.stringify(next)}`);
  return next.claim;
};

const finish = (claim: RankingClaim, suspects = [found(until)], tookMillis = 0) =>
  db.withTenant(tenantId, (tx) =>
    recordRanking(
      tx,
      {
        claim,
        window: { fromMillis: until - 7 * 24 * hour, toMillis: until },
        ranking: ranking(until, suspects),
        youngest: null,
        tookMillis,
      },
      { nowMillis: Date.now(), debounceMillis: 0 },
    ),
  );

describe('when a service is ranked', () => {
  const work = (leaseMillis = 60_000) => new RankingWork(db, leaseMillis);

  it('is a debounce after its first mark, however many follow', async () => {
    await mark(3_600_000);
    const [first] = await db.readTenant(tenantId, (tx) => tx.query('select due_at from leak_ranking'));
    for (let i = 0; i < 20; i++) await mark(3_600_000);
    expect(await db.readTenant(tenantId, (tx) => tx.query('select due_at from leak_ranking'))).toEqual([first]);
    const next = await work().next(tenantId);
    expect(next).toEqual({ inMillis: expect.any(Number) });
    await mark(0);
    // Marked already: what has been promised for later is not hurried.
    expect(await work().next(tenantId)).toEqual({ inMillis: expect.any(Number) });
  });

  it('is never without a mark', async () => {
    expect(await work().next(tenantId)).toBeNull();
    await mark();
    expect(await finish(claimOf(await work().next(tenantId)))).toBe(true);
    expect(await work().next(tenantId)).toBeNull();
    expect(await state()).toMatchObject({ due: null, remarked: false, leased: false });
  });

  it('is again when evidence came while it was being ranked, after a rest of three times as long', async () => {
    await mark();
    const claim = claimOf(await work().next(tenantId));
    await mark();
    await finish(claim, [], 100_000);
    const { due, remarked } = await state();
    expect(remarked).toBe(true);
    expect(due).toBeGreaterThan(250);
    expect(due).toBeLessThan(301);
  });

  it('is not before its rest is over, whoever marks it', async () => {
    await mark();
    await finish(claimOf(await work().next(tenantId)), [], 100_000);
    await mark();
    expect((await state()).due).toBeGreaterThan(250);
  });

  it('waits for evidence that is being recorded, which the ranking then sees', async () => {
    await mark();
    let claimed: Promise<NextRanking> | null = null;
    await db.withTenant(tenantId, async (tx) => {
      await markForRanking(tx, tenantId, [serviceId], 0);
      claimed = work().next(tenantId);
      for (;;) {
        const [{ waiting }] = await db.acrossTenants((other) =>
          other.query<{ waiting: number }[]>(
            `select count(*)::int as waiting from pg_stat_activity
              where datname = current_database() and wait_event_type = 'Lock'`,
          ),
        );
        if (waiting > 0) break;
        await sleep(10);
      }
    });
    expect(claimOf(await claimed!)).toMatchObject({ serviceId });
    expect(await state()).toMatchObject({ remarked: false, leased: true });
  });

  it('goes by who has waited longest', async () => {
    const other = await insertService(db, tenantId, 'other');
    await mark(0, [other.serviceId]);
    await mark();
    expect(claimOf(await work().next(tenantId)).serviceId).toBe(other.serviceId);
    expect(claimOf(await work().next(tenantId)).serviceId).toBe(serviceId);
  });

  it('is due as before when its worker died, and nothing that the dead one still writes counts', async () => {
    await mark();
    const dead = claimOf(await work(1).next(tenantId));
    expect(await state()).toMatchObject({ leased: true, due: expect.any(Number) });
    await sleep(5);
    const next = claimOf(await work().next(tenantId));
    expect(await finish(dead)).toBe(false);
    await work().release(dead);
    await work().fail(dead, 'too late');
    expect(await state()).toMatchObject({ leased: true, failures: 0 });
    expect(await storedSuspects(db, tenantId)).toEqual([]);
    expect(await finish(next)).toBe(true);
    expect(await storedSuspects(db, tenantId)).toHaveLength(1);
  });

  it('is one worker’s at a time', async () => {
    await mark();
    const claims = await Promise.all(Array.from({ length: 8 }, () => work().next(tenantId)));
    expect(claims.filter((next) => next !== null && 'claim' in next)).toHaveLength(1);
  });

  it('is later with every failure, with the reason noted, until one succeeds', async () => {
    await mark();
    const dueAfter: number[] = [];
    for (let i = 1; i <= 9; i++) {
      await work().fail(await claimService(db, tenantId, serviceId), `failure ${i}`);
      const { due, fault, failures } = await state();
      expect([fault, failures]).toEqual([`failure ${i}`, i]);
      dueAfter.push(Math.round(due! / 30));
    }
    expect(dueAfter).toEqual([1, 2, 4, 8, 16, 32, 64, 120, 120]);
    await finish(await claimService(db, tenantId, serviceId));
    expect(await state()).toMatchObject({ fault: null, failures: 0 });
  });

  it('costs other tenants nothing: their claims are their own', async () => {
    await mark();
    const other = await insertTenant(db, randomUUID());
    expect(await work().next(other.tenantId)).toBeNull();
  });
});

describe('the outcome of a ranking', () => {
  const names = ['a.leak', 'b.leak', 'c.leak', 'd.leak'];
  const of = (millis: number) =>
    ranking(
      millis,
      names.map((name, i) => found(millis, { function: name, score: 9 - i })),
    );
  /** Without what is made up anew each time: ids, and when it was written. */
  const comparable = async () =>
    JSON.stringify(await storedSuspects(db, tenantId), (key, value: unknown) =>
      ['suspect_id', 'tenant_id', 'service_id', 'service_team_id', 'team_id', 'at', 'changed_at'].includes(key)
        ? undefined
        : value,
    );

  it('is the same again: nothing is written, nothing happens', async () => {
    await recordOutcome(db, tenantId, serviceId, of(until));
    const before = await storedSuspects(db, tenantId);
    expect(before).toHaveLength(4);
    await recordOutcome(db, tenantId, serviceId, of(until), { nowMillis: Date.now() + 24 * hour });
    expect(await storedSuspects(db, tenantId)).toEqual(before);
  });

  it('does not depend on the order in which suspects are told', async () => {
    const steps = [
      of(until),
      ranking(until + hour, [found(until + hour, { function: 'c.leak' })]),
      of(until + 30 * hour),
    ];
    for (const step of steps) await recordOutcome(db, tenantId, serviceId, step);
    const straight = await comparable();
    ({ tenantId } = await insertTenant(db, randomUUID()));
    ({ serviceId } = await insertService(db, tenantId));
    for (const step of steps) {
      await recordOutcome(db, tenantId, serviceId, { ...step, suspects: [...step.suspects].reverse() });
    }
    expect(await comparable()).toBe(straight);
  });

  it('takes names as programs write them, and numbers as they are', async () => {
    const odd = found(until, {
      function: 'a.(*T[go.shape.int]).f·"quoted" \\ 🦫',
      growth: { perHour: 1e21, now: 0.1 + 0.2 },
    });
    await recordOutcome(db, tenantId, serviceId, ranking(until, [odd]));
    const before = await storedSuspects(db, tenantId);
    expect(before).toMatchObject([{ suspect: { function: odd.function, peak: 0.1 + 0.2 } }]);
    await recordOutcome(db, tenantId, serviceId, ranking(until, [odd]));
    expect(await storedSuspects(db, tenantId)).toEqual(before);
  });
});

describe('the snapshots that show an open suspect', () => {
  let before: string;
  let after: string;
  let unrelated: string;

  beforeEach(async () => {
    [before, after, unrelated] = await Promise.all(
      [0, 1, 2].map(async () => (await insertUpload(db, tenantId, { serviceId, instanceId })).uploadId),
    );
    const suspect = found(until, { instances: [growing(until, { before, after })] });
    await recordOutcome(db, tenantId, serviceId, ranking(until, [suspect]));
  });

  const remove = (uploadId: string) =>
    db.withTenant(tenantId, (tx) =>
      tx.query('delete from upload where tenant_id = $1 and upload_id = $2', [tenantId, uploadId]),
    );
  const close = () =>
    db.withTenant(tenantId, (tx) =>
      tx.query(
        `delete from suspect_evidence e using suspect s
          where e.tenant_id = $1 and s.tenant_id = $1 and s.suspect_id = e.suspect_id`,
        [tenantId],
      ),
    );

  it('cannot be deleted, others can', async () => {
    await expect(remove(before)).rejects.toThrow(/suspect_evidence/);
    await expect(remove(after)).rejects.toThrow(/suspect_evidence/);
    await remove(unrelated);
  });

  it('go with their service, suspects and all', async () => {
    await db.withTenant(tenantId, (tx) => tx.query('delete from service where tenant_id = $1', [tenantId]));
    expect(await storedSuspects(db, tenantId)).toEqual([]);
  });

  it('are pinned as far as they are still there', async () => {
    await close();
    await remove(before);
    const suspect = found(until + hour, { instances: [growing(until + hour, { before, after })] });
    await recordOutcome(db, tenantId, serviceId, ranking(until + hour, [suspect]));
    expect(await storedSuspects(db, tenantId)).toMatchObject([{ pins: [after] }]);
  });

  it('change with what shows it now', async () => {
    const suspect = found(until + hour, { instances: [growing(until + hour, { before: after, after: unrelated })] });
    await recordOutcome(db, tenantId, serviceId, ranking(until + hour, [suspect]));
    await remove(before);
    await expect(remove(unrelated)).rejects.toThrow(/suspect_evidence/);
  });
});
