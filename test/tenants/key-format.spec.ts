import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { generateKey, hashesMatch, keyPattern, parseKey, roles } from '../../src/tenants/key-format.js';

const anyRole = fc.constantFrom(...roles);

describe('an API key', () => {
  it('says its role and id, and is found by the scanner pattern in any text', () => {
    fc.assert(
      fc.property(anyRole, (role) => {
        const key = generateKey(role);
        expect(key.text).toMatch(new RegExp(`^tmk_${role}_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}$`));
        expect(parseKey(key.text)).toEqual({ role, id: key.id, hash: key.hash });
        expect(keyPattern.exec(`Authorization: Bearer ${key.text}\n`)?.[0]).toBe(key.text);
      }),
    );
  });

  it('ends with the CRC-32 of everything before it, in base62', () => {
    const { text } = generateKey('read');
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const value = [...text.slice(-6)].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
    expect(value).toBe(crc32(text.slice(0, -6)));
  });

  it('is refused with any one character changed, two neighbours swapped, or a part missing', () => {
    const { text } = generateKey('ci');
    const prefix = 'tmk_ci_'.length;
    fc.assert(
      fc.property(fc.integer({ min: prefix, max: text.length - 1 }), fc.constantFrom(...'0aZ_é '), (at, other) => {
        fc.pre(text[at] !== other);
        expect(parseKey(text.slice(0, at) + other + text.slice(at + 1))).toBeNull();
      }),
    );
    for (let at = prefix; at < text.length - 1; at++) {
      if (text[at] === text[at + 1]) continue;
      expect(parseKey(text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2))).toBeNull();
    }
    for (let length = 0; length < text.length; length++) expect(parseKey(text.slice(0, length))).toBeNull();
  });

  it('is refused when it claims another role', () => {
    const { text } = generateKey('ingest');
    for (const role of ['read', 'ci', 'admin', 'root']) {
      expect(parseKey(text.replace('ingest', role))).toBeNull();
    }
  });

  it('is never made from noise', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (noise) => parseKey(noise) === null));
    expect(parseKey(`${generateKey('admin').text}\n`)).toBeNull();
  });

  it('has its own id and secret each time, and a hash that no other key has', () => {
    const keys = Array.from({ length: 1_000 }, () => generateKey('ingest'));
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1_000);
    expect(new Set(keys.map(({ hash }) => hash.toString('hex'))).size).toBe(1_000);
    expect(keys[0].hash).toHaveLength(32);
    expect(keys[0].text).not.toContain(keys[0].hash.toString('hex'));
  });

  it('matches by hash only itself', () => {
    const [a, b] = [generateKey('read'), generateKey('read')];
    expect(hashesMatch(a.hash, parseKey(a.text)!.hash)).toBe(true);
    expect(hashesMatch(a.hash, b.hash)).toBe(false);
    expect(hashesMatch(a.hash, a.hash.subarray(1))).toBe(false);
  });
});
