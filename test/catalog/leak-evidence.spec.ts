import { randomUUID } from 'node:crypto';
import { goroutineContent } from '../../src/analysis/goroutine-content.js';
import { rowsOfDump } from '../../src/analysis/goroutine-rows.js';
import { stackProfileOfDump } from '../../src/analysis/from-goroutine-dump.js';
import type { GoroutineEvidence, HeapEvidence, InstanceEvidence } from '../../src/analysis/leaks/evidence.js';
import { momentTable, type SeriesTable } from '../../src/analysis/series-table.js';
import type { SampleType, StackProfile } from '../../src/analysis/stack-profile.js';
import { Dictionary } from '../../src/catalog/dictionary.js';
import type { PartContent } from '../../src/catalog/index-part.js';
import {
  type FoundLeakEvidence,
  type LeakWindow,
  mostMoments,
  readLeakEvidence,
} from '../../src/catalog/leak-evidence.js';
import { mostInstances, mostSnapshots } from '../../src/catalog/leak-places.js';
import { StackStore } from '../../src/catalog/stack-store.js';
import { decodeGoroutineDumps } from '../../src/formats/goroutine-dump/decode.js';
import type { Reading } from '../../src/formats/reading.js';
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
let otherTenant: TenantId;
let dictionary: Dictionary;
let service: TestService;

beforeAll(async () => {
  test = await createTestDatabase();
  ({ tenantId } = await insertTenant(test.db, 'acme'));
  ({ tenantId: otherTenant } = await insertTenant(test.db, 'other'));
  dictionary = new Dictionary(test.db, new StackStore());
});
afterAll(() => test.drop());
beforeEach(async () => {
  service = await insertService(test.db, tenantId, randomUUID(), ['pod-1', 'pod-2']);
});

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const goroutineTypes: readonly SampleType[] = [{ type: 'goroutine', unit: 'count' }];

/** A heap of one site: what it ever allocated, and what of it is in use. */
const heap = (allocated: number, inUse: number) =>
  stacksOf([
    [
      ['main.main m.go:1', 'main.grow g.go:2'],
      [allocated, allocated * 10, inUse, inUse * 10],
    ],
  ]);
const goroutines = (count: number) =>
  stacksOf([[['[select]', 'main.main m.go:1', 'main.wait w.go:2'], [count]]], goroutineTypes);

interface Pushed {
  readonly seconds: number;
  readonly instance?: number;
  readonly build?: string;
  readonly gitSha?: string;
  readonly id?: string;
  readonly processStart?: string;
  readonly content?: Partial<PartContent>;
}

async function push(
  stacks: StackProfile | null,
  { seconds, instance = 0, build, gitSha, id, processStart, content }: Pushed,
  owner = { tenantId, service },
): Promise<string> {
  const upload = await insertUpload(test.db, owner.tenantId, {
    ...(id !== undefined && { uploadId: id }),
    serviceId: owner.service.serviceId,
    instanceId: owner.service.instanceIds[instance],
    receivedAt: after(seconds),
    declared: { build, gitSha },
  });
  if (processStart !== undefined) {
    // The receipt writes what was declared; the fixture's does not.
    await test.db.withTenant(owner.tenantId, (tx) =>
      tx.query('update upload set declared = $3 where tenant_id = $1 and upload_id = $2', [
        owner.tenantId,
        upload.uploadId,
        { processStart },
      ]),
    );
  }
  const part: PartContent =
    stacks === null
      ? { ...contentOf(heap(1, 1)), stacks: null, totals: [], kind: 'memstats', ...content }
      : contentOf(stacks, { capturedAtNanos: nanos(after(seconds)), ...content });
  await indexUpload(test.db, dictionary, owner.tenantId, upload, [part]);
  return upload.uploadId;
}

/**
 * The same snapshot again and again as rows, as if its upload had so many parts: the write path would take minutes. What
 * was ever allocated stands still in them.
 */
async function repeat(snapshotId: string, seconds: { from: number; count: number; every: number }): Promise<void> {
  await test.db.withTenant(tenantId, async (tx) => {
    for (const at of [after(seconds.from), after(seconds.from + seconds.count * seconds.every)]) {
      await tx.query('select ensure_month($1)', [at]);
    }
    await tx.query(
      `with made as (
         select gen_random_uuid() as id, n as part, $3::timestamptz + n * $5 * interval '1 second' as at
           from generate_series(0, $4::int - 1) n
       ), snapshots as (
         insert into snapshot (tenant_id, snapshot_id, upload_id, part, service_id, instance_id, kind, captured_at, captured_from)
         select s.tenant_id, m.id, s.upload_id, parts.last + 1 + m.part, s.service_id, s.instance_id, s.kind, m.at, 'given'
           from made m
           join snapshot s on s.tenant_id = $1 and s.snapshot_id = $2
          cross join lateral (select max(p.part) as last from snapshot p where p.tenant_id = $1 and p.upload_id = s.upload_id) parts
       )
       insert into vector (tenant_id, service_id, kind, captured_at, snapshot_id, instance_id, build_id, delta, sample_types, totals, data)
       select v.tenant_id, v.service_id, v.kind, m.at, m.id, v.instance_id, v.build_id, v.delta, v.sample_types, v.totals, v.data
         from made m join vector v on v.tenant_id = $1 and v.snapshot_id = $2`,
      [tenantId, snapshotId, after(seconds.from), seconds.count, seconds.every],
    );
    await tx.query(
      'update instance set first_seen = least(first_seen, $3), last_seen = greatest(last_seen, $4) where tenant_id = $1 and service_id = $2',
      [tenantId, service.serviceId, after(seconds.from), after(seconds.from + seconds.count * seconds.every)],
    );
  });
}

async function found(
  fromSeconds: number,
  toSeconds: number,
  more: Partial<LeakWindow> = {},
  reader = tenantId,
): Promise<FoundLeakEvidence> {
  const window = {
    serviceId: service.serviceId,
    fromMillis: after(fromSeconds).getTime(),
    toMillis: after(toSeconds).getTime(),
    ...more,
  };
  return test.db.readTenant(reader, (tx) => readLeakEvidence(tx, new StackStore(), reader, window));
}

async function instancesIn(...range: Parameters<typeof found>): Promise<readonly InstanceEvidence[]> {
  return (await found(...range)).evidence.instances;
}

/** Of snapshots of one kind: the second in which each was taken. */
function secondsOf({ snapshots }: InstanceEvidence, kind: string): number[] {
  return snapshots
    .filter((snapshot) => snapshot.kind === kind)
    .map(({ atMillis }) => (atMillis - noon.getTime()) / 1000);
}

describe('snapshots that are evidence', () => {
  it('say what they said when they were indexed', async () => {
    const ids = [
      await push(heap(7, 3), { seconds: 0, build: 'v1', content: { details: detailsOf({ period: '4096' }) } }),
      await push(goroutines(5), { seconds: 1, content: { kind: 'goroutine' } }),
      await push(stacksOf([[['main.leak l.go:1'], [2]]], [{ type: 'goroutineleak', unit: 'count' }]), {
        seconds: 2,
        processStart: '2026-01-02T03:04:05.678Z',
        content: { kind: 'goroutineleak' },
      }),
    ];
    const { evidence, notes, vectors } = await found(0, 60);
    expect(notes).toEqual([]);
    expect(vectors).toBe(3);
    const [, site] = evidence.stacks;
    expect(site).toEqual({
      state: 'select',
      createdBy: null,
      frames: [
        { function: 'main.wait', file: 'w.go', line: 2 },
        { function: 'main.main', file: 'm.go', line: 1 },
      ],
    });
    expect(evidence.instances).toEqual([
      {
        name: 'pod-1',
        memory: [],
        snapshots: [
          {
            ...{ id: ids[0], atMillis: noon.getTime(), build: 'v1', processStartMillis: null, kind: 'heap' },
            stacks: Int32Array.of(0),
            inuseObjects: Float64Array.of(3),
            inuseBytes: Float64Array.of(30),
            allocObjects: Float64Array.of(7),
            allocBytes: Float64Array.of(70),
            sampleBytes: 4096,
          } satisfies HeapEvidence,
          {
            ...{ id: ids[1], atMillis: after(1).getTime(), build: '', processStartMillis: null, kind: 'goroutine' },
            ...{ stacks: Int32Array.of(1), counts: Float64Array.of(5), leaked: null, members: null },
          } satisfies GoroutineEvidence,
          {
            ...{ id: ids[2], atMillis: after(2).getTime(), build: '', kind: 'goroutineleak' },
            processStartMillis: Date.parse('2026-01-02T03:04:05.678Z'),
            ...{ stacks: Int32Array.of(2), counts: Float64Array.of(2), leaked: Float64Array.of(2), members: null },
          } satisfies GoroutineEvidence,
        ],
      },
    ]);
  });

  it('are those of the window, half open', async () => {
    for (const seconds of [-1, 0, 59, 60]) await push(heap(1, 1), { seconds });
    const [pod] = await instancesIn(0, 60);
    expect(secondsOf(pod, 'heap')).toEqual([0, 59]);
  });

  it('are of one instance or build where that is asked for, and of none that is not known', async () => {
    await push(heap(1, 1), { seconds: 0, build: 'v1' });
    await push(heap(2, 1), { seconds: 1, build: 'v2' });
    await push(heap(3, 1), { seconds: 2, instance: 1, build: 'v1' });
    const [{ build_id: first }] = await test.db.readTenant(tenantId, (tx) =>
      tx.query<{ build_id: string }[]>(
        `select build_id from build where tenant_id = $1 and service_id = $2 and version = 'v1'`,
        [tenantId, service.serviceId],
      ),
    );
    const said = async (more: Partial<LeakWindow>) =>
      (await instancesIn(0, 60, more)).map((instance) => [instance.name, secondsOf(instance, 'heap')]);
    expect(await said({ instance: 'pod-1' })).toEqual([['pod-1', [0, 1]]]);
    expect(await said({ buildIds: [first] })).toEqual([
      ['pod-1', [0]],
      ['pod-2', [2]],
    ]);
    expect(await said({ instance: 'pod-1', buildIds: [first] })).toEqual([['pod-1', [0]]]);
    expect(await said({ instance: 'pod-3' })).toEqual([]);
    expect(await said({ buildIds: [] })).toEqual([]);
  });

  it('are of a build by its version, else by its commit', async () => {
    await push(heap(1, 1), { seconds: 0, build: 'v1', gitSha: 'c0ffee' });
    await push(heap(2, 1), { seconds: 1, gitSha: 'c0ffee' });
    await push(heap(3, 1), { seconds: 2 });
    const [pod] = await instancesIn(0, 60);
    expect(pod.snapshots.map(({ build }) => build)).toEqual(['v1', 'c0ffee', '']);
  });

  it('are never deltas', async () => {
    await push(heap(1, 1), { seconds: 0 });
    await push(heap(9, 9), { seconds: 1, content: { delta: true, durationNanos: 30_000_000_000n } });
    await push(goroutines(9), { seconds: 2, content: { kind: 'goroutine', delta: true } });
    const [pod] = await instancesIn(0, 60);
    expect(pod.snapshots.map(({ atMillis }) => atMillis)).toEqual([noon.getTime()]);
  });

  it("are never another tenant's or another service's, whatever they are called", async () => {
    const foreign = {
      tenantId: otherTenant,
      service: await insertService(test.db, otherTenant, randomUUID(), ['pod-1', 'pod-2']),
    };
    await push(heap(9, 9), { seconds: 0 }, foreign);
    await push(heap(8, 8), { seconds: 0 }, { tenantId, service: await insertService(test.db, tenantId, randomUUID()) });
    await push(heap(1, 1), { seconds: 0 });
    const [pod] = await instancesIn(0, 60);
    expect((pod.snapshots[0] as HeapEvidence).inuseObjects).toEqual(Float64Array.of(1));
    expect(pod.snapshots).toHaveLength(1);
    expect(await instancesIn(0, 60, { serviceId: foreign.service.serviceId })).toEqual([]);
    expect(await instancesIn(0, 60, {}, otherTenant)).toEqual([]);
    expect(await instancesIn(0, 60, { serviceId: foreign.service.serviceId }, otherTenant)).toHaveLength(1);
  });

  it('are of both months where the window goes over the end of one', async () => {
    const start = new Date(Date.UTC(noon.getUTCFullYear(), noon.getUTCMonth(), 1));
    const seconds = (start.getTime() - noon.getTime()) / 1000;
    await push(
      stacksOf([
        [['main.z'], [1, 1, 1, 1]],
        [['main.main m.go:1'], [1, 1, 5, 5]],
      ]),
      { seconds: seconds - 60 },
    );
    await push(stacksOf([[['main.main m.go:1'], [1, 1, 6, 6]]]), { seconds });
    const { evidence } = await found(seconds - 60, seconds + 60);
    const main = evidence.stacks.findIndex(({ frames }) => frames[0].function === 'main.main');
    const values = evidence.instances[0].snapshots.map((snapshot) => {
      return (snapshot as HeapEvidence).inuseObjects[snapshot.stacks.indexOf(main)];
    });
    expect(values).toEqual([5, 6]);
  });
});

describe('of more snapshots than are needed', () => {
  it('a week of one a minute reads at most 48 of each kind and instance, evenly, with the first and the last', async () => {
    const count = (7 * day) / minute;
    const from = -4 * day;
    await repeat(await push(heap(1, 1), { seconds: from - 30 }), { from, count, every: minute });
    const other = await push(goroutines(1), { seconds: from - 30, content: { kind: 'goroutine' } });
    await repeat(other, { from, count, every: minute });
    const { evidence, vectors } = await found(from, from + 7 * day);
    expect(vectors).toBe(2 * mostSnapshots);
    for (const kind of ['heap', 'goroutine']) {
      const seconds = secondsOf(evidence.instances[0], kind);
      expect(seconds).toHaveLength(mostSnapshots);
      expect([seconds[0], seconds.at(-1)]).toEqual([from, from + (count - 1) * minute]);
      const gaps = seconds.slice(1).map((second, i) => second - seconds[i]);
      const even = (7 * day) / (mostSnapshots - 1);
      expect(Math.min(...gaps)).toBeGreaterThan(even * 0.6);
      expect(Math.max(...gaps)).toBeLessThan(even * 1.4);
    }
  });

  it('few snapshots among long gaps are all read', async () => {
    const id = await push(heap(1, 1), { seconds: 0 });
    await repeat(id, { from: 60, count: 20, every: 1 });
    await repeat(id, { from: 3 * day, count: 20, every: 1 });
    const [pod] = await instancesIn(0, 7 * day);
    expect(pod.snapshots).toHaveLength(41);
  });

  it('the last two before a restart and the first after it are among them, of every kind', async () => {
    const from = -2 * day;
    const restart = 10 * hour + 17 * minute;
    const old = await push(heap(1000, 1), { seconds: from - 1 });
    await repeat(old, { from, count: (restart - from) / minute, every: minute });
    const young = await push(heap(10, 1), { seconds: restart - 1 });
    await repeat(young, { from: restart, count: (2 * day) / minute, every: minute });
    const other = await push(goroutines(1), { seconds: from - 1, content: { kind: 'goroutine' } });
    await repeat(other, { from: from + 20, count: (4 * day) / minute, every: minute });
    const [pod] = await instancesIn(from, 2 * day);
    const heaps = secondsOf(pod, 'heap');
    expect(heaps).toHaveLength(mostSnapshots);
    // The first of the new process is the one that was pushed.
    expect(heaps).toEqual(expect.arrayContaining([restart - 2 * minute, restart - minute, restart - 1]));
    const counted = secondsOf(pod, 'goroutine');
    expect(counted).toHaveLength(mostSnapshots);
    expect(counted).toEqual(expect.arrayContaining([restart - minute - 40 - minute, restart - minute - 40]));
  });

  it('the last two of a build are among them', async () => {
    const from = -day;
    const first = await push(goroutines(1), { seconds: from, build: 'v1', content: { kind: 'goroutine' } });
    await repeat(first, { from: from + minute, count: 700, every: minute });
    const deploy = from + 701 * minute + 30;
    const second = await push(goroutines(2), { seconds: deploy, build: 'v2', content: { kind: 'goroutine' } });
    await repeat(second, { from: deploy + minute, count: 500, every: minute });
    const [pod] = await instancesIn(from, 2 * day);
    const at = pod.snapshots.map(({ atMillis }) => (atMillis - noon.getTime()) / 1000);
    expect(at).toHaveLength(mostSnapshots);
    expect(at).toEqual(expect.arrayContaining([from + 699 * minute, from + 700 * minute, deploy]));
    expect(pod.snapshots.map(({ build }) => build)).toEqual([
      ...at.filter((second) => second < deploy).map(() => 'v1'),
      ...at.filter((second) => second >= deploy).map(() => 'v2'),
    ]);
  });

  it('of large ones fewer are read, and of small ones beside them as many as ever', async () => {
    let state = 1;
    const random = () => (state = (state * 48_271) % 2_147_483_647);
    const large = Array.from({ length: 20_000 }, (_, site) => {
      return [[`main.site${site} s.go:${site + 1}`], [random(), random(), random(), random()]] as const;
    });
    await repeat(await push(stacksOf(large), { seconds: 0 }), { from: minute, count: 99, every: minute });
    const other = await push(goroutines(1), { seconds: 0, content: { kind: 'goroutine' } });
    await repeat(other, { from: minute, count: 99, every: minute });
    const [pod] = await instancesIn(0, 2 * hour);
    const heaps = secondsOf(pod, 'heap');
    expect(heaps.length).toBeGreaterThanOrEqual(12);
    expect(heaps.length).toBeLessThan(mostSnapshots / 2);
    expect([heaps[0], heaps.at(-1)]).toEqual([0, 99 * minute]);
    expect(secondsOf(pod, 'goroutine')).toHaveLength(mostSnapshots);
  });

  it('of more instances than are looked at some are left out, and a note says how many', async () => {
    const names = Array.from({ length: mostInstances + 3 }, (_, n) => `pod-${String(n).padStart(2, '0')}`);
    service = await insertService(test.db, tenantId, randomUUID(), names);
    // Those with low numbers are seen for longest, those with high numbers last; three in the middle are neither.
    for (const instance of names.keys()) {
      await push(heap(1, 1), { seconds: 0, instance });
      const isLate = instance >= names.length - mostInstances / 2;
      await push(heap(2, 2), { seconds: isLate ? 10_000 + instance : 1_000 - instance, instance });
      if (isLate) await remove(instance, 0);
    }
    const { evidence, notes } = await found(-hour, 2 * day);
    expect(notes).toEqual([expect.stringMatching(/^3 instances were left out/)]);
    const middle = mostInstances / 2;
    expect(evidence.instances.map(({ name }) => name)).toEqual([...names.slice(0, middle), ...names.slice(middle + 3)]);
  });
});

async function remove(instance: number, seconds: number): Promise<void> {
  await test.db.withTenant(tenantId, (tx) =>
    tx.query('delete from vector where tenant_id = $1 and service_id = $2 and instance_id = $3 and captured_at = $4', [
      tenantId,
      service.serviceId,
      service.instanceIds[instance],
      after(seconds),
    ]),
  );
}

describe('goroutine dumps', () => {
  const dumpOf = (ids: readonly number[]) => {
    const text = ids
      .map(
        (id) =>
          `goroutine ${id} [chan receive, ${id} minutes]:\nmain.wait()\n\t/w.go:7 +0x1d\ncreated by main.main\n\t/m.go:3 +0x2a\n`,
      )
      .join('\n');
    const dumps = decodeGoroutineDumps(new TextEncoder().encode(text));
    const [dump] = dumps.dumps;
    return {
      stacks: stackProfileOfDump(dumps, dump).stacks,
      content: {
        kind: 'goroutine-dump',
        content: goroutineContent(rowsOfDump(dumps, dump), { crash: null, folded: [] }),
      },
    };
  };
  const pushDump = (ids: readonly number[], seconds: number) => {
    const { stacks, content } = dumpOf(ids);
    return push(stacks, { seconds, content });
  };

  it('have their state and creator, and goroutines one by one where they are the first, the last or between', async () => {
    for (let n = 0; n < 10; n++) await pushDump([4, 7, 100 + n], n * minute);
    const { evidence } = await found(0, hour);
    expect(evidence.stacks).toEqual([
      {
        state: 'chan receive',
        createdBy: 'main.main',
        frames: [{ function: 'main.wait', file: '/w.go', line: 7 }],
      },
    ]);
    const snapshots = evidence.instances[0].snapshots as GoroutineEvidence[];
    expect(snapshots.map(({ kind, counts }) => [kind, counts[0]])).toEqual(snapshots.map(() => ['goroutine', 3]));
    const listed = snapshots.map(({ members }) => members !== null);
    expect(listed).toEqual([true, false, false, true, false, false, true, false, false, true]);
    expect(snapshots[9].members).toEqual({
      start: Int32Array.of(0, 3),
      ids: Float64Array.of(4, 7, 109),
      waitMinutes: Int32Array.of(4, 7, 109),
    });
  });

  it('are read one by one of the latest process only', async () => {
    for (let n = 0; n < 6; n++) {
      await pushDump([1, 2], n * minute);
      await push(heap(n < 3 ? 1000 + n : n, 1), { seconds: n * minute });
    }
    const [{ snapshots }] = await instancesIn(0, hour);
    const dumps = snapshots.filter((snapshot): snapshot is GoroutineEvidence => snapshot.kind === 'goroutine');
    expect(dumps.map(({ members }) => members !== null)).toEqual([false, false, false, true, true, true]);
  });

  it('are not mixed with profiles of the same instance', async () => {
    for (let n = 0; n < 10; n++) {
      await push(goroutines(3), { seconds: n * minute, content: { kind: 'goroutine' } });
      if (n < 3) await pushDump([4, 7, 9], n * minute + 1);
    }
    const { evidence } = await found(0, hour);
    expect(evidence.stacks.map(({ createdBy }) => createdBy)).toEqual([null]);
    expect(evidence.instances[0].snapshots).toHaveLength(10);
    for (let n = 3; n < 7; n++) await pushDump([4, 7, 9], n * minute + 1);
    const second = await found(0, hour);
    expect(second.evidence.stacks.map(({ createdBy }) => createdBy)).toEqual(['main.main']);
    expect(second.evidence.instances[0].snapshots).toHaveLength(7);
  });
});

describe('memory', () => {
  const table = (readings: Record<string, number>, seconds = 0): SeriesTable =>
    momentTable(
      nanos(after(seconds)),
      Object.entries(readings).map(([name, value]): Reading => {
        const unit = name.endsWith('_seconds') ? 'unix-seconds' : 'bytes';
        return { name, unit, type: 'gauge', value: BigInt(value) };
      }),
    );
  const say = (source: string, readings: Record<string, number>, seconds: number, instance = 0) =>
    push(null, {
      seconds,
      instance,
      content: { series: [{ source, anchor: 'time', table: table(readings, seconds) }] },
    });

  it('is joined from what MemStats, metrics and /proc say in one step', async () => {
    await say('memstats', { HeapInuse: 10, HeapIdle: 20, HeapReleased: 5, StackInuse: 3, Sys: 40 }, 0);
    await say('process-memory', { VmRSS: 99, 'memory.max': 500 }, 1);
    await say('prometheus', { go_gc_gomemlimit_bytes: 400 }, 2);
    await say('runtime-metrics', { '/gc/heap/live:bytes': 7 }, 3, 1);
    expect(await instancesIn(0, hour)).toEqual([
      {
        name: 'pod-1',
        snapshots: [],
        memory: [
          {
            atMillis: after(2).getTime(),
            ...{ heapInuse: 10, heapIdle: 20, heapReleased: 5, stackInuse: 3, goSys: 40, rss: 99, memoryLimit: 400 },
          },
        ],
      },
      { name: 'pod-2', snapshots: [], memory: [{ atMillis: after(3).getTime(), heapLive: 7 }] },
    ]);
  });

  it('has at most 64 moments, also of a log of thousands', async () => {
    const rows = 2_000;
    const log: SeriesTable = {
      atNanos: BigInt64Array.from({ length: rows }, (_, n) => nanos(after(n * 10))),
      columns: [
        {
          ...{ name: 'heapLiveBytes', unit: 'bytes', type: 'gauge', present: null },
          values: BigInt64Array.from({ length: rows }, (_, n) => BigInt(n)),
        },
      ],
    };
    const content = { kind: 'gctrace', series: [{ source: 'gctrace', anchor: 'time' as const, table: log }] };
    await push(null, { seconds: rows * 10, content });
    const [{ memory }] = await instancesIn(-1, rows * 10);
    expect(memory.length).toBeGreaterThan(mostMoments / 2);
    expect(memory.length).toBeLessThanOrEqual(mostMoments);
    expect(memory.at(-1)).toEqual({ atMillis: after((rows - 1) * 10).getTime(), heapLive: rows - 1 });
  });

  it('of metrics says when the process of a snapshot started', async () => {
    const start = (seconds: number) => Math.floor(after(seconds).getTime() / 1000);
    await say('prometheus', { process_start_time_seconds: start(-1000) }, 0);
    await say('prometheus', { process_start_time_seconds: start(-1000) }, 20 * minute);
    await say('prometheus', { process_start_time_seconds: start(30 * minute) }, 40 * minute);
    for (const minutes of [10, 25, 35]) await push(heap(1, 1), { seconds: minutes * minute });
    const [{ snapshots }] = await instancesIn(0, hour);
    expect(snapshots.map(({ processStartMillis }) => processStartMillis)).toEqual(
      [-1000, -1000, 30 * minute].map((seconds) => start(seconds) * 1000),
    );
  });
});

it('the same data indexed in another order gives the same evidence', async () => {
  const pushes = Array.from({ length: 24 }, (_, n) => {
    const isHeap = n % 2 === 0;
    const names = ['main.a a.go:1', 'main.b b.go:2', `main.c c.go:${n % 5}`, 'io.Copy'];
    const rows = names.map(
      (name, i) => [[names[(n + i) % 4], name], isHeap ? [n * 9, n * 90, i, n] : [n + i + 1]] as const,
    );
    const stacks = isHeap ? stacksOf(rows) : stacksOf(rows, goroutineTypes);
    const seconds = Math.floor(n / 4) * hour + (n % 4);
    return {
      stacks,
      pushed: {
        ...{ id: randomUUID(), seconds, instance: (n >> 1) % 2, build: n < 12 ? 'v1' : 'v2' },
        content: isHeap ? {} : { kind: 'goroutine' },
      },
    };
  });
  const read: unknown[] = [];
  for (const order of [pushes, pushes.toReversed()]) {
    await test.db.withTenant(tenantId, (tx) =>
      tx.query('delete from upload where tenant_id = $1 and upload_id = any($2::uuid[])', [
        tenantId,
        pushes.map(({ pushed }) => pushed.id),
      ]),
    );
    await test.db.withTenant(tenantId, (tx) =>
      tx.query(
        'delete from blob where tenant_id = $1 and not exists (select from upload u where u.tenant_id = $1 and u.sha256 = blob.sha256)',
        [tenantId],
      ),
    );
    service = await insertService(test.db, tenantId, randomUUID(), ['pod-1', 'pod-2']);
    for (const { stacks, pushed } of order) await push(stacks, pushed);
    read.push((await found(0, day)).evidence);
  }
  expect((read[0] as FoundLeakEvidence['evidence']).instances.map(({ snapshots }) => snapshots.length)).toEqual([
    12, 12,
  ]);
  expect(read[1]).toEqual(read[0]);
});

function detailsOf(more: object): PartContent['details'] {
  return { warnings: [], losses: [], ...more };
}
