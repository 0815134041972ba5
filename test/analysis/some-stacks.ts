import fc from 'fast-check';
import type { SampleType, StackProfile } from '../../src/analysis/stack-profile.js';
import { heapTypes, type StackRow, stacksOf } from '../catalog/stacks.js';

export const one: readonly SampleType[] = [{ type: 'inuse_space', unit: 'bytes' }];

/** Profiles whose values do not fit a double, nor their sums 64 bits. */
export const hugeStacks: fc.Arbitrary<StackProfile> = fc
  .uniqueArray(
    fc.tuple(
      fc.array(fc.constantFrom('main.a', 'main.b a.go:1', 'main.b a.go:2', 'io.Copy io.go:3'), { maxLength: 5 }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    ),
    // Equal stacks would be summed, and the sum would not fit a column.
    { maxLength: 12, selector: ([stack]) => stack.join() },
  )
  .map((rows) =>
    stacksOf(
      rows.map(([stack, value]): StackRow => [stack, [value, 0n, -1n, value >> 20n]]),
      heapTypes,
    ),
  );

/** The rows of a profile by name. */
export function rowsOf({ symbols, tree, nodes, values }: StackProfile): StackRow[] {
  return Array.from(nodes, (leaf, row) => {
    const stack: string[] = [];
    for (let node = leaf; node > 0; node = tree.parent[node]) {
      const frame = tree.frame[node];
      const file = symbols.files[symbols.frameFile[frame]];
      const name = symbols.functions[symbols.frameFunction[frame]];
      stack.unshift(file === '' ? name : `${name} ${file}:${symbols.frameLine[frame]}`);
    }
    return [stack, values.map((column) => column[row])];
  });
}

/** The same profile with functions, files, frames and nodes numbered the other way round. */
export function renumbered(stacks: StackProfile): StackProfile {
  return stacksOf(rowsOf(stacks).reverse(), stacks.sampleTypes);
}
