import fc from 'fast-check';
import type { SampleType, StackProfile } from '../../src/analysis/stack-profile.js';
import { type Int64Column, int64Column } from '../../src/formats/int64.js';

/** One stack, root first, as `function file:line` (file and line may be left out), and its values. */
export type StackRow = readonly [stack: readonly string[], values: readonly (number | bigint)[]];

export const heapTypes: readonly SampleType[] = [
  { type: 'alloc_objects', unit: 'count' },
  { type: 'alloc_space', unit: 'bytes' },
  { type: 'inuse_objects', unit: 'count' },
  { type: 'inuse_space', unit: 'bytes' },
];

/** A profile by names, numbered in the order in which they come. Equal stacks become one row. */
export function stacksOf(rows: readonly StackRow[], sampleTypes: readonly SampleType[] = heapTypes): StackProfile {
  const functions = new Numbers();
  const files = new Numbers();
  const frames = new Numbers();
  const nodes = new Numbers();
  nodes.of('root');
  const parent = [-1];
  const frame = [-1];
  const sums = new Map<number, bigint[]>();
  for (const [stack, values] of rows) {
    let node = 0;
    for (const call of stack) {
      const number = frames.of(call);
      const child = nodes.of(`${node} ${number}`);
      if (child === parent.length) {
        parent.push(node);
        frame.push(number);
      }
      node = child;
    }
    const row = sums.get(node) ?? sampleTypes.map(() => 0n);
    sums.set(
      node,
      row.map((sum, column) => sum + BigInt(values[column])),
    );
  }
  const parts = frames.names.map((call) => /^(\S+)(?: (.*):(\d+))?$/.exec(call)!);
  const frameFunction = Int32Array.from(parts, ([, name]) => functions.of(name));
  const frameFile = Int32Array.from(parts, ([, , file]) => files.of(file ?? ''));
  const ordered = [...sums].sort(([a], [b]) => a - b);
  return {
    symbols: {
      functions: functions.names,
      files: files.names,
      frameFunction,
      frameFile,
      frameLine: Int32Array.from(parts, ([, , , line]) => Number(line ?? 0)),
    },
    tree: { parent: Int32Array.from(parent), frame: Int32Array.from(frame) },
    sampleTypes,
    nodes: Int32Array.from(ordered, ([node]) => node),
    values: sampleTypes.map((_, column): Int64Column =>
      int64Column(BigInt64Array.from(ordered, ([, values]) => values[column])),
    ),
  };
}

/** What a profile says, by name: comparable whatever numbers it uses. Rows whose values are all zero say nothing. */
export function byName({ symbols, tree, nodes, values }: StackProfile): Record<string, string> {
  const said = new Map<string, bigint[]>();
  nodes.forEach((leaf, row) => {
    const key = pathOf({ symbols, tree }, leaf);
    const sums = said.get(key) ?? values.map(() => 0n);
    said.set(
      key,
      sums.map((sum, column) => sum + BigInt(values[column][row])),
    );
  });
  return Object.fromEntries(
    [...said]
      .filter(([, sums]) => sums.some((sum) => sum !== 0n))
      .map(([key, sums]) => [key, sums.join(' ')])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** The stack of a node, root first. */
export function pathOf({ symbols, tree }: Pick<StackProfile, 'symbols' | 'tree'>, leaf: number): string {
  const path: string[] = [];
  for (let node = leaf; node > 0; node = tree.parent[node]) {
    const frame = tree.frame[node];
    const name = symbols.functions[symbols.frameFunction[frame]];
    const file = symbols.files[symbols.frameFile[frame]];
    path.unshift(`${name} ${file}:${symbols.frameLine[frame]}`);
  }
  return path.join(' > ');
}

const call = fc
  .tuple(
    fc.constantFrom('main.main', 'main.a', 'main.b', 'main.c', 'net/http.serve', 'ünïcode.Ж'),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([name, line]) => (line === 0 ? name : `${name} ${name.length % 2 ? 'a' : 'b'}.go:${line}`));

/** Small profiles of few names, so that stacks meet often. */
export const someStacks: fc.Arbitrary<StackProfile> = fc
  .array(
    fc.tuple(
      fc.array(call, { maxLength: 6 }),
      fc.array(fc.integer({ min: -1000, max: 1_000_000 }), { minLength: 4, maxLength: 4 }),
    ),
    { maxLength: 20 },
  )
  .map((rows) => stacksOf(rows));

class Numbers {
  readonly names: string[] = [];
  private readonly numbers = new Map<string, number>();

  of(name: string): number {
    let number = this.numbers.get(name);
    if (number === undefined) this.numbers.set(name, (number = this.names.push(name) - 1));
    return number;
  }
}
