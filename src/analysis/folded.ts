import { exactAt, linearPass } from './exact.js';
import { retrace, StackTreeBuilder } from './stack-builder.js';
import type { StackProfile } from './stack-profile.js';
import { escapeCharacter, escapeControl } from './text-escape.js';
import { compareText } from './top.js';

/** Stands for an empty stack, since a line without a name could not be read back. */
const emptyStack = '(no stack)';

/**
 * Folded stacks, one per line, root first, with the value of one sample type: `main.main;main.f 123`. The lines are
 * in the order of their text. A `;` in a name and characters that a terminal would obey are escaped as `\u003b`.
 * Stacks whose value is 0 are left out; negative values, which deltas have, stay.
 */
export function foldedStacks(stacks: StackProfile, sampleType: number): string {
  const { symbols } = stacks;
  const builder = new StackTreeBuilder();
  const nodeOfRow = retrace(stacks, (above, frame) => builder.child(above, symbols.frameFunction[frame]));
  const sums = linearPass(stacks.values[sampleType], (values) => {
    const result = new Float64Array(builder.size);
    for (let row = 0; row < nodeOfRow.length; row++) result[nodeOfRow[row]] += values[row];
    return result;
  });
  const { parent, frame } = builder.build();
  const names = new Map<number, string>();
  const nameOf = (functionNumber: number): string => {
    let name = names.get(functionNumber);
    if (name === undefined) {
      name = escapeControl(symbols.functions[functionNumber]).replaceAll(';', escapeCharacter);
      names.set(functionNumber, name);
    }
    return name;
  };
  const lines: string[] = [];
  for (let leaf = 0; leaf < parent.length; leaf++) {
    if (!sums[leaf]) continue;
    const frames: string[] = [];
    for (let node = leaf; node > 0; node = parent[node]) frames.push(nameOf(frame[node]));
    lines.push(`${frames.length === 0 ? emptyStack : frames.reverse().join(';')} ${exactAt(sums, leaf)}\n`);
  }
  return lines.sort(compareText).join('');
}
