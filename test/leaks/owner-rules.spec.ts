import { compileOwnerRules, maxOwnerPatternLength, OwnerPatternError } from '../../src/leaks/owner-rules.js';

const matches = (pattern: string, name: string, file = '') =>
  compileOwnerRules([{ pattern, teamId: 'team' }]).teamOf({ function: name, file }) === 'team';

test.each<[pattern: string, name: string, expected: boolean]>([
  ['github.com/acme/pay/**', 'github.com/acme/pay/db.(*Pool).Get', true],
  ['github.com/acme/pay/', 'github.com/acme/pay/db.(*Pool).Get', true],
  ['github.com/acme/pay/**', 'github.com/acme/payroll.Run', false],
  ['github.com/acme/pay/*', 'github.com/acme/pay/db.Get', true],
  ['github.com/acme/*', 'github.com/acme/pay/db.Get', false],
  ['github.com/acme/*/db.*', 'github.com/acme/pay/db.Get', true],
  ['**/db.*', 'github.com/acme/pay/db.Get', true],
  ['main.(*Server).*', 'main.(*Server).Serve', true],
  ['main.(*Server).*', 'main.Server).Serve', false],
  ['main.Get?', 'main.Gets', true],
  ['main.Get?', 'main.Get/', false],
  ['main.Get', 'main.Getter', false],
  ['main.[ab]', 'main.a', false],
  ['**', 'anything at all\nin two lines', true],
])('%s and %s: %s', (pattern, name, expected) => {
  expect(matches(pattern, name)).toBe(expected);
});

test('a pattern may mean the file', () => {
  expect(matches('internal/cache/*.go', 'x.Get', 'internal/cache/lru.go')).toBe(true);
  expect(matches('internal/cache/*.go', 'x.Get', 'internal/cache/deep/lru.go')).toBe(false);
});

test('the last rule that matches counts', () => {
  const rules = compileOwnerRules([
    { pattern: '**', teamId: 'all' },
    { pattern: 'a/**', teamId: 'a' },
    { pattern: 'a/b/**', teamId: 'b' },
    { pattern: 'a/c/**', teamId: 'all' },
  ]);
  const teamOf = (name: string) => rules.teamOf({ function: name, file: '' });
  expect(['x.f', 'a/x.f', 'a/b/x.f', 'a/c/x.f'].map(teamOf)).toEqual(['all', 'a', 'b', 'all']);
  expect(compileOwnerRules([]).teamOf({ function: 'x.f', file: '' })).toBeNull();
});

test.each(['', ' a', 'a ', 'a'.repeat(maxOwnerPatternLength + 1)])('%j is no pattern', (pattern) => {
  expect(() => compileOwnerRules([{ pattern, teamId: 'team' }])).toThrow(OwnerPatternError);
});

test('a pattern made to be slow is not', () => {
  const pattern = `${'**a'.repeat(80)}b`;
  expect(matches(pattern, 'a'.repeat(2_000))).toBe(false);
});
