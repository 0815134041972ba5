import fc from 'fast-check';
import { instanceNamePattern, plainNamePattern, serviceNamePattern } from '../../src/tenants/names.js';

describe('a service name', () => {
  it.each([
    'checkout-api',
    'Checkout.API_2',
    'shop/checkout-api',
    'unknown_service:go',
    'a',
    '9',
    'github.com/acme/shop/cmd/api',
    'x'.repeat(128),
  ])('may be %s', (name) => expect(name).toMatch(serviceNamePattern));

  it.each([
    '',
    '.',
    '..',
    '.hidden',
    '-flag',
    '../etc/passwd',
    'a/../b',
    'a..b',
    'a/.b',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a b',
    'a\n',
    'a\0',
    'a\\b',
    'a%2fb',
    'a?b',
    'a#b',
    'é',
    '𝒜',
    'x'.repeat(129),
  ])('may not be %j', (name) => expect(name).not.toMatch(serviceNamePattern));

  it('is no path upwards and nothing hidden, and needs no escaping but for slashes and colons, whatever is tried', () => {
    const tries = fc.string({ unit: fc.constantFrom('a', 'Z', '7', '.', '_', '-', '/', ':', ' ', '%', '\\', '\n') });
    fc.assert(
      fc.property(tries, (name) => {
        if (!serviceNamePattern.test(name)) return;
        expect(encodeURIComponent(name)).toBe(name.replaceAll('/', '%2F').replaceAll(':', '%3A'));
        expect(new URL(`http://host/root/${name}`).pathname).toBe(`/root/${name}`);
        expect(name.split(/[/:]/).every((part) => /^[A-Za-z0-9]/.test(part))).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the name of a team, a tenant or a key', () => {
  it.each(['payments', 'Team-A', 'eu.prod_2', 'x'.repeat(128)])('may be %s', (name) =>
    expect(name).toMatch(plainNamePattern),
  );
  it.each(['', '..', 'a..b', '.a', '-a', 'a/b', 'a:b', 'a b', 'a\n', 'x'.repeat(129)])('may not be %j', (name) =>
    expect(name).not.toMatch(plainNamePattern),
  );
});

describe('an instance name', () => {
  it.each([
    'default',
    'checkout-api-7d9f8c-x2x4z',
    '10.0.3.7:6060',
    '[::1]:6060',
    'pod/ns=a, zone b',
    'Größe 東京 ✓',
    'i'.repeat(256),
    '😀'.repeat(256),
  ])('may be %s', (name) => expect(name).toMatch(instanceNamePattern));

  it.each([
    '',
    ' ',
    ' a',
    'a ',
    'a\tb',
    'a\nb',
    'a\0',
    'a\u001b[31m',
    'a\u202eb',
    'a\u200bb',
    'a\u2028b',
    '\ud800',
    'a\ufeff',
    'i'.repeat(257),
  ])('may not be %j', (name) => expect(name).not.toMatch(instanceNamePattern));
});
