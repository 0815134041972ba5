import { hourMillis } from '../../src/analysis/timeline.js';
import { maxTrendPoints, readTeamTrend, type Trend } from '../../src/catalog/trends.js';
import { asTenantId } from '../../src/platform/database.js';
import { Problem } from '../../src/platform/problem.js';
import { RecordedSeries } from './recorded-series.js';
import { stacksOf } from './stacks.js';

const minute = 60_000;
const day = 24 * hourMillis;
const start = (Math.floor(Date.now() / day) - 9) * day;
const gib = 2 ** 30;

const goroutine = [{ type: 'goroutine', unit: 'count' }];
const cpu = [
  { type: 'samples', unit: 'count' },
  { type: 'cpu', unit: 'nanoseconds' },
];
const contention = [
  { type: 'contentions', unit: 'count' },
  { type: 'delay', unit: 'nanoseconds' },
];

const hold = (bytes: number) =>
  stacksOf([
    [
      ['main.main', 'main.hold'],
      [1, bytes, 1, bytes],
    ],
  ]);
const values = (trend: Trend, series = 0) => trend.series[series].points.map(({ value }) => value);

/** Each test uses its own hours or its own service of one database. */
describe('trends', () => {
  let heap: RecordedSeries;
  beforeAll(async () => {
    heap = await RecordedSeries.create();
  });
  afterAll(() => heap.database.drop());

  async function compacted(series: RecordedSeries): Promise<void> {
    series.nowMillis = start + 8 * day;
    await series.compaction.run();
  }

  it('read three pods of 1 GiB, replaced daily, as 3 GiB at every step, before and after compaction', async () => {
    for (let d = 0; d < 3; d++) {
      for (let pod = 0; pod < 3; pod++) {
        for (let m = 0; m < 24 * 60; m += 30) {
          await heap.record({ atMillis: start + d * day + m * minute, instance: `pod-${d}-${pod}`, stacks: hold(gib) });
        }
      }
    }
    const days = { fromMillis: start, toMillis: start + 3 * day };
    const check = async () => {
      for (const [range, points] of [
        [{ ...days, stepSeconds: 86_400 }, 3],
        [{ ...days, stepSeconds: 3 * 86_400 }, undefined],
        [{ fromMillis: start + day, toMillis: start + 2 * day, stepSeconds: 3600 }, 24],
        [{ fromMillis: start + day + 7 * hourMillis, toMillis: start + day + 8 * hourMillis, stepSeconds: 60 }, 60],
      ] as const) {
        for (const functionName of [undefined, 'main.main']) {
          const read = values(await heap.trend({ ...range, functionName, stat: 'last' }));
          if (points !== undefined) expect(read).toHaveLength(points);
          for (const value of values(await heap.trend({ ...range, functionName }))) {
            // A pod that is gone still holds for a quarter of an hour of its last step, beside the one that has taken over.
            expect(Number(value) / (3 * gib)).toBeGreaterThanOrEqual(1);
            expect(Number(value) / (3 * gib)).toBeLessThanOrEqual(1.25);
          }
        }
      }
    };
    await check();
    await compacted(heap);
    await check();
    const dayTwo = { fromMillis: start + 1.25 * day, toMillis: start + 1.75 * day, stepSeconds: 12 * 3600 };
    expect(values(await heap.trend(dayTwo))).toEqual([String(3 * gib), String(3 * gib)]);
    const pods = await heap.trend({ ...days, stepSeconds: 86_400, by: 'instance' });
    expect(pods.series).toHaveLength(9);
    expect(pods.series.every(({ points }) => points.every(({ value }) => value === String(gib)))).toBe(true);
    const one = await heap.trend({ ...days, stepSeconds: 86_400, instanceId: await heap.instanceId('pod-1-0') });
    expect(one.series).toHaveLength(1);
    expect(one.series[0].points[0]).toEqual({ atMillis: start + day, value: String(gib), coveredMillis: day });
  }, 120_000);

  it('say the unit and what the number means', async () => {
    const range = { fromMillis: start, toMillis: start + day, stepSeconds: 86_400 };
    expect(await heap.trend({ ...range, sampleType: 'alloc_space' })).toMatchObject({
      unit: 'bytes',
      semantics: 'counter',
    });
    expect(await heap.trend({ ...range, sampleType: 'inuse_objects/count' })).toMatchObject({
      unit: 'count',
      semantics: 'gauge',
    });
    expect((await heap.trend({ ...range, sampleType: 'nothing' })).series).toEqual([]);
    expect((await heap.trend({ ...range, fromMillis: start - 5 * day, toMillis: start - 4 * day })).series).toEqual([]);
  });

  it('read goroutines that are not there as 0 where the service was looked at, and as nothing elsewhere', async () => {
    const service = await heap.anotherService('goroutines');
    const stacks = (parked: number) =>
      stacksOf(
        [
          [['main.main'], [1]],
          [['main.main', 'main.parked', 'main.parked'], [parked]],
        ],
        goroutine,
      );
    await service.record(
      { kind: 'goroutine', instance: 'a', atMillis: start, stacks: stacks(0) },
      { kind: 'goroutine', instance: 'a', atMillis: start + hourMillis, stacks: stacks(7) },
      { kind: 'goroutine', instance: 'a', atMillis: start + 2 * hourMillis, stacks: stacks(2) },
      { kind: 'goroutine', instance: 'a', atMillis: start + 60 * hourMillis, stacks: stacks(3) },
    );
    const ask = () =>
      service.trend({
        kind: 'goroutine',
        sampleType: 'goroutine',
        functionName: 'main.parked',
        fromMillis: start,
        toMillis: start + 5 * hourMillis,
        stepSeconds: 3600,
      });
    const points = [
      { atMillis: start, value: '0', coveredMillis: hourMillis },
      { atMillis: start + hourMillis, value: '7', coveredMillis: hourMillis },
      { atMillis: start + 2 * hourMillis, value: '2', coveredMillis: hourMillis },
      { atMillis: start + 3 * hourMillis, value: '2', coveredMillis: hourMillis / 2 },
    ];
    expect((await ask()).series).toEqual([{ key: null, isOther: false, points }]);
    await compacted(service);
    expect((await ask()).series).toEqual([{ key: null, isOther: false, points }]);
  });

  it('add up counters over restarts and instances, and deltas beside them', async () => {
    const service = await heap.anotherService('counters');
    const stacks = (n: number) => stacksOf([[['main.lock'], [n, n * 1000]]], contention);
    const at = (m: number) => start + m * minute;
    await service.record(
      { kind: 'mutex', instance: 'a', atMillis: at(10), stacks: stacks(1000) },
      { kind: 'mutex', instance: 'a', atMillis: at(50), stacks: stacks(1100) },
      { kind: 'mutex', instance: 'a', atMillis: at(70), stacks: stacks(40) },
      { kind: 'mutex', instance: 'a', atMillis: at(80), stacks: stacks(45) },
      { kind: 'mutex', instance: 'b', atMillis: at(20), stacks: stacks(7) },
      { kind: 'mutex', instance: 'b', atMillis: at(30), stacks: stacks(8) },
      {
        kind: 'mutex',
        instance: 'c',
        atMillis: at(15),
        stacks: stacks(3),
        delta: true,
        durationNanos: 60_000_000_000n,
      },
      {
        kind: 'mutex',
        instance: 'c',
        atMillis: at(16),
        stacks: stacks(4),
        delta: true,
        durationNanos: 60_000_000_000n,
      },
      { kind: 'mutex', instance: 'lone', atMillis: at(90), stacks: stacks(9) },
    );
    const ask = (sampleType: string, functionName?: string) =>
      service.trend({
        kind: 'mutex',
        sampleType,
        functionName,
        fromMillis: start,
        toMillis: at(120),
        stepSeconds: 3600,
      });
    // The new process's 40 lie between minutes 50 and 70, half of them in each hour.
    const expected = [100 + 20 + 1 + 3 + 4, 20 + 5 + 9];
    const check = async () => {
      expect(values(await ask('contentions'))).toEqual(expected.map(String));
      expect(values(await ask('delay'))).toEqual(expected.map((n) => String(n * 1000)));
      expect(values(await ask('contentions', 'main.lock'))).toEqual(expected.map(String));
    };
    await check();
    await compacted(service);
    await check();
    const fine = await service.trend({
      kind: 'mutex',
      sampleType: 'contentions',
      fromMillis: at(50),
      toMillis: at(70),
      stepSeconds: 300,
    });
    expect(values(fine)).toEqual(['10', '10', '10', '10']);
  });

  it('show CPU time as cores, also of pods that take over from each other', async () => {
    const service = await heap.anotherService('cpu');
    const stacks = (nanos: number) => stacksOf([[['main.work'], [nanos / 1e7, nanos]]], cpu);
    for (let m = 0; m < 120; m += 3) {
      for (const pod of ['a', 'b']) {
        const instance = `${pod}-${m < 60 ? 1 : 2}`;
        const atMillis = start + m * minute;
        // 15 s of CPU time in 10 s, every three minutes.
        await service.record({ kind: 'cpu', instance, atMillis, stacks: stacks(15e9), durationNanos: 10_000_000_000n });
      }
    }
    const ask = (functionName?: string) =>
      service.trend({
        kind: 'cpu',
        sampleType: 'cpu',
        functionName,
        fromMillis: start,
        toMillis: start + 2 * hourMillis,
        stepSeconds: 3600,
      });
    const check = async () => {
      expect(await ask()).toMatchObject({ unit: 'cores', semantics: 'cpu' });
      for (const trend of [await ask(), await ask('main.work')]) {
        expect(values(trend)[0]).toBe('3');
        expect(Number(values(trend)[1])).toBeCloseTo(3, 0);
      }
    };
    await check();
    await compacted(service);
    await check();
  });

  it('sum up what lies beyond the fifty largest instances, and teams over their services', async () => {
    const service = await heap.anotherService('many');
    for (let i = 0; i < 53; i++) {
      await service.record({ atMillis: start, instance: `i${i}`, stacks: hold(i + 1) });
    }
    const range = { fromMillis: start, toMillis: start + hourMillis, stepSeconds: 3600 };
    const { series } = await service.trend({ ...range, by: 'instance' });
    expect(series).toHaveLength(51);
    expect(series[0]).toMatchObject({ isOther: false, points: [{ value: '53' }] });
    expect(series[50]).toMatchObject({ key: null, isOther: true, points: [{ value: String(1 + 2 + 3) }] });

    const another = await heap.anotherService('one');
    await another.record({ atMillis: start, instance: 'x', stacks: hold(1000) });
    const team = (by?: 'service') =>
      heap.database.db.readTenant(heap.tenantId, (tx) =>
        readTeamTrend(tx, heap.tenantId, {
          ...range,
          kind: 'heap',
          sampleType: 'inuse_space',
          serviceIds: [service.serviceId, another.serviceId],
          by,
        }),
      );
    const total = (53 * 54) / 2;
    expect(values(await team())).toEqual([String(total + 1000)]);
    await compacted(service);
    expect(values(await team())).toEqual([String(total + 1000)]);
    expect((await team('service')).series.map(({ key, points }) => [key, points[0].value])).toEqual([
      [service.serviceId, String(total)],
      [another.serviceId, '1000'],
    ]);
  }, 60_000);

  it('keep builds apart, and read those that are asked for', async () => {
    const service = await heap.anotherService('builds');
    for (let m = 0; m < 60; m += 10) {
      await service.record({
        atMillis: start + m * minute,
        instance: 'a',
        stacks: hold(m < 30 ? 100 : 200),
        build: m < 30 ? 'v1' : 'v2',
      });
    }
    await service.record({ atMillis: start + 60 * minute, instance: 'a', stacks: hold(300) });
    const range = { fromMillis: start, toMillis: start + 2 * hourMillis, stepSeconds: 7200 };
    const half = { coveredMillis: hourMillis / 2 };
    const check = async () => {
      const { series } = await service.trend({ ...range, by: 'build' });
      expect(series.map(({ points }) => points)).toMatchObject([
        [{ value: '300' }],
        [{ value: '200', ...half }],
        [{ value: '100', ...half }],
      ]);
      expect(series[0].key).toBeNull();
      const onlyFirst = await service.trend({ ...range, buildIds: [series[2].key!] });
      expect(onlyFirst.series.map(({ points }) => points)).toMatchObject([[{ value: '100', ...half }]]);
    };
    await check();
    await compacted(service);
    await check();
  });

  it('hold what was captured before the range into it, at any distance up to what is typical', async () => {
    const service = await heap.anotherService('sparse');
    for (let d = 0; d < 4; d++) await service.record({ atMillis: start + d * day, instance: 'a', stacks: hold(d + 1) });
    const ask = () =>
      service.trend({
        fromMillis: start + 2 * day + 20 * hourMillis,
        toMillis: start + 3 * day,
        stepSeconds: 2 * 3600,
      });
    expect(values(await ask())).toEqual(['3', '3']);
    expect(
      values(
        await service.trend({
          fromMillis: start + 2.9 * day,
          toMillis: start + 2.9 * day + minute,
          stepSeconds: 60,
          functionName: 'main.hold',
        }),
      ),
    ).toEqual(['3']);
    await compacted(service);
    expect(values(await ask())).toEqual(['3', '3']);
  });

  it('refuse what would give too many points, an odd step, or a function that the service does not have', async () => {
    const ask = (query: object) =>
      heap
        .trend({ fromMillis: start, toMillis: start + day, stepSeconds: 60, ...query })
        .catch((error: unknown) => error);
    const refused = await ask({ stepSeconds: 1, toMillis: start + 3 * hourMillis });
    expect(refused).toBeInstanceOf(Problem);
    expect(refused).toMatchObject({
      code: 'too-many-points',
      options: { limit: 'trend-points', allowed: maxTrendPoints },
    });
    expect(await ask({ stepSeconds: 5000 })).toMatchObject({ code: 'validation-failed' });
    expect(await ask({ toMillis: start })).toMatchObject({ code: 'validation-failed' });
    expect(await ask({ functionName: 'main.unheard' })).toMatchObject({ code: 'not-found' });
  });

  it('show a tenant nothing of another', async () => {
    const [{ tenant_id }] = await heap.database.db.acrossTenants((tx) =>
      tx.query<{ tenant_id: string }[]>(`insert into tenant (name) values ('stranger') returning tenant_id`),
    );
    const stranger = asTenantId(tenant_id);
    const foreign = await heap.database.db.readTenant(stranger, (tx) =>
      readTeamTrend(tx, stranger, {
        serviceIds: [heap.serviceId],
        kind: 'heap',
        sampleType: 'inuse_space',
        fromMillis: start,
        toMillis: start + day,
        stepSeconds: 3600,
      }),
    );
    expect(foreign.series).toEqual([]);
  });
});
