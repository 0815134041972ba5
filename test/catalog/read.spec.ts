import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { DamagedBlockError } from '../../src/catalog/block.js';
import { Dictionary } from '../../src/catalog/dictionary.js';
import type { PartContent } from '../../src/catalog/index-part.js';
import { mergeSelection, readSnapshot, type StackSelection } from '../../src/catalog/read.js';
import { StackStore } from '../../src/catalog/stack-store.js';
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
import { byName, heapTypes, someStacks, stacksOf } from './stacks.js';

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
  service = await insertService(test.db, tenantId, randomUUID(), ['default', 'pod-1', 'pod-2']);
});

interface Push {
  readonly seconds: number;
  readonly instance?: number;
  readonly build?: string;
  readonly env?: string;
  readonly labels?: Record<string, string>;
  readonly content?: Partial<PartContent>;
}

async function push(
  stacks: StackProfile,
  { seconds, instance = 0, build, env, labels, content }: Push,
): Promise<string> {
  const upload = await insertUpload(
    test.db,
    tenantId,
    {
      serviceId: service.serviceId,
      instanceId: service.instanceIds[instance],
      receivedAt: after(seconds),
      declared: { build },
    },
    { env, labels },
  );
  const part = contentOf(stacks, { capturedAtNanos: nanos(after(seconds)), ...content });
  await indexUpload(test.db, dictionary, tenantId, upload, [part]);
  return upload.uploadId;
}

/** A heap of one stack; alloc and inuse values. */
const heap = (alloc: number | bigint, inuse: number | bigint, stack = ['main', 'leak']) =>
  stacksOf([[stack, [alloc, alloc, inuse, inuse]]]);

async function snapshot(seconds: number, snapshotId: string): Promise<StackProfile | null> {
  const key = { serviceId: service.serviceId, kind: 'heap', capturedAt: after(seconds).toISOString(), snapshotId };
  return test.db.readTenant(tenantId, (tx) => readSnapshot(tx, new StackStore(), tenantId, key));
}

async function merge(
  fromSeconds: number,
  toSeconds: number,
  options: Partial<StackSelection> & { sampleType?: string } = {},
) {
  const { sampleType, ...selectors } = options;
  const selection = {
    serviceId: service.serviceId,
    kind: 'heap',
    from: after(fromSeconds).getTime(),
    to: after(toSeconds).getTime(),
    ...selectors,
  };
  return test.db.readTenant(tenantId, (tx) => mergeSelection(tx, new StackStore(), tenantId, selection, sampleType));
}

async function merged(...range: Parameters<typeof merge>): Promise<Record<string, string>> {
  const result = await merge(...range);
  return result === null ? {} : byName(result.stacks);
}

const leak = 'main :0 > leak :0';

describe('one snapshot', () => {
  it('says what the profile said, whatever else the dictionaries hold', async () => {
    await push(
      stacksOf([
        [
          ['other', 'stack'],
          [1, 1, 1, 1],
        ],
      ]),
      { seconds: -300 },
    );
    const stacks = stacksOf([
      [
        ['main', 'a x.go:3', 'b'],
        [1, 2, 3, 4],
      ],
      [['main'], [5, 6, 7, -8]],
      [[], [2 ** 52, -1, 0, 1]],
    ]);
    const id = await push(stacks, { seconds: 0 });
    const read = (await snapshot(0, id))!;
    expect(byName(read)).toEqual(byName(stacks));
    expect(read.sampleTypes).toEqual(heapTypes);
    expect(read.symbols.functions.toSorted()).toEqual(['a', 'b', 'main']);
    expect(read.tree.parent).toHaveLength(4);
  });

  it('keeps 64-bit values to the last bit', async () => {
    const stacks = stacksOf([
      [['main'], [2n ** 63n - 1n, 0, 0, -(2n ** 63n)]],
      [
        ['main', 'a'],
        [-(2n ** 63n), 1, 0, 2n ** 53n + 1n],
      ],
    ]);
    const id = await push(stacks, { seconds: 0 });
    const read = (await snapshot(0, id))!;
    expect(byName(read)).toEqual(byName(stacks));
    expect(read.values[1]).toBeInstanceOf(Float64Array);
  });

  it('is not found under another time or id', async () => {
    const id = await push(heap(1, 1), { seconds: 0 });
    expect(await snapshot(1, id)).toBeNull();
    expect(await snapshot(0, randomUUID())).toBeNull();
  });

  it('is refused, not misread, when its vector names stacks that are not there', async () => {
    const id = await push(heap(1, 1), { seconds: 0 });
    const other = await insertService(test.db, tenantId, randomUUID());
    await test.db.withTenant(tenantId, async (tx) => {
      await tx.query('insert into symbol_head (tenant_id, service_id) values ($1, $2)', [tenantId, other.serviceId]);
      await tx.query('update vector set service_id = $3 where tenant_id = $1 and snapshot_id = $2', [
        tenantId,
        id,
        other.serviceId,
      ]);
    });
    service = other;
    await expect(snapshot(0, id)).rejects.toThrow(DamagedBlockError);
  });
});

describe('a range of a gauge', () => {
  const sampleType = 'inuse_space';

  it('with one snapshot reads that snapshot, all columns of it', async () => {
    const stacks = stacksOf([
      [
        ['main', 'a'],
        [7, 2 ** 50, 3, 2 ** 50 + 1],
      ],
      [
        ['main', 'b'],
        [1, 1, 1, 1],
      ],
    ]);
    await push(stacks, { seconds: 0 });
    expect(await merged(-100, 3600)).toEqual(byName(stacks));
    expect(await merged(0, 1)).toEqual(byName(stacks));
  });

  it('weighs each snapshot by the time it held', async () => {
    // 100 holds one minute, 200 two minutes, 400 the three minutes until the range ends.
    for (const [seconds, value] of [
      [0, 100],
      [60, 200],
      [180, 400],
      [360, 1000],
    ])
      await push(heap(0, value), { seconds });
    expect(await merged(0, 360, { sampleType })).toEqual({ [leak]: String(Math.round((100 + 400 + 1200) / 6)) });
  });

  it('reads three pods of 1000 as 3000, also when each is replaced by another', async () => {
    service = await insertService(test.db, tenantId, randomUUID(), ['a1', 'b1', 'c1', 'a2', 'b2', 'c2']);
    for (let instance = 0; instance < 6; instance++) {
      for (const minute of [0, 1, 2, 3]) {
        await push(heap(0, 1000), { seconds: (instance < 3 ? 0 : 270) + minute * 60, instance });
      }
    }
    expect(await merged(0, 60, { sampleType })).toEqual({ [leak]: '3000' });
    expect(await merged(0, 540, { sampleType })).toEqual({ [leak]: '3000' });
  });

  it('takes what held before the range into it, and nothing after its end', async () => {
    await push(heap(0, 100), { seconds: 0 });
    await push(heap(0, 300), { seconds: 60 });
    await push(heap(0, 9999), { seconds: 120 });
    expect(await merged(30, 90, { sampleType })).toEqual({ [leak]: '200' });
  });

  it('rounds halves away from zero', async () => {
    await push(heap(0, 1), { seconds: 0 });
    await push(heap(0, 2), { seconds: 60 });
    await push(heap(0, 2), { seconds: 120 });
    expect(await merged(0, 120, { sampleType })).toEqual({ [leak]: '2' });
  });

  it('is exact beyond what doubles hold, also as a mean', async () => {
    const values = [2n ** 62n + 1n, 2n ** 62n + 3n, 2n ** 53n + 1n, 2n ** 53n + 3n];
    await push(heap(0, values[0]), { seconds: 0 });
    await push(heap(0, values[1]), { seconds: 60 });
    await push(heap(0, 1), { seconds: 120 });
    expect(await merged(0, 120, { sampleType })).toEqual({ [leak]: String(2n ** 62n + 2n) });
    await push(heap(0, values[2], ['big']), { seconds: 7200 });
    await push(heap(0, values[3], ['big']), { seconds: 7260 });
    await push(heap(0, 1, ['big']), { seconds: 7320 });
    expect(await merged(7200, 7320, { sampleType })).toEqual({ 'big :0': String(2n ** 53n + 2n) });
  });

  it('has no value from deltas where anything else says what it was', async () => {
    const delta = { delta: true, durationNanos: 30_000_000_000n };
    await push(heap(5, -40), { seconds: 10, content: delta });
    expect(await merged(0, 60, { sampleType })).toEqual({ [leak]: '-40' });
    await push(heap(5, 100), { seconds: 20 });
    expect(await merged(0, 60, { sampleType })).toEqual({ [leak]: '100' });
  });
});

describe('a range of a counter', () => {
  const sampleType = 'alloc_space';

  it('reads what it grew by, over restarts', async () => {
    for (const [seconds, value] of [
      [0, 1000],
      [60, 1500],
      [120, 200],
      [180, 350],
    ])
      await push(heap(value, 1), { seconds });
    expect(await merged(0, 240, { sampleType })).toEqual({ [leak]: String(500 + 200 + 150) });
    // From the snapshot before the range on.
    expect(await merged(60, 120, { sampleType })).toEqual({ [leak]: '500' });
  });

  it('reads a single snapshot as it is, and adds up instances and deltas', async () => {
    await push(heap(1000, 1), { seconds: 0, instance: 0 });
    await push(heap(70, 1), { seconds: 0, instance: 1, content: { delta: true, durationNanos: 1n } });
    await push(heap(70, 1), { seconds: 30, instance: 1, content: { delta: true, durationNanos: 1n } });
    expect(await merged(0, 60, { sampleType })).toEqual({ [leak]: '1140' });
  });

  it('leaves out stacks that did not grow', async () => {
    const quiet = [
      ['main', 'quiet'],
      [5, 5, 0, 0],
    ] as const;
    await push(
      stacksOf([
        quiet,
        [
          ['main', 'leak'],
          [1, 1, 0, 0],
        ],
      ]),
      { seconds: 0 },
    );
    await push(
      stacksOf([
        quiet,
        [
          ['main', 'leak'],
          [4, 4, 0, 0],
        ],
      ]),
      { seconds: 60 },
    );
    expect(await merged(0, 120, { sampleType })).toEqual({ [leak]: '3' });
  });
});

describe('a range of CPU profiles', () => {
  it('adds up their time', async () => {
    const types = [
      { type: 'samples', unit: 'count' },
      { type: 'cpu', unit: 'nanoseconds' },
    ];
    const cpu = (nanoseconds: number) =>
      stacksOf(
        [
          [
            ['main', 'burn'],
            [1, nanoseconds],
          ],
        ],
        types,
      );
    const content = { kind: 'cpu', durationNanos: 10_000_000_000n };
    await push(cpu(5_000_000_000), { seconds: 0, content });
    await push(cpu(7_000_000_000), { seconds: 60, instance: 1, content });
    expect(await merged(0, 120, { kind: 'cpu' })).toEqual({ 'main :0 > burn :0': '2 12000000000' });
  });
});

describe('a selection', () => {
  const sampleType = 'inuse_space';

  it('is of the instance, build, environment and labels that were asked for', async () => {
    await push(heap(0, 1), { seconds: 0, instance: 0, build: 'v1', env: 'prod', labels: { region: 'eu', zone: 'a' } });
    await push(heap(0, 10), { seconds: 0, instance: 1, build: 'v1', env: 'prod', labels: { region: 'eu', zone: 'b' } });
    await push(heap(0, 100), { seconds: 0, instance: 2, build: 'v2', env: 'test', labels: { region: 'us' } });
    const asked: [Partial<StackSelection>, string | undefined][] = [
      [{}, '111'],
      [{ instance: 'pod-1' }, '10'],
      [{ instance: 'pod-9' }, undefined],
      [{ build: 'v1' }, '11'],
      [{ build: 'v3' }, undefined],
      [{ env: 'test' }, '100'],
      [{ labels: { region: 'eu' } }, '11'],
      [{ labels: { region: 'eu', zone: 'b' } }, '10'],
      [{ env: 'test', labels: { region: 'eu' } }, undefined],
      [{ kind: 'allocs' }, undefined],
    ];
    for (const [selectors, value] of asked) {
      expect([selectors, (await merged(0, 60, { sampleType, ...selectors }))[leak]]).toEqual([selectors, value]);
    }
  });

  it('says what it rests on', async () => {
    await push(heap(1, 1), { seconds: 0, instance: 0 });
    await push(heap(2, 1), { seconds: 60, instance: 0 });
    await push(heap(2, 1), { seconds: 60, instance: 1 });
    const result = (await merge(30, 90))!;
    expect(result.coverage).toEqual({
      snapshots: 3,
      instances: 2,
      hasDefaultInstance: true,
      firstAtMillis: noon.getTime(),
      lastAtMillis: after(60).getTime(),
      heldMillis: 60_000,
    });
    const pod = (await merge(30, 90, { instance: 'pod-1' }))!;
    expect(pod.coverage).toMatchObject({ snapshots: 1, instances: 1, hasDefaultInstance: false, heldMillis: 30_000 });
  });

  it('shows first what the youngest profile says is to be shown first', async () => {
    const details = { warnings: [], losses: [], defaultSampleType: 'alloc_space' };
    await push(heap(1, 1), { seconds: 0, content: { details } });
    const result = (await merge(0, 60, { sampleType: '' }))!;
    expect(result.defaultSampleType).toBe('alloc_space');
    expect(result.stacks.sampleTypes).toEqual([{ type: 'alloc_space', unit: 'bytes' }]);
    await expect(merge(0, 60, { sampleType: 'goroutine' })).rejects.toThrow(/no sample type "goroutine"/);
  });

  it('goes over the end of a month, whose stacks have other numbers', async () => {
    const start = new Date(Date.UTC(noon.getUTCFullYear(), noon.getUTCMonth(), 1));
    const seconds = (start.getTime() - noon.getTime()) / 1000;
    await push(
      stacksOf([
        [['z'], [0, 0, 0, 3]],
        [
          ['main', 'leak'],
          [0, 0, 0, 100],
        ],
      ]),
      { seconds: seconds - 60 },
    );
    await push(
      stacksOf([
        [
          ['main', 'leak'],
          [0, 0, 0, 300],
        ],
      ]),
      { seconds },
    );
    expect(await merged(seconds - 60, seconds + 60, { sampleType })).toEqual({ [leak]: '200', 'z :0': '2' });
  });

  it('says the same whatever numbers the dictionaries gave', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someStacks, { minLength: 2, maxLength: 5 }), async (profiles) => {
        const said: Record<string, string>[] = [];
        for (const order of [[...profiles.keys()], [...profiles.keys()].reverse()]) {
          service = await insertService(test.db, tenantId, randomUUID(), ['default', 'pod-1']);
          for (const index of order) await push(profiles[index], { seconds: index * 30, instance: index % 2 });
          said.push(await merged(0, 300));
        }
        expect(said[0]).toEqual(said[1]);
      }),
      { numRuns: 5 },
    );
  });

  it('adds up deltas to what adding up by name gives', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someStacks, { minLength: 1, maxLength: 4 }), async (profiles) => {
        service = await insertService(test.db, tenantId, randomUUID());
        for (const [index, stacks] of profiles.entries())
          await push(stacks, { seconds: index, content: { delta: true } });
        const sums = new Map<string, bigint[]>();
        for (const stacks of profiles) {
          for (const [stack, values] of Object.entries(byName(stacks))) {
            const sum = sums.get(stack) ?? [0n, 0n, 0n, 0n];
            sums.set(
              stack,
              values.split(' ').map((value, column) => sum[column] + BigInt(value)),
            );
          }
        }
        const expected = [...sums].filter(([, sum]) => sum.some((value) => value !== 0n));
        expect(await merged(0, 60)).toEqual(Object.fromEntries(expected.map(([stack, sum]) => [stack, sum.join(' ')])));
      }),
      { numRuns: 5 },
    );
  });

  it('that is too large is refused before any stack is read', async () => {
    const insert = (from: number, to: number) =>
      test.db.withTenant(tenantId, (tx) =>
        tx.query(
          `insert into vector (tenant_id, service_id, kind, captured_at, snapshot_id, instance_id, sample_types, totals, data)
           select $1, $2, 'heap', $4::timestamptz + n * interval '100 milliseconds', gen_random_uuid(), $3, '{inuse_space/bytes}', '{1}', ''
             from generate_series($5::int, $6::int) n`,
          [tenantId, service.serviceId, service.instanceIds[0], noon, from, to],
        ),
      );
    await push(heap(0, 1), { seconds: -200_000 });
    await insert(1, 5001);
    await expect(merge(0, 3600)).rejects.toMatchObject({ limit: 'snapshots_per_merge', actual: 5001, allowed: 5000 });
    await insert(5002, 20_001);
    await expect(merge(0, 3600)).rejects.toMatchObject({ limit: 'snapshots_per_range', allowed: 20_000 });
  });

  it('without a snapshot is null', async () => {
    expect(await merge(0, 60)).toBeNull();
    await push(heap(1, 1), { seconds: 0 });
    expect(await merge(-3600, 0)).toBeNull();
    expect(await merge(7200, 7260)).toBeNull();
  });
});
