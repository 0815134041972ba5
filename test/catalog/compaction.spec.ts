import { hourMillis } from '../../src/analysis/timeline.js';
import type { TrendQuery } from '../../src/catalog/trends.js';
import { RecordedSeries, type RecordedSnapshot } from './recorded-series.js';
import { stacksOf } from './stacks.js';

const minute = 60_000;
const day = 24 * hourMillis;
/** A midnight some days ago: partitions are made for the times around now only. */
const start = (Math.floor(Date.now() / day) - 9) * day;

const leak = ['runtime.main', 'main.main', 'main.leak', 'main.grow'];
const cache = ['runtime.main', 'main.main', 'main.cache', 'main.cache'];

/** A heap that grows, and starts again from nothing after two and a half hours. */
function heap(minutes: number, wide = false): RecordedSnapshot['stacks'] {
  const age = BigInt(Math.round(minutes % 150));
  const scale = wide ? 2n ** 54n : 1n;
  return stacksOf([
    [leak, [age * 10n, age * 4096n * scale, age, age * 512n * scale]],
    [cache, [5n + age, (age + 5n) * 1000n, 5n, 5000n]],
    [['runtime.main'], [1n, 64n, age % 2n, (age % 2n) * 64n]],
  ]);
}

function snapshots(instance: string, from: number, to: number, step: number, build = 'v1'): RecordedSnapshot[] {
  const result: RecordedSnapshot[] = [];
  for (let m = from; m < to; m += step) {
    result.push({
      atMillis: start + m * minute,
      instance,
      stacks: heap(m + instance.length, instance === 'wide'),
      build,
    });
  }
  return result;
}

const series: RecordedSnapshot[] = [
  ...snapshots('a', 3, 300, 13),
  ...snapshots('a', 300, 420, 13, 'v2'),
  ...snapshots('bb', 0, 200, 29),
  ...snapshots('bb', 380, 420, 2),
  ...snapshots('wide', 50, 260, 55),
];

const range = { fromMillis: start + 20 * minute, toMillis: start + 7.5 * hourMillis, stepSeconds: 3600 };
const questions: (typeof range & Partial<TrendQuery>)[] = [
  ...(['mean', 'last', 'max'] as const).map((stat) => ({ ...range, stat })),
  { ...range, stepSeconds: 3 * 3600, by: 'build' },
  { ...range, by: 'instance', sampleType: 'inuse_objects' },
  { ...range, sampleType: 'alloc_space' },
  { ...range, sampleType: 'alloc_objects', by: 'build' },
  { ...range, functionName: 'main.leak' },
  { ...range, functionName: 'main.leak', value: 'flat' },
  { ...range, functionName: 'main.grow', value: 'flat', by: 'instance' },
  { ...range, functionName: 'main.cache', sampleType: 'alloc_space' },
  { ...range, functionName: 'runtime.main', stat: 'last' },
];

async function answers(recorded: RecordedSeries) {
  const result = [];
  for (const question of questions) {
    const { series, ...rest } = await recorded.trend(question);
    // Ids of instances and builds depend on who came first.
    result.push({ ...rest, series: series.map(({ points }) => JSON.stringify(points)).sort() });
  }
  return result;
}

async function blocks(recorded: RecordedSeries): Promise<string[]> {
  const rows = await recorded.rows<{ block: string }>(
    `select concat_ws(' ', sample_type, bucket, day, instance_id, md5(data)) as block from rollup order by 1`,
  );
  return rows.map(({ block }) => block);
}

async function count(recorded: RecordedSeries, table: string): Promise<number> {
  const [{ count }] = await recorded.rows<{ count: string }>(`select count(*) from ${table}`);
  return Number(count);
}

describe('compaction', () => {
  let recorded: RecordedSeries;
  let calm: Awaited<ReturnType<typeof answers>>;

  beforeAll(async () => {
    recorded = await RecordedSeries.create();
    await recorded.record(...series);
    calm = await answers(recorded);
  });
  afterAll(() => recorded.database.drop());

  it('changes no answer, and then answers come from the roll-ups', async () => {
    recorded.nowMillis = start + day;
    expect(await recorded.compaction.run(recorded.tenantId)).toBeGreaterThan(10);
    expect(await count(recorded, 'rollup_dirty')).toBe(0);
    expect(await answers(recorded)).toEqual(calm);
    expect(await recorded.compaction.run()).toBe(0);
  });

  it('keeps the answers when the vectors are gone', async () => {
    const old = await RecordedSeries.create();
    await old.record(...series);
    old.nowMillis = start + day;
    await old.compaction.run(old.tenantId);
    await old.database.db.withTenant(old.tenantId, (tx) => tx.query('delete from vector'));
    expect(await answers(old)).toEqual(calm);
    await old.database.drop();
  });

  it('writes the same bytes when everything is rolled up again', async () => {
    const before = await blocks(recorded);
    await recorded.database.db.withTenant(recorded.tenantId, (tx) =>
      tx.query(`insert into rollup_dirty (tenant_id, service_id, kind, instance_id, hour, marked_by)
                select distinct tenant_id, service_id, kind, instance_id, date_trunc('hour', captured_at, 'UTC'), 0 from vector`),
    );
    await recorded.compaction.run(recorded.tenantId);
    expect(await blocks(recorded)).toEqual(before);
  });

  it('removes an hour whose snapshots are gone', async () => {
    const gone = await RecordedSeries.create();
    const [first, ...others] = snapshots('a', 0, 180, 30);
    await gone.record(first, ...others);
    gone.nowMillis = start + day;
    await gone.compaction.run();
    await gone.database.db.withTenant(gone.tenantId, async (tx) => {
      await tx.query(`delete from vector where captured_at < $1`, [new Date(start + hourMillis)]);
      await tx.query(
        `insert into rollup_dirty (tenant_id, service_id, kind, instance_id, hour, marked_by)
                      select tenant_id, service_id, 'heap', instance_id, $1, 0 from instance`,
        [new Date(start)],
      );
    });
    const before = await answers(gone);
    await gone.compaction.run();
    expect(await answers(gone)).toEqual(before);
    await gone.database.db.withTenant(gone.tenantId, async (tx) => {
      await tx.query('delete from vector');
      await tx.query(
        `insert into rollup_dirty (tenant_id, service_id, kind, instance_id, hour, marked_by)
                      select tenant_id, service_id, 'heap', instance_id, h, 0
                        from instance, generate_series($1::timestamptz, $2, interval '1 hour') h`,
        [new Date(start + hourMillis), new Date(start + 2 * hourMillis)],
      );
    });
    await gone.compaction.run();
    expect(await count(gone, 'rollup')).toBe(0);
    await gone.database.drop();
  });

  it('does not depend on when it runs, in which order snapshots arrive, or how many run at once', async () => {
    const wild = await RecordedSeries.create();
    const shuffled = series.map((snapshot, i) => ({ snapshot, key: (i * 7919) % 101 })).sort((a, b) => a.key - b.key);
    const half = shuffled.length >> 1;
    for (const { snapshot } of shuffled.slice(0, half)) await wild.record(snapshot);
    wild.nowMillis = start + 4 * hourMillis;
    await Promise.all([wild.compaction.run(), wild.compaction.run()]);
    wild.nowMillis = start + day;
    const arriving = (async () => {
      for (const { snapshot } of shuffled.slice(half)) await wild.record(snapshot);
    })();
    await Promise.all([arriving, wild.compaction.run(), wild.compaction.run(), wild.compaction.run()]);
    expect(await answers(wild)).toEqual(calm);
    while ((await wild.compaction.run()) > 0);
    expect(await count(wild, 'rollup_dirty')).toBe(0);
    expect(await answers(wild)).toEqual(calm);
    await wild.database.drop();
  });

  it('marks the hour of a late arrival and nothing else', async () => {
    const late = await RecordedSeries.create();
    await late.record(...snapshots('a', 0, 180, 10));
    expect(await count(late, 'rollup_dirty')).toBe(0);
    late.nowMillis = start + 2 * hourMillis + 5 * minute;
    await late.compaction.run();
    await late.record({ atMillis: start + 75.5 * minute, instance: 'a', stacks: heap(75) });
    await late.record({ atMillis: start + 130.5 * minute, instance: 'a', stacks: heap(130) });
    expect(await late.rows('select extract(epoch from hour) * 1000 as hour from rollup_dirty')).toEqual([
      { hour: expect.stringMatching(new RegExp(`^${start + hourMillis}(\\.0+)?$`)) },
    ]);
    await late.database.drop();
  });

  it('does not let one service with damaged data keep the others waiting', async () => {
    const damaged = await RecordedSeries.create();
    const healthy = await damaged.anotherService('healthy');
    await damaged.record(...snapshots('a', 0, 60, 20));
    await healthy.record(...snapshots('a', 0, 60, 20));
    await damaged.database.db.withTenant(damaged.tenantId, (tx) =>
      tx.query(`update vector set data = '\\x0102' where service_id = $1`, [damaged.serviceId]),
    );
    damaged.nowMillis = start + day;
    await expect(damaged.compaction.run()).rejects.toThrow(AggregateError);
    expect(await damaged.rows('select distinct service_id from rollup')).toEqual([{ service_id: healthy.serviceId }]);
    expect(await damaged.rows('select service_id from rollup_dirty')).toEqual([{ service_id: damaged.serviceId }]);
    await damaged.database.drop();
  });

  it('waits for a snapshot that is being recorded when it advances', async () => {
    const racing = await RecordedSeries.create();
    await racing.record(...snapshots('a', 0, 60, 10));
    racing.nowMillis = start + day;
    const record = await racing.prepare({ atMillis: start + 25 * minute, instance: 'a', stacks: heap(100) });
    let compacted: Promise<number> | undefined;
    await racing.database.db.withTenant(racing.tenantId, async (tx) => {
      await record(tx);
      compacted = racing.compaction.run();
      await waitingForLock(racing, 'rollup_head');
    });
    expect(await compacted).toBe(1);
    const { series } = await racing.trend({
      fromMillis: start,
      toMillis: start + hourMillis,
      stepSeconds: 3600,
      stat: 'max',
    });
    expect(series[0].points[0].value).toBe(String(100 * 512 + 5000));
    expect(await count(racing, 'rollup_dirty')).toBe(0);
    await racing.database.drop();
  });

  it('does not lose a snapshot that is recorded while its hour is being rebuilt', async () => {
    const racing = await RecordedSeries.create();
    await racing.record(...snapshots('a', 0, 60, 10));
    racing.nowMillis = start + day;
    await racing.compaction.run();
    await racing.record({ atMillis: start + 15 * minute, instance: 'a', stacks: heap(90) });
    let compacted: Promise<number> | undefined;
    // Another compactor is writing: this one has read its vectors and waits for its turn.
    await racing.database.db.withTenant(racing.tenantId, async (tx) => {
      await tx.query('select from rollup_head for no key update');
      compacted = racing.compaction.run();
      await waitingForLock(racing, 'rollup_head');
      await racing.record({ atMillis: start + 25 * minute, instance: 'a', stacks: heap(100) });
    });
    await compacted;
    while ((await racing.compaction.run()) > 0);
    const { series } = await racing.trend({
      fromMillis: start,
      toMillis: start + hourMillis,
      stepSeconds: 3600,
      stat: 'max',
    });
    expect(series[0].points[0].value).toBe(String(100 * 512 + 5000));
    await racing.database.drop();
  });
});

/** Until somebody waits for a lock on a row of the table. */
async function waitingForLock(recorded: RecordedSeries, table: string): Promise<void> {
  for (;;) {
    const waiting = await recorded.rows(
      `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%${table}%' and datname = current_database()`,
    );
    if (waiting.length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
