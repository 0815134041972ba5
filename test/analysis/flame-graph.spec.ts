import fc from 'fast-check';
import { flameGraph, type FlameGraph } from '../../src/analysis/flame-graph.js';
import { foldedStacks } from '../../src/analysis/folded.js';
import { markerFrames } from '../../src/analysis/marker-frames.js';
import { flameText } from '../../src/analysis/text.js';
import { top } from '../../src/analysis/top.js';
import { sumOf } from '../../src/formats/int64.js';
import { someStacks, stacksOf } from '../catalog/stacks.js';
import { hugeStacks, one, renumbered } from './some-stacks.js';

/** Stack of each node by name, with its values. */
function paths(graph: FlameGraph): [path: string, self: bigint, total: bigint][] {
  const path: string[] = [];
  return graph.parent.map((parent, node) => {
    path[node] = node === 0 ? '' : `${path[parent]};${graph.names[graph.name[node]]}`;
    return [path[node], graph.self[node], graph.total[node]];
  });
}

const anyStacks = fc.oneof(someStacks, hugeStacks);

describe('flame graph', () => {
  test('lists nodes depth first, children by name, lines of one function together', () => {
    const stacks = stacksOf(
      [
        [['main.main', 'main.b x.go:2'], [4]],
        [['main.main', 'main.b x.go:1', 'main.a'], [3]],
        [['main.main', 'main.a'], [2]],
        [[], [1]],
      ],
      one,
    );
    expect(paths(flameGraph(stacks, 0))).toEqual([
      ['', 1n, 10n],
      [';main.main', 0n, 9n],
      [';main.main;main.a', 2n, 2n],
      [';main.main;main.b', 4n, 7n],
      [';main.main;main.b;main.a', 3n, 3n],
    ]);
    expect(paths(flameGraph(stacks, 0, { by: 'line' })).map(([path]) => path)).toEqual([
      '',
      ';main.main',
      ';main.main;main.a',
      ';main.main;main.b x.go:1',
      ';main.main;main.b x.go:1;main.a',
      ';main.main;main.b x.go:2',
    ]);
  });

  test('every node is its own value plus its children, and the root is everything', () => {
    fc.assert(
      fc.property(anyStacks, fc.integer({ min: 2, max: 12 }), (stacks, maxNodes) => {
        for (const graph of [flameGraph(stacks, 0), flameGraph(stacks, 0, { maxNodes })]) {
          const sums = [...graph.self];
          for (let node = sums.length - 1; node > 0; node--) sums[graph.parent[node]] += sums[node];
          expect(sums).toEqual(graph.total);
          expect(graph.total[0]).toBe(sumOf(stacks.values[0]));
          expect(graph.absoluteTotal).toBe(top(stacks, { sampleType: 0 }).total);
        }
      }),
    );
  });

  test('stays within its limit of nodes, keeps the largest, and folds the rest under their parent', () => {
    fc.assert(
      fc.property(anyStacks, fc.integer({ min: 2, max: 12 }), (stacks, maxNodes) => {
        const whole = new Map(paths(flameGraph(stacks, 0)).map(([path, self, total]) => [path, { self, total }]));
        const graph = flameGraph(stacks, 0, { maxNodes });
        expect(graph.parent.length).toBeLessThanOrEqual(maxNodes);
        const kept = paths(graph).filter(([path]) => !path.endsWith(`;${markerFrames.other}`));
        for (const [path, self, total] of kept) expect(whole.get(path)).toEqual({ self, total });
        expect(kept.length + graph.foldedNodes).toBe(whole.size);
      }),
    );
  });

  test('with room for all nothing is folded; without, a branch stays only if the rest still fits', () => {
    const stacks = stacksOf(
      [
        [['main.a', 'main.b'], [1]],
        [['main.c'], [1]],
      ],
      one,
    );
    expect(flameGraph(stacks, 0, { maxNodes: 4 })).toMatchObject({
      foldedNodes: 0,
      names: ['main.a', 'main.b', 'main.c'],
    });
    expect(paths(flameGraph(stacks, 0, { maxNodes: 3 }))).toEqual([
      ['', 0n, 2n],
      [`;${markerFrames.other}`, 2n, 2n],
    ]);
  });

  test('the same data gives the same bytes, however it is numbered', () => {
    const bytes = (graph: FlameGraph) => JSON.stringify(graph, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v));
    fc.assert(
      fc.property(anyStacks, fc.integer({ min: 2, max: 20 }), (stacks, maxNodes) => {
        expect(bytes(flameGraph(renumbered(stacks), 0, { maxNodes }))).toBe(bytes(flameGraph(stacks, 0, { maxNodes })));
      }),
    );
  });

  test('as a tree for the terminal, the largest branch first, names made harmless', () => {
    const stacks = stacksOf(
      [
        [['main.main', 'main.small'], [1024]],
        [['main.main', 'main.large\u001b[31m'], [3072]],
      ],
      one,
    );
    expect(flameText(flameGraph(stacks, 0)).split('\n')).toEqual([
      'Type: inuse_space',
      '     total            self',
      '       4kB   100%             all',
      '       4kB   100%               main.main',
      '       3kB 75.00%        3kB      main.large\\u001b[31m',
      '       1kB 25.00%        1kB      main.small',
      '',
    ]);
  });
});

describe('folded stacks', () => {
  test('one line per stack, root first, in order of the text', () => {
    const stacks = stacksOf(
      [
        [['main.main', 'main.f x.go:1'], [100]],
        [['main.main', 'main.f x.go:2'], [23]],
        [['main.main'], [-4]],
        [['main.gone'], [0]],
        [[], [7]],
      ],
      one,
    );
    expect(foldedStacks(stacks, 0)).toBe('(no stack) 7\nmain.main -4\nmain.main;main.f 123\n');
  });

  test('a name cannot forge a frame, a line or a terminal command', () => {
    const harmless = stacksOf([[['x'], [5]]], one);
    const name = 'a;b\n1\u001b]0;x\u0007\u202e';
    const stacks = { ...harmless, symbols: { ...harmless.symbols, functions: [name] } };
    expect(foldedStacks(stacks, 0)).toBe('a\\u003bb\\u000a1\\u001b]0\\u003bx\\u0007\\u202e 5\n');
  });

  test('hold the same total as the profile', () => {
    fc.assert(
      fc.property(anyStacks, (stacks) => {
        const sum = foldedStacks(stacks, 0)
          .split('\n')
          .reduce((total, line) => total + BigInt(line.slice(line.lastIndexOf(' ') + 1)), 0n);
        expect(sum).toBe(sumOf(stacks.values[0]));
      }),
    );
  });
});
