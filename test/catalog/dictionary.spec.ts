import { randomUUID } from 'node:crypto';
import type { StackProfile } from '../../src/analysis/stack-profile.js';
import { Dictionary, type ResolvedStacks } from '../../src/catalog/dictionary.js';
import { StackStore } from '../../src/catalog/stack-store.js';
import { asTenantId, Database, type TenantId } from '../../src/platform/database.js';
import { createTestDatabase, type TestDatabase } from '../database.js';
import { countConnections, insertTenant } from '../tenants/fixture.js';
import { insertService, monthOfNoon } from './index-fixture.js';
import { pathOf, stacksOf } from './stacks.js';

const month = monthOfNoon();

let test: TestDatabase;
let tenantId: TenantId;
let serviceId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  ({ tenantId } = await insertTenant(test.db, 'acme'));
});

afterAll(() => test.drop());

beforeEach(async () => {
  ({ serviceId } = await insertService(test.db, tenantId, randomUUID()));
});

const dictionaryOf = (db: Database = test.db) => new Dictionary(db, new StackStore());

/** What the database says, read from nothing, about the nodes of a profile. */
async function pathsAt(nodes: Int32Array, atMonth = month): Promise<string[]> {
  const stored = await test.db.readTenant(tenantId, (tx) => new StackStore().load(tx, tenantId, serviceId, atMonth));
  return Array.from(nodes, (node) => pathOf(stored, node));
}

function pathsOf(stacks: StackProfile): string[] {
  return Array.from(stacks.tree.parent.keys(), (node) => pathOf(stacks, node));
}

async function resolveOne(
  dictionary: Dictionary,
  ofTenant: TenantId,
  ofService: string,
  atMonth: string,
  stacks: StackProfile,
): Promise<ResolvedStacks> {
  const [resolved] = await dictionary.resolve(ofTenant, ofService, atMonth, [stacks]);
  return resolved;
}

function treeOf(...stacks: string[]): StackProfile {
  return stacksOf(stacks.map((stack) => [stack.split(' > '), [1, 1, 1, 1]]));
}

async function countBlocks(): Promise<{ symbols: number; stacks: number }> {
  const [row] = await test.db.readTenant(tenantId, (tx) =>
    tx.query<{ symbols: number; stacks: number }[]>(
      `select (select count(*)::int from symbol_block where tenant_id = $1 and service_id = $2) as symbols,
              (select count(*)::int from stack_block where tenant_id = $1 and service_id = $2) as stacks`,
      [tenantId, serviceId],
    ),
  );
  return row;
}

describe('the dictionary', () => {
  it('gives every node of a profile a number that stands for the same stack', async () => {
    const stacks = treeOf('main > a x.go:1 > b', 'main > a x.go:2', 'main > a y.go:1', 'b > b > b > b', 'ünïcode');
    const { nodes, folded } = await resolveOne(dictionaryOf(), tenantId, serviceId, month, stacks);
    expect(await pathsAt(nodes)).toEqual(pathsOf(stacks));
    expect(new Set(nodes).size).toBe(nodes.length);
    expect(nodes[0]).toBe(0);
    expect(folded).toBe(0);
  });

  it('gives the same stack the same number, from whichever process and in whatever order it comes', async () => {
    const first = treeOf('main > a', 'main > b > c', 'main > b');
    const second = treeOf('main > b > c', 'main > d', 'main > a');
    const [one, two] = [dictionaryOf(), dictionaryOf()];
    const a = await resolveOne(one, tenantId, serviceId, month, first);
    const b = await resolveOne(two, tenantId, serviceId, month, second);
    const c = await resolveOne(one, tenantId, serviceId, month, second);
    expect(c.nodes).toEqual(b.nodes);
    const numbers = new Map(pathsOf(first).map((path, node) => [path, a.nodes[node]]));
    for (const [node, path] of pathsOf(second).entries()) {
      if (numbers.has(path)) expect(b.nodes[node]).toBe(numbers.get(path));
    }
  });

  it('adds what several profiles bring in one block, and gives what they share the same number', async () => {
    const profiles = [
      treeOf('main > a', 'main > b > c'),
      treeOf('z > y', 'main > b > c', 'main > b > d x.go:7'),
      treeOf('main > b > d x.go:7', 'main > a'),
    ];
    const dictionary = dictionaryOf();
    const before = await countBlocks();
    const resolved = await dictionary.resolve(tenantId, serviceId, month, profiles);
    expect(await countBlocks()).toEqual({ symbols: before.symbols + 1, stacks: before.stacks + 1 });
    const numbers = new Map<string, number>();
    for (const [index, { nodes, folded }] of resolved.entries()) {
      expect(folded).toBe(0);
      const paths = pathsOf(profiles[index]);
      expect(await pathsAt(nodes)).toEqual(paths);
      paths.forEach((path, node) => expect(numbers.get(path) ?? nodes[node]).toBe(nodes[node]));
      paths.forEach((path, node) => numbers.set(path, nodes[node]));
    }
    for (const [index, profile] of profiles.entries()) {
      const alone = await resolveOne(dictionary, tenantId, serviceId, month, profile);
      expect(alone.nodes).toEqual(resolved[index].nodes);
    }
  });

  it('asks the database nothing when it knows every stack, and nothing twice after a start', async () => {
    const stacks = treeOf('main > a', 'main > b');
    const dictionary = dictionaryOf();
    const { nodes } = await resolveOne(dictionary, tenantId, serviceId, month, stacks);
    const again = await countConnections(test.db, () => resolveOne(dictionary, tenantId, serviceId, month, stacks));
    expect(again.taken).toBe(0);
    expect(again.result.nodes).toEqual(nodes);
    // A fresh process needs one read, and no lock.
    const fresh = await countConnections(test.db, () => resolveOne(dictionaryOf(), tenantId, serviceId, month, stacks));
    expect(fresh.taken).toBe(1);
    expect(fresh.result.nodes).toEqual(nodes);
  });

  it('takes functions, frames and nodes that are the same by name as one', async () => {
    const distinct = treeOf('main > a > c', 'main > b > c');
    // Two functions of the same name, as a decoder might give them.
    const twins = { ...distinct, symbols: { ...distinct.symbols, functions: ['main', 'a', 'c', 'a'] } };
    const { nodes } = await resolveOne(dictionaryOf(), tenantId, serviceId, month, twins);
    expect(nodes).toEqual(Int32Array.of(0, 1, 2, 3, 2, 3));
    expect(await pathsAt(nodes)).toEqual(pathsOf(twins));
  });

  it('numbers the stacks of each month by themselves, and functions for all months', async () => {
    const dictionary = dictionaryOf();
    await resolveOne(dictionary, tenantId, serviceId, month, treeOf('main > a', 'main > b'));
    const stacks = treeOf('main > b');
    const { nodes } = await resolveOne(dictionary, tenantId, serviceId, monthOfNoon(1), stacks);
    expect(nodes).toEqual(Int32Array.of(0, 1, 2));
    expect(await pathsAt(nodes, monthOfNoon(1))).toEqual(pathsOf(stacks));
    expect(await countBlocks()).toEqual({ symbols: 1, stacks: 2 });
  });

  it('keeps services and tenants apart', async () => {
    const dictionary = dictionaryOf();
    await resolveOne(dictionary, tenantId, serviceId, month, treeOf('secret > a'));
    const other = await insertTenant(test.db, randomUUID());
    const stacks = treeOf('public');
    const service = await insertService(test.db, other.tenantId);
    const { nodes } = await resolveOne(dictionary, other.tenantId, service.serviceId, month, stacks);
    expect(nodes).toEqual(Int32Array.of(0, 1));
    const seen = await test.db.readTenant(other.tenantId, (tx) =>
      dictionary.store.load(tx, other.tenantId, serviceId, month),
    );
    expect(seen.symbols.functions).toEqual([]);
    await expect(resolveOne(dictionary, other.tenantId, serviceId, month, stacks)).rejects.toThrow(/foreign key/);
    await expect(resolveOne(dictionary, asTenantId(randomUUID()), service.serviceId, month, stacks)).rejects.toThrow(
      /foreign key/,
    );
  });

  it('converges when several processes grow it at once, each with its stacks in another order', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `f${i}`);
    const stacks = Array.from(
      { length: 24 },
      (_, i) => `main > ${names[i % 12]} > ${names[(i * 5) % 12]} > ${names[(i * 7 + 3) % 12]}`,
    );
    const pools = await Promise.all([0, 1].map(() => Database.open(test.appUrl, { poolSize: 3 })));
    try {
      const dictionaries = pools.map((db) => dictionaryOf(db));
      const runs = await Promise.all(
        Array.from({ length: 12 }, async (_, run) => {
          const own = treeOf(...shuffled(stacks, run).slice(run), `main > own${run}`);
          const { nodes } = await resolveOne(dictionaries[run % 2], tenantId, serviceId, month, own);
          return { own, nodes };
        }),
      );
      const numbers = new Map<string, number>();
      for (const { own, nodes } of runs) {
        expect(await pathsAt(nodes)).toEqual(pathsOf(own));
        pathsOf(own).forEach((path, node) => {
          expect(nodes[node]).toBe(numbers.get(path) ?? nodes[node]);
          numbers.set(path, nodes[node]);
        });
      }
      const stored = await test.db.readTenant(tenantId, (tx) => new StackStore().load(tx, tenantId, serviceId, month));
      expect(new Set(stored.symbols.functions).size).toBe(stored.symbols.functions.length);
      expect(stored.tree.parent).toHaveLength(numbers.size);
    } finally {
      await Promise.all(pools.map((db) => db.close()));
    }
  });

  it('learns nothing from a growth that was rolled back', async () => {
    const dictionary = dictionaryOf();
    await resolveOne(dictionary, tenantId, serviceId, month, treeOf('main > a'));
    const broken = Object.create(test.db, {
      withTenant: {
        value: (id: TenantId, work: Parameters<Database['withTenant']>[1]) =>
          test.db.withTenant(id, async (tx) => {
            await work(tx);
            throw new Error('the connection broke');
          }),
      },
    }) as Database;
    const interrupted = new Dictionary(broken, dictionary.store);
    await expect(resolveOne(interrupted, tenantId, serviceId, month, treeOf('lost'))).rejects.toThrow(
      'the connection broke',
    );
    const stacks = treeOf('main > b', 'main > a');
    const { nodes } = await resolveOne(dictionary, tenantId, serviceId, month, stacks);
    expect(await pathsAt(nodes)).toEqual(pathsOf(stacks));
    expect(nodes).toEqual(Int32Array.of(0, 1, 3, 2));
  });

  it('puts many small blocks together without changing a number, also for those who had read only some', async () => {
    const dictionary = dictionaryOf();
    const half = new StackStore();
    const all: [StackProfile, Int32Array][] = [];
    for (let step = 0; step < 70; step++) {
      const stacks = treeOf(`main > f${step} > g${step % 5}`);
      all.push([stacks, (await resolveOne(dictionary, tenantId, serviceId, month, stacks)).nodes]);
      if (step === 40) await test.db.readTenant(tenantId, (tx) => half.load(tx, tenantId, serviceId, month));
    }
    const blocks = await countBlocks();
    expect(blocks.symbols).toBeLessThan(32);
    expect(blocks.stacks).toBeLessThan(32);
    const caughtUp = await test.db.readTenant(tenantId, (tx) => half.load(tx, tenantId, serviceId, month));
    for (const [stacks, nodes] of all) {
      expect(await pathsAt(nodes)).toEqual(pathsOf(stacks));
      expect(Array.from(nodes, (node) => pathOf(caughtUp, node))).toEqual(pathsOf(stacks));
    }
  });

  it('folds what finds no room into the nearest stack that has some', async () => {
    const dictionary = new Dictionary(test.db, new StackStore(), { frames: 4, nodes: 5 });
    const stacks = treeOf('main > a > b > c', 'main > x1 > y', 'main > x2');
    const { nodes, folded } = await resolveOne(dictionary, tenantId, serviceId, month, stacks);
    // Four frames in the order in which they came: main, a, b, c; then four nodes and the root.
    expect(await pathsAt(nodes)).toEqual([
      '',
      'main :0',
      ...['a', 'a > b', 'a > b > c'].map(below),
      'main :0',
      'main :0',
      'main :0',
    ]);
    expect(folded).toBe(3);
    const later = treeOf('a > main', 'main > a > b > a');
    const second = await resolveOne(dictionary, tenantId, serviceId, month, later);
    expect(await pathsAt(second.nodes)).toEqual(['', '', '', 'main :0', below('a'), below('a > b'), below('a > b')]);
    expect(second.folded).toBe(3);
    const taken = await countConnections(test.db, () => resolveOne(dictionary, tenantId, serviceId, month, later));
    expect(taken.taken).toBe(0);
  });

  it('begins anew after a month was dropped, and readers notice', async () => {
    const store = new StackStore();
    const old = new Dictionary(test.db, store);
    await resolveOne(old, tenantId, serviceId, month, treeOf('main > a', 'main > b'));
    await test.db.withTenant(tenantId, async (tx) => {
      await tx.query('delete from stack_block where tenant_id = $1 and service_id = $2', [tenantId, serviceId]);
      await tx.query('delete from stack_head where tenant_id = $1 and service_id = $2', [tenantId, serviceId]);
    });
    const stacks = treeOf('main > b');
    const { nodes } = await resolveOne(dictionaryOf(), tenantId, serviceId, month, stacks);
    const seen = await test.db.readTenant(tenantId, (tx) => store.load(tx, tenantId, serviceId, month));
    expect(Array.from(nodes, (node) => pathOf(seen, node))).toEqual(pathsOf(stacks));
  });

  it('makes the partitions of a month while others are in the middle of reading', async () => {
    await resolveOne(dictionaryOf(), tenantId, serviceId, month, treeOf('main'));
    const other = await insertService(test.db, tenantId, randomUUID());
    await test.db.readTenant(tenantId, async (tx) => {
      await tx.query('select count(*) from vector where tenant_id = $1', [tenantId]);
      const { nodes } = await resolveOne(dictionaryOf(), tenantId, other.serviceId, monthOfNoon(7), treeOf('main > a'));
      expect(nodes).toEqual(Int32Array.of(0, 1, 2));
      await tx.query('select count(*) from stack_block where tenant_id = $1', [tenantId]);
    });
  });

  it('takes no month that is not kept', async () => {
    await expect(resolveOne(dictionaryOf(), tenantId, serviceId, monthOfNoon(24), treeOf('main'))).rejects.toThrow(
      /outside the window/,
    );
  });

  it('answers right with a memory too small to keep anything', async () => {
    const dictionary = new Dictionary(test.db, new StackStore({ maxBytes: 2 }));
    for (const stacks of [treeOf('main > a'), treeOf('main > b', 'main > a'), treeOf('main > a')]) {
      const { nodes } = await resolveOne(dictionary, tenantId, serviceId, month, stacks);
      expect(await pathsAt(nodes)).toEqual(pathsOf(stacks));
    }
  });
});

function below(path: string): string {
  return ['main', ...path.split(' > ')].map((name) => `${name} :0`).join(' > ');
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const rank = (index: number) => (Math.imul(index + 1, 2654435761 + seed * 40503) >>> 0) % 1009;
  return items
    .map((item, index) => ({ item, rank: rank(index) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item);
}
