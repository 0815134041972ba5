import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { knownStates, stateCategories } from '../../src/formats/goroutine-dump/wait-reasons.js';

const root = spawnSync('go', ['env', 'GOROOT'], { encoding: 'utf8' });
const goIt = root.status === 0 ? it : it.skip;
if (root.status !== 0)
  console.warn('skipped: Go is not installed (https://go.dev/dl/), whose wait reasons are compared');

describe('the known states', () => {
  goIt('are all that the source of the installed Go can print', () => {
    const source = (file: string): string => readFileSync(join(root.stdout.trim(), 'src/runtime', file), 'utf8');
    const strings = (text: string, from: string): string[] => {
      const list = text.slice(text.indexOf(from));
      return Array.from(list.slice(0, list.indexOf('\n}')).matchAll(/:\s+"([^"]+)"/g), ([, state]) => state);
    };
    const printed = [
      ...strings(source('runtime2.go'), 'var waitReasonStrings'),
      ...strings(source('traceback.go'), 'var gStatusStrings'),
    ];
    expect(printed.length).toBeGreaterThan(30);
    expect(
      printed.map((state) => state.replace(/ \(durable\)$/, '')).filter((state) => !knownStates.has(state)),
    ).toEqual([]);
  });

  it('use every category, and wait for another goroutine or for ever, not both', () => {
    const found = new Set(Array.from(knownStates.values(), ({ category }) => category));
    expect([...found].sort()).toEqual([...stateCategories].sort());
    for (const { waitsForGoroutine, forever } of knownStates.values()) expect(waitsForGoroutine && forever).toBe(false);
  });
});
