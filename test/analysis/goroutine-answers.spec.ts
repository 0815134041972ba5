import fc from 'fast-check';
import { groupAnswer, withinText } from '../../src/analysis/goroutine-answers.js';
import { diffGoroutineGroups } from '../../src/analysis/goroutine-diff.js';
import { compileGoroutineFilter, filterGoroutines, goroutinesOf } from '../../src/analysis/goroutine-filter.js';
import { goroutineContent, rowsOfContent } from '../../src/analysis/goroutine-content.js';
import { groupGoroutines, groupKey } from '../../src/analysis/goroutine-groups.js';
import { type GoroutineRows, rowsOfDump } from '../../src/analysis/goroutine-rows.js';
import { longestStackName, StackNames } from '../../src/analysis/stack-name.js';
import { decodeGoroutineDumps } from '../../src/formats/goroutine-dump/decode.js';
import { stateCategories } from '../../src/formats/goroutine-dump/wait-reasons.js';
import { dumpFixture } from '../formats/goroutine-dump-fixtures.js';

function rowsOf(path: string): GoroutineRows {
  const dumps = decodeGoroutineDumps(dumpFixture(path));
  return rowsOfDump(dumps, dumps.dumps[0]);
}

const minutes = rowsOf('go1.26/goroutine-minutes.debug2.txt');
const labelled = rowsOf('go1.27/panic-error-labels.txt');

describe('the name of a stack', () => {
  it('is its functions, root first; a long one is bounded, the same each time, and not that of another', () => {
    const names = new StackNames();
    expect(names.of(['main.leaf', 'main.mid', 'main.root'])).toBe('main.root;main.mid;main.leaf');
    const frames = fc.array(fc.constantFrom('a'.repeat(5_000), 'b'.repeat(16_000), 'c', ';', ''), {
      minLength: 8,
      maxLength: 12,
    });
    fc.assert(
      fc.property(frames, frames, (one, other) => {
        const long = (functions: readonly string[]) => [...functions, 'd'.repeat(longestStackName)];
        expect(names.of(long(one)).length).toBeLessThanOrEqual(longestStackName);
        expect(new StackNames().of(long(one))).toBe(names.of(long(one)));
        const equal = JSON.stringify(one) === JSON.stringify(other);
        expect(names.of(long(one)) === names.of(long(other))).toBe(equal);
      }),
      { numRuns: 30 },
    );
  });
});

describe('goroutines that are kept as JSON', () => {
  it.each([minutes, labelled])('are the same again, and so is what was folded', (rows) => {
    const folded = [{ state: 'select', count: 3 }];
    const content = goroutineContent(rows, { crash: null, folded });
    const again = JSON.parse(JSON.stringify(content)) as typeof content;
    expect(again.folded).toEqual(folded);
    for (const by of ['stack', 'site', 'state', 'created-by', 'label'] as const) {
      expect(groupGoroutines(rowsOfContent(again), { by })).toEqual(groupGoroutines(rows, { by }));
    }
  });
});

describe('a filter of goroutines', () => {
  it('takes some and leaves the others, so that categories share all goroutines among them', () => {
    const all = groupGoroutines(minutes, { by: 'site' });
    const parts = stateCategories.flatMap((category) =>
      groupGoroutines(filterGoroutines(minutes, { category }).rows, { by: 'site' }),
    );
    expect(parts.sort((a, b) => (groupKey(a) < groupKey(b) ? -1 : 1))).toEqual(
      all.toSorted((a, b) => (groupKey(a) < groupKey(b) ? -1 : 1)),
    );
  });

  it('finds functions, files and creators', () => {
    const matched = (focus: string) => goroutinesOf(filterGoroutines(minutes, compileGoroutineFilter({ focus })).rows);
    expect(matched('leakRecv$')).toBe(11);
    expect(matched('/fx/main\\.go$')).toBeGreaterThan(20);
    expect(matched('^main\\.startBlocked$')).toBeGreaterThan(15);
    expect(matched('.')).toBe(30);
  });
});

describe('the difference of two lists of groups', () => {
  it('adds up, and turned around is its negative', () => {
    const one = groupGoroutines(minutes, { by: 'site' });
    const other = groupGoroutines(labelled, { by: 'site' });
    const there = diffGoroutineGroups(one, other);
    const back = diffGoroutineGroups(other, one);
    const sum = (deltas: readonly { delta: number }[]) => deltas.reduce((total, { delta }) => total + delta, 0);
    expect(sum(there)).toBe(goroutinesOf(labelled) - goroutinesOf(minutes));
    const byKey = (rows: typeof there, sign: number) =>
      rows.map(({ group, delta, change }) => `${groupKey(group)} ${sign * delta} ${change}`).sort();
    const turned = back.map((row) => {
      const change = { new: 'gone', gone: 'new', grown: 'shrunk', shrunk: 'grown', same: 'same' } as const;
      return { ...row, change: change[row.change] };
    });
    expect(byKey(turned, -1)).toEqual(byKey(there, 1));
    for (const { group, baseCount, delta } of there) expect(group.count).toBe(baseCount + delta);
  });
});

test('an answer has so many frames that their names stay within bounds, the first groups all of theirs', () => {
  const groups = groupGoroutines(minutes, { by: 'stack' }).map(groupAnswer);
  const textOf = (answered: typeof groups) =>
    answered.reduce((sum, { stack }) => sum + stack.reduce((n, f) => n + f.function.length + f.file.length, 0), 0);
  expect(withinText(groups)).toEqual(groups);
  for (const limit of [0, 100, 500, 2_000]) {
    const cut = withinText(groups, limit);
    expect(textOf(cut)).toBeLessThanOrEqual(limit);
    expect(cut.map(({ stack_depth }) => stack_depth)).toEqual(groups.map(({ stack_depth }) => stack_depth));
  }
  expect(withinText(groups, 500)[0]).toEqual(groups[0]);
});
