import fc from 'fast-check';
import { decimalOf } from '../../src/formats/decimal.js';
import { rfc3339Nanos } from '../../src/formats/rfc3339.js';

describe('times of RFC 3339', () => {
  it('are exact to the nanosecond, in any zone', () => {
    const millis = fc.integer({ min: Date.UTC(1, 0, 1), max: Date.UTC(9998, 0, 1) });
    fc.assert(
      fc.property(millis, fc.nat({ max: 999_999 }), fc.integer({ min: -1439, max: 1439 }), (at, nanos, east) => {
        const local = new Date(at + east * 60_000).toISOString();
        fc.pre(/^\d{4}-/.test(local));
        const zone = `${east < 0 ? '-' : '+'}${new Date(Math.abs(east) * 60_000).toISOString().slice(11, 16)}`;
        const text = `${local.slice(0, -1)}${String(nanos).padStart(6, '0')}${zone}`;
        expect(rfc3339Nanos(text)).toBe(BigInt(at) * 1_000_000n + BigInt(nanos));
      }),
    );
    expect(rfc3339Nanos('2026-11-23T15:19:47.264021597Z')).toBe(1795447187264021597n);
    expect(rfc3339Nanos('1970-01-01T00:00:00Z')).toBe(0n);
    expect(rfc3339Nanos('0001-01-01T00:00:00Z')).toBe(-62135596800000000000n);
    expect(rfc3339Nanos('1969-12-31T23:59:59.9Z')).toBe(-100_000_000n);
  });

  it('what is none is none', () => {
    for (const text of [
      ...[
        '',
        '2026-11-23',
        '2026-02-30T00:00:00Z',
        '2026-13-01T00:00:00Z',
        '2026-01-01T24:00:00Z',
        '2026-01-01T00:00:00',
      ],
      ...['2026-01-01T00:60:00Z', '2026-01-01T00:00:00+24:00', '2026-01-01T00:00:00.Z', ' 2026-01-01T00:00:00Z'],
    ]) {
      expect([text, rfc3339Nanos(text)]).toEqual([text, null]);
    }
  });
});

describe('numbers as Go prints them', () => {
  it('integers are exact, others are the double that they name', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), (value) =>
        expect(decimalOf(String(value))).toBe(value),
      ),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(decimalOf(String(value)))).toBe(Number(String(value)));
      }),
    );
    expect(decimalOf('+7')).toBe(7n);
    expect(decimalOf('1.0881592e+07')).toBe(10881592);
    expect([decimalOf('.5'), decimalOf('5.')]).toEqual([0.5, 5]);
    expect([decimalOf('+Inf'), decimalOf('-inf'), decimalOf('NaN')]).toEqual([Infinity, -Infinity, NaN]);
  });

  it('what is none is none', () => {
    for (const text of ['', '-', '1_000', '0x10', '1e', '1e999', 'infinite', '-NaN', '1 2', '９', '1'.repeat(401)]) {
      expect([text, decimalOf(text)]).toEqual([text, null]);
    }
  });
});
