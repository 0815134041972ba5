import fc from 'fast-check';
import { compileFilter, filterOptions, filterStacks } from '../../src/analysis/filter.js';
import { PatternError } from '../../src/analysis/pattern.js';
import { someStacks, byName, stacksOf } from '../catalog/stacks.js';
import { one, rowsOf } from './some-stacks.js';

const stacks = stacksOf(
  [
    [['main.main /src/main.go:3', 'main.serve /src/http.go:9', 'json.Marshal /go/json.go:1'], [8]],
    [['main.main /src/main.go:4', 'json.Marshal /go/json.go:1', 'main.encode /src/enc.go:2'], [4]],
    [['main.main /src/main.go:5'], [2]],
    [[], [1]],
  ],
  one,
);

function filtered(patterns: Parameters<typeof compileFilter>[0]) {
  const { stacks: left, unmatched } = filterStacks(stacks, compileFilter(patterns));
  const rows = rowsOf(left).map(([stack, values]) => `${stack.map((f) => f.split(' ')[0]).join(';')} ${values[0]}`);
  return { rows, unmatched };
}

describe('filters', () => {
  test('focus keeps stacks by function or file, whatever the frame', () => {
    expect(filtered({ focus: 'serve|enc\\.go' }).rows).toEqual([
      'main.main;main.serve;json.Marshal 8',
      'main.main;json.Marshal;main.encode 4',
    ]);
  });

  test('ignore drops stacks, and wins over focus', () => {
    expect(filtered({ focus: 'main', ignore: 'encode' }).rows).toEqual([
      'main.main;main.serve;json.Marshal 8',
      'main.main 2',
    ]);
  });

  test('an empty stack passes no filter, not even ignore', () => {
    expect(filtered({ ignore: 'main' }).rows).toEqual([]);
    expect(filtered({ ignore: 'nothing' }).rows).not.toContain(' 1');
  });

  test('hide takes frames out; what a hidden leaf held goes to its caller', () => {
    expect(filtered({ hide: 'json' }).rows.sort()).toEqual([
      'main.main 2',
      'main.main;main.encode 4',
      'main.main;main.serve 8',
    ]);
  });

  test('show takes all other frames out, and a stack without any left goes', () => {
    expect(filtered({ show: '^main\\.(encode|serve)$' }).rows.sort()).toEqual(['main.encode 4', 'main.serve 8']);
  });

  test('stacks that hiding makes equal become one', () => {
    const same = stacksOf(
      [
        [['a', 'x', 'b'], [1]],
        [['a', 'b'], [2]],
      ],
      one,
    );
    expect(rowsOf(filterStacks(same, compileFilter({ hide: 'x' })).stacks)).toEqual([[['a', 'b'], [3]]]);
  });

  test('an expression that matches nothing is named, as it looks like an empty answer', () => {
    expect(filtered({ focus: 'Serve', ignore: 'main' }).unmatched).toEqual(['focus']);
    expect(filtered({ hide: 'zzz', show: 'zzz' }).unmatched).toEqual(['hide', 'show']);
  });

  test('without patterns nothing changes', () => {
    expect(filterStacks(stacks, compileFilter({ focus: '' })).stacks).toBe(stacks);
  });

  test('equal the definition on any stacks', () => {
    const pattern = fc.constantFrom(undefined, 'main', 'a$', 'b\\.go', 'serve|main\\.c', 'nowhere', 'Ж');
    const patterns = fc.record({ focus: pattern, ignore: pattern, hide: pattern, show: pattern });
    fc.assert(
      fc.property(someStacks, patterns, (profile, sources) => {
        if (filterOptions.every((option) => !sources[option])) return;
        const matches = (option: (typeof filterOptions)[number], frame: string) => {
          const [name, place = ''] = frame.split(' ');
          const expression = new RegExp(sources[option]!, 'u');
          return expression.test(name) || expression.test(place.replace(/:\d+$/, ''));
        };
        const expected = rowsOf(profile).flatMap(([stack, values]) => {
          if (sources.focus ? !stack.some((f) => matches('focus', f)) : stack.length === 0) return [];
          if (sources.ignore && stack.some((f) => matches('ignore', f))) return [];
          const left = stack.filter(
            (f) => !(sources.hide && matches('hide', f)) && (!sources.show || matches('show', f)),
          );
          return left.length === 0 && stack.length > 0 ? [] : [[left, values] as const];
        });
        const { stacks: left } = filterStacks(profile, compileFilter(sources));
        expect(byName(left)).toEqual(byName(stacksOf(expected)));
      }),
    );
  });
});

describe('patterns', () => {
  test.each([
    ['an unclosed group', '(main'],
    ['a backreference, which no linear-time engine has', '(a)\\1'],
    ['look-ahead', '(?=main)'],
    ['a repetition that multiplies', '((a{1000}){1000}){1000}'],
  ])('refuse %s', (_, source) => {
    expect(() => compileFilter({ hide: source })).toThrow(PatternError);
    expect(() => compileFilter({ hide: source })).toThrow(/^hide: /);
  });

  test('refuse more than 256 characters, naming the limit', () => {
    expect(() => compileFilter({ focus: 'a'.repeat(256) })).not.toThrow();
    expect(() => compileFilter({ focus: 'a'.repeat(257) })).toThrow(
      'focus: the pattern has 257 characters; at most 256',
    );
  });

  test('a pattern on which a backtracking engine would never end does', () => {
    const long = stacksOf([[[`main.${'a'.repeat(5000)}!`], [1]]], one);
    expect(filterStacks(long, compileFilter({ focus: '^main\\.(a|a|aa)+$' })).unmatched).toEqual(['focus']);
  });
});
